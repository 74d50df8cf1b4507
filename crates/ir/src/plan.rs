//! The plan: what the recognizers found in the canonical equations.
//!
//! ```text
//! canonical equations --recognize--> regions --fuse--> regions --tune, tile--> tile program
//! ```
//!
//! A [`Plan`] owns a kernel (the canonical equations and any that were derived
//! from them) and divides its equations into [`Region`]s, each of which is run as
//! one step. Every equation is in exactly one region, and regions come in an
//! order in which each reads only what earlier ones made. Nothing here says how
//! a region is cut or knows a chip; the plan of a kernel means what its equations say.

mod gathered;
mod grouped;
mod meaning;
mod select;
pub mod text;
pub mod verify;

use crate::arena::Id;
use crate::diagnostic::Span;
use crate::int::IntId;
use crate::tensor::{Expr, Kernel, Scalar, Tensor, Var};

pub use gathered::Told;
pub use grouped::{
    Combine, Form, Grouped, GroupedProduct, Histogram, Weight, WeightDim, Weights, widened,
};
pub use select::{Gathered, Select, Stage};

/// The position of an equation in [`Kernel::equations`].
pub type EquationAt = usize;

/// A kernel divided into regions.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The canonical equations, and derived ones.
    pub kernel: Kernel,
    /// What is run together, in order.
    pub regions: Vec<Region>,
    /// What came close to being recognized, and why it was not.
    pub declined: Vec<Declined>,
    /// Rows that tables have sorted by their groups.
    pub sorted: Vec<Sorted>,
}

/// Rows by tiles of their groups, by tables of integers:
///
/// ```text
/// place[r] == height * b + i   just where   order[begin[b] + i] == r and i < filled[b]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sorted {
    /// The place of each row.
    pub place: Id<Tensor>,
    /// Which row stands at each place of those that are sorted by group.
    pub order: Id<Tensor>,
    /// Where a tile's rows begin among the sorted ones.
    pub begin: Id<Tensor>,
    /// How many rows there are.
    pub rows: IntId,
}

/// Equations that are run as one step.
#[derive(Clone, Debug)]
pub struct Region {
    /// Which; in dependency order. For a contraction the first is the sum and
    /// the others its epilogue.
    pub covers: Vec<EquationAt>,
    /// What they are.
    pub kind: RegionKind,
}

/// What the equations of a region are.
#[derive(Clone, Debug)]
pub enum RegionKind {
    /// A matrix product.
    Contract(Contract),
    /// Products of rows, each with the matrix of its group.
    Grouped(Grouped),
    /// Rows of a grouped product, weighed and added up.
    Combine(Combine),
    /// How many elements fall into each bin.
    Histogram(Histogram),
    /// Reductions along rows, and what is computed from them and the same rows.
    Rowwise(Rowwise),
    /// A running sum along rows.
    Scan(Scan),
    /// The first so many of each row in the order of a key.
    Select(Select),
    /// Equations without reductions over the same points.
    Pointwise,
    /// One equation, computed as it stands: loops over the output with the
    /// reduction or the order inside.
    Generic {
        /// Why nothing better took it.
        why: String,
    },
}

/// ```text
/// acc[batch, m, n] = coefficient * sum[k](a[batch, m, k] * b[batch, n, k] * scales)
/// out[..]          = epilogue(acc[batch, m, n], ..)
/// ```
///
/// The three axes are lists of variables of the sum's equation (and its reduced
/// variables for `k`); a list is one axis, flattened in row-major order. `m` is
/// empty for a product of a vector and a matrix.
#[derive(Clone, Debug)]
pub struct Contract {
    /// Variables that both operands use, outermost first.
    pub batch: Vec<Id<Var>>,
    /// Variables that only `a` uses.
    pub m: Vec<Id<Var>>,
    /// Variables that only `b` uses; not empty.
    pub n: Vec<Id<Var>>,
    /// The reduced variables; not empty.
    pub k: Vec<Id<Var>>,
    /// The operand with the rows `m`.
    pub a: Operand,
    /// The operand with the rows `n`.
    pub b: Operand,
    /// Factors that vary with `k` only from block to block.
    pub scales: Vec<Scale>,
    /// A factor of the whole sum, f32 or i32 as the accumulator; `None` is 1.
    pub coefficient: Option<Id<Expr>>,
    /// F32 or I32.
    pub accumulator: Scalar,
    /// Where the sum is needed (0 is as good elsewhere); `None` is everywhere.
    pub guard: Option<Id<Expr>>,
    /// How many of the rows `m` there are at a place of the batch, an i32 of the batch's
    /// variables alone: nothing reads what stands in the rows behind them, so that it need
    /// not be computed or stored. `None` is all.
    pub filled: Option<Id<Expr>>,
    /// Pointwise equations over the same points that read the sum; also in
    /// [`Region::covers`].
    pub epilogue: Vec<EquationAt>,
    /// Whether the sum itself must be stored: it is an output, or others read it.
    pub stored: bool,
}

