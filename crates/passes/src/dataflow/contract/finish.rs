//! What becomes of the sum: what is stored of it, and what that is computed from.
//!
//! ```text
//! acc[m, n] = sum[k](..)
//! c[m, n]   = bf16(gelu(acc[m, n] + bias[n]))      bias: a row for all rows
//! ```

use std::collections::BTreeMap;

use tilec_ir::dataflow::{BinaryVector, BufferAt, Dst, Format, Index, Math, Op, Vector};
use tilec_ir::plan::{Contract, EquationAt};
use tilec_ir::tensor::{Equation, Expr, ExprKind, Kernel, Role, Scalar, Tensor, Var};
use tilec_ir::walk::{reachable, reads};
use tilec_ir::{Atom, Diagnostic, Id};

use super::operand::{Input, tensor_name};
use super::product::{Product, TILE};
use crate::dataflow::Draft;
use crate::dataflow::draft::word;
use crate::dataflow::vector::{
    Axes, Given, Known, Lowered, Order, Place, Root, Source, format_of, leaves, lower, ring_of,
};

/// What is stored of a sum.
#[derive(Debug)]
pub(super) struct Finish {
    /// The tensor that equations read the sum as.
    sum: Id<Tensor>,
    pub(super) stored: Vec<Stored>,
    /// The tiles that the stored values are computed from, beside the sum.
    pub(super) inputs: Vec<Input>,
    /// The equations behind the sum.
    pub(super) equations: Vec<EquationAt>,
}

/// A tensor that is stored.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) name: String,
    expr: Id<Expr>,
    axes: Axes,
    element: Scalar,
    pub(super) buffer: BufferAt,
    /// Of the ring that it is packed to.
    pub(super) format: Format,
    /// Whether a later step reads it, so that what lies beyond its edges must be 0.
    pub(super) read: bool,
    /// Whether it is the sum as it was added up.
    plain: bool,
}

/// A tile that is finished.
#[derive(Clone, Debug)]
pub(super) struct Tile {
    pub(super) place: Place,
    pub(super) sum: Source,
    /// The tiles of the inputs.
    pub(super) pages: Vec<Source>,
}

/// What becomes of the sum of a region.
pub(super) fn finish(
    draft: &mut Draft<'_>,
    region: usize,
    contract: &Contract,
    axes: &Axes,
) -> Result<Finish, Diagnostic> {
    let at = draft.plan.regions[region].covers[0];
    let sum = draft.plan.kernel.equations[at].clone();
    let mut stored = Vec::new();
    if contract.stored {
        let expr = as_stored(&mut draft.plan.kernel, &sum, contract.guard);
        let one = store(draft, region, &sum, expr, axes.clone(), contract.guard.is_none())?;
        stored.push(one);
    }
    for &at in &contract.epilogue {
        let equation = draft.plan.kernel.equations[at].clone();
        let axes = axes_in(&draft.plan.kernel, &sum, &equation, axes);
        stored.push(store(draft, region, &equation, equation.value, axes, false)?);
    }
    let found = leaves(&draft.plan.kernel, &roots(&stored), &[sum.tensor], &[])?;
    let ring = draft.f32_ring();
    let mut inputs = Vec::new();
    for leaf in found {
        let format = ring_of(&draft.plan.kernel, &leaf, ring)?;
        let buffer = draft.read(leaf.tensor, &leaf.order, format, leaf.span)?;
        inputs.push(Input { name: tensor_name(draft, &leaf), leaf, buffer, format, columns: None });
    }
    Ok(Finish { sum: sum.tensor, stored, inputs, equations: contract.epilogue.clone() })
}

/// The sum as its tensor holds it: 0 where it is not needed.
fn as_stored(kernel: &mut Kernel, sum: &Equation, guard: Option<Id<Expr>>) -> Id<Expr> {
    let index = sum.vars.iter().map(|&var| {
        let range = kernel.vars[var].range;
        kernel.ints.of_atom(Atom::Var(var), Some(range))
    });
    let kind = ExprKind::Read(sum.tensor, index.collect());
    let ty = kernel.exprs[sum.value].ty;
    let zero = match ty {
        Scalar::F32 => ExprKind::Float(0.0),
        _ => ExprKind::Int(kernel.ints.constant(0)),
    };
    let mut push = |kind| kernel.exprs.push(Expr { kind, ty, span: sum.span });
    let value = push(kind);
    let Some(guard) = guard else { return value };
    let zero = push(zero);
    push(ExprKind::Select(guard, value, zero))
}

fn store(
    draft: &mut Draft<'_>,
    region: usize,
    equation: &Equation,
    expr: Id<Expr>,
    axes: Axes,
    plain: bool,
) -> Result<Stored, Diagnostic> {
    let Tensor { name, element, .. } = draft.plan.kernel.tensors[equation.tensor].clone();
    let dims = |vars: &[Id<Var>]| -> Vec<usize> {
        let place = |var| equation.vars.iter().position(|own| own == var);
        vars.iter().filter_map(place).collect()
    };
    let order =
        Order { batch: dims(&axes.batch), rows: dims(&axes.rows), columns: dims(&axes.columns) };
    let format = format_of(element, Format::F32);
    let buffer = draft.write(equation.tensor, &order, format)?;
    let read = is_read(draft, region, equation.tensor);
    Ok(Stored { name: word(&name), expr, axes, element, buffer, format, read, plain })
}

