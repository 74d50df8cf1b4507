//! Bodies of selections: who finds the first elements of a row, and how.
//!
//! ```text
//! warp     holds a short row in registers; few elements are within a bound of its lanes
//! block    streams a row, keeps what may be among the first as candidates in shared
//!          memory, and cuts them down to the first ones where room runs out; a bound
//!          that a sample suggests, or the row that is held, leaves few candidates
//! parts    a block for each part of a row, then one for what the parts kept; it
//!          reads a part again that may have kept too little
//! ```
//!
//! Any of them is right for rows of any length and any number of places: a block that
//! has no room for all places finds them in rounds, a warp is told by conditions that
//! the row fits.

use crate::arena::Id;
use crate::int::{IntId, Ints};
use crate::plan;
use crate::tensor::{Expr, ExprKind, Kernel as Equations, Scalar};
use crate::tile::verify::{Limits, ensure, is_of_sizes};
use crate::tile::{Grid, Kernel};

/// A selection.
#[derive(Clone, Debug)]
pub struct Select {
    /// Neighboring elements that a thread reads at once: a power of two. Over 1, rows are
    /// whole vectors, by the conditions of the variant.
    pub vector: u32,
    /// Who finds the first elements of a row.
    pub by: By,
}

/// Who finds the first elements of a row.
#[derive(Clone, Debug)]
pub enum By {
    /// A warp, of which each lane holds so many elements; rows are at most 32 times as long.
    Warp {
        /// Elements of a lane: a multiple of the vector.
        per_lane: u32,
        /// Whether a key and its index share 32 bits: keys are narrow floats.
        packed: bool,
    },
    /// A block.
    Block(Candidates),
    /// Several blocks, and then one.
    Parts(Parts),
}

/// What tells a block early which elements are not among the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Candidates as they come.
    Candidates,
    /// A sample of the row, of as many elements as are taken at once. The places that are
    /// wanted are found at once, by the conditions of the variant.
    Sample,
    /// The row itself, which the threads hold; the same is true of places.
    Row {
        /// Elements of a thread: a multiple of the vector. Rows are no longer than those
        /// of all threads, by the conditions of the variant.
        per_thread: u32,
    },
}

/// The candidates of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidates {
    /// Threads of the block: a power of two from 32 to 1024.
    pub threads: u32,
    /// Elements that a thread takes at once: a multiple of the vector.
    pub per_thread: u32,
    /// Candidates that there is room for: more than the elements taken at once.
    pub capacity: u32,
    /// What bounds them.
    pub bound: Bound,
}

/// Rows cut into parts.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The block of a part.
    pub part: Candidates,
    /// The block that joins what the parts of a row kept.
    pub join: Candidates,
    /// How many parts a row has.
    pub count: u32,
    /// Elements of a part: a multiple of the vector. The last may have fewer.
    pub length: IntId,
    /// How many elements each part keeps, or as many as are wanted if that is less. Parts
    /// that kept too few are read again.
    pub kept: u32,
    /// The most rows, by the conditions of the variant.
    pub rows: u32,
}

/// The bins that elements are counted in, by 11 bits of them.
const BINS: u32 = 2048;

impl Candidates {
    /// Elements that the block takes at once.
    #[must_use]
    pub fn chunk(self) -> u32 {
        self.threads * self.per_thread
    }

    /// The most places that are found at once.
    #[must_use]
    pub fn round(self) -> u32 {
        self.capacity - self.chunk()
    }

    /// Bytes of shared memory: those of `Selection` in `device/radix.cuh`.
    #[must_use]
    pub fn shared_bytes(self) -> u32 {
        8 * self.capacity + 8 + 4 * (4 + 32 + BINS)
    }
}

