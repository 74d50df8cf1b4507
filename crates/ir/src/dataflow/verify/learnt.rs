//! Counts that are known when a step runs: whatever they are, what a role pushes another pops.
//!
//! ```text
//! reader    learn runs               compute   learn runs
//!           for run in 0 .. runs               for run in 0 .. runs
//!             learn length                       learn length
//!             for item in 0 .. length            for item in 0 .. length
//!               push a 4                           pop a 4
//! ```
//!
//! A ring's producer and its consumer have the same loops over the same words of a list, with
//! equal numbers of pages between them. So after every turn of such a loop as many pages were
//! popped as were pushed; and since roles do the same things in a turn whatever the counts are,
//! a run with fewer turns is the begin of the one with all of them, which the verifier runs.

use std::collections::BTreeMap;

use crate::dataflow::{CircularAt, Index, Op, Step, Test};

use super::fault::OfStep;

/// Pages of a ring in the order of a role: numbers of them, and loops over learnt counts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pages {
    Some(u64),
    /// As often as this word of the list says.
    Learnt(String, Vec<Pages>),
}

/// All rings that a role pushes to or pops from.
type Flow = BTreeMap<CircularAt, Vec<Pages>>;

/// The names that have a value, or the word that they were learnt from.
#[derive(Clone, Debug)]
enum Known {
    Value(u32),
    Learnt(String),
}

pub(super) fn check(step: &Step, faults: &mut OfStep<'_>) {
    if !step.roles().iter().any(|(_, role)| learns(&role.body)) {
        return;
    }
    let mut flows = Vec::new();
    for (name, role) in step.roles() {
        let constants = step.constants.iter();
        let known = constants.map(|constant| (constant.name.clone(), Known::Value(constant.value)));
        match flow(&role.body, &mut known.collect()) {
            Ok(flow) => flows.push((name, flow)),
            Err(sentence) => return faults.say(format!("the {name}: {sentence}")),
        }
    }
    for (ring, circular) in step.circular.iter().enumerate() {
        let of = |(name, flow): &(&'static str, [Flow; 2]), side: usize| {
            flow[side].get(&ring).map(|pages| (*name, pages.clone()))
        };
        let pushed = flows.iter().find_map(|flow| of(flow, 0));
        let popped = flows.iter().find_map(|flow| of(flow, 1));
        if let (Some((producer, pushed)), Some((consumer, popped))) = (pushed, popped)
            && pushed != popped
        {
            faults.say(format!(
                "what the {producer} pushes to {} and the {consumer} pops of it differs where \
                 counts are learnt",
                circular.name
            ));
        }
    }
}

fn learns(body: &[Op]) -> bool {
    let own = |op: &Op| matches!(op, Op::Learn { .. });
    body.iter().any(|op| own(op) || bodies(op).into_iter().any(learns))
}

/// The bodies of a loop or a branch.
fn bodies(op: &Op) -> [&[Op]; 2] {
    match op {
        Op::Loop { body, .. } => [body, &[]],
        Op::If { then, otherwise, .. } => [then, otherwise],
        Op::Equation(_)
        | Op::Comment(_)
        | Op::Let(..)
        | Op::Learn { .. }
        | Op::Reserve(..)
        | Op::Push(..)
        | Op::Wait(..)
        | Op::Pop(..)
        | Op::Move(_)
        | Op::Math(_) => [&[], &[]],
    }
}

/// What is pushed, and what is popped.
fn flow(body: &[Op], known: &mut BTreeMap<String, Known>) -> Result<[Flow; 2], String> {
    let mut all = [Flow::new(), Flow::new()];
    for op in body {
        let more = match op {
            Op::Push(ring, count) => [one(*ring, *count), Flow::new()],
            Op::Pop(ring, count) => [Flow::new(), one(*ring, *count)],
            Op::Let(name, index) => {
                match value(index, known) {
                    Some(value) => known.insert(name.clone(), Known::Value(value)),
                    None => known.remove(name),
                };
                continue;
            }
            Op::Learn { name, word, .. } => {
                known.insert(name.clone(), Known::Learnt(word.to_string()));
                continue;
            }
            Op::Loop { name, count, body } => repeated(name, count, body, known)?,
            Op::If { test, then, otherwise } => chosen(test, then, otherwise, known)?,
            Op::Equation(_)
            | Op::Comment(_)
            | Op::Reserve(..)
            | Op::Wait(..)
            | Op::Move(_)
            | Op::Math(_) => continue,
        };
        for (all, more) in all.iter_mut().zip(more) {
            more.into_iter().for_each(|(ring, pages)| append(all.entry(ring).or_default(), pages));
        }
    }
    Ok(all)
}

