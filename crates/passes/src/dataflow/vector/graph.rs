//! Expressions as a graph of ops on tiles, each value once.
//!
//! Walks the expressions in evaluation order. Values are f32 here: tests are 1 and 0, and
//! integers are exact, because a bound below 2^24 is proved for each of them; those that
//! have none are words, 32-bit integers that wrap around.

mod arithmetic;
mod numbers;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tilec_ir::dataflow::{BinaryVector, Index, UnaryVector, WordVector};
use tilec_ir::formats::Format;
use tilec_ir::tensor::{Expr, ExprKind, Kernel, Scalar, Tensor};
use tilec_ir::walk::direct;
use tilec_ir::{Atom, Diagnostic, Id, IntId, Kind, Span};

use super::leaf::ELSEWHERE;
use super::store::commutes;
use super::{Axes, Inlined, Leaf, Root};

/// The position of a [`Node`] in [`Graph::nodes`].
pub(super) type NodeAt = usize;

/// A tile.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// A leaf, its elements as f32 and spread over the tile.
    Leaf(usize),
    /// A tensor whose elements are at hand.
    Known(Id<Tensor>),
    /// A value that is at hand.
    Kept(Id<Expr>),
    /// The same number everywhere.
    Fill(f32),
    /// The same integer everywhere, with symbols for the place.
    Scalar(Index),
    /// `base + row` or `base + column`, with symbols for the place.
    Position {
        columns: bool,
        base: Index,
    },
    Unary(UnaryVector, NodeAt),
    Binary(BinaryVector, NodeAt, NodeAt),
    Constant(BinaryVector, NodeAt, f32),
    Select([NodeAt; 3]),
    /// The same word everywhere.
    FillWord(i32),
    /// An op on words.
    Word(WordVector, NodeAt, NodeAt),
    /// An f32, and random bits.
    RoundStochastic(Format, NodeAt, NodeAt),
    /// Random bits, of words.
    Random {
        seed: NodeAt,
        /// At most four; what is missing is 0.
        counter: Vec<NodeAt>,
    },
}

/// What the roots need, operands before users.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) leaves: Vec<Leaf>,
    /// By root.
    pub(super) roots: Vec<NodeAt>,
}

/// The graph of the roots.
pub(super) fn graph(
    kernel: &Kernel,
    roots: &[Root<'_>],
    known: &[Id<Tensor>],
    inlined: &[Inlined<'_>],
    kept: &[Id<Expr>],
) -> Result<Graph, Diagnostic> {
    let graph = Graph { nodes: Vec::new(), leaves: Vec::new(), roots: Vec::new() };
    let (made, inside) = (HashMap::new(), BTreeMap::new());
    let mut build = Build { kernel, known, kept, graph, made, inlined: inside };
    let exprs: Vec<_> = roots.iter().map(|root| root.expr).collect();
    for inlined in read_inlined(kernel, &exprs, inlined, kept) {
        let value = build.value(inlined.expr, inlined.axes)?;
        build.inlined.insert(inlined.tensor, value);
    }
    for root in roots {
        let value = build.value(root.expr, root.axes)?;
        let at = build.stored(value, root.stored, kernel.exprs[root.expr].span)?;
        build.graph.roots.push(at);
    }
    Ok(build.graph)
}

/// The inlined equations that expressions read, also through others.
fn read_inlined<'a, 'b>(
    kernel: &Kernel,
    exprs: &[Id<Expr>],
    inlined: &'a [Inlined<'b>],
    kept: &[Id<Expr>],
) -> Vec<&'a Inlined<'b>> {
    let mut open: Vec<_> = exprs.to_vec();
    let mut read = BTreeSet::new();
    while let Some(root) = open.pop() {
        for expr in needed(kernel, root, kept) {
            let ExprKind::Read(tensor, _) = kernel.exprs[expr].kind else { continue };
            let found = inlined.iter().find(|inlined| inlined.tensor == tensor);
            if let Some(inlined) = found
                && read.insert(tensor)
            {
                open.push(inlined.expr);
            }
        }
    }
    inlined.iter().filter(|inlined| read.contains(&inlined.tensor)).collect()
}

impl Node {
    /// What it is computed from, each once.
    pub(super) fn operands(&self) -> Vec<NodeAt> {
        let mut operands = match *self {
            Self::Leaf(_)
            | Self::Known(_)
            | Self::Kept(_)
            | Self::Fill(_)
            | Self::FillWord(_)
            | Self::Scalar(_)
            | Self::Position { .. } => vec![],
            Self::Unary(_, a) | Self::Constant(_, a, _) => vec![a],
            Self::Binary(_, a, b) | Self::Word(_, a, b) | Self::RoundStochastic(_, a, b) => {
                vec![a, b]
            }
            Self::Select(operands) => operands.to_vec(),
            Self::Random { seed, ref counter } => [&[seed], counter.as_slice()].concat(),
        };
        operands.sort_unstable();
        operands.dedup();
        operands
    }
}

/// A graph under construction.
struct Build<'a> {
    kernel: &'a Kernel,
    known: &'a [Id<Tensor>],
    kept: &'a [Id<Expr>],
    graph: Graph,
    inlined: BTreeMap<Id<Tensor>, Value>,
    /// Nodes by their text, which tells all bits of a float apart.
    made: HashMap<String, NodeAt>,
}

