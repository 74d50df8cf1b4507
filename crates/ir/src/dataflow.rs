//! The dataflow program: how a plan runs on a grid of cores that move tiles through
//! circular buffers.
//!
//! ```text
//! DRAM --reader--> circular buffers --compute--> circular buffers --writer--> DRAM
//!            \--multicast--> the same buffers of other cores
//! ```
//!
//! All sizes are bound. A [`Program`] is a list of [`Step`]s, one or more per region of
//! the plan, run one after the other; a step is three [`Role`]s that every core of a
//! rectangle runs, told apart by arguments. A role is straight code: loops and branches
//! over [`Op`]s, so that an emitter spells it out line by line and a verifier can run it,
//! token by token, for every core.
//!
//! A token is a page of a circular buffer, which is one 32x32 tile. Tiles lie in DRAM as
//! [`Buffer`]s; elements outside of the tensor are 0 there, and who writes a local
//! tensor keeps that so.
//!
//! DST, the registers that compute ops work on, holds f32 tiles here, whatever the
//! buffers hold (only a step without `f32_dst` keeps 16-bit ones, for products alone).
//! Booleans are 1 and 0 there.

pub mod budget;
pub mod cycles;
mod elements;
pub mod index;
mod moves;
pub mod print;
mod rank;
#[cfg(test)]
mod testing;
mod vector;
pub mod verify;
mod work;

use crate::arena::Id;
use crate::plan::{EquationAt, Plan};
use crate::tensor::Tensor;

pub use elements::{Bins, Elements, MOST_HELD, Made, Running, Table};
pub use index::{Index, Test};
pub use moves::{Area, Move};
pub use rank::{FETCHED_BYTES, Key, KeyKind, List, Places, Rank};
pub use vector::{BinaryVector, Spread, UnaryVector, Vector, WordVector};
pub use work::{Deal, RUN_WORDS, Run, Work, table_bytes};

/// The position of a [`Buffer`] in [`Program::buffers`].
pub type BufferAt = usize;
/// The position of a [`Circular`] in [`Step::circular`]; also its index on the chip.
pub type CircularAt = usize;
/// The position of a [`Semaphore`] in [`Step::semaphores`]; also its id on the chip.
pub type SemaphoreAt = usize;
/// A tile of DST.
pub type Dst = u32;

/// A plan with the programs of its regions.
#[derive(Clone, Debug)]
pub struct Program {
    /// What is computed; its sizes are bound.
    pub plan: Plan,
    /// The chip by the name of its table.
    pub chip: String,
    /// `wormhole` or `blackhole`.
    pub arch: String,
    /// What lies in DRAM: inputs, then outputs, then locals.
    pub buffers: Vec<Buffer>,
    /// What runs, in order.
    pub steps: Vec<Step>,
}

/// A tensor in DRAM, as pages of one tile each.
///
/// Its dimensions are split into `batch`, `rows` and `columns`, lists of positions that
/// are flattened in that order. Page `(b * row_tiles + r) * column_tiles + c` is the
/// tile `r, c` of matrix `b`.
///
/// A tensor of words in the format [`Format::U16`] has a dimension more, after its last one:
/// the lower and the upper halves of its elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Its name, unique in the program.
    pub name: String,
    /// What it holds. A tensor may lie in several buffers, in different orders: an input as
    /// the host laid it out, others copied from the first one, which is an output's own.
    pub tensor: Id<Tensor>,
    /// Dimensions that tell the matrices.
    pub batch: Vec<usize>,
    /// Dimensions that are the rows of a matrix; none is one row.
    pub rows: Vec<usize>,
    /// Dimensions that are its columns; none is one column.
    pub columns: Vec<usize>,
    /// Matrices, rows and columns, in elements.
    pub extent: [u64; 3],
    /// How elements are stored.
    pub format: Format,
}

/// How the elements of a tile are stored, in DRAM and in circular buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// IEEE binary32.
    F32,
    /// bfloat16.
    Bf16,
    /// IEEE binary16.
    F16,
    /// 16 values share an exponent; sign and 7 bits of magnitude each.
    Bfp8,
    /// The chip's own e4m3 (not on every chip).
    NativeE4M3,
    /// The chip's own e5m2.
    NativeE5M2,
    /// 32-bit words that arrive in DST unchanged, such as the bits of an f32. Packing
    /// to it keeps all bits too, and may add as to [`Format::F32`]: it is an f32 ring that
    /// is unpacked straight to DST.
    Word,
    /// 16-bit integers.
    U16,
    /// Bytes: integers, or FP8 codes that are decoded in DST.
    Byte,
}

