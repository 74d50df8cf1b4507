//! Polynomials as values, for proofs that should leave nothing behind in the
//! interner. Every operation is checked: `None` means that a coefficient left
//! 64 bits or that there are more terms than a proof is worth.

use std::cmp::Ordering;

use crate::int::{Atom, AtomId, IntId, Ints, Term};

/// Terms sorted by their factors, none with a zero coefficient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Poly {
    terms: Vec<Term>,
}

impl Poly {
    /// The most terms that a proof carries along.
    const MAX_TERMS: usize = 128;
    /// The most products of terms that one multiplication may take.
    const MAX_PRODUCTS: usize = 512;

    pub(crate) fn of(ints: &Ints, id: IntId) -> Self {
        Self { terms: ints.get(id).terms().to_vec() }
    }

    pub(crate) fn constant(value: i64) -> Self {
        let term = Term { factors: Vec::new(), coefficient: value };
        Self { terms: if value == 0 { Vec::new() } else { vec![term] } }
    }

    pub(crate) fn atom(atom: AtomId) -> Self {
        Self { terms: vec![Term { factors: vec![atom], coefficient: 1 }] }
    }

    /// `b - a`
    pub(crate) fn difference(ints: &Ints, b: IntId, a: IntId) -> Option<Self> {
        merge(ints.get(b).terms(), ints.get(a).terms(), -1)
    }

    pub(crate) fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Its value if it has no atoms.
    pub(crate) fn as_constant(&self) -> Option<i64> {
        match self.terms.as_slice() {
            [] => Some(0),
            [term] if term.factors.is_empty() => Some(term.coefficient),
            _ => None,
        }
    }

    /// The term without atoms; it is sorted first.
    pub(crate) fn constant_term(&self) -> i64 {
        self.terms.first().filter(|t| t.factors.is_empty()).map_or(0, |t| t.coefficient)
    }

    /// The coefficient of a product of atoms, if it occurs.
    pub(crate) fn coefficient(&self, factors: &[AtomId]) -> Option<i64> {
        let at = self.terms.binary_search_by(|term| term.factors.as_slice().cmp(factors));
        at.ok().map(|at| self.terms[at].coefficient)
    }

    pub(crate) fn degree(&self) -> usize {
        self.terms.iter().map(|t| t.factors.len()).max().unwrap_or(0)
    }

    /// `self + scale * other`
    pub(crate) fn plus(&self, other: &Self, scale: i64) -> Option<Self> {
        merge(&self.terms, &other.terms, scale)
    }

    pub(crate) fn plus_constant(&self, value: i64) -> Option<Self> {
        self.plus(&Self::constant(value), 1)
    }

    pub(crate) fn negated(&self) -> Option<Self> {
        Self::default().plus(self, -1)
    }

    pub(crate) fn times(&self, other: &Self) -> Option<Self> {
        if self.terms.len() * other.terms.len() > Self::MAX_PRODUCTS {
            return None;
        }
        let mut sum = Self::default();
        for x in &other.terms {
            sum = sum.plus(&self.times_term(x)?, 1)?;
        }
        Some(sum)
    }

    fn times_term(&self, by: &Term) -> Option<Self> {
        let product = |term: &Term| {
            let mut factors = [term.factors.as_slice(), by.factors.as_slice()].concat();
            factors.sort_unstable();
            if factors.len() > Ints::MAX_DEGREE {
                return None;
            }
            Some(Term { factors, coefficient: term.coefficient.checked_mul(by.coefficient)? })
        };
        let mut terms: Vec<_> = self.terms.iter().map(product).collect::<Option<_>>()?;
        terms.sort_unstable_by(|a, b| a.factors.cmp(&b.factors));
        Some(Self { terms })
    }

    /// `(c, r)` with `self = atom * c + r` and no `atom` left in `r`.
    pub(crate) fn split(&self, atom: AtomId) -> (Self, Self) {
        let (mut with, mut rest) = (Vec::new(), Vec::new());
        for term in &self.terms {
            match term.factors.iter().position(|&x| x == atom) {
                Some(at) => {
                    let mut term = term.clone();
                    term.factors.remove(at);
                    with.push(term);
                }
                None => rest.push(term.clone()),
            }
        }
        with.sort_unstable_by(|a, b| a.factors.cmp(&b.factors));
        (Self { terms: with }, Self { terms: rest })
    }

