//! Groups of equations that grow into regions, and who waits for whom.

use std::collections::{BTreeMap, BTreeSet};

use tilec_ir::plan::{Combine, Contract, EquationAt, Grouped, Histogram, Scan, Select};
use tilec_ir::tensor::Tensor;
use tilec_ir::{Id, IntId};

use super::rows::Rows;
use crate::recognize::scene::{Scene, tensors_read};

/// A region that may still grow.
#[derive(Debug)]
pub(super) struct Group {
    /// Ascending.
    pub(super) covers: Vec<EquationAt>,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Contract(Contract),
    Grouped(Grouped),
    Combine(Combine),
    Histogram(Histogram),
    Scan(Scan),
    Select(Select),
    Rows(Rows),
    Pointwise,
    Generic(String),
}

/// All groups so far.
#[derive(Debug)]
pub(super) struct Groups {
    pub(super) groups: Vec<Group>,
    /// By equation: the equations that it reads.
    pub(super) reads: Vec<Vec<EquationAt>>,
    /// By equation: the equations that read it.
    readers: Vec<Vec<EquationAt>>,
    /// By tensor: the groups that read rows of it.
    pub(super) sharing: BTreeMap<Id<Tensor>, Vec<usize>>,
    /// By the ranges of its points: the last pointwise group.
    pub(super) points: BTreeMap<Vec<IntId>, usize>,
    /// By equation: its group.
    of: Vec<Option<usize>>,
}

impl Groups {
    pub(super) fn of(scene: &Scene) -> Self {
        let reads = scene.kernel.equations.iter().map(|equation| {
            let tensors = tensors_read(&scene.kernel, equation.value).into_iter();
            tensors.filter_map(|tensor| scene.writer[tensor.index()]).collect()
        });
        let reads: Vec<Vec<EquationAt>> = reads.collect();
        let of = vec![None; scene.kernel.equations.len()];
        let mut readers = vec![Vec::new(); of.len()];
        for (at, reads) in reads.iter().enumerate() {
            reads.iter().for_each(|&dep| readers[dep].push(at));
        }
        let (sharing, points) = (BTreeMap::new(), BTreeMap::new());
        Self { groups: Vec::new(), reads, readers, sharing, points, of }
    }

    /// A group of one equation.
    pub(super) fn push(&mut self, at: EquationAt, kind: Kind) {
        self.groups.push(Group { covers: vec![at], kind });
        self.added(at, self.groups.len() - 1);
    }

    /// One more equation of a group.
    pub(super) fn add(&mut self, at: EquationAt, group: usize) {
        self.groups[group].covers.push(at);
        self.groups[group].covers.sort_unstable();
        self.added(at, group);
    }

    fn added(&mut self, at: EquationAt, group: usize) {
        self.of[at] = Some(group);
        if let Kind::Rows(rows) = &self.groups[group].kind {
            for tensor in rows.shared() {
                let sharing = self.sharing.entry(tensor).or_default();
                if !sharing.contains(&group) {
                    sharing.push(group);
                }
            }
        }
    }

    /// The groups that make what an equation reads, ascending.
    pub(super) fn read_by(&self, at: EquationAt) -> Vec<usize> {
        let groups: BTreeSet<_> = self.reads[at].iter().filter_map(|&dep| self.of[dep]).collect();
        groups.into_iter().collect()
    }

    /// Whether a group can take an equation: nothing else that it reads waits for
    /// the group, and nothing that reads it is waited for by the group.
    pub(super) fn may_join(&self, at: EquationAt, group: usize) -> bool {
        let before: Vec<_> = self.read_by(at).into_iter().filter(|&other| other != group).collect();
        let after: BTreeSet<_> =
            self.readers[at].iter().filter_map(|&reader| self.of[reader]).collect();
        let waits_for_itself = self.reaches(before, &BTreeSet::from([group]));
        !waits_for_itself && (after.is_empty() || !self.reaches(vec![group], &after))
    }

    /// Whether one of `from` is one of `targets`, or waits for one.
    fn reaches(&self, from: Vec<usize>, targets: &BTreeSet<usize>) -> bool {
        let mut reached: BTreeSet<_> = from.iter().copied().collect();
        let mut open = from;
        while let Some(next) = open.pop() {
            if targets.contains(&next) {
                return true;
            }
            open.extend(self.before(next).into_iter().filter(|&before| reached.insert(before)));
        }
        false
    }

    /// The groups that are one pointwise equation.
    pub(super) fn single(&self) -> Vec<usize> {
        let single = |group: &usize| {
            let Group { covers, kind } = &self.groups[*group];
            covers.len() == 1 && matches!(kind, Kind::Pointwise)
        };
        (0..self.groups.len()).filter(single).collect()
    }

    /// Takes the equation out of a group of one.
    pub(super) fn empty(&mut self, group: usize) -> Option<EquationAt> {
        let at = self.groups[group].covers.pop()?;
        self.of[at] = None;
        Some(at)
    }

    /// The groups that a group waits for.
    fn before(&self, group: usize) -> BTreeSet<usize> {
        let covers = self.groups[group].covers.iter();
        let mut before: BTreeSet<_> = covers.flat_map(|&at| self.read_by(at)).collect();
        before.remove(&group);
        before
    }

    /// An order in which each group comes after those that it waits for; of
    /// those that are ready the one with the earliest equation.
    pub(super) fn order(&self) -> Vec<usize> {
        let mut waits: Vec<_> =
            (0..self.groups.len()).map(|group| self.before(group).len()).collect();
        let mut after = vec![Vec::new(); self.groups.len()];
        for group in 0..self.groups.len() {
            for before in self.before(group) {
                after[before].push(group);
            }
        }
        let first = |group: usize| (self.groups[group].covers.first().copied(), group);
        let mut ready: BTreeSet<_> =
            (0..waits.len()).filter(|&group| waits[group] == 0).map(first).collect();
        let mut order = Vec::new();
        while let Some((_, group)) = ready.pop_first() {
            order.push(group);
            for &next in &after[group] {
                waits[next] -= 1;
                if waits[next] == 0 {
                    ready.insert(first(next));
                }
            }
        }
        order
    }
}