/// Says what is wrong with the body of a selection, if anything is.
pub(super) fn check(
    equations: &Equations,
    ints: &mut Ints,
    kernel: &Kernel,
    body: &Select,
    select: &plan::Select,
    limits: &Limits,
) -> Result<(), String> {
    ensure(body.vector.is_power_of_two() && body.vector <= 16, || {
        format!("{} elements are read at once", body.vector)
    })?;
    ensure(select.guard.is_none(), || "a selection is guarded".to_owned())?;
    let whole = |count: u32| count > 0 && count.is_multiple_of(body.vector);
    let mut rows = rows(equations, ints, select).ok_or("there are too many rows to count")?;
    match &body.by {
        By::Warp { per_lane, packed } => {
            ensure(!packed || is_narrow(equations, select.key), || "keys are wide".to_owned())?;
            ensure(whole(*per_lane) && *per_lane <= 32, || format!("{per_lane} of a lane"))?;
            let warps = ints.constant((kernel.threads / 32).into());
            rows = ints.ceil_div(rows, warps).map_err(|_| "the grid is too complex")?;
        }
        By::Block(candidates) => {
            of_candidates(*candidates, body.vector, limits)?;
            ensure(candidates.threads == kernel.threads, || "another block".to_owned())?;
        }
        By::Parts(parts) => {
            of_candidates(parts.part, body.vector, limits)?;
            of_candidates(parts.join, body.vector, limits)?;
            ensure(parts.part.threads == kernel.threads, || "another block".to_owned())?;
            ensure(parts.count > 0, || "a row has no parts".to_owned())?;
            let told = is_of_sizes(&equations.ints, parts.length);
            ensure(told, || "parts are told by more than sizes".to_owned())?;
            let most = parts.part.round();
            ensure((1..=most).contains(&parts.kept), || format!("a part keeps {}", parts.kept))?;
            let count = ints.constant(parts.count.into());
            rows = ints.mul(rows, count).map_err(|_| "the grid is too complex")?;
        }
    }
    let (Grid::PerItem { items } | Grid::Persistent { items, .. }) = kernel.grid;
    let same = ints.sub(items, rows).is_ok_and(|rest| ints.as_constant(rest) == Some(0));
    ensure(same, || "the grid is of other rows".to_owned())
}

/// Whether a key is a float of at most 16 bits as it lies in memory: its word ends in 13
/// bits that tell nothing.
#[must_use]
pub fn is_narrow(equations: &Equations, key: Id<Expr>) -> bool {
    let ExprKind::Read(tensor, _) = equations.exprs[key].kind else { return false };
    let element = equations.tensors[tensor].element;
    matches!(element, Scalar::Bf16 | Scalar::F16 | Scalar::F8E4M3 | Scalar::F8E5M2)
}

fn of_candidates(of: Candidates, vector: u32, limits: &Limits) -> Result<(), String> {
    let threads = of.threads;
    ensure(threads.is_power_of_two() && (32..=1024).contains(&threads), || {
        format!("{threads} threads share {BINS} bins")
    })?;
    ensure(of.per_thread > 0 && of.per_thread.is_multiple_of(vector), || {
        format!("{} elements of a thread, {vector} at once", of.per_thread)
    })?;
    if let Bound::Row { per_thread } = of.bound {
        let whole = per_thread > 0 && per_thread.is_multiple_of(vector);
        ensure(whole, || format!("a thread holds {per_thread}, {vector} at once"))?;
    }
    ensure(of.chunk() < of.capacity, || format!("{} elements at once", of.chunk()))?;
    // Where they are exchanged to be sorted, there is a power of two of them.
    ensure(of.round().next_power_of_two() <= of.capacity, || format!("{} in order", of.round()))?;
    let bytes = of.shared_bytes();
    ensure(bytes <= limits.shared_bytes, || format!("{bytes} bytes of shared memory"))
}

fn rows(equations: &Equations, ints: &mut Ints, select: &plan::Select) -> Option<IntId> {
    let one = ints.constant(1);
    select.rows.iter().try_fold(one, |count, &var| ints.mul(count, equations.vars[var].range).ok())
}
