//! Which rows go together: a counting sort of the rows by their bucket.
//!
//! Rows whose guards do not hold are left out, so they cost nothing. Per batch:
//!
//! ```text
//! first[bucket]   where the rows of a bucket begin; first[last + 1] ends the last
//! order[..]       the rows, bucket after bucket
//! ```

use tilec_ir::{IntId, Kernel};

use super::matching::Contraction;
use crate::emit::context::Context;
use crate::emit::function::Value;
use crate::emit::loops::{begin_guards, cost_of, end_guards};
use crate::emit::program::{Bytes, Program, Work};
use crate::plan::Step;

/// The buffers of sorted rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sorted {
    first: usize,
    order: usize,
    bucketed: Option<IntId>,
}

/// Sorts the rows of a contraction, if they are not simply all rows in order.
pub(super) fn emit(program: &mut Program<'_>, step: &Step, found: &Contraction) -> Option<Sorted> {
    if found.bucket.is_none() && step.guards.is_empty() {
        return None;
    }
    let kernel = program.kernel;
    let range = |vars: &[_]| -> Vec<IntId> { vars.iter().map(|&v| kernel.vars[v].range).collect() };
    let batch = range(&found.batch);
    let all = [batch.clone(), range(&found.rows)].concat();
    let buckets = buckets(kernel, found);
    // One more per batch than there are buckets: the second buffer follows the
    // first in memory and is what the first runs over into.
    let first = program.buffer(Bytes::Elements { shape: buckets, bytes: 8 });
    program.buffer(Bytes::Elements { shape: batch, bytes: 16 });
    let order = program.buffer(Bytes::Elements { shape: all.clone(), bytes: 8 });
    let sorted = Sorted { first, order, bucketed: found.bucket.map(|b| b.1) };
    program.phase(
        Vec::new(),
        |c| {
            let units = c.count(&found.batch);
            Work { units, cost: cost_of(c, 4, &all) }
        },
        |c, task| {
            let units = c.f.begin_loop((&task.begin, &task.end, &1.into()), &[]);
            c.enter();
            c.bind_flat(&found.batch, &units.index);
            sort(c, step, found, sorted, &units.index);
            c.leave();
            c.f.end_loop(units, &[]);
        },
    );
    Some(sorted)
}

/// How many buckets there are, along the variables of batches and in each of these.
pub(super) fn buckets(kernel: &Kernel, found: &Contraction) -> Vec<IntId> {
    let batch = found.batch.iter().map(|&v| kernel.vars[v].range);
    batch.chain(found.bucket.map(|bucket| bucket.1)).collect()
}

impl Sorted {
    /// How many buckets a batch has.
    pub(super) fn buckets(self, c: &mut Context<'_>) -> Value {
        match self.bucketed {
            Some(bound) => c.int(bound),
            None => 1.into(),
        }
    }

    fn firsts(self, c: &mut Context<'_>, batch: &Value) -> Value {
        let buckets = self.buckets(c);
        let stride = c.f.add(&buckets, &1.into());
        let at = c.f.mul(batch, &stride);
        let first = c.pointer(self.first);
        c.f.at("i64", &first, &at)
    }

    fn orders(self, c: &mut Context<'_>, found: &Contraction, batch: &Value) -> Value {
        let rows = c.count(&found.rows);
        let at = c.f.mul(batch, &rows);
        let order = c.pointer(self.order);
        c.f.at("i64", &order, &at)
    }

    /// The rows of a bucket: a pointer to them and how many they are.
    pub(super) fn rows(
        self,
        c: &mut Context<'_>,
        found: &Contraction,
        batch: &Value,
        bucket: &Value,
    ) -> (Value, Value) {
        let firsts = self.firsts(c, batch);
        let orders = self.orders(c, found, batch);
        let begin = c.f.load("i64", &firsts, bucket);
        let next = c.f.add(bucket, &1.into());
        let end = c.f.load("i64", &firsts, &next);
        let count = c.f.sub(&end, &begin);
        (c.f.at("i64", &orders, &begin), count)
    }
}

fn sort(c: &mut Context<'_>, step: &Step, found: &Contraction, sorted: Sorted, batch: &Value) {
    let firsts = sorted.firsts(c, batch);
    let orders = sorted.orders(c, found, batch);
    let buckets = sorted.buckets(c);
    let ends = c.f.add(&buckets, &1.into());
    let each = c.f.begin_count(&ends);
    c.f.store("i64", &0.into(), &firsts, &each.index);
    c.f.end_loop(each, &[]);
    // Counts, each one place up.
    each_row(c, step, found, |c, _, bucket| {
        let next = c.f.add(bucket, &1.into());
        let count = c.f.load("i64", &firsts, &next);
        let count = c.f.add(&count, &1.into());
        c.f.store("i64", &count, &firsts, &next);
    });
    // Their sums are where buckets begin.
    let each = c.f.begin_loop((&0.into(), &ends, &1.into()), &[("i64", 0.into())]);
    let count = c.f.load("i64", &firsts, &each.index);
    let sum = c.f.add(&each.carried[0], &count);
    c.f.store("i64", &sum, &firsts, &each.index);
    c.f.end_loop(each, &[sum]);
    // Each row to its place, which moves the beginning of its bucket up ..
    each_row(c, step, found, |c, row, bucket| {
        let at = c.f.load("i64", &firsts, bucket);
        c.f.store("i64", row, &orders, &at);
        let next = c.f.add(&at, &1.into());
        c.f.store("i64", &next, &firsts, bucket);
    });
    // .. to where the next one began: move all of them back.
    let each = c.f.begin_loop((&0.into(), &ends, &1.into()), &[("i64", 0.into())]);
    let began = c.f.load("i64", &firsts, &each.index);
    c.f.store("i64", &each.carried[0], &firsts, &each.index);
    c.f.end_loop(each, &[began]);
}

fn each_row<'k>(
    c: &mut Context<'k>,
    step: &Step,
    found: &Contraction,
    body: impl FnOnce(&mut Context<'k>, &Value, &Value),
) {
    let rows = c.count(&found.rows);
    let each = c.f.begin_count(&rows);
    c.enter();
    c.bind_flat(&found.rows, &each.index);
    let guards = begin_guards(c, step);
    let bucket = match found.bucket {
        Some((atom, _)) => c.atom(atom),
        None => 0.into(),
    };
    // A row that is never read may have a bucket that is none.
    let buckets = match found.bucket {
        Some((_, bound)) => c.int(bound),
        None => 1.into(),
    };
    let inside = c.f.def(format_args!("icmp ult i64 {bucket}, {buckets}"));
    let branch = c.f.begin_if(&inside);
    body(c, &each.index, &bucket);
    c.f.end_then(branch);
    end_guards(c, guards);
    c.leave();
    c.f.end_loop(each, &[]);
}
