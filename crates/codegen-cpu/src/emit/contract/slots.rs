//! Results of rows, added up over slots.
//!
//! Where a sum runs over what chooses the bucket too, each slot is a row of its
//! own, and what rows give is added up afterwards, in the order of the slots:
//!
//! ```text
//! y[t, n] = sum[s, k](h[t, s, k] * w[expert[t, s], n, k])
//!     part[t, s, n] = sum[k](h[t, s, k] * w[expert[t, s], n, k])
//!     y[t, n]       = sum[s](part[t, s, n])
//! ```

use tilec_ir::tensor::Reduction;
use tilec_ir::{Id, tensor::Var};

use super::matching::Contraction;
use super::pack;
use crate::emit::context::Context;
use crate::emit::function::Value;
use crate::emit::loops::{begin_guards, cost_of, end_guards, write_step};
use crate::emit::program::{Bytes, Program, Task, Work};
use crate::plan::Step;

/// The buffer of what rows give.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    buffer: usize,
}

/// Room for the results of rows, if these are not the results of the step.
pub(super) fn parts(program: &mut Program<'_>, found: &Contraction) -> Option<Parts> {
    if found.slots.is_empty() {
        return None;
    }
    let vars = [found.batch.as_slice(), &found.rows, &found.columns].concat();
    let shape = vars.iter().map(|&v| program.kernel.vars[v].range).collect();
    Some(Parts { buffer: program.buffer(Bytes::Elements { shape, bytes: 4 }) })
}

impl Parts {
    /// Keeps what the row `row` of all batches gives for `column`.
    pub(super) fn write(
        self,
        c: &mut Context<'_>,
        (step, found): (&Step, &Contraction),
        (row, column): (&Value, &Value),
        value: &Value,
    ) {
        let ty = c.class(step.value).ty();
        let columns = c.count(&found.columns);
        let at = c.f.mul(row, &columns);
        let at = c.f.add(&at, column);
        let parts = c.pointer(self.buffer);
        c.f.store(ty, value, &parts, &at);
    }
}

/// Adds up: a phase after the one that fills the parts.
pub(super) fn emit(program: &mut Program<'_>, step: &Step, found: &Contraction, parts: Parts) {
    let is_own = |v: &&Id<Var>| !found.slots.contains(v);
    let own = found.batch.iter().chain(found.rows.iter().filter(is_own));
    let own: Vec<_> = own.copied().collect();
    let all = [own.as_slice(), &found.slots, &found.columns].concat();
    let all: Vec<_> = all.iter().map(|&v| program.kernel.vars[v].range).collect();
    program.phase(
        Vec::new(),
        |c| Work { units: c.count(&own), cost: cost_of(c, 1, &all) },
        |c, task| add_up(c, (step, found, parts), &own, task),
    );
}

fn add_up(
    c: &mut Context<'_>,
    (step, found, parts): (&Step, &Contraction, Parts),
    own: &[Id<Var>],
    task: &Task,
) {
    let class = c.class(step.value);
    let parts = c.pointer(parts.buffer);
    let [slots, columns] = [&found.slots, &found.columns].map(|vars| c.count(vars));
    let units = c.f.begin_loop((&task.begin, &task.end, &1.into()), &[]);
    c.enter();
    c.bind_flat(own, &units.index);
    let guards = begin_guards(c, step);
    let row = c.f.mul(&units.index, &slots);
    let first = c.f.mul(&row, &columns);
    let first = c.f.at(class.ty(), &parts, &first);
    let column = c.f.begin_count(&columns);
    c.enter();
    c.bind_flat(&found.columns, &column.index);
    let carry = [(class.ty(), pack::zero(class))];
    let slot = c.f.begin_loop((&0.into(), &slots, &1.into()), &carry);
    let at = c.f.mul(&slot.index, &columns);
    let at = c.f.add(&at, &column.index);
    let part = c.f.load(class.ty(), &first, &at);
    let sum = c.accumulate(Reduction::Sum, class, &slot.carried[0], &part);
    let sum = c.f.end_loop(slot, &[sum]).swap_remove(0);
    write_step(c, step, &sum);
    c.leave();
    c.f.end_loop(column, &[]);
    end_guards(c, guards);
    c.leave();
    c.f.end_loop(units, &[]);
}
