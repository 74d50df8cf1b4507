//! The operands of a contraction: in which format they lie in DRAM, and in which one they
//! are multiplied.
//!
//! ```text
//! bf16, f16     as they are; bf16 inputs in blocks with a common exponent by license
//! f32           through registers of tf32, by license, or where that loses nothing
//! FP8           decoded to bf16 once per block, which is exact; or natively by license
//! computed      like FP8: the vector unit makes blocks of bf16
//! ```

use tilec_ir::dataflow::{BufferAt, Format, Index};
use tilec_ir::plan::Contract;
use tilec_ir::tensor::{Expr, Scalar};
use tilec_ir::{Diagnostic, Id, Kind};

use super::format::{Plain, check_words, plain, significant_bits, stored, widened};
use super::integer;
use super::scale::Columns;
use crate::dataflow::Draft;
use crate::dataflow::draft::word;
use crate::dataflow::vector::{Axes, ELSEWHERE, Leaf, Place, Root, leaves, ring_of};
use crate::tune::settings::{Given, Settings};

/// Which of the operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The one with the rows `m`.
    A,
    /// The one with the columns `n`.
    B,
}

/// A factor that varies with every `k`.
#[derive(Debug)]
pub(super) struct Operand {
    /// Its name in the kernels.
    pub(super) name: String,
    pub(super) expr: Id<Expr>,
    /// Its batch, and rows and columns of its tiles.
    pub(super) axes: Axes,
    /// The tiles that it is read or computed from.
    pub(super) inputs: Vec<Input>,
    /// Whether compute makes it from its inputs.
    pub(super) computed: bool,
    /// What else is multiplied and added up: the rest of `expr`, if that is a piece of it only.
    pub(super) rest: Option<Id<Expr>>,
    /// The format that is multiplied.
    pub(super) format: Format,
    /// How many bits of a fraction it has.
    pub(super) fraction_bits: u32,
    /// Whether tiles of `b` are `[n, k]` instead of `[k, n]`.
    pub(super) transposed: bool,
}

/// Tiles in DRAM.
#[derive(Debug)]
pub(super) struct Input {
    /// The name of its tensor.
    pub(super) name: String,
    pub(super) leaf: Leaf,
    pub(super) buffer: BufferAt,
    /// Of their ring.
    pub(super) format: Format,
    /// Where they lie side by side in a tile.
    pub(super) columns: Option<Columns>,
}

impl Operand {
    /// The place of a tile by its line (of `m` or `n`) and its depth.
    pub(super) fn place(&self, side: Side, batch: Vec<Index>, line: Index, depth: Index) -> Place {
        let lines_first = side == Side::A || self.transposed;
        let (row, column) = if lines_first { (line, depth) } else { (depth, line) };
        Place { batch, row: Some(row), column: Some(column) }
    }
}

/// The operands, `a` first.
pub(super) fn operands(
    draft: &mut Draft<'_>,
    contract: &Contract,
    given: &Given<'_>,
) -> Result<[Operand; 2], Diagnostic> {
    check_words(&draft.plan.kernel, contract, given)?;
    let elements = [&contract.a, &contract.b].map(|x| stored(&draft.plan.kernel, x));
    let [a, b] = [Side::A, Side::B].map(|side| (side, elements[1 - side as usize]));
    let a = operand(draft, contract, &given.settings, a)?;
    let b = operand(draft, contract, &given.settings, b)?;
    one_family(draft, contract, [&a, &b])?;
    Ok([a, b])
}

