//! Index variables that index dimensions of different sizes.
//!
//! Mostly the indices of one read stand in the wrong order, and then the order
//! that fits is proposed: a fact that makes the sizes equal would hide it. A
//! fact is proposed only if it can hold; else the range is to be written.

use super::kernel::Checker;
use super::uses::{BareRead, BinderAt, Use};
use crate::ast::{Binder, ExprKind};
use tilec_ir::{Diagnostic, Facts, IntId, Ints, Kind, Span};

/// How many reads are looked at, and how many indices of each are permuted.
const MOST_READS: usize = 8;
const MOST_INDICES: usize = 4;

/// The uses of a variable that do not fit together.
struct Conflict<'b> {
    at: BinderAt,
    binder: &'b Binder,
    first: (IntId, Span),
    other: (IntId, Span),
}

impl Checker<'_> {
    /// The range that all uses of a variable agree on; a conflict is reported.
    pub(super) fn agreed_range(
        &mut self,
        at: BinderAt,
        binder: &Binder,
        uses: &[Use],
    ) -> Option<IntId> {
        let mut known = uses.iter().filter_map(|u| Some((u.dimension?, u.span)));
        let first = known.next()?;
        let differs =
            |&(size, _): &(IntId, Span)| !self.facts.equal(&mut self.kernel.ints, first.0, size);
        let Some(other) = known.find(differs) else { return Some(first.0) };
        self.report_conflict(&Conflict { at, binder, first, other }, uses);
        None
    }

    fn report_conflict(&mut self, conflict: &Conflict<'_>, uses: &[Use]) {
        self.failed = true;
        let (first, other) = (conflict.first, conflict.other);
        let pair = (first.0.min(other.0), first.0.max(other.0));
        if self.uses.explained || self.uses.conflicts.contains(&pair) || self.reports.is_full() {
            return;
        }
        self.uses.conflicts.push(pair);
        let help = match self.read_in_order(conflict) {
            Some(read) => {
                self.uses.explained = true;
                format!("did you mean `{read}`?")
            }
            None => self.help_for_conflict(conflict, uses),
        };
        let (a, b) = (self.show(first.0), self.show(other.0));
        let message =
            format!("index `{}` ranges over two different sizes", conflict.binder.name.text);
        let report = Diagnostic::new(Kind::ConflictingRanges, other.1, message)
            .here(format!("here it ranges over {b}"))
            .with(first.1, format!("here it ranges over {a}"))
            .help(help);
        self.report(report);
    }

    /// A read of the variable, its indices in an order in which all of them fit.
    fn read_in_order(&mut self, conflict: &Conflict<'_>) -> Option<String> {
        let span = conflict.other.1;
        let holds = |read: &BareRead| read.span.start <= span.start && span.end <= read.span.end;
        let has = |read: &&BareRead| read.places.iter().any(|place| place.binder == conflict.at);
        let mut reads: Vec<_> = self.uses.reads.iter().filter(has).cloned().collect();
        reads.sort_by_key(|read| !holds(read));
        reads.iter().take(MOST_READS).find_map(|read| {
            let orders = orders(read.places.len());
            let order = orders.into_iter().find(|order| self.fits(read, order))?;
            Some(self.reordered(read, &order))
        })
    }

    /// Whether all uses agree once the bare indices of a read are reordered:
    /// the `k`-th stands where the `order[k]`-th stood.
    fn fits(&mut self, read: &BareRead, order: &[usize]) -> bool {
        std::iter::zip(&read.places, order).all(|(place, &to)| {
            let size = read.places[to].dimension;
            let others = self.uses.of(place.binder).iter().filter(|u| u.read != Some(read.id));
            let mut sizes: Vec<IntId> = others.filter_map(|u| u.dimension).collect();
            sizes.dedup();
            sizes.into_iter().all(|other| self.facts.equal(&mut self.kernel.ints, size, other))
        })
    }

    fn reordered(&self, read: &BareRead, order: &[usize]) -> String {
        let ExprKind::Read(name, index) = &self.tree_of(read.id).kind else { return "..".into() };
        let written: Vec<_> =
            index.iter().map(|&index| self.quote(self.tree_of(index).span)).collect();
        let mut moved = written.clone();
        for (place, &to) in std::iter::zip(&read.places, order) {
            moved[read.places[to].at].clone_from(&written[place.at]);
        }
        format!("{}[{}]", name.text, moved.join(", "))
    }

    fn help_for_conflict(&mut self, conflict: &Conflict<'_>, uses: &[Use]) -> String {
        let (first, other) = (conflict.first.0, conflict.other.0);
        if !self.is_excluded(|facts, ints| facts.assume_equal(ints, first, other)) {
            return format!(
                "if they are equal, say so: `where {} == {}`",
                self.show(other),
                self.show(first)
            );
        }
        let sizes: Vec<IntId> = uses.iter().filter_map(|u| u.dimension).collect();
        let declared = uses.first().filter(|u| u.read.is_none()).and_then(|u| u.dimension);
        let ints = &mut self.kernel.ints;
        let facts = &self.facts;
        let mut is_least = |x: IntId| sizes.iter().all(|&size| facts.at_most(ints, x, size));
        let least = declared.into_iter().chain(sizes.iter().copied()).find(|&x| is_least(x));
        let name = &conflict.binder.name.text;
        match (declared, least) {
            (Some(declared), least) if least != Some(declared) => {
                let short = uses.iter().find(|u| u.dimension == Some(other)).and_then(|u| u.read);
                let read = short.map_or("..".into(), |id| self.quote(self.tree_of(id).span));
                let left = self.with_range(conflict, declared);
                let end = self.show(other);
                format!(
                    "read it only where it exists: `{left}`, with `if {name} < {end} then {read} else 0` in it"
                )
            }
            (_, Some(least)) => {
                format!("give it the range that is meant: `{}`", self.with_range(conflict, least))
            }
            (_, None) => format!(
                "give it the range that is meant, such as `{}`, and read what is shorter under an `if`",
                self.with_range(conflict, first)
            ),
        }
    }

    /// A binder with its range written, on the left with the whole left side.
    fn with_range(&self, conflict: &Conflict<'_>, range: IntId) -> String {
        let ranged = format!("{} < {}", conflict.binder.name.text, self.show(range));
        let (Some(equation), (None, at)) = (self.equation, conflict.at) else { return ranged };
        let written = equation.binders.iter().map(|binder| self.quote(binder.span));
        let mut binders: Vec<_> = written.collect();
        binders[at] = ranged;
        format!("{}[{}] = ..", equation.name.text, binders.join(", "))
    }

    /// Whether what is assumed contradicts what is known, so that it is no help.
    pub(super) fn is_excluded(&mut self, assume: impl FnOnce(&mut Facts, &mut Ints)) -> bool {
        let mut facts = self.facts.clone();
        assume(&mut facts, &mut self.kernel.ints);
        facts.contradictory(&mut self.kernel.ints)
    }
}

/// The orders of so many things, those that move the fewest first, without the
/// one that moves none.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count > MOST_INDICES {
        return Vec::new();
    }
    let mut orders: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..count {
        let longer = |order: &Vec<usize>| -> Vec<Vec<usize>> {
            let free = (0..count).filter(|next| !order.contains(next));
            free.map(|next| [order.as_slice(), &[next]].concat()).collect()
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    let moved = |order: &Vec<usize>| order.iter().enumerate().filter(|(at, to)| at != *to).count();
    orders.retain(|order| moved(order) > 0);
    orders.sort_by_key(moved);
    orders
}
