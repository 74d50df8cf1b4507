//! Sums of products of integers of 8 bits: exact, and wrapping around as i32 does.
//!
//! The matrix unit multiplies floats, and aligns eight products at a time to the largest of
//! them, of which it keeps 11 bits. So `b` is multiplied in two pieces, the multiple of 16
//! below it and the rest: products with either are multiples of the unit to which they are
//! aligned. As long as a sum stays below 2^23 it is exact in f32. Then it becomes a word, to
//! which those of further blocks of `k` are added; between blocks the halves of the words
//! stay in L1 as 16-bit integers, which both chips copy back as they are.
//!
//! ```text
//! every block of k:   DST = a * (b - b % 16) + a * (b % 16)
//!                     DST = i32(DST) + sums            but for the first block
//!                     sums = DST                       but for the last one
//! ```

use tilec_ir::dataflow::{Dst, Index, Math, Op, Test, UnaryVector, Vector, WordVector};
use tilec_ir::plan::{Contract, Operand};
use tilec_ir::tensor::{Binary, Expr, ExprKind, Kernel, Scalar, Unary};
use tilec_ir::{Diagnostic, Id, Kind, Span};

use super::block::{Block, each_ahead, when};
use super::cut::Sums;
use super::multiply::Compute;
use super::product::TILE;
use super::rings::Use;
use super::room::{Room, subblock};
use crate::dataflow::vector::{ELSEWHERE, Source};

/// Sums below are exact. At 2^23 the last place of an f32 is 1, and Wormhole's matrix unit makes
/// something else of a sum of -1 in the last place.
const EXACT: i64 = 1 << 23;

/// The greatest magnitude of a type of integers that can be multiplied.
fn greatest(element: Scalar) -> Option<i64> {
    match element {
        Scalar::I8 => Some(128),
        Scalar::U8 => Some(255),
        Scalar::Bool => Some(1),
        Scalar::F32
        | Scalar::Bf16
        | Scalar::F16
        | Scalar::F8E4M3
        | Scalar::F8E5M2
        | Scalar::I32
        | Scalar::Idx(_) => None,
    }
}

/// How many tiles of `k` can be added up in f32.
///
/// # Errors
/// Factors that are not read as integers of 8 bits, or more factors than two.
pub(super) fn most_depth(
    kernel: &Kernel,
    contract: &Contract,
    span: Span,
) -> Result<u32, Diagnostic> {
    let greatest = |operand: &Operand| {
        let read = matches!(kernel.exprs[operand.expr].kind, ExprKind::Read(..));
        greatest(operand.element).filter(|_| read).ok_or_else(|| {
            let span = kernel.exprs[operand.expr].span;
            refused(span, "its matrix unit multiplies i8, u8 and bool that are read as they are")
        })
    };
    let largest = greatest(&contract.a)? * greatest(&contract.b)?;
    if contract.coefficient.is_some() || !contract.scales.is_empty() {
        return Err(refused(span, "it multiplies two factors in a sum of integers"));
    }
    let tiles = (EXACT - 1) / largest / i64::from(TILE);
    Ok(u32::try_from(tiles).unwrap_or(u32::MAX))
}

fn refused(span: Span, why: &str) -> Diagnostic {
    Diagnostic::new(Kind::NotExpressible, span, "Tensix can't multiply these integers")
        .here(why)
        .help(format!("convert the factors to f32 or bf16 first; or {ELSEWHERE}"))
}

/// How many bits of a fraction a factor has.
pub(super) fn fraction_bits(element: Scalar, in_pieces: bool) -> u32 {
    match element {
        _ if in_pieces => 3,
        Scalar::U8 => 7,
        _ => 6,
    }
}

/// The multiple of 16 below an integer, and the rest.
pub(super) fn pieces(kernel: &mut Kernel, value: Id<Expr>) -> [Id<Expr>; 2] {
    let span = kernel.exprs[value].span;
    let mut push = |kind| kernel.exprs.push(Expr { kind, ty: Scalar::F32, span });
    let float = push(ExprKind::Convert(value));
    let sixteen = push(ExprKind::Float(16.0));
    let ratio = push(ExprKind::Binary(Binary::Div, float, sixteen));
    let whole = push(ExprKind::Unary(Unary::Floor, ratio));
    let upper = push(ExprKind::Binary(Binary::Mul, whole, sixteen));
    [upper, push(ExprKind::Binary(Binary::Sub, float, upper))]
}

/// Where the sums of a block are, and how many of its rows and columns of tiles are computed at
/// once: each has a tile for its lower half beside, and two more are for adding.
pub(super) fn sums(block: [u32; 3], room: Room, k_blocks: u32) -> Option<(Sums, [u32; 2])> {
    let most = if k_blocks == 1 { room.sums } else { room.sums.min((room.dst - 2) / 2) };
    Some((Sums::Words, subblock(block, room, most)?))
}

