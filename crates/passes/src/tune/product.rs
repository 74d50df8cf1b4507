//! What a contraction is to a tiler: three lengths, two operands and what may
//! multiply them.
//!
//! An operand's *layout* is what its innermost axis is. A tensor that is stored
//! with its rows innermost can be copied as tiles too, but only instructions on
//! 16-bit values read such tiles.

use std::collections::BTreeSet;

use tilec_ir::plan::{Axis, Contract, Operand, Told, Varies};
use tilec_ir::tensor::{Binary, Expr, ExprKind, Unary};
use tilec_ir::tile::{Condition, Unit};
use tilec_ir::walk::reachable;
use tilec_ir::{Id, IntId, Kernel, Scalar};
use tilec_target::{Chip, Machine};

use crate::tune::boxed::boxed;
use crate::tune::cut::narrow;
use crate::tune::symbols::Symbols;

/// Dimensions that tile copies know.
const MOST_DIMENSIONS: usize = 3;

/// A contraction's lengths and operands.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    /// The lengths of the axes, each flattened.
    pub(crate) m: IntId,
    pub(crate) n: IntId,
    pub(crate) k: IntId,
    pub(crate) batch: IntId,
    /// The operands, `a` first.
    pub(crate) operands: [Matrix; 2],
    /// What multiplies them exactly (or by license) in registers.
    pub(crate) unit: Unit,
    /// The longest stretch of `k` over which all scales are constant; `None` without scales.
    pub(crate) scale_block: Option<i64>,
    /// Columns of the output over which all scales are constant; `None` where they are
    /// over all columns.
    pub(crate) column_block: Option<i64>,
    /// Whether FP8 sums are added up in f32 every 128 of `k`.
    pub(crate) promotes: bool,
    /// Whether it is one of several.
    pub(crate) batched: bool,
    /// Whether how many of its rows there are is told by data.
    pub(crate) filled: bool,
    /// What becomes of the sums.
    pub(crate) epilogue: Epilogue,
}

/// What an epilogue has to hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epilogue {
    /// Tensors that are stored, the sum itself included.
    pub(crate) outputs: u32,
    /// Whether it has operations that are calls when their operands are out of the
    /// ordinary: exact quotients and roots.
    pub(crate) calls: bool,
    /// Whether it reads tensors of several dimensions beside the sum.
    pub(crate) reads: bool,
    /// Whether results can leave as they lie in registers.
    pub(crate) boxed: bool,
}

/// An operand.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    /// The narrowest type that holds its values.
    pub(crate) element: Scalar,
    /// Where it lies, if it is a plain read of elements of that type.
    pub(crate) stored: Option<Stored>,
    /// The same, if data tells where its batch or its rows begin.
    pub(crate) gathered: Option<Stored>,
    /// Whether tile copies know all dimensions of what is gathered.
    pub(crate) known: bool,
}

impl Matrix {
    /// How it lies, wherever it begins.
    pub(crate) fn lies(&self) -> Option<Stored> {
        self.stored.or(self.gathered)
    }
}

/// How a plain operand lies in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    /// Its innermost axis.
    pub(crate) layout: Layout,
    /// The length of the innermost axis.
    pub(crate) inner: IntId,
}

/// The innermost axis of an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The reduced one.
    K,
    /// Its rows.
    Rows,
    /// The batch.
    Batch,
}

/// The precision licenses of a region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Licenses {
    /// FP8 sums may stay in the matrix unit.
    pub(crate) promote_never: bool,
    /// f32 factors may be cut to tf32.
    pub(crate) tf32: bool,
}

/// The contraction as a product; `None` where its lengths are too complex to state.
pub(crate) fn product(
    sizes: &mut Symbols<'_>,
    contract: &Contract,
    chip: &Chip,
    licenses: Licenses,
) -> Option<Product> {
    let elements = [contract.a.element, contract.b.element];
    let unit = unit(elements, contract.accumulator, licenses.tf32, chip);
    Some(Product {
        m: sizes.ranges(&contract.m)?,
        n: sizes.ranges(&contract.n)?,
        k: sizes.ranges(&contract.k)?,
        batch: sizes.ranges(&contract.batch)?,
        operands: [
            matrix(sizes, &contract.a, contract, &contract.m)?,
            matrix(sizes, &contract.b, contract, &contract.n)?,
        ],
        unit,
        scale_block: contract.scales.iter().map(|scale| scale.block).reduce(gcd),
        column_block: match varies(contract.scales.iter().map(|scale| scale.n)) {
            Varies::No => None,
            Varies::Blocks(length) => Some(length),
            Varies::Each => Some(1),
        },
        promotes: elements.iter().all(|&e| is_fp8(e)) && !licenses.promote_never,
        batched: !contract.batch.is_empty(),
        filled: contract.filled.is_some(),
        epilogue: epilogue(sizes.kernel, contract),
    })
}

