//! Integers that choose what a factor reads: `expert[t, s]` in `w[expert[t, s], n, k]`.
//!
//! A factor may be any expression without loops: a conversion, or a product with scales
//! that are chosen in the same way.

use tilec_ir::tensor::{Expr, ExprKind, Var};
use tilec_ir::{Atom, AtomId, Id, IntId, Kernel};

use crate::plan::{Plan, below, operands};

/// What a factor is a function of.
#[derive(Debug, Default)]
struct Inputs {
    indices: Vec<IntId>,
    /// Variables of values that are kept in buffers.
    vars: Vec<Id<Var>>,
}

/// `None` for a factor with a loop in it.
fn inputs(kernel: &Kernel, plan: &Plan, factor: Id<Expr>) -> Option<Inputs> {
    let mut inputs = Inputs::default();
    for id in below(kernel, plan, factor) {
        let kind = &kernel.exprs[id].kind;
        if let Some((_, vars)) = plan.hoisted.get(&id) {
            inputs.vars.extend_from_slice(vars);
        } else if matches!(kind, ExprKind::Reduce(..) | ExprKind::Rank { .. }) {
            return None;
        } else {
            inputs.indices.extend(operands(kind).ints);
        }
    }
    Some(inputs)
}

/// The bounded integers that are read inside the indices of a factor.
pub(super) fn gathers(kernel: &Kernel, plan: &Plan, factor: Id<Expr>) -> Vec<(AtomId, IntId)> {
    let mut found = Vec::new();
    for int in inputs(kernel, plan, factor).unwrap_or_default().indices {
        kernel.ints.visit_atoms(int, &mut |id, atom| {
            if let (Atom::Read(..), Some(bound)) = (atom, kernel.ints.bound(id)) {
                found.push((id, bound));
            }
        });
    }
    found
}

/// The variables in the indices of the element that an atom reads.
pub(super) fn variables(kernel: &Kernel, atom: AtomId) -> Vec<Id<Var>> {
    let mut vars = Vec::new();
    if let Atom::Read(_, index) = kernel.ints.atom(atom) {
        for &int in index {
            vars.extend(tilec_ir::walk::vars_of_int(&kernel.ints, int));
        }
    }
    vars
}

/// The variables of a factor that do not only stand inside `atom`; `None` if it has a
/// loop, or an index holds the value of an expression.
pub(super) fn vars(
    kernel: &Kernel,
    plan: &Plan,
    factor: Id<Expr>,
    atom: AtomId,
) -> Option<Vec<Id<Var>>> {
    let Inputs { indices: mut open, mut vars } = inputs(kernel, plan, factor)?;
    while let Some(int) = open.pop() {
        for &factor in kernel.ints.get(int).terms().iter().flat_map(|t| &t.factors) {
            match kernel.ints.atom(factor) {
                _ if factor == atom => {}
                Atom::Size(_) => {}
                Atom::Var(v) => vars.push(*v),
                Atom::Div(p, d) => open.extend([*p, *d]),
                Atom::Read(_, index) => open.extend(index),
                Atom::Value(_) => return None,
            }
        }
    }
    vars.sort_unstable();
    vars.dedup();
    Some(vars)
}
