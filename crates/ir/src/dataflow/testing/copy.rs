//! `c = bf16(x)`, tile by tile, on two cores.

use crate::dataflow::{
    Argument, Constant, Format, Index, Math, Move, Op, Program, UnaryVector, Vector,
};

use super::{buffer, copy_tile, each, pack, plan, read, ring, section, step, vector, write};

/// Ring of tiles of x, and of c.
const X: usize = 0;
const C: usize = 1;

/// Eight tiles, four for each core.
pub(in crate::dataflow) fn copy() -> Program {
    let shape = [64, 128];
    let rings =
        vec![ring("x", Format::Bf16, 2, "tiles of x"), ring("c", Format::Bf16, 2, "tiles of c")];
    let mut step = step("c", [2, 1], rings);
    step.constants.push(Constant {
        name: "TILES".to_owned(),
        value: 4,
        says: "of a core".to_owned(),
    });
    let first = Argument { name: "first".to_owned(), values: vec![0, 4] };
    step.reader.arguments.push(first.clone());
    step.writer.arguments.push(first);
    let page = || Index::named("first") + "tile";
    step.reader.body = vec![each(
        "tile",
        "TILES",
        vec![Op::Reserve(X, 1), read(0, page(), X, 0), Op::Move(Move::ReadBarrier), Op::Push(X, 1)],
    )];
    let convert = vec![copy_tile(X, 0, 0), vector(Vector::Unary(UnaryVector::RoundBf16, 0, 1))];
    let mut body = vec![Op::Wait(X, 1), Op::Reserve(C, 1)];
    body.extend(section(convert, vec![pack(1, C, 0)]));
    body.extend([Op::Pop(X, 1), Op::Push(C, 1)]);
    step.compute.body = vec![
        Op::Equation(0),
        Op::Math(Math::CopyInit(X)),
        Op::Math(Math::PackInit(C)),
        each("tile", "TILES", body),
    ];
    step.writer.body = vec![each(
        "tile",
        "TILES",
        vec![Op::Wait(C, 1), write(1, page(), C, 0), Op::Move(Move::WriteBarrier), Op::Pop(C, 1)],
    )];
    Program {
        plan: plan(&[("x", shape), ("c", shape)]),
        chip: "wormhole_n150".to_owned(),
        arch: "wormhole".to_owned(),
        buffers: vec![buffer(0, "x", shape), buffer(1, "c", shape)],
        steps: vec![step],
    }
}
