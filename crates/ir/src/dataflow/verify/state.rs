//! What a role knows by itself on one core: the pages that it holds of each ring, and
//! how the compute role has set up its units.

use crate::dataflow::CircularAt;

/// A reserved page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Page {
    /// Nobody has filled it.
    Empty,
    /// Something is on its way that a read barrier waits for.
    Coming,
    /// A multicast of this core's own is on its way, that a write barrier waits for.
    Returning,
    /// It holds what is on its way elsewhere, which a write barrier waits for.
    Leaving,
    /// It may be pushed.
    Filled,
}

/// A ring as one role sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct View {
    /// Pages that are reserved and not yet pushed.
    pub(super) reserved: Vec<Page>,
    /// Where the next page is packed that names no place.
    pub(super) next: u32,
    /// Pages that were waited for and are not yet popped.
    pub(super) waited: u32,
    /// Whether pages waited for are being sent.
    pub(super) sending: bool,
}

/// Where the compute role is between acquiring a section of DST and releasing it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// It has none.
    #[default]
    Free,
    /// It computes.
    Acquired,
    /// The packer may have it.
    Committed,
    /// The packer has it.
    Packing,
}

/// What the unpacker is set up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Unpack {
    Multiply { a: CircularAt, b: CircularAt, transpose: bool, block: [u32; 3] },
    Copy(CircularAt),
}

/// The units of the compute role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Units {
    pub(super) phase: Phase,
    /// Tiles of DST that were written since it was acquired, as bits.
    pub(super) written: u32,
    pub(super) unpack: Option<Unpack>,
    pub(super) pack: Option<CircularAt>,
    pub(super) adds: bool,
}

/// What a role knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) views: Vec<View>,
    pub(super) units: Units,
}

impl State {
    pub(super) fn new(rings: usize) -> Self {
        Self { views: vec![View::default(); rings], units: Units::default() }
    }
}

impl View {
    /// Pages of one kind become those of another.
    pub(super) fn turn(&mut self, from: Page, into: Page) {
        for page in self.reserved.iter_mut().filter(|page| **page == from) {
            *page = into;
        }
    }
}
