//! Loops over the output, with reductions inside: takes every step but argsort.
//!
//! The last variable is the innermost loop, in blocks that tasks share. Where a
//! reduction reads along that variable rather than along its own, a block of
//! accumulators is kept, so that memory is read in order either way:
//!
//! ```text
//! sum[n](x[m, n]) for each m     one accumulator, vector of n
//! sum[m](x[m, n]) for each n     a block of accumulators, vector of n
//! ```

use tilec_ir::tensor::{Expr, ExprKind, Reduction, Var};
use tilec_ir::{Atom, Id, IntId, Kernel};

use super::context::Context;
use super::function::{Branch, Value};
use super::program::{Program, Task, Work};
use super::value::identity;
use crate::plan::{Plan, Step, below};

/// Elements of the last variable that one unit computes.
const BLOCK: i64 = 4096;
/// The same where it keeps as many accumulators.
const COLUMNS: i64 = 128;

/// A reduction that reads along the last variable of the output.
struct Columns<'a> {
    op: Reduction,
    vars: &'a [Id<Var>],
    body: Id<Expr>,
}

pub(crate) fn emit(program: &mut Program<'_>, step: &Step) {
    let (kernel, plan) = (program.kernel, program.plan);
    let mut columns = None;
    if let ExprKind::Reduce(op, vars, body) = &kernel.exprs[step.value].kind
        && reads_along_output(program, step, vars, *body)
    {
        columns = Some(Columns { op: *op, vars, body: *body });
    }
    let block = if columns.is_some() { COLUMNS } else { BLOCK };
    program.phase(
        Vec::new(),
        |c| {
            let (outer, blocks) = units(c, step, block);
            let units = c.f.mul(&outer, &blocks);
            let cost = cost(c, plan, step);
            Work { units, cost }
        },
        |c, task| match &columns {
            Some(columns) => column_units(c, step, columns, task),
            None => plain_units(c, step, task),
        },
    );
}

/// How many points the outer variables have, and blocks the last one.
fn units(c: &mut Context<'_>, step: &Step, block: i64) -> (Value, Value) {
    let Some((&last, outer)) = step.vars.split_last() else { return (1.into(), 1.into()) };
    let outer = c.count(outer);
    let range = c.int(c.kernel.vars[last].range);
    let blocks = c.f.ceil_div(&range, &block.into());
    (outer, blocks)
}

/// A guess at the operations of a step: expressions times points.
fn cost(c: &mut Context<'_>, plan: &Plan, step: &Step) -> Value {
    let exprs = below(c.kernel, plan, step.value);
    let mut ranges: Vec<IntId> = step.vars.iter().map(|&v| c.kernel.vars[v].range).collect();
    for &id in &exprs {
        if let ExprKind::Reduce(_, vars, _) = &c.kernel.exprs[id].kind {
            ranges.extend(vars.iter().map(|&v| c.kernel.vars[v].range));
        }
    }
    cost_of(c, exprs.len(), &ranges)
}

/// `each` operations at every point of some ranges, as a double.
pub(crate) fn cost_of(c: &mut Context<'_>, each: usize, ranges: &[IntId]) -> Value {
    let mut cost = Value::new(format_args!("{each}.0"));
    for &range in ranges {
        let range = c.int(range);
        let range = c.f.def(format_args!("sitofp i64 {range} to double"));
        cost = c.f.def(format_args!("fmul double {cost}, {range}"));
    }
    cost
}

/// Begins the branch of the points whose guards hold.
pub(crate) fn begin_guards(c: &mut Context<'_>, step: &Step) -> Vec<Branch> {
    c.clamped = step.clamped;
    let mut branches = Vec::new();
    for guard in &step.guards {
        let mut test = c.expr(guard.test);
        if !guard.holds {
            test = c.f.def(format_args!("xor i1 {test}, true"));
        }
        branches.push(c.f.begin_if(&test));
        c.enter();
    }
    branches
}

pub(crate) fn end_guards(c: &mut Context<'_>, branches: Vec<Branch>) {
    for branch in branches.into_iter().rev() {
        c.leave();
        c.f.end_then(branch);
    }
}

/// Binds the outer variables to those of a unit; returns the range of its block.
fn begin_unit(c: &mut Context<'_>, step: &Step, unit: &Value, block: i64) -> (Value, Value) {
    let (_, blocks) = units(c, step, block);
    let Some((&last, outer)) = step.vars.split_last() else { return (0.into(), 1.into()) };
    let (row, at) = c.f.div_rem(unit, &blocks);
    c.bind_flat(outer, &row);
    let low = c.f.mul(&at, &block.into());
    let range = c.int(c.kernel.vars[last].range);
    let high = c.f.add(&low, &block.into());
    let high = c.f.min(&high, &range);
    (low, high)
}

