//! Names and positions that are not there, or twice.

use crate::dataflow::testing::{copy, each, read};
use crate::dataflow::{Index, Move, Op};

use super::refused;

#[test]
fn names_are_defined_once_and_before_they_are_used() {
    let body = |op: Op| {
        move |program: &mut crate::dataflow::Program| program.steps[0].reader.body.push(op)
    };
    refused(
        copy(),
        |x| x.steps[0].circular[1].name = "x".to_owned(),
        "two circular buffers are named x",
    );
    refused(copy(), |x| x.buffers[1].name = "x".to_owned(), "two buffers are named x");
    refused(
        copy(),
        |program| {
            let step = program.steps[0].clone();
            program.steps.push(step);
        },
        "two steps are named c",
    );
    refused(copy(), body(Op::Let("y".to_owned(), "z".into())), "nothing is named z there");
    refused(copy(), body(Op::Let("y".to_owned(), "tile".into())), "nothing is named tile there");
    let again = each("first", 2, Vec::new());
    refused(copy(), body(again), "first is already the name of another number");
    refused(
        copy(),
        |x| x.steps[0].constants[0].name = "first".to_owned(),
        "two numbers are named first",
    );
    refused(
        copy(),
        |x| x.steps[0].reader.arguments[0].values.push(0),
        "first of the reader has 3 values for 2 cores",
    );
}

#[test]
fn positions_are_of_something() {
    let body = |op: Op| {
        move |program: &mut crate::dataflow::Program| program.steps[0].reader.body.push(op)
    };
    refused(copy(), body(Op::Reserve(2, 1)), "there is no circular buffer 2");
    refused(copy(), body(read(2, 0, 0, 0)), "there is no buffer 2");
    refused(copy(), body(Op::Move(Move::Set(0, 1))), "there is no semaphore 0");
    refused(copy(), body(Op::Equation(1)), "there is no equation 1");
    refused(copy(), |x| x.steps[0].region = 1, "the plan has no region 1");
}

#[test]
fn buffers_are_their_tensors() {
    refused(
        copy(),
        |x| x.buffers[0].extent = [1, 64, 127],
        "buffer x: extents [1, 64, 127] are not those of its tensor",
    );
    refused(
        copy(),
        |x| x.buffers[0].columns = vec![0],
        "buffer x: it splits dimensions [0, 0] of 2",
    );
    refused(
        copy(),
        |program| {
            program.buffers.pop();
        },
        "output c lies in no buffer",
    );
    refused(
        copy(),
        |x| x.buffers[0].tensor = crate::arena::Id::new(2),
        "buffer x: it holds no tensor",
    );
}

#[test]
fn numbers_have_values() {
    let number = |index: Index| {
        move |program: &mut crate::dataflow::Program| {
            program.steps[0].reader.body.push(Op::Let("y".to_owned(), index));
        }
    };
    let lost = "it has no value: it leaves 0 .. 2^32 - 1";
    refused(copy(), number(Index::named("first") - 5), lost);
    refused(copy(), number(Index::named("first") / Index::named("first")), lost);
    refused(copy(), number(Index::named("TILES") * u32::MAX), lost);
}
