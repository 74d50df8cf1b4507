//! Runs a graph: batches of output points, regions node by node.

use super::column::Column;
use super::graph::{Graph, NodeId, Op, RegionId};
use super::memo::Memo;
use super::meter::Meter;
use super::{pointwise, read};
use crate::arena::Id;
use crate::array::Array;
use crate::print::print;
use crate::tensor::{Kernel, Tensor};

/// How many lanes a batch aims at.
pub(super) const BATCH: usize = 1024;

/// What can be read, by tensor.
#[derive(Clone, Copy)]
pub(super) struct Arrays<'a> {
    pub(super) fixed: &'a [Option<&'a Array>],
    pub(super) computed: &'a [Option<Array>],
}

impl<'a> Arrays<'a> {
    fn get(self, tensor: Id<Tensor>) -> Option<&'a Array> {
        self.fixed[tensor.index()].or(self.computed[tensor.index()].as_ref())
    }
}

/// The state of one equation.
pub(super) struct Machine<'a, 'm> {
    pub(super) kernel: &'a Kernel,
    pub(super) graph: &'a Graph,
    arrays: Arrays<'a>,
    meter: &'a mut Meter<'m>,
    /// By node: its values in the batch at hand.
    pub(super) values: Vec<Column>,
    /// By node: contexts of reductions and orders that are known.
    pub(super) memos: Vec<Memo>,
}

impl<'a, 'm> Machine<'a, 'm> {
    pub(super) fn new(
        kernel: &'a Kernel,
        graph: &'a Graph,
        arrays: Arrays<'a>,
        meter: &'a mut Meter<'m>,
    ) -> Self {
        let values = graph.nodes.iter().map(|(_, node)| {
            if let Op::Float(x) = node.op {
                Column::Float(vec![x])
            } else if let Op::Int(x) = node.op {
                Column::Int(vec![x])
            } else {
                Column::new(node.class)
            }
        });
        let memos = graph.nodes.iter().map(|(_, node)| Memo::new(node.class));
        let (values, memos) = (values.collect(), memos.collect());
        Self { kernel, graph, arrays, meter, values, memos }
    }

    /// Computes every element of `target`.
    pub(super) fn fill(mut self, target: &mut Array) {
        let root = self.graph.root;
        let row = target.shape.last().copied().unwrap_or(1);
        let mut points = Points::of(self.graph, root);
        let mut start = 0;
        while start < target.len() {
            // Within one row all but one variable are the same in every lane.
            let end = if row >= BATCH / 2 { (start / row + 1) * row } else { target.len() };
            let lanes = BATCH.min(end - start);
            self.set_vars(root, &mut points, lanes, 1);
            self.run(root, lanes);
            read::store(target, start, lanes, self.value(self.graph.value));
            start += lanes;
        }
    }

    pub(super) fn value(&self, node: NodeId) -> &Column {
        &self.values[node.index()]
    }

    /// Sets the variables of a loop to its next `count` points, each `each` times.
    pub(super) fn set_vars(
        &mut self,
        region: RegionId,
        points: &mut Points,
        count: usize,
        each: usize,
    ) {
        let graph = self.graph;
        let vars = &graph.regions[region].vars;
        for (var, _) in vars {
            self.values[var.index()].clear();
        }
        for _ in 0..count {
            for ((var, _), &value) in vars.iter().zip(points.current()) {
                let column = self.values[var.index()].ints_mut();
                column.extend(std::iter::repeat_n(value, if count == 1 { 1 } else { each }));
            }
            points.advance();
        }
        for (var, _) in vars {
            let column = self.values[var.index()].ints_mut();
            if column.len() > 1 && column.iter().all(|x| *x == column[0]) {
                column.truncate(1);
            }
        }
    }