fn one(ring: CircularAt, count: u32) -> Flow {
    Flow::from([(ring, vec![Pages::Some(count.into())])])
}

fn append(all: &mut Vec<Pages>, more: Vec<Pages>) {
    for pages in more {
        match (all.last_mut(), pages) {
            (Some(Pages::Some(sum)), Pages::Some(count)) => *sum += count,
            (_, pages) => all.push(pages),
        }
    }
}

fn repeated(
    name: &str,
    count: &Index,
    body: &[Op],
    known: &mut BTreeMap<String, Known>,
) -> Result<[Flow; 2], String> {
    let mut inner = known.clone();
    inner.remove(name);
    if let Index::Named(counted) = count
        && let Some(Known::Learnt(word)) = known.get(counted)
    {
        let word = word.clone();
        let around = |flow: Flow| -> Flow {
            let around = |(ring, pages)| (ring, vec![Pages::Learnt(word.clone(), pages)]);
            flow.into_iter().map(around).collect()
        };
        return Ok(flow(body, &mut inner)?.map(around));
    }
    if !moves(body) {
        return Ok([Flow::new(), Flow::new()]);
    }
    let Some(count) = value(count, known) else {
        return Err(format!("how often {name} runs is neither constant nor learnt"));
    };
    let mut all = [Flow::new(), Flow::new()];
    for turn in 0..count {
        inner.insert(name.to_owned(), Known::Value(turn));
        for (all, more) in all.iter_mut().zip(flow(body, &mut inner.clone())?) {
            more.into_iter().for_each(|(ring, pages)| append(all.entry(ring).or_default(), pages));
        }
    }
    Ok(all)
}

/// One side if it is known which, else either, which must be alike.
fn chosen(
    test: &Test,
    then: &[Op],
    otherwise: &[Op],
    known: &BTreeMap<String, Known>,
) -> Result<[Flow; 2], String> {
    let side = |body| flow(body, &mut known.clone());
    match holds(test, known) {
        Some(true) => side(then),
        Some(false) => side(otherwise),
        None => {
            let (then, otherwise) = (side(then)?, side(otherwise)?);
            let alike = then == otherwise;
            alike.then_some(then).ok_or_else(|| format!("pages depend on whether {test}"))
        }
    }
}

/// Whether anything in it is pushed or popped.
fn moves(body: &[Op]) -> bool {
    let own = |op: &Op| matches!(op, Op::Push(..) | Op::Pop(..));
    body.iter().any(|op| own(op) || bodies(op).into_iter().any(moves))
}

fn value(index: &Index, known: &BTreeMap<String, Known>) -> Option<u32> {
    match index {
        Index::Number(value) => Some(*value),
        Index::Named(name) => match known.get(name)? {
            Known::Value(value) => Some(*value),
            Known::Learnt(_) => None,
        },
        Index::Binary(operator, operands) => {
            operator.apply(value(&operands[0], known)?, value(&operands[1], known)?)
        }
        Index::CoreColumn | Index::CoreRow => None,
    }
}

fn holds(test: &Test, known: &BTreeMap<String, Known>) -> Option<bool> {
    match test {
        Test::Equal(a, b) => Some(value(a, known)? == value(b, known)?),
        Test::Less(a, b) => Some(value(a, known)? < value(b, known)?),
        Test::Both(tests) => Some(holds(&tests[0], known)? && holds(&tests[1], known)?),
    }
}
