//! How long a cut takes, by a model that reads nothing but the chip's table.
//!
//! What a core computes, what each of its two networks brings and what the DRAM of all
//! gives run side by side; the slowest rules, and every block of `k` costs a handshake.
//! The vector unit is counted by instructions, copies to DST and packing by bytes.
//! Nothing of this is measured: it is for comparing cuts, not for telling times.

use tilec_ir::dataflow::cycles::vector_cycles;
use tilec_ir::dataflow::{BinaryVector, Fidelity, UnaryVector, Vector, WordVector};

use super::cut::{Cut, Spread, Sums};
use super::listed;
use super::operand::{Operand, Side};
use super::product::Product;
use super::rings::scale_tiles;
use super::room::COPY;
use crate::dataflow::Draft;

/// Packing a tile of f32 takes as long as copying it.
const PACK: f64 = COPY as f64;
/// Reserving, waiting and, with others, telling each other so.
const ALONE: f64 = 200.0;
const TOGETHER: f64 = 800.0;

/// What a cut takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// Cycles of the busiest core.
    pub(super) cycles: f64,
    /// What rules.
    pub(super) bound: &'static str,
}

/// Passes of the matrix unit.
pub(super) fn passes(fidelity: Fidelity) -> u32 {
    match fidelity {
        Fidelity::LoFi => 1,
        Fidelity::HiFi2 => 2,
        Fidelity::HiFi3 => 3,
        Fidelity::HiFi4 => 4,
    }
}

/// What a cut takes.
pub(super) fn cost(draft: &Draft<'_>, product: &Product, cut: &Cut) -> Cost {
    let tensix = draft.tensix();
    let blocks = f64::from(cut.most_blocks(product));
    let k_blocks = f64::from(cut.k_blocks(product));
    let [a, b] = [Side::A, Side::B].map(|side| {
        let tile = product.operands[side as usize].format.tile_bytes();
        let bytes = f64::from(cut.multiplied_tiles(side) * tile) + scale_bytes(product, cut, side);
        let kept = if side == Side::B { listed::times_read(product, cut) } else { 1.0 };
        blocks * k_blocks * kept * bytes / f64::from(tensix.noc_bytes_per_cycle)
    });
    let dram_rate = draft.chip.memory.bytes_per_second as f64 / tensix.clock_hz as f64;
    let parts = [
        (blocks * compute(product, cut, tensix.tile_product_cycles), "math"),
        (a.max(b), "the network"),
        (dram_bytes(product, cut) / dram_rate, "DRAM"),
    ];
    let rules = parts.into_iter().max_by(|x, y| x.0.total_cmp(&y.0)).expect("there are three");
    let alone = cut.cores_along(Side::A) * cut.cores_along(Side::B) == 1;
    let handshakes = blocks * k_blocks * if alone { ALONE } else { TOGETHER };
    // Of two that are as fast, the one that does less beside.
    let rest: f64 = parts.iter().map(|part| part.0).sum();
    Cost { cycles: rules.0 + handshakes + rest / 64.0, bound: rules.1 }
}

/// Cycles that a block of the output computes.
fn compute(product: &Product, cut: &Cut, tile_product_cycles: u32) -> f64 {
    let [rows, columns, _] = cut.block.map(f64::from);
    let depth = f64::from(product.tiles()[2]);
    let k_blocks = f64::from(cut.k_blocks(product));
    let tiles = rows * columns;
    let passes = product.pieces() * passes(product.fidelity);
    let math = tiles * depth * f64::from(tile_product_cycles * passes);
    let pack = match cut.sums {
        Sums::InDst => tiles * PACK,
        Sums::InL1 => tiles * k_blocks * PACK,
        Sums::Words => tiles * (k_blocks - 1.0) * words() + tiles * PACK,
    };
    let scaled = product.scales.as_ref().map_or(0.0, |_| {
        let subblocks = tiles / f64::from(cut.sub[0] * cut.sub[1]);
        let times = Vector::Binary(BinaryVector::Multiply, 0, 1, 0);
        k_blocks * (subblocks * cut.room.scaling as f64 + tiles * vector_cycles(&times) as f64)
    });
    let made: f64 = [Side::A, Side::B].into_iter().map(|side| made(product, cut, side)).sum();
    let finish = if cut.takes_sums { 0.0 } else { tiles * cut.room.finishing as f64 };
    // One section is not packed while it is computed.
    let together =
        if cut.room.full_sync { math + scaled + pack } else { (math + scaled).max(pack) };
    together + made + finish
}

