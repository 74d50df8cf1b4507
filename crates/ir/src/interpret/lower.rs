//! From the equation to its graph: sizes become numbers, the indices of a
//! read one address, and equal index arithmetic one node. One loop over the
//! expressions in evaluation order; only divisions inside divisions recurse.

use std::collections::{BTreeMap, HashMap};

use super::graph::{
    Body, Branch, Class, Graph, Linear, Node, NodeId, Op, Read, Region, RegionId, Target,
};
use super::place::place;
use crate::arena::{Arena, Id};
use crate::formats::Format;
use crate::int::{Atom, AtomId, IntId};
use crate::launch::Launch;
use crate::tensor::{Binary, Equation, Expr, ExprKind, Kernel, Scalar, Tensor, Var};
use crate::walk;

/// The graph of an equation.
pub(super) fn lower(kernel: &Kernel, launch: &Launch, equation: &Equation) -> Graph {
    let mut lowering = Lowering {
        kernel,
        launch,
        nodes: Arena::default(),
        regions: Arena::default(),
        vars: HashMap::new(),
        exprs: HashMap::new(),
        ints: HashMap::new(),
        atoms: HashMap::new(),
        sums: HashMap::new(),
        first_loop_var: NodeId::new(equation.vars.len()),
        loops: HashMap::new(),
    };
    let root = lowering.bind(&equation.vars);
    let reachable = walk::reachable(kernel, equation.value);
    for &expr in &reachable {
        let bound = walk::bound(&kernel.exprs[expr].kind);
        if !bound.is_empty() || matches!(kernel.exprs[expr].kind, ExprKind::Reduce(..)) {
            let region = lowering.bind(bound);
            lowering.loops.insert(expr, region);
        }
    }
    for &expr in &reachable {
        let node = lowering.expr(expr);
        lowering.exprs.insert(expr, node);
    }
    let value = lowering.exprs[&equation.value];
    place(lowering.nodes, lowering.regions, root, value)
}

/// `sum of coefficient * product of factors`, like terms merged.
type Sum = BTreeMap<Vec<NodeId>, i64>;

/// The same as a list of coefficients and factors.
type Terms = Vec<(i64, Vec<NodeId>)>;

struct Lowering<'a> {
    kernel: &'a Kernel,
    launch: &'a Launch,
    nodes: Arena<Node>,
    regions: Arena<Region>,
    vars: HashMap<Id<Var>, NodeId>,
    exprs: HashMap<Id<Expr>, NodeId>,
    ints: HashMap<IntId, NodeId>,
    atoms: HashMap<AtomId, NodeId>,
    sums: HashMap<(i64, Terms), NodeId>,
    /// The first of the variables that the output does not have.
    first_loop_var: NodeId,
    /// The regions of reductions and orders.
    loops: HashMap<Id<Expr>, RegionId>,
}

