//! Orders: all keys of a context are computed once, packed with their indices
//! into words that sort as the language orders, and as much of the order is
//! kept as any place may ask for.

use super::column::{Column, at};
use super::graph::{Body, NodeId, Op};
use super::machine::{Machine, Points};
use super::memo::{Lookup, Memo};
use crate::tensor::Order;

/// How many keys are held at a time, unless one context has more.
const MOST_KEYS: usize = 1 << 20;

impl Machine<'_, '_> {
    /// `out = argsort(..)[place]` for every lane.
    pub(super) fn rank(&mut self, node: NodeId, lanes: usize, out: &mut Column) {
        let graph = self.graph;
        let Op::Rank { order, body, place, prefix, memo: key } = &graph.nodes[node].op else {
            unreachable!("called for orders")
        };
        let count = usize::try_from(Points::of(graph, body.region).count()).unwrap_or(usize::MAX);
        let kept = (*prefix).min(count);
        let shape = Shape { order: *order, body: *body, count, kept };
        let mut memo = self.take_memo(node);
        let slots = match key {
            Some(key) => {
                let Lookup { slots, missing } = memo.look_up(self.value(*key).ints());
                self.sort(&shape, &missing, &mut memo);
                slots
            }
            None => {
                memo.ranks.clear();
                let all: Vec<u32> = (0..lanes as u32).collect();
                self.sort(&shape, &all, &mut memo);
                all
            }
        };
        let places = self.value(*place).ints();
        let lanes = slots.len().max(places.len());
        let pick = |lane| {
            let slot = at(&slots, lane) as usize;
            let place = usize::try_from(at(places, lane)).ok().filter(|&p| p < kept);
            place.map_or(0, |place| i64::from(memo.ranks[slot * kept + place]))
        };
        out.clear();
        out.ints_mut().extend((0..lanes).map(pick));
        self.memos[node.index()] = memo;
    }

    /// Appends the orders of the chosen lanes.
    fn sort(&mut self, shape: &Shape, chosen: &[u32], memo: &mut Memo) {
        let &Shape { order, body, count, kept } = shape;
        if kept == 0 || chosen.is_empty() {
            return;
        }
        for lanes in chosen.chunks((MOST_KEYS / count).max(1)) {
            let mut words = vec![0u64; lanes.len() * count];
            self.each_block(body, Some(lanes), lanes.len(), |start, points, keys| {
                for i in 0..points * lanes.len() {
                    let (point, lane) = (start + i / lanes.len(), i % lanes.len());
                    words[lane * count + point] = sortable(keys, i, order) << 32 | point as u64;
                }
            });
            for row in words.chunks_exact_mut(count) {
                memo.ranks.extend(first(row, kept).iter().map(|&word| word as u32));
            }
        }
    }
}

struct Shape {
    order: Order,
    body: Body,
    /// How many indices are put in order.
    count: usize,
    /// How many of the first ones are kept.
    kept: usize,
}

/// The `kept` smallest words, sorted.
fn first(words: &mut [u64], kept: usize) -> &[u64] {
    if kept < words.len() {
        words.select_nth_unstable(kept);
    }
    let words = &mut words[..kept];
    words.sort_unstable();
    words
}

/// A number below 2^32 that is smaller the earlier the key comes.
fn sortable(keys: &Column, lane: usize, order: Order) -> u64 {
    let ascending = match keys {
        Column::Float(x) => {
            let x = at(x, lane);
            if x.is_nan() {
                // Last in both directions; no other key is as large.
                return u64::from(u32::MAX);
            }
            // Both zeros are one.
            let bits = (x + 0.0).to_bits();
            if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
        }
        Column::Int(x) => (at(x, lane) as i32).cast_unsigned() ^ 1 << 31,
        Column::Bool(_) => unreachable!("keys are numbers"),
    };
    u64::from(match order {
        Order::Ascending => ascending,
        Order::Descending => !ascending,
    })
}
