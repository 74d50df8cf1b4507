//! Contractions with few rows, whose time is that of reading `b`: operands are
//! swapped, so that `b` takes the row side of the instruction and the few rows
//! its columns, in multiples of 8.
//!
//! ```text
//! rows      8 .. 128, as many as there are
//! columns   64 for two warp groups that take turns on k, or 128
//! k         blocks of 128 bytes in a slot: long stretches of a row are read faster
//! split     2 parts of k in a cluster, where there are too few tiles for all processors
//! ```

use tilec_ir::tile::{Accumulate, Condition, Side};
use tilec_target::Chip;
use tilec_target::measured::{Sums, measured};

use crate::tune::cut::{Choice, Cut, INSTRUCTION_ROWS, PipelineCut, accumulate};
use crate::tune::product::{Product, bytes};
use crate::tune::registers::all_fits;
use crate::tune::symbols::Symbols;
use crate::tune::wide::{sums, with_stages};

/// The most rows that are few.
pub(crate) const FEW: i64 = 128;
/// Tiles of rows that are offered where `m` is told at launch.
const AT_LAUNCH: [u32; 3] = [16, 64, 128];

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
    /// Blocks below each other that share the tiles of `b`.
    pub(crate) share: u32,
    /// Accumulators of partial sums, where there are any.
    pub(crate) partials: u32,
}

/// The cut of these numbers; `None` where it does not fit the chip.
fn cut(product: &Product, few: Few, chip: &Chip) -> Option<PipelineCut> {
    let cut = shape(product, few);
    // Scales that change within a slot are held beside the sums.
    let crowded = matches!(cut.accumulate, Accumulate::Scale(every) if every < 128);
    let possible = product.swaps(cut.tile[1])
        && !(crowded && few.rows > 64)
        && few.split * few.share <= chip.cuda().max_cluster_portable
        && super::wide::columns_exist(product, few.rows)
        && all_fits(product, &cut);
    possible.then(|| with_stages(product, cut, chip)).flatten()
}

/// The cut before it is known what fits.
pub(crate) fn shape(product: &Product, few: Few) -> PipelineCut {
    let accumulate = accumulate(product);
    PipelineCut {
        tile: [few.rows, INSTRUCTION_ROWS * few.groups, few.blocks * product.k_block()],
        swapped: true,
        dual: None,
        stages: 1,
        split: few.split,
        cluster: few.split * few.share,
        share: (few.share > 1).then_some(Side::B),
        instances: few.groups * few.sharing,
        columns: few.rows,
        accumulate,
        partials: match accumulate {
            Accumulate::InPlace => 0,
            // While they are small, one is added up as the other is multiplied into.
            Accumulate::Promote(_) | Accumulate::Scale(_) => {
                if few.rows <= 32 {
                    2
                } else {
                    1
                }
            }
        },
        band: 1,
        per_processor: 1,
    }
}

/// Choices for few rows, with the conditions on sizes that are open.
pub(crate) fn choices(sizes: &mut Symbols<'_>, product: &Product, chip: &Chip) -> Vec<Choice> {
    let Some(when) = product.copy_conditions(sizes) else { return Vec::new() };
    let rules = match sizes.value(product.m) {
        Some(m) if m > FEW => return Vec::new(),
        Some(m) => rules(product, tile_of(product, m), chip),
        None => at_launch(product, chip),
    };
    let mut choices = Vec::new();
    for rule in rules {
        let Some(choice) = rule.choice(sizes, product, &when, chip) else { continue };
        let last = choice.when.is_empty();
        choices.push(choice);
        if last {
            break;
        }
    }
    choices
}

/// A cut, and for how many tiles it is.
struct Rule {
    few: Few,
    /// The most rows of the output.
    most_rows: u32,
    /// The fewest and the most tiles, as parts of the chip's multiprocessors, in percent.
    tiles: (u32, u32),
    why: String,
}

const ANY: u32 = u32::MAX;

