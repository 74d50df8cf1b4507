//! Elementwise expressions as ops of the vector unit on whole tiles of DST.
//!
//! ```text
//! y[m, n] = bf16(x[m, n] * scale[m] + 1)    rows m, columns n
//!     ->  leaves  x: page row, column       scale: page row, spread over columns
//!     ->  ops     copy x -> 0, copy scale -> 1, broadcast 1, 0 *= 1, 0 += 1, round 0
//! ```
//!
//! [`leaves`] says which tiles the equations need, [`lower`] computes the equations from
//! them. All sizes are bound. What a tile can't say (a gathered, shifted, strided or
//! diagonal read, an integer past 2^24, random bits) is a located diagnostic.
//! Elements of a tile beyond the ranges of its variables hold anything: who stores them
//! keeps what it needs to keep 0.

mod graph;
mod integer;
mod leaf;
mod schedule;
mod store;

use tilec_ir::dataflow::{CircularAt, Dst, Index, Op, Spread};
use tilec_ir::tensor::{Expr, Kernel, Scalar, Tensor, Var};
use tilec_ir::{Diagnostic, Id};

pub(crate) use leaf::{ELSEWHERE, Leaf, Order, Place, length};
pub(crate) use store::{Ring, format_of, ring_of, rings_of};

/// How the variables of an equation lie in tiles: `rows` and `columns`, each
/// flattened in row-major order, run along a tile; `batch` tells the matrices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Axes {
    pub(crate) batch: Vec<Id<Var>>,
    pub(crate) rows: Vec<Id<Var>>,
    pub(crate) columns: Vec<Id<Var>>,
}

/// An expression that is wanted at the points of a tile. Roots of one call lie at the same
/// place: positions of their axes correspond, whatever the variables are called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Root<'a> {
    pub(crate) expr: Id<Expr>,
    pub(crate) axes: &'a Axes,
    /// As elements of this type, ready to be packed; `None` is as a value.
    pub(crate) stored: Option<Scalar>,
}

/// Where a tile is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// Page `at` of those waited for.
    Page(CircularAt, Index),
    /// The sum of the first three pages waited for: an f32 in three bf16.
    Pieces(CircularAt),
    /// Words whose halves are page `at` of those waited for and the one after it.
    Halves(CircularAt, Index),
    /// In DST; may be overwritten after its last use.
    Tile(Dst),
}

/// A tensor whose elements are at hand, whatever index it is read with: an accumulator, or
/// what a reduction made of the rows.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) tensor: Id<Tensor>,
    pub(crate) source: Source,
    /// What of the tile holds them.
    pub(crate) spread: Option<Spread>,
}

/// An equation whose value is computed wherever its tensor is read, at the same place,
/// instead of being read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inlined<'a> {
    pub(crate) tensor: Id<Tensor>,
    pub(crate) expr: Id<Expr>,
    pub(crate) axes: &'a Axes,
}

/// What the ops start from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a> {
    pub(crate) kernel: &'a Kernel,
    /// Which tile is computed.
    pub(crate) place: &'a Place,
    /// The tiles of the leaves, in rings as [`ring_of`] or [`rings_of`] says.
    pub(crate) leaves: &'a [(Leaf, Source)],
    pub(crate) known: &'a [Known],
    /// In the order of their dependencies.
    pub(crate) inlined: &'a [Inlined<'a>],
    /// Values that are at hand, in all elements of a tile.
    pub(crate) kept: &'a [(Id<Expr>, Source)],
    /// Tiles of DST that are free.
    pub(crate) free: &'a [Dst],
}

/// The ops, and by root the tile of DST that holds it then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lowered {
    pub(crate) ops: Vec<Op>,
    pub(crate) results: Vec<Dst>,
}

/// The tiles that the roots need, each once, without those of `known` tensors; see [`Given`].
///
/// # Errors
/// A read whose elements don't lie as a tile, and what the vector unit can't compute.
pub(crate) fn leaves(
    kernel: &Kernel,
    roots: &[Root<'_>],
    known: &[Id<Tensor>],
    inlined: &[Inlined<'_>],
) -> Result<Vec<Leaf>, Diagnostic> {
    leaves_beside(kernel, roots, known, inlined, &[])
}

/// As [`leaves`], without those of values that are kept.
pub(crate) fn leaves_beside(
    kernel: &Kernel,
    roots: &[Root<'_>],
    known: &[Id<Tensor>],
    inlined: &[Inlined<'_>],
    kept: &[Id<Expr>],
) -> Result<Vec<Leaf>, Diagnostic> {
    Ok(graph::graph(kernel, roots, known, inlined, kept)?.leaves)
}

/// The roots, computed from what is given: each leaf is copied to DST when it is needed,
/// a value that several need is kept where there is room and else computed again.
///
/// # Errors
/// As [`leaves`], and an expression that needs more tiles of DST than are free.
pub(crate) fn lower(given: &Given<'_>, roots: &[Root<'_>]) -> Result<Lowered, Diagnostic> {
    let known: Vec<_> = given.known.iter().map(|known| known.tensor).collect();
    let kept: Vec<_> = given.kept.iter().map(|(expr, _)| *expr).collect();
    let graph = graph::graph(given.kernel, roots, &known, given.inlined, &kept)?;
    schedule::schedule(&graph, given, roots)
}
