//! Contractions with few rows, whose time is that of reading `b`: operands are
//! swapped, so that `b` takes the row side of the instruction and the few rows
//! its columns, in multiples of 8.
//!
//! ```text
//! rows      8 .. 128, as many as there are
//! columns   64, or 128 with two warp groups
//! k         blocks of a slot, so that a copy is long
//! split     parts of k in a cluster, where there are too few tiles for all processors
//! ```

use tilec_ir::tile::{Accumulate, Condition};
use tilec_target::Chip;

use crate::tile::pipeline::registers_fit;
use crate::tune::cut::{Choice, Cut, INSTRUCTION_ROWS, PipelineCut, accumulate};
use crate::tune::product::Product;
use crate::tune::symbols::Symbols;
use crate::tune::wide::with_stages;

/// The most rows that are few.
pub(crate) const FEW: i64 = 128;
/// Tiles of rows that are offered where `m` is told at launch.
const AT_LAUNCH: [u32; 3] = [16, 64, 128];
/// Parts that a cluster can add up.
const SPLITS: [u32; 3] = [1, 2, 4];

/// The numbers of a cut for few rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Few {
    /// Rows of a tile: a multiple of 8.
    pub(crate) rows: u32,
    /// Warp groups along the columns.
    pub(crate) groups: u32,
    /// Warp groups that share the same columns, each with its part of `k`.
    pub(crate) sharing: u32,
    /// Blocks of 128 bytes of `k` in a slot.
    pub(crate) blocks: u32,
    /// Parts of `k`.
    pub(crate) split: u32,
}

/// The cut of these numbers; `None` where it does not fit the chip.
fn cut(product: &Product, few: Few, chip: &Chip) -> Option<PipelineCut> {
    let cut = shape(product, few);
    let possible = few.split <= chip.cuda().max_cluster_portable
        && super::wide::columns_exist(product, few.rows)
        && registers_fit(&cut);
    possible.then(|| with_stages(product, cut, chip)).flatten()
}

/// The cut before it is known what fits.
pub(crate) fn shape(product: &Product, few: Few) -> PipelineCut {
    let accumulate = accumulate(product);
    PipelineCut {
        tile: [few.rows, INSTRUCTION_ROWS * few.groups, few.blocks * product.k_block()],
        swapped: true,
        stages: 1,
        split: few.split,
        cluster: few.split,
        share: None,
        instances: few.groups * few.sharing,
        columns: few.rows,
        accumulate,
        partials: u32::from(accumulate != Accumulate::InPlace),
        band: 1,
        per_processor: 1,
    }
}

/// What suits a number of rows: two warp groups share 64 columns while sums are small.
fn numbers(rows: u32, split: u32) -> Few {
    match rows {
        0..=32 => Few { rows, groups: 1, sharing: 2, blocks: 4, split },
        33..=64 => Few { rows, groups: 1, sharing: 2, blocks: 2, split },
        _ => Few { rows, groups: 2, sharing: 1, blocks: 1, split },
    }
}

/// Choices for few rows, with the condition on `m` where it is open.
pub(crate) fn choices(sizes: &mut Symbols<'_>, product: &Product, chip: &Chip) -> Vec<Choice> {
    let Some(when) = product.copy_conditions(sizes) else { return Vec::new() };
    let candidates: Vec<u32> = match sizes.value(product.m) {
        Some(m) if m > FEW => return Vec::new(),
        Some(m) => vec![tile_of(product, m)],
        None => AT_LAUNCH.to_vec(),
    };
    let mut choices = Vec::new();
    for rows in candidates {
        choices.extend(splits(sizes, product, rows, &when, chip));
    }
    choices
}

/// The smallest tile that holds all rows.
fn tile_of(product: &Product, m: i64) -> u32 {
    let mut rows = u32::try_from(m.clamp(1, FEW)).unwrap_or(8).next_multiple_of(8);
    while !super::wide::columns_exist(product, rows) {
        rows += 8;
    }
    rows
}

/// Whole sums where there are tiles for all processors, else as few parts as fill them.
fn splits(
    sizes: &mut Symbols<'_>,
    product: &Product,
    rows: u32,
    when: &[Condition],
    chip: &Chip,
) -> Vec<Choice> {
    let processors = chip.cuda().multiprocessors;
    let mut choices = Vec::new();
    for split in SPLITS {
        let Some(cut) = cut(product, numbers(rows, split), chip) else { continue };
        let Some(tiles) = sizes.ceil(product.n, cut.tile[1]) else { continue };
        let Some(tiles) = sizes.product([tiles, product.batch]) else { continue };
        let mut all = when.to_vec();
        all.push(sizes.at_most(product.m, rows));
        // The next split would have to wait for processors.
        if split != 4 {
            all.push(sizes.at_least(tiles, processors / (split * 2) + 1));
        }
        let Some(when) = sizes.open(all) else { continue };
        let last = when.is_empty();
        let chosen_by = match split {
            1 => "model: reads b once, tiles for all processors".to_owned(),
            _ => format!("model: reads b once, k in {split} parts to use all processors"),
        };
        choices.push(Choice { when, cut: Cut::Pipeline(cut), chosen_by });
        if last {
            break;
        }
    }
    choices
}
