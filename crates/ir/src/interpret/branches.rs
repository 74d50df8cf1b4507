//! `if`, `and`, `or`: what only some lanes need is computed for those.

use super::column::{Column, map, zip};
use super::graph::{Branch, NodeId};
use super::machine::Machine;

impl Machine<'_, '_> {
    /// `out = if test then yes else no`
    pub(super) fn select(
        &mut self,
        test: NodeId,
        yes: Branch,
        no: Branch,
        lanes: usize,
        out: &mut Column,
    ) {
        let (taken, left) = match self.value(test).bools() {
            [test] => {
                let branch = if *test { yes } else { no };
                return self.whole(branch, lanes, out);
            }
            tests => partition(tests),
        };
        match (taken.len(), left.len()) {
            (_, 0) => self.whole(yes, lanes, out),
            (0, _) => self.whole(no, lanes, out),
            _ => {
                out.resize(lanes);
                self.part(yes, &taken, out);
                self.part(no, &left, out);
            }
        }
    }

    /// `out = left and right`, or `left or right` if a true left decides.
    pub(super) fn shortcut(
        &mut self,
        stops_at: bool,
        left: NodeId,
        right: Branch,
        lanes: usize,
        out: &mut Column,
    ) {
        let values = self.value(left).bools();
        if right.region.is_none() {
            let right = self.value(right.value).bools();
            let decide = |l, r| if l == stops_at { l } else { r };
            return zip(values, right, out.bools_mut(), decide);
        }
        let (decided, open): (Vec<_>, Vec<_>) =
            (0..values.len() as u32).partition(|&lane| values[lane as usize] == stops_at);
        match (decided.len(), open.len()) {
            (_, 0) => map(&[stops_at], out.bools_mut(), |x| x),
            (0, _) => self.whole(right, lanes, out),
            _ => {
                map(values, out.bools_mut(), |x| x);
                self.part(right, &open, out);
            }
        }
    }

    /// A branch that every lane takes.
    fn whole(&mut self, branch: Branch, lanes: usize, out: &mut Column) {
        if let Some(region) = branch.region {
            self.enter(region, None, 1);
            self.run(region, lanes);
        }
        out.clone_from(self.value(branch.value));
    }

    /// A branch that some lanes take.
    fn part(&mut self, branch: Branch, lanes: &[u32], out: &mut Column) {
        let Some(region) = branch.region else {
            return out.copy_lanes(self.value(branch.value), lanes);
        };
        self.enter(region, Some(lanes), 1);
        self.run(region, lanes.len());
        out.scatter(self.value(branch.value), lanes);
    }
}

/// The lanes where a test holds, and where it does not.
fn partition(tests: &[bool]) -> (Vec<u32>, Vec<u32>) {
    (0u32..tests.len() as u32).partition(|&lane| tests[lane as usize])
}