fn epilogue(kernel: &Kernel, contract: &Contract) -> Epilogue {
    let values = contract.epilogue.iter().map(|&at| kernel.equations[at].value);
    let all: Vec<_> =
        values.chain(contract.coefficient).flat_map(|value| reachable(kernel, value)).collect();
    let calls = |expr: Id<Expr>| match kernel.exprs[expr].kind {
        ExprKind::Binary(Binary::Div, ..) => kernel.exprs[expr].ty == Scalar::F32,
        ExprKind::Unary(Unary::Sqrt, _) => true,
        _ => false,
    };
    let matrices = all.iter().filter_map(|&expr| match &kernel.exprs[expr].kind {
        ExprKind::Read(tensor, index) if index.len() > 1 => Some(*tensor),
        _ => None,
    });
    let matrices: BTreeSet<_> = matrices.collect();
    let stored = contract.epilogue.len() + usize::from(contract.stored);
    Epilogue {
        outputs: narrow(stored as i64),
        calls: all.iter().any(|&expr| calls(expr)),
        reads: matrices.len() > 1,
        // A box takes all rows of a tile.
        boxed: contract.filled.is_none() && boxed(kernel, contract),
    }
}

fn matrix(
    sizes: &mut Symbols<'_>,
    operand: &Operand,
    contract: &Contract,
    rows: &[tilec_ir::Id<tilec_ir::tensor::Var>],
) -> Option<Matrix> {
    let gathered = gathered(sizes, operand, contract, rows);
    let (gathered, dimensions) = gathered.map_or((None, 0), |(lies, count)| (Some(lies), count));
    let known = dimensions <= MOST_DIMENSIONS;
    let mut matrix = Matrix { element: operand.element, stored: None, gathered, known };
    let Some(read) = &operand.read else { return Some(matrix) };
    if sizes.kernel.tensors[read.tensor].element != operand.element {
        return Some(matrix);
    }
    let layout = read.axes.last().map(|axis| layout(*axis));
    let Some(layout) = layout else { return Some(matrix) };
    let inner = read.axes.iter().rev().take_while(|axis| self::layout(**axis) == layout);
    let inner = inner.map(|&axis| match axis {
        Axis::Batch(at) => contract.batch[at],
        Axis::Row(at) => rows[at],
        Axis::K(at) => contract.k[at],
    });
    let inner = sizes.ranges(&inner.collect::<Vec<_>>())?;
    matrix.stored = Some(Stored { layout, inner });
    Some(matrix)
}

/// How a gathered operand lies, whose innermost dimension is an axis, and how many it has.
fn gathered(
    sizes: &Symbols<'_>,
    operand: &Operand,
    contract: &Contract,
    rows: &[tilec_ir::Id<tilec_ir::tensor::Var>],
) -> Option<(Stored, usize)> {
    let kernel = &sizes.kernel;
    let (tensor, dims) = contract.gathered(kernel, operand, rows)?;
    let layout = match dims.last()? {
        Told::K => Layout::K,
        Told::Row | Told::RowFrom(_) => Layout::Rows,
        Told::Batch(_) => return None,
    };
    let inner = *kernel.tensors[tensor].shape.last()?;
    let alike = kernel.tensors[tensor].element == operand.element;
    alike.then_some((Stored { layout, inner }, dims.len()))
}

fn layout(axis: Axis) -> Layout {
    match axis {
        Axis::Batch(_) => Layout::Batch,
        Axis::Row(_) => Layout::Rows,
        Axis::K(_) => Layout::K,
    }
}

