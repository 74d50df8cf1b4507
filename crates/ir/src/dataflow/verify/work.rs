//! Work lists. What tables hold is not known here: every tile has rows, and groups ascend from
//! the first to the last one, so that every page that a list can name is named. That lists
//! with fewer tiles or other groups are as good is what [`learnt`](super::learnt) is for.

use crate::dataflow::{CircularAt, Deal, Work, table_bytes};

use super::machine::{COMPUTE, Machine, Numbers};
use super::state::Page;

impl Machine<'_> {
    pub(super) fn work(&mut self, task: usize, op: &Work, numbers: Numbers) -> Result<(), String> {
        match op {
            Work::Fetch { table, into } => {
                let buffer = &self.program.buffers[*table];
                if buffer.extent[..2] != [1, 1] {
                    return Err(format!("{} is no vector", buffer.name));
                }
                let (pages, bytes) = (buffer.pages(), table_bytes(buffer.extent[2]));
                for page in 0..u32::try_from(pages).unwrap_or(u32::MAX) {
                    self.pages.read(self.program, self.at, *table, page)?;
                }
                let core = self.tasks[task].core;
                self.cores[core].counts.dram_read += bytes;
                self.fill_bytes(task, *into, bytes, Page::Coming)
            }
            Work::Deal(deal) => self.deal(task, deal, numbers[0]),
        }
    }

    fn deal(&mut self, task: usize, deal: &Deal, core: u32) -> Result<(), String> {
        let Deal { tiles, most_groups, cores, .. } = *deal;
        if core >= cores || most_groups == 0 {
            return Err(format!("core {core} of {cores} has no part of {most_groups} groups"));
        }
        let tables = [deal.groups].into_iter().chain(deal.filled);
        for table in tables {
            let pages = self.pages_for(table, table_bytes(tiles.into()));
            (0..pages).try_for_each(|page| self.source(task, table, page))?;
        }
        let last = u64::from(tiles.max(2) - 1);
        let group = |tile: u32| u64::from(tile) * u64::from(most_groups - 1) / last;
        let group = |tile: u32| u32::try_from(group(tile)).expect("below the number of groups");
        let words = Deal::words(&deal.runs(core, group, tiles));
        for &list in &deal.into {
            self.fill_bytes(task, list, 4 * deal.most_words(), Page::Filled)?;
            let core = self.tasks[task].core;
            self.cores[core].lists.insert(list, words.clone());
        }
        Ok(())
    }

    /// A word of a list.
    pub(super) fn learn(&self, task: usize, list: CircularAt, word: u32) -> Result<u32, String> {
        let page = word / self.words_of_page(list);
        match self.tasks[task].role {
            COMPUTE => self.waited(task, list, page)?,
            _ => self.source(task, list, page)?,
        }
        let words = self.cores[self.tasks[task].core].lists.get(&list);
        let word = words.and_then(|words| words.get(word as usize));
        word.copied().ok_or_else(|| format!("{} holds no list of that word", self.ring_name(list)))
    }

    fn words_of_page(&self, ring: CircularAt) -> u32 {
        self.step.circular[ring].format.tile_bytes() / 4
    }

    fn pages_for(&self, ring: CircularAt, bytes: u64) -> u32 {
        let page = u64::from(self.step.circular[ring].format.tile_bytes());
        u32::try_from(bytes.div_ceil(page)).unwrap_or(u32::MAX)
    }

    /// The first pages become `page`, as many as so many bytes take.
    fn fill_bytes(
        &mut self,
        task: usize,
        ring: CircularAt,
        bytes: u64,
        page: Page,
    ) -> Result<(), String> {
        (0..self.pages_for(ring, bytes)).try_for_each(|at| self.fill(task, ring, at, page))
    }
}
