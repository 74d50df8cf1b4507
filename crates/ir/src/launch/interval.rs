//! Whether index arithmetic stays within i32 at the sizes of a launch.
//!
//! Every atom gets the interval of its possible values; a polynomial's interval
//! follows once sizes are put in. Correlations are seen where programs have
//! them: `p - d * floor(p / d)` is in `0 .. d`. Guards are not looked at, so a
//! launch may be refused that would have been fine, never the other way around.
//! Code under an empty range is not evaluated and not looked at.

use std::collections::BTreeMap;

use super::check::{MAX_DIMENSION, value};
use crate::arena::Id;
use crate::diagnostic::{Diagnostic, Kind, Span};
use crate::int::{Atom, AtomId, IntId};
use crate::int_text::{show, show_sizes, split_remainder};
use crate::poly::Poly;
use crate::tensor::{Expr, ExprKind, Kernel, Var};

/// All integers from the first to the second; empty if the first is larger.
type Interval = (i128, i128);

const EMPTY: Interval = (0, -1);
const I32: Interval = (i32::MIN as i128, i32::MAX as i128);
/// Interval bounds saturate here, far outside 64 bits and far inside 128.
const LIMIT: i128 = 1 << 100;

/// Refuses a launch in which an exact integer could leave i32, or a step of an
/// index could leave 64 bits.
pub(super) fn check(kernel: &Kernel, sizes: &[i64]) -> Result<(), Vec<Diagnostic>> {
    let ranges = Ranges::new(kernel, sizes);
    let mut walk =
        Walk { ranges: &ranges, errors: Vec::new(), seen: vec![false; kernel.exprs.len()] };
    for equation in &kernel.equations {
        if walk.all_run(&equation.vars) {
            walk.expression(equation.value);
        }
    }
    if walk.errors.is_empty() { Ok(()) } else { Err(walk.errors) }
}

struct Walk<'a> {
    ranges: &'a Ranges<'a>,
    errors: Vec<Diagnostic>,
    seen: Vec<bool>,
}

impl Walk<'_> {
    /// Whether every variable has a value; refuses ranges past the limit.
    fn all_run(&mut self, vars: &[Id<Var>]) -> bool {
        let Ranges { kernel, sizes, .. } = *self.ranges;
        let mut all = true;
        for &id in vars {
            let var = &kernel.vars[id];
            let range = value(kernel, sizes, var.range);
            if range.is_none_or(|range| range > MAX_DIMENSION) {
                let what = format!("the range of `{}`", var.name);
                self.errors.push(overflow(self.ranges, &what, var.range, var.span));
            }
            all &= range.is_some_and(|range| range > 0);
        }
        all
    }

    fn expression(&mut self, root: Id<Expr>) {
        let mut open = vec![root];
        while let Some(id) = open.pop() {
            if std::mem::replace(&mut self.seen[id.index()], true) {
                continue;
            }
            let expr = &self.ranges.kernel.exprs[id];
            match &expr.kind {
                ExprKind::Int(int) => self.value(*int, expr.span),
                ExprKind::Read(_, index) => {
                    index.iter().for_each(|&int| self.index(int, expr.span));
                }
                ExprKind::Unary(_, x) | ExprKind::Convert(x) => open.push(*x),
                ExprKind::Binary(_, x, y) | ExprKind::RoundStochastic(x, y) => open.extend([x, y]),
                ExprKind::Select(test, x, y) => open.extend([test, x, y]),
                ExprKind::Random(words) => open.extend(words),
                ExprKind::Reduce(_, vars, body) => {
                    if self.all_run(vars) {
                        open.push(*body);
                    }
                }
                ExprKind::Rank { var, key, place, .. } => {
                    self.index(*place, expr.span);
                    if self.all_run(&[*var]) {
                        open.push(*key);
                    }
                }
                ExprKind::Float(_) => {}
            }
            self.inside(id, &mut open);
        }
    }

    /// Values that an integer is made of are evaluated with it.
    fn inside(&self, id: Id<Expr>, open: &mut Vec<Id<Expr>>) {
        let kernel = self.ranges.kernel;
        let ints: &[IntId] = match &kernel.exprs[id].kind {
            ExprKind::Int(int) | ExprKind::Rank { place: int, .. } => &[*int],
            ExprKind::Read(_, index) => index,
            ExprKind::Float(_)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::Select(..)
            | ExprKind::Convert(_)
            | ExprKind::RoundStochastic(..)
            | ExprKind::Random(_)
            | ExprKind::Reduce(..) => &[],
        };
        for &int in ints {
            kernel.ints.visit_atoms(int, &mut |_, atom| {
                if let Atom::Value(expr) = atom {
                    open.push(*expr);
                }
            });
        }
    }

    fn value(&mut self, int: IntId, span: Span) {
        let (low, high) = self.ranges.of(&Poly::of(&self.ranges.kernel.ints, int));
        if low <= high && (low < I32.0 || high > I32.1) {
            let text = format!("`{}`", show(self.ranges.kernel, int));
            self.errors.push(overflow(self.ranges, &text, int, span));
        } else {
            self.index(int, span);
        }
    }

    /// Indices are proved in range; their steps must fit 64 bits.
    fn index(&mut self, int: IntId, span: Span) {
        if !self.ranges.steps_fit(int) {
            let text = format!("`{}`", show(self.ranges.kernel, int));
            self.errors.push(overflow(self.ranges, &text, int, span));
        }
    }
}

fn overflow(ranges: &Ranges<'_>, what: &str, int: IntId, span: Span) -> Diagnostic {
    // What the sizes of the ranges are is what people can change.
    let mut held = vec![int];
    ranges.kernel.ints.visit_atoms(int, &mut |id, _| held.extend(ranges.kernel.ints.bound(id)));
    let known = show_sizes(ranges.kernel, &held, ranges.sizes);
    let known = if known.is_empty() { known } else { format!(" with {known}") };
    let message = format!("{what} can leave the range of i32{known}");
    Diagnostic::new(Kind::IndexOverflow, span, message)
        .here("evaluated here")
        .help("it fits at smaller sizes")
}

/// The interval of every atom at the sizes of a launch.
struct Ranges<'a> {
    kernel: &'a Kernel,
    sizes: &'a [i64],
    atoms: Vec<Interval>,
}

impl<'a> Ranges<'a> {
    fn new(kernel: &'a Kernel, sizes: &'a [i64]) -> Self {
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
    fn of(&self, poly: &Poly) -> Interval {
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
    fn steps_fit(&self, int: IntId) -> bool {
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
