//! Exact integers of an equation, seen from a tile: what is the same all over it, what
//! runs along it, and between which numbers it lies.
//!
//! Places are symbols here, [`Along`], so that equations with other names for their
//! variables read equal tiles; who emits code puts its own counters in.

use std::collections::BTreeMap;

use tilec_ir::dataflow::{Index, Test, index::Operator};
use tilec_ir::tensor::{Kernel, Var};
use tilec_ir::{Atom, AtomId, Id, IntId};

use super::{Axes, Place};

/// Rows and columns of a tile.
pub(crate) const TILE: i64 = 32;

/// The names of a tile's place while it is a symbol.
pub(super) struct Along;

impl Along {
    const ROW: &'static str = "row tile";
    const COLUMN: &'static str = "column tile";

    /// The tile's row or column.
    pub(super) fn tile(columns: bool) -> Index {
        Index::named(if columns { Self::COLUMN } else { Self::ROW })
    }

    fn batch(at: usize) -> Index {
        Index::Named(format!("batch {at}"))
    }

    /// An index with what a place says for the symbols.
    pub(super) fn at(index: &Index, place: &Place) -> Index {
        match index {
            Index::Number(_) | Index::CoreColumn | Index::CoreRow => index.clone(),
            Index::Named(name) => Self::value(name, place).unwrap_or_else(|| index.clone()),
            Index::Binary(operator, operands) => {
                let [a, b] = [&operands[0], &operands[1]].map(|x| Self::at(x, place));
                match operator {
                    Operator::Add => a + b,
                    Operator::Sub => a - b,
                    Operator::Mul => a * b,
                    Operator::Div => a / b,
                    Operator::Rem => a % b,
                    Operator::Min => a.min(b),
                }
            }
        }
    }

    /// A test with what a place says for the symbols.
    pub(super) fn holds_at(test: &Test, place: &Place) -> Test {
        match test {
            Test::Equal(a, b) => Test::Equal(Self::at(a, place), Self::at(b, place)),
            Test::Less(a, b) => Test::Less(Self::at(a, place), Self::at(b, place)),
            Test::Both(both) => {
                Test::Both(Box::new([0, 1].map(|at| Self::holds_at(&both[at], place))))
            }
        }
    }

    fn value(name: &str, place: &Place) -> Option<Index> {
        let zero = || Index::from(0);
        match name {
            Self::ROW => Some(place.row.clone().unwrap_or_else(zero)),
            Self::COLUMN => Some(place.column.clone().unwrap_or_else(zero)),
            _ => {
                let at: usize = name.strip_prefix("batch ")?.parse().ok()?;
                Some(place.batch.get(at).cloned().unwrap_or_else(zero))
            }
        }
    }

    /// Which symbols an index uses: positions of the batch, and row and column.
    pub(super) fn used(index: &Index, batch: usize) -> (Vec<usize>, [bool; 2]) {
        let mut names = Vec::new();
        let mut open = vec![index];
        while let Some(index) = open.pop() {
            match index {
                Index::Number(_) | Index::CoreColumn | Index::CoreRow => {}
                Index::Named(name) => names.push(name.as_str()),
                Index::Binary(_, operands) => open.extend(operands.iter()),
            }
        }
        let positions =
            (0..batch).filter(|at| names.contains(&format!("batch {at}").as_str())).collect();
        (positions, [Self::ROW, Self::COLUMN].map(|name| names.contains(&name)))
    }
}

/// A polynomial as a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Terms(pub(super) BTreeMap<Vec<AtomId>, i64>);

impl Terms {
    pub(super) fn of(kernel: &Kernel, id: IntId) -> Self {
        let terms = kernel.ints.get(id).terms().iter();
        Self(terms.map(|term| (term.factors.clone(), term.coefficient)).collect())
    }

