//! Ops of the reader and the writer: pages between DRAM and L1, and from core to core.

use super::elements::{Elements, Table};
use super::index::Index;
use super::rank::Rank;
use super::work::Work;
use super::{BufferAt, CircularAt, SemaphoreAt};

/// An op of the reader or the writer.
#[derive(Clone, Debug, PartialEq)]
pub enum Move {
    /// Starts to read a page into reserved page `at`.
    Read {
        /// From where.
        buffer: BufferAt,
        /// Which page.
        page: Index,
        /// To which ring; of the same format.
        into: CircularAt,
        /// Which of the reserved pages.
        at: Index,
    },
    /// Starts to read `rows` rows of a page, from a multiple of `rows` on, into the same place
    /// of reserved page `at`, whose other rows hold anything.
    ReadRows {
        /// From where.
        buffer: BufferAt,
        /// Which page.
        page: Index,
        /// The first row.
        first: Index,
        /// How many: a power of two up to 16.
        rows: u32,
        /// To which ring; of the same format.
        into: CircularAt,
        /// Which of the reserved pages.
        at: Index,
    },
    /// Fills reserved page `at` with zeros: a tile beyond the edge of its matrix.
    Zero {
        /// Of which ring.
        into: CircularAt,
        /// Which of the reserved pages.
        at: Index,
    },
    /// Waits until all reads are done. Stands between reads and their push.
    ReadBarrier,
    /// Starts to write page `at` of those waited for.
    Write {
        /// To where.
        buffer: BufferAt,
        /// Which page.
        page: Index,
        /// From which ring; of the same format.
        from: CircularAt,
        /// Which of the pages waited for.
        at: Index,
    },
    /// Starts to write some rows of page 0 of those reserved to the same rows of a page in
    /// DRAM, of which each row is written once.
    WriteRows {
        /// To where.
        buffer: BufferAt,
        /// Which page.
        page: Index,
        /// The first row.
        first: Index,
        /// How many.
        rows: Index,
        /// From which ring; of the same format.
        from: CircularAt,
    },
    /// Waits until all writes are done. Stands between writes and their pop.
    WriteBarrier,
    /// Copies column `column` of a tile of 32-bit words (reserved or waited-for page
    /// `at` of `from`) into column 0 of reserved page `to` of `into`, which has the same
    /// format; other columns keep what they hold.
    Column {
        /// From which ring.
        from: CircularAt,
        /// Which page there.
        at: Index,
        /// Which column, 0 .. 31.
        column: Index,
        /// To which ring.
        into: CircularAt,
        /// Which page there.
        to: Index,
    },
    /// Sends `tiles` pages from the first reserved (or, of another ring, waited-for) pages
    /// of `from` to the first reserved pages of `into`, at all other cores of the
    /// same row or column, which have reserved them too; with `own`, also at this core.
    /// Stands before a [`Move::SignalAll`], which arrives after it.
    Multicast {
        /// From which ring of this core.
        from: CircularAt,
        /// To which ring of the others.
        into: CircularAt,
        /// How many pages.
        tiles: u32,
        /// Whom it reaches.
        area: Area,
        /// Whether it also reaches this core; `from` differs from `into` then.
        own: bool,
    },
    /// Sends the first `tiles` reserved pages of `from` to one other core of the same row or
    /// column, into reserved pages `at ..` of `into`. A [`Move::WriteBarrier`] stands
    /// before the [`Move::SignalOne`] that tells so.
    Deliver {
        /// From which ring of this core.
        from: CircularAt,
        /// To which ring of the other, of the same format.
        into: CircularAt,
        /// The first page there.
        at: Index,
        /// How many pages.
        tiles: u32,
        /// Along what `to` counts.
        area: Area,
        /// The position of the core in the row (its column) or in the column (its row).
        to: Index,
    },
    /// Puts elements in order.
    Rank(Rank),
    /// Makes a list of work that tables tell.
    Work(Work),
    /// Begins to keep pages of a table; none is in L1 yet.
    Open(Table),
    /// Computes a page element by element.
    Elements(Elements),
    /// Sets this core's semaphore.
    Set(SemaphoreAt, u32),
    /// Waits until this core's semaphore has this value.
    Until(SemaphoreAt, u32),
    /// Adds 1 to the semaphore of the core at this place of the same row or column.
    SignalOne {
        /// Which semaphore.
        semaphore: SemaphoreAt,
        /// Along what `to` counts.
        area: Area,
        /// The position of the core in the row (its column) or in the column (its row).
        to: Index,
    },
    /// Sets the semaphore of all other cores of the row or column to 1. This core's own must
    /// be 1, since its word is what is sent.
    SignalAll {
        /// Which semaphore.
        semaphore: SemaphoreAt,
        /// Whom it reaches.
        area: Area,
    },
}

