//! What is close to a contraction without being a sum of products: two rows of
//! different tensors met at each `k`, and then something else than multiplied
//! and added.
//!
//! ```text
//! sum[k](bf16(a[m, k] * b[n, k]))               rounded before it is added
//! sum[k](if k <= m then a[m, k] * b[n, k] ..)   behind a test
//! max[k](a[m, k] + b[n, k])                     not a sum
//! ```

use std::collections::BTreeSet;

use tilec_ir::Id;
use tilec_ir::tensor::{Binary, Expr, ExprKind, Reduction, Var};
use tilec_ir::walk::reachable;

use super::Reason;
use super::scene::{Scene, accesses};
use super::uses::{Use, uses};

/// Whether two accesses in `body` vary with a reduced variable and each has rows
/// that the other does not have.
pub(crate) fn is_close(scene: &Scene, body: Id<Expr>, reduced: &[Id<Var>]) -> bool {
    let kernel = &scene.kernel;
    let mut rows: Vec<BTreeSet<Id<Var>>> = Vec::new();
    for expr in reachable(kernel, body) {
        let is_read = matches!(kernel.exprs[expr].kind, ExprKind::Read(..));
        let uses = if is_read { uses(kernel, expr) } else { continue };
        if reduced.iter().any(|var| uses.get(var) == Some(&Use::Each)) {
            rows.push(uses.into_keys().filter(|var| !reduced.contains(var)).collect());
        }
    }
    let beside = |a: &BTreeSet<Id<Var>>, b: &BTreeSet<Id<Var>>| !a.is_subset(b) && !b.is_subset(a);
    rows.iter().enumerate().any(|(at, a)| rows[..at].iter().any(|b| beside(a, b)))
}

/// Why one factor that holds both rows is not a product of two.
pub(crate) fn not_a_product(scene: &Scene, factor: Id<Expr>) -> Reason {
    let kernel = &scene.kernel;
    let Expr { kind, span, .. } = &kernel.exprs[factor];
    let quoted = scene.quote(factor);
    let text = match kind {
        ExprKind::Convert(_) | ExprKind::RoundStochastic(..) => format!(
            "{quoted} rounds each product before it is added, and nothing may move across that"
        ),
        ExprKind::Select(test, ..) => format!(
            "{} decides for each product whether it is added; only a test that does not \
             depend on the reduced variable can leave the sum",
            scene.quote(*test)
        ),
        _ => format!("{quoted} is not a product of two factors with rows of their own"),
    };
    Reason { text, span: *span }
}

/// Why a reduction that is not a sum is not a contraction, if it is close to one.
pub(crate) fn not_a_sum(
    scene: &Scene,
    op: Reduction,
    reduced: &[Id<Var>],
    body: Id<Expr>,
) -> Option<Reason> {
    is_close(scene, body, reduced).then(|| not_added(scene, op, body))
}

/// That what is close is not added up.
pub(super) fn not_added(scene: &Scene, op: Reduction, body: Id<Expr>) -> Reason {
    let span = scene.kernel.exprs[body].span;
    let body = match scene.kernel.exprs[body].kind {
        ExprKind::Binary(Binary::Mul, ..) => format!("the products {}", scene.quote(body)),
        _ => scene.quote(body),
    };
    let text = format!("`{}` is taken of {body}, and matrix units only add up", op.name());
    Reason { text, span }
}

/// Why a reduced variable does not stand bare in a factor, if it does not.
pub(crate) fn not_bare(scene: &Scene, factor: Id<Expr>, reduced: &[Id<Var>]) -> Option<Reason> {
    let kernel = &scene.kernel;
    for access in accesses(kernel, factor) {
        for &index in &access.index {
            let Some(var) = reduced.iter().find(|&&var| mixes(scene, index, var)) else { continue };
            let text = format!(
                "{} is read at `{}`, not at {} itself",
                scene.quote(access.expr),
                print_int(scene, index),
                scene.name(*var)
            );
            return Some(Reason { text, span: kernel.exprs[access.expr].span });
        }
    }
    None
}

/// Whether an index is more than the variable, or a block of it.
fn mixes(scene: &Scene, index: tilec_ir::IntId, var: Id<Var>) -> bool {
    let kernel = &scene.kernel;
    let vars = tilec_ir::walk::vars_of_int(&kernel.ints, index);
    if !vars.contains(&var) {
        return false;
    }
    match kernel.ints.as_atom(index) {
        Some(tilec_ir::Atom::Var(_)) => false,
        Some(tilec_ir::Atom::Div(p, d)) => super::uses::block(kernel, *p, *d).is_none(),
        _ => true,
    }
}

fn print_int(scene: &Scene, index: tilec_ir::IntId) -> String {
    tilec_ir::show(&scene.kernel, index)
}
