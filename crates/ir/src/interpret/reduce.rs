//! Reductions: the body is computed for blocks of reduced points times all
//! lanes, points outermost, and folded into one accumulator per lane. With
//! many lanes a block is one point, and what depends only on the reduced
//! variables is computed once for all lanes.

use super::column::Column;
use super::graph::{Body, Class, NodeId};
use super::machine::{BATCH, Machine, Points};
use super::memo::{Lookup, Memo};
use super::pointwise::{maximum, minimum, wrap};
use crate::tensor::Reduction;

impl Machine<'_, '_> {
    /// `out = reduction(body)` for every lane.
    pub(super) fn reduce(
        &mut self,
        node: NodeId,
        reduction: Reduction,
        body: Body,
        key: Option<NodeId>,
        lanes: usize,
        out: &mut Column,
    ) {
        let Some(key) = key else {
            out.clear();
            return self.fold(reduction, body, None, lanes, out);
        };
        let mut memo = self.take_memo(node);
        let Lookup { slots, missing } = memo.look_up(self.value(key).ints());
        if !missing.is_empty() {
            self.fold(reduction, body, Some(&missing), missing.len(), &mut memo.results);
        }
        out.import(&memo.results, Some(&slots), 1);
        self.memos[node.index()] = memo;
    }

    pub(super) fn take_memo(&mut self, node: NodeId) -> Memo {
        let class = self.graph.nodes[node].class;
        std::mem::replace(&mut self.memos[node.index()], Memo::new(class))
    }

    /// Appends the reductions of the chosen lanes to `out`.
    fn fold(
        &mut self,
        reduction: Reduction,
        body: Body,
        chosen: Option<&[u32]>,
        lanes: usize,
        out: &mut Column,
    ) {
        let class = self.graph.nodes[body.value].class;
        let mut total = Accumulator::new(reduction, class, lanes);
        self.each_block(body, chosen, lanes, |_, count, values| total.add(values, count));
        total.finish(out);
    }

    /// Calls `visit` with the first point, the number of points and the values
    /// of the body, those of all lanes for one point after the other.
    pub(super) fn each_block(
        &mut self,
        body: Body,
        chosen: Option<&[u32]>,
        lanes: usize,
        mut visit: impl FnMut(usize, usize, &Column),
    ) {
        let mut points = Points::of(self.graph, body.region);
        let total = points.count();
        let block = (BATCH / lanes).max(1) as u64;
        let mut entered = 0;
        let mut start = 0;
        while start < total {
            let count = block.min(total - start) as usize;
            if entered != count {
                self.enter(body.region, chosen, count);
                entered = count;
            }
            self.set_vars(body.region, &mut points, count, lanes);
            self.run(body.region, count * lanes);
            visit(start as usize, count, self.value(body.value));
            start += count as u64;
        }
    }
}

/// One running result per lane.
struct Accumulator {
    reduction: Reduction,
    values: Values,
}

enum Values {
    /// Sums and products of floats.
    Wide(Vec<f64>),
    /// The largest or smallest float.
    Float(Vec<f32>),
    Int(Vec<i64>),
}

impl Accumulator {
    fn new(reduction: Reduction, class: Class, lanes: usize) -> Self {
        let values = match (class, reduction) {
            (Class::Float, Reduction::Sum) => Values::Wide(vec![0.0; lanes]),
            (Class::Float, Reduction::Prod) => Values::Wide(vec![1.0; lanes]),
            (Class::Float, Reduction::Max) => Values::Float(vec![f32::NEG_INFINITY; lanes]),
            (Class::Float, Reduction::Min) => Values::Float(vec![f32::INFINITY; lanes]),
            (Class::Int, Reduction::Sum) => Values::Int(vec![0; lanes]),
            (Class::Int, Reduction::Prod) => Values::Int(vec![1; lanes]),
            (Class::Int, Reduction::Max) => Values::Int(vec![i64::from(i32::MIN); lanes]),
            (Class::Int, Reduction::Min) => Values::Int(vec![i64::from(i32::MAX); lanes]),
            (Class::Bool, _) => unreachable!("bools are not reduced"),
        };
        Self { reduction, values }
    }

    /// Adds the values of `count` points.
    fn add(&mut self, x: &Column, count: usize) {
        match (&mut self.values, self.reduction) {
            (Values::Wide(to), Reduction::Prod) => {
                each(to, x.floats(), count, |a, x| a * f64::from(x));
            }
            (Values::Wide(to), _) => each(to, x.floats(), count, |a, x| a + f64::from(x)),
            (Values::Float(to), Reduction::Min) => each(to, x.floats(), count, minimum),
            (Values::Float(to), _) => each(to, x.floats(), count, maximum),
            (Values::Int(to), Reduction::Sum) => {
                each(to, x.ints(), count, |a, x| wrap(a.wrapping_add(x)));
            }
            (Values::Int(to), Reduction::Prod) => {
                each(to, x.ints(), count, |a, x| wrap(a.wrapping_mul(x)));
            }
            (Values::Int(to), Reduction::Max) => each(to, x.ints(), count, i64::max),
            (Values::Int(to), Reduction::Min) => each(to, x.ints(), count, i64::min),
        }
    }

    fn finish(self, out: &mut Column) {
        match self.values {
            Values::Wide(x) => out.floats_mut().extend(x.iter().map(|&x| x as f32)),
            Values::Float(x) => out.floats_mut().extend(x),
            Values::Int(x) => out.ints_mut().extend(x),
        }
    }
}

/// Folds `count` values per lane: one for all, or all lanes' one after the other.
fn each<A: Copy, X: Copy>(to: &mut [A], x: &[X], count: usize, f: impl Fn(A, X) -> A) {
    match (&mut *to, x) {
        ([total], x) if x.len() > 1 => *total = x.iter().fold(*total, |a, &x| f(a, x)),
        (to, &[x]) => {
            for total in to {
                *total = (0..count).fold(*total, |a, _| f(a, x));
            }
        }
        (to, x) => {
            for row in x.chunks_exact(to.len()) {
                to.iter_mut().zip(row).for_each(|(a, &x)| *a = f(*a, x));
            }
        }
    }
}
