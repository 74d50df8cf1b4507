//! Ops of the reader and the writer, but multicasts.

use crate::dataflow::{Area, BufferAt, CircularAt, Move, SemaphoreAt};

use super::machine::{Flow, Machine, Numbers};
use super::pages::ALL_ROWS;
use super::signals::Race;
use super::state::Page;

impl Machine<'_> {
    pub(super) fn transfer(
        &mut self,
        task: usize,
        op: &Move,
        numbers: Numbers,
    ) -> Result<Flow, String> {
        let [first, second, third, ..] = numbers;
        match *op {
            Move::Read { buffer, into, .. } => self.read(task, buffer, first, into, second)?,
            Move::Zero { into, .. } => self.fill(task, into, first, Page::Coming)?,
            Move::ReadBarrier => self.each_view(task, |page| page.turn(Page::Coming, Page::Filled)),
            Move::Write { buffer, from, .. } => self.write(task, buffer, first, from, second)?,
            Move::WriteBarrier => self.each_view(task, |view| {
                view.sending = false;
                view.turn(Page::Returning, Page::Filled);
                view.turn(Page::Leaving, Page::Filled);
            }),
            Move::Column { from, into, .. } => {
                self.source(task, from, first)?;
                if second >= 32 {
                    return Err(format!("a tile has 32 columns, and {second} is none of them"));
                }
                self.fill(task, into, third, Page::Filled)?;
            }
            Move::ReadRows { buffer, rows, into, .. } => {
                self.read_rows(task, (buffer, first), [second, rows], into, third)?;
            }
            Move::WriteRows { buffer, from, .. } => {
                self.write_rows(task, (buffer, first), [second, third], from)?;
            }
            Move::Rank(ref op) => self.rank(task, op, numbers)?,
            Move::Work(ref op) => self.work(task, op, numbers)?,
            Move::Open(table) => self.open(task, table)?,
            Move::Elements(ref elements) => self.elements(task, elements, first)?,
            Move::Deliver { from, into, tiles, area, .. } => {
                let to = self.one_core(task, area, second)?;
                self.deliver(task, from, into, first..first.saturating_add(tiles), to)?;
            }
            Move::Multicast { from, into, tiles, area, own } => {
                self.multicast(task, from, into, tiles, area, own)?;
            }
            Move::Set(semaphore, value) => {
                self.set(task, self.tasks[task].core, semaphore, value)?
            }
            Move::Until(semaphore, value) => return self.until(task, semaphore, value),
            Move::SignalOne { semaphore, area, .. } => {
                self.signal_one(task, semaphore, area, first)?
            }
            Move::SignalAll { semaphore, area } => self.signal_all(task, semaphore, area)?,
        }
        Ok(Flow::Done)
    }

    fn read(
        &mut self,
        task: usize,
        buffer: BufferAt,
        page: u32,
        into: CircularAt,
        at: u32,
    ) -> Result<(), String> {
        self.pages.read(self.program, self.at, buffer, page)?;
        let core = self.tasks[task].core;
        let bytes = self.program.buffers[buffer].format.tile_bytes();
        self.cores[core].counts.dram_read += u64::from(bytes);
        self.fill(task, into, at, Page::Coming)
    }

    fn write(
        &mut self,
        task: usize,
        buffer: BufferAt,
        page: u32,
        from: CircularAt,
        at: u32,
    ) -> Result<(), String> {
        self.waited(task, from, at)?;
        self.pages.write(self.program, self.at, buffer, page, ALL_ROWS)?;
        let core = self.tasks[task].core;
        let bytes = self.program.buffers[buffer].format.tile_bytes();
        self.cores[core].counts.dram_written += u64::from(bytes);
        self.tasks[task].state.views[from].sending = true;
        Ok(())
    }

    /// Reserved page `at` becomes `page`.
    pub(super) fn fill(
        &mut self,
        task: usize,
        ring: CircularAt,
        at: u32,
        page: Page,
    ) -> Result<(), String> {
        let name = self.ring_name(ring);
        let reserved = &mut self.tasks[task].state.views[ring].reserved;
        let count = reserved.len();
        let slot = reserved.get_mut(at as usize);
        let slot =
            slot.ok_or_else(|| format!("page {at} of {name} is not among the {count} reserved"))?;
        match slot {
            Page::Empty | Page::Filled => *slot = page,
            Page::Coming | Page::Returning => {
                return Err(format!(
                    "page {at} of {name} is filled while something is on its way to it"
                ));
            }
            Page::Leaving => {
                return Err(format!("page {at} of {name} is filled while it is still sent"));
            }
        }
        Ok(())
    }

    /// Page `at` of those waited for.
    pub(super) fn waited(&self, task: usize, ring: CircularAt, at: u32) -> Result<(), String> {
        let waited = self.tasks[task].state.views[ring].waited;
        if at < waited {
            return Ok(());
        }
        let name = self.ring_name(ring);
        Err(format!("page {at} of {name} is not among the {waited} waited for"))
    }

    /// Page `at` of those waited for or, of a ring that this role fills, of those filled.
    pub(super) fn source(&self, task: usize, ring: CircularAt, at: u32) -> Result<(), String> {
        let name = self.ring_name(ring);
        match self.tasks[task].state.views[ring].reserved.get(at as usize) {
            None => self.waited(task, ring, at),
            Some(Page::Filled | Page::Leaving) => Ok(()),
            Some(Page::Empty) => Err(format!("page {at} of {name} is read, and nothing is in it")),
            Some(Page::Coming) => Err(format!("page {at} of {name} is read before a read barrier")),
            Some(Page::Returning) => {
                Err(format!("page {at} of {name} is read before a write barrier"))
            }
        }
    }

    fn each_view(&mut self, task: usize, change: impl Fn(&mut super::state::View)) {
        self.tasks[task].state.views.iter_mut().for_each(change);
    }

    fn set(
        &mut self,
        task: usize,
        core: usize,
        semaphore: SemaphoreAt,
        value: u32,
    ) -> Result<(), String> {
        let process = self.tasks[task].process();
        let done = self.cores[core].words[semaphore].set(&mut self.clocks, process, value);
        done.map_err(|race| self.race(core, semaphore, race))
    }

    fn until(&mut self, task: usize, semaphore: SemaphoreAt, value: u32) -> Result<Flow, String> {
        let (core, process) = (self.tasks[task].core, self.tasks[task].process());
        let done = self.cores[core].words[semaphore].until(&mut self.clocks, process, value);
        let done = done.map_err(|race| self.race(core, semaphore, race))?;
        Ok(if done { Flow::Done } else { Flow::Waits })
    }

    fn signal_one(
        &mut self,
        task: usize,
        semaphore: SemaphoreAt,
        area: Area,
        to: u32,
    ) -> Result<(), String> {
        let (target, process) = (self.one_core(task, area, to)?, self.tasks[task].process());
        let views = self.tasks[task].state.views.iter();
        if let Some(ring) = views.clone().position(|view| view.reserved.contains(&Page::Leaving)) {
            let name = self.ring_name(ring);
            return Err(format!("a signal follows {name} to another core before a write barrier"));
        }
        let done = self.cores[target].words[semaphore].add(&mut self.clocks, process);
        done.map_err(|race| self.race(target, semaphore, race))
    }

    /// The core at this place of the same row or column.
    fn one_core(&self, task: usize, area: Area, to: u32) -> Result<usize, String> {
        let [columns, rows] = self.step.grid;
        let [column, row] = self.cores[self.tasks[task].core].at;
        let (count, [column, row]) = match area {
            Area::Row => (columns, [to, row]),
            Area::Column => (rows, [column, to]),
        };
        if to >= count {
            return Err(format!("core {to} is meant, of {count} in the row or column"));
        }
        Ok((row * columns + column) as usize)
    }

    fn signal_all(
        &mut self,
        task: usize,
        semaphore: SemaphoreAt,
        area: Area,
    ) -> Result<(), String> {
        let core = self.tasks[task].core;
        let (name, value) =
            (&self.step.semaphores[semaphore].name, self.cores[core].words[semaphore].value);
        if value != 1 {
            return Err(format!("{name} is sent as a signal, and is {value} here, not 1"));
        }
        for other in self.others(core, area)? {
            self.set(task, other, semaphore, 1)?;
        }
        Ok(())
    }

    fn race(&self, core: usize, semaphore: SemaphoreAt, race: Race) -> String {
        let name = &self.step.semaphores[semaphore].name;
        let [column, row] = self.cores[core].at;
        let other = |process: usize| {
            let role = if process.is_multiple_of(2) { "reader" } else { "writer" };
            let [column, row] = self.cores[process / 2].at;
            format!("the {role} of core {column}, {row}")
        };
        match race {
            Race::Concurrent(process) => format!(
                "{name} of core {column}, {row} is changed, and {} may not yet be done with it",
                other(process)
            ),
            Race::Stale(process) => format!(
                "{name} of core {column}, {row} has this value even before {} sets it",
                other(process)
            ),
        }
    }
}
