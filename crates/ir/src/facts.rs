//! What is known of integers, and what follows from it.
//!
//! [`Facts`] answers "yes, for sure" or "cannot prove", in three stages, each
//! tried only when the one before has failed: by looking (equal handles, a bare
//! variable under its bound), by putting bounds in the place of atoms
//! ([`bounds`]), and by refuting the negation ([`system`], [`linear`]).
//!
//! Sizes are at least 0; a bounded atom that is asked about has a value, so it
//! is in `0 .. bound` and its bound is at least 1.

mod bounds;
#[cfg(test)]
mod fuzz;
mod linear;

mod simplify;
mod system;
#[cfg(test)]
mod tests;

use crate::int::{Atom, AtomId, IntId, Ints};
use crate::poly::Poly;
use bounds::{Bounds, Prefer};
use system::Relevant;

/// Facts in scope.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    known: Vec<Known>,
    /// Integers that are known not to be 0, whichever sign they have.
    not_zero: Vec<IntId>,
}

/// `poly >= 0`, or `poly == 0`.
#[derive(Clone, Debug)]
struct Known {
    poly: Poly,
    equal: bool,
    /// What it is about: its atoms and those inside divisions.
    atoms: Vec<AtomId>,
}

/// A place to return to; see [`Facts::reset`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(usize, usize);

/// How much work an answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effort {
    /// Microseconds.
    Quick,
    /// Up to a few milliseconds.
    Thorough,
}

impl Facts {
    /// How many facts there are, to return to later.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.known.len(), self.not_zero.len())
    }

    /// Forgets what was assumed since the mark.
    pub fn reset(&mut self, mark: Mark) {
        self.known.truncate(mark.0);
        self.not_zero.truncate(mark.1);
    }

    /// From here on `a <= b`.
    pub fn assume_at_most(&mut self, ints: &mut Ints, a: IntId, b: IntId) {
        self.assume(ints, Poly::difference(ints, b, a), false);
    }

    /// From here on `a < b`.
    pub fn assume_less(&mut self, ints: &mut Ints, a: IntId, b: IntId) {
        self.assume(ints, Poly::difference(ints, b, a).and_then(|p| p.plus_constant(-1)), false);
    }

    /// From here on `a == b`.
    pub fn assume_equal(&mut self, ints: &mut Ints, a: IntId, b: IntId) {
        self.assume(ints, Poly::difference(ints, b, a), true);
    }

    /// From here on `a != b`.
    pub fn assume_different(&mut self, ints: &mut Ints, a: IntId, b: IntId) {
        // Both signs, so that asking needs no arithmetic.
        let differences = [ints.sub(a, b), ints.sub(b, a)];
        self.not_zero.extend(differences.into_iter().filter_map(Result::ok));
    }

    /// From here on some `v` with `0 <= v < range` exists (an index variable in
    /// scope), so that `1 <= range`.
    pub fn assume_not_empty(&mut self, ints: &mut Ints, range: IntId) {
        self.assume(ints, Poly::of(ints, range).plus_constant(-1), false);
    }

    fn assume(&mut self, ints: &Ints, poly: Option<Poly>, equal: bool) {
        // What is too large to state is not used, which is safe.
        let Some(poly) = poly else { return };
        if poly.as_constant().is_some_and(|value| if equal { value == 0 } else { value >= 0 }) {
            return;
        }
        let atoms = system::deep_atoms(ints, &poly);
        self.known.push(Known { poly, equal, atoms });
    }

    /// Whether `a <= b` follows.
    pub fn at_most(&self, ints: &mut Ints, a: IntId, b: IntId) -> bool {
        a == b
            || by_looking(ints, a, b)
            || self.holds(ints, Poly::difference(ints, b, a), Effort::Thorough)
    }

    /// Whether `a < b` follows.
    pub fn less(&self, ints: &mut Ints, a: IntId, b: IntId) -> bool {
        if ints.get(a).as_atom().is_some_and(|atom| ints.bound(atom) == Some(b)) {
            return true;
        }
        let goal = Poly::difference(ints, b, a).and_then(|p| p.plus_constant(-1));
        self.holds(ints, goal, Effort::Thorough)
    }

    /// Whether `a == b` follows.
    pub fn equal(&self, ints: &mut Ints, a: IntId, b: IntId) -> bool {
        a == b || self.at_most(ints, a, b) && self.at_most(ints, b, a)
    }

    /// Whether `1 <= a` follows.
    pub fn positive(&self, ints: &mut Ints, a: IntId) -> bool {
        self.holds(ints, Poly::of(ints, a).plus_constant(-1), Effort::Thorough)
    }

    /// Whether `0 <= a` follows.
    pub fn not_negative(&self, ints: &mut Ints, a: IntId) -> bool {
        self.holds(ints, Some(Poly::of(ints, a)), Effort::Thorough)
    }

    /// Whether `a != 0` follows.
    pub fn not_zero(&self, ints: &mut Ints, a: IntId) -> bool {
        if self.not_zero.contains(&a) {
            return true;
        }
        let below = Poly::of(ints, a).negated().and_then(|p| p.plus_constant(-1));
        self.positive(ints, a) || self.holds(ints, below, Effort::Thorough)
    }

    /// Whether the facts contradict each other.
    pub fn contradictory(&self, ints: &mut Ints) -> bool {
        self.contradictory_in_scope(ints)
    }

    /// Whether `goal >= 0` follows.
    fn holds(&self, ints: &Ints, goal: Option<Poly>, effort: Effort) -> bool {
        let Some(goal) = goal else { return false };
        if let Some(value) = goal.as_constant() {
            return value >= 0 || effort == Effort::Thorough && self.contradictory_in_scope(ints);
        }
        if Bounds::new(ints, &[]).obvious(&goal) {
            return true;
        }
        let relevant = Relevant::of(ints, goal.atoms(), &self.known);
        let mut bounds = Bounds::new(ints, relevant.statements());
        let mut stuck = Vec::new();
        for prefer in [Prefer::Bound, Prefer::Division] {
            match bounds.reduce(&goal, prefer, 3) {
                Ok(()) => return true,
                Err(left) => stuck.push(left),
            }
        }
        let negated = |p: &Poly| p.negated().and_then(|p| p.plus_constant(-1));
        let mut work = 0;
        effort == Effort::Thorough
            && [goal, stuck.swap_remove(0)]
                .iter()
                .filter_map(negated)
                .any(|negation| relevant.refutes(Some(&negation), &mut work))
    }

    /// Whether the facts contradict each other, as in a branch that is never taken.
    fn contradictory_in_scope(&self, ints: &Ints) -> bool {
        let atoms: Vec<_> = self.known.iter().flat_map(|known| known.poly.atoms()).collect();
        let impossible = |k: &Known| k.poly.as_constant().is_some_and(|v| v < 0 || k.equal);
        self.known.iter().any(impossible)
            || !atoms.is_empty() && Relevant::of(ints, atoms, &self.known).refutes(None, &mut 0)
    }
}

/// `0 <= x` for a size or a bounded atom; the most common question.
fn by_looking(ints: &Ints, a: IntId, b: IntId) -> bool {
    if ints.as_constant(a) != Some(0) {
        return false;
    }
    let Some(atom) = ints.get(b).as_atom() else { return false };
    ints.bound(atom).is_some() || matches!(ints.atom(atom), Atom::Size(_))
}
