//! Work that is known when a step runs: tables in DRAM say what there is to do, and every
//! core makes the list of its part.
//!
//! ```text
//! group    0 0 0 2 2 . .    the group of every tile of rows
//! filled  32 32 9 32 1 0 0  how many rows it has: 0 behind the last tile
//!
//! 3 columns of blocks, 2 cores: item = column * 5 + tile, and core 0 has items 0 .. 8
//!   runs 3                  of one group and one column each
//!     group 0, first 0, length 3, column 0
//!     group 2, first 3, length 2, column 0
//!     group 0, first 0, length 3, column 1
//! ```
//!
//! A list is words in L1: how many runs there are, and from [`RUN_WORDS`] on each run. Roles
//! [learn](super::Op::Learn) numbers from it. All cores have as many items, or one more.

use super::{BufferAt, CircularAt, Index};

/// Words of a run, and of what stands before the first one.
pub const RUN_WORDS: u32 = 4;
/// Bytes of the elements in one row of a tile of words, as a table fetches them.
const ROW_BYTES: u64 = 128;

/// An op on work lists.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Starts to read a table, a vector of words of which every page has 32, to the begin of
    /// page 0 of `into`, one element after the other.
    Fetch {
        /// From where.
        table: BufferAt,
        /// To which ring, of reserved pages.
        into: CircularAt,
    },
    /// Makes the list of this core.
    Deal(Deal),
}

/// What a list is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Deal {
    /// The ring that holds the groups of tiles.
    pub groups: CircularAt,
    /// The ring that holds the rows of tiles; `None` is that all of them have some.
    pub filled: Option<CircularAt>,
    /// The most tiles that there are.
    pub tiles: u32,
    /// The number of groups: what names another is taken for the last one.
    pub most_groups: u32,
    /// Blocks of columns of every tile.
    pub columns: u32,
    /// The number of this core.
    pub core: Index,
    /// How many cores there are.
    pub cores: u32,
    /// Where the list goes, to reserved pages of each of these.
    pub into: Vec<CircularAt>,
}

/// A part of a list: tiles in a row that have a group in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Their group.
    pub group: u32,
    /// The first of them.
    pub first: u32,
    /// How many they are.
    pub length: u32,
    /// The block of columns.
    pub column: u32,
}

impl Work {
    /// Its numbers.
    #[must_use]
    pub fn indices(&self) -> Vec<&Index> {
        match self {
            Self::Fetch { .. } => Vec::new(),
            Self::Deal(deal) => vec![&deal.core],
        }
    }

    /// The rings that it fills.
    #[must_use]
    pub fn filled(&self) -> Vec<CircularAt> {
        match self {
            Self::Fetch { into, .. } => vec![*into],
            Self::Deal(deal) => deal.into.clone(),
        }
    }

    /// The rings that it reads.
    #[must_use]
    pub fn read(&self) -> Vec<CircularAt> {
        match self {
            Self::Fetch { .. } => Vec::new(),
            Self::Deal(deal) => [deal.groups].into_iter().chain(deal.filled).collect(),
        }
    }
}

impl Deal {
    /// The words that the list of a core takes at most.
    #[must_use]
    pub fn most_words(&self) -> u64 {
        let items = u64::from(self.tiles) * u64::from(self.columns);
        (1 + items.div_ceil(self.cores.max(1).into())) * u64::from(RUN_WORDS)
    }

    /// The list of a core, by the tables' elements.
    #[must_use]
    pub fn runs(&self, core: u32, group: impl Fn(u32) -> u32, tiles: u32) -> Vec<Run> {
        let items = u64::from(tiles) * u64::from(self.columns);
        let (each, more) = (items / u64::from(self.cores), items % u64::from(self.cores));
        let begin = |core: u32| each * u64::from(core) + more.min(core.into());
        let (mut item, end) = (begin(core), begin(core + 1));
        let group = |tile: u32| group(tile).min(self.most_groups.saturating_sub(1));
        let mut runs: Vec<Run> = Vec::new();
        while item < end {
            let at = |of: u64| u32::try_from(of).expect("tiles and columns have 32 bits");
            let (tile, column) = (at(item % u64::from(tiles)), at(item / u64::from(tiles)));
            match runs.last_mut() {
                Some(run) if run.column == column && run.group == group(tile) => run.length += 1,
                _ => runs.push(Run { group: group(tile), first: tile, length: 1, column }),
            }
            item += 1;
        }
        runs
    }

    /// Lists as words.
    #[must_use]
    pub fn words(runs: &[Run]) -> Vec<u32> {
        let count = u32::try_from(runs.len()).expect("there are fewer runs than tiles");
        let run = |run: &Run| [run.group, run.first, run.length, run.column];
        [count, 0, 0, 0].into_iter().chain(runs.iter().flat_map(run)).collect()
    }
}

/// The bytes that a table of so many elements takes in L1.
#[must_use]
pub fn table_bytes(elements: u64) -> u64 {
    elements.div_ceil(32) * ROW_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deal(columns: u32, cores: u32) -> Deal {
        let (filled, core, into) = (None, Index::from(0), vec![1]);
        Deal { groups: 0, filled, tiles: 7, most_groups: 3, columns, core, cores, into }
    }

    #[test]
    fn cores_share_items_evenly_and_in_runs() {
        let groups = [0, 0, 0, 2, 2];
        let runs = |core| deal(3, 2).runs(core, |tile| groups[tile as usize], 5);
        let run = |group, first, length, column| Run { group, first, length, column };
        assert_eq!(runs(0), [run(0, 0, 3, 0), run(2, 3, 2, 0), run(0, 0, 3, 1)]);
        assert_eq!(runs(1), [run(2, 3, 2, 1), run(0, 0, 3, 2), run(2, 3, 2, 2)]);
        assert_eq!(Deal::words(&runs(0))[..6], [3, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn no_item_is_left_out_and_none_is_done_twice() {
        for (columns, cores, tiles) in [(1, 1, 1), (1, 64, 7), (5, 3, 7), (2, 4, 0), (4, 130, 6)] {
            let deal = deal(columns, cores);
            let of_core = |core| deal.runs(core, |tile| tile * 9, tiles);
            let items = |run: Run| (0..run.length).map(move |at| (run.column, run.first + at));
            let found: Vec<_> = (0..cores).flat_map(of_core).flat_map(items).collect();
            let all = (0..columns).flat_map(|column| (0..tiles).map(move |tile| (column, tile)));
            assert_eq!(found, all.collect::<Vec<_>>());
            let most = (0..cores).map(|core| of_core(core).iter().map(|x| x.length).sum::<u32>());
            assert!(most.max().unwrap() <= (columns * tiles).div_ceil(cores));
        }
    }
}
