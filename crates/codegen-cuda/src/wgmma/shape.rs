//! The numbers of a kernel for many rows, read off its pipeline.
//!
//! ```text
//! tile      rows x columns          of one block
//! instance  64 x groups rows        of one warpgroup, all columns
//! part      columns of one instruction: all, or a half where registers are short
//! ```

use tilec_ir::plan::{Contract, Varies};
use tilec_ir::tile::{Accumulate, Pipeline, Put, Raster, RoleKind, Side, Source};

use crate::types;

/// Rows of the matrix instruction.
pub(super) const INSTRUCTION_ROWS: u32 = 64;
/// Bytes of a row of an operand in shared memory: of `k`, or of rows that lie innermost.
pub(super) const ROW_BYTES: u32 = 128;
/// Rows of a box of `a` where data tells how many there are: few come in vain.
pub(super) const FILLED_ROWS: u32 = 32;
/// The fewest columns with one scale; scales along columns come in such blocks.
const LEAST_SEGMENT: u32 = 8;

/// The numbers of a kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Rows of the tile.
    pub(super) rows: u32,
    /// Columns of the tile: rows of `b`, or of both of a dual contraction.
    pub(super) columns: u32,
    /// Whether one half of them is of each product of a dual contraction.
    pub(super) dual: bool,
    /// Columns of one instruction.
    pub(super) part: u32,
    /// Elements of `k` in 128 bytes.
    pub(super) block: u32,
    /// Such blocks of a slot.
    pub(super) blocks: u32,
    /// Slots of operands.
    pub(super) slots: u32,
    /// Elements of `k` after which partial sums are added up; where they never are, of a slot.
    pub(super) period: u32,
    /// Elements of `k` of one instruction.
    pub(super) depth: u32,
    /// Warpgroups that multiply.
    pub(super) instances: u32,
    /// Groups of 64 rows of each of them.
    pub(super) groups: u32,
    /// Blocks of a cluster.
    pub(super) cluster: u32,
    /// Which operand they share.
    pub(super) shares: Option<Side>,
    /// Whether partial sums are kept apart from sums.
    pub(super) promotes: bool,
    /// Columns that have the same scales, where there are scales.
    pub(super) segment: Option<u32>,
    /// Whether `a` and `b` lie with `k` innermost.
    pub(super) k_major: [bool; 2],
    /// The order of tiles.
    pub(super) raster: Raster,
    /// Registers that the loading and the multiplying roles ask for.
    pub(super) registers: [Option<u32>; 2],
    /// Bytes of all slots.
    pub(super) slot_bytes_in_all: u32,
    /// Floats of a slot of scales.
    pub(super) scale_floats: u32,
    /// Bytes of the staging memory.
    pub(super) staging_bytes: u32,
    /// Whether results leave as boxes.
    pub(super) boxes: bool,
    /// Whether data tells how many rows there are.
    pub(super) filled: bool,
}

impl Shape {
    pub(super) fn new(pipeline: &Pipeline, contract: &Contract) -> Self {
        let [rows, columns, slot_k] = pipeline.tile;
        let instruction = pipeline.instruction;
        let block = ROW_BYTES / types::bytes(instruction.elements[0]);
        let channel = |source| pipeline.channels.iter().find(|c| c.source == source);
        let operands = channel(Source::Operands).expect("a pipeline has operands");
        let registers = |kind| {
            let role = pipeline.roles.iter().find(|role| role.kind == kind);
            role.and_then(|role| role.registers)
        };
        let instances = pipeline.instances();
        Self {
            rows,
            columns,
            dual: pipeline.dual.is_some(),
            part: instruction.columns,
            block,
            blocks: slot_k / block,
            slots: operands.depth,
            period: match pipeline.accumulate {
                Accumulate::InPlace => slot_k,
                Accumulate::Promote(period) | Accumulate::Scale(period) => period.min(block),
            },
            depth: instruction.depth,
            instances,
            groups: rows / INSTRUCTION_ROWS / instances,
            cluster: pipeline.cluster,
            shares: pipeline.multicast.filter(|_| pipeline.cluster > 1),
            promotes: pipeline.accumulate != Accumulate::InPlace,
            segment: match pipeline.accumulate {
                Accumulate::Scale(_) if pipeline.dual.is_some() => {
                    Some(segment(gcd(instruction.columns, columns / 2), contract))
                }
                Accumulate::Scale(_) => Some(segment(instruction.columns, contract)),
                Accumulate::InPlace | Accumulate::Promote(_) => None,
            },
            k_major: instruction.k_major,
            raster: pipeline.raster,
            registers: [registers(RoleKind::Load), registers(RoleKind::Compute)],
            slot_bytes_in_all: pipeline.channels.iter().map(|c| c.depth * c.slot_bytes).sum(),
            scale_floats: channel(Source::Scales).map_or(0, |scales| scales.slot_bytes / 4),
            staging_bytes: pipeline.staging_bytes,
            boxes: pipeline.put == Put::Boxes,
            filled: contract.filled.is_some(),
        }
    }

    /// Elements of `k` of a slot.
    pub(super) fn slot_k(&self) -> u32 {
        self.block * self.blocks
    }

    /// Bytes of one block of `k` of an operand.
    pub(super) fn block_bytes(&self, side: Side) -> u32 {
        self.side(side) * ROW_BYTES
    }

    /// Rows of an operand's tile.
    pub(super) fn side(&self, side: Side) -> u32 {
        match side {
            Side::A => self.rows,
            Side::B => self.columns,
        }
    }

    /// Columns of the output that the tile has.
    pub(super) fn output_columns(&self) -> u32 {
        if self.dual { self.columns / 2 } else { self.columns }
    }

    /// The same in a template.
    pub(super) fn output_columns_word(&self) -> &'static str {
        if self.dual { "$COLUMNS / 2" } else { "$COLUMNS" }
    }

    /// Rows of one tensor in an operand's tile.
    pub(super) fn copied_rows(&self, side: Side) -> u32 {
        match side {
            Side::A => self.rows,
            Side::B => self.output_columns(),
        }
    }

    /// Whether an operand lies with `k` innermost.
    pub(super) fn is_k_major(&self, side: Side) -> bool {
        match side {
            Side::A => self.k_major[0],
            Side::B => self.k_major[1],
        }
    }

    /// Blocks of the cluster that share this operand.
    pub(super) fn sharers(&self, side: Side) -> u32 {
        if self.shares == Some(side) { self.cluster } else { 1 }
    }

    /// Warps that multiply; those that load come after them.
    pub(super) fn math_warps(&self) -> u32 {
        4 * self.instances
    }

    /// Periods of a slot.
    pub(super) fn periods(&self) -> u32 {
        self.slot_k() / self.period
    }

    /// Scales along the columns of a tile.
    pub(super) fn segments(&self) -> u32 {
        self.segment.map_or(0, |segment| self.columns / segment)
    }

    /// Floats of one period of a slot of scales: of the rows, then of the columns.
    pub(super) fn period_floats(&self) -> u32 {
        self.rows + self.segments().next_multiple_of(4)
    }
}

/// The most columns of which each instruction has whole segments with one scale.
fn segment(part: u32, contract: &Contract) -> u32 {
    let along = contract.scales.iter().filter_map(|scale| match scale.n {
        Varies::No => None,
        Varies::Blocks(length) => Some(u32::try_from(length).unwrap_or(0)),
        Varies::Each => Some(1),
    });
    along.fold(part, gcd).max(LEAST_SEGMENT)
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