impl Compute<'_> {
    /// A block of sums of integers.
    pub(super) fn in_words(&self, block: &Block) -> Result<Vec<Op>, Diagnostic> {
        let mut result = Ok(());
        // What fails for one block fails for all.
        self.make(&0.into())?;
        let make = |k_block: &Index| self.make(k_block).unwrap_or_default();
        let ops = each_ahead(self.k_blocks(), make, |k_block| {
            let body = self.k_block_of_words(block, &k_block);
            body.map_err(|fault| result = Err(fault)).unwrap_or_default()
        });
        result.map(|()| ops)
    }

    fn k_block_of_words(&self, block: &Block, k_block: &Index) -> Result<Vec<Op>, Diagnostic> {
        // What follows the sum is read after its last block of k.
        let inputs = |op| match self.input_counts(op, false) {
            none if none.is_empty() => none,
            counts => when(self.last(k_block), counts, vec![]),
        };
        let mut ops = [self.operands(Op::Wait), inputs(Op::Wait)].concat();
        ops.extend(self.subblocks(|at| self.words(block, k_block, [&at[0], &at[1]]))?);
        ops.extend([self.operands(Op::Pop), inputs(Op::Pop)].concat());
        Ok(ops)
    }

    /// Whether it is the last block of `k`; nothing where it is the only one.
    fn last(&self, k_block: &Index) -> Vec<Test> {
        match self.k_blocks() {
            1 => vec![],
            _ => vec![Test::Equal(k_block.clone(), Index::named("k_blocks") - 1)],
        }
    }

    /// Multiplies a block of `k` for some sums, and adds, keeps or finishes them.
    fn words(
        &self,
        block: &Block,
        k_block: &Index,
        at: [&Index; 2],
    ) -> Result<Vec<Op>, Diagnostic> {
        let vector = |op| Op::Math(Math::Vector(op));
        let tiles = self.cut.sub[0] * self.cut.sub[1];
        let mut ops = vec![Op::Math(Math::Acquire), Op::Equation(self.equation)];
        ops.push(self.multiply_init());
        ops.extend(self.multiply(k_block, at));
        ops.extend((0..tiles).map(|sum| vector(Vector::Unary(UnaryVector::ToInteger, sum, sum))));
        let source = |sum| Source::Tile(sum);
        let finish = self.finish(block, at, &source)?;
        if self.k_blocks() == 1 {
            return Ok([ops, finish].concat());
        }
        let later = Test::Less(0.into(), k_block.clone());
        ops.extend(when(vec![later], self.add_kept(tiles), vec![]));
        ops.extend(when(self.last(k_block), finish, self.keep(tiles)));
        Ok(ops)
    }

    /// Adds the sums of earlier blocks of `k`.
    fn add_kept(&self, tiles: Dst) -> Vec<Op> {
        let (ring, [lower, upper]) = (self.ring(Use::Sums), [tiles, tiles + 1]);
        let word = |op, a, b, out| Op::Math(Math::Vector(Vector::Word(op, a, b, out)));
        let copy = |at: u32, dst| Op::Math(Math::Copy { from: ring, at: at.into(), dst });
        let mut ops = vec![Op::Wait(ring, 2 * tiles), Op::Math(Math::CopyInit(ring))];
        for sum in 0..tiles {
            ops.extend([copy(2 * sum, lower), copy(2 * sum + 1, upper)]);
            ops.push(word(WordVector::Join, lower, upper, lower));
            ops.push(word(WordVector::Add, sum, lower, sum));
        }
        ops.push(Op::Pop(ring, 2 * tiles));
        ops
    }

    /// Keeps the sums for the next block of `k`.
    fn keep(&self, tiles: Dst) -> Vec<Op> {
        let ring = self.ring(Use::Sums);
        let half = |op, from, to| Op::Math(Math::Vector(Vector::Unary(op, from, to)));
        let mut ops = Vec::new();
        for sum in 0..tiles {
            ops.push(half(UnaryVector::LowerHalf, sum, tiles + sum));
            ops.push(half(UnaryVector::UpperHalf, sum, sum));
        }
        ops.extend([Op::Math(Math::Commit), Op::Reserve(ring, 2 * tiles)]);
        ops.extend([Op::Math(Math::AwaitMath), Op::Math(Math::PackInit(ring))]);
        let pack = |dst| Op::Math(Math::Pack { dst, into: ring, at: None });
        ops.extend((0..tiles).flat_map(|sum| [pack(tiles + sum), pack(sum)]));
        ops.extend([Op::Math(Math::Release), Op::Push(ring, 2 * tiles)]);
        ops
    }
}
