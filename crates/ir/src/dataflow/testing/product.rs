//! `c = a b`, a block of c for each core; blocks of a go along rows of cores, blocks of b
//! along columns, each from the core whose turn it is. Sums are added up in L1.

use crate::dataflow::{
    Area, Constant, Format, Index, Math, Move, Op, Program, Semaphore, Step, Test, UnaryVector,
    Vector,
};

use super::{buffer, copy_tile, each, pack, plan, read, ring, section, step, vector, write};

/// Rings.
const A: usize = 0;
const B: usize = 1;
const SUMS: usize = 2;
const C: usize = 3;

/// How a product is cut, in tiles.
#[derive(Clone, Copy, Debug)]
pub(in crate::dataflow) struct Shape {
    /// Columns and rows of cores.
    pub(in crate::dataflow) grid: [u32; 2],
    /// Rows and columns of c of each core; columns by four.
    pub(in crate::dataflow) block: [u32; 2],
    /// Along k, in all and at a time.
    pub(in crate::dataflow) k: [u32; 2],
}

/// The program; with one core in a row or column, nothing is sent along it.
pub(in crate::dataflow) fn product(shape: Shape) -> Program {
    let Shape { grid: [columns, rows], block: [block_rows, block_columns], k: [k, k_block] } =
        shape;
    let (m, n) = (rows * block_rows, columns * block_columns);
    let matrices = [("a", [32 * m, 32 * k]), ("b", [32 * k, 32 * n]), ("c", [32 * m, 32 * n])];
    let rings = vec![
        ring("a", Format::Bf16, 2 * block_rows * k_block, "blocks of a"),
        ring("b", Format::Bf16, 2 * block_columns * k_block, "blocks of b"),
        ring("sums", Format::F32, block_rows * block_columns, "partial sums of c"),
        ring("c", Format::Bf16, 8, "tiles of c"),
    ];
    let mut step = step("c", [columns, rows], rings);
    for (name, value) in [
        ("K_TILES", k),
        ("K_BLOCKS", k / k_block),
        ("K_BLOCK", k_block),
        ("ROWS", block_rows),
        ("COLUMNS", block_columns),
        ("N_TILES", n),
    ] {
        step.constants.push(Constant { name: name.to_owned(), value, says: String::new() });
    }
    for name in ["a_ready", "a_valid", "b_ready", "b_valid"] {
        step.semaphores.push(Semaphore { name: name.to_owned(), initial: 0 });
    }
    if columns == 1 && rows == 1 {
        step.semaphores.clear();
    }
    step.reader.body = vec![each("kb", "K_BLOCKS", send_a(shape))];
    step.writer.body = vec![each("kb", "K_BLOCKS", send_b(shape)), put(block_rows, block_columns)];
    compute(&mut step, shape);
    Program {
        plan: plan(&matrices),
        chip: "wormhole_n150".to_owned(),
        arch: "wormhole".to_owned(),
        buffers: matrices.iter().enumerate().map(|(at, x)| buffer(at, x.0, x.1)).collect(),
        steps: vec![step],
    }
}

fn send_a(Shape { grid, block, k }: Shape) -> Vec<Op> {
    let page =
        (Index::CoreRow * "ROWS" + "row") * "K_TILES" + Index::named("kb") * "K_BLOCK" + "at";
    let load = vec![each(
        "row",
        "ROWS",
        vec![each("at", "K_BLOCK", vec![read(0, page, A, Index::named("row") * "K_BLOCK" + "at")])],
    )];
    block_of(A, block[0] * k[1], load, Area::Row, grid[0], Index::CoreColumn, 0)
}

fn send_b(Shape { grid, block, k }: Shape) -> Vec<Op> {
    let page = (Index::named("kb") * "K_BLOCK" + "at") * "N_TILES"
        + Index::CoreColumn * "COLUMNS"
        + "column";
    let load = vec![each(
        "at",
        "K_BLOCK",
        vec![each(
            "column",
            "COLUMNS",
            vec![read(1, page, B, Index::named("at") * "COLUMNS" + "column")],
        )],
    )];
    block_of(B, block[1] * k[1], load, Area::Column, grid[1], Index::CoreRow, 2)
}

