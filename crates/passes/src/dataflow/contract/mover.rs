//! The data movement roles: the reader brings `a` and what the epilogue reads, the writer
//! brings `b` and stores results.

use tilec_ir::dataflow::{Index, Move, Op, Test};

use super::block::{Block, blocks, each, when};
use super::cut::Cut;
use super::listed::{Walk, Worker, keeps_b};
use super::load::{Load, reaches_over, read};
use super::operand::Side;
use super::product::Product;
use super::rings::{Use, input_tiles, is_streamed};
use super::step::Numbers;
use crate::dataflow::vector::Place;

/// What the two data movement roles work on.
pub(super) struct Mover<'a> {
    pub(super) product: &'a Product,
    pub(super) cut: &'a Cut,
    pub(super) numbers: &'a Numbers,
}

impl Mover<'_> {
    fn load(&self, side: Side) -> Load<'_> {
        let Self { product, cut, numbers } = *self;
        Load { product, cut, numbers, side }
    }

    /// All that the reader does.
    pub(super) fn reader(&self) -> Vec<Op> {
        let Some(listed) = self.product.listed else {
            return blocks(self.product, self.cut, |block| self.reads(block));
        };
        let before = |block: &Block| {
            let load = self.load(Side::B);
            let kept = keeps_b(self.product, self.cut);
            [if kept { load.blocks(block) } else { vec![] }, vec![]]
        };
        self.walk(Worker::Reader).runs(listed, |block| self.reads(block), before)
    }

    /// All that the writer does.
    pub(super) fn writer(&self) -> Vec<Op> {
        let Some(listed) = self.product.listed else {
            return blocks(self.product, self.cut, |block| self.writes(block));
        };
        let nothing = |_: &Block| [vec![], vec![]];
        self.walk(Worker::Writer).runs(listed, |block| self.writes(block), nothing)
    }

    fn walk(&self, role: Worker) -> Walk<'_> {
        let Self { product, cut, numbers } = *self;
        Walk { product, cut, numbers, role }
    }

    /// The reader: blocks of `a`, then what the epilogue reads.
    fn reads(&self, block: &Block) -> Vec<Op> {
        let mut ops = self.load(Side::A).blocks(block);
        if self.cut.takes_sums {
            return ops;
        }
        let inputs = || self.product.finish.inputs.iter().enumerate();
        for (at, input) in inputs().filter(|(_, input)| !is_streamed(input)) {
            let tiles = input_tiles(self.cut, input);
            let size = [0, 1].map(|side| if input.leaf.moves[side] { tiles } else { 1 });
            ops.extend(self.input(block, at, size, [&0.into(), &0.into()]));
        }
        if inputs().any(|(_, input)| is_streamed(input)) {
            ops.extend(self.groups(|group| {
                let streamed = inputs().filter(|(_, input)| is_streamed(input));
                streamed
                    .flat_map(|(at, _)| {
                        let [row, column] = &group;
                        self.input(block, at, self.cut.group, [row, column])
                    })
                    .collect()
            }));
        }
        ops
    }

    /// Loops over what is finished at once: the first row and column of it.
    fn groups(&self, body: impl FnOnce([Index; 2]) -> Vec<Op>) -> Vec<Op> {
        let ([rows, columns, _], [high, wide]) = (self.cut.block, self.cut.group);
        each("row", rows / high, |row| {
            each("column", columns / wide, |column| body([row * high, column * wide]))
        })
    }

    /// Reads some tiles of an input, from a row and a column of the block on.
    fn input(
        &self,
        block: &Block,
        number: usize,
        [rows, columns]: [u32; 2],
        [row, column]: [&Index; 2],
    ) -> Vec<Op> {
        let input = &self.product.finish.inputs[number];
        let ring = self.numbers.ring(Use::Input(number));
        let mut ops = vec![Op::Reserve(ring, rows * columns)];
        ops.extend(each("line", rows, |line| {
            each("tile", columns, |tile| {
                let at = line.clone() * columns + tile.clone();
                let place = self.place(block, row.clone() + line, column.clone() + tile);
                let inside = self.inside(&place, input.leaf.moves);
                read(input, &place, ring, at, inside)
            })
        }));
        ops.extend([Op::Move(Move::ReadBarrier), Op::Push(ring, rows * columns)]);
        ops
    }

    fn place(&self, block: &Block, row: Index, column: Index) -> Place {
        Place {
            batch: block.batch.clone(),
            row: Some(block.row.clone() + row),
            column: Some(block.column.clone() + column),
        }
    }

    /// Whether a tile is not beyond the edges that matter.
    fn inside(&self, place: &Place, matters: [bool; 2]) -> Vec<Test> {
        let sides = [(0, &place.row, "m_tiles"), (1, &place.column, "n_tiles")];
        let open = sides
            .into_iter()
            .filter(|&(side, ..)| matters[side] && reaches_over(self.product, self.cut, side));
        open.filter_map(|(_, at, tiles)| Some(Test::Less(at.clone()?, Index::named(tiles))))
            .collect()
    }

    /// The writer: blocks of `b`, then the results.
    fn writes(&self, block: &Block) -> Vec<Op> {
        let kept = keeps_b(self.product, self.cut);
        let mut ops = if kept { Vec::new() } else { self.load(Side::B).blocks(block) };
        if self.cut.takes_sums {
            let [rows, columns, _] = self.cut.block;
            ops.extend(self.store(block, (0, Use::Sums), [rows, columns], [&0.into(), &0.into()]));
            return ops;
        }
        ops.extend(self.groups(|[row, column]| {
            let outputs = 0..self.product.finish.stored.len();
            outputs
                .flat_map(|at| {
                    self.store(block, (at, Use::Output(at)), self.cut.group, [&row, &column])
                })
                .collect()
        }));
        ops
    }

    /// Writes some tiles of a result from a ring.
    fn store(
        &self,
        block: &Block,
        (number, used): (usize, Use),
        [rows, columns]: [u32; 2],
        [row, column]: [&Index; 2],
    ) -> Vec<Op> {
        let from = self.numbers.ring(used);
        let buffer = self.product.finish.stored[number].buffer;
        let mut ops = vec![Op::Wait(from, rows * columns)];
        ops.extend(each("line", rows, |line| {
            each("tile", columns, |tile| {
                let at = line.clone() * columns + tile.clone();
                let place = self.place(block, row.clone() + line, column.clone() + tile);
                let page = self.page(block, &place);
                let write = Op::Move(Move::Write { buffer, page, from, at });
                when(self.inside(&place, [true, true]), vec![write], vec![])
            })
        }));
        ops.extend([Op::Move(Move::WriteBarrier), Op::Pop(from, rows * columns)]);
        ops
    }

    /// The page of a result: matrices in the order of the batch.
    fn page(&self, block: &Block, place: &Place) -> Index {
        let ranges = &self.product.batch_ranges;
        let matrix = block
            .batch
            .iter()
            .zip(ranges)
            .fold(Index::from(0), |all, (own, &range)| all * range + own.clone());
        let [row, column] = [&place.row, &place.column].map(|at| at.clone().expect("it was set"));
        (matrix * "m_tiles" + row) * "n_tiles" + column
    }
}