/// Whether another region reads a tensor.
fn is_read(draft: &Draft<'_>, region: usize, tensor: Id<Tensor>) -> bool {
    let kernel = &draft.plan.kernel;
    let others = draft.plan.regions.iter().enumerate().filter(|(at, _)| *at != region);
    kernel.tensors[tensor].role != Role::Input
        && others.flat_map(|(_, other)| &other.covers).any(|&at| {
            let exprs = reachable(kernel, kernel.equations[at].value);
            exprs.into_iter().any(|expr| reads(kernel, expr).contains(&tensor))
        })
}

/// The axes of the sum as an equation that reads it at its own points calls them.
fn axes_in(kernel: &Kernel, sum: &Equation, reader: &Equation, axes: &Axes) -> Axes {
    let index = crate::recognize::same_points(kernel, sum.tensor, reader)
        .expect("an epilogue reads the sum at its own points");
    let own = |index| match kernel.ints.as_atom(index) {
        Some(Atom::Var(var)) => *var,
        _ => unreachable!("points are told by variables"),
    };
    let names: BTreeMap<_, _> = sum.vars.iter().copied().zip(index.into_iter().map(own)).collect();
    // The group of a tile is no point of the sum.
    let renamed =
        |vars: &[Id<Var>]| vars.iter().filter_map(|var| names.get(var).copied()).collect();
    Axes { batch: renamed(&axes.batch), rows: renamed(&axes.rows), columns: renamed(&axes.columns) }
}

fn roots(stored: &[Stored]) -> Vec<Root<'_>> {
    let root = |one| {
        let Stored { expr, axes, element, .. }: &Stored = one;
        Root { expr: *expr, axes, stored: Some(*element) }
    };
    stored.iter().map(root).collect()
}

impl Finish {
    /// Whether partial sums in L1 are the result as they are.
    pub(super) fn is_plain(&self, product: &Product) -> bool {
        let [m, n, _] = product.lengths;
        let whole = m.is_multiple_of(TILE) && n.is_multiple_of(TILE);
        match self.stored.as_slice() {
            [one] => {
                one.plain
                    && one.element == Scalar::F32
                    && product.coefficient.is_none()
                    && (whole || !one.read)
            }
            _ => false,
        }
    }

    /// The ops that finish a tile, and where in DST each stored value is then.
    ///
    /// # Errors
    /// More tiles of DST needed than are free.
    pub(super) fn tile(
        &self,
        kernel: &Kernel,
        product: &Product,
        tile: &Tile,
        free: &[Dst],
    ) -> Result<Lowered, Diagnostic> {
        let mut ops = Vec::new();
        let (source, free) = scaled(product.coefficient, &tile.sum, free, &mut ops);
        let leaves: Vec<_> = self.inputs.iter().map(|input| input.leaf.clone()).collect();
        let leaves: Vec<_> = leaves.into_iter().zip(tile.pages.clone()).collect();
        let known = [Known { tensor: self.sum, source, spread: None }];
        let given = Given {
            kernel,
            place: &tile.place,
            leaves: &leaves,
            known: &known,
            inlined: &[],
            kept: &[],
            free: &free,
        };
        let lowered = lower(&given, &roots(&self.stored))?;
        ops.extend(lowered.ops);
        for (stored, &dst) in self.stored.iter().zip(&lowered.results) {
            if stored.read {
                ops.extend(padding(product, &tile.place, dst));
            }
        }
        Ok(Lowered { ops, results: lowered.results })
    }
}

/// The sum times the coefficient, in DST.
fn scaled(
    coefficient: Option<f32>,
    sum: &Source,
    free: &[Dst],
    ops: &mut Vec<Op>,
) -> (Source, Vec<Dst>) {
    let Some(coefficient) = coefficient else { return (sum.clone(), free.to_vec()) };
    let (dst, free) = match (sum, free.split_first()) {
        (Source::Page(ring, at), Some((&first, rest))) => {
            ops.push(Op::Math(Math::CopyInit(*ring)));
            let copy = Math::Copy { from: *ring, at: at.clone(), dst: first };
            ops.push(Op::Math(copy));
            (first, rest.to_vec())
        }
        (Source::Tile(dst), _) => (*dst, free.to_vec()),
        // Nothing is free: who lowers says so. Sums don't come piece by piece.
        (Source::Page(..) | Source::Pieces(_) | Source::Halves(..), _) => {
            return (sum.clone(), free.to_vec());
        }
    };
    let times = Vector::Constant(BinaryVector::Multiply, dst, coefficient, dst);
    ops.push(Op::Math(Math::Vector(times)));
    (Source::Tile(dst), free)
}

/// Zeros where a tile reaches over the edge of its matrix.
fn padding(product: &Product, place: &Place, dst: Dst) -> Vec<Op> {
    let [m, n, _] = product.lengths;
    let sides = [(false, m, "m_tiles", &place.row), (true, n, "n_tiles", &place.column)];
    let mut ops = Vec::new();
    for (columns, length, tiles, at) in sides {
        let Some(at) = at.clone().filter(|_| !length.is_multiple_of(TILE)) else { continue };
        // Tiles past the edge are not stored; for them any count will do.
        let at = at.min(Index::named(tiles) - 1);
        let count = Index::from(length).min((at.clone() + 1) * TILE) - at * TILE;
        ops.push(Op::Math(Math::Vector(Vector::Keep { columns, count, fill: 0.0, dst })));
    }
    ops
}
