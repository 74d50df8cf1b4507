//! Exact integers: sizes and index expressions, as interned polynomials.
//!
//! A *size* is a polynomial over the kernel's size parameters; an *index* may
//! also hold index variables, floors of divisions and gathered values. One
//! canonical form serves both, so equality is `==` on handles:
//!
//! ```text
//! p     = c1 * a * b + c2 * a + c3           terms sorted, no zero coefficient
//! atom  = size | var | floor(p / d) | tensor[p, ..] | value of an expression
//! p % d = p - d * floor(p / d)               so j / S * S + j % S  is  j
//! ceil(p / d) = floor((p + d - 1) / d)
//! ```
//!
//! A division may only be built where its divisor is known to be positive.
//! Values are mathematical integers; evaluation is exact in 64 bits.

mod division;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::arena::{Arena, Id};
use crate::tensor::{Expr, Size, Tensor, Var};

/// A handle of an interned polynomial.
pub type IntId = Id<Int>;
/// A handle of an interned atom.
pub type AtomId = Id<Atom>;

/// What polynomials are made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Atom {
    /// A size parameter; at least 0.
    Size(Id<Size>),
    /// An index variable; 0 .. range - 1.
    Var(Id<Var>),
    /// `floor(p / d)` with d >= 1.
    Div(IntId, IntId),
    /// An element of an integer tensor, by structure: two reads of the same
    /// element are the same atom. An `idx<N>` input is clamped when read.
    Read(Id<Tensor>, Vec<IntId>),
    /// Any other integer value, such as `idx<N>(e)` or an argsort.
    Value(Id<Expr>),
}

/// A polynomial: a sum of terms, sorted by their factors.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Int {
    terms: Vec<Term>,
}

/// `coefficient * factors[0] * factors[1] * ..`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// Atoms in ascending order, repeated for powers; empty for the constant.
    pub factors: Vec<AtomId>,
    /// Never zero.
    pub coefficient: i64,
}

/// A polynomial too large to handle: a coefficient past 64 bits, over
/// [`Ints::MAX_TERMS`] terms, or of a degree over [`Ints::MAX_DEGREE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooComplex;

/// The interner of one kernel.
#[derive(Clone, Debug, Default)]
pub struct Ints {
    ints: Arena<Int>,
    atoms: Arena<Atom>,
    /// By atom: the exclusive upper bound, for atoms known to be in 0 .. bound - 1.
    bounds: Vec<Option<IntId>>,
    known_ints: HashMap<Int, IntId>,
    known_atoms: HashMap<Atom, AtomId>,
}

impl Int {
    /// The terms, sorted by their factors.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Its value if it has no atoms.
    #[must_use]
    pub fn as_constant(&self) -> Option<i64> {
        match self.terms.as_slice() {
            [] => Some(0),
            [term] if term.factors.is_empty() => Some(term.coefficient),
            _ => None,
        }
    }

    /// The atom that it is, if it is just one.
    #[must_use]
    pub fn as_atom(&self) -> Option<AtomId> {
        match self.terms.as_slice() {
            [Term { factors, coefficient: 1 }] if factors.len() == 1 => Some(factors[0]),
            _ => None,
        }
    }
}

impl Ints {
    /// The most terms a polynomial may have.
    pub const MAX_TERMS: usize = 256;
    /// The highest degree a term may have.
    pub const MAX_DEGREE: usize = 12;

    /// The polynomial behind a handle.
    #[must_use]
    pub fn get(&self, id: IntId) -> &Int {
        &self.ints[id]
    }

    /// The atom behind a handle.
    #[must_use]
    pub fn atom(&self, id: AtomId) -> &Atom {
        &self.atoms[id]
    }

    /// All atoms; one comes after those that it and its bound are made of.
    pub fn atoms(&self) -> impl DoubleEndedIterator<Item = (AtomId, &Atom)> {
        self.atoms.iter()
    }

    /// The exclusive upper bound of an atom that is known to be in `0 .. bound`.
    #[must_use]
    pub fn bound(&self, id: AtomId) -> Option<IntId> {
        self.bounds[id.index()]
    }

    /// A constant.
    pub fn constant(&mut self, value: i64) -> IntId {
        let terms =
            if value == 0 { vec![] } else { vec![Term { factors: vec![], coefficient: value }] };
        self.intern(Int { terms })
    }

    /// An atom as a polynomial. `bound` is its exclusive upper bound, for atoms
    /// that are in `0 .. bound`; an atom seen before keeps the bound it has.
    pub fn of_atom(&mut self, atom: Atom, bound: Option<IntId>) -> IntId {
        let id = if let Some(&id) = self.known_atoms.get(&atom) {
            id
        } else {
            let id = self.atoms.push(atom.clone());
            self.bounds.push(bound);
            self.known_atoms.insert(atom, id);
            id
        };
        self.intern(Int { terms: vec![Term { factors: vec![id], coefficient: 1 }] })
    }

