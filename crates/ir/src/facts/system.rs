//! The thorough prover: refutes the negated goal.
//!
//! Everything known about the atoms of the goal is written down as polynomials
//! that are at least 0: what is assumed, `0 <= a <= bound - 1`, and for
//! `q = floor(n / d)` that `d * q <= n <= d * q + d - 1` with `d >= 1`. Together
//! with the goal's negation, and with products of pairs of these, they are
//! linear statements over monomials; [`super::linear`] decides those exactly.
//! Equations are substituted first, so that common factors become visible.

use std::collections::{BTreeMap, BTreeSet};

use super::Known;
use super::bounds::Bounds;
use super::linear::{self, Column};
use crate::int::{Atom, AtomId, Ints};
use crate::poly::Poly;

/// The most statements that are multiplied with each other.
const MAX_FACTORS: usize = 36;
/// The most terms of a polynomial that is multiplied or substituted.
const MAX_FACTOR_TERMS: usize = 10;
/// What a term of a product costs, in steps of [`linear`].
const WORK_PER_TERM: usize = 20;
/// The most statements in one question.
const MAX_STATEMENTS: usize = 90;

/// Statements `p >= 0` that a question may use, the nearest first.
#[derive(Debug, Default)]
pub(super) struct Relevant {
    statements: Vec<Poly>,
    equations: Vec<Poly>,
}

impl Relevant {
    /// What is known of `atoms`, of what they are made of, and of whatever else
    /// the facts connect them with.
    pub(super) fn of(ints: &Ints, atoms: Vec<AtomId>, known: &[Known]) -> Self {
        let mut relevant = Self::default();
        let mut seen = BTreeSet::new();
        let mut used = vec![false; known.len()];
        let mut reached = atoms;
        while !reached.is_empty() && relevant.statements.len() < MAX_STATEMENTS {
            relevant.describe(ints, reached, &mut seen);
            reached = Vec::new();
            // Facts about what is at hand come before those that lead further,
            // and those of the innermost scope first.
            for leads_on in [false, true] {
                for (fact, used) in known.iter().zip(&mut used).rev() {
                    let is_seen = |atom: &AtomId| seen.contains(atom);
                    let near = if leads_on {
                        fact.atoms.iter().any(is_seen)
                    } else {
                        fact.atoms.iter().all(is_seen)
                    };
                    if near && !*used && relevant.statements.len() < MAX_STATEMENTS {
                        *used = true;
                        reached.extend(fact.poly.atoms());
                        relevant.assume(fact);
                    }
                }
            }
        }
        relevant.statements.truncate(MAX_STATEMENTS);
        relevant
    }

    fn assume(&mut self, fact: &Known) {
        if fact.equal {
            self.statements.extend(fact.poly.negated());
            self.equations.push(fact.poly.clone());
        }
        self.statements.push(fact.poly.clone());
    }

    /// Adds what is known of atoms by themselves, and of those inside them.
    fn describe(&mut self, ints: &Ints, atoms: Vec<AtomId>, seen: &mut BTreeSet<AtomId>) {
        let mut open: Vec<_> = atoms.into_iter().rev().collect();
        while let Some(atom) = open.pop() {
            if !seen.insert(atom) || self.statements.len() > MAX_STATEMENTS {
                continue;
            }
            for statement in about(ints, atom) {
                open.extend(statement.atoms());
                self.statements.push(statement);
            }
        }
    }

    pub(super) fn statements(&self) -> &[Poly] {
        &self.statements
    }

    /// Polynomials that are 0.
    pub(super) fn equations(&self) -> &[Poly] {
        &self.equations
    }

    /// Whether the statements, with `extra >= 0`, contradict each other.
    pub(super) fn refutes(&self, extra: Option<&Poly>, work: &mut usize) -> bool {
        self.try_refute(extra, work).unwrap_or(false)
    }

    fn try_refute(&self, extra: Option<&Poly>, work: &mut usize) -> Option<bool> {
        let mut statements: Vec<_> = extra.into_iter().chain(&self.statements).cloned().collect();
        let mut equations = self.equations.clone();
        substitute_equations(&mut equations, statements.iter_mut(), work)?;
        let mut statements: Vec<_> = statements.into_iter().map(Poly::tightened).collect();
        statements.retain(|p| p.as_constant().is_none_or(|value| value < 0));
        if contradictory(&statements, work) {
            return Some(true);
        }
        let degree = statements.iter().map(Poly::degree).max().unwrap_or(0).max(2);
        let products = products(&statements, degree, work);
        statements.extend(products);
        Some(contradictory(&statements, work))
    }
}

