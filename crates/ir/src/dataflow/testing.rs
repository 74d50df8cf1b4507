//! Small dataflow programs built by hand, for tests of the verifier and the printer.

mod copy;
mod product;
mod select;
mod work;

use crate::arena::{Arena, Id};
use crate::dataflow::verify::Limits;
use crate::dataflow::{
    BufferAt, Circular, CircularAt, Fidelity, Format, Index, Math, Move, Op, Role, Step, Vector,
};
use crate::diagnostic::Span;
use crate::int::Ints;
use crate::plan::{Plan, Region, RegionKind};
use crate::tensor::{Equation, Expr, ExprKind, Kernel, Scalar, Tensor};

pub(super) use copy::copy;
pub(super) use product::{Shape, product};
pub(super) use select::{ARRIVED, BEST, LISTS, READY, list, select};
pub(super) use work::{GROUPS, LISTS as WORK, W as LISTED_W, X as LISTED_X, listed};

/// A chip of 8 x 8 cores.
pub(super) const LIMITS: Limits = Limits {
    l1_bytes: 1_393_312,
    dram_bytes: 12 << 30,
    rings: 32,
    dst_tiles: 16,
    grid: [8, 8],
    words_to_dst: false,
    native_e4m3: false,
};

/// A plan of one region that fills the output, the last of the matrices.
pub(super) fn plan(matrices: &[(&str, [u32; 2])]) -> Plan {
    let mut ints = Ints::default();
    let mut tensors = Arena::default();
    for (at, (name, shape)) in matrices.iter().enumerate() {
        let role = if at + 1 == matrices.len() {
            crate::tensor::Role::Output
        } else {
            crate::tensor::Role::Input
        };
        let shape = shape.map(|length| ints.constant(length.into())).to_vec();
        let name = (*name).to_owned();
        tensors.push(Tensor { name, element: Scalar::Bf16, shape, role, span: Span::default() });
    }
    let mut exprs = Arena::default();
    let span = Span { start: 3, end: 7 };
    let value = exprs.push(Expr { kind: ExprKind::Float(0.0), ty: Scalar::F32, span });
    let output = Id::new(matrices.len() - 1);
    let kernel = Kernel {
        name: "test".to_owned(),
        span: Span::default(),
        sizes: Arena::default(),
        facts: Vec::new(),
        tensors,
        vars: Arena::default(),
        ints,
        exprs,
        equations: vec![Equation { tensor: output, vars: Vec::new(), value, span }],
    };
    let region = Region { covers: vec![0], kind: RegionKind::Pointwise };
    Plan { kernel, regions: vec![region], declined: Vec::new(), sorted: Vec::new() }
}

/// A matrix in DRAM, as it is.
pub(super) fn buffer(at: usize, name: &str, [rows, columns]: [u32; 2]) -> super::Buffer {
    super::Buffer {
        name: name.to_owned(),
        tensor: Id::new(at),
        batch: Vec::new(),
        rows: vec![0],
        columns: vec![1],
        extent: [1, rows.into(), columns.into()],
        format: Format::Bf16,
    }
}

pub(super) fn ring(name: &str, format: Format, tiles: u32, holds: &str) -> Circular {
    Circular { name: name.to_owned(), format, tiles, holds: holds.to_owned() }
}

/// A step without roles.
pub(super) fn step(name: &str, grid: [u32; 2], circular: Vec<Circular>) -> Step {
    Step {
        name: name.to_owned(),
        region: 0,
        grid,
        fidelity: Fidelity::HiFi4,
        f32_dst: true,
        full_sync: false,
        constants: Vec::new(),
        circular,
        semaphores: Vec::new(),
        reader: Role::default(),
        compute: Role::default(),
        writer: Role::default(),
        chosen_by: "hand".to_owned(),
        math_cycles: [0.0, 0.0],
        writer_cycles: 0.0,
        least_dram_bytes: 0,
    }
}

pub(super) fn each(name: &str, count: impl Into<Index>, body: Vec<Op>) -> Op {
    Op::Loop { name: name.to_owned(), count: count.into(), body }
}

pub(super) fn read(
    buffer: BufferAt,
    page: impl Into<Index>,
    into: CircularAt,
    at: impl Into<Index>,
) -> Op {
    Op::Move(Move::Read { buffer, page: page.into(), into, at: at.into() })
}

pub(super) fn write(
    buffer: BufferAt,
    page: impl Into<Index>,
    from: CircularAt,
    at: impl Into<Index>,
) -> Op {
    Op::Move(Move::Write { buffer, page: page.into(), from, at: at.into() })
}

pub(super) fn copy_tile(from: CircularAt, at: impl Into<Index>, dst: u32) -> Op {
    Op::Math(Math::Copy { from, at: at.into(), dst })
}

pub(super) fn pack(dst: u32, into: CircularAt, at: impl Into<Index>) -> Op {
    Op::Math(Math::Pack { dst, into, at: Some(at.into()) })
}

pub(super) fn vector(op: Vector) -> Op {
    Op::Math(Math::Vector(op))
}

/// Math, and then packing, of one section of DST.
pub(super) fn section(math: Vec<Op>, packing: Vec<Op>) -> Vec<Op> {
    let mut ops = vec![Op::Math(Math::Acquire)];
    ops.extend(math);
    ops.extend([Op::Math(Math::Commit), Op::Math(Math::AwaitMath)]);
    ops.extend(packing);
    ops.push(Op::Math(Math::Release));
    ops
}
