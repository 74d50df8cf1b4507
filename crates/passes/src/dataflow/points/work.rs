//! Work dealt out evenly, and the numbers that a core finds its part by.

use std::collections::BTreeSet;

use tilec_ir::dataflow::{Argument, Index, Math, Op, Test, Vector};

use crate::dataflow::draft::{unique, word};
use crate::dataflow::vector::{Leaf, Place};

/// Items of work, numbered; each core takes as many in a row as any other, or one less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// Columns and rows of the cores.
    pub(crate) grid: [u32; 2],
    pub(crate) items: u64,
}

/// The share of `items` on at most a grid of cores.
pub(crate) fn share(items: u64, most: [u32; 2]) -> Share {
    let columns = items.clamp(1, most[0].into());
    let rows = items.div_ceil(columns).clamp(1, most[1].into());
    let small = |cores| u32::try_from(cores).expect("no more than the chip has");
    Share { grid: [small(columns), small(rows)], items }
}

impl Share {
    /// The first item of a core and how many it takes, as run-time arguments.
    pub(crate) fn arguments(&self) -> Vec<Argument> {
        let cores = self.cores();
        let small = |item| u32::try_from(item).unwrap_or(u32::MAX);
        let first = |core: u64| u128::from(self.items) * u128::from(core) / u128::from(cores);
        let firsts = (0..cores).map(|core| small(first(core))).collect();
        let counts = (0..cores).map(|core| small(first(core + 1) - first(core))).collect();
        vec![
            Argument { name: "first".to_owned(), values: firsts },
            Argument { name: "count".to_owned(), values: counts },
        ]
    }

    fn cores(&self) -> u64 {
        u64::from(self.grid[0]) * u64::from(self.grid[1])
    }

    /// Items of the busiest core.
    pub(crate) fn most(&self) -> u64 {
        self.items.div_ceil(self.cores())
    }

    /// Items of the busiest core, and of the average one.
    pub(crate) fn most_and_mean(&self) -> [f64; 2] {
        [self.most() as f64, self.items as f64 / self.cores() as f64]
    }
}

/// What a digit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// The batch variable at this position.
    Batch(usize),
    /// Rows of tiles.
    Row,
    /// Columns of tiles.
    Column,
}

/// A digit of the number of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digit {
    pub(crate) of: Of,
    pub(crate) name: String,
    pub(crate) extent: u64,
}

/// How the number of an item is read: as digits, the outermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counter {
    pub(crate) item: &'static str,
    pub(crate) digits: Vec<Digit>,
}

/// The digits of a batch of matrices, by the names and ranges of its variables, and of rows
/// and columns of tiles.
pub(crate) fn digits<'a>(
    batch: impl Iterator<Item = (&'a String, &'a u64)>,
    sides: [u64; 2],
) -> Vec<Digit> {
    let mut digits: Vec<Digit> = Vec::new();
    let mut taken: BTreeSet<_> =
        ["row", "column", "first", "count"].into_iter().map(str::to_owned).collect();
    for (at, (name, &extent)) in batch.enumerate() {
        let name = unique(&format!("{}_at", word(name)), &taken);
        taken.insert(name.clone());
        digits.push(Digit { of: Of::Batch(at), name, extent });
    }
    let [rows, columns] = sides;
    digits.push(Digit { of: Of::Row, name: "row".to_owned(), extent: rows });
    digits.push(Digit { of: Of::Column, name: "column".to_owned(), extent: columns });
    digits
}

impl Digit {
    /// Whether a leaf changes with it.
    fn moves(&self, leaf: &Leaf) -> bool {
        let moves = match self.of {
            Of::Batch(at) => leaf.batch.contains(&at),
            Of::Row => leaf.moves[0],
            Of::Column => leaf.moves[1],
        };
        self.extent > 1 && moves
    }
}

impl Counter {
    /// How many items there are.
    pub(crate) fn items(&self) -> u64 {
        self.after(0)
    }

    fn after(&self, digit: usize) -> u64 {
        self.digits[digit..].iter().fold(1, |all: u64, digit| all.saturating_mul(digit.extent))
    }

    /// How many pages of a leaf all items need.
    pub(crate) fn pages(&self, leaf: &Leaf) -> u64 {
        let extents = self.digits.iter().filter(|digit| digit.moves(leaf));
        extents.fold(1, |all, digit| all.saturating_mul(digit.extent))
    }

