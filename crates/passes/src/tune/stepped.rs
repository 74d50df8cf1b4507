//! Stepped contractions: what runs on every chip and takes every operand.
//!
//! ```text
//! tensor units    tiles of 128 x 128 (64 x 64 where there are few), copies in flight
//! plain f32, i32  tiles of 64 x 64, 4 x 4 results a thread
//! ```
//!
//! The last choice has no conditions: it takes single elements where nothing is
//! known of the alignment. One before it takes 16 bytes at a time.

use tilec_ir::tile::{Condition, Stepped, Unit};
use tilec_target::{Chip, Family};

use crate::tune::cut::{Choice, Cut, narrow};
use crate::tune::product::{Layout, Product, bytes, gcd, is_fp8};
use crate::tune::settings::Settings;
use crate::tune::symbols::Symbols;

/// Elements of `k` of a tile: 64 bytes as the unit reads them.
fn depth(unit: Unit) -> u32 {
    match unit {
        Unit::Scalar | Unit::Tf32 => 16,
        Unit::Bf16 | Unit::F16 => 32,
        Unit::I8 | Unit::Fp8 => 64,
    }
}

/// Products per result of one instruction.
pub(crate) fn unit_depth(unit: Unit) -> u32 {
    match unit {
        Unit::Scalar => 1,
        Unit::Tf32 => 8,
        Unit::Bf16 | Unit::F16 => 16,
        Unit::I8 | Unit::Fp8 => 32,
    }
}

/// Bytes of an element in shared memory, as the unit reads it.
pub(crate) fn unit_bytes(unit: Unit) -> u32 {
    match unit {
        Unit::Scalar | Unit::Tf32 => 4,
        Unit::Bf16 | Unit::F16 => 2,
        Unit::I8 | Unit::Fp8 => 1,
    }
}

/// Shared memory of a stepped contraction, with 16 bytes of padding to each row.
pub(crate) fn shared_bytes(cut: &Stepped) -> u32 {
    let row = cut.tile[2] * unit_bytes(cut.unit) + 16;
    cut.stages * (cut.tile[0] + cut.tile[1]) * row
}

/// Threads of a block.
pub(crate) fn threads(cut: &Stepped) -> u32 {
    let parts = (cut.tile[0] / cut.part[0]) * (cut.tile[1] / cut.part[1]);
    match cut.unit {
        Unit::Scalar => parts,
        Unit::Bf16 | Unit::F16 | Unit::Tf32 | Unit::I8 | Unit::Fp8 => 32 * parts,
    }
}

/// What the rows of a part are a multiple of.
pub(crate) fn part_rows(unit: Unit) -> u32 {
    match unit {
        Unit::Scalar => 1,
        Unit::Bf16 | Unit::F16 | Unit::Tf32 | Unit::I8 | Unit::Fp8 => 16,
    }
}

/// The part of a warp (or thread) of a tile.
pub(crate) fn part(unit: Unit, tile: [u32; 3]) -> [u32; 2] {
    match unit {
        Unit::Scalar => [4.min(tile[0]), 4.min(tile[1])],
        Unit::Bf16 | Unit::F16 | Unit::Tf32 | Unit::I8 | Unit::Fp8 => {
            let rows = if tile[0] >= 128 { 64 } else { 32 };
            [rows.min(tile[0]), 32.min(tile[1])]
        }
    }
}

/// The numbers that are used unless something says otherwise.
pub(crate) fn default(product: &Product, small: bool, chip: &Chip) -> Stepped {
    let unit = unit(product);
    // FP8 that is widened on its way, partial sums and places in a batch leave no room.
    let crowded = product.batched && is_widened(product, unit) && promote(product, unit).is_some();
    let mut tile = match (unit, small) {
        (Unit::Scalar, _) | (_, true) => [64, 64, depth(unit)],
        // Hopper widens FP8 for `mma.sync`; with partial sums beside the sums, parts of
        // 64 rows would not fit the registers.
        (Unit::Fp8, false) if chip.family() == Family::Hopper => [64, 128, depth(unit)],
        (_, false) if crowded => [64, 128, depth(unit)],
        (_, false) => [128, 128, depth(unit)],
    };
    let promote = promote(product, unit);
    if let Some(every) = promote {
        tile[2] = narrow(gcd(i64::from(every), i64::from(tile[2])));
    }
    let stages = if unit == Unit::Scalar { 2 } else { 4 };
    let mut cut =
        Stepped { tile, part: part(unit, tile), stages, unit, vector: [1, 1], split: 1, promote };
    while shared_bytes(&cut) > chip.cuda().shared_bytes_per_block && cut.stages > 2 {
        cut.stages -= 1;
    }
    cut
}

