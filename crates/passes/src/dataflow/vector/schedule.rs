//! The order of the ops and the tiles of DST that they use.
//!
//! Of two operands the one that needs more tiles is computed first (Sethi and Ullman, "The
//! generation of optimal code for arithmetic expressions", 1970), so that as few results as
//! possible wait. Values with several users are kept, if that fits; else only those that are
//! not merely copied, else none, and each user computes its own.

use std::collections::{BTreeMap, BTreeSet};

use tilec_ir::dataflow::{
    BinaryVector, CircularAt, Dst, Index, Math, Op, Spread, UnaryVector, Vector, WordVector,
};
use tilec_ir::{Diagnostic, Kind};

use super::graph::{Graph, Node, NodeAt};
use super::integer::Along;
use super::leaf::ELSEWHERE;
use super::store::decoded;
use super::{Given, Leaf, Lowered, Root, Source};

/// The most ops that computing values again may take.
const MOST_OPS: usize = 4096;

/// Ops that compute the roots of a graph.
pub(super) fn schedule(
    graph: &Graph,
    given: &Given<'_>,
    roots: &[Root<'_>],
) -> Result<Lowered, Diagnostic> {
    let mut failed = 0;
    for keep in [Keep::All, Keep::Computed, Keep::Nothing] {
        match Schedule::new(graph, given, keep).run() {
            Ok(lowered) => return Ok(lowered),
            Err(NoRoom { root }) => failed = root,
        }
    }
    let needs = needs(graph, given)[graph.roots[failed]];
    let free = given.free.len();
    let (expr, kernel) = (roots[failed].expr, given.kernel);
    let message = "this expression needs more tiles of DST than are free";
    let beside = if failed == 0 { "" } else { " beside the results before it" };
    Err(Diagnostic::new(Kind::NotExpressible, kernel.exprs[expr].span, message)
        .here(format!("it needs {needs} of {free} tiles{beside}"))
        .help(ELSEWHERE))
}

/// Which values with several users are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    All,
    Computed,
    Nothing,
}

/// That DST is full while a root is computed.
struct NoRoom {
    root: usize,
}

/// An operand that was computed.
#[derive(Clone, Copy)]
struct Instance {
    node: NodeAt,
    dst: Dst,
}

enum Task {
    Compute(NodeAt),
    Apply(NodeAt),
}

struct Schedule<'a> {
    graph: &'a Graph,
    given: &'a Given<'a>,
    keep: Keep,
    needs: Vec<usize>,
    uses: Vec<usize>,
    free: BTreeSet<Dst>,
    /// Values that others need too: where they are, and how many still do.
    held: BTreeMap<NodeAt, (Dst, usize)>,
    /// The ring of the last copy.
    copies: Option<CircularAt>,
    /// Where a piece of a value is for a moment.
    piece: Dst,
    ops: Vec<Op>,
}

impl<'a> Schedule<'a> {
    fn new(graph: &'a Graph, given: &'a Given<'a>, keep: Keep) -> Self {
        let mut schedule = Self {
            graph,
            given,
            keep,
            needs: needs(graph, given),
            uses: uses(graph),
            free: given.free.iter().copied().collect(),
            held: BTreeMap::new(),
            copies: None,
            piece: 0,
            ops: Vec::new(),
        };
        schedule.hold_known();
        schedule
    }

    /// What lies in DST from the start.
    fn hold_known(&mut self) {
        for (at, node) in self.graph.nodes.iter().enumerate() {
            let Some((Source::Tile(dst), spread)) = self.source(node) else { continue };
            let (dst, uses) = (*dst, self.uses[at]);
            if uses > 0 {
                self.spread(spread, dst);
                // Without sharing, nobody knows who is the last.
                let forever = usize::from(self.keep == Keep::Nothing) * MOST_OPS;
                self.held.insert(at, (dst, uses + forever));
            }
        }
    }

    /// Where a value is that is at hand, and what of the tile holds it.
    fn source(&self, node: &Node) -> Option<(&'a Source, Option<Spread>)> {
        source(self.given, node)
    }

    fn run(mut self) -> Result<Lowered, NoRoom> {
        let mut results = Vec::new();
        for (root, &node) in self.graph.roots.iter().enumerate() {
            results.push(self.compute(node).ok_or(NoRoom { root })?);
        }
        Ok(Lowered { ops: self.ops, results })
    }

    /// Computes a root into a tile that nobody takes from it.
    fn compute(&mut self, root: NodeAt) -> Option<Dst> {
        let (mut tasks, mut values) = (vec![Task::Compute(root)], Vec::new());
        while let Some(task) = tasks.pop() {
            match task {
                Task::Compute(node) => match self.at_hand(node) {
                    Some(dst) => values.push(Instance { node, dst }),
                    None => {
                        tasks.push(Task::Apply(node));
                        let operands = self.in_order(node);
                        tasks.extend(operands.into_iter().rev().map(Task::Compute));
                    }
                },
                Task::Apply(node) => {
                    let operands = self.graph.nodes[node].operands().len();
                    let operands = values.split_off(values.len() - operands);
                    let dst = self.apply(node, &operands)?;
                    values.push(Instance { node, dst });
                }
            }
            if self.ops.len() > MOST_OPS {
                return None;
            }
        }
        values.pop().map(|instance| instance.dst)
    }

