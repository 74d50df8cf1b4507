//! The first 4 indices of rows of `x`, each cut in two for two cores.

use crate::dataflow::{
    Area, Format, Index, Key, KeyKind, List, Move, Op, Places, Program, Rank, Semaphore, Test,
};
use crate::tensor::Order;

use super::{buffer, each, plan, ring, step};

/// Rings: rows of x, a core's list, the other's list, a tile of indices.
const X: usize = 0;
pub(in crate::dataflow) const BEST: usize = 1;
pub(in crate::dataflow) const LISTS: usize = 2;
const C: usize = 3;
pub(in crate::dataflow) const READY: usize = 0;
pub(in crate::dataflow) const ARRIVED: usize = 1;

/// 32 rows of two tiles, one for each core.
pub(in crate::dataflow) fn select() -> Program {
    let rings = vec![
        ring("x", Format::Bf16, 2, "rows of x"),
        ring("best", Format::Word, 1, "a list"),
        ring("lists", Format::Word, 1, "the list of the other core"),
        ring("c", Format::Word, 1, "a tile of c"),
    ];
    let mut step = step("c", [2, 1], rings);
    let semaphore = |name: &str| Semaphore { name: name.to_owned(), initial: 0 };
    step.semaphores = vec![semaphore("ready"), semaphore("arrived")];
    let (page, first, at) = (Index::CoreColumn, Index::named("row"), Index::from(0));
    let read = Move::ReadRows { buffer: 0, page, first, rows: 1, into: X, at };
    step.reader.body = vec![each(
        "row",
        32,
        vec![Op::Reserve(X, 1), Op::Move(read), Op::Move(Move::ReadBarrier), Op::Push(X, 1)],
    )];
    step.writer.body = writer();
    let mut c = buffer(1, "c", [32, 32]);
    c.format = Format::Word;
    Program {
        plan: plan(&[("x", [32, 64]), ("c", [32, 32])]),
        chip: "wormhole_n150".to_owned(),
        arch: "wormhole".to_owned(),
        buffers: vec![buffer(0, "x", [32, 64]), c],
        steps: vec![step],
    }
}

pub(in crate::dataflow) fn list(ring: usize) -> List {
    List { ring, page: 0.into(), slot: 0.into(), places: 4 }
}

fn rank(op: Rank) -> Op {
    Op::Move(Move::Rank(op))
}

fn is_first() -> Test {
    Test::Equal(Index::CoreColumn, Index::from(0))
}

fn writer() -> Vec<Op> {
    let announce = vec![
        Op::Reserve(LISTS, 1),
        Op::Move(Move::Set(READY, 1)),
        Op::Move(Move::SignalAll { semaphore: READY, area: Area::Row }),
    ];
    let key = Key { bits: 16, kind: KeyKind::Signed, order: Order::Ascending };
    let offer = Rank::Offer {
        keys: X,
        at: 0.into(),
        row: "row".into(),
        columns: 32.into(),
        first: Index::CoreColumn * 32,
        key,
        list: list(BEST),
    };
    let row = vec![
        Op::If { test: is_first(), then: announce, otherwise: Vec::new() },
        rank(Rank::Clear(list(BEST))),
        Op::Wait(X, 1),
        rank(offer),
        Op::Pop(X, 1),
        Op::If { test: is_first(), then: finish(), otherwise: send() },
    ];
    vec![Op::Reserve(BEST, 1), Op::Reserve(C, 1), each("row", 32, row)]
}

fn finish() -> Vec<Op> {
    let places = Places { list: list(BEST), first: 0.into(), count: 4.into() };
    let (page, first, rows) = (0.into(), Index::named("row"), 1.into());
    vec![
        Op::Move(Move::Until(ARRIVED, 1)),
        Op::Move(Move::Set(ARRIVED, 0)),
        rank(Rank::Merge { from: list(LISTS), into: list(BEST) }),
        rank(Rank::Sort(list(BEST))),
        rank(Rank::Indices { places, row: "row".into(), into: C }),
        Op::Move(Move::WriteRows { buffer: 1, page, first, rows, from: C }),
        Op::Move(Move::WriteBarrier),
    ]
}

fn send() -> Vec<Op> {
    let (area, to, at) = (Area::Row, Index::from(0), Index::from(0));
    vec![
        rank(Rank::Sort(list(BEST))),
        Op::Move(Move::Until(READY, 1)),
        Op::Move(Move::Set(READY, 0)),
        Op::Move(Move::Deliver { from: BEST, into: LISTS, at, tiles: 1, area, to: to.clone() }),
        Op::Move(Move::WriteBarrier),
        Op::Move(Move::SignalOne { semaphore: ARRIVED, area, to }),
    ]
}
