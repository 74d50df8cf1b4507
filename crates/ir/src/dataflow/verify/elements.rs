//! Elements that are computed one by one: from tables that are open and whose pages are all
//! there, since which of them are read is data.

use crate::dataflow::{BufferAt, Elements, MOST_HELD, Table};

use super::machine::Machine;
use super::state::Page;

impl Machine<'_> {
    /// What of a table is read is data; it is counted as all of it, once.
    pub(super) fn open(&mut self, task: usize, table: Table) -> Result<(), String> {
        let Table { buffer, ring } = table;
        let (name, tiles) = (self.ring_name(ring), self.step.circular[ring].tiles);
        let reserved = self.tasks[task].state.views[ring].reserved.len();
        if reserved != tiles as usize || !(2..=MOST_HELD + 1).contains(&tiles) {
            return Err(format!(
                "a table is kept in all of {name}, of which {reserved} pages of {tiles} are reserved"
            ));
        }
        self.pages.read_any(self.program, self.at, buffer)?;
        (0..tiles).try_for_each(|page| self.fill(task, ring, page, Page::Filled))?;
        let core = &mut self.cores[self.tasks[task].core];
        core.counts.dram_read += bytes(self.program, buffer);
        core.open.insert(ring, buffer);
        Ok(())
    }

    pub(super) fn elements(
        &mut self,
        task: usize,
        elements: &Elements,
        page: u32,
    ) -> Result<(), String> {
        let Elements { ref made, ref tables, buffer, into, .. } = *elements;
        let core = &self.cores[self.tasks[task].core];
        if let Some(table) = tables.iter().find(|x| core.open.get(&x.ring) != Some(&x.buffer)) {
            let name = &self.program.buffers[table.buffer].name;
            return Err(format!("elements of {name} are read, and no such table is open"));
        }
        let target = &self.program.buffers[buffer];
        if u64::from(page) >= target.pages() {
            return Err(format!("{} has no page {page}", target.name));
        }
        let same = |table: &Table| self.program.buffers[table.buffer].tensor == target.tensor;
        let fits = match made.equation() {
            Some(at) => self.program.plan.kernel.equations[at].tensor == target.tensor,
            None => tables.len() == 1 && tables.iter().all(same),
        };
        let sides = [&target.rows, &target.columns];
        if let Some(dim) = made.along().filter(|dim| !sides.contains(&&vec![*dim])) {
            return Err(format!("dimension {dim} of {} is no side of its pages", target.name));
        }
        if !fits {
            return Err(format!("{} holds another tensor than is made", target.name));
        }
        self.fill(task, into, 0, Page::Filled)
    }
}

fn bytes(program: &crate::dataflow::Program, buffer: BufferAt) -> u64 {
    let buffer = &program.buffers[buffer];
    buffer.pages().saturating_mul(buffer.format.tile_bytes().into())
}