    fn at_hand(&self, node: NodeAt) -> Option<Dst> {
        self.held.get(&node).map(|(dst, _)| *dst)
    }

    /// The operands, the most demanding one first.
    fn in_order(&self, node: NodeAt) -> Vec<NodeAt> {
        let mut operands = self.graph.nodes[node].operands();
        operands.sort_by_key(|&operand| std::cmp::Reverse(self.needs[operand]));
        operands
    }

    /// Computes a value from its operands.
    fn apply(&mut self, node: NodeAt, operands: &[Instance]) -> Option<Dst> {
        if let Node::Random { seed, counter } = &self.graph.nodes[node] {
            return self.random(node, (*seed, counter), operands);
        }
        let dying: Vec<Dst> =
            operands.iter().filter(|operand| self.dies(**operand)).map(|o| o.dst).collect();
        let out = match dying.first() {
            Some(&dst) => dst,
            None => self.free.pop_first()?,
        };
        if self.in_pieces(node) {
            self.piece = *self.free.first()?;
        }
        self.free.extend(dying.iter().copied().filter(|&dst| dst != out));
        let of = |node: NodeAt| {
            let found = operands.iter().find(|operand| operand.node == node);
            found.expect("an op follows its operands").dst
        };
        self.emit(node, &of, out);
        if self.is_kept(node) {
            self.held.insert(node, (out, self.uses[node]));
        }
        Some(out)
    }

    /// Random bits, in four tiles of which only the first one is needed after it.
    fn random(
        &mut self,
        node: NodeAt,
        (seed, counter): (NodeAt, &[NodeAt]),
        operands: &[Instance],
    ) -> Option<Dst> {
        let of = |node: NodeAt| operands.iter().find(|operand| operand.node == node);
        let mut dying: BTreeMap<NodeAt, Dst> = BTreeMap::new();
        for operand in operands {
            if self.dies(*operand) {
                dying.insert(operand.node, operand.dst);
            }
        }
        let seed_dst = of(seed).expect("an op follows its operands").dst;
        let mut tiles = [0; 4];
        for (at, tile) in tiles.iter_mut().enumerate() {
            let Some(&word) = counter.get(at) else {
                *tile = self.free.pop_first()?;
                self.vector(Vector::FillWord(0, *tile));
                continue;
            };
            let last = word != seed && !counter[at + 1..].contains(&word);
            if last && let Some(dst) = dying.remove(&word) {
                *tile = dst;
                continue;
            }
            let from = of(word).expect("an op follows its operands").dst;
            *tile = self.free.pop_first()?;
            self.vector(Vector::Unary(UnaryVector::Move, from, *tile));
        }
        self.vector(Vector::Random { seed: seed_dst, counter: tiles });
        self.free.extend(dying.into_values().chain(tiles.into_iter().skip(1)));
        if self.is_kept(node) {
            self.held.insert(node, (tiles[0], self.uses[node]));
        }
        Some(tiles[0])
    }

    fn is_kept(&self, node: NodeAt) -> bool {
        let copied = self.graph.nodes[node].operands().is_empty();
        let several = self.uses[node] > 1;
        several
            && match self.keep {
                Keep::All => true,
                Keep::Computed => !copied,
                Keep::Nothing => false,
            }
    }

    /// Whether a value is loaded in pieces, which takes a tile more for a moment.
    fn in_pieces(&self, node: NodeAt) -> bool {
        let source = match &self.graph.nodes[node] {
            Node::Leaf(at) => Some(leaf_source(self.given, &self.graph.leaves[*at])),
            node => self.source(node).map(|(source, _)| source),
        };
        matches!(source, Some(Source::Pieces(_) | Source::Halves(..)))
    }

    /// Whether an operand has its last use here.
    fn dies(&mut self, operand: Instance) -> bool {
        let Some((_, uses)) = self.held.get_mut(&operand.node) else { return true };
        *uses -= 1;
        let last = *uses == 0;
        if last {
            self.held.remove(&operand.node);
        }
        last
    }

    fn emit(&mut self, node: NodeAt, of: &impl Fn(NodeAt) -> Dst, out: Dst) {
        match &self.graph.nodes[node] {
            Node::Leaf(at) => self.leaf(*at, out),
            node @ (Node::Known(_) | Node::Kept(_)) => {
                let (source, spread) = self.source(node).expect("it is at hand");
                self.load(source, out);
                self.spread(spread, out);
            }
            Node::Fill(value) => self.vector(Vector::Fill(*value, out)),
            Node::Scalar(index) => self.scalar(Along::at(index, self.given.place), out),
            Node::Position { columns, base } => {
                let base = Along::at(base, self.given.place);
                self.vector(Vector::Position { columns: *columns, base, dst: out });
            }
            Node::Unary(op, a) => self.vector(Vector::Unary(*op, of(*a), out)),
            Node::Binary(op, a, b) => self.vector(Vector::Binary(*op, of(*a), of(*b), out)),
            Node::Constant(op, a, value) => {
                self.vector(Vector::Constant(*op, of(*a), *value, out));
            }
            Node::Select(operands) => self.vector(Vector::Select(operands.map(of), out)),
            Node::FillWord(value) => self.vector(Vector::FillWord(*value, out)),
            Node::Word(op, a, b) => self.vector(Vector::Word(*op, of(*a), of(*b), out)),
            Node::RoundStochastic(format, a, b) => {
                self.vector(Vector::RoundStochastic(*format, of(*a), of(*b), out));
            }
            Node::Random { .. } => unreachable!("it takes tiles of its own"),
        }
    }