/// A factor of a contraction that varies with every `k`.
#[derive(Clone, Debug)]
pub struct Operand {
    /// Its value, with the variables of the sum's equation.
    pub expr: Id<Expr>,
    /// The narrowest element type that holds all of its values exactly.
    pub element: Scalar,
    /// Where it lies, if it is a plain read.
    pub read: Option<Read>,
}

/// A plain read of a tensor whose dimensions are axes of a contraction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Which tensor.
    pub tensor: Id<Tensor>,
    /// Its dimensions, outermost first. Flattened axes are adjacent and in order.
    pub axes: Vec<Axis>,
}

/// What a dimension of an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Axis {
    /// The batch variable at this position.
    Batch(usize),
    /// The row variable (of `m` for `a`, of `n` for `b`) at this position.
    Row(usize),
    /// The reduced variable at this position.
    K(usize),
}

/// A factor, or divisor, that is constant over blocks of `k`.
#[derive(Clone, Debug)]
pub struct Scale {
    /// Its value, an f32; uses `k` only as `k / block`.
    pub expr: Id<Expr>,
    /// Whether it divides.
    pub inverse: bool,
    /// The length of the blocks of `k`.
    pub block: i64,
    /// How it varies along `m`.
    pub m: Varies,
    /// How it varies along `n`.
    pub n: Varies,
}

/// How a scale varies along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Varies {
    /// Not at all.
    No,
    /// From one block of so many to the next.
    Blocks(i64),
    /// From element to element.
    Each,
}

/// Equations over rows, to be run with each row read once:
///
/// ```text
/// square[m] = sum[n](x[m, n] * x[m, n])         a reduction along the row
/// y[m, n]   = bf16(x[m, n] * rsqrt(square[m]))  a map over the row
/// ```
///
/// With a `segment`, the row is cut into pieces of that many elements which are
/// reduced each on its own: `peak[m, g] = max[i < 128](abs(x[m, g * 128 + i]))`.
#[derive(Clone, Debug)]
pub struct Rowwise {
    /// The variables that tell the rows, as those of the first covered equation.
    pub rows: Vec<Id<Var>>,
    /// The length of a row.
    pub length: IntId,
    /// The elements of a segment, where reductions are per segment.
    pub segment: Option<i64>,
    /// What each covered equation is, in the same order.
    pub parts: Vec<Part>,
}

/// What an equation of a rowwise region is.
#[derive(Clone, Debug)]
pub enum Part {
    /// A reduction of a row or, with segments, of a segment.
    Reduction {
        /// Its row variables, matched to [`Rowwise::rows`].
        rows: Vec<Id<Var>>,
        /// The variable of the segment, where there are segments.
        segment: Option<Id<Var>>,
        /// The reduced variable.
        column: Id<Var>,
        /// Whether others need it in memory.
        stored: bool,
    },
    /// One value per row (or per segment).
    PerRow {
        /// Its row variables.
        rows: Vec<Id<Var>>,
        /// The variable of the segment, where there are segments.
        segment: Option<Id<Var>>,
        /// Whether it must be stored (else it is recomputed by its readers).
        stored: bool,
    },
    /// One value per element of the row.
    Map {
        /// Its row variables.
        rows: Vec<Id<Var>>,
        /// The variable along the row.
        column: Id<Var>,
        /// Whether it must be stored.
        stored: bool,
    },
}

/// `c[rows, j] = sum[i](if i <= j then p[rows, i] else 0)`
#[derive(Clone, Debug)]
pub struct Scan {
    /// The variables that tell the rows.
    pub rows: Vec<Id<Var>>,
    /// The variable of the result.
    pub to: Id<Var>,
    /// The reduced variable.
    pub from: Id<Var>,
    /// Whether the element at `j` itself is left out (`i < j`).
    pub exclusive: bool,
    /// What is added up, with `from` as its variable.
    pub value: Id<Expr>,
}

/// A pattern that an equation came close to.
#[derive(Clone, Debug)]
pub struct Declined {
    /// The equation.
    pub equation: EquationAt,
    /// The pattern: "contraction", "grouped contraction", "rowwise", "scan", "selection".
    pub pattern: &'static str,
    /// What stands against it: a sentence that names the factor.
    pub reason: String,
    /// Where that stands in the source.
    pub span: Span,
}
