//! A running sum: each element takes up where the one before left off.
//!
//! ```text
//! c[j] = sum[i](if i <= j then p[i] else 0)
//!     sum = 0, i = 0;  for each j: while i <= j: sum += p[i++];  c[j] = sum
//! ```
//!
//! Where the test asks for `i >= j`, the same from the other end. A float sum
//! is kept in f64, so that long rows lose nothing.

use tilec_ir::tensor::{Binary, Expr, ExprKind, Var};
use tilec_ir::{Atom, Id, IntId, Kernel};

use super::Conditional;
use crate::emit::context::Context;
use crate::emit::function::Value;
use crate::emit::loops::{cost_of, write_step};
use crate::emit::program::{Program, Task, Work};
use crate::emit::value::Class;
use crate::plan::{Plan, Step};

/// A running sum.
struct Scan {
    /// The variable that is summed over.
    var: Id<Var>,
    /// The variable of the output that bounds it.
    bound: Id<Var>,
    /// Both sides of the test, `left - right` being `var - bound` or its
    /// negation, up to sizes.
    left: IntId,
    right: IntId,
    negated: bool,
    op: Binary,
    rest: Conditional,
    rows: Vec<Id<Var>>,
}

pub(super) fn emit(program: &mut Program<'_>, step: &Step, sum: &Conditional) -> bool {
    let (kernel, plan) = (program.kernel, program.plan);
    let found = sum.tests.iter().find_map(|&test| matches(kernel, plan, step, sum, test));
    let Some(found) = found else { return false };
    program.phase(
        Vec::new(),
        |c| {
            let units = c.count(&found.rows);
            let ranges: Vec<_> = step.vars.iter().map(|&v| kernel.vars[v].range).collect();
            Work { units, cost: cost_of(c, 8, &ranges) }
        },
        |c, task| rows(c, step, &found, task),
    );
    true
}

fn matches(
    kernel: &Kernel,
    plan: &Plan,
    step: &Step,
    sum: &Conditional,
    test: Id<Expr>,
) -> Option<Scan> {
    let (&ExprKind::Binary(op, a, b), &[var]) = (&kernel.exprs[test].kind, sum.vars.as_slice())
    else {
        return None;
    };
    let is_order = matches!(op, Binary::Less | Binary::AtMost | Binary::Greater | Binary::AtLeast);
    let (&ExprKind::Int(left), &ExprKind::Int(right)) =
        (&kernel.exprs[a].kind, &kernel.exprs[b].kind)
    else {
        return None;
    };
    let (bound, negated) = difference(kernel, left, right, var)?;
    let rest = sum.without(test);
    let rows = step.vars.iter().copied().filter(|&v| v != bound).collect();
    // One other test can be taken as it is; several may rest on each other.
    let fits = is_order
        && rest.tests.len() <= 1
        && step.vars.contains(&bound)
        && rest.ignores(plan, bound);
    fits.then_some(Scan { var, bound, left, right, negated, op, rest, rows })
}

/// The variable `j` for which `left - right` is `var - j` and sizes, or `j -
/// var` and sizes (then `true`).
fn difference(kernel: &Kernel, left: IntId, right: IntId, var: Id<Var>) -> Option<(Id<Var>, bool)> {
    let mut ints = kernel.ints.clone();
    let difference = ints.sub(left, right).ok()?;
    let (mut own, mut other) = (None, None);
    for term in ints.get(difference).terms() {
        let atoms: Vec<&Atom> = term.factors.iter().map(|&f| ints.atom(f)).collect();
        match atoms.as_slice() {
            [Atom::Var(v)] if *v == var && own.is_none() => own = Some(term.coefficient),
            [Atom::Var(v)] if other.is_none() => other = Some((*v, term.coefficient)),
            sizes if sizes.iter().all(|a| matches!(a, Atom::Size(_))) => {}
            _ => return None,
        }
    }
    match (own?, other?) {
        (1, (bound, -1)) => Some((bound, false)),
        (-1, (bound, 1)) => Some((bound, true)),
        _ => None,
    }
}