    fn leaf(&mut self, at: usize, out: Dst) {
        let leaf = &self.graph.leaves[at];
        self.load(leaf_source(self.given, leaf), out);
        let kernel = self.given.kernel;
        if let Some(op) = decoded(kernel, kernel.tensors[leaf.tensor].element) {
            self.vector(Vector::Unary(op, out, out));
        }
        self.spread(leaf.spread, out);
    }

    fn load(&mut self, source: &Source, out: Dst) {
        match source {
            Source::Page(ring, at) => self.copy(*ring, at.clone(), out),
            Source::Tile(dst) => self.vector(Vector::Unary(UnaryVector::Move, *dst, out)),
            Source::Halves(ring, at) => {
                self.copy(*ring, at.clone(), out);
                self.copy(*ring, at.clone() + 1, self.piece);
                self.vector(Vector::Word(WordVector::Join, out, self.piece, out));
            }
            Source::Pieces(ring) => {
                self.copy(*ring, Index::from(0), out);
                for at in 1..3 {
                    self.copy(*ring, Index::from(at), self.piece);
                    self.vector(Vector::Binary(BinaryVector::Add, out, self.piece, out));
                }
            }
        }
    }

    /// An integer in all elements.
    fn scalar(&mut self, value: Index, dst: Dst) {
        if let Index::Number(value) = value {
            self.vector(Vector::Fill(value as f32, dst));
            return;
        }
        self.vector(Vector::Position { columns: true, base: value, dst });
        self.spread(Some(Spread::Element), dst);
    }

    fn copy(&mut self, from: CircularAt, at: Index, dst: Dst) {
        if self.copies != Some(from) {
            self.ops.push(Op::Math(Math::CopyInit(from)));
            self.copies = Some(from);
        }
        self.ops.push(Op::Math(Math::Copy { from, at, dst }));
    }

    fn spread(&mut self, spread: Option<Spread>, dst: Dst) {
        if let Some(spread) = spread {
            self.vector(Vector::Broadcast(spread, dst));
        }
    }

    fn vector(&mut self, op: Vector) {
        self.ops.push(Op::Math(Math::Vector(op)));
    }
}

/// Where the tile of a leaf is.
fn leaf_source<'a>(given: &Given<'a>, leaf: &Leaf) -> &'a Source {
    let found = given.leaves.iter().find(|(given, _)| given.same_tile(leaf));
    found.map(|(_, source)| source).expect("every leaf is given")
}

/// Where a value is that is at hand, and what of the tile holds it.
fn source<'a>(given: &Given<'a>, node: &Node) -> Option<(&'a Source, Option<Spread>)> {
    match node {
        Node::Known(tensor) => {
            let mut known = given.known.iter();
            known.find(|known| known.tensor == *tensor).map(|known| (&known.source, known.spread))
        }
        Node::Kept(expr) => {
            given.kept.iter().find(|(kept, _)| kept == expr).map(|(_, source)| (source, None))
        }
        Node::Leaf(_)
        | Node::Fill(_)
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
    }
}

/// By node: how many tiles it takes to compute it, if nothing is shared.
fn needs(graph: &Graph, given: &Given<'_>) -> Vec<usize> {
    let mut needs: Vec<usize> = Vec::new();
    for node in &graph.nodes {
        let mut operands: Vec<_> = node.operands().iter().map(|&at| needs[at]).collect();
        operands.sort_unstable_by(|a, b| b.cmp(a));
        let waiting = operands.iter().enumerate().map(|(before, need)| before + need);
        let at_hand = match node {
            Node::Leaf(at) => Some(leaf_source(given, &graph.leaves[*at])),
            node => source(given, node).map(|(source, _)| source),
        };
        let least = match at_hand {
            // The key and four words.
            _ if matches!(node, Node::Random { .. }) => 5,
            Some(Source::Tile(_)) => 0,
            Some(Source::Pieces(_) | Source::Halves(..)) => 2,
            Some(Source::Page(..)) | None => 1,
        };
        needs.push(waiting.max().unwrap_or(0).max(least));
    }
    needs
}

/// By node: how many values and roots need it.
fn uses(graph: &Graph) -> Vec<usize> {
    let mut uses = vec![0; graph.nodes.len()];
    for &root in &graph.roots {
        uses[root] += 1;
    }
    for (at, node) in graph.nodes.iter().enumerate().rev() {
        if uses[at] > 0 {
            node.operands().into_iter().for_each(|operand| uses[operand] += 1);
        }
    }
    uses
}
