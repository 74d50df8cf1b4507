//! Divisions, remainders and ranges, simplified with what is known.

use super::bounds::{Bounds, over_sizes};
use super::system::{Relevant, substitute_equations};
use super::{Effort, Facts};
use crate::int::{Atom, AtomId, IntId, Ints, TooComplex};
use crate::poly::Poly;

impl Facts {
    /// Whether `d` is known to divide `a` without remainder (`d >= 1` known).
    pub fn divides(&self, ints: &mut Ints, d: IntId, a: IntId) -> bool {
        let Ok(rest) = ints.rem(a, d) else { return false };
        let zero = ints.constant(0);
        rest == zero || self.is_multiple(ints, d, a) || self.at_most(ints, rest, zero)
    }

    /// Whether `d` stands in `a` as a factor once equations are put in.
    fn is_multiple(&self, ints: &Ints, d: IntId, a: IntId) -> bool {
        let (mut a, mut d) = (Poly::of(ints, a), Poly::of(ints, d));
        let atoms = a.atoms().into_iter().chain(d.atoms()).collect();
        let mut equations = Relevant::of(ints, atoms, &self.known).equations().to_vec();
        substitute_equations(&mut equations, [&mut a, &mut d], &mut 0).is_some()
            && a.exact_quotient(&d).is_some()
    }

    /// `floor(a / d)` simplified with the facts; `d >= 1` must be known.
    pub fn div(&self, ints: &mut Ints, a: IntId, d: IntId) -> Result<IntId, TooComplex> {
        let (quotient, rest) = ints.divide_out(a, d)?;
        if self.is_remainder(ints, rest, d) {
            return Ok(quotient);
        }
        // A bound lasts longer than the facts in scope, so it is found without them.
        if let Some(range) = Self::default().range_of_index(ints, rest) {
            let bound = ints.ceil_div(range, d)?;
            return ints.div_within(a, d, bound);
        }
        ints.div(a, d)
    }

    /// `a % d` simplified with the facts; `d >= 1` must be known.
    pub fn rem(&self, ints: &mut Ints, a: IntId, d: IntId) -> Result<IntId, TooComplex> {
        let (_, rest) = ints.divide_out(a, d)?;
        if self.is_remainder(ints, rest, d) {
            return Ok(rest);
        }
        if self.divides(ints, d, a) { Ok(ints.constant(0)) } else { ints.rem(a, d) }
    }

    /// Whether `0 <= rest < d`.
    fn is_remainder(&self, ints: &Ints, rest: IntId, d: IntId) -> bool {
        let above = Poly::difference(ints, d, rest).and_then(|p| p.plus_constant(-1));
        self.holds(ints, Some(Poly::of(ints, rest)), Effort::Quick)
            && self.holds(ints, above, Effort::Quick)
    }

    /// The smallest known `n` with `0 <= a < n`, as a polynomial over sizes
    /// alone, if `a` has such bounds: the type `idx<n>` of an integer.
    pub fn range(&self, ints: &mut Ints, a: IntId) -> Option<IntId> {
        let goal = Poly::of(ints, a);
        if !self.holds(ints, Some(goal.clone()), Effort::Thorough) {
            return None;
        }
        let relevant = Relevant::of(ints, goal.atoms(), &self.known);
        let least = Bounds::new(ints, relevant.statements()).least(&goal.negated()?)?;
        least.negated()?.plus_constant(1)?.intern(ints)
    }

    /// The range of an integer that holds more than sizes.
    fn range_of_index(&self, ints: &mut Ints, a: IntId) -> Option<IntId> {
        let poly = Poly::of(ints, a);
        let direct = ints.get(a).as_atom().is_some() || over_sizes(ints, &poly);
        if direct { None } else { self.range(ints, a) }
    }

    /// A fact `x <= y` about sizes alone which, if it were stated, would prove
    /// `a <= b`: the missing `where` clause.
    pub fn missing(&self, ints: &mut Ints, a: IntId, b: IntId) -> Option<(IntId, IntId)> {
        let goal = Poly::difference(ints, b, a)?;
        let relevant = Relevant::of(ints, goal.atoms(), &self.known);
        let needed = Bounds::new(ints, relevant.statements()).least(&goal)?;
        let needed = without_common_factor(&needed).tightened();
        needed.as_constant().is_none().then_some(())?;
        // Rounding is in the way: better `K % 128 <= 0` than `ceil(K / 128) <= K / 128`.
        let rounds = |atom: &AtomId| matches!(ints.atom(*atom), Atom::Div(..));
        if needed.atoms().iter().any(rounds)
            && let Some((x, d)) = self.missing_exact(ints, a, b)
        {
            return Some((ints.rem(x, d).ok()?, ints.constant(0)));
        }
        let (x, y) = needed.sides()?;
        let (x, y) = (x.intern(ints)?, y.intern(ints)?);
        let mut facts = self.clone();
        facts.assume_at_most(ints, x, y);
        (!facts.contradictory(ints) && facts.at_most(ints, a, b)).then_some((x, y))
    }

    /// `(x, d)` such that the fact `x % d == 0`, if it were stated, would prove
    /// `a <= b`.
    pub fn missing_exact(&self, ints: &mut Ints, a: IntId, b: IntId) -> Option<(IntId, IntId)> {
        let goal = Poly::difference(ints, b, a)?;
        let relevant = Relevant::of(ints, goal.atoms(), &self.known);
        let mut tried = Vec::new();
        for atom in relevant.statements().iter().flat_map(Poly::atoms) {
            let &Atom::Div(n, d) = ints.atom(atom) else { continue };
            if tried.contains(&atom) || tried.len() >= 8 || !over_sizes(ints, &Poly::of(ints, n)) {
                continue;
            }
            tried.push(atom);
            if let Some(x) = self.exactness_helps(ints, (n, d), (a, b)) {
                return Some((x, d));
            }
        }
        None
    }

    /// Whether `a <= b` follows once what is divided in `floor(n / d)`, or in
    /// the `ceil` that it was written as, is a multiple of `d`.
    fn exactness_helps(
        &self,
        ints: &mut Ints,
        (n, d): (IntId, IntId),
        (a, b): (IntId, IntId),
    ) -> Option<IntId> {
        let one = ints.constant(1);
        let rounded = ints.sub(n, d).and_then(|x| ints.add(x, one)).ok();
        for x in rounded.into_iter().chain([n]) {
            let Ok(quotient) = ints.div(x, d) else { continue };
            let Ok(multiple) = ints.mul(quotient, d) else { continue };
            let mut facts = self.clone();
            facts.assume_equal(ints, x, multiple);
            if x != multiple && !facts.contradictory(ints) && facts.at_most(ints, a, b) {
                return Some(x);
            }
        }
        None
    }
}

/// Takes out atoms that every term holds: `C * L - L >= 0` follows from `C - 1 >= 0`.
fn without_common_factor(p: &Poly) -> Poly {
    let mut p = p.clone();
    for atom in p.atoms() {
        loop {
            let (with, rest) = p.split(atom);
            if !rest.terms().is_empty() || with.terms().is_empty() {
                break;
            }
            p = with;
        }
    }
    p
}