/// The atoms of a polynomial and those inside its divisions.
pub(super) fn deep_atoms(ints: &Ints, poly: &Poly) -> Vec<AtomId> {
    let (mut open, mut seen) = (poly.atoms(), BTreeSet::new());
    while let Some(atom) = open.pop() {
        if let (true, Atom::Div(n, d)) = (seen.insert(atom), ints.atom(atom)) {
            let inside = [*n, *d].into_iter().flat_map(|id| ints.get(id).terms());
            open.extend(inside.flat_map(|term| &term.factors));
        }
    }
    seen.into_iter().collect()
}

/// What an atom is by itself.
fn about(ints: &Ints, atom: AtomId) -> Vec<Poly> {
    let mut statements = Vec::new();
    let itself = Poly::atom(atom);
    if Bounds::new(ints, &[]).not_negative(atom) {
        statements.push(itself.clone());
    }
    if let Some(bound) = ints.bound(atom) {
        let above = Poly::of(ints, bound).plus_constant(-1);
        statements.extend(above.and_then(|above| above.plus(&itself, -1)));
    }
    match ints.atom(atom) {
        Atom::Div(n, d) => {
            let (n, d) = (Poly::of(ints, *n), Poly::of(ints, *d));
            statements.extend(d.plus_constant(-1).filter(|p| p.as_constant().is_none()));
            let remainder = d.times(&itself).and_then(|multiple| n.plus(&multiple, -1));
            statements.extend(remainder.as_ref().and_then(|r| d.plus_constant(-1)?.plus(r, -1)));
            statements.extend(remainder);
        }
        Atom::Size(_) | Atom::Var(_) | Atom::Read(..) | Atom::Value(_) => {}
    }
    statements
}

/// Solves each equation for an atom that stands alone in it, and replaces that
/// atom wherever the work left allows; both forms are true.
pub(super) fn substitute_equations<'a>(
    equations: &mut Vec<Poly>,
    targets: impl IntoIterator<Item = &'a mut Poly>,
    work: &mut usize,
) -> Option<()> {
    let mut targets: Vec<_> = targets.into_iter().collect();
    while let Some(equation) = equations.pop() {
        let Some((atom, value)) = solved(&equation) else { continue };
        // A long one would make everything long; it is still a statement.
        if value.terms().len() > MAX_FACTOR_TERMS {
            continue;
        }
        for p in equations.iter_mut().chain(targets.iter_mut().map(|p| &mut **p)) {
            if p.holds(atom) && *work < linear::WORK / 2 {
                *work += WORK_PER_TERM * p.terms().len();
                *p = p.substituted(atom, &value)?;
            }
        }
    }
    Some(())
}

/// The youngest atom that occurs once, by itself, with coefficient 1 or -1;
/// and what it equals.
pub(super) fn solved(equation: &Poly) -> Option<(AtomId, Poly)> {
    for atom in equation.atoms().into_iter().rev() {
        let (with, rest) = equation.split(atom);
        match with.as_constant() {
            Some(1) => return Some((atom, rest.negated()?)),
            Some(-1) => return Some((atom, rest)),
            _ => {}
        }
    }
    None
}

/// As many as the work left allows.
fn products(statements: &[Poly], degree: usize, work: &mut usize) -> Vec<Poly> {
    let factors = &statements[..statements.len().min(MAX_FACTORS)];
    let mut products = Vec::new();
    for (at, x) in factors.iter().enumerate() {
        for y in &factors[at..] {
            let short = x.terms().len().max(y.terms().len()) <= MAX_FACTOR_TERMS;
            let in_time = *work < linear::WORK;
            if in_time
                && short
                && x.degree() + y.degree() <= degree
                && x.degree() > 0
                && y.degree() > 0
            {
                *work += WORK_PER_TERM * x.terms().len() * y.terms().len();
                products.extend(x.times(y).map(Poly::tightened));
            }
        }
    }
    products
}

/// Whether the statements contradict each other as linear ones over monomials.
fn contradictory(statements: &[Poly], work: &mut usize) -> bool {
    let mut unknowns = BTreeMap::new();
    let mut columns = Vec::with_capacity(statements.len());
    for statement in statements {
        let mut column = Column { constant: statement.constant_term(), ..Column::default() };
        for term in statement.terms().iter().filter(|t| !t.factors.is_empty()) {
            let next = unknowns.len();
            let unknown = *unknowns.entry(term.factors.as_slice()).or_insert(next);
            column.coefficients.push((unknown, term.coefficient));
        }
        columns.push(column);
    }
    let count = unknowns.len();
    linear::contradiction(columns, count, work)
}
