//! The numbers of a kernel with swapped operands, read off its pipeline.
//!
//! ```text
//! rows of the instruction  <- b: 64 for each row group of the tile's n
//! columns                  <- a: the tile's m
//! ```

use tilec_ir::tile::{Accumulate, Exchange, Pipeline, RoleKind, Side, Source};

use crate::types;

/// Rows of the matrix instruction.
pub(super) const INSTRUCTION_ROWS: u32 = 64;
/// Bytes of `k` in a row of an operand in shared memory.
pub(super) const ROW_BYTES: u32 = 128;

/// The slots of scales.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scales {
    /// How many there are.
    pub(super) slots: u32,
    /// Periods of each.
    pub(super) chunk: u32,
    /// Floats from one period to the next.
    pub(super) pitch: u32,
}

/// The numbers of a kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Rows of the tile: of `b`.
    pub(super) rows: u32,
    /// Columns of the tile: rows of `a`.
    pub(super) columns: u32,
    /// Elements of `k` in a row of 128 bytes.
    pub(super) block: u32,
    /// Such blocks of a slot.
    pub(super) blocks: u32,
    /// Slots of operands.
    pub(super) slots: u32,
    /// Elements of `k` after which partial sums are added up; where they never are, of
    /// a block.
    pub(super) period: u32,
    /// Elements of `k` of one instruction.
    pub(super) depth: u32,
    /// Warpgroups that multiply.
    pub(super) instances: u32,
    /// Warpgroups that share rows and take turns along `k`.
    pub(super) groups: u32,
    /// Parts of `k` that meet in the cluster.
    pub(super) parts: u32,
    /// Blocks of the cluster that share an operand.
    pub(super) sharers: u32,
    /// Which operand they share.
    pub(super) shares: Option<Side>,
    /// Blocks of the cluster.
    pub(super) cluster: u32,
    /// What happens to partial sums.
    pub(super) accumulate: Accumulate,
    /// Partial accumulators.
    pub(super) partials: u32,
    /// Slots of scales.
    pub(super) scales: Option<Scales>,
    /// The first warp that multiplies.
    pub(super) first_math_warp: u32,
    /// Whether `b` is read once.
    pub(super) streams: bool,
    /// Bytes of shared memory before the staging memory.
    pub(super) slot_bytes_in_all: u32,
    /// Bytes of the staging memory.
    pub(super) staging_bytes: u32,
}

impl Shape {
    pub(super) fn new(pipeline: &Pipeline) -> Self {
        let [columns, rows, slot_k] = pipeline.tile;
        let block = ROW_BYTES / types::bytes(pipeline.instruction.elements[0]);
        let channel = |source| pipeline.channels.iter().find(|c| c.source == source);
        let operands = channel(Source::Operands).expect("a pipeline has operands");
        let period = match pipeline.accumulate {
            Accumulate::InPlace => block,
            Accumulate::Promote(period) | Accumulate::Scale(period) => period.min(block),
        };
        let before = pipeline.roles.iter().take_while(|role| role.kind == RoleKind::Load);
        let slot_bytes_in_all = pipeline.channels.iter().map(|c| c.depth * c.slot_bytes).sum();
        Self {
            rows,
            columns,
            block,
            blocks: slot_k / block,
            slots: operands.depth,
            period,
            depth: pipeline.instruction.depth,
            instances: pipeline.instances(),
            groups: pipeline.sharing_rows(),
            parts: match pipeline.exchange {
                Exchange::None => 1,
                Exchange::Cluster => pipeline.split,
                Exchange::Workspace => unreachable!("parts of k with few rows meet in the cluster"),
            },
            sharers: pipeline.sharers(),
            shares: pipeline.multicast,
            cluster: pipeline.cluster,
            accumulate: pipeline.accumulate,
            partials: pipeline.partials,
            scales: channel(Source::Scales).map(|scales| {
                let chunk = scales.k / period;
                // Pairs of columns are read at once.
                let pitch = scales.slot_bytes / 4 / chunk / 2 * 2;
                Scales { slots: scales.depth, chunk, pitch }
            }),
            first_math_warp: before.map(|role| role.warps * role.instances).sum(),
            streams: pipeline.streams == Some(Side::B),
            slot_bytes_in_all,
            staging_bytes: pipeline.staging_bytes,
        }
    }

    /// Bytes of a slot that hold rows of `b`, of one block of `k`.
    pub(super) fn row_bytes(&self) -> u32 {
        self.rows * ROW_BYTES
    }

    /// Bytes of a slot that hold rows of `a`, of one block of `k`.
    pub(super) fn column_bytes(&self) -> u32 {
        self.columns * ROW_BYTES
    }

    /// Bytes of a slot of operands.
    pub(super) fn slot_bytes(&self) -> u32 {
        self.blocks * (self.row_bytes() + self.column_bytes())
    }

    /// Threads that multiply.
    pub(super) fn math_threads(&self) -> u32 {
        self.instances * 128
    }

    /// Rows that one copy of `b` brings.
    pub(super) fn rows_per_copy(&self) -> u32 {
        if self.shares == Some(Side::B) { self.rows / self.sharers } else { self.rows }
    }

    /// Rows that one copy of `a` brings.
    pub(super) fn columns_per_copy(&self) -> u32 {
        if self.shares == Some(Side::A) { self.columns / self.sharers } else { self.columns }
    }

    /// Whether partial sums are kept apart from sums.
    pub(super) fn promotes(&self) -> bool {
        self.accumulate != Accumulate::InPlace
    }
}
