//! Multicasts: pages that appear in the reserved pages of other cores.

use crate::dataflow::budget::plural;
use crate::dataflow::{Area, CircularAt};

use super::machine::{Machine, Task};
use super::state::Page;

impl Machine<'_> {
    /// Sends pages to the same role of the other cores of a row or column.
    pub(super) fn multicast(
        &mut self,
        task: usize,
        from: CircularAt,
        into: CircularAt,
        tiles: u32,
        area: Area,
        own: bool,
    ) -> Result<(), String> {
        let core = self.tasks[task].core;
        let bytes = u64::from(tiles) * u64::from(self.step.circular[from].format.tile_bytes());
        for at in 0..tiles {
            self.source(task, from, at)?;
        }
        if self.tasks[task].state.views[from].reserved.is_empty() {
            self.tasks[task].state.views[from].sending = true;
        }
        if own {
            if from == into {
                return Err("pages are sent to where they are".to_owned());
            }
            for at in 0..tiles {
                self.fill(task, into, at, Page::Returning)?;
            }
            self.cores[core].counts.received += bytes;
        }
        for other in self.others(core, area)? {
            self.land(task, other, into, tiles)?;
            self.cores[other].counts.received += bytes;
        }
        self.cores[core].counts.sent += bytes;
        Ok(())
    }

    /// Pages of `task` arrive at another core, whose same role must have reserved them, in
    /// the same place of the ring, before `task` was told so.
    fn land(
        &mut self,
        task: usize,
        other: usize,
        into: CircularAt,
        tiles: u32,
    ) -> Result<(), String> {
        let Task { core, role, .. } = self.tasks[task];
        let name = self.ring_name(into);
        let [column, row] = self.cores[other].at;
        let capacity = u64::from(self.step.circular[into].tiles);
        let process = self.tasks[task].process();
        let receiver = &mut self.tasks[3 * other + role].state.views[into].reserved;
        let ring = &self.cores[other].rings[into];
        let told = ring.reserved.is_some_and(|moment| self.clocks.follows(process, moment));
        if receiver.len() < tiles as usize || !told {
            let found = if told { "and has not reserved them" } else { "and has not said so" };
            return Err(format!(
                "core {column}, {row} gets {} of {name}, {found}",
                plural(tiles.into(), "page")
            ));
        }
        if ring.pushed % capacity != self.cores[core].rings[into].pushed % capacity {
            return Err(format!(
                "core {column}, {row} is at another place of {name} than this core"
            ));
        }
        if receiver[..tiles as usize].iter().any(|page| *page != Page::Empty) {
            return Err(format!("core {column}, {row} has already filled its pages of {name}"));
        }
        receiver[..tiles as usize].fill(Page::Filled);
        let now = self.clocks.now(process);
        self.cores[other].rings[into].landed.push(now);
        Ok(())
    }

    /// What multicasts put into a ring must be known to who pushes it.
    pub(super) fn arrived(&mut self, task: usize, ring: CircularAt) -> Result<(), String> {
        let Task { core, .. } = self.tasks[task];
        let landed = std::mem::take(&mut self.cores[core].rings[ring].landed);
        let process = self.tasks[task].process();
        match landed.into_iter().find(|&moment| !self.clocks.follows(process, moment)) {
            None => Ok(()),
            Some(moment) => {
                let [column, row] = self.cores[moment.process / 2].at;
                let name = self.ring_name(ring);
                Err(format!(
                    "{name} is pushed before core {column}, {row} says that its pages have arrived"
                ))
            }
        }
    }

    /// The other cores of the row or column.
    pub(super) fn others(&self, core: usize, area: Area) -> Result<Vec<usize>, String> {
        let [columns, rows] = self.step.grid;
        let [column, row] = self.cores[core].at;
        let places: Vec<[u32; 2]> = match area {
            Area::Row => (0..columns).filter(|&x| x != column).map(|x| [x, row]).collect(),
            Area::Column => (0..rows).filter(|&x| x != row).map(|x| [column, x]).collect(),
        };
        if places.is_empty() {
            return Err("it reaches no core".to_owned());
        }
        Ok(places.into_iter().map(|[column, row]| (row * columns + column) as usize).collect())
    }
}
