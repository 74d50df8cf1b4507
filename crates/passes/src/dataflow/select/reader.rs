//! The reader: the rows of an item, some tiles at a time.

use tilec_ir::dataflow::{Index, Move, Op};

use super::Selection;
use crate::dataflow::points::lets;

/// The counter of blocks along a row, and of tiles in a block.
pub(super) const BLOCK: &str = "block";
pub(super) const AT: &str = "at";
/// The tile along a row.
pub(super) const TILE: &str = "tile";

impl Selection {
    pub(super) fn reader(&self) -> Vec<Op> {
        let block = self.cut.block;
        // Beyond the last tile, that one is read again: blocks are of one size.
        let last = Index::from(self.operands.tiles() - 1);
        let tile = self.tile().min(last);
        let body = lets(&[(TILE.to_owned(), tile)], vec![Op::Move(self.read())]);
        self.items(self.blocks(vec![
            Op::Reserve(self.keys, block),
            Op::Loop { name: AT.to_owned(), count: block.into(), body },
            Op::Move(Move::ReadBarrier),
            Op::Push(self.keys, block),
        ]))
    }

    fn read(&self) -> Move {
        let key = &self.operands.key;
        let one_row = key.leaf.order.rows.is_empty();
        Move::ReadRows {
            buffer: key.buffer,
            page: self.page(key, Index::named(TILE)),
            first: if one_row { Index::from(0) } else { self.row_of_tile() },
            rows: self.operands.rows_of_item,
            into: self.keys,
            at: Index::named(AT),
        }
    }

    /// Ops for every block of a core's part of a row.
    pub(super) fn blocks(&self, body: Vec<Op>) -> Vec<Op> {
        let block = self.cut.block;
        let tiles = Index::named("end_tile") - Index::named("first_tile");
        let count = (tiles + (block - 1)) / block;
        vec![Op::Loop { name: BLOCK.to_owned(), count, body }]
    }

    /// The tile along a row.
    pub(super) fn tile(&self) -> Index {
        Index::named("first_tile") + Index::named(BLOCK) * self.cut.block + Index::named(AT)
    }
}
