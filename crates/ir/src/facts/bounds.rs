//! The quick prover: replaces atoms by their bounds until nothing negative is
//! left. `c * L + l < C * L` for `c < C`, `l < L` goes
//!
//! ```text
//! C*L - c*L - l - 1  >=  C*L - c*L - L  >=  C*L - (C-1)*L - L  =  0
//! ```
//!
//! An atom's bound only holds atoms that are older than it, so going from the
//! youngest to the oldest ends. Every step may lose something but never proves
//! what is false.

use std::collections::BTreeMap;

use super::system::deep_atoms;
use crate::int::{Atom, AtomId, Ints};
use crate::poly::Poly;

/// What one question may look at, and how far it has come.
pub(super) struct Bounds<'a> {
    pub(super) ints: &'a Ints,
    /// Polynomials known to be at least 0.
    pub(super) known: &'a [Poly],
    /// Atoms known (not) to be at least 0.
    signs: BTreeMap<AtomId, bool>,
    fuel: usize,
}

/// How an atom that has two upper bounds is replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefer {
    /// `floor(p / d) <= bound - 1`
    Bound,
    /// `d * floor(p / d) <= p`
    Division,
}

impl<'a> Bounds<'a> {
    pub(super) fn new(ints: &'a Ints, known: &'a [Poly]) -> Self {
        Self { ints, known, signs: BTreeMap::new(), fuel: 400 }
    }

    /// `Ok` if `p >= 0` is proved, else the polynomial that is at most `p` and
    /// could not be simplified further.
    pub(super) fn reduce(&mut self, p: &Poly, prefer: Prefer, depth: usize) -> Result<(), Poly> {
        let mut p = p.clone();
        if self.follows(&p) {
            return Ok(());
        }
        while let Some(next) = self.step(&p, prefer, depth) {
            p = next;
            if self.obvious(&p) {
                return Ok(());
            }
        }
        if self.follows(&p) { Ok(()) } else { Err(p) }
    }

    /// The greatest polynomial over sizes alone that was found to be at most `p`.
    pub(super) fn least(&mut self, p: &Poly) -> Option<Poly> {
        let mut p = p.clone();
        while !over_sizes(self.ints, &p) {
            p = self.step(&p, Prefer::Bound, 3)?;
        }
        Some(p)
    }

    /// Whether no term can be negative.
    pub(super) fn obvious(&mut self, p: &Poly) -> bool {
        p.terms().iter().all(|term| self.term_is_not_negative(&term.factors, term.coefficient))
    }

    fn term_is_not_negative(&mut self, factors: &[AtomId], coefficient: i64) -> bool {
        if coefficient <= 0 {
            return coefficient == 0;
        }
        // A square is not negative even where its atom may be.
        let mut at = 0;
        while at < factors.len() {
            if factors.get(at + 1) == Some(&factors[at]) {
                at += 2;
            } else if self.not_negative(factors[at]) {
                at += 1;
            } else {
                return false;
            }
        }
        true
    }

    /// Whether `p >= 0` is obvious, or is once something known is taken off.
    fn follows(&mut self, p: &Poly) -> bool {
        let known = self.known;
        self.obvious(p) || known.iter().any(|k| self.obvious_difference(p, k))
    }

    /// [`Bounds::obvious`] of `p - k`.
    fn obvious_difference(&mut self, p: &Poly, k: &Poly) -> bool {
        // Most of what is known has nothing to say about a negative term.
        let hopeless = |x: i64, y: Option<i64>| x < 0 && y.is_none_or(|y| y > x);
        let negative = p.terms().iter().find(|term| term.coefficient < 0);
        if negative.is_some_and(|t| hopeless(t.coefficient, k.coefficient(&t.factors))) {
            return false;
        }
        p.plus(k, -1).is_some_and(|rest| self.obvious(&rest))
    }

    /// Whether an atom is at least 0, by what it is.
    pub(super) fn not_negative(&mut self, atom: AtomId) -> bool {
        self.not_negative_within(atom, 64)
    }

