//! Factors of whole blocks of `k`: they are multiplied with each other, and partial sums
//! with the result. Operands are never scaled.
//!
//! ```text
//! sum[k](a * b * sa[m, k / 128] * sb[n / 128, k / 128])
//!     every 128 of k:  partial *= sa[column of the tile] * sb[one element]
//! ```

use tilec_ir::plan::{Contract, Scale};
use tilec_ir::tensor::{Binary, Expr, ExprKind, Scalar};
use tilec_ir::{Diagnostic, Id, Kind};

use super::operand::{Input, tensor_name};
use super::product::TILE;
use crate::dataflow::Draft;
use crate::dataflow::vector::{Axes, Root, leaves, ring_of};
use crate::tune::product::gcd;

/// The factor of a block of partial sums.
#[derive(Debug)]
pub(super) struct Scales {
    /// All scales as one value.
    pub(super) expr: Id<Expr>,
    /// The batch and `k`, rows and columns.
    pub(super) axes: Axes,
    /// The tiles that it is computed from.
    pub(super) inputs: Vec<Input>,
    /// For how many tiles of `k` it stays the same.
    pub(super) period: u32,
}

/// The scales of a contraction, if it has some.
pub(super) fn scales(
    draft: &mut Draft<'_>,
    contract: &Contract,
    axes: &Axes,
) -> Result<Option<Scales>, Diagnostic> {
    let Some(expr) = product(draft, &contract.scales) else { return Ok(None) };
    let mut period = 0;
    for scale in &contract.scales {
        if scale.block % i64::from(TILE) != 0 {
            return Err(short(draft, scale));
        }
        period = gcd(period, scale.block / i64::from(TILE));
    }
    let batch = contract.batch.iter().chain(&contract.k).copied().collect();
    let axes = Axes { batch, ..axes.clone() };
    let ring = draft.f32_ring();
    let mut inputs = Vec::new();
    let root = Root { expr, axes: &axes, stored: None };
    for leaf in leaves(&draft.plan.kernel, &[root], &[], &[])? {
        let format = ring_of(&draft.plan.kernel, &leaf, ring)?;
        let buffer = draft.read(leaf.tensor, &leaf.order, format, leaf.span)?;
        inputs.push(Input { name: tensor_name(draft, &leaf), leaf, buffer, format });
    }
    let period = u32::try_from(period).unwrap_or(u32::MAX);
    Ok(Some(Scales { expr, axes, inputs, period }))
}

/// The scales as one value.
fn product(draft: &mut Draft<'_>, scales: &[Scale]) -> Option<Id<Expr>> {
    let exprs = &mut draft.plan.kernel.exprs;
    let (first, rest) = scales.split_first()?;
    let span = exprs[first.expr].span;
    let mut push = |kind| exprs.push(Expr { kind, ty: Scalar::F32, span });
    let mut value = first.expr;
    if first.inverse {
        let one = push(ExprKind::Float(1.0));
        value = push(ExprKind::Binary(Binary::Div, one, value));
    }
    for scale in rest {
        let op = if scale.inverse { Binary::Div } else { Binary::Mul };
        value = push(ExprKind::Binary(op, value, scale.expr));
    }
    Some(value)
}

fn short(draft: &Draft<'_>, scale: &Scale) -> Diagnostic {
    let span = draft.plan.kernel.exprs[scale.expr].span;
    let message = format!("Tensix can't scale blocks of {} of the reduced variable", scale.block);
    Diagnostic::new(Kind::NotExpressible, span, message)
        .here(format!("partial sums are made of tiles of {TILE}"))
        .help(format!("scale blocks of a multiple of {TILE}"))
}
