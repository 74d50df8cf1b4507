//! The order in which things that need each other can be handled, and the
//! rings that have none. Used for equations and for functions.
//!
//! Linear but for a heap that keeps the order of the source wherever it is one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// `order` holds what can be ordered, needed things first; `rings` holds, for
/// the rest, each ring of things that need the next one, and the last the first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) order: Vec<usize>,
    pub(super) rings: Vec<Vec<usize>>,
}

/// `needs[i]` lists what `i` needs, without repetitions.
pub(super) fn order(needs: &[Vec<usize>]) -> Order {
    let mut needed_by = vec![Vec::new(); needs.len()];
    for (at, list) in needs.iter().enumerate() {
        list.iter().for_each(|&need| needed_by[need].push(at));
    }
    let mut waiting: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut ready: BinaryHeap<_> =
        (0..needs.len()).filter(|&at| waiting[at] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(Reverse(at)) = ready.pop() {
        order.push(at);
        for &reader in &needed_by[at] {
            waiting[reader] -= 1;
            if waiting[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    Order { order, rings: rings(needs, &waiting) }
}

/// From everything that is still waiting, follows the first need that is too,
/// until the path meets itself or an older one.
fn rings(needs: &[Vec<usize>], waiting: &[usize]) -> Vec<Vec<usize>> {
    let mut rings = Vec::new();
    let mut path_of = vec![usize::MAX; needs.len()];
    for start in (0..needs.len()).filter(|&at| waiting[at] > 0) {
        let mut path = Vec::new();
        let mut at = start;
        while path_of[at] == usize::MAX {
            path_of[at] = start;
            path.push(at);
            let next = needs[at].iter().copied().find(|&need| waiting[need] > 0);
            at = next.expect("whatever waits does so for something that waits");
        }
        if path_of[at] == start {
            let from = path.iter().position(|&x| x == at).expect("the path has met itself");
            let mut ring = path.split_off(from);
            let first = ring.iter().enumerate().min_by_key(|&(_, &x)| x).map_or(0, |(at, _)| at);
            ring.rotate_left(first);
            rings.push(ring);
        }
    }
    rings
}

#[cfg(test)]
mod tests {
    use super::{Order, order};

    fn check(needs: &[&[usize]], sorted: &[usize], rings: &[&[usize]]) {
        let needs: Vec<_> = needs.iter().map(|list| list.to_vec()).collect();
        let rings = rings.iter().map(|ring| ring.to_vec()).collect();
        assert_eq!(order(&needs), Order { order: sorted.to_vec(), rings }, "{needs:?}");
    }

    #[test]
    fn orders_and_finds_rings() {
        check(&[], &[], &[]);
        check(&[&[], &[0], &[0]], &[0, 1, 2], &[]);
        check(&[&[2], &[], &[1]], &[1, 2, 0], &[]);
        check(&[&[0]], &[], &[&[0]]);
        check(&[&[2], &[0], &[1]], &[], &[&[0, 2, 1]]);
        check(&[&[1], &[2], &[1], &[]], &[3], &[&[1, 2]]);
        check(&[&[1], &[0], &[3], &[2]], &[], &[&[0, 1], &[2, 3]]);
    }
}
