//! Contexts of a reduction or an order whose results are known. A context is
//! the values of the variables that the body uses from outside; many lanes
//! may share one, next to each other (a softmax) or not.

use std::collections::HashMap;

use super::column::Column;
use super::graph::Class;

/// What is known of one node.
#[derive(Debug)]
pub(super) struct Memo {
    /// By the number of the context: where its results stand.
    slots: HashMap<i64, u32>,
    /// One result per slot of a reduction.
    pub(super) results: Column,
    /// The first indices of every slot's order, one slot after the other.
    pub(super) ranks: Vec<u32>,
}

/// Which slot each lane reads, and a lane for each slot that is still empty.
pub(super) struct Lookup {
    pub(super) slots: Vec<u32>,
    pub(super) missing: Vec<u32>,
}

impl Memo {
    pub(super) fn new(class: Class) -> Self {
        Self { slots: HashMap::new(), results: Column::new(class), ranks: Vec::new() }
    }

    /// Finds the contexts `keys`. The caller appends the results of the
    /// missing ones in their order.
    pub(super) fn look_up(&mut self, keys: &[i64]) -> Lookup {
        const MOST_RESULTS: usize = 1 << 24;
        if self.slots.len().max(self.ranks.len()) > MOST_RESULTS {
            self.slots.clear();
            self.results.clear();
            self.ranks.clear();
        }
        let mut found = Lookup { slots: Vec::with_capacity(keys.len()), missing: Vec::new() };
        let mut last = None;
        for (lane, &key) in (0u32..).zip(keys) {
            let slot = match last {
                Some((same, slot)) if same == key => slot,
                _ => self.slot(key, lane, &mut found.missing),
            };
            last = Some((key, slot));
            found.slots.push(slot);
        }
        found
    }

    fn slot(&mut self, key: i64, lane: u32, missing: &mut Vec<u32>) -> u32 {
        let next = u32::try_from(self.slots.len()).expect("memos are bounded far below 2^32");
        *self.slots.entry(key).or_insert_with(|| {
            missing.push(lane);
            next
        })
    }
}
