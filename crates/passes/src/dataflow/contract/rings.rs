//! The circular buffers of a step, and which of a block's tiles are in them.

use tilec_ir::dataflow::Format;

use super::cut::{Cut, Sums};
use super::listed::Worker;
use super::operand::{Input, Side};
use super::product::Product;

/// What a ring is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Blocks of an operand, as they are multiplied.
    Operand(Side),
    /// What compute makes an operand from, by input.
    Raw(Side, usize),
    /// Blocks that compute made, to be sent to other cores.
    Made(Side),
    /// Scales, by input.
    Scale(usize),
    /// Partial sums of a block of the output.
    Sums,
    /// What the epilogue reads, by input.
    Input(usize),
    /// What is stored, by position.
    Output(usize),
    /// What there is to do, as a role knows it.
    List(Worker),
    /// A table that tells it, by position.
    Table(usize),
}

/// A ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ring {
    pub(super) used: Use,
    pub(super) format: Format,
    /// How many tiles come at once.
    pub(super) tiles: u32,
    /// How often that fits.
    pub(super) depth: u32,
}

impl Ring {
    pub(super) fn bytes(&self) -> u64 {
        let tiles = u64::from(self.tiles) * u64::from(self.depth);
        tiles * u64::from(self.format.tile_bytes())
    }
}

/// The rings of a cut, in the order of their numbers. `f32_ring` holds what is copied.
pub(super) fn rings(product: &Product, cut: &Cut, f32_ring: Format) -> Vec<Ring> {
    let mut rings = Vec::new();
    let mut push = |used, format, tiles, depth| rings.push(Ring { used, format, tiles, depth });
    for side in [Side::A, Side::B] {
        let operand = &product.operands[side as usize];
        let (tiles, sent) = (cut.operand_tiles(side), cut.cores_along(side) > 1);
        let multiplied = cut.multiplied_tiles(side);
        push(Use::Operand(side), operand.format, multiplied, cut.stages);
        if operand.computed {
            for (at, input) in operand.inputs.iter().enumerate() {
                push(Use::Raw(side, at), input.format, tiles, if sent { 1 } else { 2 });
            }
            if sent {
                push(Use::Made(side), operand.format, multiplied, 1);
            }
        }
    }
    for (at, input) in product.scales.iter().flat_map(|scales| &scales.inputs).enumerate() {
        let [rows, columns] = scale_tiles(cut, input);
        push(Use::Scale(at), input.format, rows * columns, 2);
    }
    let [rows, columns, _] = cut.block;
    if cut.sums == Sums::InL1 {
        push(Use::Sums, f32_ring, rows * columns, 1);
    }
    if cut.sums == Sums::Words && cut.k_blocks(product) > 1 {
        push(Use::Sums, Format::U16, 2 * rows * columns, 1);
    }
    for (at, input) in product.finish.inputs.iter().enumerate() {
        let depth = if is_streamed(input) { 2 } else { 1 };
        push(Use::Input(at), input.format, input_tiles(cut, input), depth);
    }
    if !cut.takes_sums {
        for (at, stored) in product.finish.stored.iter().enumerate() {
            push(Use::Output(at), stored.format, cut.group[0] * cut.group[1], 2);
        }
    }
    if let Some(listed) = product.listed {
        for role in Worker::ALL {
            push(Use::List(role), Format::Word, listed.list_pages(product, cut), 1);
        }
        for at in 0..1 + usize::from(listed.has_filled()) {
            push(Use::Table(at), Format::Word, listed.table_pages(), 1);
        }
    }
    rings
}

/// How many tiles of a scale there are for a block: one per row and per column of
/// subblocks that it varies with.
pub(super) fn scale_tiles(cut: &Cut, input: &Input) -> [u32; 2] {
    let along = |side: usize| {
        if input.leaf.moves[side] { cut.block[side] / cut.sub[side] } else { 1 }
    };
    [along(0), along(1)]
}

/// Whether an input has a tile of its own for every tile of the output, so that it comes
/// in the order of the output.
pub(super) fn is_streamed(input: &Input) -> bool {
    input.leaf.moves == [true, true]
}

/// How many tiles of an input come at once.
pub(super) fn input_tiles(cut: &Cut, input: &Input) -> u32 {
    match input.leaf.moves {
        [true, true] => cut.group[0] * cut.group[1],
        [true, false] => cut.block[0],
        [false, true] => cut.block[1],
        [false, false] => 1,
    }
}
