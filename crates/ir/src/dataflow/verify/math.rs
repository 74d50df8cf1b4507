//! Ops of the compute role.

use crate::dataflow::cycles::vector_cycles;
use crate::dataflow::{CircularAt, Dst, Format, Index, Math, Vector};

use super::machine::{Machine, Numbers};
use super::state::{Page, Phase, Unpack};

/// What an op computes numbers from.
pub(super) fn indices(op: &Math) -> Vec<&Index> {
    match op {
        Math::Multiply { a_at, b_at, .. } => vec![a_at, b_at],
        Math::Copy { at, .. } => vec![at],
        Math::Pack { at, .. } => at.iter().collect(),
        Math::Vector(Vector::Position { base: index, .. } | Vector::Keep { count: index, .. }) => {
            vec![index]
        }
        Math::Vector(
            Vector::Unary(..)
            | Vector::Word(..)
            | Vector::RoundStochastic(..)
            | Vector::Random { .. }
            | Vector::FillWord(..)
            | Vector::Binary(..)
            | Vector::Constant(..)
            | Vector::MultiplyAdd(..)
            | Vector::Select(..)
            | Vector::Fill(..)
            | Vector::Reduce { .. }
            | Vector::Broadcast(..),
        )
        | Math::Acquire
        | Math::Commit
        | Math::AwaitMath
        | Math::Release
        | Math::MultiplyInit { .. }
        | Math::CopyInit(_)
        | Math::PackInit(_)
        | Math::PackAdds(_) => Vec::new(),
    }
}