    /// Where it stands, for `batch` variables.
    pub(crate) fn place(&self, batch: usize) -> Place {
        Place {
            batch: (0..batch).map(|at| self.value(Of::Batch(at))).collect(),
            row: Some(self.value(Of::Row)),
            column: Some(self.value(Of::Column)),
        }
    }

    /// How many items it takes until a leaf changes.
    pub(crate) fn period(&self, leaf: &Leaf) -> u64 {
        let innermost = self.digits.iter().rposition(|digit| digit.moves(leaf));
        innermost.map_or(self.items(), |at| self.after(at + 1))
    }

    /// A digit; 0 where it has one value or there is none.
    pub(crate) fn value(&self, of: Of) -> Index {
        let digit = self.digits.iter().find(|digit| digit.of == of && digit.extent > 1);
        digit.map_or(Index::from(0), |digit| Index::named(&digit.name))
    }

    /// The numbers of an item of a core's part, `i`.
    pub(crate) fn lets(&self, i: &str) -> Vec<(String, Index)> {
        let small = |value| u32::try_from(value).unwrap_or(u32::MAX);
        let mut lets = vec![(self.item.to_owned(), Index::named("first") + Index::named(i))];
        let outermost = self.digits.iter().position(|digit| digit.extent > 1);
        for (at, digit) in self.digits.iter().enumerate().filter(|(_, digit)| digit.extent > 1) {
            let quotient = Index::named(self.item) / small(self.after(at + 1));
            let value =
                if outermost == Some(at) { quotient } else { quotient % small(digit.extent) };
            lets.push((digit.name.clone(), value));
        }
        lets
    }

    /// Whether what changes once in a period is other than for the item before. `None` is
    /// always.
    pub(crate) fn changes(&self, i: &str, period: u64) -> Option<Test> {
        if period <= 1 && self.items() > 1 {
            return None;
        }
        let first = Index::named(i);
        let period = u32::try_from(period).ok().filter(|&period| u64::from(period) < self.items());
        let place = period.map(|period| Index::named(self.item) % period);
        let place = place.map_or(first.clone(), |place| first.min(place));
        Some(Test::Equal(place, Index::from(0)))
    }
}

/// Names numbers before ops that use them, those that are used.
pub(crate) fn lets(numbers: &[(String, Index)], body: Vec<Op>) -> Vec<Op> {
    let mut used = BTreeSet::new();
    names_of_body(&body, &mut used);
    let mut named = Vec::new();
    for (name, value) in numbers.iter().rev() {
        if used.contains(name) {
            names_of(value, &mut used);
            named.push(Op::Let(name.clone(), value.clone()));
        }
    }
    named.reverse();
    named.extend(body);
    named
}

/// The names that stand in ops.
fn names_of_body(body: &[Op], names: &mut BTreeSet<String>) {
    for op in body {
        match op {
            Op::Let(_, index) | Op::Learn { word: index, .. } => names_of(index, names),
            Op::Loop { count, body, .. } => {
                names_of(count, names);
                names_of_body(body, names);
            }
            Op::If { test, then, otherwise } => {
                names_of_test(test, names);
                names_of_body(then, names);
                names_of_body(otherwise, names);
            }
            Op::Move(op) => op.indices().into_iter().for_each(|index| names_of(index, names)),
            Op::Math(Math::Copy { at, .. }) => names_of(at, names),
            Op::Math(Math::Vector(
                Vector::Position { base: index, .. } | Vector::Keep { count: index, .. },
            )) => names_of(index, names),
            Op::Math(Math::Pack { at, .. }) => {
                at.iter().for_each(|index| names_of(index, names));
            }
            // No others are made of elementwise equations.
            Op::Equation(_)
            | Op::Comment(_)
            | Op::Reserve(..)
            | Op::Push(..)
            | Op::Wait(..)
            | Op::Pop(..)
            | Op::Math(_) => {}
        }
    }
}

fn names_of_test(test: &Test, names: &mut BTreeSet<String>) {
    match test {
        Test::Equal(a, b) | Test::Less(a, b) => {
            [a, b].into_iter().for_each(|index| names_of(index, names));
        }
        Test::Both(tests) => tests.iter().for_each(|test| names_of_test(test, names)),
    }
}

fn names_of(index: &Index, names: &mut BTreeSet<String>) {
    match index {
        Index::Named(name) => {
            names.insert(name.clone());
        }
        Index::Binary(_, operands) => operands.iter().for_each(|index| names_of(index, names)),
        Index::Number(_) | Index::CoreColumn | Index::CoreRow => {}
    }
}
