//! Selections: the first so many of each row in the order of a key.
//!
//! ```text
//! index[m, s] = argsort[n desc](x[m, n])[s]     s < 32: the 32 largest of each row
//! value[m, s] = x[m, index[m, s]]               gathered
//! ```
//!
//! However it was written (`argsort`, `argmax`, rounds of `argmax`, stages by hand), a
//! region is one order over one row, of which `count` places from `first` on are wanted.
//! The order is that of [`crate::tensor`]: equal keys (also -0 and +0) keep the lower
//! index first, and NaN comes last. A full order is a selection with `count == length`.

use crate::arena::Id;
use crate::int::IntId;
use crate::plan::EquationAt;
use crate::tensor::{Expr, Order, Var};

/// `index[rows, s] =` the index at place `first + s` of the `order` of `key` along
/// `column`, for `0 <= s < count`; and what is gathered with it.
#[derive(Clone, Debug)]
pub struct Select {
    /// The variables that tell the rows, as those of the first covered equation, whose
    /// order they keep; empty where there is one row.
    pub rows: Vec<Id<Var>>,
    /// The variable `s` of that equation; `None` where one place is wanted.
    pub place: Option<Id<Var>>,
    /// The first place that is wanted: of sizes only.
    pub first: IntId,
    /// How many places are wanted from there on: the range of `place`, or 1.
    /// Wherever there is a row and a place, `first + count <= length`.
    pub count: IntId,
    /// The variable along a row; bound, so it is none of the equation's own.
    pub column: Id<Var>,
    /// The range of `column`: the length of a row.
    pub length: IntId,
    /// Which end comes first.
    pub order: Order,
    /// What the row is ordered by: pointwise, of `rows` and `column` alone, f32 or i32.
    pub key: Id<Expr>,
    /// An i32 of `rows` alone, possibly negative or past `length`: from this element on
    /// every key is the last value of the order that is not NaN (-inf, or for ascending
    /// orders +inf; of integers the end of i32). `key` says so too; whoever knows the
    /// limit need not read those elements.
    pub limit: Option<Id<Expr>>,
    /// Where the index is needed, of `rows` alone (0 is as good elsewhere, and the key
    /// has no value there); `None` is everywhere.
    pub guard: Option<Id<Expr>>,
    /// What is computed from the index on the spot.
    pub gathered: Vec<Gathered>,
    /// How the source staged the order by hand, outermost last: a hint.
    pub stages: Vec<Stage>,
    /// Whether the index itself must be stored: it is an output, or others read it.
    pub stored: bool,
}

/// A pointwise equation of a selection; also in [`crate::plan::Region::covers`]. Of what
/// the region makes it reads nothing but the index, in its own row and at its own place:
/// `x[m, index[m, s]]`, and not `x[m, index[m, 0]]`.
#[derive(Clone, Debug)]
pub struct Gathered {
    /// Which.
    pub equation: EquationAt,
    /// Its variables for [`Select::rows`], in that order.
    pub rows: Vec<Id<Var>>,
    /// Its variable for [`Select::place`], if there is one, of the same range.
    pub place: Option<Id<Var>>,
}

/// One stage of an order that the source made by hand: rows were cut into `chunks`
/// pieces of `length`, and the first `kept` of each went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// How many pieces.
    pub chunks: IntId,
    /// The elements of a piece.
    pub length: IntId,
    /// How many of each went on.
    pub kept: IntId,
}
