//! The writer: offers elements to lists, and stores what the lists hold in the end.

use tilec_ir::dataflow::{Index, Move, Op, Places, Rank, Test};

use super::operands::Output;
use super::reader::{AT, TILE};
use super::{Selection, small};
use crate::dataflow::draft::Draft;
use crate::dataflow::points::lets;

/// The tile along the places.
const PLACE_TILE: &str = "place_tile";

impl Selection {
    pub(super) fn writer(&self, draft: &Draft<'_>, region: usize) -> Vec<Op> {
        let mut role = vec![Op::Reserve(self.lists.best, self.lists.tiles)];
        for &(ring, fetched) in &self.results {
            role.push(Op::Reserve(ring, 1));
            role.extend(fetched.map(|near| Op::Reserve(near, self.rings[near].tiles)));
        }
        let mut item = vec![Op::Equation(draft.plan.regions[region].covers[0])];
        item.extend(self.announce());
        let lists = 0..self.operands.rows_of_item;
        item.extend(lists.map(|slot| Op::Move(Move::Rank(Rank::Clear(self.own(slot.into()))))));
        item.extend(self.offers());
        let mut finish = self.sorted();
        finish.extend(self.results(draft));
        item.extend(self.merged(finish));
        role.extend(self.items(item));
        role
    }

    /// Offers a core's part of the rows.
    fn offers(&self) -> Vec<Op> {
        let key = &self.operands.key;
        let one_row = key.leaf.order.rows.is_empty();
        let first = Index::named(TILE) * 32;
        let length = small(self.operands.length);
        let columns = match length % 32 {
            0 => Index::from(32),
            _ => (Index::from(length) - first.clone()).min(32),
        };
        let then = self.each_row(|slot| {
            let row = if one_row { Index::from(0) } else { self.row_of_tile() + slot.clone() };
            vec![Op::Move(Move::Rank(Rank::Offer {
                keys: self.keys,
                at: Index::named(AT),
                row,
                columns: columns.clone(),
                first: first.clone(),
                key: self.operands.order,
                list: self.own(slot),
            }))]
        });
        let test = Test::Less(Index::named(TILE), Index::named("end_tile"));
        let body = vec![Op::If { test, then, otherwise: Vec::new() }];
        let block = self.cut.block;
        self.blocks(vec![
            Op::Wait(self.keys, block),
            Op::Loop {
                name: AT.to_owned(),
                count: block.into(),
                body: lets(&[(TILE.to_owned(), self.tile())], body),
            },
            Op::Pop(self.keys, block),
        ])
    }

    /// Stores the results, tile by tile along the places.
    fn results(&self, draft: &Draft<'_>) -> Vec<Op> {
        let tiles = self.operands.count.div_ceil(32);
        let body = |place_tile: &Index| -> Vec<Op> {
            let results = 0..self.results.len();
            results.flat_map(|at| self.result(draft, at, place_tile)).collect()
        };
        match tiles {
            1 => body(&Index::from(0)),
            _ => {
                let body = body(&Index::named(PLACE_TILE));
                vec![Op::Loop { name: PLACE_TILE.to_owned(), count: tiles.into(), body }]
            }
        }
    }

    fn result(&self, draft: &Draft<'_>, at: usize, place_tile: &Index) -> Vec<Op> {
        let output = &self.operands.results[at];
        let (ring, _) = self.results[at];
        let mut ops = vec![Op::Equation(output.equation)];
        let zero = [Move::Zero { into: ring, at: 0.into() }, Move::ReadBarrier].map(Op::Move);
        ops.extend(self.if_last(zero.to_vec(), Vec::new()));
        ops.extend(self.each_row(|slot| self.row(output, at, place_tile, slot)));
        let buffer = &draft.buffers[output.buffer];
        let tiles = small(buffer.tiles()[1]);
        let page = self.matrix_row(small(buffer.tiles()[0])) * tiles + place_tile.clone();
        let first = self.row_of_tile();
        let write = |rows: Index| {
            let (page, first) = (page.clone(), first.clone());
            vec![Op::Move(Move::WriteRows { buffer: output.buffer, page, first, rows, from: ring })]
        };
        let rest = Index::from(32) - first.clone();
        ops.extend(self.if_last(write(rest), write(self.operands.rows_of_item.into())));
        ops.push(Op::Move(Move::WriteBarrier));
        ops
    }

    /// One row of a result.
    fn row(&self, output: &Output, at: usize, place_tile: &Index, slot: Index) -> Vec<Op> {
        let (into, fetched) = self.results[at];
        let Self { operands, .. } = self;
        let count = match operands.count % 32 {
            0 => Index::from(32),
            _ => (Index::from(operands.count) - place_tile.clone() * 32).min(32),
        };
        let first = place_tile.clone() * 32 + operands.first;
        let places = Places { list: self.own(slot.clone()), first, count };
        let row = self.row_of_tile() + slot;
        let (Some(side), Some(from)) = (&output.from, fetched) else {
            return vec![Op::Move(Move::Rank(Rank::Indices { places, row, into }))];
        };
        vec![
            Op::Move(Move::Rank(Rank::Fetch {
                places: places.clone(),
                buffer: side.buffer,
                page: self.page(side, Index::from(0)),
                row: row.clone(),
                into: from,
            })),
            Op::Move(Move::ReadBarrier),
            Op::Move(Move::Rank(Rank::Values { places, row, from, into })),
        ]
    }

    /// The row of tiles among those of all matrices.
    fn matrix_row(&self, row_tiles: u32) -> Index {
        let place = self.counter.place(self.operands.batch.len());
        let lengths = self.operands.batch.iter();
        let matrix = lengths
            .zip(place.batch)
            .fold(Index::from(0), |matrix, (&(_, n), at)| matrix * small(n) + at);
        matrix * row_tiles + self.group() / (32 / self.operands.rows_of_item)
    }

    /// The last item of a matrix also writes what its last tiles have beyond: zeros.
    fn if_last(&self, then: Vec<Op>, otherwise: Vec<Op>) -> Vec<Op> {
        if self.operands.rows.is_multiple_of(32) {
            return otherwise;
        }
        let groups = small(self.operands.groups());
        if groups == 1 {
            return then;
        }
        let test = Test::Equal(self.group(), Index::from(groups - 1));
        vec![Op::If { test, then, otherwise }]
    }
}