/// The value of an expression.
#[derive(Clone, Copy, Debug)]
struct Value {
    at: NodeAt,
    /// Between which numbers an integer lies that is an f32.
    interval: Option<(i64, i64)>,
    /// Whether it is a word.
    is_word: bool,
}

impl Value {
    fn float(at: NodeAt) -> Self {
        Self { at, interval: None, is_word: false }
    }

    fn integer(at: NodeAt, interval: (i64, i64)) -> Self {
        Self { at, interval: Some(interval), is_word: false }
    }

    fn word(at: NodeAt) -> Self {
        Self { at, interval: None, is_word: true }
    }
}

/// The expressions of one root.
struct Walk<'a, 'b> {
    build: &'b mut Build<'a>,
    axes: &'b Axes,
    values: BTreeMap<Id<Expr>, Value>,
}

/// Between which numbers a test lies.
const TEST: (i64, i64) = (0, 1);

impl<'a> Build<'a> {
    fn push(&mut self, node: Node) -> NodeAt {
        let text = format!("{node:?}");
        if let Some(&at) = self.made.get(&text) {
            return at;
        }
        self.graph.nodes.push(node);
        let at = self.graph.nodes.len() - 1;
        self.made.insert(text, at);
        at
    }

    fn unary(&mut self, op: UnaryVector, a: NodeAt) -> NodeAt {
        // A code that was just decoded needs no second search for the nearest one.
        if let Node::Unary(inner, x) = self.graph.nodes[a]
            && matches!(
                (op, inner),
                (UnaryVector::EncodeE4M3, UnaryVector::DecodeE4M3)
                    | (UnaryVector::EncodeE5M2, UnaryVector::DecodeE5M2)
            )
        {
            return x;
        }
        self.push(Node::Unary(op, a))
    }

    /// `a op b`, with a constant operand as part of the op where there is one.
    fn binary(&mut self, op: BinaryVector, a: NodeAt, b: NodeAt) -> NodeAt {
        let fill = |at: NodeAt| match self.graph.nodes[at] {
            Node::Fill(value) => Some(value),
            Node::Leaf(_)
            | Node::Known(_)
            | Node::Kept(_)
            | Node::Scalar(_)
            | Node::Position { .. }
            | Node::Unary(..)
            | Node::Binary(..)
            | Node::Constant(..)
            | Node::FillWord(_)
            | Node::Word(..)
            | Node::RoundStochastic(..)
            | Node::Random { .. }
            | Node::Select(_) => None,
        };
        match (fill(a), fill(b)) {
            // A power of two divides by a product, without another bit.
            (_, Some(value)) if op == BinaryVector::Divide && has_exact_inverse(value) => {
                self.push(Node::Constant(BinaryVector::Multiply, a, 1.0 / value))
            }
            (_, Some(value)) => self.push(Node::Constant(op, a, value)),
            (Some(value), None) if commutes(op) => self.push(Node::Constant(op, b, value)),
            (Some(value), None) if op == BinaryVector::Subtract => {
                let negated = self.unary(UnaryVector::Negate, b);
                self.push(Node::Constant(BinaryVector::Add, negated, value))
            }
            _ => self.push(Node::Binary(op, a, b)),
        }
    }

