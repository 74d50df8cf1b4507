//! Multicasts and semaphores with one thing wrong.

use crate::dataflow::testing::{LIMITS, Shape, product, read, ring};
use crate::dataflow::{Area, Format, Index, Move, Op, Program, Test, verify};
use crate::testing::Random;

use super::{change, refused, remove};

const FOUR: Shape = Shape { grid: [2, 2], block: [2, 4], k: [4, 1] };
const READY: usize = 0;
const VALID: usize = 1;
/// A ring after the others.
const OWN: usize = 4;

/// Removes a move of the reader.
fn without(is: impl Fn(&Move) -> bool) -> impl FnOnce(&mut Program) {
    move |program| {
        let body = &mut program.steps[0].reader.body;
        remove(body, 0, |op| matches!(op, Op::Move(op) if is(op)));
    }
}

/// Puts moves in the place of one of the reader.
fn instead(is: impl Fn(&Move) -> Option<Vec<Move>>) -> impl FnOnce(&mut Program) {
    move |program| {
        change(&mut program.steps[0].reader.body, 0, |op| match op {
            Op::Move(op) => is(op).map(|ops| ops.into_iter().map(Op::Move).collect()),
            _ => None,
        });
    }
}

#[test]
fn who_sends_knows_that_all_are_ready() {
    refused(
        product(FOUR),
        without(|op| *op == Move::Until(READY, 1)),
        "core 1, 0 gets 2 pages of a, and has not said so",
    );
    refused(
        product(FOUR),
        without(|op| matches!(op, Move::SignalOne { .. })),
        "the reader of core 0, 0 waits for a_ready to be 1 (it is 0)",
    );
    refused(
        product(FOUR),
        instead(|op| (*op == Move::Until(READY, 1)).then(|| vec![Move::Until(READY, 2)])),
        "waits for a_ready to be 2 (it is 1)",
    );
    refused(
        product(FOUR),
        without(|op| *op == Move::Set(READY, 0)),
        "core 1, 0 gets 2 pages of a, and has not reserved them",
    );
}

#[test]
fn who_gets_knows_that_all_has_come() {
    refused(
        product(FOUR),
        without(|op| *op == Move::Until(VALID, 1)),
        "page 0 of a is pushed, and nothing is in it",
    );
    refused(
        product(FOUR),
        without(|op| *op == Move::Set(VALID, 0)),
        "page 0 of a is pushed, and nothing is in it",
    );
    refused(
        product(FOUR),
        without(|op| matches!(op, Move::SignalAll { .. })),
        "waits for a_valid to be 1 (it is 0)",
    );
    refused(
        product(FOUR),
        without(|op| *op == Move::Set(VALID, 1)),
        "a_valid is sent as a signal, and is 0 here, not 1",
    );
}

/// Who is first depends on the schedule; that something is wrong does not.
#[test]
fn every_order_finds_what_is_wrong() {
    let mut random = Random::new(5);
    let program = product(Shape { grid: [3, 2], ..FOUR });
    let right = verify::run(&program, None).unwrap();
    for _ in 0..8 {
        assert_eq!(in_random_order(&program, &mut random), Ok(right.clone()));
    }
    for nth in 0..10 {
        let mut broken = program.clone();
        remove(&mut broken.steps[0].reader.body, nth, |op| {
            matches!(op, Op::Move(_) | Op::Reserve(..) | Op::Push(..))
        });
        for _ in 0..8 {
            let found = in_random_order(&broken, &mut random);
            assert!(found.is_err(), "op {nth} is missing");
        }
    }
}

fn in_random_order(
    program: &Program,
    random: &mut Random,
) -> Result<Vec<verify::Traffic>, Vec<verify::Fault>> {
    verify::run_in_order(program, None, |tasks| {
        let mut order: Vec<_> = (0..tasks).collect();
        for at in 1..tasks {
            order.swap(at, random.below(at + 1));
        }
        order
    })
}

#[test]
fn what_is_sent_comes_before_the_word_that_says_so() {
    let send = Move::Multicast { from: 0, into: 0, tiles: 2, area: Area::Row, own: false };
    let late = |program: &mut Program| {
        without(|op| *op == send)(program);
        instead(|op| match op {
            Move::SignalAll { .. } => Some(vec![op.clone(), send.clone()]),
            _ => None,
        })(program);
    };
    refused(product(FOUR), late, "a is pushed before core 0, 0 says that its pages have arrived");
}

