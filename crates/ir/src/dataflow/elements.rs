//! Ops that compute elements one by one, by a processor that moves data.
//!
//! ```text
//! start[e] = sum[g < E](if g < e then count[g] else 0)
//!     open count             pages of it that were read stay in L1
//!     elements start[page]   each by its equation, what it reads from the opened tables
//! ```
//!
//! This is how integers are reduced and how elements are read at an index that is data:
//! tiles can't say either. What a table's pages are read for is data too, so that a page is
//! fetched when an element of it is wanted, and kept until another one takes its place.
//! Floats are only passed on, with all their bits.

use crate::arena::Id;
use crate::dataflow::{BufferAt, CircularAt, Index};
use crate::plan::EquationAt;
use crate::tensor::{Expr, Var};

/// A tensor of which some pages are in L1: those that were read last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Where all of it lies.
    pub buffer: BufferAt,
    /// A ring whose pages are all reserved; of the same format. Its last page says which pages
    /// the others are.
    pub ring: CircularAt,
}

/// Page 0 of those reserved of a ring, computed element by element; 0 beyond the tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Elements {
    /// What they are.
    pub made: Made,
    /// What they are made of: all tables are open.
    pub tables: Vec<Table>,
    /// The buffer whose page it is.
    pub buffer: BufferAt,
    /// Which page.
    pub page: Index,
    /// To which ring, of the buffer's format.
    pub into: CircularAt,
}

/// What elements are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// The values of an equation whose tensor is that of the buffer.
    Equation(EquationAt),
    /// The same of an equation that adds up what falls into bins: one pass over all of it.
    Bins(EquationAt, Bins),
    /// The same of an equation that adds up what stands before: one pass over a row.
    Running(EquationAt, Running),
    /// Those of the only table, which holds the same tensor in another order or format.
    Copies,
}

/// `count[.., v, ..] = sum[..](if .. and key == v and .. then weight else 0)`: i32, where
/// `v` stands nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bins {
    /// The dimension of the bins: all rows or all columns of a page.
    pub dim: usize,
    /// All tests, in order.
    pub tests: Vec<Id<Expr>>,
    /// The position of the one that compares with the bin.
    pub at: usize,
    /// What it compares.
    pub key: Id<Expr>,
    /// What is added to the bin.
    pub weight: Id<Expr>,
}

/// `upto[.., to, ..] = sum[from](if from <= to then value else 0)`: i32, where `to` stands nowhere
/// else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The dimension of `to`: all rows or all columns of a page.
    pub dim: usize,
    /// The reduced variable.
    pub from: Id<Var>,
    /// Whether the test is `from < to`.
    pub exclusive: bool,
    /// What is added up.
    pub value: Id<Expr>,
}

impl Made {
    /// The equation, if it is one.
    #[must_use]
    pub fn equation(&self) -> Option<EquationAt> {
        match self {
            Self::Equation(at) | Self::Bins(at, _) | Self::Running(at, _) => Some(*at),
            Self::Copies => None,
        }
    }

    /// The dimension that no loop of its own goes along.
    #[must_use]
    pub fn along(&self) -> Option<usize> {
        match self {
            Self::Bins(_, Bins { dim, .. }) | Self::Running(_, Running { dim, .. }) => Some(*dim),
            Self::Equation(_) | Self::Copies => None,
        }
    }
}

/// The most pages of a table in L1: as many as the smallest page has words.
pub const MOST_HELD: u32 = 256;