    /// The value of an expression.
    fn value(&mut self, root: Id<Expr>, axes: &Axes) -> Result<Value, Diagnostic> {
        let needed = needed(self.kernel, root, self.kept);
        for &expr in &needed {
            possible(&self.kernel.exprs[expr])?;
        }
        let mut walk = Walk { build: self, axes, values: BTreeMap::new() };
        for expr in needed {
            let value = walk.value(expr)?;
            walk.values.insert(expr, value);
        }
        Ok(walk.values[&root])
    }

    /// A value in the form in which it is packed.
    fn stored(
        &mut self,
        value: Value,
        stored: Option<Scalar>,
        span: Span,
    ) -> Result<NodeAt, Diagnostic> {
        let Value { at, is_word, .. } = value;
        if is_word {
            return match stored {
                Some(Scalar::I32 | Scalar::Idx(_)) => Ok(at),
                _ => Err(cannot("this with integers that may pass 2^24", span)
                    .here("it computes with f32 here, which is exact up to 2^24 only")),
            };
        }
        Ok(match stored {
            None | Some(Scalar::F32 | Scalar::Bf16 | Scalar::F16) => at,
            Some(Scalar::F8E4M3) => self.unary(UnaryVector::EncodeE4M3, at),
            Some(Scalar::F8E5M2) => self.unary(UnaryVector::EncodeE5M2, at),
            Some(Scalar::I8) => {
                let byte = self.two_s_complement(at);
                self.unary(UnaryVector::ToInteger, byte)
            }
            Some(Scalar::U8 | Scalar::Bool | Scalar::I32 | Scalar::Idx(_)) => {
                self.unary(UnaryVector::ToInteger, at)
            }
        })
    }

    /// `x`, or `256 + x` if it is negative.
    fn two_s_complement(&mut self, x: NodeAt) -> NodeAt {
        let test = self.push(Node::Constant(BinaryVector::Less, x, 0.0));
        let above = self.push(Node::Constant(BinaryVector::Add, x, 256.0));
        self.push(Node::Select([test, above, x]))
    }
}

impl Walk<'_, '_> {
    fn value(&mut self, expr: Id<Expr>) -> Result<Value, Diagnostic> {
        if self.build.kept.contains(&expr) {
            return Ok(self.float(Node::Kept(expr)));
        }
        let Expr { kind, ty, span } = &self.build.kernel.exprs[expr];
        let (ty, span) = (*ty, *span);
        match kind {
            ExprKind::Float(value) => Ok(self.float(Node::Fill(*value))),
            ExprKind::Int(id) => self.integer(*id, span),
            ExprKind::Read(tensor, index) => self.read(*tensor, index, span),
            ExprKind::Unary(op, x) => Ok(self.unary(*op, self.values[x])),
            ExprKind::Binary(op, a, b) => self.binary(*op, [*a, *b], ty == Scalar::Bool, span),
            ExprKind::Select(test, a, b) => {
                let [test, a, b] = [test, a, b].map(|x| self.values[x]);
                Ok(self.select(test, a, b))
            }
            ExprKind::Convert(x) => Ok(self.convert(self.values[x], ty)),
            ExprKind::RoundStochastic(x, bits) => Ok(self.round_stochastic(ty, *x, *bits)),
            ExprKind::Random(words) => Ok(self.random(words)),
            ExprKind::Reduce(..) | ExprKind::Rank { .. } => {
                unreachable!("this was refused before")
            }
        }
    }

    fn float(&mut self, node: Node) -> Value {
        Value::float(self.build.push(node))
    }

    fn select(&mut self, test: Value, a: Value, b: Value) -> Value {
        if a.is_word || b.is_word {
            let [a, b] = [a, b].map(|x| self.word(x));
            return Value::word(self.build.push(Node::Select([test.at, a, b])));
        }
        let interval = a.interval.zip(b.interval);
        let interval = interval.map(|(a, b)| (a.0.min(b.0), a.1.max(b.1)));
        let at = self.build.push(Node::Select([test.at, a.at, b.at]));
        Value { at, interval, is_word: false }
    }