    fn not_negative_within(&mut self, atom: AtomId, depth: usize) -> bool {
        if let Some(&sign) = self.signs.get(&atom) {
            return sign;
        }
        let sign = self.ints.bound(atom).is_some()
            || match self.ints.atom(atom) {
                Atom::Size(_) => true,
                Atom::Div(p, _) if depth > 0 => self.ints.get(*p).terms().iter().all(|term| {
                    let mut factors = term.factors.iter();
                    term.coefficient >= 0
                        && factors.all(|&x| self.not_negative_within(x, depth - 1))
                }),
                Atom::Div(..) | Atom::Var(_) | Atom::Read(..) | Atom::Value(_) => false,
            };
        self.signs.insert(atom, sign);
        sign
    }

    /// A polynomial that is at most `p`, with one occurrence of an atom replaced.
    fn step(&mut self, p: &Poly, prefer: Prefer, depth: usize) -> Option<Poly> {
        for atom in p.atoms().into_iter().rev() {
            if matches!(self.ints.atom(atom), Atom::Size(_)) {
                continue;
            }
            self.fuel = self.fuel.checked_sub(1)?;
            if let Some(next) = self.replace(p, atom, prefer, depth) {
                return Some(next);
            }
        }
        None
    }

    fn replace(&mut self, p: &Poly, atom: AtomId, prefer: Prefer, depth: usize) -> Option<Poly> {
        let (c, r) = p.split(atom);
        if let Some(next) = self.replace_division(&c, &r, atom, prefer, depth) {
            return Some(next);
        }
        // Dropping a rounded size would lose what facts say of it.
        if !self.not_negative(atom) || over_sizes(self.ints, &Poly::atom(atom)) {
            return None;
        }
        // c * atom >= 0 where c >= 0.
        if self.proves(&c, depth) {
            return Some(r);
        }
        let bound = Poly::of(self.ints, self.ints.bound(atom)?).plus_constant(-1)?;
        let fall = c.negated()?;
        if self.proves(&fall, depth) { r.plus(&c.times(&bound)?, 1) } else { None }
    }

    /// `k * d * floor(n / d)` is at most `k * n`, and at least `k * (n - d + 1)`.
    fn replace_division(
        &mut self,
        c: &Poly,
        r: &Poly,
        atom: AtomId,
        prefer: Prefer,
        depth: usize,
    ) -> Option<Poly> {
        let &Atom::Div(n, d) = self.ints.atom(atom) else { return None };
        let (n, d) = (Poly::of(self.ints, n), Poly::of(self.ints, d));
        let (k, r) = match (c.exact_quotient(&d), d.as_constant()) {
            (Some(k), _) => (k, r.clone()),
            // p >= 0 follows from d * p + d - 1 >= 0.
            (None, Some(by)) if prefer == Prefer::Division => {
                (c.clone(), r.times(&d)?.plus_constant(by.checked_sub(1)?)?)
            }
            (None, _) => return None,
        };
        if self.proves(&k.negated()?, depth) {
            r.plus(&k.times(&n)?, 1)
        } else if self.proves(&k, depth) {
            let least = n.plus(&d, -1)?.plus_constant(1)?;
            r.plus(&k.times(&least)?, 1)
        } else {
            None
        }
    }

    /// Whether `c >= 0`; for the coefficients met on the way.
    fn proves(&mut self, c: &Poly, depth: usize) -> bool {
        if let Some(value) = c.as_constant() {
            return value >= 0;
        }
        self.obvious(c) || depth > 0 && self.reduce(c, Prefer::Bound, depth - 1).is_ok()
    }
}

/// Whether a polynomial holds sizes, and divisions of sizes, alone.
pub(super) fn over_sizes(ints: &Ints, p: &Poly) -> bool {
    deep_atoms(ints, p).into_iter().all(|atom| match ints.atom(atom) {
        Atom::Size(_) | Atom::Div(..) => true,
        Atom::Var(_) | Atom::Read(..) | Atom::Value(_) => false,
    })
}
