//! `c[b] = x[b] + w[group[b]]`, but for the sum: tiles of `w` come once for each run.

use crate::dataflow::{Deal, Format, Index, Math, Move, Op, Program, RUN_WORDS, Work};

use super::{buffer, copy_tile, each, pack, plan, read, ring, section, step, write};

/// Rings: the table, the lists of the roles, tiles.
pub(in crate::dataflow) const GROUPS: usize = 0;
pub(in crate::dataflow) const LISTS: [usize; 3] = [1, 2, 3];
pub(in crate::dataflow) const X: usize = 4;
pub(in crate::dataflow) const W: usize = 5;
const C: usize = 6;

/// Six tiles of four groups, on two cores.
pub(in crate::dataflow) fn listed() -> Program {
    let ring_of = |name, format| ring(name, format, 1, "");
    let words = ["groups", "work", "work_of_compute", "work_of_writer"];
    let tiles = ["x", "w", "c"].map(|name| ring_of(name, Format::Bf16));
    let rings = words.map(|name| ring_of(name, Format::Word)).into_iter().chain(tiles).collect();
    let mut step = step("c", [2, 1], rings);
    step.reader.body = [dealt(), runs(0, tile(W, 1, "group"), tile(X, 0, row()), vec![])].concat();
    let section = section(vec![copy_tile(X, 0, 0)], vec![pack(0, C, 0)]);
    let start = vec![Op::Wait(X, 1), Op::Reserve(C, 1)];
    let end = vec![Op::Pop(X, 1), Op::Push(C, 1)];
    let body = [start, section, end].concat();
    step.compute.body =
        vec![Op::Equation(0), Op::Math(Math::CopyInit(X)), Op::Math(Math::PackInit(C))];
    step.compute.body.push(Op::Wait(LISTS[1], 1));
    step.compute.body.extend(runs(1, vec![Op::Wait(W, 1)], body, vec![Op::Pop(W, 1)]));
    step.compute.body.push(Op::Pop(LISTS[1], 1));
    let written =
        vec![Op::Wait(C, 1), write(3, row(), C, 0), Op::Move(Move::WriteBarrier), Op::Pop(C, 1)];
    step.writer.body = vec![Op::Wait(LISTS[2], 1)];
    step.writer.body.extend(runs(2, vec![], written, vec![]));
    step.writer.body.push(Op::Pop(LISTS[2], 1));
    let (x, w, table) = ([192, 32], [128, 32], [1, 6]);
    let mut group = buffer(2, "group", table);
    group.format = Format::Word;
    Program {
        plan: plan(&[("x", x), ("w", w), ("group", table), ("c", x)]),
        chip: "wormhole_n150".to_owned(),
        arch: "wormhole".to_owned(),
        buffers: vec![buffer(0, "x", x), buffer(1, "w", w), group, buffer(3, "c", x)],
        steps: vec![step],
    }
}

fn row() -> Index {
    Index::named("first") + "tile"
}

fn tile(ring: usize, buffer: usize, page: impl Into<Index>) -> Vec<Op> {
    let read = read(buffer, page, ring, 0);
    vec![Op::Reserve(ring, 1), read, Op::Move(Move::ReadBarrier), Op::Push(ring, 1)]
}

fn dealt() -> Vec<Op> {
    let deal = Deal {
        groups: GROUPS,
        filled: None,
        tiles: 6,
        most_groups: 4,
        columns: 1,
        core: Index::CoreColumn,
        cores: 2,
        into: LISTS.to_vec(),
    };
    let reserve = [GROUPS].into_iter().chain(LISTS).map(|ring| Op::Reserve(ring, 1));
    let mut ops: Vec<_> = reserve.collect();
    ops.push(Op::Move(Move::Work(Work::Fetch { table: 2, into: GROUPS })));
    ops.push(Op::Move(Move::ReadBarrier));
    ops.push(Op::Move(Move::Work(Work::Deal(deal))));
    ops.extend([Op::Push(LISTS[1], 1), Op::Push(LISTS[2], 1)]);
    ops
}

fn runs(role: usize, before: Vec<Op>, body: Vec<Op>, after: Vec<Op>) -> Vec<Op> {
    let list = LISTS[role];
    let learn = |name: &str, word: Index| Op::Learn { name: name.to_owned(), list, word };
    let word = |at: u32| (Index::named("run") + 1) * RUN_WORDS + at;
    let mut run = vec![learn("group", word(0)), learn("first", word(1)), learn("length", word(2))];
    run.extend(before);
    run.push(each("tile", "length", body));
    run.extend(after);
    vec![learn("runs", 0.into()), each("run", "runs", run)]
}
