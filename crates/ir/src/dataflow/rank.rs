//! Ops that put rows in order: lists of elements in L1, kept by a processor that moves data.
//!
//! ```text
//! index[m, s] = argsort[n desc](x[m, n])[s]      s < 32, a row cut in two
//!   core 0     clear, offer 0 .. 999, (waits), merge, sort -> indices, values
//!   core 1     clear, offer 1000 .. 1999, sort, deliver to core 0
//! ```
//!
//! An element is a pair of 32-bit integers: a code, which orders as the language orders
//! keys, and its index in the row, which tells equal keys apart. No two pairs are equal, so
//! the first so many pairs are one list, however a row is cut and in whatever order its
//! elements are offered.

use crate::dataflow::{BufferAt, CircularAt, Index};
use crate::tensor::Order;

/// Bytes of an element of a list.
const PAIR_BYTES: u32 = 8;
/// Lists begin at multiples of this, as transfers want it.
const LIST_ALIGNMENT: u32 = 64;
/// Bytes that are fetched around one value: the least that DRAM is read by on every chip.
pub const FETCHED_BYTES: u32 = 64;

/// An op on lists.
#[derive(Clone, Debug, PartialEq)]
pub enum Rank {
    /// Fills a list with pairs that stand after every element.
    Clear(List),
    /// Offers the first `columns` elements of a row of a tile: each that stands before the
    /// last one of the list takes its place.
    Offer {
        /// From which ring, of pages waited for.
        keys: CircularAt,
        /// Which page there.
        at: Index,
        /// Which row of the tile, 0 .. 31.
        row: Index,
        /// How many of its elements, 1 .. 32.
        columns: Index,
        /// The index in the row of the element in column 0.
        first: Index,
        /// How its bits are ordered.
        key: Key,
        /// To which list; one that is not yet in order.
        list: List,
    },
    /// Offers a list that is in order to one that is not, of as many places.
    Merge {
        /// What is offered.
        from: List,
        /// To which list.
        into: List,
    },
    /// Puts a list in order.
    Sort(List),
    /// Stores the indices of some places of a list in order as the first columns of a row of
    /// page 0 of `into`, a tile of words; its other columns become 0.
    Indices {
        /// Which places.
        places: Places,
        /// The row of the tile, 0 .. 31.
        row: Index,
        /// To which ring, of reserved pages.
        into: CircularAt,
    },
    /// Starts to read, for each of some places, the [`FETCHED_BYTES`] around the element of
    /// its index, into page 0 of `into` and those after it.
    Fetch {
        /// Which places.
        places: Places,
        /// From where.
        buffer: BufferAt,
        /// The page that has the row's first element; the others follow it.
        page: Index,
        /// The row in its tiles, 0 .. 31.
        row: Index,
        /// To which ring, of reserved pages; of the buffer's format.
        into: CircularAt,
    },
    /// Stores what was fetched for these places as [`Rank::Indices`] does with indices.
    Values {
        /// Which places: those of the last [`Rank::Fetch`].
        places: Places,
        /// The row that was fetched, which is also the row of the tile, 0 .. 31.
        row: Index,
        /// The ring of the last [`Rank::Fetch`], after a read barrier.
        from: CircularAt,
        /// To which ring, of reserved pages; of the same format.
        into: CircularAt,
    },
}

/// A list in pages of 32-bit words that are reserved.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// In which ring.
    pub ring: CircularAt,
    /// The page with which lists begin.
    pub page: Index,
    /// Which of the lists there.
    pub slot: Index,
    /// How many elements it holds.
    pub places: u32,
}

/// Places of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Places {
    /// Which list; it is in order.
    pub list: List,
    /// The first place.
    pub first: Index,
    /// How many, 1 .. 32.
    pub count: Index,
}

/// How the bits of a key are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// How many bits it has: 8, 16 or 32.
    pub bits: u32,
    /// What they are.
    pub kind: KeyKind,
    /// Which end comes first.
    pub order: Order,
}

/// What the bits of a key are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// A sign and a magnitude, of which the largest that is no NaN is `greatest`.
    Float {
        /// That of infinity, or of the largest number of a format without.
        greatest: u32,
    },
    /// Two's complement.
    Signed,
    /// Without a sign.
    Unsigned,
}

impl List {
    /// The bytes that a list of so many places takes.
    #[must_use]
    pub fn bytes(places: u32) -> u64 {
        let bytes = u64::from(places) * u64::from(PAIR_BYTES);
        bytes.next_multiple_of(LIST_ALIGNMENT.into())
    }

    /// Its numbers.
    #[must_use]
    pub fn indices(&self) -> [&Index; 2] {
        [&self.page, &self.slot]
    }
}

impl Rank {
    /// Its numbers, those of lists first.
    #[must_use]
    pub fn indices(&self) -> Vec<&Index> {
        match self {
            Self::Clear(list) | Self::Sort(list) => list.indices().to_vec(),
            Self::Offer { at, row, columns, first, list, .. } => {
                [&list.indices()[..], &[at, row, columns, first]].concat()
            }
            Self::Merge { from, into } => [from.indices(), into.indices()].concat(),
            Self::Indices { places, row, .. } | Self::Values { places, row, .. } => {
                [&places.indices()[..], &[row]].concat()
            }
            Self::Fetch { places, page, row, .. } => [&places.indices()[..], &[page, row]].concat(),
        }
    }
}

impl Places {
    fn indices(&self) -> [&Index; 4] {
        [&self.list.page, &self.list.slot, &self.first, &self.count]
    }
}
