//! The lists of a core: its own, and those that others send it.

use tilec_ir::dataflow::{Area, Circular, CircularAt, Format, Index, List, SemaphoreAt};

use super::operands::Operands;
use super::{Selection, small};

/// The lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    /// The ring of a core's own, one for each row of an item.
    pub(super) best: CircularAt,
    /// How many pages these take.
    pub(super) tiles: u32,
    /// What arrives along the cores of a row, then down those of a column.
    pub(super) levels: Vec<Level>,
}

/// Lists that cores of a row or column send to the first one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    pub(super) area: Area,
    /// How many cores send.
    pub(super) senders: u32,
    pub(super) ring: CircularAt,
    /// Tells a sender that its pages are free.
    pub(super) ready: SemaphoreAt,
    /// Counts what arrived.
    pub(super) arrived: SemaphoreAt,
}

/// Pages for the lists of an item.
pub(super) fn list_tiles(operands: &Operands) -> u32 {
    let bytes = u64::from(operands.rows_of_item) * List::bytes(operands.places());
    small(bytes.div_ceil(Format::Word.tile_bytes().into()))
}

impl Selection {
    pub(super) fn name_lists(&mut self) {
        let tiles = list_tiles(&self.operands);
        let like = |tiles, holds: &str| Circular {
            name: String::new(),
            format: Format::Word,
            tiles,
            holds: holds.to_owned(),
        };
        let best = self.ring("best", like(tiles, "the first elements so far: codes, indices"));
        let mut levels = Vec::new();
        let areas = [(Area::Row, "row"), (Area::Column, "column")];
        for ((area, name), parts) in areas.into_iter().zip(self.cut.parts) {
            if parts == 1 {
                continue;
            }
            let senders = parts - 1;
            let holds = format!("lists of the other cores of a {name}");
            let all = tiles.saturating_mul(senders);
            let ring = self.ring(&format!("{name}_lists"), like(all, &holds));
            let ready = self.semaphore(&format!("{name}_ready"));
            let arrived = self.semaphore(&format!("{name}_arrived"));
            levels.push(Level { area, senders, ring, ready, arrived });
        }
        self.lists = Lists { best, tiles, levels };
    }

    /// A core's own list of a row of an item.
    pub(super) fn own(&self, slot: Index) -> List {
        self.list(self.lists.best, Index::from(0), slot)
    }

    pub(super) fn list(&self, ring: CircularAt, page: Index, slot: Index) -> List {
        List { ring, page, slot, places: self.operands.places() }
    }
}

impl Level {
    /// The position of a core among those that share a row or column.
    pub(super) fn position(&self) -> Index {
        match self.area {
            Area::Row => Index::CoreColumn,
            Area::Column => Index::CoreRow,
        }
    }
}
