//! The factors of a contraction that are not its operands: scales, which vary
//! with `k` only from block to block, and what does not vary with it at all.

use tilec_ir::Id;
use tilec_ir::plan::{Scale, Varies};
use tilec_ir::tensor::Var;

use super::Reason;
use super::axes::Axes;
use super::scene::Scene;
use super::uses::{Use, Uses, gcd};
use crate::products::Factor;

/// A factor that varies with `k` from block to block.
pub(crate) fn scale(
    scene: &Scene,
    factor: Factor,
    uses: &Uses,
    axes: &Axes,
) -> Result<Scale, Reason> {
    let Axes { m, n, k, .. } = axes;
    let quoted = scene.quote(factor.expr);
    let span = scene.kernel.exprs[factor.expr].span;
    let refuse = |text: String| Err(Reason { text, span });
    if !scene.kernel.exprs[factor.expr].ty.is_float() {
        return refuse(format!("{quoted} scales a sum of integers from block to block"));
    }
    let Varies::Blocks(block) = varies(scene, uses, k) else {
        return refuse(format!(
            "{quoted} is constant over parts of the reduced axis of no fixed length"
        ));
    };
    let (m, n) = (varies(scene, uses, m), varies(scene, uses, n));
    if (m, n) == (Varies::Each, Varies::Each) {
        return refuse(format!(
            "{quoted} varies with every row and every column as well as along the reduced axis, \
             so it scales no block of partial sums"
        ));
    }
    Ok(Scale { expr: factor.expr, inverse: factor.inverse, block, m, n })
}

/// How a value varies along an axis of several variables, flattened.
///
/// The innermost variable that it uses decides: those further in only make the
/// blocks longer, those further out only matter from one of its ranges to the next.
pub(crate) fn varies(scene: &Scene, uses: &Uses, axis: &[Id<Var>]) -> Varies {
    let Some(at) = axis.iter().rposition(|var| uses.contains_key(var)) else { return Varies::No };
    let mut inner = axis[at + 1..].iter().map(|&var| scene.constant_range(var));
    let inner = inner.try_fold(1i64, |product, range| product.checked_mul(range?));
    let block = match uses[&axis[at]] {
        Use::Each | Use::Gathered(_) => 1,
        // Blocks start anew in each range of this variable.
        Use::Blocks(c) if at > 0 => scene.constant_range(axis[at]).map_or(1, |range| gcd(c, range)),
        Use::Blocks(c) => c,
    };
    match inner.and_then(|inner| inner.checked_mul(block)) {
        Some(length) if length > 1 => Varies::Blocks(length),
        _ => Varies::Each,
    }
}
