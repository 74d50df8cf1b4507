//! Whether an expression may be evaluated anywhere, whatever the data.
//!
//! What stands behind a test, or under a variable whose range may be empty, may
//! owe to it that its accesses are in range. Moving it elsewhere is allowed only
//! where this proof succeeds without them. "No" is always a correct answer.

use tilec_ir::tensor::{Binary, Expr, ExprKind, Tensor};
use tilec_ir::walk::{reachable, vars_of_int};
use tilec_ir::{Atom, Facts, Id, IntId, Kernel, Scalar};

use crate::builder::Builder;

/// What must be shown.
enum Goal {
    /// `0 <= index < dim`
    InRange(IntId, IntId),
    /// `1 <= divisor`
    Positive(IntId),
    /// Something that only its surroundings can tell.
    Unknown,
}

/// Whether `expr` can be evaluated at every point of the variables in it.
pub(crate) fn is_safe(builder: &mut Builder, expr: Id<Expr>) -> bool {
    let ranges = builder.vars_of(expr).iter().map(|&var| builder.kernel.vars[var].range).collect();
    is_safe_over(&mut builder.kernel, &builder.facts, expr, ranges)
}

/// Whether `expr` can be evaluated wherever these ranges are not empty.
pub(crate) fn is_safe_over(
    kernel: &mut Kernel,
    facts: &Facts,
    expr: Id<Expr>,
    ranges: Vec<IntId>,
) -> bool {
    let mut goals = Vec::new();
    for expr in reachable(kernel, expr) {
        of_expr(kernel, expr, &mut goals);
    }
    holds(kernel, facts, goals, ranges)
}

/// Whether `id` can be evaluated, and is in `0 .. range`.
pub(crate) fn is_safe_index(builder: &mut Builder, id: IntId, range: IntId) -> bool {
    let mut goals = vec![Goal::InRange(id, range)];
    of_int(&builder.kernel, id, &mut goals);
    let vars = vars_of_int(&builder.kernel.ints, id);
    let ranges = vars.into_iter().map(|var| builder.kernel.vars[var].range).collect();
    let mut values = Vec::new();
    builder.kernel.ints.visit_atoms(id, &mut |_, atom| {
        if let Atom::Value(value) = atom {
            values.push(*value);
        }
    });
    holds(&mut builder.kernel, &builder.facts, goals, ranges)
        && values.into_iter().all(|value| is_safe(builder, value))
}

/// Whether a range is known not to be empty.
pub(crate) fn is_positive(builder: &mut Builder, range: IntId) -> bool {
    match builder.kernel.ints.as_constant(range) {
        Some(value) => value >= 1,
        None => builder.facts.positive(&mut builder.kernel.ints, range),
    }
}

fn of_expr(kernel: &Kernel, expr: Id<Expr>, goals: &mut Vec<Goal>) {
    let expr = &kernel.exprs[expr];
    for int in tilec_ir::walk::ints(expr) {
        of_int(kernel, int, goals);
    }
    match &expr.kind {
        ExprKind::Read(tensor, index) => of_access(kernel, *tensor, index, goals),
        ExprKind::Binary(Binary::Div | Binary::Rem, _, divisor) if !expr.ty.is_float() => {
            let constant = match kernel.exprs[*divisor].kind {
                ExprKind::Int(id) => kernel.ints.as_constant(id),
                _ => None,
            };
            if constant.is_none_or(|divisor| divisor == 0) {
                goals.push(Goal::Unknown);
            }
        }
        ExprKind::Convert(_) => {
            if let Scalar::Idx(bound) = expr.ty {
                goals.push(Goal::Positive(bound));
            }
        }
        _ => {}
    }
}

fn of_access(kernel: &Kernel, tensor: Id<Tensor>, index: &[IntId], goals: &mut Vec<Goal>) {
    let shape = &kernel.tensors[tensor].shape;
    for (&index, &dim) in index.iter().zip(shape) {
        let ints = &kernel.ints;
        if ints.get(index).as_atom().is_none_or(|atom| ints.bound(atom) != Some(dim)) {
            goals.push(Goal::InRange(index, dim));
        }
    }
}

/// The reads and divisions inside an integer.
fn of_int(kernel: &Kernel, id: IntId, goals: &mut Vec<Goal>) {
    kernel.ints.visit_atoms(id, &mut |_, atom| match atom {
        Atom::Read(tensor, index) => of_access(kernel, *tensor, index, goals),
        Atom::Div(_, d) => goals.push(Goal::Positive(*d)),
        Atom::Size(_) | Atom::Var(_) | Atom::Value(_) => {}
    });
}

fn holds(kernel: &mut Kernel, facts: &Facts, goals: Vec<Goal>, ranges: Vec<IntId>) -> bool {
    if goals.is_empty() {
        return true;
    }
    let ints = &mut kernel.ints;
    let mut facts = facts.clone();
    ranges.into_iter().for_each(|range| facts.assume_not_empty(ints, range));
    let zero = ints.constant(0);
    goals.into_iter().all(|goal| match goal {
        Goal::InRange(index, dim) => {
            facts.at_most(ints, zero, index) && facts.less(ints, index, dim)
        }
        Goal::Positive(divisor) => facts.positive(ints, divisor),
        Goal::Unknown => false,
    })
}
