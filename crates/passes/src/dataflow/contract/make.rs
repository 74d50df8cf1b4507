//! Operands that compute makes itself: FP8 is decoded, expressions are evaluated, and blocks
//! of 16-bit floats come out.

use tilec_ir::dataflow::{Format, Index, Math, Op};
use tilec_ir::{Diagnostic, Scalar};

use super::block::{each, when};
use super::load::Load;
use super::multiply::Compute;
use super::operand::{Input, Operand, Side};
use super::rings::Use;
use crate::dataflow::vector::{Given, Place, Root, Source, lower};

/// The most tiles of DST that are made at once; more would only make kernels longer.
const MOST_AT_ONCE: u32 = 4;

impl Compute<'_> {
    /// Makes the computed operands of a block of `k`, where this core does that.
    pub(super) fn make(&self, k_block: &Index) -> Result<Vec<Op>, Diagnostic> {
        let mut ops = Vec::new();
        for side in [Side::A, Side::B] {
            let operand = &self.product.operands[side as usize];
            if operand.computed {
                let Self { product, cut, numbers, .. } = *self;
                let load = Load { product, cut, numbers, side };
                ops.extend(when(load.sends(k_block), self.made(side, operand)?, vec![]));
            }
        }
        Ok(ops)
    }

    /// Makes a block of an operand.
    fn made(&self, side: Side, operand: &Operand) -> Result<Vec<Op>, Diagnostic> {
        let tiles = self.cut.operand_tiles(side);
        let sent = self.cut.cores_along(side) > 1;
        let into = self.ring(if sent { Use::Made(side) } else { Use::Operand(side) });
        let raw = |at| self.ring(Use::Raw(side, at));
        let inputs = 0..operand.inputs.len();
        let mut ops: Vec<_> = inputs.clone().map(|at| Op::Wait(raw(at), tiles)).collect();
        let made = self.cut.multiplied_tiles(side);
        ops.extend([Op::Reserve(into, made), Op::Math(Math::PackInit(into))]);
        ops.push(Op::Math(Math::PackAdds(false)));
        let sizes = (1..=MOST_AT_ONCE.min(tiles)).rev().filter(|&n| tiles.is_multiple_of(n));
        let mut result = Ok(Vec::new());
        for size in sizes {
            result = self.made_at_once(side, operand, size);
            if result.is_ok() {
                break;
            }
        }
        ops.extend(result?);
        ops.push(Op::Push(into, made));
        ops.extend(inputs.map(|at| Op::Pop(raw(at), tiles)));
        Ok(ops)
    }

    /// Makes a block, so many tiles at once.
    fn made_at_once(
        &self,
        side: Side,
        operand: &Operand,
        size: u32,
    ) -> Result<Vec<Op>, Diagnostic> {
        let tiles = self.cut.operand_tiles(side);
        let sent = self.cut.cores_along(side) > 1;
        let into = self.ring(if sent { Use::Made(side) } else { Use::Operand(side) });
        // What the vector unit makes is exact in the format, but for integers and f16.
        let stored = match operand.format {
            Format::F16 => Some(Scalar::F16),
            _ => None,
        };
        let exprs: Vec<_> = std::iter::once(operand.expr).chain(operand.rest).collect();
        let mut fault = None;
        let ops = each("part", tiles / size, |part| {
            let mut ops = vec![Op::Math(Math::Acquire)];
            let mut results = Vec::new();
            for at in 0..size {
                let page = part.clone() * size + at;
                let source = |(number, input): (usize, &Input)| {
                    let ring = self.ring(Use::Raw(side, number));
                    (input.leaf.clone(), Source::Page(ring, page.clone()))
                };
                let leaves: Vec<_> = operand.inputs.iter().enumerate().map(source).collect();
                let free: Vec<_> =
                    (0..self.cut.room.dst).filter(|dst| !results.contains(dst)).collect();
                let place = Place::default();
                let (kernel, known, inlined) = (self.kernel, &[], &[]);
                let given = Given {
                    kernel,
                    place: &place,
                    leaves: &leaves,
                    known,
                    inlined,
                    kept: &[],
                    free: &free,
                };
                let root = |expr| Root { expr, axes: &operand.axes, stored };
                let roots: Vec<_> = exprs.iter().copied().map(root).collect();
                match lower(&given, &roots) {
                    Ok(lowered) => {
                        ops.extend(lowered.ops);
                        results.extend(lowered.results);
                    }
                    Err(error) => fault = Some(error),
                }
            }
            ops.extend([Op::Math(Math::Commit), Op::Math(Math::AwaitMath)]);
            // Pieces lie one block after the other.
            let at = |number: u32| match exprs.len() {
                1 => None,
                _ => Some(part.clone() * size + number / 2 + number % 2 * tiles),
            };
            let pack = |(number, &dst)| Op::Math(Math::Pack { dst, into, at: at(number) });
            ops.extend((0..).zip(&results).map(pack));
            ops.push(Op::Math(Math::Release));
            ops
        });
        fault.map_or(Ok(ops), Err)
    }
}
