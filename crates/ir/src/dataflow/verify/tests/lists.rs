//! Lists, rows of pages, and pages for one other core, with one thing wrong.

use crate::dataflow::testing::{ARRIVED, BEST, LISTS, READY, list, select};
use crate::dataflow::{Index, Move, Op, Places, Program, Rank};

use super::{change, refused, remove};

/// Removes a move of the writer.
fn without(is: impl Fn(&Move) -> bool) -> impl FnOnce(&mut Program) {
    move |program| {
        let body = &mut program.steps[0].writer.body;
        remove(body, 0, |op| matches!(op, Op::Move(op) if is(op)));
    }
}

/// Changes a move of a role.
fn with(reader: bool, edit: impl Fn(&mut Move) -> bool) -> impl FnOnce(&mut Program) {
    move |program| {
        let step = &mut program.steps[0];
        let role = if reader { &mut step.reader } else { &mut step.writer };
        change(&mut role.body, 0, |op| match op {
            Op::Move(op) => {
                let mut op = op.clone();
                edit(&mut op).then(|| vec![Op::Move(op)])
            }
            _ => None,
        });
    }
}

#[test]
fn lists_are_filled_before_they_are_read() {
    refused(
        select(),
        without(|op| matches!(op, Move::Rank(Rank::Clear(_)))),
        "page 0 of best is read, and nothing is in it",
    );
    refused(
        select(),
        without(|op| *op == Move::Until(ARRIVED, 1)),
        "page 0 of lists is read, and nothing is in it",
    );
}

#[test]
fn lists_are_sent_to_who_is_ready_and_told_when_they_are_there() {
    refused(
        select(),
        |program| remove(&mut program.steps[0].writer.body, 0, |op| *op == Op::Reserve(LISTS, 1)),
        "core 0, 0 gets pages of lists, and has not said so",
    );
    refused(
        select(),
        without(|op| *op == Move::Until(READY, 1)),
        "ready of core 1, 0 is changed, and the writer of core 0, 0 may not yet be done with it",
    );
    refused(
        select(),
        |program| {
            let barriers = |op: &Op| *op == Op::Move(Move::WriteBarrier);
            remove(&mut program.steps[0].writer.body, 1, barriers);
        },
        "a signal follows best to another core before a write barrier",
    );
    refused(
        select(),
        with(false, |op| match op {
            Move::Deliver { at, .. } => {
                *at = Index::from(1);
                true
            }
            _ => false,
        }),
        "core 0, 0 gets pages of lists, and has not reserved them",
    );
}

#[test]
fn rows_are_written_once() {
    let first = |row: u32| {
        with(false, move |op| match op {
            Move::WriteRows { first, .. } => {
                *first = Index::from(row);
                true
            }
            _ => false,
        })
    };
    refused(select(), first(7), "page 0 of c is written twice");
    refused(select(), first(32), "a tile has 32 rows, and 32 .. 33 are not among them");
    refused(
        select(),
        |program| {
            let step = &mut program.steps[0];
            for role in [&mut step.reader, &mut step.writer] {
                change(&mut role.body, 0, |op| match op {
                    Op::Loop { name, body, .. } => {
                        let (name, count) = (name.clone(), Index::from(31));
                        Some(vec![Op::Loop { name, count, body: body.clone() }])
                    }
                    _ => None,
                });
            }
        },
        "1 of 1 pages of c are never written",
    );
    refused(
        select(),
        without(|op| matches!(op, Move::WriteBarrier)),
        "page 0 of c is filled while it is still sent",
    );
}

#[test]
fn what_is_read_and_offered_is_in_tiles_and_lists() {
    refused(
        select(),
        with(true, |op| match op {
            Move::ReadRows { rows, .. } => {
                *rows = 2;
                true
            }
            _ => false,
        }),
        "2 rows from 1 are no whole piece of a tile",
    );
    refused(
        select(),
        with(false, |op| match op {
            Move::Rank(Rank::Offer { columns, .. }) => {
                *columns = Index::from(33);
                true
            }
            _ => false,
        }),
        "33 elements are of no row of a tile",
    );
    refused(
        select(),
        with(false, |op| match op {
            Move::Rank(Rank::Indices { places, .. }) => {
                *places = Places { list: list(BEST), first: 2.into(), count: 4.into() };
                true
            }
            _ => false,
        }),
        "places 2 .. 6 of a list of 4",
    );
    refused(
        select(),
        with(false, |op| match op {
            Move::Rank(Rank::Offer { key, .. }) => {
                key.bits = 32;
                true
            }
            _ => false,
        }),
        "elements of 32 bits, not bf16",
    );
    refused(
        select(),
        with(false, |op| match op {
            Move::Rank(Rank::Merge { into, .. }) => {
                into.places = 5;
                true
            }
            _ => false,
        }),
        "lists of different lengths are merged",
    );
}
