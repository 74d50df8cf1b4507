//! Contractions as roles joined by channels.
//!
//! ```text
//! load:     for each work item { for each block of k { send A, B } }
//! compute:  for each work item { fill; for each block of k { receive; mma; scale; release }; put }
//! ```
//!
//! A work item is what one cluster computes at a time (one block, where there are no
//! clusters): `cluster` tiles of the same part of `k`, or fewer of all parts of a split
//! that meets in the cluster. Every role of every block of the cluster takes the same
//! items in the same order, `item += clusters of the grid`.
//!
//! A [`Channel`] is a ring of `depth` slots. A slot is filled by one role, is read
//! by `consumers` role instances (times the blocks of the cluster that it is
//! multicast to) and is free again when each has released it. On Hopper a channel
//! is shared memory with a full and an empty mbarrier per slot; on Tensix it is a
//! circular buffer.

use crate::int::IntId;
use crate::tensor::Scalar;

/// The position of a channel in [`Pipeline::channels`].
pub type ChannelId = usize;

/// A contraction on matrix units that are fed through channels.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Rows of `a` and of `b` of the tile of one block, in the plan's terms (never swapped),
    /// and elements of `k` of one slot of operands.
    pub tile: [u32; 3],
    /// Whether `b` takes the instruction's row side and `a` its column side.
    pub swapped: bool,
    /// Tiles along `m`, `n` (over the whole tensors) and the product of the batch sizes.
    pub tiles: [IntId; 3],
    /// The two products of a *dual contraction*; `None` for the one of the step's region.
    pub dual: Option<Dual>,
    /// How many parts `k` is cut into. Their sums meet by [`Pipeline::exchange`].
    pub split: u32,
    /// How the parts of a split meet.
    pub exchange: Exchange,
    /// Blocks of a cluster: those that share operands times, where the exchange is in the
    /// cluster, the parts of the split.
    pub cluster: u32,
    /// What the blocks of a cluster (those with the same part of `k`) share: they take
    /// neighboring tiles along the other axis. `None` where the cluster only serves the
    /// exchange.
    pub multicast: Option<Side>,
    /// The order of work items.
    pub raster: Raster,
    /// What multiplies.
    pub instruction: Instruction,
    /// What happens to partial sums.
    pub accumulate: Accumulate,
    /// Accumulators of partial sums of one instance, each of one instruction: with two, one
    /// is added up while the other is multiplied into. 0 where sums stay in place.
    pub partials: u32,
    /// The operand that is read only once in all, so that caches need not keep it.
    pub streams: Option<Side>,
    /// Between roles.
    pub channels: Vec<Channel>,
    /// In the order of their warps.
    pub roles: Vec<Role>,
    /// How results leave.
    pub put: Put,
    /// Shared memory for results on their way out or to other blocks of the cluster, in bytes.
    pub staging_bytes: u32,
    /// Dynamic shared memory of a block, in bytes: the slots of all channels, the staging
    /// (behind those of the operands where results leave as boxes, else behind all), then
    /// [`Self::barrier_bytes`]. It begins at a multiple of 1024 bytes.
    pub shared_bytes: u32,
}

impl Pipeline {
    /// Shared memory for barriers, in bytes: a full and an empty one of 8 bytes for each
    /// slot, and two for the exchange.
    #[must_use]
    pub fn barrier_bytes(slots: u32) -> u32 {
        16 * slots + 32
    }

    /// Blocks of the cluster that share an operand's tiles.
    #[must_use]
    pub fn sharers(&self) -> u32 {
        match self.exchange {
            Exchange::Cluster => self.cluster / self.split.max(1),
            Exchange::None | Exchange::Workspace => self.cluster,
        }
    }

    /// Columns of the output that a tile has.
    #[must_use]
    pub fn output_columns(&self) -> u32 {
        if self.dual.is_some() { self.tile[1] / 2 } else { self.tile[1] }
    }

    /// Rows of the instructions' results in one tile.
    #[must_use]
    pub fn instruction_side(&self) -> u32 {
        if self.swapped { self.tile[1] } else { self.tile[0] }
    }

    /// Instances of the role that multiplies.
    #[must_use]
    pub fn instances(&self) -> u32 {
        let compute = self.roles.iter().filter(|role| role.kind == RoleKind::Compute);
        compute.map(|role| role.instances).sum()
    }

    /// How many instances share the same rows, each with its own part of a slot's `k`; they
    /// are added up in order through the staging memory. 1 where each has rows of its own.
    #[must_use]
    pub fn sharing_rows(&self) -> u32 {
        let groups = self.instruction_side() / self.instruction.rows.max(1);
        (self.instances() / groups.max(1)).max(1)
    }
}

