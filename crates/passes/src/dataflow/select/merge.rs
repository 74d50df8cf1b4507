//! Lists of the parts of a row become one: cores of a row send theirs to the first one
//! there, and the first ones to the first of their column.
//!
//! ```text
//! first:    reserves, ready = 1 everywhere, ..., waits until all arrived, arrived = 0, merges
//! others:   ..., waits for ready, ready = 0, deliver, arrived + 1
//! ```

use tilec_ir::dataflow::{Index, Move, Op, Rank, Test};

use super::Selection;
use super::lists::Level;

impl Selection {
    /// What first cores do before an item: they tell the others that there is room.
    pub(super) fn announce(&self) -> Vec<Op> {
        let announce = |inner: Vec<Op>, level: &Level| {
            let mut then = vec![
                Op::Reserve(level.ring, self.lists.tiles * level.senders),
                Op::Move(Move::Set(level.ready, 1)),
                Op::Move(Move::SignalAll { semaphore: level.ready, area: level.area }),
            ];
            then.extend(inner);
            vec![Op::If { test: is_first(level), then, otherwise: Vec::new() }]
        };
        self.lists.levels.iter().rev().fold(Vec::new(), announce)
    }

    /// Merges level by level; `finish` is what the core does that has the whole list, before
    /// it is in order.
    pub(super) fn merged(&self, finish: Vec<Op>) -> Vec<Op> {
        self.lists.levels.iter().rev().fold(finish, |inner, level| {
            let mut then = self.receive(level);
            then.extend(inner);
            vec![Op::If { test: is_first(level), then, otherwise: self.send(level) }]
        })
    }

    fn receive(&self, level: &Level) -> Vec<Op> {
        let part = "part";
        let merge = self.each_row(|slot| {
            let page = Index::named(part) * self.lists.tiles;
            let from = self.list(level.ring, page, slot.clone());
            vec![Op::Move(Move::Rank(Rank::Merge { from, into: self.own(slot) }))]
        });
        vec![
            Op::Move(Move::Until(level.arrived, level.senders)),
            Op::Move(Move::Set(level.arrived, 0)),
            Op::Loop { name: part.to_owned(), count: level.senders.into(), body: merge },
        ]
    }

    fn send(&self, level: &Level) -> Vec<Op> {
        let first = Index::from(0);
        let mut ops = self.sorted();
        ops.extend([
            Op::Move(Move::Until(level.ready, 1)),
            Op::Move(Move::Set(level.ready, 0)),
            Op::Move(Move::Deliver {
                from: self.lists.best,
                into: level.ring,
                at: (level.position() - 1) * self.lists.tiles,
                tiles: self.lists.tiles,
                area: level.area,
                to: first.clone(),
            }),
            Op::Move(Move::WriteBarrier),
            Op::Move(Move::SignalOne { semaphore: level.arrived, area: level.area, to: first }),
        ]);
        ops
    }

    /// Puts the lists of an item in order.
    pub(super) fn sorted(&self) -> Vec<Op> {
        self.each_row(|slot| vec![Op::Move(Move::Rank(Rank::Sort(self.own(slot))))])
    }
}

fn is_first(level: &Level) -> Test {
    Test::Equal(level.position(), Index::from(0))
}
