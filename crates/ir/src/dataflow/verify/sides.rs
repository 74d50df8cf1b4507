//! Who produces and who consumes a ring: one role each, by constant counts that divide
//! its capacity, so that it wraps exactly at its end.

use std::collections::BTreeSet;

use crate::dataflow::{CircularAt, Math, Move, Op, Rank, Step};

use super::code::Code;
use super::fault::OfStep;

/// From which end an op sees a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// It fills reserved pages.
    Producer,
    /// It reads pages waited for.
    Consumer,
    /// Either, whichever its role is.
    Either,
}

/// The rings of an op.
pub(super) fn rings(op: &Op) -> Vec<(CircularAt, Side)> {
    use Side::{Consumer, Either, Producer};
    match op {
        Op::Reserve(ring, _) | Op::Push(ring, _) => vec![(*ring, Producer)],
        Op::Wait(ring, _) | Op::Pop(ring, _) => vec![(*ring, Consumer)],
        Op::Move(
            Move::Read { into, .. } | Move::ReadRows { into, .. } | Move::Zero { into, .. },
        ) => vec![(*into, Producer)],
        Op::Move(Move::WriteRows { from, .. }) => vec![(*from, Producer)],
        Op::Move(Move::Deliver { from, into, .. }) => vec![(*from, Producer), (*into, Producer)],
        Op::Move(Move::Rank(op)) => of_rank(op),
        Op::Move(Move::Work(op)) => {
            let rings = op.filled().into_iter().chain(op.read());
            rings.map(|ring| (ring, Producer)).collect()
        }
        Op::Learn { list, .. } => vec![(*list, Either)],
        Op::Move(Move::Open(table)) => vec![(table.ring, Producer)],
        Op::Move(Move::Elements(elements)) => {
            let rings = elements.tables.iter().map(|table| table.ring);
            rings.chain([elements.into]).map(|ring| (ring, Producer)).collect()
        }
        Op::Move(Move::Write { from, .. }) => vec![(*from, Consumer)],
        Op::Move(Move::Column { from, into, .. } | Move::Multicast { from, into, .. }) => {
            vec![(*from, Either), (*into, Producer)]
        }
        Op::Math(Math::MultiplyInit { a, b, .. } | Math::Multiply { a, b, .. }) => {
            vec![(*a, Consumer), (*b, Consumer)]
        }
        Op::Math(Math::CopyInit(ring) | Math::Copy { from: ring, .. }) => vec![(*ring, Consumer)],
        Op::Math(Math::PackInit(ring) | Math::Pack { into: ring, .. }) => vec![(*ring, Producer)],
        Op::Math(
            Math::Acquire
            | Math::Commit
            | Math::AwaitMath
            | Math::Release
            | Math::Vector(_)
            | Math::PackAdds(_),
        )
        | Op::Move(
            Move::ReadBarrier
            | Move::WriteBarrier
            | Move::Set(..)
            | Move::Until(..)
            | Move::SignalOne { .. }
            | Move::SignalAll { .. },
        )
        | Op::Equation(_)
        | Op::Comment(_)
        | Op::Let(..)
        | Op::Loop { .. }
        | Op::If { .. } => Vec::new(),
    }
}

/// Lists and what is made of them stay in reserved pages.
fn of_rank(op: &Rank) -> Vec<(CircularAt, Side)> {
    use Side::{Consumer, Producer};
    let producer = |rings: &[CircularAt]| rings.iter().map(|&ring| (ring, Producer)).collect();
    match op {
        Rank::Clear(list) | Rank::Sort(list) => producer(&[list.ring]),
        Rank::Offer { keys, list, .. } => vec![(*keys, Consumer), (list.ring, Producer)],
        Rank::Merge { from, into } => producer(&[from.ring, into.ring]),
        Rank::Indices { places, into, .. } | Rank::Fetch { places, into, .. } => {
            producer(&[places.list.ring, *into])
        }
        Rank::Values { places, from, into, .. } => producer(&[places.list.ring, *from, *into]),
    }
}

/// What is known of a ring.
#[derive(Default)]
struct Uses {
    producers: BTreeSet<&'static str>,
    consumers: BTreeSet<&'static str>,
    either: BTreeSet<&'static str>,
    pushed: bool,
    /// Counts of the producer's and of the consumer's ops.
    counts: [BTreeSet<u32>; 2],
}

pub(super) fn check(step: &Step, codes: &[Code<'_>; 3], faults: &mut OfStep<'_>) {
    let mut all: Vec<Uses> = step.circular.iter().map(|_| Uses::default()).collect();
    for code in codes {
        for (op, _) in code.ops() {
            note(&mut all, code.role, op);
        }
    }
    for (ring, uses) in step.circular.iter().zip(&all) {
        for sentence in of_ring(&ring.name, ring.tiles, uses) {
            faults.say(sentence);
        }
    }
}

fn note(all: &mut [Uses], role: &'static str, op: &Op) {
    for (ring, side) in rings(op) {
        match side {
            Side::Producer => all[ring].producers.insert(role),
            Side::Consumer => all[ring].consumers.insert(role),
            Side::Either => all[ring].either.insert(role),
        };
    }
    if let Op::Reserve(ring, count) | Op::Push(ring, count) = op {
        all[*ring].counts[0].insert(*count);
    }
    if let Op::Wait(ring, count) | Op::Pop(ring, count) = op {
        all[*ring].counts[1].insert(*count);
    }
    if let Op::Push(ring, _) = op {
        all[*ring].pushed = true;
    }
}

fn of_ring(name: &str, tiles: u32, uses: &Uses) -> Vec<String> {
    let Uses { producers, consumers, either, pushed, counts } = uses;
    let list = |roles: &BTreeSet<&str>| roles.iter().copied().collect::<Vec<_>>().join(" and the ");
    let mut found = Vec::new();
    if producers.is_empty() && consumers.is_empty() {
        found.push(format!("nothing uses {name}"));
    } else if producers.is_empty() {
        found.push(format!("the {} waits for {name}, which nobody fills", list(consumers)));
    } else if consumers.is_empty() && *pushed && either.is_subset(producers) {
        found.push(format!("nobody takes what the {} pushes to {name}", list(producers)));
    }
    for (roles, verb) in [(producers, "fill"), (consumers, "take from")] {
        if roles.len() > 1 {
            found.push(format!("the {} both {verb} {name}", list(roles)));
        }
    }
    for role in
        either.iter().filter(|role| !producers.contains(*role) && !consumers.contains(*role))
    {
        found.push(format!("the {role} reads {name}, which it neither fills nor takes from"));
    }
    for (counts, side) in counts.iter().zip(["producer", "consumer"]) {
        let odd = counts.iter().find(|&&count| count == 0 || !tiles.is_multiple_of(count));
        if let Some(odd) = odd {
            found.push(format!("{name} has {tiles} tiles, no multiple of the {odd} of its {side}"));
        }
        if counts.len() > 1 {
            let list: Vec<_> = counts.iter().map(ToString::to_string).collect();
            found.push(format!("the {side} of {name} counts by {}", list.join(" and by ")));
        }
    }
    found
}
