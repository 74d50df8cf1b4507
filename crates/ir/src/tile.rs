//! The tile program: how a plan runs on a chip.
//!
//! ```text
//! Program { steps: [ Step { variants: [ when -> Kernel .. ] } .. ], workspace }
//! Kernel  { grid, body }       body: a Pipeline of roles, or simpler loops
//! ```
//!
//! Steps run in order; each runs the first of its variants whose conditions
//! hold. Sizes are polynomials of the plan's kernel ([`IntId`]), fixed at launch.
//! All choices (tile sizes, stages, roles, budgets) are made here, each with who
//! made it; an emitter only spells a program out, and cannot fail on a verified one.

mod channels;
mod dual;
pub mod pipeline;
pub mod print;
pub mod select;
pub mod verify;
mod workspace;

use crate::arena::Id;
use crate::int::IntId;
use crate::plan::Plan;
use crate::tensor::Tensor;

pub use pipeline::{
    Accumulate, Channel, ChannelId, Dual, Exchange, Instruction, Op, Pipeline, Put, Raster, Role,
    RoleKind, Side, Source,
};
pub use select::{Bound, By, Candidates, Parts, Select};

/// A plan with the tiles of its regions.
#[derive(Clone, Debug)]
pub struct Program {
    /// What is computed.
    pub plan: Plan,
    /// The chip by the name of its table.
    pub chip: String,
    /// What emitted code is compiled for, such as `sm_90a`.
    pub arch: String,
    /// One per region, in the same order.
    pub steps: Vec<Step>,
    /// Scratch memory of the whole program.
    pub workspace: Vec<Workspace>,
}

/// How one region runs.
#[derive(Clone, Debug)]
pub struct Step {
    /// The position of the region in the plan.
    pub region: usize,
    /// In order of preference; the last has no conditions.
    pub variants: Vec<Variant>,
}

/// One way to run a region.
#[derive(Clone, Debug)]
pub struct Variant {
    /// All must hold of the sizes at launch.
    pub when: Vec<Condition>,
    /// Who chose it and why, for people: "tile block", "measured: 212 us",
    /// "model: 1.31 ms, next 128: 1.36 ms".
    pub chosen_by: String,
    /// What runs.
    pub kernel: Kernel,
}

/// A relation of two integers over sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `a == b`
    Equal(IntId, IntId),
    /// `a <= b`
    AtMost(IntId, IntId),
}

/// One launch.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Its name in the emitted code, unique in the program.
    pub name: String,
    /// How blocks are laid out.
    pub grid: Grid,
    /// Threads of a block.
    pub threads: u32,
    /// What a block does.
    pub body: Body,
}

/// The blocks of a launch. Work items are numbered from 0; `items` may be 0.
#[derive(Clone, Debug)]
pub enum Grid {
    /// One block per work item.
    PerItem {
        /// How many work items there are.
        items: IntId,
    },
    /// At most `blocks` blocks (a multiple of the cluster), each taking every so-manyeth item.
    /// Where there are clusters, an item is for a whole cluster.
    Persistent {
        /// How many work items there are.
        items: IntId,
        /// The most blocks.
        blocks: u32,
    },
}

/// What the blocks of a launch do.
#[derive(Clone, Debug)]
pub enum Body {
    /// Roles joined by channels: a contraction on units fed by asynchronous copies.
    Pipeline(Pipeline),
    /// A contraction whose threads load, wait and multiply in step.
    Stepped(Stepped),
    /// Rows held by groups of threads.
    Rows(Rows),
    /// A running sum: one block per row, carrying from chunk to chunk.
    Scan(Scan),
    /// Loops over points.
    Points(Points),
    /// The first elements of rows.
    Select(Select),
    /// An order by counting, for each value, those that come before it.
    Ranks(Ranks),
    /// Nothing: the step at this position, a later one, computes it too. Its variant with the
    /// same conditions is a dual contraction ([`Pipeline::dual`]).
    Within(usize),
}

/// A contraction in which all threads of a block load tiles (of any layout,
/// alignment and computed operands), then multiply them.
#[derive(Clone, Debug)]
pub struct Stepped {
    /// Rows, columns and depth of a block's tile.
    pub tile: [u32; 3],
    /// Rows and columns of one warp's (tensor units) or one thread's part.
    pub part: [u32; 2],
    /// Tiles in flight; over 1 they come by asynchronous copies where the layout allows it.
    pub stages: u32,
    /// What multiplies.
    pub unit: Unit,
    /// Elements that one copy takes (1 where nothing is known of the alignment), of `a` and of `b`.
    pub vector: [u32; 2],
    /// How many parts `k` is cut into; over 1 they are added up in order, through the workspace.
    pub split: u32,
    /// Copies partial sums into f32 every so many of `k`; a multiple of the depth.
    pub promote: Option<u32>,
}

/// What multiplies the tiles of a [`Stepped`] contraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Plain f32 or i32 arithmetic.
    Scalar,
    /// `mma.sync` on bf16.
    Bf16,
    /// `mma.sync` on f16.
    F16,
    /// `mma.sync` on tf32, by a precision license.
    Tf32,
    /// `mma.sync` on 8-bit integers (each operand signed or not).
    I8,
    /// `mma.sync` on FP8, where the chip has it.
    Fp8,
}

/// Rows held by groups of threads.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Threads that share a row: up to 32 within a warp, else whole warps.
    pub threads_per_row: u32,
    /// Rows that one block holds at once.
    pub rows_per_block: u32,
    /// Elements that a thread reads at once along the row.
    pub vector: u32,
    /// Elements of a row that a thread keeps in registers: `Some` covers the whole
    /// row (by the variant's conditions) and each tensor is read once; `None`
    /// reads rows again for each pass.
    pub held: Option<u32>,
}

/// A running sum along rows: one block per row.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Elements that one thread adds up at a time.
    pub per_thread: u32,
}

/// Loops over the points of equations.
#[derive(Clone, Debug)]
pub struct Points {
    /// Neighboring points along the innermost variable that one thread takes.
    pub vector: u32,
    /// Threads that share one point's reduction: 1, 32 or the whole block. Partial
    /// results are combined in a fixed order.
    pub threads_per_point: u32,
}

/// An order by counting.
#[derive(Clone, Debug)]
pub struct Ranks {
    /// Keys that a block holds in shared memory at a time.
    pub chunk: u32,
}

/// A piece of scratch memory.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Whose it is.
    pub holds: Scratch,
    /// Bytes.
    pub bytes: IntId,
    /// Where it starts: a multiple of 256. Pieces with disjoint lives may overlap.
    pub offset: IntId,
}

/// What a piece of scratch memory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scratch {
    /// A local tensor of the plan.
    Tensor(Id<Tensor>),
    /// Partial sums of the step at this position, or what the parts of its rows kept.
    Partials(usize),
    /// Counters of the step at this position; zero before and after each launch.
    Counters(usize),
}
