//! Running sums: `c[r, j] = sum[i](if i <= j then p[r, i] else 0)`.
//!
//! The test may be written either way round and be strict or not; what is added
//! up may be any value that does not depend on the end of the sum.

use tilec_ir::plan::{EquationAt, Scan};
use tilec_ir::tensor::{Binary, Expr, ExprKind, Var};
use tilec_ir::{Atom, Id, IntId};

use super::scene::Scene;
use super::uses::uses;
use super::{Outcome, Reason};
use crate::canonical::Body;
use crate::products::Coefficient;

/// The running sum that an equation is.
pub(crate) fn scan(scene: &mut Scene, at: EquationAt) -> Outcome<Scan> {
    let Body::Sum { vars, terms } = &scene.stated[at].body else { return Ok(None) };
    let ([from], [product]) = (vars.as_slice(), terms.as_slice()) else { return Ok(None) };
    let [factor] = product.factors.as_slice() else { return Ok(None) };
    let from = *from;
    let one = matches!(product.coefficient, Coefficient::Float(1.0) | Coefficient::Int(1));
    let ExprKind::Select(test, value, other) = scene.kernel.exprs[factor.expr].kind else {
        return Ok(None);
    };
    let Some((to, strict, swapped)) = order(scene, test, from) else { return Ok(None) };
    let (value, exclusive) = match (is_zero(scene, value), is_zero(scene, other)) {
        (_, true) if !swapped => (value, strict),
        // `if j < i then 0 else p[i]` adds up to and including j.
        (true, _) if swapped => (other, !strict),
        (true, _) | (_, true) => return from_the_end(scene, test, to),
        (false, false) => return Ok(None),
    };
    // What depends on its end is summed under a mask, which is another thing.
    let masked = uses(&scene.kernel, value).contains_key(&to);
    if !one || factor.inverse || masked || !scene.kernel.equations[at].vars.contains(&to) {
        return Ok(None);
    }
    let span = scene.kernel.exprs[factor.expr].span;
    let refuse = |text: String| Err(Reason { text, span });
    let (ends, starts) = (scene.kernel.vars[to].range, scene.kernel.vars[from].range);
    if scene.stated[at].guard.is_some() {
        return refuse(
            "it is only needed in places, and a running sum is computed everywhere".to_owned(),
        );
    }
    if !scene.equal(ends, starts) {
        let (to, from) = (scene.name(to), scene.name(from));
        return refuse(format!("{to} and {from} have different ranges"));
    }
    let rows = scene.kernel.equations[at].vars.iter().copied().filter(|&var| var != to).collect();
    Ok(Some(Scan { rows, to, from, exclusive, value }))
}

/// A sum that runs the other way.
fn from_the_end(scene: &Scene, test: Id<Expr>, to: Id<Var>) -> Outcome<Scan> {
    let (quoted, to) = (scene.quote(test), scene.name(to));
    let text = format!(
        "with {quoted} it adds up from {to} to the end, and a running sum starts at the front"
    );
    Err(Reason { text, span: scene.kernel.exprs[test].span })
}

/// `(to, strict, swapped)` of `from <= to` or, swapped, `to <= from`.
fn order(scene: &Scene, test: Id<Expr>, from: Id<Var>) -> Option<(Id<Var>, bool, bool)> {
    let ExprKind::Binary(op, a, b) = scene.kernel.exprs[test].kind else { return None };
    let strict = match op {
        Binary::Less => true,
        Binary::AtMost => false,
        _ => return None,
    };
    let (a, b) = (variable(scene, a)?, variable(scene, b)?);
    if a == from && b != from {
        Some((b, strict, false))
    } else if b == from && a != from {
        Some((a, strict, true))
    } else {
        None
    }
}

fn variable(scene: &Scene, expr: Id<Expr>) -> Option<Id<Var>> {
    let ExprKind::Int(id) = scene.kernel.exprs[expr].kind else { return None };
    of_int(scene, id)
}

fn of_int(scene: &Scene, id: IntId) -> Option<Id<Var>> {
    match scene.kernel.ints.as_atom(id)? {
        Atom::Var(var) => Some(*var),
        Atom::Size(_) | Atom::Div(..) | Atom::Read(..) | Atom::Value(_) => None,
    }
}

fn is_zero(scene: &Scene, expr: Id<Expr>) -> bool {
    match scene.kernel.exprs[expr].kind {
        ExprKind::Float(x) => x == 0.0,
        ExprKind::Int(id) => scene.kernel.ints.as_constant(id) == Some(0),
        _ => false,
    }
}