/// The cores that share something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Area {
    /// The other cores of the same row of the rectangle.
    Row,
    /// The other cores of the same column.
    Column,
}

impl Move {
    /// The numbers that it uses, in a fixed order.
    #[must_use]
    pub fn indices(&self) -> Vec<&Index> {
        match self {
            Self::Read { page, at, .. } | Self::Write { page, at, .. } => vec![page, at],
            Self::ReadRows { page, first, at, .. } => vec![page, first, at],
            Self::WriteRows { page, first, rows, .. } => vec![page, first, rows],
            Self::Zero { at, .. } => vec![at],
            Self::Column { at, column, to, .. } => vec![at, column, to],
            Self::Deliver { at, to, .. } => vec![at, to],
            Self::SignalOne { to, .. } => vec![to],
            Self::Rank(op) => op.indices(),
            Self::Work(op) => op.indices(),
            Self::Elements(elements) => vec![&elements.page],
            Self::ReadBarrier
            | Self::WriteBarrier
            | Self::Multicast { .. }
            | Self::Open(_)
            | Self::Set(..)
            | Self::Until(..)
            | Self::SignalAll { .. } => Vec::new(),
        }
    }

    /// The buffer that it reads or writes, and the ring on the other side.
    #[must_use]
    pub fn buffer(&self) -> Option<(BufferAt, CircularAt)> {
        match *self {
            Self::Read { buffer, into: ring, .. }
            | Self::ReadRows { buffer, into: ring, .. }
            | Self::Write { buffer, from: ring, .. }
            | Self::WriteRows { buffer, from: ring, .. }
            | Self::Open(Table { buffer, ring })
            | Self::Elements(Elements { buffer, into: ring, .. })
            | Self::Rank(Rank::Fetch { buffer, into: ring, .. })
            | Self::Work(Work::Fetch { table: buffer, into: ring }) => Some((buffer, ring)),
            Self::Zero { .. }
            | Self::ReadBarrier
            | Self::WriteBarrier
            | Self::Column { .. }
            | Self::Multicast { .. }
            | Self::Deliver { .. }
            | Self::Rank(_)
            | Self::Work(_)
            | Self::Set(..)
            | Self::Until(..)
            | Self::SignalOne { .. }
            | Self::SignalAll { .. } => None,
        }
    }

    /// The buffers that it names, to be changed.
    pub fn buffers_mut(&mut self) -> Vec<&mut BufferAt> {
        match self {
            Self::Elements(Elements { tables, buffer, .. }) => {
                tables.iter_mut().map(|table| &mut table.buffer).chain([buffer]).collect()
            }
            Self::Read { buffer, .. }
            | Self::ReadRows { buffer, .. }
            | Self::Write { buffer, .. }
            | Self::WriteRows { buffer, .. }
            | Self::Open(Table { buffer, .. })
            | Self::Rank(Rank::Fetch { buffer, .. })
            | Self::Work(Work::Fetch { table: buffer, .. }) => vec![buffer],
            Self::Zero { .. }
            | Self::ReadBarrier
            | Self::WriteBarrier
            | Self::Column { .. }
            | Self::Multicast { .. }
            | Self::Deliver { .. }
            | Self::Rank(_)
            | Self::Work(_)
            | Self::Set(..)
            | Self::Until(..)
            | Self::SignalOne { .. }
            | Self::SignalAll { .. } => Vec::new(),
        }
    }
}
