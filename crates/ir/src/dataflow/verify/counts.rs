//! What a step moves and computes, counted while it runs.

use std::ops::AddAssign;

use crate::dataflow::Step;

/// A number of each core, summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Share {
    /// Of the core that has most.
    pub most: u64,
    /// Of the average core.
    pub mean: f64,
}

/// What a step moves and computes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Bytes read from DRAM.
    pub dram_read: u64,
    /// Bytes written to DRAM.
    pub dram_written: u64,
    /// Bytes that multicasts send, however many cores they reach.
    pub multicast: u64,
    /// Bytes that arrive over the network: at cores, from DRAM and from other cores, and at DRAM.
    pub noc: u64,
    /// The most bytes that arrive at or leave one core over the network.
    pub noc_of_core: u64,
    /// Cores that move or compute anything.
    pub busy_cores: u32,
    /// Products of two tiles.
    pub products: Share,
    /// Ops of the vector unit on a tile.
    pub vector_ops: Share,
    /// Cycles of those ops.
    pub vector_cycles: Share,
    /// Tiles copied to DST.
    pub copies: Share,
    /// Tiles packed.
    pub packs: Share,
}

/// What one core does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) dram_read: u64,
    pub(super) dram_written: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) products: u64,
    pub(super) vector_ops: u64,
    pub(super) vector_cycles: u64,
    pub(super) copies: u64,
    pub(super) packs: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.dram_read += other.dram_read;
        self.dram_written += other.dram_written;
        self.sent += other.sent;
        self.received += other.received;
        self.products += other.products;
        self.vector_ops += other.vector_ops;
        self.vector_cycles += other.vector_cycles;
        self.copies += other.copies;
        self.packs += other.packs;
    }
}

impl Counts {
    /// What was counted since `before`.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            dram_read: self.dram_read - before.dram_read,
            dram_written: self.dram_written - before.dram_written,
            sent: self.sent - before.sent,
            received: self.received - before.received,
            products: self.products - before.products,
            vector_ops: self.vector_ops - before.vector_ops,
            vector_cycles: self.vector_cycles - before.vector_cycles,
            copies: self.copies - before.copies,
            packs: self.packs - before.packs,
        }
    }

    fn noc(self) -> u64 {
        self.dram_read + self.dram_written + self.received
    }
}

/// What each core of a step does.
#[derive(Debug)]
pub(super) struct OfCores(pub(super) Vec<Counts>);

impl OfCores {
    pub(super) fn traffic(&self, step: &Step) -> Traffic {
        let sum = |of: fn(&Counts) -> u64| self.0.iter().map(of).sum::<u64>();
        let most = |of: fn(&Counts) -> u64| self.0.iter().map(of).max().unwrap_or(0);
        let cores = f64::from(step.cores().max(1));
        let share = |of: fn(&Counts) -> u64| Share { most: most(of), mean: sum(of) as f64 / cores };
        let busy = self.0.iter().filter(|counts| **counts != Counts::default()).count();
        Traffic {
            dram_read: sum(|x| x.dram_read),
            dram_written: sum(|x| x.dram_written),
            multicast: sum(|x| x.sent),
            noc: sum(|x| x.noc()),
            noc_of_core: most(|x| x.noc() + x.sent),
            busy_cores: u32::try_from(busy).expect("no more than there are cores"),
            products: share(|x| x.products),
            vector_ops: share(|x| x.vector_ops),
            vector_cycles: share(|x| x.vector_cycles),
            copies: share(|x| x.copies),
            packs: share(|x| x.packs),
        }
    }
}
