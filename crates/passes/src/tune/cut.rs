//! How a region is cut: the numbers that a tile block, the measured table or the
//! model chooses, before they become a kernel.

use tilec_ir::Scalar;
use tilec_ir::tile::{
    Accumulate, Condition, Dual, Points, Ranks, Rows, Scan, Select, Side, Stepped,
};

use crate::tune::product::{Product, bytes, gcd};

/// One way to run a region.
#[derive(Clone, Debug)]
pub struct Choice {
    /// All must hold of the sizes at launch.
    pub when: Vec<Condition>,
    /// The numbers.
    pub cut: Cut,
    /// Who chose them and why.
    pub chosen_by: String,
}

/// The numbers of one way to run a region.
#[derive(Clone, Debug)]
pub enum Cut {
    /// A contraction as roles joined by channels.
    Pipeline(PipelineCut),
    /// A contraction in which all threads load, then multiply.
    Stepped(Stepped),
    /// Rows held by groups of threads.
    Rows(Rows),
    /// A running sum.
    Scan(Scan),
    /// Loops over points.
    Points(Points),
    /// The first elements of rows.
    Select(Select),
    /// An order by counting.
    Ranks(Ranks),
    /// Nothing: the step at this position computes it too, as a dual contraction.
    Within(usize),
}

/// A contraction cut for roles joined by channels. What the instruction needs
/// follows from these numbers and the operands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineCut {
    /// Rows of `a`, rows of `b`, and elements of `k` of a slot.
    pub tile: [u32; 3],
    /// Whether `b` takes the row side of the instruction.
    pub swapped: bool,
    /// The products of a dual contraction, of each of which half of the columns are.
    pub dual: Option<Dual>,
    /// Slots of operands.
    pub stages: u32,
    /// Parts of `k`, which meet in the cluster.
    pub split: u32,
    /// Blocks of a cluster.
    pub cluster: u32,
    /// Whose tiles they share.
    pub share: Option<Side>,
    /// Warp groups that multiply.
    pub instances: u32,
    /// Columns of an instruction: a divisor of the column side of the tile.
    pub columns: u32,
    /// What happens to partial sums.
    pub accumulate: Accumulate,
    /// Accumulators of partial sums; 0 where sums stay in place.
    pub partials: u32,
    /// Tiles of a band of the raster.
    pub band: u32,
    /// Blocks that share a multiprocessor.
    pub per_processor: u32,
}

/// Rows of the matrix instruction of one warp group.
pub(crate) const INSTRUCTION_ROWS: u32 = 64;
/// Threads of a warp group.
pub(crate) const GROUP: u32 = 128;
/// Registers of a thread beside its accumulators: addresses, scales, the epilogue.
pub(crate) const OTHER_REGISTERS: u32 = 24;

impl PipelineCut {
    /// Rows of the tile on the row side of the instruction.
    #[must_use]
    pub fn row_side(&self) -> u32 {
        if self.swapped { self.tile[1] } else { self.tile[0] }
    }

    /// Rows of the tile on the column side of the instruction.
    #[must_use]
    pub fn column_side(&self) -> u32 {
        if self.swapped { self.tile[0] } else { self.tile[1] }
    }

    /// Columns of the output that a tile has.
    #[must_use]
    pub fn output_columns(&self) -> u32 {
        if self.dual.is_some() { self.tile[1] / 2 } else { self.tile[1] }
    }

    /// Registers of a thread that accumulators take.
    #[must_use]
    pub fn accumulators(&self) -> u32 {
        self.sums() + self.partials * self.columns / 2
    }

    /// Those of them that hold sums, not partial ones.
    #[must_use]
    pub fn sums(&self) -> u32 {
        let groups = self.row_side() / INSTRUCTION_ROWS;
        groups.div_ceil(self.instances) * self.column_side() / 2
    }

    /// Threads of a block: the warp groups that multiply, and one that loads.
    #[must_use]
    pub fn threads(&self) -> u32 {
        GROUP * (self.instances + 1)
    }
}

/// What happens to partial sums.
pub(crate) fn accumulate(product: &Product) -> Accumulate {
    match product.scale_block {
        Some(block) => Accumulate::Scale(narrow(gcd(block, i64::from(product.k_block())))),
        None if product.promotes => Accumulate::Promote(128),
        None => Accumulate::InPlace,
    }
}

/// Products per result of one instruction that reads shared memory: 32 bytes.
pub(crate) fn instruction_depth(element: Scalar) -> u32 {
    32 / bytes(element)
}

pub(crate) fn narrow(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