/// Fills a block, or gets it from the core whose turn it is.
fn block_of(
    ring: usize,
    tiles: u32,
    load: Vec<Op>,
    area: Area,
    cores: u32,
    own: Index,
    ready: usize,
) -> Vec<Op> {
    let valid = ready + 1;
    let mut ops = vec![Op::Reserve(ring, tiles)];
    let mut here = load;
    here.push(Op::Move(Move::ReadBarrier));
    if cores == 1 {
        ops.extend(here);
    } else {
        let sender = Index::named("kb") % cores;
        here.extend([
            Op::Move(Move::Until(ready, cores - 1)),
            Op::Move(Move::Set(ready, 0)),
            Op::Move(Move::Multicast { from: ring, into: ring, tiles, area, own: false }),
            Op::Move(Move::Set(valid, 1)),
            Op::Move(Move::SignalAll { semaphore: valid, area }),
        ]);
        let there = vec![
            Op::Move(Move::Set(valid, 0)),
            Op::Move(Move::SignalOne { semaphore: ready, area, to: sender.clone() }),
            Op::Move(Move::Until(valid, 1)),
        ];
        ops.push(Op::If { test: Test::Equal(own, sender), then: here, otherwise: there });
    }
    ops.push(Op::Push(ring, tiles));
    ops
}

fn compute(step: &mut Step, Shape { block: [rows, columns], k: [_, k_block], .. }: Shape) {
    let block = [1, 4, k_block];
    let multiply = each(
        "at",
        "K_BLOCK",
        vec![Op::Math(Math::Multiply {
            a: A,
            b: B,
            a_at: Index::named("row") * "K_BLOCK" + "at",
            b_at: Index::named("at") * "COLUMNS" + Index::named("part") * 4,
            dst: 0,
            transpose: false,
            block,
        })],
    );
    let at = |tile: u32| Index::named("row") * "COLUMNS" + Index::named("part") * 4 + tile;
    let packs = (0..4).map(|tile| pack(tile, SUMS, at(tile))).collect();
    let parts = each("part", Index::named("COLUMNS") / 4, section(vec![multiply], packs));
    let first = Test::Equal(Index::named("kb"), 0.into());
    let adds = Op::If {
        test: first,
        then: vec![Op::Math(Math::PackAdds(false))],
        otherwise: vec![Op::Math(Math::PackAdds(true))],
    };
    let blocks = vec![
        Op::Wait(A, rows * k_block),
        Op::Wait(B, columns * k_block),
        adds,
        each("row", "ROWS", vec![parts]),
        Op::Pop(A, rows * k_block),
        Op::Pop(B, columns * k_block),
    ];
    let sums = rows * columns;
    step.compute.body = vec![
        Op::Equation(0),
        Op::Math(Math::MultiplyInit { a: A, b: B, transpose: false, block }),
        Op::Math(Math::PackInit(SUMS)),
        Op::Reserve(SUMS, sums),
        each("kb", "K_BLOCKS", blocks),
        Op::Push(SUMS, sums),
        Op::Math(Math::PackAdds(false)),
        Op::Wait(SUMS, sums),
        Op::Math(Math::CopyInit(SUMS)),
        Op::Math(Math::PackInit(C)),
        each("part", sums / 4, round()),
        Op::Pop(SUMS, sums),
    ];
}

/// Four sums to bf16.
fn round() -> Vec<Op> {
    let copy = |tile| copy_tile(SUMS, Index::named("part") * 4 + tile, tile);
    let mut math: Vec<_> = (0..4).map(copy).collect();
    math.extend((0..4).map(|tile| vector(Vector::Unary(UnaryVector::RoundBf16, tile, tile))));
    let packs = (0..4).map(|dst| Op::Math(Math::Pack { dst, into: C, at: None })).collect();
    let mut ops = vec![Op::Reserve(C, 4)];
    ops.extend(section(math, packs));
    ops.push(Op::Push(C, 4));
    ops
}

/// The writer's end.
fn put(rows: u32, columns: u32) -> Op {
    let row = Index::CoreRow * "ROWS" + Index::named("tile") * 4 / "COLUMNS";
    let column = Index::CoreColumn * "COLUMNS" + Index::named("tile") * 4 % "COLUMNS";
    let mut body = vec![Op::Let("first".to_owned(), row * "N_TILES" + column), Op::Wait(C, 4)];
    body.extend((0..4).map(|tile| write(2, Index::named("first") + tile, C, tile)));
    body.extend([Op::Move(Move::WriteBarrier), Op::Pop(C, 4)]);
    each("tile", rows * columns / 4, body)
}