/// Two products that share `a`: rows of the `b` of the one and of the other stand side by side
/// in a slot, so that one half of the tile's columns is of each. The step is that of what reads
/// both sums: the second product with its epilogue, or rows by segments of as many columns as a
/// tile has of each. Neither sum is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dual {
    /// Their regions.
    pub products: [usize; 2],
    /// Which of the rows of the step's region, by its number, a row of the first product is: an
    /// integer of its batch and its rows. `None` where they are the same.
    pub row: Option<IntId>,
}

/// How results leave a [`Pipeline`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// Sums are staged in shared memory and taken up as neighbors of a row, for any epilogue.
    Rows,
    /// Results are staged, and copied as boxes: one output of 16 bits, dense in batch, rows
    /// and columns, of an epilogue that reads only what a row or a column has.
    Boxes,
}

/// The operands of a contraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one with the rows `m`.
    A,
    /// The one with the rows `n`.
    B,
}

/// How the sums of a split `k` meet; always in the order of the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// There is one part.
    None,
    /// The parts are the blocks of one cluster and meet in distributed shared memory.
    Cluster,
    /// They meet in the workspace; the last to come adds all up.
    Workspace,
}

/// The order of work items: bands of `width` tiles along one axis, walked along the
/// other, so that neighbors in time share operands in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raster {
    /// The operand whose tiles make a band.
    pub band: Side,
    /// Tiles of a band.
    pub width: u32,
}

/// A matrix instruction: `rows` x `columns` x `depth`, elements of `depth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Rows of its result.
    pub rows: u32,
    /// Columns of its result.
    pub columns: u32,
    /// Products per result.
    pub depth: u32,
    /// The element types of `a` and of `b` in the plan's terms; F32 is read as tf32.
    pub elements: [Scalar; 2],
    /// Whether `a` and `b` lie with `k` innermost (else their rows are).
    pub k_major: [bool; 2],
}

/// What happens to partial sums of the matrix units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accumulate {
    /// They stay there for the whole of `k`: exact types, or by a precision license.
    InPlace,
    /// They are added to f32 sums every so many of `k`.
    Promote(u32),
    /// They are multiplied by the contraction's scales and added to f32 sums every so many of `k`,
    /// which divides every scale's block or is that block.
    Scale(u32),
}

/// A ring of slots between roles.
#[derive(Clone, Debug)]
pub struct Channel {
    /// For people and for the emitted code.
    pub name: String,
    /// What a slot holds.
    pub source: Source,
    /// Elements of `k` that a slot is for.
    pub k: u32,
    /// Slots.
    pub depth: u32,
    /// Bytes of a slot.
    pub slot_bytes: u32,
    /// Role instances that read each slot, in one block.
    pub consumers: u32,
    /// Whether a slot is filled in all blocks of the cluster at once.
    pub multicast: bool,
}

/// What fills a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// One tile of each operand, for one block of `k`.
    Operands,
    /// The scales of a work item along its rows, for one or several blocks of `k`.
    Scales,
}

/// A part of a block's warps with one job.
#[derive(Clone, Debug)]
pub struct Role {
    /// What it does.
    pub kind: RoleKind,
    /// Warps of one instance.
    pub warps: u32,
    /// How many instances there are; each takes its share of the tile's instruction rows, or
    /// of the `k` of each slot where there are more of them ([`Pipeline::sharing_rows`]).
    pub instances: u32,
    /// Registers per thread it asks for; `None` keeps what the launch gives.
    pub registers: Option<u32>,
    /// What it does for each work item of its block.
    pub body: Vec<Op>,
}

/// The jobs of roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleKind {
    /// Brings operands.
    Load,
    /// Multiplies and writes results.
    Compute,
}

/// A step of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// For each slot of the channel that the `k` of the work item, or that of the slot of the
    /// loop around it, takes.
    EachBlock(ChannelId, Vec<Op>),
    /// Waits for a free slot and fills it.
    Send(ChannelId),
    /// Waits for a full slot.
    Receive(ChannelId),
    /// Gives the slot back.
    Release(ChannelId),
    /// Sets the accumulators to zero.
    Fill,
    /// Multiplies the operands of the slot into the accumulators.
    Multiply(ChannelId),
    /// Scales or promotes partial sums, as [`Pipeline::accumulate`] says.
    Accumulate,
    /// Adds up the parts of a split, as [`Pipeline::exchange`] says.
    Exchange,
    /// Computes the epilogue and writes what is stored.
    Put,
}