impl Lowering<'_> {
    /// A region that binds variables.
    fn bind(&mut self, vars: &[Id<Var>]) -> RegionId {
        let mut bound = Vec::new();
        for &var in vars {
            let range = self.size(self.kernel.vars[var].range);
            let node = self.push(Op::Var(range), Class::Int);
            self.nodes[node].free = vec![node];
            self.vars.insert(var, node);
            bound.push((node, range));
        }
        self.regions.push(Region { vars: bound, ..Region::default() })
    }

    fn expr(&mut self, id: Id<Expr>) -> NodeId {
        let kernel = self.kernel;
        let Expr { kind, ty, .. } = &kernel.exprs[id];
        let class = class_of(*ty);
        let op = match kind {
            ExprKind::Float(x) => Op::Float(*x),
            ExprKind::Int(int) => return self.int(*int),
            ExprKind::Read(tensor, index) => return self.read(*tensor, index),
            ExprKind::Unary(op, x) => Op::Unary(*op, self.exprs[x]),
            ExprKind::Binary(op, a, b) => self.binary(*op, *a, *b),
            ExprKind::Select(test, yes, no) => {
                let (test, yes, no) = (self.exprs[test], self.branch(*yes), self.branch(*no));
                Op::Select { test, yes, no }
            }
            ExprKind::Convert(x) => Op::Convert(self.exprs[x], self.target(*ty)),
            ExprKind::RoundStochastic(x, random) => {
                let (x, random) = (self.exprs[x], self.exprs[random]);
                match Format::of(*ty) {
                    Some(format) => Op::RoundStochastic(x, random, format),
                    None => Op::Convert(x, self.target(*ty)),
                }
            }
            ExprKind::Random(words) => Op::Random(words.iter().map(|w| self.exprs[w]).collect()),
            ExprKind::Reduce(reduction, _, body) => {
                let body = Body { region: self.loops[&id], value: self.exprs[body] };
                Op::Reduce { reduction: *reduction, body, memo: None }
            }
            ExprKind::Rank { order, key, place, .. } => {
                let body = Body { region: self.loops[&id], value: self.exprs[key] };
                let (place, prefix) = (self.int(*place), self.prefix(*place));
                Op::Rank { order: *order, body, place, prefix, memo: None }
            }
        };
        self.push(op, class)
    }

    fn binary(&mut self, op: Binary, a: Id<Expr>, b: Id<Expr>) -> Op {
        let stops_at = match op {
            Binary::And => false,
            Binary::Or => true,
            Binary::Add
            | Binary::Sub
            | Binary::Mul
            | Binary::Div
            | Binary::Rem
            | Binary::Min
            | Binary::Max
            | Binary::Equal
            | Binary::NotEqual
            | Binary::Less
            | Binary::AtMost
            | Binary::Greater
            | Binary::AtLeast => return Op::Binary(op, self.exprs[&a], self.exprs[&b]),
        };
        Op::Shortcut { stops_at, left: self.exprs[&a], right: self.branch(b) }
    }

    fn branch(&mut self, value: Id<Expr>) -> Branch {
        let region = self.regions.push(Region::default());
        Branch { region: Some(region), value: self.exprs[&value] }
    }

    fn target(&self, ty: Scalar) -> Target {
        match ty {
            Scalar::F32 => Target::F32,
            Scalar::Bf16 => Target::Narrow(Format::Bf16),
            Scalar::F16 => Target::Narrow(Format::F16),
            Scalar::F8E4M3 => Target::Narrow(Format::F8E4M3),
            Scalar::F8E5M2 => Target::Narrow(Format::F8E5M2),
            Scalar::I32 => Target::Int(i64::from(i32::MIN), i64::from(i32::MAX)),
            Scalar::I8 => Target::Int(-128, 127),
            Scalar::U8 => Target::Int(0, 255),
            Scalar::Bool => Target::Bool,
            Scalar::Idx(bound) => Target::Int(0, self.last(bound)),
        }
    }

    /// The largest value of `idx<bound>`.
    fn last(&self, bound: IntId) -> i64 {
        (self.size(bound) - 1).max(0)
    }

    /// The value of an integer made of sizes.
    fn size(&self, int: IntId) -> i64 {
        let mut size = |atom: &Atom| match atom {
            Atom::Size(size) => Some(self.launch.sizes[size.index()]),
            Atom::Var(_) | Atom::Div(..) | Atom::Read(..) | Atom::Value(_) => None,
        };
        let value = self.kernel.ints.eval(int, &mut size);
        value.expect("a launch is refused where a size leaves 64 bits")
    }

    /// How many of the first places may be asked for.
    fn prefix(&self, place: IntId) -> usize {
        let ints = &self.kernel.ints;
        let bound = match ints.as_constant(place) {
            Some(place) => place.saturating_add(1),
            None => {
                let bound = ints.get(place).as_atom().and_then(|atom| ints.bound(atom));
                bound.map_or(i64::MAX, |bound| self.size(bound))
            }
        };
        usize::try_from(bound).unwrap_or(0)
    }

    fn int(&mut self, int: IntId) -> NodeId {
        if let Some(&node) = self.ints.get(&int) {
            return node;
        }
        let mut sum = Sum::new();
        self.add(&mut sum, int, 1);
        let node = self.linear(sum);
        self.ints.insert(int, node);
        node
    }

    /// Adds `scale * int`.
    fn add(&mut self, sum: &mut Sum, int: IntId, scale: i64) {
        for term in self.kernel.ints.get(int).terms() {
            let mut coefficient = term.coefficient.wrapping_mul(scale);
            let mut factors = Vec::new();
            for &atom in &term.factors {
                let node = self.atom(atom);
                if let Op::Int(value) = self.nodes[node].op {
                    coefficient = coefficient.wrapping_mul(value);
                } else {
                    factors.push(node);
                }
            }
            factors.sort_unstable();
            let total = sum.entry(factors).or_insert(0);
            *total = total.wrapping_add(coefficient);
        }
    }

    fn linear(&mut self, mut sum: Sum) -> NodeId {
        let constant = sum.remove(&Vec::new()).unwrap_or(0);
        sum.retain(|_, coefficient| *coefficient != 0);
        let terms: Vec<_> = sum.into_iter().map(|(factors, c)| (c, factors)).collect();
        match terms.as_slice() {
            [] => self.push(Op::Int(constant), Class::Int),
            [(1, factors)] if constant == 0 && factors.len() == 1 => factors[0],
            _ => self.nested_sum(constant, terms),
        }
    }

    /// A sum whose terms without the innermost variable are a node of their
    /// own, so that a loop adds to an address what changes and nothing else.
    fn nested_sum(&mut self, constant: i64, terms: Terms) -> NodeId {
        let free = |(_, factors): &(i64, Vec<NodeId>)| {
            factors.iter().flat_map(|f| self.nodes[*f].free.clone()).collect::<Vec<_>>()
        };
        // Loops are bound from the inside out, after the variables of the output.
        let bound_by_loops = terms.iter().flat_map(&free).filter(|var| *var >= self.first_loop_var);
        let (inner, outer): (Vec<_>, Vec<_>) = match bound_by_loops.min() {
            Some(innermost) => terms.into_iter().partition(|term| free(term).contains(&innermost)),
            None => (terms, Vec::new()),
        };
        if outer.is_empty() {
            return self.push(Op::Linear(Linear { constant, terms: inner }), Class::Int);
        }
        let outer = self.sum_of(constant, outer);
        let terms = inner.into_iter().chain([(1, vec![outer])]).collect();
        self.push(Op::Linear(Linear { constant: 0, terms }), Class::Int)
    }

    /// The node of a sum, one for all that are equal.
    fn sum_of(&mut self, constant: i64, terms: Terms) -> NodeId {
        let key = (constant, terms);
        if let Some(&node) = self.sums.get(&key) {
            return node;
        }
        let terms = key.1.iter().map(|(coefficient, factors)| (factors.clone(), *coefficient));
        let sum = terms.chain([(Vec::new(), constant)]).collect();
        let node = self.linear(sum);
        self.sums.insert(key, node);
        node
    }

    fn atom(&mut self, id: AtomId) -> NodeId {
        if let Some(&node) = self.atoms.get(&id) {
            return node;
        }
        let kernel = self.kernel;
        let node = match kernel.ints.atom(id) {
            Atom::Size(size) => {
                let value = self.launch.sizes[size.index()];
                self.push(Op::Int(value), Class::Int)
            }
            Atom::Var(var) => self.vars[var],
            Atom::Div(above, below) => {
                let (above, below) = (self.int(*above), self.int(*below));
                self.floor_div(above, below)
            }
            Atom::Read(tensor, index) => self.read(*tensor, index),
            Atom::Value(expr) => self.exprs[expr],
        };
        self.atoms.insert(id, node);
        node
    }

    fn floor_div(&mut self, above: NodeId, below: NodeId) -> NodeId {
        let op = match (&self.nodes[above].op, &self.nodes[below].op) {
            (Op::Int(a), Op::Int(b @ 1..)) => Op::Int(a.div_euclid(*b)),
            _ => Op::FloorDiv(above, below),
        };
        self.push(op, Class::Int)
    }

    fn read(&mut self, tensor: Id<Tensor>, index: &[IntId]) -> NodeId {
        let mut address = Sum::new();
        let mut stride = 1i64;
        let shape = &self.launch.shapes[tensor.index()];
        for (&int, &dimension) in index.iter().zip(shape).rev() {
            self.add(&mut address, int, stride);
            stride = stride.wrapping_mul(dimension.cast_signed() as i64);
        }
        let address = self.linear(address);
        let element = self.kernel.tensors[tensor].element;
        let last = match element {
            Scalar::Idx(bound) => Some(self.last(bound)),
            Scalar::F32
            | Scalar::Bf16
            | Scalar::F16
            | Scalar::F8E4M3
            | Scalar::F8E5M2
            | Scalar::I32
            | Scalar::I8
            | Scalar::U8
            | Scalar::Bool => None,
        };
        self.push(Op::Read(Read { tensor, address, last }), class_of(element))
    }

    fn push(&mut self, mut op: Op, class: Class) -> NodeId {
        let mut free = Vec::new();
        op.visit(&mut |&mut operand, region| {
            let bound = region.map_or(&[][..], |region| &self.regions[region].vars);
            let is_bound = |var: &NodeId| bound.iter().any(|(b, _)| b == var);
            free.extend(self.nodes[operand].free.iter().filter(|var| !is_bound(var)));
        });
        free.sort_unstable();
        free.dedup();
        self.nodes.push(Node { op, class, free, strict: false })
    }
}

fn class_of(ty: Scalar) -> Class {
    if ty.is_float() {
        Class::Float
    } else if ty.is_integer() {
        Class::Int
    } else {
        Class::Bool
    }
}
