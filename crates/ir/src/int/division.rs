//! Division of polynomials with the floor, and what follows from it.
//!
//! Whatever is seen to be a multiple of the divisor is divided out, constants
//! and fractions are reduced, and nested divisions become one:
//!
//! ```text
//! (c * L + l) / L   is  c + l / L            (2 * m + 4) / 6   is  (m + 2) / 3
//! (m / 4) / 32      is  m / 128              -1 / L            is  -1
//! ```

use std::collections::BTreeMap;

use super::{Atom, AtomId, Int, IntId, Ints, Term, TooComplex, accumulate, product};

impl Ints {
    /// `floor(a / d)`, for a `d` that is known to be at least 1. Multiples of
    /// `d` among the terms of `a` are divided out; what remains is an atom.
    /// [`crate::facts`] also drops a remainder that it proves to be in `0 .. d`.
    pub fn div(&mut self, a: IntId, d: IntId) -> Result<IntId, TooComplex> {
        self.divide(a, d, None)
    }

    /// [`Ints::div`] where what remains is known to be below `bound`, a size.
    pub(crate) fn div_within(
        &mut self,
        a: IntId,
        d: IntId,
        bound: IntId,
    ) -> Result<IntId, TooComplex> {
        self.divide(a, d, Some(bound))
    }

    fn divide(&mut self, a: IntId, d: IntId, known: Option<IntId>) -> Result<IntId, TooComplex> {
        // Under facts that contradict each other anything is known to be positive.
        if self.as_constant(d).is_some_and(|d| d <= 0) {
            return Err(TooComplex);
        }
        let (quotient, rest) = self.divide_out(a, d)?;
        let floor = match (self.as_constant(rest), self.as_constant(d)) {
            (Some(x), Some(y)) => Some(x.div_euclid(y)),
            (Some(x @ (0 | -1)), None) => Some(x),
            _ => None,
        };
        if let Some(floor) = floor {
            let floor = self.constant(floor);
            return self.add(quotient, floor);
        }
        let (rest, d) = self.reduce_fraction(rest, d)?;
        let bound = match self.get(rest).as_atom().and_then(|atom| self.bound(atom)) {
            Some(bound) => Some(self.ceil_div(bound, d)?),
            None => known,
        };
        let floor = self.of_atom(Atom::Div(rest, d), bound);
        self.add(quotient, floor)
    }

    /// `a - d * floor(a / d)`, for a `d` that is known to be at least 1.
    pub fn rem(&mut self, a: IntId, d: IntId) -> Result<IntId, TooComplex> {
        let quotient = self.div(a, d)?;
        let multiple = self.mul(quotient, d)?;
        self.sub(a, multiple)
    }

    /// `floor((a + d - 1) / d)`, for a `d` that is known to be at least 1.
    pub fn ceil_div(&mut self, a: IntId, d: IntId) -> Result<IntId, TooComplex> {
        let one = self.constant(1);
        let above = self.add(a, d)?;
        let above = self.sub(above, one)?;
        self.div(above, d)
    }

    /// `a = quotient * d + rest`, with every multiple of `d` that is seen among
    /// the terms of `a` in the quotient.
    pub(crate) fn divide_out(&mut self, a: IntId, d: IntId) -> Result<(IntId, IntId), TooComplex> {
        let zero = self.constant(0);
        if a == d {
            return Ok((self.constant(1), zero));
        }
        let divisor = self.ints[d].terms.clone();
        let Some(lead) = divisor.iter().max_by_key(|t| (t.factors.len(), &t.factors)) else {
            return Ok((zero, a));
        };
        let terms = self.ints[a].terms.iter().map(|t| (t.factors.clone(), t.coefficient));
        let (mut quotient, mut rest) = (BTreeMap::new(), terms.collect::<BTreeMap<_, _>>());
        for term in &self.ints[a].terms {
            let Some(by) = without(&term.factors, &lead.factors) else { continue };
            let part = multiples(&rest, &divisor, &by).ok_or(TooComplex)?;
            if part == 0 {
                continue;
            }
            for t in &divisor {
                let less = t.coefficient.checked_mul(part).and_then(i64::checked_neg);
                accumulate(&mut rest, product(&by, &t.factors), less.ok_or(TooComplex)?)?;
            }
            accumulate(&mut quotient, by, part)?;
        }
        Ok((self.collect(quotient)?, self.collect(rest)?))
    }

    /// Divides numerator and denominator by their common constant factor, and
    /// makes `floor(floor(p / a) / b)` one division.
    fn reduce_fraction(&mut self, p: IntId, d: IntId) -> Result<(IntId, IntId), TooComplex> {
        if let Some(&Atom::Div(inner, by)) = self.as_atom(p) {
            let d = self.mul(by, d)?;
            return Ok((inner, d));
        }
        let coefficients = [p, d].into_iter().flat_map(|id| &self.ints[id].terms);
        let common = coefficients.fold(0, |g, term| gcd(g, term.coefficient.unsigned_abs()));
        let Ok(common @ 2..) = i64::try_from(common) else { return Ok((p, d)) };
        let divide = |int: &Int| {
            let terms =
                int.terms.iter().map(|t| Term { coefficient: t.coefficient / common, ..t.clone() });
            Int { terms: terms.collect() }
        };
        let (p, d) = (divide(&self.ints[p]), divide(&self.ints[d]));
        Ok((self.intern(p), self.intern(d)))
    }
}

/// How often `by * divisor` is contained in `sum`. For a divisor of one term
/// that leaves a coefficient of at least 0; a longer one must be there as a whole.
fn multiples(sum: &BTreeMap<Vec<AtomId>, i64>, divisor: &[Term], by: &[AtomId]) -> Option<i64> {
    let there = |t: &Term| sum.get(&product(by, &t.factors)).copied().unwrap_or(0);
    if let [only] = divisor {
        return there(only).checked_div_euclid(only.coefficient);
    }
    let mut parts = Vec::new();
    for term in divisor {
        parts.push(there(term).checked_div(term.coefficient)?);
    }
    let same_sign = parts.iter().all(|&x| x > 0) || parts.iter().all(|&x| x < 0);
    if same_sign { parts.into_iter().min_by_key(|x| x.unsigned_abs()) } else { Some(0) }
}

/// `factors` with each of `remove` taken out once, or `None` if one is missing.
fn without(factors: &[AtomId], remove: &[AtomId]) -> Option<Vec<AtomId>> {
    let mut left = factors.to_vec();
    for atom in remove {
        let at = left.iter().position(|x| x == atom)?;
        left.remove(at);
    }
    Some(left)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
