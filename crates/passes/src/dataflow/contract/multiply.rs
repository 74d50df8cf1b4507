//! The compute role: products, their scales, and what becomes of the sums.
//!
//! ```text
//! sums in DST   subblock by subblock: multiply all of k, finish, pack
//! sums in L1    block of k by block of k: multiply, scale, pack onto the sums; then finish
//! ```
//!
//! An operand that compute makes itself is made a block ahead, so that its readers wait
//! as little as possible.

use tilec_ir::Diagnostic;
use tilec_ir::dataflow::{BinaryVector, CircularAt, Index, Math, Op, Test, Vector};
use tilec_ir::tensor::Kernel;

use super::block::{Block, blocks, each, each_ahead, each_of};
use super::cut::{Cut, Sums};
use super::listed::{Walk, Worker, keeps_b};
use super::load_scale::scale_place;
use super::operand::Side;
use super::product::Product;
use super::rings::{Use, scale_tiles};
use super::room::scale;
use super::step::Numbers;
use crate::dataflow::vector::Source;

/// What compute works on.
pub(super) struct Compute<'a> {
    pub(super) kernel: &'a Kernel,
    pub(super) product: &'a Product,
    pub(super) cut: &'a Cut,
    pub(super) numbers: &'a Numbers,
    /// The equation of the sum.
    pub(super) equation: usize,
}