/// Three roles on a rectangle of cores.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name, unique in the program; names files.
    pub name: String,
    /// The position of its region in the plan.
    pub region: usize,
    /// Columns and rows of the rectangle, whose upper left core is 0, 0.
    pub grid: [u32; 2],
    /// How the math units multiply.
    pub fidelity: Fidelity,
    /// Whether DST holds 32-bit values (4 tiles in each of its two sections, else 8).
    pub f32_dst: bool,
    /// Whether DST is one section of twice the tiles, so that packing waits for math.
    pub full_sync: bool,
    /// Numbers that all roles name, in order.
    pub constants: Vec<Constant>,
    /// Rings of tiles, the same on all cores.
    pub circular: Vec<Circular>,
    /// Words that cores count up and wait for, the same on all cores.
    pub semaphores: Vec<Semaphore>,
    /// Reads from DRAM (NoC 0).
    pub reader: Role,
    /// Multiplies and maps tiles.
    pub compute: Role,
    /// Writes to DRAM, and may read too (NoC 1).
    pub writer: Role,
    /// Who chose the tiling and why, for people.
    pub chosen_by: String,
    /// Cycles of the math units on the busiest core and on the average one, by the chip's
    /// table: `[most, mean]`.
    pub math_cycles: [f64; 2],
    /// Cycles that the busiest core's writer computes, by a model; 0 where writers only move.
    pub writer_cycles: f64,
    /// DRAM bytes that no tiling could save: each operand read and each result written once.
    pub least_dram_bytes: u64,
}

/// How many passes a product of the matrix unit takes: more keep more bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fidelity {
    /// One pass: 4 fraction bits of one factor by 6 of the other. Exact for FP8.
    LoFi,
    /// Two passes.
    HiFi2,
    /// Three passes.
    HiFi3,
    /// Four passes: all 7 fraction bits of bf16 by all 7; 10 of tf32.
    HiFi4,
}

/// A named number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Its name in the kernels.
    pub name: String,
    /// Its value.
    pub value: u32,
    /// What it is, for people.
    pub says: String,
}

/// A ring of tiles in the L1 memory of each core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circular {
    /// Its name in the kernels, unique in the step.
    pub name: String,
    /// How its tiles are stored.
    pub format: Format,
    /// Its capacity.
    pub tiles: u32,
    /// Pages of which DRAM buffer, or what else is in it, for people.
    pub holds: String,
}

/// A word in L1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Semaphore {
    /// Its name in the kernels, unique in the step.
    pub name: String,
    /// Its value at the start.
    pub initial: u32,
}

/// What one of a core's processors does.
#[derive(Clone, Debug, Default)]
pub struct Role {
    /// Its run-time arguments, in order.
    pub arguments: Vec<Argument>,
    /// What it runs.
    pub body: Vec<Op>,
}

/// A run-time argument: a word for each core, row by row. DRAM addresses and NoC
/// coordinates are no arguments here: an emitter adds those that ops need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name in the kernel.
    pub name: String,
    /// Its values, `columns * rows` of them.
    pub values: Vec<u32>,
}

/// A line of a role.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// What follows computes (part of) this equation; an emitter names its source line.
    Equation(EquationAt),
    /// Words for people.
    Comment(String),
    /// Names a number.
    Let(String, Index),
    /// Names a word of a [work list](Work), which is known when the step runs.
    Learn {
        /// The name.
        name: String,
        /// The ring that holds the list: pages that this role has reserved and filled, or has
        /// waited for.
        list: CircularAt,
        /// Which word from the first page on.
        word: Index,
    },
    /// `for name in 0 .. count`
    Loop {
        /// The counter, unique among the names of the role that are visible here.
        name: String,
        /// How often.
        count: Index,
        /// What is repeated.
        body: Vec<Op>,
    },
    /// `if test { then } else { otherwise }`
    If {
        /// What decides.
        test: Test,
        /// When it holds.
        then: Vec<Op>,
        /// When it doesn't; may be empty.
        otherwise: Vec<Op>,
    },
    /// Waits for so many free pages. The number is a constant of the circular buffer: its
    /// capacity is a multiple of it.
    Reserve(CircularAt, u32),
    /// Hands so many reserved pages to the consumer.
    Push(CircularAt, u32),
    /// Waits for so many pages of the producer.
    Wait(CircularAt, u32),
    /// Hands so many pages back.
    Pop(CircularAt, u32),
    /// An op of the reader or the writer.
    Move(Move),
    /// An op of the compute role.
    Math(Math),
}

