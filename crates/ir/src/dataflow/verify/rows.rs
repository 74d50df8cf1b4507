//! Rows of pages between DRAM and L1, and pages that go to one other core.

use std::ops::Range;

use crate::dataflow::{BufferAt, CircularAt};

use super::machine::{Machine, Task};
use super::state::Page;

/// Rows of a tile, and of its upper and lower half.
const TILE_ROWS: u32 = 32;
const FACE_ROWS: u32 = 16;

impl Machine<'_> {
    pub(super) fn read_rows(
        &mut self,
        task: usize,
        (buffer, page): (BufferAt, u32),
        [first, rows]: [u32; 2],
        into: CircularAt,
        at: u32,
    ) -> Result<(), String> {
        if !rows.is_power_of_two() || rows > FACE_ROWS || !first.is_multiple_of(rows) {
            return Err(format!("{rows} rows from {first} are no whole piece of a tile"));
        }
        in_tile(first, rows)?;
        self.pages.read(self.program, self.at, buffer, page)?;
        let core = self.tasks[task].core;
        self.cores[core].counts.dram_read += self.row_bytes(buffer) * u64::from(rows);
        self.fill(task, into, at, Page::Coming)
    }

    pub(super) fn write_rows(
        &mut self,
        task: usize,
        (buffer, page): (BufferAt, u32),
        [first, rows]: [u32; 2],
        from: CircularAt,
    ) -> Result<(), String> {
        let written = in_tile(first, rows)?;
        self.source(task, from, 0)?;
        self.pages.write(self.program, self.at, buffer, page, written)?;
        let core = self.tasks[task].core;
        self.cores[core].counts.dram_written += self.row_bytes(buffer) * u64::from(rows);
        self.tasks[task].state.views[from].reserved[0] = Page::Leaving;
        Ok(())
    }

    /// Sends the first pages of a ring into some reserved pages of another core, as
    /// [`Machine::multicast`] does to many.
    pub(super) fn deliver(
        &mut self,
        task: usize,
        from: CircularAt,
        into: CircularAt,
        pages: Range<u32>,
        to: usize,
    ) -> Result<(), String> {
        let Task { core, role, .. } = self.tasks[task];
        if to == core {
            return Err("pages are sent to where they are".to_owned());
        }
        for at in 0..pages.end - pages.start {
            self.source(task, from, at)?;
            self.tasks[task].state.views[from].reserved[at as usize] = Page::Leaving;
        }
        let (name, [column, row]) = (self.ring_name(into), self.cores[to].at);
        let process = self.tasks[task].process();
        let told = self.cores[to].rings[into].reserved;
        let told = told.is_some_and(|moment| self.clocks.follows(process, moment));
        let receiver = &mut self.tasks[3 * to + role].state.views[into].reserved;
        let slots = receiver.get_mut(pages.start as usize..pages.end as usize);
        let Some(slots) = slots.filter(|_| told) else {
            let found = if told { "and has not reserved them" } else { "and has not said so" };
            return Err(format!("core {column}, {row} gets pages of {name}, {found}"));
        };
        slots.fill(Page::Filled);
        let now = self.clocks.now(process);
        self.cores[to].rings[into].landed.push(now);
        let tile_bytes = self.step.circular[from].format.tile_bytes();
        let bytes = u64::from(pages.end - pages.start) * u64::from(tile_bytes);
        self.cores[to].counts.received += bytes;
        Ok(())
    }

    fn row_bytes(&self, buffer: BufferAt) -> u64 {
        u64::from(self.program.buffers[buffer].format.tile_bytes() / TILE_ROWS)
    }
}

/// Rows of a tile as bits.
fn in_tile(first: u32, rows: u32) -> Result<u32, String> {
    let end = first.saturating_add(rows);
    if rows == 0 || end > TILE_ROWS {
        return Err(format!(
            "a tile has {TILE_ROWS} rows, and {first} .. {end} are not among them"
        ));
    }
    Ok((u32::MAX >> (TILE_ROWS - rows)) << first)
}
