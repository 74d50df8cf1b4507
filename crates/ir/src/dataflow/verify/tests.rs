//! Programs that are right pass; each with one thing broken is refused for that.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks the ops that it breaks")]

mod budgets;
mod lists;
mod names;
mod rings;
mod sends;
mod units;
mod walk;
mod work;

use crate::dataflow::testing::LIMITS;
use crate::dataflow::{Op, Program};

use super::verify;

/// Breaks a program by `edit`; its faults, one a line, must hold `expected`.
#[track_caller]
fn refused(mut program: Program, edit: impl FnOnce(&mut Program), expected: &str) {
    verify(&program, &LIMITS).expect("it is right at first");
    edit(&mut program);
    let Err(faults) = verify(&program, &LIMITS) else { panic!("it passes; expected {expected}") };
    let found: Vec<_> = faults.iter().map(ToString::to_string).collect();
    let found = found.join("\n");
    assert!(found.contains(expected), "expected: {expected}\nfound: {found}");
}

/// Puts what `change` gives in the place of the `nth` op of a body (loops and branches
/// included) for which it gives something.
#[track_caller]
fn change(body: &mut Vec<Op>, nth: usize, change: impl Fn(&Op) -> Option<Vec<Op>>) {
    let mut left = nth;
    assert!(replace(body, &mut left, &change), "there are only {} such ops", nth - left);
}

fn replace(body: &mut Vec<Op>, left: &mut usize, change: &impl Fn(&Op) -> Option<Vec<Op>>) -> bool {
    for at in 0..body.len() {
        if let Some(ops) = change(&body[at]) {
            if *left == 0 {
                body.splice(at..=at, ops);
                return true;
            }
            *left -= 1;
        }
        let found = match &mut body[at] {
            Op::Loop { body, .. } => replace(body, left, change),
            Op::If { then, otherwise, .. } => {
                replace(then, left, change) || replace(otherwise, left, change)
            }
            _ => false,
        };
        if found {
            return true;
        }
    }
    false
}

/// Removes the `nth` op that `is` holds for.
#[track_caller]
fn remove(body: &mut Vec<Op>, nth: usize, is: impl Fn(&Op) -> bool) {
    change(body, nth, |op| is(op).then(Vec::new));
}