impl Scan {
    /// Whether sums begin at 0, and what to add to `bound` for the first value
    /// of `var` that is past them (else: the first value that is in them).
    fn offset(&self, c: &mut Context<'_>) -> (bool, Value) {
        c.enter();
        c.bind(self.var, &0.into());
        c.bind(self.bound, &0.into());
        // What both sides read cancels, but may not exist at 0.
        c.clamped = true;
        let (left, right) = (c.int(self.left), c.int(self.right));
        c.clamped = false;
        c.leave();
        // With d = right - left there: var <= bound + d and so on.
        let (a, b) = if self.negated { (&left, &right) } else { (&right, &left) };
        let offset = c.f.sub(a, b);
        let op = match (self.op, self.negated) {
            (op, false) => op,
            (Binary::Less, true) => Binary::Greater,
            (Binary::AtMost, true) => Binary::AtLeast,
            (Binary::Greater, true) => Binary::Less,
            (_, true) => Binary::AtMost,
        };
        let from_start = matches!(op, Binary::Less | Binary::AtMost);
        let one = i64::from(matches!(op, Binary::AtMost | Binary::Greater));
        (from_start, c.f.add(&offset, &one.into()))
    }
}

fn rows(c: &mut Context<'_>, step: &Step, found: &Scan, task: &Task) {
    let units = c.f.begin_loop((&task.begin, &task.end, &1.into()), &[]);
    c.enter();
    c.bind_flat(&found.rows, &units.index);
    row(c, step, found);
    c.leave();
    c.f.end_loop(units, &[]);
}

fn row(c: &mut Context<'_>, step: &Step, found: &Scan) {
    let class = c.class(step.value);
    let wide = if class == Class::Float { "double" } else { "i32" };
    let zero = Value::new(if class == Class::Float { "0.0" } else { "0" });
    let (from_start, offset) = found.offset(c);
    let count = c.int(c.kernel.vars[found.bound].range);
    let range = c.int(c.kernel.vars[found.var].range);
    let begun = if from_start { 0.into() } else { range.clone() };
    let outer = c.f.begin_loop((&0.into(), &count, &1.into()), &[("i64", begun), (wide, zero)]);
    c.enter();
    let last = c.f.sub(&count, &1.into());
    let back = c.f.sub(&last, &outer.index);
    let bound = if from_start { &outer.index } else { &back };
    c.bind(found.bound, bound);
    let edge = c.f.add(bound, &offset);
    let edge = c.f.max(&edge, &0.into());
    let edge = c.f.min(&edge, &range);
    let done = &outer.carried[0];
    let (low, high) = if from_start { (done, &edge) } else { (&edge, done) };
    let inner = c.f.begin_loop((low, high, &1.into()), &[(wide, outer.carried[1].clone())]);
    c.enter();
    c.bind(found.var, &inner.index);
    let sum = add(c, found, class, &inner.carried[0]);
    c.leave();
    let sum = c.f.end_loop(inner, &[sum]).swap_remove(0);
    let value = match class {
        Class::Float => c.f.def(format_args!("fptrunc double {sum} to float")),
        Class::Integer | Class::Truth => sum.clone(),
    };
    write_step(c, step, &value);
    c.leave();
    let done = if from_start { c.f.max(done, &edge) } else { c.f.min(done, &edge) };
    c.f.end_loop(outer, &[done, sum]);
}

/// The sum with the value at the current point, where the other tests hold.
fn add(c: &mut Context<'_>, found: &Scan, class: Class, sum: &Value) -> Value {
    let wide = if class == Class::Float { "double" } else { "i32" };
    let holds = match found.rest.tests.first() {
        Some(&test) => c.expr(test),
        None => Value::new("true"),
    };
    let mut branch = c.f.begin_if(&holds);
    c.enter();
    let value = c.expr(found.rest.value);
    let added = match class {
        Class::Float => {
            let value = c.f.def(format_args!("fpext float {value} to double"));
            c.f.def(format_args!("fadd double {sum}, {value}"))
        }
        Class::Integer | Class::Truth => c.f.def(format_args!("add i32 {sum}, {value}")),
    };
    c.leave();
    c.f.begin_else(&mut branch, &[added]);
    c.f.end_if(branch, &[wide], std::slice::from_ref(sum)).swap_remove(0)
}
