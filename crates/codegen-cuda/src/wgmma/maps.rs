//! The tensor maps of a contraction's operands, and how their tiles lie in shared memory.
//!
//! ```text
//! a[m, k]   k innermost      one box: all rows of the tile, 128 bytes of k
//! a[k, m]   rows innermost   a box for each 128 bytes of rows, a block of k
//! ```
//!
//! Boxes are swizzled in 128 bytes, which is what the matrix instructions read. An
//! axis of several variables is one dimension, since it is flattened.

use tilec_ir::plan::{Axis, Contract, Operand, Read, Told};
use tilec_ir::tensor::{Tensor, Var};
use tilec_ir::tile::Side;
use tilec_ir::{Id, Scalar};
use tilec_manifest::{Formula, Operator, Swizzle, TensorMap};

use super::shape::{FILLED_ROWS, Shape};
use crate::function::Function;
use crate::{formula, types};

/// What addresses and rows are multiples of, in bytes.
const ALIGNMENT: u32 = 16;

/// Tensor maps by name.
#[derive(Clone, Debug)]
pub(super) struct Maps {
    pub(super) a: String,
    pub(super) b: String,
    /// Of the `b` of the second product of a dual contraction.
    pub(super) beside: Option<String>,
    /// Of results that leave as boxes.
    pub(super) output: Option<String>,
}

/// Adds the maps of the operands to the function's parameters.
pub(super) fn maps(
    f: &mut Function<'_, '_>,
    contract: &Contract,
    beside: Option<&Contract>,
    shape: &Shape,
) -> Maps {
    let [a, b] = [Side::A, Side::B].map(|side| operand(f, contract, side, shape));
    let beside = beside.map(|contract| operand(f, contract, Side::B, shape));
    Maps { a, b, beside, output: None }
}

/// Elements of one box: along the innermost dimension, and along the other.
pub(super) fn boxes(shape: &Shape, side: Side) -> [u32; 2] {
    let sharers = shape.sharers(side);
    if shape.filled && side == Side::A {
        return [shape.block, FILLED_ROWS];
    }
    if shape.is_k_major(side) {
        [shape.block, shape.copied_rows(side) / sharers]
    } else {
        [shape.block, shape.block / sharers]
    }
}

/// A plain operand.
pub(super) fn plain(operand: &Operand) -> &Read {
    operand.read.as_ref().expect("copied operands are plain reads")
}

/// Whether an operand is one of a batch.
pub(super) fn has_batch(operand: &Operand) -> bool {
    plain(operand).axes.iter().any(|axis| matches!(axis, Axis::Batch(_)))
}

fn operand(f: &mut Function<'_, '_>, contract: &Contract, side: Side, shape: &Shape) -> String {
    let (operand, rows) = match side {
        Side::A => (&contract.a, &contract.m),
        Side::B => (&contract.b, &contract.n),
    };
    let told = contract.gathered(f.kernel, operand, rows);
    let tensor = told.as_ref().map_or_else(|| plain(operand).tensor, |(tensor, _)| *tensor);
    f.cx.align(tensor, ALIGNMENT);
    let base = format!("{}_map", f.cx.names.tensor(tensor));
    // One tensor can be both operands, with a box for each.
    let of_a = contract.a.read.as_ref().map(|read| read.tensor);
    let name = match side {
        Side::B if of_a == Some(tensor) => format!("{base}_b"),
        Side::A | Side::B => base,
    };
    let map = match told {
        Some((tensor, dims)) => whole(f, tensor, &dims, boxes(shape, side)),
        None => {
            let k_major = shape.is_k_major(side);
            map(f, contract, plain(operand), rows, boxes(shape, side), k_major)
        }
    };
    f.tensor_map(map, &name)
}

/// The map of a whole tensor, a dimension for each of its own: data tells where a tile is.
fn whole(
    f: &Function<'_, '_>,
    tensor: Id<Tensor>,
    dims: &[Told],
    [along_k, rows]: [u32; 2],
) -> TensorMap {
    let Tensor { element, shape, .. } = &f.kernel.tensors[tensor];
    let size = |of: &[tilec_ir::IntId]| formula::product(f.kernel, of.iter().copied());
    let strides = (1..shape.len())
        .rev()
        .map(|at| Formula::apply(Operator::Mul, size(&shape[at..]), bytes(*element).into()));
    let tile = dims.iter().rev().map(|dim| match dim {
        Told::K => along_k,
        Told::Row | Told::RowFrom(_) => rows,
        Told::Batch(_) => 1,
    });
    TensorMap {
        base: f.cx.base(tensor),
        element: types::map_element(*element),
        sizes: shape.iter().rev().map(|&dim| size(&[dim])).collect(),
        strides: strides.collect(),
        tile: tile.collect(),
        swizzle: Swizzle::B128,
    }
}

fn map(
    f: &Function<'_, '_>,
    contract: &Contract,
    read: &Read,
    rows: &[Id<Var>],
    boxes: [u32; 2],
    k_major: bool,
) -> TensorMap {
    let element = f.kernel.tensors[read.tensor].element;
    let size = |vars: &[Id<Var>]| {
        formula::product(f.kernel, vars.iter().map(|&var| f.kernel.vars[var].range))
    };
    let of_rows = |axis| matches!(axis, Axis::Row(_));
    let of_k = |axis| matches!(axis, Axis::K(_));
    let of_batch = |axis| matches!(axis, Axis::Batch(_));
    let (inner, outer) = if k_major {
        (&contract.k[..], (rows, stride(f, read, of_rows)))
    } else {
        (rows, (&contract.k[..], stride(f, read, of_k)))
    };
    // A single row has no neighbor.
    let alone = || Formula::apply(Operator::Mul, size(inner), bytes(element).into());
    let mut sizes = vec![size(inner), size(outer.0)];
    let mut strides = vec![outer.1.unwrap_or_else(alone)];
    let mut tile = boxes.to_vec();
    if let Some(stride) = stride(f, read, of_batch) {
        sizes.push(size(&contract.batch));
        strides.push(stride);
        tile.push(1);
    }
    let base = f.cx.base(read.tensor);
    TensorMap {
        base,
        element: types::map_element(element),
        sizes,
        strides,
        tile,
        swizzle: Swizzle::B128,
    }
}

/// Bytes between neighbors along the last dimension of this kind.
fn stride(f: &Function<'_, '_>, read: &Read, is: fn(Axis) -> bool) -> Option<Formula> {
    let at = read.axes.iter().rposition(|&axis| is(axis))?;
    let tensor = &f.kernel.tensors[read.tensor];
    let inner = formula::product(f.kernel, tensor.shape[at + 1..].iter().copied());
    Some(Formula::apply(Operator::Mul, inner, bytes(tensor.element).into()))
}

fn bytes(element: Scalar) -> i64 {
    types::bytes(element).into()
}
