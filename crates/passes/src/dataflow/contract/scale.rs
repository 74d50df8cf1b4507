//! Factors of whole blocks of `k`: they are multiplied with each other, and partial sums
//! with the result. Operands are never scaled.
//!
//! ```text
//! sum[k](a * b * sa[m, k / 128] * sb[n / 128, k / 128])
//!     every 128 of k:  partial *= sa[column of the tile] * sb[one element]
//! ```

use tilec_ir::dataflow::{Index, Spread};
use tilec_ir::plan::{Contract, Scale};
use tilec_ir::tensor::{Binary, Expr, ExprKind, Kernel, Scalar};
use tilec_ir::{Atom, Diagnostic, Id, Kind};

use super::operand::{Input, tensor_name};
use super::product::TILE;
use crate::dataflow::Draft;
use crate::dataflow::vector::{Axes, Leaf, Order, Root, leaves, length, ring_of};
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
    let root = Root { expr, axes: &axes, stored: None };
    let mut inputs = Vec::new();
    for leaf in leaves(&draft.plan.kernel, &[root], &[], &[])? {
        inputs.push(input(draft, contract, leaf)?);
    }
    let period = u32::try_from(period).unwrap_or(u32::MAX);
    Ok(Some(Scales { expr, axes, inputs, period }))
}

/// The tiles of a scale: with one block of `k` each where the host lays them out so, else
/// as a step has written them.
fn input(draft: &mut Draft<'_>, contract: &Contract, leaf: Leaf) -> Result<Input, Diagnostic> {
    let name = tensor_name(draft, &leaf);
    let format = ring_of(&draft.plan.kernel, &leaf, draft.f32_ring())?;
    let columns = if draft.lies(leaf.tensor, &leaf.order, format) {
        None
    } else {
        columns(&draft.plan.kernel, contract, &leaf)
    };
    let order = columns.as_ref().map_or(&leaf.order, |columns| &columns.order);
    let buffer = draft.read(leaf.tensor, order, format, leaf.span)?;
    Ok(Input { name, leaf, buffer, format, columns })
}

/// Scales that lie side by side in a tile: those of 32 blocks of `k`.
#[derive(Debug)]
pub(super) struct Columns {
    order: Order,
    /// Of the dimensions that tell the matrix: the batch variable, and the length.
    batch: Vec<(usize, u32)>,
    /// Tiles along the rows and along the blocks of `k`.
    tiles: [u32; 2],
    /// The elements of `k` that a scale is for.
    block: u32,
}

impl Columns {
    /// The page that holds a scale, and the column there.
    pub(super) fn place(&self, batch: &[Index], row: Index, element: &Index) -> [Index; 2] {
        let matrix = self
            .batch
            .iter()
            .fold(Index::from(0), |all, &(at, length)| all * length + batch[at].clone());
        let block = element.clone() / self.block;
        let page = (matrix * self.tiles[0] + row) * self.tiles[1] + block.clone() / TILE;
        [page, block % TILE]
    }
}

/// How a scale of rows lies as a step writes it: blocks of `k` are columns.
fn columns(kernel: &Kernel, contract: &Contract, leaf: &Leaf) -> Option<Columns> {
    let reads = contract.scales.iter().filter_map(|scale| match &kernel.exprs[scale.expr].kind {
        ExprKind::Read(tensor, index) if *tensor == leaf.tensor => Some(index),
        _ => None,
    });
    let index = reads.into_iter().next()?;
    let [k] = contract.k.as_slice() else { return None };
    let block = |dim: usize| match kernel.ints.as_atom(index[dim])? {
        Atom::Div(p, d) if kernel.ints.as_atom(*p) == Some(&Atom::Var(*k)) => {
            u32::try_from(kernel.ints.as_constant(*d)?).ok()
        }
        _ => None,
    };
    let size = |dim: usize| u32::try_from(length(kernel, leaf.tensor, dim)).ok();
    let (column, block) = leaf.order.batch.iter().find_map(|&dim| Some((dim, block(dim)?)))?;
    let mut order = leaf.order.clone();
    order.batch.retain(|&dim| dim != column);
    let batch = order.batch.iter().map(|&dim| match kernel.ints.as_atom(index[dim])? {
        Atom::Var(var) => Some((contract.batch.iter().position(|own| own == var)?, size(dim)?)),
        _ => None,
    });
    let batch = batch.collect::<Option<Vec<_>>>()?;
    let rows = order.rows.iter().map(|&dim| size(dim)).product::<Option<u32>>()?;
    let tiles = [rows, size(column)?].map(|length| length.div_ceil(TILE));
    (leaf.spread == Some(Spread::Column) && order.columns.is_empty()).then(|| {
        order.columns = vec![column];
        Columns { order, batch, tiles, block }
    })
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