/// What multiplies two element types without loss, but for the license.
fn unit(elements: [Scalar; 2], accumulator: Scalar, tf32: bool, chip: &Chip) -> Unit {
    let all = |is: fn(Scalar) -> bool| elements.iter().all(|&element| is(element));
    if accumulator == Scalar::I32 {
        return if all(|e| matches!(e, Scalar::I8 | Scalar::U8)) { Unit::I8 } else { Unit::Scalar };
    }
    if !all(Scalar::is_float) {
        return Unit::Scalar;
    }
    let any = |wanted: Scalar| elements.contains(&wanted);
    match (any(Scalar::F32), any(Scalar::Bf16), any(Scalar::F16)) {
        (true, _, _) if tf32 => Unit::Tf32,
        (true, _, _) => Unit::Scalar,
        // tf32 holds the fractions of the one and the exponents of the other.
        (false, true, true) => Unit::Tf32,
        (false, _, true) => Unit::F16,
        (false, true, false) => Unit::Bf16,
        (false, false, false) if chip.peak.fp8.is_some() => Unit::Fp8,
        (false, false, false) => Unit::Bf16,
    }
}

impl Product {
    /// Whether instructions that read both operands from shared memory take them.
    pub(crate) fn on_shared_memory(&self, chip: &Chip) -> bool {
        let Machine::Hopper(_) = chip.machine else { return false };
        let stored = self.operands.iter().all(|matrix| {
            matrix.lies().is_some_and(|lies| match lies.layout {
                Layout::K => matrix.known,
                // Where data tells the place, rows are copied one below the other.
                Layout::Rows => {
                    matrix.stored.is_some()
                        && !self.filled
                        && matches!(matrix.element, Scalar::Bf16 | Scalar::F16)
                }
                Layout::Batch => false,
            })
        });
        let elements = self.operands.each_ref().map(|matrix| matrix.element);
        let taken = match self.unit {
            Unit::Bf16 => elements == [Scalar::Bf16; 2],
            Unit::F16 => elements == [Scalar::F16; 2],
            Unit::Tf32 => elements == [Scalar::F32; 2],
            Unit::I8 | Unit::Fp8 => true,
            Unit::Scalar => false,
        };
        stored && taken
    }

    /// Whether tiles of so many columns may take the row side of the instruction: they
    /// have one scale, and both operands lie with `k` innermost.
    pub(crate) fn swaps(&self, columns: u32) -> bool {
        let k_major = |matrix: &Matrix| matrix.stored.is_some_and(|s| s.layout == Layout::K);
        let one_scale = self.column_block.is_none_or(|block| block % i64::from(columns) == 0);
        one_scale && !self.filled && self.operands.iter().all(k_major)
    }

    /// What tile copies need of the sizes: rows of a multiple of 16 bytes, something to
    /// multiply, and coordinates in 32 bits. `None` if one of them never holds.
    pub(crate) fn copy_conditions(&self, sizes: &mut Symbols<'_>) -> Option<Vec<Condition>> {
        let mut all = vec![sizes.at_least(self.k, 1)];
        for matrix in &self.operands {
            let inner = matrix.lies()?.inner;
            all.push(sizes.divides(16 / bytes(matrix.element), inner)?);
        }
        for length in [self.m, self.n, self.k, self.batch] {
            // A size is below 2^31 at every launch; a product of several may not be.
            if !sizes.is_size(length) {
                all.push(sizes.at_most(length, i64::from(i32::MAX)));
            }
        }
        sizes.open(all)
    }

    /// Elements of `k` in the 128 bytes that a row of a tile has in shared memory.
    pub(crate) fn k_block(&self) -> u32 {
        128 / bytes(self.operands[0].element)
    }
}

/// How a contraction's scales vary along one axis: `Each` if one does, else the
/// common block, else not at all.
pub(crate) fn varies(of: impl Iterator<Item = Varies>) -> Varies {
    of.fold(Varies::No, |all, one| match (all, one) {
        (Varies::Each, _) | (_, Varies::Each) => Varies::Each,
        (Varies::No, other) | (other, Varies::No) => other,
        (Varies::Blocks(x), Varies::Blocks(y)) => Varies::Blocks(gcd(x, y)),
    })
}

pub(crate) fn is_fp8(element: Scalar) -> bool {
    matches!(element, Scalar::F8E4M3 | Scalar::F8E5M2)
}

/// Bytes of an element in memory.
pub(crate) fn bytes(element: Scalar) -> u32 {
    match element {
        Scalar::F32 | Scalar::I32 | Scalar::Idx(_) => 4,
        Scalar::Bf16 | Scalar::F16 => 2,
        Scalar::F8E4M3 | Scalar::F8E5M2 | Scalar::I8 | Scalar::U8 | Scalar::Bool => 1,
    }
}

pub(crate) fn gcd(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a.abs(), b.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
