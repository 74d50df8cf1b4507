//! The end of the compute role: tiles of sums become what is stored of them.

use tilec_ir::Diagnostic;
use tilec_ir::dataflow::{CircularAt, Dst, Index, Math, Op};

use super::block::Block;
use super::finish::Tile;
use super::multiply::Compute;
use super::operand::Input;
use super::rings::{Use, input_tiles, is_streamed};
use super::room::finished;
use crate::dataflow::vector::{Place, Source};

impl Compute<'_> {
    /// Computes and packs what is stored of some tiles; DST has been acquired.
    pub(super) fn finish(
        &self,
        block: &Block,
        [row, column]: [&Index; 2],
        sum: &dyn Fn(u32) -> Source,
    ) -> Result<Vec<Op>, Diagnostic> {
        let [rows, columns] = self.cut.group;
        let tile = |at: u32| {
            let local_row = row.clone() * rows + at / columns;
            let local_column = column.clone() * columns + at % columns;
            let pages = self.pages(at, &local_row, &local_column);
            let place = Place {
                batch: block.batch.clone(),
                row: Some(block.row.clone() + local_row),
                column: Some(block.column.clone() + local_column),
            };
            Tile { place, sum: sum(at), pages }
        };
        let tiles: Vec<_> = (0..rows * columns).map(tile).collect();
        let (math, results) = finished(self.kernel, self.product, &tiles, self.cut.room.dst)?;
        let mut ops: Vec<_> = self.input_counts(Op::Wait, true);
        ops.extend(self.product.finish.equations.iter().map(|&at| Op::Equation(at)));
        ops.extend(math);
        ops.extend([Op::Math(Math::Commit), Op::Math(Math::AwaitMath)]);
        ops.extend(self.pack(&results));
        ops.push(Op::Math(Math::Release));
        ops.extend(self.input_counts(Op::Pop, true));
        Ok(ops)
    }

    fn pack(&self, results: &[Vec<Dst>]) -> Vec<Op> {
        let tiles = self.cut.group[0] * self.cut.group[1];
        let outputs = 0..self.product.finish.stored.len();
        let one = |at: usize| {
            let into = self.ring(Use::Output(at));
            let packs = results
                .iter()
                .map(move |result| Op::Math(Math::Pack { dst: result[at], into, at: None }));
            let before = [Op::Reserve(into, tiles), Op::Math(Math::PackInit(into))];
            before.into_iter().chain(packs).chain([Op::Push(into, tiles)])
        };
        outputs.flat_map(one).collect()
    }

    /// The pages of inputs for a tile: `at` in its group, a row and a column in its block.
    fn pages(&self, at: u32, row: &Index, column: &Index) -> Vec<Source> {
        let inputs = self.product.finish.inputs.iter().enumerate();
        let page = |(number, input): (usize, &Input)| {
            let page = match input.leaf.moves {
                [true, true] => at.into(),
                [true, false] => row.clone(),
                [false, true] => column.clone(),
                [false, false] => 0.into(),
            };
            Source::Page(self.ring(Use::Input(number)), page)
        };
        inputs.map(page).collect()
    }

    /// Waits for or pops inputs: those that come with every group, or the others.
    pub(super) fn input_counts(&self, op: fn(CircularAt, u32) -> Op, streamed: bool) -> Vec<Op> {
        let inputs = self.product.finish.inputs.iter().enumerate();
        let inputs = inputs.filter(|(_, input)| is_streamed(input) == streamed);
        inputs
            .map(|(at, input)| op(self.ring(Use::Input(at)), input_tiles(self.cut, input)))
            .collect()
    }
}
