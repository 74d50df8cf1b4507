//! What ops name, and what they say in vain: a name that nothing uses, an init of what holds
//! already.

use std::collections::BTreeSet;

use tilec_ir::dataflow::{Index, Math, Op, Test, Vector};

/// Takes out names that nothing uses.
pub(super) fn without_unused(body: Vec<Op>) -> Vec<Op> {
    let mut body = body;
    loop {
        let used = names(&body);
        let before = lets(&body);
        body = retain(body, &used);
        if lets(&body) == before {
            return body;
        }
    }
}

fn lets(body: &[Op]) -> usize {
    body.iter()
        .map(|op| match op {
            Op::Let(..) | Op::Learn { .. } => 1,
            Op::Loop { body, .. } => lets(body),
            Op::If { then, otherwise, .. } => lets(then) + lets(otherwise),
            _ => 0,
        })
        .sum()
}

fn retain(body: Vec<Op>, used: &BTreeSet<String>) -> Vec<Op> {
    let keep = |op| match op {
        Op::Let(name, _) | Op::Learn { name, .. } if !used.contains(&name) => None,
        Op::Loop { name, count, body } => Some(Op::Loop { name, count, body: retain(body, used) }),
        Op::If { test, then, otherwise } => {
            let (then, otherwise) = (retain(then, used), retain(otherwise, used));
            Some(Op::If { test, then, otherwise })
        }
        other => Some(other),
    };
    body.into_iter().filter_map(keep).collect()
}

/// Takes out inits that say what holds already.
pub(super) fn without_repeated_inits(body: Vec<Op>) -> Vec<Op> {
    let (mut copies, mut packs) = (None, None);
    let keep = |op| match op {
        Op::Math(Math::CopyInit(ring)) => (copies.replace(ring) != Some(ring)).then_some(op),
        Op::Math(Math::PackInit(ring)) => (packs.replace(ring) != Some(ring)).then_some(op),
        Op::Math(Math::MultiplyInit { .. }) => {
            copies = None;
            Some(op)
        }
        Op::Loop { name, count, body } => {
            (copies, packs) = (None, None);
            Some(Op::Loop { name, count, body: without_repeated_inits(body) })
        }
        Op::If { test, then, otherwise } => {
            (copies, packs) = (None, None);
            let [then, otherwise] = [then, otherwise].map(without_repeated_inits);
            Some(Op::If { test, then, otherwise })
        }
        other => Some(other),
    };
    body.into_iter().filter_map(keep).collect()
}

/// All names that ops use.
pub(super) fn names(body: &[Op]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for op in body {
        of_op(op, &mut names);
    }
    names
}

fn of_op(op: &Op, names: &mut BTreeSet<String>) {
    match op {
        Op::Let(_, index) | Op::Learn { word: index, .. } => of_index(index, names),
        Op::Loop { count, body, .. } => {
            of_index(count, names);
            body.iter().for_each(|op| of_op(op, names));
        }
        Op::If { test, then, otherwise } => {
            of_test(test, names);
            then.iter().chain(otherwise).for_each(|op| of_op(op, names));
        }
        Op::Move(op) => op.indices().into_iter().for_each(|index| of_index(index, names)),
        Op::Math(op) => of_math(op, names),
        Op::Equation(_)
        | Op::Comment(_)
        | Op::Reserve(..)
        | Op::Push(..)
        | Op::Wait(..)
        | Op::Pop(..) => {}
    }
}

fn of_math(op: &Math, names: &mut BTreeSet<String>) {
    match op {
        Math::Multiply { a_at, b_at, .. } => {
            of_index(a_at, names);
            of_index(b_at, names);
        }
        Math::Copy { at, .. } | Math::Pack { at: Some(at), .. } => of_index(at, names),
        Math::Vector(Vector::Position { base: index, .. } | Vector::Keep { count: index, .. }) => {
            of_index(index, names);
        }
        _ => {}
    }
}

fn of_test(test: &Test, names: &mut BTreeSet<String>) {
    match test {
        Test::Equal(a, b) | Test::Less(a, b) => {
            of_index(a, names);
            of_index(b, names);
        }
        Test::Both(tests) => tests.iter().for_each(|test| of_test(test, names)),
    }
}

fn of_index(index: &Index, names: &mut BTreeSet<String>) {
    match index {
        Index::Named(name) => drop(names.insert(name.clone())),
        Index::Binary(_, operands) => operands.iter().for_each(|x| of_index(x, names)),
        Index::Number(_) | Index::CoreColumn | Index::CoreRow => {}
    }
}