impl Machine<'_> {
    pub(super) fn math(&mut self, task: usize, op: &Math, numbers: Numbers) -> Result<(), String> {
        let units = &mut self.tasks[task].state.units;
        match *op {
            Math::Acquire => {
                self.phase(task, Phase::Free, Phase::Acquired)?;
                self.tasks[task].state.units.written = 0;
                Ok(())
            }
            Math::Commit => self.phase(task, Phase::Acquired, Phase::Committed),
            Math::AwaitMath => self.phase(task, Phase::Committed, Phase::Packing),
            Math::Release => self.phase(task, Phase::Packing, Phase::Free),
            Math::MultiplyInit { a, b, transpose, block } => {
                units.unpack = Some(Unpack::Multiply { a, b, transpose, block });
                Ok(())
            }
            Math::CopyInit(ring) => {
                units.unpack = Some(Unpack::Copy(ring));
                Ok(())
            }
            Math::PackInit(ring) => {
                units.pack = Some(ring);
                Ok(())
            }
            Math::PackAdds(adds) => {
                units.adds = adds;
                Ok(())
            }
            Math::Multiply { a, b, dst, transpose, block, .. } => {
                let init = Unpack::Multiply { a, b, transpose, block };
                self.multiply(task, init, [numbers[0], numbers[1]], dst)
            }
            Math::Copy { from, dst, .. } => self.copy(task, from, numbers[0], dst),
            Math::Vector(ref op) => self.vector(task, op, numbers[0]),
            Math::Pack { dst, into, ref at } => {
                self.pack(task, dst, into, at.as_ref().map(|_| numbers[0]))
            }
        }
    }

    fn phase(&mut self, task: usize, from: Phase, into: Phase) -> Result<(), String> {
        let phase = &mut self.tasks[task].state.units.phase;
        if *phase != from {
            return Err(format!("a section of DST {}, which this does not follow", says(*phase)));
        }
        *phase = into;
        Ok(())
    }

    /// Math has a section of DST.
    fn acquired(&self, task: usize) -> Result<(), String> {
        let phase = self.tasks[task].state.units.phase;
        if phase == Phase::Acquired {
            return Ok(());
        }
        Err(format!("a section of DST {}, so math has none", says(phase)))
    }

    fn multiply(
        &mut self,
        task: usize,
        init: Unpack,
        [a_at, b_at]: [u32; 2],
        dst: Dst,
    ) -> Result<(), String> {
        let Unpack::Multiply { a, b, block: [rows, columns, depth], .. } = init else {
            return Err("no product".to_owned());
        };
        self.acquired(task)?;
        if self.tasks[task].state.units.unpack != Some(init) {
            return Err("no init of the same operands and block comes before it".to_owned());
        }
        if [rows, columns, depth].contains(&0) {
            return Err("the block is empty".to_owned());
        }
        let last_row = u64::from(a_at) + u64::from(rows - 1) * u64::from(depth);
        self.waited(task, a, saturated(last_row))?;
        self.waited(task, b, saturated(u64::from(b_at) + u64::from(columns - 1)))?;
        let tiles = u64::from(rows) * u64::from(columns);
        self.capacity(saturated(u64::from(dst) + tiles - 1))?;
        for tile in dst..dst + saturated(tiles) {
            self.put(task, tile)?;
        }
        let core = self.tasks[task].core;
        self.cores[core].counts.products += tiles;
        Ok(())
    }

    fn copy(&mut self, task: usize, from: CircularAt, at: u32, dst: Dst) -> Result<(), String> {
        self.acquired(task)?;
        if self.tasks[task].state.units.unpack != Some(Unpack::Copy(from)) {
            return Err("no init of the same circular buffer comes before it".to_owned());
        }
        self.waited(task, from, at)?;
        self.put(task, dst)?;
        let core = self.tasks[task].core;
        self.cores[core].counts.copies += 1;
        Ok(())
    }

    fn vector(&mut self, task: usize, op: &Vector, number: u32) -> Result<(), String> {
        self.acquired(task)?;
        if matches!(op, Vector::Position { .. }) && number >= 1 << 24 {
            return Err(format!("positions from {number} on are not exact in f32"));
        }
        let (operands, out) = operands(op);
        for operand in operands {
            self.get(task, operand)?;
        }
        self.put(task, out)?;
        let core = self.tasks[task].core;
        let counts = &mut self.cores[core].counts;
        counts.vector_ops += 1;
        counts.vector_cycles += vector_cycles(op);
        Ok(())
    }

    fn pack(
        &mut self,
        task: usize,
        dst: Dst,
        into: CircularAt,
        at: Option<u32>,
    ) -> Result<(), String> {
        let units = &self.tasks[task].state.units;
        if units.phase != Phase::Packing {
            return Err(format!("a section of DST {}, so the packer has none", says(units.phase)));
        }
        if units.pack != Some(into) {
            return Err("no init of the same circular buffer comes before it".to_owned());
        }
        let adds = units.adds;
        self.get(task, dst)?;
        let name = self.ring_name(into);
        let view = &mut self.tasks[task].state.views[into];
        let next = view.next;
        view.next += u32::from(at.is_none());
        let at = at.unwrap_or(next);
        let page = view.reserved.get(at as usize).copied();
        if adds && page.is_some_and(|page| page != Page::Filled) {
            return Err(format!("page {at} of {name} is added to, and nothing is in it"));
        }
        let sums = matches!(self.step.circular[into].format, Format::F32 | Format::Word);
        if adds && !sums {
            return Err(format!("{name} is added to, and holds no f32"));
        }
        self.fill(task, into, at, Page::Filled)?;
        let core = self.tasks[task].core;
        self.cores[core].counts.packs += 1;
        Ok(())
    }

    /// A tile of DST is read.
    fn get(&self, task: usize, tile: Dst) -> Result<(), String> {
        self.capacity(tile)?;
        if self.tasks[task].state.units.written & (1 << tile) == 0 {
            return Err(format!("tile {tile} of DST is read, and nothing is in it"));
        }
        Ok(())
    }

    /// A tile of DST is written.
    fn put(&mut self, task: usize, tile: Dst) -> Result<(), String> {
        self.capacity(tile)?;
        self.tasks[task].state.units.written |= 1 << tile;
        Ok(())
    }

    fn capacity(&self, tile: Dst) -> Result<(), String> {
        let tiles = self.step.dst_tiles();
        if tile < tiles {
            return Ok(());
        }
        Err(format!("tile {tile} of DST is used, which has {tiles} here"))
    }
}

fn says(phase: Phase) -> &'static str {
    match phase {
        Phase::Free => "is not acquired",
        Phase::Acquired => "is acquired",
        Phase::Committed => "is committed",
        Phase::Packing => "is with the packer",
    }
}

fn saturated(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// What a vector op reads, and what it writes.
fn operands(op: &Vector) -> (Vec<Dst>, Dst) {
    match *op {
        Vector::Unary(_, a, out) | Vector::Constant(_, a, _, out) => (vec![a], out),
        Vector::Binary(_, a, b, out)
        | Vector::Word(_, a, b, out)
        | Vector::RoundStochastic(_, a, b, out) => (vec![a, b], out),
        Vector::Random { seed, counter } => {
            (counter.into_iter().chain([seed]).collect(), counter[0])
        }
        Vector::MultiplyAdd(operands, out) | Vector::Select(operands, out) => {
            (operands.to_vec(), out)
        }
        Vector::Fill(_, out) | Vector::FillWord(_, out) | Vector::Position { dst: out, .. } => {
            (Vec::new(), out)
        }
        Vector::Keep { dst, .. } | Vector::Reduce { dst, .. } | Vector::Broadcast(_, dst) => {
            (vec![dst], dst)
        }
    }
}
