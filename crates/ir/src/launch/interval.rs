//! The interval of the values that an integer can have at the sizes of a launch.
//!
//! Atoms come first, in the order in which they are made of each other, then
//! polynomials, once sizes are put in. The one correlation that programs rest
//! on is seen: `p - d * floor(p / d)` is in `0 .. d`. Bounds saturate far
//! outside 64 bits, which [`Ranges::steps_fit`] then refuses.

use std::collections::BTreeMap;

use crate::int::{Atom, AtomId, IntId};
use crate::int_text::split_remainder;
use crate::poly::Poly;
use crate::tensor::Kernel;

/// All integers from the first to the second; empty if the first is larger.
pub(super) type Interval = (i128, i128);

const EMPTY: Interval = (0, -1);
pub(super) const I32: Interval = (i32::MIN as i128, i32::MAX as i128);
/// Interval bounds saturate here, far outside 64 bits and far inside 128.
const LIMIT: i128 = 1 << 100;

/// The interval of every atom at the sizes of a launch.
pub(super) struct Ranges<'a> {
    pub(super) kernel: &'a Kernel,
    pub(super) sizes: &'a [i64],
    atoms: Vec<Interval>,
}

impl<'a> Ranges<'a> {
    pub(super) fn new(kernel: &'a Kernel, sizes: &'a [i64]) -> Self {
        let mut ranges = Self { kernel, sizes, atoms: Vec::new() };
        // What an atom is made of comes before it.
        for (id, atom) in kernel.ints.atoms() {
            let interval = ranges.atom(id, atom);
            ranges.atoms.push(interval);
        }
        ranges
    }

    fn atom(&self, id: AtomId, atom: &Atom) -> Interval {
        let bounded = self.kernel.ints.bound(id).map(|bound| {
            let (_, high) = self.of(&Poly::of(&self.kernel.ints, bound));
            (0, high - 1)
        });
        match atom {
            Atom::Size(size) => {
                let value = self.sizes.get(size.index()).copied().unwrap_or(0).into();
                (value, value)
            }
            Atom::Div(n, d) => {
                let ints = &self.kernel.ints;
                let quotient = divide(self.of(&Poly::of(ints, *n)), self.of(&Poly::of(ints, *d)));
                bounded.map_or(quotient, |bounded| intersect(bounded, quotient))
            }
            Atom::Var(_) | Atom::Read(..) | Atom::Value(_) => bounded.unwrap_or(I32),
        }
    }

    /// The interval of a polynomial; empty if an atom has no value.
    pub(super) fn of(&self, poly: &Poly) -> Interval {
        let atoms = poly.atoms();
        if atoms.iter().any(|atom| is_empty(self.atoms[atom.index()])) {
            return EMPTY;
        }
        let mut interval = self.by_terms(poly);
        let ints = &self.kernel.ints;
        for &atom in atoms.iter().rev() {
            let &Atom::Div(n, d) = ints.atom(atom) else { continue };
            let Some((k, rest)) = split_remainder(ints, poly, atom, n, d) else { continue };
            let (_, high) = self.by_terms(&Poly::of(ints, d));
            let k = self.term(&k.factors, k.coefficient.into());
            let remainder = multiply(k, (0, (high - 1).max(0)));
            interval = intersect(interval, add(self.by_terms(&rest), remainder));
        }
        interval
    }

    fn by_terms(&self, poly: &Poly) -> Interval {
        // Factors that can have only one value belong to the coefficient.
        let mut sum: BTreeMap<Vec<AtomId>, i128> = BTreeMap::new();
        for term in poly.terms() {
            let mut coefficient = i128::from(term.coefficient);
            let mut free = Vec::new();
            for &factor in &term.factors {
                let (low, high) = self.atoms[factor.index()];
                if low == high {
                    coefficient = clamp(coefficient.saturating_mul(low));
                } else {
                    free.push(factor);
                }
            }
            let total = sum.entry(free).or_insert(0);
            *total = clamp(*total + coefficient);
        }
        let terms = sum.into_iter().map(|(factors, coefficient)| self.term(&factors, coefficient));
        terms.fold((0, 0), add)
    }

    fn term(&self, factors: &[AtomId], coefficient: i128) -> Interval {
        let mut product = (coefficient, coefficient);
        let mut at = 0;
        while at < factors.len() {
            let atom = factors[at];
            let power = factors[at..].iter().take_while(|&&x| x == atom).count();
            let interval = self.atoms[atom.index()];
            for _ in 0..power {
                product = multiply(product, interval);
            }
            at += power;
        }
        product
    }

    /// Whether no partial sum or product leaves 64 bits, in whichever order.
    pub(super) fn steps_fit(&self, int: IntId) -> bool {
        let ints = &self.kernel.ints;
        let mut fit = self.magnitude(int) <= i128::from(i64::MAX);
        ints.visit_atoms(int, &mut |_, atom| match atom {
            Atom::Div(n, d) => {
                for id in [*n, *d] {
                    fit &= self.magnitude(id) <= i128::from(i64::MAX);
                }
            }
            Atom::Read(_, index) => {
                index.iter().for_each(|&id| fit &= self.magnitude(id) <= i128::from(i64::MAX));
            }
            Atom::Size(_) | Atom::Var(_) | Atom::Value(_) => {}
        });
        fit
    }

    fn magnitude(&self, int: IntId) -> i128 {
        let largest = |atom: AtomId| {
            let (low, high) = self.atoms[atom.index()];
            if low > high { None } else { Some(low.abs().max(high.abs()).max(1)) }
        };
        let mut sum = 0;
        for term in self.kernel.ints.get(int).terms() {
            let mut product = i128::from(term.coefficient).abs();
            for &factor in &term.factors {
                let Some(largest) = largest(factor) else { return 0 };
                product = clamp(product.saturating_mul(largest));
            }
            sum = clamp(sum + product);
        }
        sum
    }
}

fn is_empty((low, high): Interval) -> bool {
    low > high
}

fn clamp(x: i128) -> i128 {
    x.clamp(-LIMIT, LIMIT)
}

fn add(a: Interval, b: Interval) -> Interval {
    if is_empty(a) || is_empty(b) { EMPTY } else { (clamp(a.0 + b.0), clamp(a.1 + b.1)) }
}

fn intersect(a: Interval, b: Interval) -> Interval {
    (a.0.max(b.0), a.1.min(b.1))
}

fn multiply(a: Interval, b: Interval) -> Interval {
    if is_empty(a) || is_empty(b) {
        return EMPTY;
    }
    let corners = [(a.0, b.0), (a.0, b.1), (a.1, b.0), (a.1, b.1)];
    let products = corners.map(|(x, y)| clamp(x.saturating_mul(y)));
    let low = products.iter().copied().min().unwrap_or(0);
    (low, products.into_iter().max().unwrap_or(0))
}

/// Floors; a divisor is proved to be at least 1 wherever it is evaluated.
fn divide(n: Interval, d: Interval) -> Interval {
    let d = intersect(d, (1, LIMIT));
    if is_empty(n) || is_empty(d) {
        return EMPTY;
    }
    let floors = [(n.0, d.0), (n.0, d.1), (n.1, d.0), (n.1, d.1)].map(|(n, d)| n.div_euclid(d));
    let low = floors.iter().copied().min().unwrap_or(0);
    (low, floors.into_iter().max().unwrap_or(0))
}