fn plain_units(c: &mut Context<'_>, step: &Step, task: &Task) {
    let units = c.f.begin_loop((&task.begin, &task.end, &1.into()), &[]);
    c.enter();
    let (low, high) = begin_unit(c, step, &units.index, BLOCK);
    let inner = c.f.begin_loop((&low, &high, &1.into()), &[]);
    c.enter();
    if let Some(&last) = step.vars.last() {
        c.bind(last, &inner.index);
    }
    let guards = begin_guards(c, step);
    let value = c.compute(step.value);
    write_step(c, step, &value);
    end_guards(c, guards);
    c.leave();
    c.f.end_loop(inner, &[]);
    c.leave();
    c.f.end_loop(units, &[]);
}

/// Writes the element of a step at the current point.
pub(crate) fn write_step(c: &mut Context<'_>, step: &Step, value: &Value) {
    let index: Vec<_> = step.vars.iter().map(|&v| c.var(v)).collect();
    c.write(step.buffer, value, &index);
}

fn column_units(c: &mut Context<'_>, step: &Step, columns: &Columns<'_>, task: &Task) {
    let last = *step.vars.last().expect("columns are along the last variable");
    let class = c.class(columns.body);
    let ty = class.ty();
    c.f.run(format_args!("%columns = alloca [{COLUMNS} x {ty}], align 64"));
    let accumulators = Value::new("%columns");
    let units = c.f.begin_loop((&task.begin, &task.end, &1.into()), &[]);
    c.enter();
    let (low, high) = begin_unit(c, step, &units.index, COLUMNS);
    let width = c.f.sub(&high, &low);
    let first = c.f.begin_count(&width);
    c.f.store(ty, &identity(columns.op, class), &accumulators, &first.index);
    c.f.end_loop(first, &[]);
    let (loops, _) = c.begin_vars(columns.vars, &[]);
    columns_pass(c, last, (&low, &width), |c, at| {
        let guards = begin_guards(c, step);
        let value = c.expr(columns.body);
        let before = c.f.load(ty, &accumulators, at);
        let after = c.accumulate(columns.op, class, &before, &value);
        c.f.store(ty, &after, &accumulators, at);
        end_guards(c, guards);
    });
    c.end_vars(loops, Vec::new());
    columns_pass(c, last, (&low, &width), |c, at| {
        let value = c.f.load(ty, &accumulators, at);
        write_step(c, step, &value);
    });
    c.leave();
    c.f.end_loop(units, &[]);
}

/// One pass over the columns of a block, `last` bound to each.
fn columns_pass<'k>(
    c: &mut Context<'k>,
    last: Id<Var>,
    (low, width): (&Value, &Value),
    body: impl FnOnce(&mut Context<'k>, &Value),
) {
    let inner = c.f.begin_count(width);
    c.enter();
    let column = c.f.add(low, &inner.index);
    c.bind(last, &column);
    body(c, &inner.index);
    c.leave();
    c.f.end_loop(inner, &[]);
}

/// Whether more reads of a reduction go along the last variable of the output
/// than along the innermost variable of the reduction.
fn reads_along_output(
    program: &Program<'_>,
    step: &Step,
    vars: &[Id<Var>],
    body: Id<Expr>,
) -> bool {
    let (Some(&output), Some(&inner)) = (step.vars.last(), vars.last()) else { return false };
    let (mut along_output, mut along_inner) = (0, 0);
    for id in below(program.kernel, program.plan, body) {
        let last = match (&program.kernel.exprs[id].kind, program.plan.hoisted.get(&id)) {
            (_, Some((_, vars))) => {
                along_output += usize::from(vars.last() == Some(&output));
                along_inner += usize::from(vars.last() == Some(&inner));
                continue;
            }
            (ExprKind::Read(_, index), None) => index.last().copied(),
            (ExprKind::Reduce(..), None) => return false,
            _ => None,
        };
        let Some(last) = last else { continue };
        along_output += usize::from(is_linear(program.kernel, last, output));
        along_inner += usize::from(is_linear(program.kernel, last, inner));
    }
    along_output > along_inner
}

/// Whether an index grows by 1 with a variable.
pub(crate) fn is_linear(kernel: &Kernel, int: IntId, var: Id<Var>) -> bool {
    let ints = &kernel.ints;
    ints.get(int).terms().iter().any(|term| {
        term.coefficient == 1
            && matches!(term.factors.as_slice(), [one] if *ints.atom(*one) == Atom::Var(var))
    })
}