/// Whether a unit of wider elements multiplies FP8.
fn is_widened(product: &Product, unit: Unit) -> bool {
    unit != Unit::Fp8 && product.operands.iter().any(|matrix| is_fp8(matrix.element))
}

/// What multiplies: that of the operands, unless one of its instructions takes more of
/// `k` than has the same scales. Each of these holds the values of those before it.
pub(crate) fn unit(product: &Product) -> Unit {
    let wider = match product.unit {
        Unit::Fp8 => &[Unit::Fp8, Unit::Bf16, Unit::Tf32, Unit::Scalar][..],
        Unit::Bf16 => &[Unit::Bf16, Unit::Tf32, Unit::Scalar],
        Unit::F16 => &[Unit::F16, Unit::Tf32, Unit::Scalar],
        Unit::I8 => &[Unit::I8, Unit::Scalar],
        Unit::Tf32 => &[Unit::Tf32, Unit::Scalar],
        Unit::Scalar => &[Unit::Scalar],
    };
    let fits = |unit: &&Unit| {
        promote(product, **unit).is_none_or(|every| every.is_multiple_of(unit_depth(**unit)))
    };
    wider.iter().find(fits).copied().unwrap_or(Unit::Scalar)
}

/// After how much of `k` partial sums are scaled or promoted.
pub(crate) fn promote(product: &Product, unit: Unit) -> Option<u32> {
    let fp8 = unit == Unit::Fp8 && product.promotes;
    match (product.scale_block, fp8) {
        (Some(block), true) => Some(narrow(gcd(block, 128))),
        (Some(block), false) => Some(narrow(block)),
        (None, true) => Some(128),
        (None, false) => None,
    }
}

/// With copies of 16 bytes where sizes allow it, then without conditions.
pub(crate) fn choices(
    sizes: &mut Symbols<'_>,
    product: &Product,
    cut: &Stepped,
    chosen_by: &str,
) -> Vec<Choice> {
    let mut choices = Vec::new();
    if let Some((when, vector)) = aligned(sizes, product) {
        let cut = Cut::Stepped(Stepped { vector, ..cut.clone() });
        let last = when.is_empty();
        choices.push(Choice { when, cut, chosen_by: chosen_by.to_owned() });
        if last {
            return choices;
        }
    }
    let cut = Cut::Stepped(Stepped { vector: [1, 1], ..cut.clone() });
    choices.push(Choice { when: Vec::new(), cut, chosen_by: chosen_by.to_owned() });
    choices
}

/// The elements that copies of 16 bytes take of each operand, and when; `None` where
/// neither operand can be copied like that.
fn aligned(sizes: &mut Symbols<'_>, product: &Product) -> Option<(Vec<Condition>, [u32; 2])> {
    let (mut when, mut vector) = (Vec::new(), [1, 1]);
    for (matrix, vector) in product.operands.iter().zip(&mut vector) {
        let stored = matrix.stored.or(matrix.gathered);
        let Some(stored) = stored.filter(|stored| stored.layout != Layout::Batch) else {
            continue;
        };
        let elements = 16 / bytes(matrix.element);
        let condition = sizes.divides(elements, stored.inner);
        // An operand that never lies like that keeps the other from nothing.
        let Some(open) = condition.and_then(|condition| sizes.open([condition])) else { continue };
        when.extend(open);
        *vector = elements;
    }
    when.dedup();
    (vector != [1, 1]).then_some((when, vector))
}

/// Applies what a tile block says of a stepped contraction.
pub(crate) fn apply(settings: &Settings, mut cut: Stepped) -> Stepped {
    let [m, n, k] = cut.tile;
    cut.tile = [settings.m.unwrap_or(m), settings.n.unwrap_or(n), settings.k.unwrap_or(k)];
    cut.part = part(cut.unit, cut.tile);
    cut.stages = settings.stages.unwrap_or(cut.stages);
    cut.split = settings.split.unwrap_or(cut.split);
    cut
}