    /// `self + scale * other`, `None` past 64 bits.
    pub(super) fn plus(&self, other: &Self, scale: i64) -> Option<Self> {
        let mut sum = self.0.clone();
        for (factors, coefficient) in &other.0 {
            let total = sum.entry(factors.clone()).or_insert(0);
            *total = total.checked_add(coefficient.checked_mul(scale)?)?;
        }
        sum.retain(|_, coefficient| *coefficient != 0);
        Some(Self(sum))
    }

    pub(super) fn times(&self, by: i64) -> Option<Self> {
        Self::default().plus(self, by)
    }

    /// All coefficients divided by a number that divides them.
    pub(super) fn over(&self, by: i64) -> Self {
        Self(self.0.iter().map(|(factors, x)| (factors.clone(), x / by)).collect())
    }
}

/// The axes of an equation, to look at its integers with.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a> {
    kernel: &'a Kernel,
    pub(super) axes: &'a Axes,
}

impl<'a> Lines<'a> {
    pub(super) fn new(kernel: &'a Kernel, axes: &'a Axes) -> Self {
        Self { kernel, axes }
    }

    fn side(self, columns: bool) -> &'a [Id<Var>] {
        if columns { &self.axes.columns } else { &self.axes.rows }
    }

    pub(super) fn range(self, var: Id<Var>) -> i64 {
        let range = self.kernel.ints.as_constant(self.kernel.vars[var].range);
        range.expect("sizes are bound")
    }

    fn product(self, vars: &[Id<Var>]) -> i64 {
        vars.iter().fold(1i64, |product, &var| product.saturating_mul(self.range(var)))
    }

    /// How many tiles lie along a side.
    pub(super) fn tiles(self, columns: bool) -> u64 {
        self.product(self.side(columns)).unsigned_abs().div_ceil(TILE.unsigned_abs())
    }

    /// Where a variable stands: its position along the columns (or rows), and the product of
    /// the ranges inside of it.
    pub(super) fn place(self, var: Id<Var>) -> Option<(bool, usize, i64)> {
        [false, true].into_iter().find_map(|columns| {
            let side = self.side(columns);
            let at = side.iter().position(|&other| other == var)?;
            Some((columns, at, self.product(&side[at + 1..])))
        })
    }

    /// Whether variables of the rows and of the columns stand in an integer.
    pub(super) fn uses(self, id: IntId) -> [bool; 2] {
        let mut uses = [false; 2];
        self.kernel.ints.visit_atoms(id, &mut |_, atom| {
            if let Atom::Var(var) = atom
                && let Some((columns, ..)) = self.place(*var)
            {
                uses[usize::from(columns)] = true;
            }
        });
        uses
    }

    /// The outermost variable of a side in an integer.
    pub(super) fn first(self, id: IntId, columns: bool) -> usize {
        let mut first = usize::MAX;
        self.kernel.ints.visit_atoms(id, &mut |_, atom| {
            if let Atom::Var(var) = atom
                && let Some((side, at, _)) = self.place(*var)
                && side == columns
            {
                first = first.min(at);
            }
        });
        first
    }

    /// The value of an integer that is the same all over a tile.
    pub(super) fn uniform(self, id: IntId) -> Option<Index> {
        self.index(&Terms::of(self.kernel, id))
    }

    /// The same of terms.
    pub(super) fn index(self, terms: &Terms) -> Option<Index> {
        let (mut sum, mut less) = (Index::from(0), Index::from(0));
        for (factors, &coefficient) in &terms.0 {
            let mut product = Index::from(u32::try_from(coefficient.unsigned_abs()).ok()?);
            for &factor in factors {
                product = self.uniform_atom(self.kernel.ints.atom(factor))? * product;
            }
            if coefficient > 0 { sum = sum + product } else { less = less + product }
        }
        Some(sum - less)
    }

    fn uniform_atom(self, atom: &Atom) -> Option<Index> {
        match *atom {
            Atom::Var(var) => self.uniform_var(var),
            Atom::Div(p, d) => {
                let d = self.kernel.ints.as_constant(d)?;
                self.uniform_quotient(p, d)
            }
            Atom::Size(_) | Atom::Read(..) | Atom::Value(_) => None,
        }
    }

    fn uniform_var(self, var: Id<Var>) -> Option<Index> {
        if let Some(at) = self.axes.batch.iter().position(|&other| other == var) {
            return Some(Along::batch(at));
        }
        let (columns, at, inside) = self.place(var)?;
        if inside % TILE != 0 || inside == 0 {
            return None;
        }
        let of = Along::tile(columns) / small(inside / TILE)?;
        Some(if at == 0 { of } else { of % small(self.range(var))? })
    }

    /// `floor(p / d)` where `p` runs along a side and a tile lies within one quotient.
    fn uniform_quotient(self, p: IntId, d: i64) -> Option<Index> {
        if let Some(p) = self.uniform(p) {
            return Some(p / small(d)?);
        }
        let [rows, columns] = self.uses(p);
        if rows == columns || d % TILE != 0 {
            return None;
        }
        let offset = self.offset(Terms::of(self.kernel, p), columns)?;
        let further = self.index(&offset.over(TILE))?;
        Some((Along::tile(columns) + further) / small(d / TILE)?)
    }

    /// `terms` less the flattened position along a side, if what remains is a number of whole
    /// tiles that is the same all over a tile.
    pub(super) fn offset(self, terms: Terms, columns: bool) -> Option<Terms> {
        let mut rest = terms;
        for &var in self.side(columns) {
            let (_, _, stride) = self.place(var)?;
            if let Some(atom) = self.atom_of(var) {
                let own = Terms(BTreeMap::from([(vec![atom], 1)]));
                // A variable of one value is 0 and may be missing.
                if self.range(var) > 1 || rest.0.contains_key(&vec![atom]) {
                    rest = rest.plus(&own, -stride)?;
                }
                if self.range(var) <= 1 {
                    rest.0.remove(&vec![atom]);
                }
            } else if self.range(var) > 1 {
                return None;
            }
        }
        let whole = rest.0.values().all(|coefficient| coefficient % TILE == 0);
        (whole && self.index(&rest).is_some()).then_some(rest)
    }

    fn atom_of(self, var: Id<Var>) -> Option<AtomId> {
        self.kernel.ints.atoms().find(|(_, atom)| **atom == Atom::Var(var)).map(|(id, _)| id)
    }

    /// The least and the largest value of terms, as far as is known.
    pub(super) fn interval(self, terms: &Terms) -> Option<(i64, i64)> {
        let mut sum = (0i64, 0i64);
        for (factors, &coefficient) in &terms.0 {
            let mut product = (coefficient, coefficient);
            for &factor in factors {
                product = multiplied(product, self.interval_of(factor)?)?;
            }
            sum = (sum.0.checked_add(product.0)?, sum.1.checked_add(product.1)?);
        }
        Some(sum)
    }

    fn interval_of(self, atom: AtomId) -> Option<(i64, i64)> {
        let ints = &self.kernel.ints;
        if let Some(bound) = ints.bound(atom) {
            return Some((0, ints.as_constant(bound)?.max(1) - 1));
        }
        match *ints.atom(atom) {
            Atom::Var(var) => Some((0, self.range(var).max(1) - 1)),
            Atom::Div(p, d) => {
                let (low, high) = self.interval(&Terms::of(self.kernel, p))?;
                let d = ints.as_constant(d).filter(|&d| d > 0)?;
                Some((low.div_euclid(d), high.div_euclid(d)))
            }
            Atom::Size(_) | Atom::Read(..) | Atom::Value(_) => None,
        }
    }
}

/// The interval of a product.
pub(super) fn multiplied(a: (i64, i64), b: (i64, i64)) -> Option<(i64, i64)> {
    let all = [a.0.checked_mul(b.0)?, a.0.checked_mul(b.1)?, a.1.checked_mul(b.0)?];
    let last = a.1.checked_mul(b.1)?;
    Some((all.into_iter().fold(last, i64::min), all.into_iter().fold(last, i64::max)))
}

fn small(value: i64) -> Option<Index> {
    u32::try_from(value).ok().map(Index::from)
}
