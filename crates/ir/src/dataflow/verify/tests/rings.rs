//! Rings, pages and barriers with one thing wrong.

use crate::dataflow::testing::{copy, read, write};
use crate::dataflow::{CircularAt, Index, Move, Op, Program};

use super::{change, refused, remove};

const X: CircularAt = 0;
const C: CircularAt = 1;

fn is_push(op: &Op) -> bool {
    matches!(op, Op::Push(..))
}

fn is_pop(op: &Op) -> bool {
    matches!(op, Op::Pop(..))
}

#[test]
fn a_dropped_op_is_found() {
    refused(
        copy(),
        |x| remove(&mut x.steps[0].reader.body, 0, is_push),
        "nobody can go on: the compute of core 0, 0 waits for 1 page of x (0 are there); \
         the writer of core 0, 0 waits for 1 page of c (0 are there); \
         the compute of core 1, 0 waits",
    );
    refused(
        copy(),
        |x| remove(&mut x.steps[0].compute.body, 0, is_pop),
        "nobody can go on: the reader of core 0, 0 waits for 1 free page of x (0 of 2 are)",
    );
    refused(
        copy(),
        |x| remove(&mut x.steps[0].reader.body, 0, |op| matches!(op, Op::Reserve(..))),
        "page 0 of x is not among the 0 reserved",
    );
    refused(
        copy(),
        |x| remove(&mut x.steps[0].compute.body, 0, |op| matches!(op, Op::Wait(..))),
        "page 0 of x is not among the 0 waited for",
    );
    refused(
        copy(),
        |x| remove(&mut x.steps[0].reader.body, 0, |op| *op == Op::Move(Move::ReadBarrier)),
        "page 0 of x is pushed before a read barrier",
    );
    refused(
        copy(),
        |x| remove(&mut x.steps[0].writer.body, 0, |op| *op == Op::Move(Move::WriteBarrier)),
        "pages of c are popped before a write barrier",
    );
    refused(
        copy(),
        |x| remove(&mut x.steps[0].reader.body, 0, |op| matches!(op, Op::Move(Move::Read { .. }))),
        "page 0 of x is pushed, and nothing is in it",
    );
}

#[test]
fn zeros_take_a_barrier_too() {
    refused(
        copy(),
        |program| {
            change(&mut program.steps[0].reader.body, 0, |op| match op {
                Op::Move(Move::Read { .. }) => {
                    Some(vec![Op::Move(Move::Zero { into: X, at: 0.into() })])
                }
                _ => None,
            });
            remove(&mut program.steps[0].reader.body, 0, |op| *op == Op::Move(Move::ReadBarrier));
        },
        "page 0 of x is pushed before a read barrier",
    );
}

#[test]
fn an_op_too_many_is_found() {
    let push = |op: Op| move |x: &mut Program| x.steps[0].compute.body.push(op);
    refused(copy(), push(Op::Wait(X, 1)), "waits for 1 page of x (0 are there)");
    refused(copy(), push(Op::Pop(X, 1)), "1 of x are popped, and 0 were waited for");
    refused(copy(), push(Op::Push(C, 1)), "1 of c are pushed, and 0 are reserved");
    refused(
        copy(),
        |program| {
            let more = [Op::Reserve(X, 1), read(0, 0, X, 0), Op::Move(Move::ReadBarrier)];
            program.steps[0].reader.body.extend(more);
            program.steps[0].reader.body.push(Op::Push(X, 1));
        },
        "1 page of x pushed and never popped",
    );
    refused(
        copy(),
        |x| x.steps[0].reader.body.extend([Op::Reserve(X, 1), read(0, 0, X, 0)]),
        "pages of x are read, and no read barrier follows",
    );
}