    /// An element of a tensor.
    fn read(
        &mut self,
        tensor: Id<Tensor>,
        index: &[IntId],
        span: Span,
    ) -> Result<Value, Diagnostic> {
        if let Some(&value) = self.build.inlined.get(&tensor) {
            return Ok(value);
        }
        let element = self.build.kernel.tensors[tensor].element;
        let interval = self.interval_of(element);
        let is_word = element.is_integer() && interval.is_none();
        if self.build.known.contains(&tensor) {
            let at = self.build.push(Node::Known(tensor));
            return Ok(Value { at, interval, is_word });
        }
        let leaf = Leaf::of(self.build.kernel, self.axes, tensor, index, span)?;
        let leaves = &mut self.build.graph.leaves;
        let same = leaves.iter().position(|other| other.same_tile(&leaf));
        let at = if let Some(at) = same {
            leaves[at].join(&leaf);
            at
        } else {
            leaves.push(leaf);
            leaves.len() - 1
        };
        let at = self.build.push(Node::Leaf(at));
        let at = if element == Scalar::I8 { self.signed(at) } else { at };
        Ok(Value { at, interval, is_word })
    }

    /// The number that a byte is in two's complement.
    fn signed(&mut self, byte: NodeAt) -> NodeAt {
        let test = self.build.push(Node::Constant(BinaryVector::AtMost, byte, 127.0));
        let below = self.build.push(Node::Constant(BinaryVector::Subtract, byte, 256.0));
        self.build.push(Node::Select([test, byte, below]))
    }
}

/// Whether `x / value` is `x * (1 / value)` for every x.
fn has_exact_inverse(value: f32) -> bool {
    value.is_normal() && (1.0 / value).is_normal() && value.to_bits() & 0x7f_ffff == 0
}

/// That the vector unit has a way to compute this kind of value.
fn possible(expr: &Expr) -> Result<(), Diagnostic> {
    match expr.kind {
        ExprKind::Reduce(..) | ExprKind::Rank { .. } => {
            Err(cannot("a reduction or an order within an expression", expr.span))
        }
        ExprKind::Float(_)
        | ExprKind::Int(_)
        | ExprKind::Random(_)
        | ExprKind::RoundStochastic(..)
        | ExprKind::Read(..)
        | ExprKind::Unary(..)
        | ExprKind::Binary(..)
        | ExprKind::Select(..)
        | ExprKind::Convert(_) => Ok(()),
    }
}

/// What a root computes with, in evaluation order: what stands in the index of a read is
/// not computed, nor what is kept.
fn needed(kernel: &Kernel, root: Id<Expr>, kept: &[Id<Expr>]) -> BTreeSet<Id<Expr>> {
    let mut needed = BTreeSet::from([root]);
    let mut open = vec![root];
    while let Some(expr) = open.pop() {
        if kept.contains(&expr) {
            continue;
        }
        let kind = &kernel.exprs[expr].kind;
        let mut operands = direct(kind);
        if let ExprKind::Int(id) = kind {
            operands.extend(values_in(kernel, *id));
        }
        open.extend(operands.into_iter().filter(|&operand| needed.insert(operand)));
    }
    needed
}

/// The values of expressions in a polynomial.
fn values_in(kernel: &Kernel, id: IntId) -> Vec<Id<Expr>> {
    let (mut values, mut open) = (Vec::new(), vec![id]);
    while let Some(id) = open.pop() {
        for &factor in kernel.ints.get(id).terms().iter().flat_map(|term| &term.factors) {
            match *kernel.ints.atom(factor) {
                Atom::Div(p, d) => open.extend([p, d]),
                Atom::Value(value) => values.push(value),
                Atom::Size(_) | Atom::Var(_) | Atom::Read(..) => {}
            }
        }
    }
    values
}

/// That a tile can't say something, and the way out.
fn cannot(what: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Kind::NotExpressible, span, format!("Tensix can't compute {what}"))
        .help(ELSEWHERE)
}
