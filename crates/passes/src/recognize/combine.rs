//! Rows of slots that are weighed and added up: the sum that follows a grouped product.
//!
//! ```text
//! out[t, d] = sum[s](weight[t, s] * y[t, s, d])      y of a grouped product
//! ```
//!
//! It could be taken for a contraction with `k = s`; but slots are few, and their order
//! is the order in which they are added.

use tilec_ir::Id;
use tilec_ir::plan::{Combine, EquationAt, Weight};
use tilec_ir::tensor::{Binary, Expr, ExprKind, Tensor, Var};

use super::grouped::grouped;
use super::scene::{Scene, bare};
use super::uses::uses;
use crate::canonical::Body;
use crate::products::Factor;

/// The combined rows that an equation is.
pub(crate) fn combine(scene: &mut Scene, at: EquationAt) -> Option<Combine> {
    let Body::Sum { vars: slots, terms } = scene.stated[at].body.clone() else { return None };
    let [product] = terms.as_slice() else { return None };
    if scene.stated[at].guard.is_some() || !product.coefficient.is_one() {
        return None;
    }
    let value = product.factors.iter().position(|&factor| is_of_groups(scene, factor, &slots))?;
    let mut weights = product.factors.clone();
    let value = weights.remove(value).expr;
    let of_columns = columns_of(scene, value);
    let vars = scene.kernel.equations[at].vars.clone();
    let (columns, rows): (Vec<_>, Vec<_>) =
        vars.into_iter().partition(|var| of_columns.contains(var));
    // What varies with the columns (a scale for each) belongs to the value.
    let (of_value, weights): (Vec<_>, Vec<_>) = weights.into_iter().partition(|weight| {
        let used = uses(&scene.kernel, weight.expr);
        columns.iter().any(|var| used.contains_key(var))
    });
    let value = of_value.into_iter().fold(value, |value, factor| scaled(scene, value, factor));
    let weight = |factor: &Factor| Weight { expr: factor.expr, inverse: factor.inverse };
    let weights = weights.iter().map(weight).collect();
    let epilogue = Vec::new();
    Some(Combine { rows, columns, slots, value, weights, epilogue, stored: true })
}

/// Whether a factor is the result of a grouped product, at every slot of its rows.
fn is_of_groups(scene: &mut Scene, factor: Factor, slots: &[Id<Var>]) -> bool {
    let used = uses(&scene.kernel, factor.expr);
    let every = slots.iter().all(|slot| used.contains_key(slot));
    let Some((tensor, _)) = read(scene, factor.expr) else { return false };
    let Some(writer) = scene.writer[tensor.index()] else { return false };
    !factor.inverse && every && matches!(grouped(scene, writer), Ok(Some(_)))
}

/// The one tensor that a value reads at points of its own, maybe behind a test.
fn read(scene: &Scene, value: Id<Expr>) -> Option<(Id<Tensor>, Vec<Id<Var>>)> {
    let kernel = &scene.kernel;
    let value = match kernel.exprs[value].kind {
        ExprKind::Select(_, then, _) => then,
        _ => value,
    };
    let ExprKind::Read(tensor, index) = &kernel.exprs[value].kind else { return None };
    let vars = index.iter().map(|&index| bare(kernel, index)).collect::<Option<_>>()?;
    Some((*tensor, vars))
}

/// A value times a factor, or divided by it.
fn scaled(scene: &mut Scene, value: Id<Expr>, factor: Factor) -> Id<Expr> {
    let op = if factor.inverse { Binary::Div } else { Binary::Mul };
    let Expr { ty, span, .. } = scene.kernel.exprs[value];
    let kind = ExprKind::Binary(op, value, factor.expr);
    scene.kernel.exprs.push(Expr { kind, ty, span })
}

/// The variables at which the columns of the grouped product are read.
fn columns_of(scene: &mut Scene, value: Id<Expr>) -> Vec<Id<Var>> {
    let Some((tensor, vars)) = read(scene, value) else { return Vec::new() };
    let Some(writer) = scene.writer[tensor.index()] else { return Vec::new() };
    let Ok(Some(found)) = grouped(scene, writer) else { return Vec::new() };
    let own = &scene.kernel.equations[writer].vars;
    let is_column = |var: &Id<Var>| found.product.contract.n.contains(var);
    own.iter().zip(vars).filter(|(own, _)| is_column(own)).map(|(_, var)| var).collect()
}
