//! Multicasts and semaphores with one thing wrong.

use crate::dataflow::testing::{Shape, product};
use crate::dataflow::{Area, Move, Op, Program, verify};
use crate::testing::Random;

use super::{change, refused, remove};

const FOUR: Shape = Shape { grid: [2, 2], block: [2, 4], k: [4, 1] };
const READY: usize = 0;
const VALID: usize = 1;

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