impl Compute<'_> {
    /// All that the role does.
    ///
    /// # Errors
    /// What the vector unit can't compute.
    pub(super) fn body(&self) -> Result<Vec<Op>, Diagnostic> {
        let mut fault = None;
        let block = |block: &Block| {
            self.block(block).unwrap_or_else(|error| {
                fault = Some(error);
                Vec::new()
            })
        };
        let ops = match self.product.listed {
            None => blocks(self.product, self.cut, block),
            Some(listed) => self.walk().runs(listed, block, |_| self.kept()),
        };
        fault.map_or(Ok(ops), Err)
    }

    fn walk(&self) -> Walk<'_> {
        let Self { product, cut, numbers, .. } = *self;
        Walk { product, cut, numbers, role: Worker::Compute }
    }

    /// Waits for the blocks of `b` that stay for a run, and pops them after it.
    fn kept(&self) -> [Vec<Op>; 2] {
        let (ring, side) = (self.ring(Use::Operand(Side::B)), Side::B);
        let tiles = self.cut.multiplied_tiles(side);
        match keeps_b(self.product, self.cut) {
            true => [vec![Op::Wait(ring, tiles)], vec![Op::Pop(ring, tiles)]],
            false => [vec![], vec![]],
        }
    }

    fn block(&self, block: &Block) -> Result<Vec<Op>, Diagnostic> {
        match self.cut.sums {
            Sums::InDst => self.in_dst(block),
            Sums::InL1 => self.in_l1(block),
            Sums::Words => self.in_words(block),
        }
    }

    pub(super) fn ring(&self, used: Use) -> CircularAt {
        self.numbers.ring(used)
    }

    pub(super) fn k_blocks(&self) -> u32 {
        self.cut.k_blocks(self.product)
    }

    /// Sums that stay in DST until they are finished.
    fn in_dst(&self, block: &Block) -> Result<Vec<Op>, Diagnostic> {
        let count = self.k_blocks();
        let mut ops = self.make(&0.into())?;
        ops.extend(self.input_counts(Op::Wait, false));
        let once = count == 1;
        if once {
            ops.extend(self.operands(Op::Wait));
        }
        ops.extend(self.subblocks(|[row, column]| {
            let mut ops = vec![Op::Math(Math::Acquire), Op::Equation(self.equation)];
            ops.push(self.multiply_init());
            ops.extend(each_of("k_block", "k_blocks", count, |k_block| {
                let products = self.multiply(&k_block, [&row, &column]);
                if once {
                    return products;
                }
                [self.operands(Op::Wait), products, self.operands(Op::Pop)].concat()
            }));
            let sums = |at| Source::Tile(at);
            ops.extend(self.finish(block, [&row, &column], &sums)?);
            Ok(ops)
        })?);
        if once {
            ops.extend(self.operands(Op::Pop));
        }
        ops.extend(self.input_counts(Op::Pop, false));
        Ok(ops)
    }

    /// Sums that grow in L1.
    fn in_l1(&self, block: &Block) -> Result<Vec<Op>, Diagnostic> {
        let [rows, columns, _] = self.cut.block;
        let (sums, tiles) = (self.ring(Use::Sums), rows * columns);
        let mut fault = None;
        // What fails for one block fails for all.
        self.make(&0.into())?;
        let mut ops = vec![Op::Reserve(sums, tiles)];
        let make = |k_block: &Index| self.make(k_block).unwrap_or_default();
        ops.extend(each_ahead(self.k_blocks(), make, |k_block| {
            self.k_block(block, &k_block).unwrap_or_else(|error| {
                fault = Some(error);
                Vec::new()
            })
        }));
        if let Some(fault) = fault {
            return Err(fault);
        }
        ops.extend([Op::Math(Math::PackAdds(false)), Op::Push(sums, tiles)]);
        if self.cut.takes_sums {
            return Ok(ops);
        }
        ops.push(Op::Wait(sums, tiles));
        ops.extend(self.input_counts(Op::Wait, false));
        ops.extend(self.groups(|[row, column]| {
            let [_, group] = self.cut.group;
            let first = row.clone() * "block_columns" + column.clone() * group;
            let source = |at: u32| Source::Page(sums, first.clone() + at);
            let mut ops = vec![Op::Math(Math::Acquire)];
            ops.extend(self.finish(block, [&row, &column], &source)?);
            Ok(ops)
        })?);
        ops.extend(self.input_counts(Op::Pop, false));
        ops.push(Op::Pop(sums, tiles));
        Ok(ops)
    }

    /// Adds the products of a block of `k` to the sums in L1.
    fn k_block(&self, block: &Block, k_block: &Index) -> Result<Vec<Op>, Diagnostic> {
        let sums = self.ring(Use::Sums);
        let mut ops = self.operands(Op::Wait);
        ops.push(Op::Math(Math::PackInit(sums)));
        ops.extend(match k_block {
            Index::Number(_) => vec![Op::Math(Math::PackAdds(false))],
            _ => vec![Op::If {
                test: Test::Equal(k_block.clone(), 0.into()),
                then: vec![Op::Math(Math::PackAdds(false))],
                otherwise: vec![Op::Math(Math::PackAdds(true))],
            }],
        });
        let scaled = self.product.scales.is_some();
        ops.push(Op::Equation(self.equation));
        if !scaled {
            ops.push(self.multiply_init());
        }
        ops.extend(self.subblocks(|[row, column]| {
            let mut ops = vec![Op::Math(Math::Acquire)];
            if scaled {
                ops.push(self.multiply_init());
            }
            ops.extend(self.multiply(k_block, [&row, &column]));
            ops.extend(self.scale(block, k_block, [&row, &column])?);
            ops.extend([Op::Math(Math::Commit), Op::Math(Math::AwaitMath)]);
            let [sub_rows, sub_columns] = self.cut.sub;
            for at in 0..sub_rows * sub_columns {
                let line = row.clone() * sub_rows + at / sub_columns;
                let place =
                    line * "block_columns" + column.clone() * sub_columns + at % sub_columns;
                ops.push(Op::Math(Math::Pack { dst: at, into: sums, at: Some(place) }));
            }
            ops.push(Op::Math(Math::Release));
            Ok(ops)
        })?);
        ops.extend(self.operands(Op::Pop));
        Ok(ops)
    }

    /// Loops over the subblocks of a block.
    pub(super) fn subblocks(
        &self,
        body: impl FnOnce([Index; 2]) -> Result<Vec<Op>, Diagnostic>,
    ) -> Result<Vec<Op>, Diagnostic> {
        self.rectangles(self.cut.sub, body)
    }

    /// Loops over what is finished at once.
    fn groups(
        &self,
        body: impl FnOnce([Index; 2]) -> Result<Vec<Op>, Diagnostic>,
    ) -> Result<Vec<Op>, Diagnostic> {
        self.rectangles(self.cut.group, body)
    }

    fn rectangles(
        &self,
        size: [u32; 2],
        body: impl FnOnce([Index; 2]) -> Result<Vec<Op>, Diagnostic>,
    ) -> Result<Vec<Op>, Diagnostic> {
        let mut result = Ok(Vec::new());
        let [rows, columns, _] = self.cut.block;
        let ops = each("row", rows / size[0], |row| {
            each("column", columns / size[1], |column| {
                result = body([row, column]);
                result.clone().unwrap_or_default()
            })
        });
        result.map(|_| ops)
    }

    fn block_of(&self) -> [u32; 3] {
        let [rows, columns] = self.cut.sub;
        [rows, columns, self.cut.block[2]]
    }

    fn transposed(&self) -> bool {
        self.product.operands[Side::B as usize].transposed
    }

    pub(super) fn multiply_init(&self) -> Op {
        let [a, b] = [Side::A, Side::B].map(|side| self.ring(Use::Operand(side)));
        let transpose = self.transposed();
        Op::Math(Math::MultiplyInit { a, b, transpose, block: self.block_of() })
    }

    /// Adds the products of a subblock to the first tiles of DST.
    pub(super) fn multiply(&self, k_block: &Index, [row, column]: [&Index; 2]) -> Vec<Op> {
        let [a, b] = [Side::A, Side::B].map(|side| self.ring(Use::Operand(side)));
        let ([rows, columns], depth) = (self.cut.sub, self.cut.block[2]);
        let (transpose, block) = (self.transposed(), self.block_of());
        let product = |k: Index| {
            let a_at = row.clone() * rows * "block_k" + k.clone();
            let b_at = k * "block_columns" + column.clone() * columns;
            let piece = |piece: u32| {
                let b_at = b_at.clone() + piece * self.cut.operand_tiles(Side::B);
                let a_at = a_at.clone();
                Op::Math(Math::Multiply { a, b, a_at, b_at, dst: 0, transpose, block })
            };
            (0..self.product.pieces()).map(piece).collect()
        };
        let tiles = self.product.tiles()[2];
        if tiles.is_multiple_of(depth) {
            return each_of("k", "block_k", depth, product);
        }
        // The last block may be shorter; beyond its end are zeros.
        let left = Index::named("k_tiles") - k_block.clone() * "block_k";
        let count = Index::named("block_k").min(left);
        vec![Op::Loop { name: "k".to_owned(), count, body: product(Index::named("k")) }]
    }

    /// Multiplies the partial sums of a subblock with their scale.
    fn scale(
        &self,
        block: &Block,
        k_block: &Index,
        [row, column]: [&Index; 2],
    ) -> Result<Vec<Op>, Diagnostic> {
        let Some(scales) = &self.product.scales else { return Ok(Vec::new()) };
        let pages = scales.inputs.iter().enumerate().map(|(at, input)| {
            let [_, columns] = scale_tiles(self.cut, input);
            let zero = || Index::from(0);
            let row = if input.leaf.moves[0] { row.clone() } else { zero() };
            let column = if input.leaf.moves[1] { column.clone() } else { zero() };
            Source::Page(self.ring(Use::Scale(at)), row * columns + column)
        });
        let place = scale_place(self.product, self.cut, block, k_block, [row, column]);
        let sums = self.cut.sub[0] * self.cut.sub[1];
        let pages: Vec<_> = pages.collect();
        let lowered = scale(self.kernel, self.product, &place, &pages, sums..self.cut.room.dst)?;
        let scale = lowered.results[0];
        let times = |at| Vector::Binary(BinaryVector::Multiply, at, scale, at);
        let times = (0..sums).map(|at| Op::Math(Math::Vector(times(at))));
        Ok(lowered.ops.into_iter().chain(times).collect())
    }

    /// Waits for or pops a block of `k`.
    pub(super) fn operands(&self, op: fn(CircularAt, u32) -> Op) -> Vec<Op> {
        let kept = keeps_b(self.product, self.cut);
        let sides = [Side::A, Side::B].into_iter().filter(|&side| !kept || side == Side::A);
        let operands =
            sides.map(|side| op(self.ring(Use::Operand(side)), self.cut.multiplied_tiles(side)));
        let inputs = self.product.scales.iter().flat_map(|scales| &scales.inputs).enumerate();
        let scales = inputs.map(|(at, input)| {
            let [rows, columns] = scale_tiles(self.cut, input);
            op(self.ring(Use::Scale(at)), rows * columns)
        });
        operands.chain(scales).collect()
    }
}
