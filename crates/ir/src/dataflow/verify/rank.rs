//! Ops on lists: each reads what was filled, and stays within its pages and tiles.

use crate::dataflow::{FETCHED_BYTES, List, Places, Rank};

use super::machine::{Machine, Numbers};
use super::state::Page;

impl Machine<'_> {
    pub(super) fn rank(&mut self, task: usize, op: &Rank, numbers: Numbers) -> Result<(), String> {
        let [a, b, c, d, e, f] = numbers;
        match op {
            Rank::Clear(list) => self.store(task, list, [a, b]),
            Rank::Sort(list) => self.kept(task, list, [a, b]),
            Rank::Offer { keys, list, .. } => {
                let [at, row, columns] = [c, d, e];
                self.waited(task, *keys, at)?;
                row_of_tile(row)?;
                some_columns(columns)?;
                f.checked_add(columns).ok_or("indices leave 32 bits")?;
                self.kept(task, list, [a, b])
            }
            Rank::Merge { from, into } => {
                self.arrived(task, from.ring)?;
                if from.places != into.places {
                    return Err("lists of different lengths are merged".to_owned());
                }
                self.kept(task, from, [a, b])?;
                self.kept(task, into, [c, d])
            }
            Rank::Indices { places, into, .. } => {
                self.places(task, places, [a, b, c, d])?;
                row_of_tile(e)?;
                self.fill(task, *into, 0, Page::Filled)
            }
            Rank::Fetch { places, buffer, into, .. } => {
                self.places(task, places, [a, b, c, d])?;
                row_of_tile(f)?;
                self.pages.read(self.program, self.at, *buffer, e)?;
                let core = self.tasks[task].core;
                self.cores[core].counts.dram_read += u64::from(d) * u64::from(FETCHED_BYTES);
                self.fetched(*into, d).try_for_each(|at| self.fill(task, *into, at, Page::Coming))
            }
            Rank::Values { places, from, into, .. } => {
                self.places(task, places, [a, b, c, d])?;
                row_of_tile(e)?;
                self.fetched(*from, d).try_for_each(|at| self.source(task, *from, at))?;
                self.fill(task, *into, 0, Page::Filled)
            }
        }
    }

    /// The pages of a list at `[page, slot]`.
    fn pages_of(&self, list: &List, [page, slot]: [u32; 2]) -> std::ops::RangeInclusive<u32> {
        let tile = u64::from(self.step.circular[list.ring].format.tile_bytes());
        let begin = u64::from(slot) * List::bytes(list.places);
        let last = (begin + List::bytes(list.places)).saturating_sub(1);
        let at = |byte: u64| page.saturating_add(u32::try_from(byte / tile).unwrap_or(u32::MAX));
        at(begin)..=at(last)
    }

    /// The pages that so many fetched values take.
    fn fetched(&self, ring: usize, count: u32) -> std::ops::Range<u32> {
        0..(count * FETCHED_BYTES).div_ceil(self.step.circular[ring].format.tile_bytes())
    }

    /// Fills the pages of a list.
    fn store(&mut self, task: usize, list: &List, at: [u32; 2]) -> Result<(), String> {
        if list.places == 0 {
            return Err("a list has no places".to_owned());
        }
        self.pages_of(list, at).try_for_each(|page| self.fill(task, list.ring, page, Page::Filled))
    }

    /// Reads and changes the pages of a list.
    fn kept(&mut self, task: usize, list: &List, at: [u32; 2]) -> Result<(), String> {
        self.pages_of(list, at).try_for_each(|page| self.source(task, list.ring, page))?;
        self.store(task, list, at)
    }

    fn places(&self, task: usize, places: &Places, numbers: [u32; 4]) -> Result<(), String> {
        let [page, slot, first, count] = numbers;
        let list = &places.list;
        some_columns(count)?;
        if first.saturating_add(count) > list.places {
            let most = list.places;
            return Err(format!("places {first} .. {} of a list of {most}", first + count));
        }
        self.pages_of(list, [page, slot]).try_for_each(|page| self.source(task, list.ring, page))
    }
}

fn row_of_tile(row: u32) -> Result<(), String> {
    if row < 32 { Ok(()) } else { Err(format!("a tile has 32 rows, and {row} is none of them")) }
}

fn some_columns(count: u32) -> Result<(), String> {
    let fits = (1..=32).contains(&count);
    if fits { Ok(()) } else { Err(format!("{count} elements are of no row of a tile")) }
}