fn operand(
    draft: &mut Draft<'_>,
    contract: &Contract,
    settings: &Settings,
    (side, other): (Side, Option<Scalar>),
) -> Result<Operand, Diagnostic> {
    let (operand, lines) = match side {
        Side::A => (&contract.a, &contract.m),
        Side::B => (&contract.b, &contract.n),
    };
    let batch = contract.batch.clone();
    let axes = |turned: bool| {
        let (rows, columns) = (lines.clone(), contract.k.clone());
        let (rows, columns) = if turned { (columns, rows) } else { (rows, columns) };
        Axes { batch: batch.clone(), rows, columns }
    };
    let plain = plain(draft, operand, settings)?;
    let Some(Plain { format, fraction_bits }) = plain else {
        let format = widened(&draft.plan.kernel, operand, other)?;
        let axes = axes(side == Side::B);
        let found = read(draft, operand.expr, &axes)?;
        let inputs = inputs(draft, found, None)?;
        let name = name(&inputs, side);
        let integers = contract.accumulator == Scalar::I32;
        let in_pieces = integers && side == Side::B;
        let fraction_bits = match integers {
            true => integer::fraction_bits(operand.element, in_pieces),
            false => significant_bits(operand.element),
        };
        let (mut expr, mut rest) = (operand.expr, None);
        if in_pieces {
            let [upper, lower] = integer::pieces(&mut draft.plan.kernel, operand.expr);
            (expr, rest) = (upper, Some(lower));
        }
        let computed = true;
        let transposed = false;
        return Ok(Operand {
            name,
            expr,
            axes,
            inputs,
            computed,
            rest,
            format,
            fraction_bits,
            transposed,
        });
    };
    let mut transposed = false;
    let mut found = read(draft, operand.expr, &axes(side == Side::B))?;
    if side == Side::B && !lies(draft, &found, format) {
        // What a step wrote lies as that step wrote it.
        let other = read(draft, operand.expr, &axes(false))?;
        transposed = lies(draft, &other, format) && format != Format::F32;
        found = if transposed { other } else { found };
    }
    let inputs = inputs(draft, found, Some(format))?;
    let name = name(&inputs, side);
    let axes = axes(side == Side::B && !transposed);
    let expr = operand.expr;
    let (computed, rest) = (false, None);
    Ok(Operand { name, expr, axes, inputs, computed, rest, format, fraction_bits, transposed })
}

/// The tiles that an operand is made of.
fn read(draft: &Draft<'_>, expr: Id<Expr>, axes: &Axes) -> Result<Vec<Leaf>, Diagnostic> {
    leaves(&draft.plan.kernel, &[Root { expr, axes, stored: None }], &[], &[])
}

fn lies(draft: &Draft<'_>, found: &[Leaf], format: Format) -> bool {
    found.iter().all(|leaf| draft.lies(leaf.tensor, &leaf.order, format))
}

/// The buffers of tiles; `format` is that of the rings, if not what DST takes.
fn inputs(
    draft: &mut Draft<'_>,
    found: Vec<Leaf>,
    format: Option<Format>,
) -> Result<Vec<Input>, Diagnostic> {
    let ring = draft.f32_ring();
    found
        .into_iter()
        .map(|leaf| {
            let own = ring_of(&draft.plan.kernel, &leaf, ring)?;
            let format = format.unwrap_or(own);
            let buffer = draft.read(leaf.tensor, &leaf.order, format, leaf.span)?;
            Ok(Input { name: tensor_name(draft, &leaf), leaf, buffer, format, columns: None })
        })
        .collect()
}

/// The name of the tensor of some tiles.
pub(super) fn tensor_name(draft: &Draft<'_>, leaf: &Leaf) -> String {
    word(&draft.plan.kernel.tensors[leaf.tensor].name)
}

/// That of the tensor, if it is one.
fn name(inputs: &[Input], side: Side) -> String {
    match inputs {
        [input] => input.name.clone(),
        _ if side == Side::A => "a".to_owned(),
        _ => "b".to_owned(),
    }
}

/// Both operands need exponents of one size.
fn one_family(
    draft: &Draft<'_>,
    contract: &Contract,
    operands: [&Operand; 2],
) -> Result<(), Diagnostic> {
    let small = |operand: &Operand| {
        matches!(operand.format, Format::F16 | Format::NativeE4M3 | Format::NativeE5M2)
    };
    let [a, b] = operands;
    if small(a) == small(b) {
        return Ok(());
    }
    let span = |expr: Id<Expr>| draft.plan.kernel.exprs[expr].span;
    let message = "Tensix can't multiply factors with exponents of 5 and of 8 bits";
    let bits = |operand: &Operand| format!("{} bits here", if small(operand) { 5 } else { 8 });
    Err(Diagnostic::new(Kind::NotExpressible, span(contract.b.expr), message)
        .here(bits(b))
        .with(span(contract.a.expr), bits(a))
        .help(format!("convert one of them, to bf16 or to f16; or {ELSEWHERE}")))
}