#[test]
fn counts_that_do_not_wrap_are_found() {
    let recount = |count| {
        move |op: &Op| match op {
            Op::Wait(ring, _) => Some(vec![Op::Wait(*ring, count)]),
            _ => None,
        }
    };
    refused(
        copy(),
        |x| change(&mut x.steps[0].writer.body, 0, recount(4)),
        "c has 2 tiles, no multiple of the 4 of its consumer",
    );
    refused(
        copy(),
        |x| change(&mut x.steps[0].writer.body, 0, recount(2)),
        "the consumer of c counts by 1 and by 2",
    );
    refused(copy(), |x| x.steps[0].circular[X].tiles = 0, "x has no tiles");
    refused(
        copy(),
        |x| change(&mut x.steps[0].writer.body, 0, recount(0)),
        "c has 2 tiles, no multiple of the 0 of its consumer",
    );
}

#[test]
fn rings_have_one_role_at_each_end() {
    let mixed = "the compute and the reader both take from x";
    refused(copy(), |x| x.steps[0].reader.body.push(Op::Wait(X, 1)), mixed);
    let mixed = "the compute and the writer both fill c";
    refused(copy(), |x| x.steps[0].writer.body.push(Op::Reserve(C, 1)), mixed);
    refused(
        copy(),
        |x| x.steps[0].reader.body.clear(),
        "the compute waits for x, which nobody fills",
    );
    refused(
        copy(),
        |x| x.steps[0].writer.body.clear(),
        "nobody takes what the compute pushes to c",
    );
    refused(
        copy(),
        |program| {
            let ring = crate::dataflow::testing::ring("d", crate::dataflow::Format::Bf16, 1, "");
            program.steps[0].circular.push(ring);
        },
        "nothing uses d",
    );
}

#[test]
fn pages_are_there_and_written_once() {
    let reading = |page: Index| {
        move |program: &mut Program| {
            change(&mut program.steps[0].reader.body, 0, |op| match op {
                Op::Move(Move::Read { .. }) => Some(vec![read(0, page.clone(), X, 0)]),
                _ => None,
            });
        }
    };
    let past = "x has 8 pages, and page 8 is not among them";
    refused(copy(), reading(Index::named("first") * 2 + "tile"), past);
    refused(copy(), reading(Index::from(0) - 1), "a number has no value");
    let into = |buffer, page: Index| {
        move |program: &mut Program| {
            change(&mut program.steps[0].writer.body, 0, |op| match op {
                Op::Move(Move::Write { .. }) => Some(vec![write(buffer, page.clone(), C, 0)]),
                _ => None,
            });
        }
    };
    refused(copy(), into(1, "tile".into()), "page 0 of c is written twice");
    refused(copy(), into(0, "tile".into()), "x is an input, which no step may write");
    refused(
        copy(),
        |program| {
            let constant = &mut program.steps[0].constants[0];
            constant.value = 3;
        },
        "2 of 8 pages of c are never written; the first is 3",
    );
    refused(
        copy(),
        |program| {
            change(&mut program.steps[0].reader.body, 0, |op| match op {
                Op::Move(Move::Read { page, .. }) => Some(vec![read(1, page.clone(), X, 0)]),
                _ => None,
            });
        },
        "page 0 of c is read, and no step has written it",
    );
}

#[test]
fn a_step_reads_only_what_earlier_ones_wrote() {
    refused(
        copy(),
        |program| {
            // The second page of a core's own is read after the first is written.
            let body = vec![Op::Reserve(X, 1), read(1, "first", X, 0), Op::Move(Move::ReadBarrier)];
            program.steps[0].writer.body.extend(body);
            program.steps[0].circular.push(crate::dataflow::testing::ring(
                "again",
                crate::dataflow::Format::Bf16,
                1,
                "",
            ));
            for op in &mut program.steps[0].writer.body {
                if let Op::Reserve(ring, _) | Op::Move(Move::Read { into: ring, .. }) = op {
                    *ring = 2;
                }
            }
        },
        "page 0 of c is read by the step that writes it",
    );
}