#[test]
fn who_gets_has_said_that_its_pages_are_free() {
    let mut program = product(FOUR);
    without(|op| *op == Move::Until(READY, 1))(&mut program);
    without(|op| *op == Move::Set(READY, 0))(&mut program);
    without(|op| matches!(op, Move::SignalOne { .. }))(&mut program);
    // Core 1 has reserved its pages by chance: it is first.
    let faults = verify::run_in_order(&program, None, |tasks| (0..tasks).rev().collect());
    let found = faults.unwrap_err()[0].to_string();
    assert!(found.contains("gets 2 pages of a, and has not said so"), "{found}");
}

#[test]
fn pages_land_in_the_same_place_and_alone() {
    let only = |column: u32, then: Vec<Op>| {
        let test = Test::Equal(Index::CoreColumn, column.into());
        Op::If { test, then, otherwise: Vec::new() }
    };
    refused(
        product(FOUR),
        |program| {
            let mut load = vec![Op::Reserve(0, 2)];
            load.extend([read(0, 0, 0, 0), read(0, 0, 0, 1)]);
            load.extend([Op::Move(Move::ReadBarrier), Op::Push(0, 2)]);
            program.steps[0].reader.body.insert(0, only(1, load));
            let take = vec![Op::Wait(0, 2), Op::Pop(0, 2)];
            program.steps[0].compute.body.insert(0, only(1, take));
        },
        "core 1, 0 is at another place of a than this core",
    );
    refused(
        product(FOUR),
        instead(|op| {
            let more = [Move::Zero { into: 0, at: 0.into() }, Move::ReadBarrier, op.clone()];
            (*op == Move::Set(VALID, 0)).then(|| more.to_vec())
        }),
        "core 1, 0 has already filled its pages of a",
    );
}

/// Blocks of `a` come through a ring of their own.
fn through_another() -> Program {
    let mut program = product(FOUR);
    program.steps[0].circular.push(ring("own", Format::Bf16, 2, "blocks of a to be sent"));
    let body = &mut program.steps[0].reader.body;
    change(body, 0, |op| match op {
        Op::Move(Move::Read { page, at, .. }) => Some(vec![read(0, page.clone(), OWN, at.clone())]),
        _ => None,
    });
    change(body, 0, |op| match op {
        Op::Move(Move::Multicast { tiles, area, .. }) => {
            let send =
                Move::Multicast { from: OWN, into: 0, tiles: *tiles, area: *area, own: true };
            Some(vec![Op::Move(send), Op::Move(Move::WriteBarrier)])
        }
        _ => None,
    });
    body.insert(0, Op::Reserve(OWN, 2));
    program
}

#[test]
fn what_comes_back_to_who_sends_is_waited_for() {
    verify::verify(&through_another(), &LIMITS).unwrap();
    refused(
        through_another(),
        without(|op| *op == Move::WriteBarrier),
        "page 0 of a is pushed before a write barrier",
    );
    refused(
        through_another(),
        instead(|op| match op {
            Move::Multicast { from, tiles, area, own, .. } => Some(vec![Move::Multicast {
                from: *from,
                into: *from,
                tiles: *tiles,
                area: *area,
                own: *own,
            }]),
            _ => None,
        }),
        "pages are sent to where they are",
    );
}

#[test]
fn multicasts_fill_what_is_reserved() {
    let tiles = |count: u32| {
        instead(move |op| match op {
            Move::Multicast { from, into, area, own, .. } => Some(vec![Move::Multicast {
                from: *from,
                into: *into,
                tiles: count,
                area: *area,
                own: *own,
            }]),
            _ => None,
        })
    };
    refused(product(FOUR), tiles(1), "page 1 of a is pushed, and nothing is in it");
    refused(product(FOUR), tiles(3), "page 2 of a is not among the 0 waited for");
    refused(
        product(FOUR),
        |program| remove(&mut program.steps[0].reader.body, 0, |op| matches!(op, Op::Reserve(..))),
        "page 0 of a is not among the 0 reserved",
    );
    refused(
        product(Shape { grid: [1, 2], ..FOUR }),
        instead(|op| {
            let area = Area::Row;
            let send = Move::Multicast { from: 0, into: 0, tiles: 2, area, own: false };
            (*op == Move::ReadBarrier).then(|| vec![Move::ReadBarrier, send])
        }),
        "it reaches no core",
    );
    refused(
        product(FOUR),
        without(|op| *op == Move::ReadBarrier),
        "page 0 of a is read before a read barrier",
    );
}