/// Measured rules for as many rows, then those of the model.
fn rules(product: &Product, rows: u32, chip: &Chip) -> Vec<Rule> {
    let (sums, bytes) = (sums(product), bytes(product.operands[0].element));
    let table = measured(&chip.name).map_or(&[][..], |measured| &measured.few);
    let of_class = |row: &&tilec_target::measured::Few| {
        row.sums == sums && row.bytes == bytes && rows <= row.most_m
    };
    // Of the classes of rows that are as many, the one with the fewest.
    let most = table.iter().filter(of_class).map(|row| row.most_m).min();
    let table = table.iter().filter(of_class).filter(|row| Some(row.most_m) == most);
    let measured = table.map(|row| {
        let tile = row.tile;
        let few = Few {
            rows: if tile.rows == 0 { rows } else { tile.rows },
            groups: tile.columns / INSTRUCTION_ROWS,
            sharing: tile.sharing,
            blocks: tile.blocks,
            split: tile.split,
            share: tile.share,
            partials: tile.partials,
        };
        let tiles = (row.tiles.least, row.tiles.most);
        Rule {
            few,
            most_rows: rows,
            tiles,
            why: format!("measured in its class: {}", row.measured),
        }
    });
    measured.chain(by_model(product, rows)).collect()
}

/// Tiles for all processors are best without a split, whose parts must wait for each
/// other; 64 columns are best while the sums of two warp groups fit beside each other.
fn by_model(product: &Product, rows: u32) -> Vec<Rule> {
    let scaled = sums(product) == Sums::Scaled;
    let rule = |few: Few, tiles: (u32, u32), why: &str| Rule {
        few,
        most_rows: rows,
        tiles,
        why: format!("model: {why}"),
    };
    let base = Few { rows, groups: 1, sharing: 2, blocks: 2, split: 1, share: 1, partials: 1 };
    if rows <= 64 {
        let short = rows <= 32;
        let whole =
            Few { blocks: if short { 4 } else { 2 }, partials: 1 + u32::from(short), ..base };
        return vec![
            rule(whole, (75, ANY), "few rows, tiles for all processors"),
            rule(Few { split: 2, ..whole }, (0, ANY), "few rows, k in 2 parts for more blocks"),
        ];
    }
    let whole = Few { groups: 2, sharing: 1, blocks: 1, ..base };
    let pair = if scaled {
        Few { split: 2, ..whole }
    } else {
        Few { rows: 64, share: 2, partials: 2, ..whole }
    };
    vec![
        rule(Few { rows: 64, ..base }, (50, 100), "few rows, a tile for each processor"),
        rule(pair, (0, 50), "few rows, two blocks for each tile of b"),
        rule(whole, (0, ANY), "few rows, reads b once"),
    ]
}

/// Fewer rules where `m` is told at launch, since each is a kernel to compile: those
/// that were measured (else the first, or two for the most rows) and, for the fewest and
/// the most rows, one that takes any number of tiles.
fn at_launch(product: &Product, chip: &Chip) -> Vec<Rule> {
    let mut all = Vec::new();
    for rows in AT_LAUNCH {
        let rules = rules(product, rows, chip);
        let by_model = by_model(product, rows).len();
        let without = if rows == AT_LAUNCH[2] { 2 } else { 1 };
        let measured = rules.len() - by_model;
        let first = if measured == 0 { without } else { measured };
        let last = rules.len() - 1;
        let takes_any = rows != AT_LAUNCH[1];
        let keep = |at: &usize| *at < first || *at == last && takes_any;
        all.extend(rules.into_iter().enumerate().filter(|(at, _)| keep(at)).map(|(_, rule)| rule));
    }
    all
}

impl Rule {
    fn choice(
        &self,
        sizes: &mut Symbols<'_>,
        product: &Product,
        when: &[Condition],
        chip: &Chip,
    ) -> Option<Choice> {
        let cut = cut(product, self.few, chip)?;
        let rows = sizes.ceil(product.m, cut.tile[0] * self.few.share)?;
        let columns = sizes.ceil(product.n, cut.tile[1])?;
        let tiles = sizes.product([rows, columns, product.batch])?;
        let processors = u64::from(chip.cuda().multiprocessors);
        let percent = |of: u32| i64::try_from(processors * u64::from(of) / 100).unwrap_or(i64::MAX);
        let mut all = when.to_vec();
        all.push(sizes.at_most(product.m, self.most_rows));
        if self.tiles.0 > 0 {
            all.push(sizes.at_least(tiles, percent(self.tiles.0)));
        }
        if self.tiles.1 < ANY {
            all.push(sizes.at_most(tiles, percent(self.tiles.1)));
        }
        let when = sizes.open(all)?;
        Some(Choice { when, cut: Cut::Pipeline(cut), chosen_by: self.why.clone() })
    }
}

/// The smallest tile that holds all rows.
fn tile_of(product: &Product, m: i64) -> u32 {
    let mut rows = u32::try_from(m.clamp(1, FEW)).unwrap_or(8).next_multiple_of(8);
    while !super::wide::columns_exist(product, rows) {
        rows += 8;
    }
    rows
}
