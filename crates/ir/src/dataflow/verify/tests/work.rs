//! Work lists, with one thing wrong.

use crate::dataflow::testing::{GROUPS, LISTED_W, LISTED_X, WORK, listed};
use crate::dataflow::{Index, Move, Op, Work};

use super::{change, refused, remove};

fn loops(body: &mut [Op]) -> &mut Vec<Op> {
    let Some(Op::Loop { body, .. }) = body.iter_mut().find(|op| matches!(op, Op::Loop { .. }))
    else {
        panic!("there is a loop over runs")
    };
    body
}

#[test]
fn tables_are_there_before_lists_and_lists_before_words() {
    refused(
        listed(),
        |program| {
            let fetch = |op: &Op| matches!(op, Op::Move(Move::Work(Work::Fetch { .. })));
            remove(&mut program.steps[0].reader.body, 0, fetch);
        },
        "page 0 of groups is read, and nothing is in it",
    );
    refused(
        listed(),
        |program| {
            remove(&mut program.steps[0].reader.body, 0, |op| *op == Op::Move(Move::ReadBarrier))
        },
        "page 0 of groups is read before a read barrier",
    );
    refused(
        listed(),
        |program| remove(&mut program.steps[0].compute.body, 0, |op| *op == Op::Wait(WORK[1], 1)),
        "page 0 of work_of_compute is not among the 0 waited for",
    );
    refused(
        listed(),
        |program| {
            change(&mut program.steps[0].writer.body, 0, |op| match op {
                Op::Learn { name, list, .. } if name == "group" => {
                    let (name, word) = (name.clone(), Index::from(900));
                    Some(vec![Op::Learn { name, list: *list, word }])
                }
                _ => None,
            });
        },
        "work_of_writer holds no list of that word",
    );
}

#[test]
fn lists_name_what_is_there() {
    let with = |edit: fn(&mut crate::dataflow::Deal)| {
        move |program: &mut crate::dataflow::Program| {
            change(&mut program.steps[0].reader.body, 0, |op| match op {
                Op::Move(Move::Work(Work::Deal(deal))) => {
                    let mut deal = deal.clone();
                    edit(&mut deal);
                    Some(vec![Op::Move(Move::Work(Work::Deal(deal)))])
                }
                _ => None,
            });
        }
    };
    refused(listed(), with(|deal| deal.most_groups = 5), "w has 4 pages, and page 4 is not");
    refused(listed(), with(|deal| deal.tiles = 7), "x has 6 pages, and page 6 is not");
    refused(listed(), with(|deal| deal.cores = 3), "2 of 6 pages of c are never written");
    refused(listed(), with(|deal| deal.core = 0.into()), "page 0 of c is written twice");
    refused(listed(), with(|deal| deal.groups = GROUPS + 1), "page 0 of work is read");
}

/// With the numbers that the verifier takes these are right: two runs of a tile are as many tiles
/// as one of two.
#[test]
fn what_is_pushed_is_popped_whatever_is_learnt() {
    let once = "what the reader pushes to w and the compute pops of it differs";
    refused(
        listed(),
        |program| {
            let run = loops(&mut program.steps[0].reader.body);
            let at = run.iter().position(|op| *op == Op::Reserve(LISTED_W, 1)).unwrap();
            let load: Vec<_> = run.splice(at..at + 4, []).collect();
            loops(run).splice(0..0, load);
        },
        once,
    );
    refused(
        listed(),
        |program| {
            let run = loops(&mut program.steps[0].compute.body);
            change(run, 0, |op| match op {
                Op::Learn { name, list, .. } if name == "length" => {
                    let (name, word) = (name.clone(), Index::from(0));
                    Some(vec![Op::Learn { name, list: *list, word }])
                }
                _ => None,
            });
        },
        "what the reader pushes to x and the compute pops of it differs",
    );
    refused(
        listed(),
        |program| {
            let tiles = loops(loops(&mut program.steps[0].reader.body));
            let push = |op: &Op| *op == Op::Push(LISTED_X, 1);
            change(tiles, 0, |op| {
                let test = crate::dataflow::Test::Less("tile".into(), "length".into());
                let (then, otherwise) = (vec![op.clone()], vec![]);
                push(op).then(|| vec![Op::If { test, then, otherwise }])
            });
        },
        "the reader: pages depend on whether tile < length",
    );
}
