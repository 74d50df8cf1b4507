//! Divisions, remainders and ranges, simplified with what is known.

use super::system::substitute_equations;
use super::{Effort, Facts};
use crate::int::{IntId, Ints, TooComplex};
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
        let mut equations: Vec<_> =
            self.known.iter().filter(|k| k.equal).map(|k| k.poly.clone()).collect();
        substitute_equations(&mut equations, [&mut a, &mut d]).is_some()
            && a.exact_quotient(&d).is_some()
    }

    /// `floor(a / d)` simplified with the facts; `d >= 1` must be known.
    pub fn div(&self, ints: &mut Ints, a: IntId, d: IntId) -> Result<IntId, TooComplex> {
        let (quotient, rest) = ints.divide_out(a, d)?;
        if self.is_remainder(ints, rest, d) { Ok(quotient) } else { ints.div(a, d) }
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
        let _ = (ints, a);
        None
    }

    /// A fact `x <= y` about sizes alone which, if it were stated, would prove
    /// `a <= b`: the missing `where` clause.
    pub fn missing(&self, ints: &mut Ints, a: IntId, b: IntId) -> Option<(IntId, IntId)> {
        let _ = (ints, a, b);
        None
    }
}
