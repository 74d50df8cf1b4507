//! How scales come to the cores: with blocks of the operand along whose lines they vary.

use tilec_ir::dataflow::{CircularAt, Index, Move, Op, Test};

use super::block::{Block, each};
use super::cut::Cut;
use super::load::{Load, reaches_over, read_page};
use super::operand::{Input, Side};
use super::product::{Product, TILE};
use super::rings::{Use, scale_tiles};
use crate::dataflow::vector::Place;

impl Load<'_> {
    /// Scales that no other core wants.
    pub(super) fn own_scales(&self, block: &Block, k_block: &Index) -> Vec<Op> {
        let own = self.scales().filter(|(_, input)| is_own(input));
        own.flat_map(|(at, input)| {
            let [rows, columns] = scale_tiles(self.cut, input);
            let ring = self.ring(Use::Scale(at));
            let mut ops = vec![Op::Reserve(ring, rows * columns)];
            ops.extend(self.read_scale(block, k_block, input, ring));
            ops.extend([Op::Move(Move::ReadBarrier), Op::Push(ring, rows * columns)]);
            ops
        })
        .collect()
    }

    /// The scales that come with this operand: those that differ from column to column
    /// with `b`, the others with `a`.
    pub(super) fn scales(&self) -> impl Iterator<Item = (usize, &Input)> {
        let inputs = self.product.scales.iter().flat_map(|scales| &scales.inputs).enumerate();
        inputs.filter(|(_, input)| scale_side(input) == self.side)
    }

    pub(super) fn read_scale(
        &self,
        block: &Block,
        k_block: &Index,
        input: &Input,
        into: CircularAt,
    ) -> Vec<Op> {
        let [rows, columns] = scale_tiles(self.cut, input);
        each("row", rows, |row| {
            each("column", columns, |column| {
                let at = row.clone() * columns + column.clone();
                let place = scale_place(self.product, self.cut, block, k_block, [&row, &column]);
                let page = self.scale_page(input, block, &place, k_block);
                let sides = [(0, &place.row, "m_tiles"), (1, &place.column, "n_tiles")];
                let inside = sides.into_iter().filter(|&(side, ..)| {
                    input.leaf.moves[side] && reaches_over(self.product, self.cut, side)
                });
                let inside = inside.filter_map(|(_, at, tiles)| {
                    Some(Test::Less(at.clone()?, Index::named(tiles)))
                });
                let mut inside: Vec<_> = inside.collect();
                inside.extend(input.leaf.inside(&place));
                read_page(input, page, into, at, inside)
            })
        })
    }

    fn scale_page(&self, input: &Input, block: &Block, place: &Place, k_block: &Index) -> Index {
        let Some(columns) = &input.columns else { return input.leaf.page(place) };
        let row = place.row.clone().expect("it was set");
        let [page, _] = columns.place(&block.batch, row, &first_of(self.cut, k_block));
        page
    }

    /// Brings the scales of this block of `k` to the first column, where others lie beside.
    pub(super) fn turn_scale(&self, k_block: &Index, input: &Input, ring: CircularAt) -> Vec<Op> {
        let Some(columns) = &input.columns else { return Vec::new() };
        let [rows, _] = scale_tiles(self.cut, input);
        let batch = vec![Index::from(0); self.product.operands[0].axes.batch.len()];
        let [_, column] = columns.place(&batch, 0.into(), &first_of(self.cut, k_block));
        each("row", rows, |row| {
            let [at, to] = [row.clone(), row];
            vec![Op::Move(Move::Column { from: ring, at, column: column.clone(), into: ring, to })]
        })
    }
}

/// The first element of a block of `k`.
fn first_of(cut: &Cut, k_block: &Index) -> Index {
    k_block.clone() * (cut.block[2] * TILE)
}

/// Whether a scale differs from row to row and from column to column of cores.
pub(super) fn is_own(input: &Input) -> bool {
    input.leaf.moves == [true, true]
}

/// With which operand a scale comes.
fn scale_side(input: &Input) -> Side {
    if input.leaf.moves[1] { Side::B } else { Side::A }
}

/// Where the scale of a subblock is read.
pub(super) fn scale_place(
    product: &Product,
    cut: &Cut,
    block: &Block,
    k_block: &Index,
    [row, column]: [&Index; 2],
) -> Place {
    let mut batch = block.batch.clone();
    batch.extend(product.k(&first_of(cut, k_block)));
    Place {
        batch,
        row: Some(block.row.clone() + row.clone() * cut.sub[0]),
        column: Some(block.column.clone() + column.clone() * cut.sub[1]),
    }
}
