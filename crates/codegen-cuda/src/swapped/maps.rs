//! The tensor maps of a contraction's operands.
//!
//! ```text
//! a[m, k]      [k, m]           a box: 128 bytes of k of some rows
//! a[h, m, k]   [k, m, h]        the same of one matrix of the batch
//! ```
//!
//! An axis of several variables is one dimension of the map, since it is flattened:
//! its last variable says how far apart its elements lie.

use tilec_ir::plan::{Axis, Contract, Operand, Read};
use tilec_ir::tensor::Var;
use tilec_ir::tile::Side;
use tilec_ir::{Id, Scalar};
use tilec_manifest::{Formula, Operator, Swizzle, TensorMap};

use crate::function::Function;
use crate::{formula, types};

/// What an instruction of a copy needs: 16 bytes.
const ALIGNMENT: u32 = 16;

/// The map of an operand under its name in the function. A box has `block` elements
/// of k and `rows` rows.
pub(super) fn operand(
    f: &mut Function<'_, '_>,
    contract: &Contract,
    side: Side,
    [block, rows]: [u32; 2],
) -> String {
    let (operand, row_vars) = match side {
        Side::A => (&contract.a, &contract.m),
        Side::B => (&contract.b, &contract.n),
    };
    let read = plain(operand);
    f.cx.align(read.tensor, ALIGNMENT);
    let name = format!("{}_map", f.cx.names.tensor(read.tensor));
    let map = map(f, contract, read, row_vars, [block, rows]);
    f.tensor_map(map, &name)
}

fn plain(operand: &Operand) -> &Read {
    operand.read.as_ref().expect("copied operands are plain reads")
}

fn map(
    f: &Function<'_, '_>,
    contract: &Contract,
    read: &Read,
    rows: &[Id<Var>],
    [block, box_rows]: [u32; 2],
) -> TensorMap {
    let element = f.kernel.tensors[read.tensor].element;
    let size = |vars: &[Id<Var>]| {
        formula::product(f.kernel, vars.iter().map(|&var| f.kernel.vars[var].range))
    };
    let stride = |is: fn(Axis) -> bool| stride(f, read, is);
    let k_bytes = Formula::apply(Operator::Mul, size(&contract.k), bytes(element).into());
    let mut sizes = vec![size(&contract.k), size(rows)];
    // A single row has no neighbor.
    let mut strides = vec![stride(|axis| matches!(axis, Axis::Row(_))).unwrap_or(k_bytes)];
    let mut tile = vec![block, box_rows];
    if let Some(stride) = stride(|axis| matches!(axis, Axis::Batch(_))) {
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
