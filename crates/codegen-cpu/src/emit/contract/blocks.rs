//! Which blocks of sorted rows there are, however rows are spread over buckets.
//!
//! Work is dealt by these blocks, not by buckets: an empty bucket has none, and
//! the rows of a large one are as many units as they fill. For every bucket of
//! every batch, one after another:
//!
//! ```text
//! first[at]     the number of blocks before this bucket; first[last + 1] is that of all
//! ```

use super::BLOCK_ROWS;
use super::matching::Contraction;
use super::rows::{self, Sorted};
use crate::emit::context::Context;
use crate::emit::function::Value;
use crate::emit::loops::cost_of;
use crate::emit::program::{Bytes, Program, Work, in_workspace};
use crate::plan::Step;

/// The rows, and the buffer of the numbers above.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    pub(super) sorted: Sorted,
    first: usize,
}

/// A block: the batch, the bucket, and its number among those of the bucket.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) batch: Value,
    pub(super) bucket: Value,
    pub(super) block: Value,
}

/// Sorts the rows of a contraction and counts the blocks that they fill, if they
/// are not simply all rows in order.
pub(super) fn emit(program: &mut Program<'_>, step: &Step, found: &Contraction) -> Option<Blocks> {
    let sorted = rows::emit(program, step, found)?;
    let buckets = rows::buckets(program.kernel, found);
    let first = program.buffer(Bytes::Elements { shape: buckets.clone(), bytes: 8 });
    // What the first buffer runs over into.
    program.buffer(Bytes::Elements { shape: Vec::new(), bytes: 8 });
    let blocks = Blocks { sorted, first };
    program.phase(
        Vec::new(),
        |c| Work { units: 1.into(), cost: cost_of(c, 4, &buckets) },
        |c, _| count(c, found, blocks),
    );
    Some(blocks)
}

/// One pass over all buckets, which are few beside what is multiplied for them.
fn count(c: &mut Context<'_>, found: &Contraction, Blocks { sorted, first }: Blocks) {
    let first = c.pointer(first);
    let (batches, buckets) = (c.count(&found.batch), sorted.buckets(c));
    let batch = c.f.begin_loop((&0.into(), &batches, &1.into()), &[("i64", 0.into())]);
    let base = c.f.mul(&batch.index, &buckets);
    let carry = [("i64", batch.carried[0].clone())];
    let bucket = c.f.begin_loop((&0.into(), &buckets, &1.into()), &carry);
    let at = c.f.add(&base, &bucket.index);
    c.f.store("i64", &bucket.carried[0], &first, &at);
    let (_, rows) = sorted.rows(c, found, &batch.index, &bucket.index);
    let filled = c.f.ceil_div(&rows, &Value::new(BLOCK_ROWS));
    let sum = c.f.add(&bucket.carried[0], &filled);
    let sum = c.f.end_loop(bucket, &[sum]);
    let sum = c.f.end_loop(batch, &sum);
    let end = c.f.mul(&batches, &buckets);
    c.f.store("i64", &sum[0], &first, &end);
}

impl Blocks {
    /// How many buckets all batches have.
    fn buckets(self, c: &mut Context<'_>, found: &Contraction) -> Value {
        let (batches, buckets) = (c.count(&found.batch), self.sorted.buckets(c));
        c.f.mul(&batches, &buckets)
    }

    /// How many blocks there are. The code belongs to no phase and has no pointers.
    pub(super) fn number(self, c: &mut Context<'_>, found: &Contraction) -> Value {
        let end = self.buckets(c, found);
        let first = in_workspace(c, self.first);
        c.f.load("i64", &first, &end)
    }

    /// Where the n-th of them is, by bisection: `first[low] <= n < first[high]`.
    pub(super) fn find(self, c: &mut Context<'_>, found: &Contraction, n: &Value) -> Place {
        let first = c.pointer(self.first);
        let end = self.buckets(c, found);
        let zeros = c.f.def(format_args!("call i64 @llvm.ctlz.i64(i64 {end}, i1 false)"));
        let halvings = c.f.sub(&64.into(), &zeros);
        let carry = [("i64", 0.into()), ("i64", end)];
        let halving = c.f.begin_loop((&0.into(), &halvings, &1.into()), &carry);
        let [low, high] = [0, 1].map(|at| halving.carried[at].clone());
        let sum = c.f.add(&low, &high);
        let middle = c.f.def(format_args!("lshr i64 {sum}, 1"));
        let before = c.f.load("i64", &first, &middle);
        let above = c.f.def(format_args!("icmp sle i64 {before}, {n}"));
        let low = c.f.def(format_args!("select i1 {above}, i64 {middle}, i64 {low}"));
        let high = c.f.def(format_args!("select i1 {above}, i64 {high}, i64 {middle}"));
        let at = c.f.end_loop(halving, &[low, high]).swap_remove(0);
        let before = c.f.load("i64", &first, &at);
        let buckets = self.sorted.buckets(c);
        let (batch, bucket) = c.f.div_rem(&at, &buckets);
        Place { batch, bucket, block: c.f.sub(n, &before) }
    }
}