    /// The atom that `id` is, if it is just one.
    #[must_use]
    pub fn as_atom(&self, id: IntId) -> Option<&Atom> {
        self.get(id).as_atom().map(|atom| self.atom(atom))
    }

    /// Its value if it has no atoms.
    #[must_use]
    pub fn as_constant(&self, id: IntId) -> Option<i64> {
        self.get(id).as_constant()
    }

    /// `a + b`
    pub fn add(&mut self, a: IntId, b: IntId) -> Result<IntId, TooComplex> {
        self.combine(a, b, 1)
    }

    /// `a - b`
    pub fn sub(&mut self, a: IntId, b: IntId) -> Result<IntId, TooComplex> {
        self.combine(a, b, -1)
    }

    /// `a * b`
    pub fn mul(&mut self, a: IntId, b: IntId) -> Result<IntId, TooComplex> {
        let mut sum = BTreeMap::new();
        for x in &self.ints[a].terms {
            for y in &self.ints[b].terms {
                let coefficient = x.coefficient.checked_mul(y.coefficient).ok_or(TooComplex)?;
                accumulate(&mut sum, product(&x.factors, &y.factors), coefficient)?;
            }
        }
        self.collect(sum)
    }

    /// The value of a polynomial, given the values of its size, variable, read
    /// and value atoms. `None` if `atom` returns it or a step leaves 64 bits.
    pub fn eval(&self, id: IntId, atom: &mut impl FnMut(&Atom) -> Option<i64>) -> Option<i64> {
        let mut sum = 0i64;
        for term in &self.ints[id].terms {
            let mut product = term.coefficient;
            for &factor in &term.factors {
                let value = match self.atom(factor) {
                    // Divisions nest no deeper than the source does.
                    Atom::Div(p, d) => {
                        let (p, d) = (self.eval(*p, atom)?, self.eval(*d, atom)?);
                        if d <= 0 {
                            return None;
                        }
                        p.div_euclid(d)
                    }
                    other @ (Atom::Size(_) | Atom::Var(_) | Atom::Read(..) | Atom::Value(_)) => {
                        atom(other)?
                    }
                };
                product = product.checked_mul(value)?;
            }
            sum = sum.checked_add(product)?;
        }
        Some(sum)
    }

    /// Calls `visit` once for every atom of a polynomial, also inside divisions
    /// and inside the indices of reads; an atom comes after those inside it.
    pub fn visit_atoms(&self, id: IntId, visit: &mut impl FnMut(AtomId, &Atom)) {
        let mut reached = BTreeSet::new();
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            for &factor in self.ints[id].terms.iter().flat_map(|term| &term.factors) {
                if !reached.insert(factor) {
                    continue;
                }
                match self.atom(factor) {
                    Atom::Div(p, d) => open.extend([*p, *d]),
                    Atom::Read(_, index) => open.extend(index),
                    Atom::Size(_) | Atom::Var(_) | Atom::Value(_) => {}
                }
            }
        }
        // What an atom is made of was interned before it.
        for atom in reached {
            visit(atom, self.atom(atom));
        }
    }

    fn combine(&mut self, a: IntId, b: IntId, sign: i64) -> Result<IntId, TooComplex> {
        let mut sum = BTreeMap::new();
        for term in &self.ints[a].terms {
            accumulate(&mut sum, term.factors.clone(), term.coefficient)?;
        }
        for term in &self.ints[b].terms {
            let coefficient = term.coefficient.checked_mul(sign).ok_or(TooComplex)?;
            accumulate(&mut sum, term.factors.clone(), coefficient)?;
        }
        self.collect(sum)
    }

    fn collect(&mut self, sum: BTreeMap<Vec<AtomId>, i64>) -> Result<IntId, TooComplex> {
        let terms: Vec<_> = sum
            .into_iter()
            .filter(|&(_, coefficient)| coefficient != 0)
            .map(|(factors, coefficient)| Term { factors, coefficient })
            .collect();
        let too_complex = terms.len() > Self::MAX_TERMS
            || terms.iter().any(|t| t.factors.len() > Self::MAX_DEGREE);
        if too_complex { Err(TooComplex) } else { Ok(self.intern(Int { terms })) }
    }

    fn intern(&mut self, int: Int) -> IntId {
        if let Some(&id) = self.known_ints.get(&int) {
            return id;
        }
        let id = self.ints.push(int.clone());
        self.known_ints.insert(int, id);
        id
    }
}

fn accumulate(
    sum: &mut BTreeMap<Vec<AtomId>, i64>,
    factors: Vec<AtomId>,
    coefficient: i64,
) -> Result<(), TooComplex> {
    let total = sum.entry(factors).or_insert(0);
    *total = total.checked_add(coefficient).ok_or(TooComplex)?;
    Ok(())
}

fn product(a: &[AtomId], b: &[AtomId]) -> Vec<AtomId> {
    let mut factors = [a, b].concat();
    factors.sort_unstable();
    factors
}