/// Cycles of keeping a tile of words from one block of `k` to the next.
fn words() -> f64 {
    let unary = |op| vector_cycles(&Vector::Unary(op, 0, 0));
    let word = |op| vector_cycles(&Vector::Word(op, 0, 1, 0));
    let halves = unary(UnaryVector::LowerHalf) + unary(UnaryVector::UpperHalf);
    let added = word(WordVector::Join) + word(WordVector::Add);
    (unary(UnaryVector::ToInteger) + halves + added + 4 * COPY) as f64
}

/// Cycles that a core makes blocks of an operand for, its share of them.
fn made(product: &Product, cut: &Cut, side: Side) -> f64 {
    if !product.operands[side as usize].computed {
        return 0.0;
    }
    let decode = vector_cycles(&Vector::Unary(UnaryVector::DecodeE4M3, 0, 0));
    let tiles = f64::from(cut.block[side as usize] * product.tiles()[2]);
    tiles * (COPY + decode) as f64 / f64::from(cut.cores_along(side))
}

/// Bytes of scales that come with a block of an operand.
fn scale_bytes(product: &Product, cut: &Cut, side: Side) -> f64 {
    let inputs = product.scales.iter().flat_map(|scales| &scales.inputs);
    let of_side = inputs.filter(|input| input.leaf.moves[1] == (side == Side::B));
    of_side
        .map(|input| {
            let [rows, columns] = scale_tiles(cut, input);
            f64::from(rows * columns * input.format.tile_bytes())
        })
        .sum()
}

/// Bytes that all cores read and write.
fn dram_bytes(product: &Product, cut: &Cut) -> f64 {
    let [m, n, k] = product.tiles().map(f64::from);
    let batches = f64::from(product.batches);
    let read = |side: Side| {
        let operand = &product.operands[side as usize];
        let tiles = if side == Side::A { m * k } else { k * n };
        let times = times_read(product, cut, side);
        let scales = scale_bytes(product, cut, side) / f64::from(cut.operand_tiles(side));
        batches * tiles * times * (f64::from(tile_bytes(operand)) + scales)
    };
    let stored: u32 = product.finish.stored.iter().map(|one| one.format.tile_bytes()).sum();
    let inputs: u32 = product
        .finish
        .inputs
        .iter()
        .map(|input| if input.leaf.moves == [true, true] { input.format.tile_bytes() } else { 0 })
        .sum();
    read(Side::A) + read(Side::B) + batches * m * n * f64::from(stored + inputs)
}

/// How often every tile of an operand is read.
fn times_read(product: &Product, cut: &Cut, side: Side) -> f64 {
    let [m, n, _] = product.tiles();
    match (cut.spread, side) {
        (Spread::Shared { passes: [_, columns] }, Side::A) => f64::from(columns),
        (Spread::Shared { passes: [rows, _] }, Side::B) => f64::from(rows),
        (Spread::Items | Spread::Listed, Side::A) => f64::from(n.div_ceil(cut.block[1])),
        (Spread::Items, Side::B) => f64::from(m.div_ceil(cut.block[0])),
        (Spread::Listed, Side::B) => listed::times_read(product, cut),
    }
}

/// What a tile of an operand takes in DRAM.
pub(super) fn tile_bytes(operand: &Operand) -> u32 {
    operand.inputs.iter().map(|input| input.format.tile_bytes()).sum()
}