/// An op of the compute role.
#[derive(Clone, Debug, PartialEq)]
pub enum Math {
    /// Waits for a free section of DST. Its tiles are 0.
    Acquire,
    /// Hands the section to the packer.
    Commit,
    /// The packer waits for it.
    AwaitMath,
    /// The packer hands it back.
    Release,
    /// Products follow, of tiles of these rings: `transpose` transposes each tile of `b`.
    MultiplyInit {
        /// Ring of the left operand.
        a: CircularAt,
        /// Ring of the right operand.
        b: CircularAt,
        /// Whether tiles of `b` are `[n, k]`.
        transpose: bool,
        /// Rows, columns and depth of a block, in tiles: `matmul_block` of that size.
        block: [u32; 3],
    },
    /// Adds to DST tiles `dst .. dst + rows * columns` (row by row) the product of the
    /// column of tiles of `a` from `a_at` (the next row is `depth` further) and the row of tiles
    /// of `b` from `b_at`. The block is that of the last init; its depth is only the
    /// stride of `a`: one tile of k per op.
    Multiply {
        /// Ring of the left operand.
        a: CircularAt,
        /// Ring of the right operand.
        b: CircularAt,
        /// Tile among those waited for.
        a_at: Index,
        /// Tile among those waited for.
        b_at: Index,
        /// First tile of DST.
        dst: Dst,
        /// As of the last init.
        transpose: bool,
        /// As of the last init.
        block: [u32; 3],
    },
    /// Copies from this ring follow.
    CopyInit(CircularAt),
    /// A tile to DST: floats as f32, bytes and 16-bit integers as 32-bit integers, words as
    /// they are. An f32 goes through a register of 19 bits; a [`Format::Word`] doesn't.
    Copy {
        /// From which ring.
        from: CircularAt,
        /// Tile among those waited for.
        at: Index,
        /// Where to.
        dst: Dst,
    },
    /// An op of the vector unit on whole tiles of DST.
    Vector(Vector),
    /// Packing to this ring follows.
    PackInit(CircularAt),
    /// Whether packing adds to what is in L1 (rings of f32 or words) or overwrites it.
    PackAdds(bool),
    /// A tile of DST to a reserved page: floats are truncated to the format of the
    /// ring (round before), bytes and words are the low bits of the integer.
    Pack {
        /// Which tile.
        dst: Dst,
        /// To which ring.
        into: CircularAt,
        /// Which of the reserved pages; `None` is the next one, in order.
        at: Option<Index>,
    },
}

impl Format {
    /// The bytes of a 32x32 tile.
    #[must_use]
    pub fn tile_bytes(self) -> u32 {
        match self {
            Self::F32 | Self::Word => 4096,
            Self::Bf16 | Self::F16 | Self::U16 => 2048,
            Self::Bfp8 => 1088,
            Self::NativeE4M3 | Self::NativeE5M2 | Self::Byte => 1024,
        }
    }

    /// The bytes of an element, where each has its own.
    #[must_use]
    pub fn element_bytes(self) -> Option<u32> {
        let apart = self != Self::Bfp8;
        apart.then(|| self.tile_bytes() / 1024)
    }
}

impl Buffer {
    /// Tiles along the rows and along the columns of a matrix.
    #[must_use]
    pub fn tiles(&self) -> [u64; 2] {
        [self.extent[1].div_ceil(32), self.extent[2].div_ceil(32)]
    }

    /// How many pages it has.
    #[must_use]
    pub fn pages(&self) -> u64 {
        let [rows, columns] = self.tiles();
        self.extent[0] * rows * columns
    }
}

impl Step {
    /// How many tiles of DST a section holds.
    #[must_use]
    pub fn dst_tiles(&self) -> u32 {
        let tiles = if self.f32_dst { 4 } else { 8 };
        if self.full_sync { 2 * tiles } else { tiles }
    }

    /// Its roles by name, in the order in which tiles pass them.
    #[must_use]
    pub fn roles(&self) -> [(&'static str, &Role); 3] {
        [("reader", &self.reader), ("compute", &self.compute), ("writer", &self.writer)]
    }

    /// How many cores run it.
    #[must_use]
    pub fn cores(&self) -> u32 {
        self.grid[0] * self.grid[1]
    }
}