    /// Copies what a region imports, for the chosen lanes of its parent.
    pub(super) fn enter(&mut self, region: RegionId, lanes: Option<&[u32]>, tiles: usize) {
        let graph = self.graph;
        for &(from, to) in &graph.regions[region].imports {
            let mut column = std::mem::replace(&mut self.values[to.index()], EMPTY);
            column.import(self.value(from), lanes, tiles);
            self.values[to.index()] = column;
        }
    }

    /// Computes the nodes of a region for `lanes` lanes.
    pub(super) fn run(&mut self, region: RegionId, lanes: usize) {
        let graph = self.graph;
        let region = &graph.regions[region];
        for &node in &region.nodes {
            let mut out = std::mem::replace(&mut self.values[node.index()], EMPTY);
            self.compute(node, lanes, &mut out);
            self.values[node.index()] = out;
        }
        self.meter.add(region.work(lanes as f64));
    }

    fn compute(&mut self, id: NodeId, lanes: usize, out: &mut Column) {
        let graph = self.graph;
        let node = &graph.nodes[id];
        match &node.op {
            Op::Var(_) | Op::Import | Op::Float(_) | Op::Int(_) => {
                unreachable!("set where their regions are entered")
            }
            Op::Linear(linear) => pointwise::linear(linear, &self.values, out.ints_mut()),
            Op::FloorDiv(a, b) => {
                let (a, b) = (self.value(*a).ints(), self.value(*b).ints());
                pointwise::floor_divide(a, b, out.ints_mut());
            }
            Op::Read(read) => self.read(read, node.strict, out),
            Op::Unary(op, x) => pointwise::unary(*op, self.value(*x), out),
            Op::Binary(op, a, b) => pointwise::binary(*op, self.value(*a), self.value(*b), out),
            Op::Shortcut { stops_at, left, right } => {
                self.shortcut(*stops_at, *left, *right, lanes, out);
            }
            Op::Select { test, yes, no } => self.select(*test, *yes, *no, lanes, out),
            Op::Convert(x, target) => pointwise::convert(*target, self.value(*x), out),
            Op::RoundStochastic(x, random, format) => {
                pointwise::round_stochastic(*format, self.value(*x), self.value(*random), out);
            }
            Op::Random(words) => {
                let words: Vec<_> = words.iter().map(|w| self.value(*w).ints()).collect();
                pointwise::random(&words, out.ints_mut());
            }
            Op::Reduce { reduction, body, memo } => {
                self.reduce(id, *reduction, *body, *memo, lanes, out);
            }
            Op::Rank { .. } => self.rank(id, lanes, out),
        }
    }

    fn read(&self, read: &super::graph::Read, strict: bool, out: &mut Column) {
        let array = self.arrays.get(read.tensor).unwrap_or_else(|| {
            let name = &self.kernel.tensors[read.tensor].name;
            panic!("`{name}` is read before it is computed:\n{}", print(self.kernel))
        });
        read::read(read, array, self.value(read.address).ints(), strict, out);
    }
}

/// The points of a loop, the last variable running fastest.
pub(super) struct Points {
    ranges: Vec<i64>,
    current: Vec<i64>,
}

impl Points {
    pub(super) fn new(ranges: Vec<i64>) -> Self {
        Self { current: vec![0; ranges.len()], ranges }
    }

    pub(super) fn of(graph: &Graph, region: RegionId) -> Self {
        Self::new(graph.regions[region].vars.iter().map(|v| v.1).collect())
    }

    /// How many there are; more than 2^64 count as so many.
    pub(super) fn count(&self) -> u64 {
        let ranges = self.ranges.iter().map(|&r| u64::try_from(r).unwrap_or(0));
        if ranges.clone().any(|r| r == 0) {
            return 0;
        }
        ranges.fold(1, u64::saturating_mul)
    }

    fn current(&self) -> &[i64] {
        &self.current
    }

    fn advance(&mut self) {
        for (value, range) in self.current.iter_mut().zip(&self.ranges).rev() {
            *value += 1;
            if *value < *range {
                return;
            }
            *value = 0;
        }
    }
}

pub(super) const EMPTY: Column = Column::Bool(Vec::new());