    /// `k` with `self = k * d`, for a `d` of one term.
    pub(crate) fn exact_quotient(&self, d: &Self) -> Option<Self> {
        let [divisor] = d.terms.as_slice() else {
            return (self == d).then(|| Self::constant(1));
        };
        let quotient = |term: &Term| {
            let mut factors = term.factors.clone();
            for atom in &divisor.factors {
                factors.remove(factors.iter().position(|x| x == atom)?);
            }
            let remainder = term.coefficient.checked_rem(divisor.coefficient)?;
            let coefficient = term.coefficient.checked_div(divisor.coefficient)?;
            (remainder == 0).then_some(Term { factors, coefficient })
        };
        let mut terms: Vec<_> = self.terms.iter().map(quotient).collect::<Option<_>>()?;
        terms.sort_unstable_by(|a, b| a.factors.cmp(&b.factors));
        Some(Self { terms })
    }

    /// The strongest statement `q >= 0` over integers with the same atoms that
    /// `self >= 0` implies by dividing out the common factor: 2x - 3 >= 0 is x - 2 >= 0.
    pub(crate) fn tightened(mut self) -> Self {
        let atoms = self.terms.iter().filter(|t| !t.factors.is_empty());
        let common = atoms.fold(0, |g, t| gcd(g, t.coefficient.unsigned_abs()));
        let Ok(common @ 2..) = i64::try_from(common) else { return self };
        for term in &mut self.terms {
            term.coefficient = term.coefficient.div_euclid(common);
        }
        self.terms.retain(|t| t.coefficient != 0);
        self
    }

    /// The atoms, in ascending order.
    pub(crate) fn atoms(&self) -> Vec<AtomId> {
        let mut atoms: Vec<_> = self.terms.iter().flat_map(|t| t.factors.clone()).collect();
        atoms.sort_unstable();
        atoms.dedup();
        atoms
    }

    pub(crate) fn holds(&self, atom: AtomId) -> bool {
        self.terms.iter().any(|term| term.factors.contains(&atom))
    }

    /// Every `atom` replaced by `value`.
    pub(crate) fn substituted(&self, atom: AtomId, value: &Self) -> Option<Self> {
        let mut left = self.clone();
        // Each round takes out one power; `value` does not hold the atom.
        for _ in 0..=Ints::MAX_DEGREE {
            let (with, rest) = left.split(atom);
            if with.terms.is_empty() {
                return Some(rest);
            }
            left = rest.plus(&with.times(value)?, 1)?;
        }
        None
    }

    /// `(x, y)` with `self = y - x` and no negative coefficient in either.
    pub(crate) fn sides(&self) -> Option<(Self, Self)> {
        let (y, x): (Vec<_>, Vec<_>) = self.terms.iter().cloned().partition(|t| t.coefficient > 0);
        Some((Self { terms: x }.negated()?, Self { terms: y }))
    }

    /// As an interned polynomial.
    pub(crate) fn intern(&self, ints: &mut Ints) -> Option<IntId> {
        let mut sum = ints.constant(0);
        for term in &self.terms {
            let mut product = ints.constant(term.coefficient);
            for &factor in &term.factors {
                let atom: Atom = ints.atom(factor).clone();
                let bound = ints.bound(factor);
                let factor = ints.of_atom(atom, bound);
                product = ints.mul(product, factor).ok()?;
            }
            sum = ints.add(sum, product).ok()?;
        }
        Some(sum)
    }
}

fn merge(a: &[Term], b: &[Term], scale: i64) -> Option<Poly> {
    let mut terms = Vec::with_capacity(a.len() + b.len());
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let order = match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) => x.factors.cmp(&y.factors),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        let (mut coefficient, mut factors) = (0i64, &[][..]);
        if order.is_le() {
            (coefficient, factors) = (a[i].coefficient, &a[i].factors);
            i += 1;
        }
        if order.is_ge() {
            let scaled = b[j].coefficient.checked_mul(scale)?;
            coefficient = coefficient.checked_add(scaled)?;
            factors = &b[j].factors;
            j += 1;
        }
        if coefficient != 0 {
            terms.push(Term { factors: factors.to_vec(), coefficient });
        }
    }
    (terms.len() <= Poly::MAX_TERMS).then_some(Poly { terms })
}

pub(crate) fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
