//! Contractions with many rows: tiles of 128 x n with two warp groups that multiply.
//!
//! ```text
//! n         256 .. 64, whatever fills the last wave best
//! stages    as many as fit in shared memory
//! cluster   2 blocks below each other, which share the tiles of b
//! ```
//!
//! Where all sizes are known the cheapest n is taken. Else a few are offered, each
//! with the condition that no later one is cheaper; the cost is a formula that the
//! launch computes from tile counts.

use tilec_ir::tile::{Accumulate, Condition, Side};
use tilec_ir::{IntId, Scalar};
use tilec_target::Chip;

use crate::tile::pipeline::{registers_fit, skeleton};
use crate::tune::cut::{Choice, Cut, PipelineCut, accumulate};
use crate::tune::product::Product;
use crate::tune::symbols::Symbols;

/// Rows of a tile.
const ROWS: u32 = 128;
/// Columns of a tile, in order of preference.
const COLUMNS: [u32; 12] = [256, 224, 208, 192, 176, 160, 144, 128, 112, 96, 80, 64];
/// Those that are offered where sizes are told at launch: each is a kernel to compile.
const AT_LAUNCH: [u32; 3] = [256, 192, 128];
/// What a tile costs beside its columns, in columns: loading rows, starting, ending.
const OVERHEAD: u32 = 48;
/// The most columns whose partial sums fit beside the sums.
const ONE_PARTIAL: u32 = 192;
/// More slots than this bring nothing.
const MOST_STAGES: u32 = 12;

/// The cut of tiles with so many columns; `None` where it does not fit the chip.
fn cut(product: &Product, columns: u32, cluster: u32, chip: &Chip) -> Option<PipelineCut> {
    let cut = shape(product, columns, cluster);
    let possible = columns_exist(product, cut.columns) && registers_fit(&cut);
    possible.then(|| with_stages(product, cut, chip)).flatten()
}

/// The cut before it is known what fits.
pub(crate) fn shape(product: &Product, columns: u32, cluster: u32) -> PipelineCut {
    let accumulate = accumulate(product);
    let halves = accumulate != Accumulate::InPlace && columns > ONE_PARTIAL;
    PipelineCut {
        tile: [ROWS, columns, product.k_block()],
        swapped: false,
        stages: 1,
        split: 1,
        cluster,
        share: (cluster > 1).then_some(Side::B),
        instances: 2,
        columns: if halves { columns / 2 } else { columns },
        accumulate,
        partials: u32::from(accumulate != Accumulate::InPlace),
        band: 8,
        per_processor: 1,
    }
}

/// The cut with as many stages as fit; `None` below two.
pub(crate) fn with_stages(product: &Product, cut: PipelineCut, chip: &Chip) -> Option<PipelineCut> {
    let most = shared_limit(&cut, chip);
    let fits = |stages: u32| {
        let cut = PipelineCut { stages, ..cut.clone() };
        skeleton(product, &cut).shared_bytes <= most
    };
    let stages = (2..=MOST_STAGES).take_while(|&stages| fits(stages)).last()?;
    Some(PipelineCut { stages, ..cut })
}

/// Shared memory that a block can have, where so many share a multiprocessor.
pub(crate) fn shared_limit(cut: &PipelineCut, chip: &Chip) -> u32 {
    let cuda = chip.cuda();
    let share = cuda.shared_bytes_per_multiprocessor / cut.per_processor;
    // The system keeps 1 KiB of each block's share.
    share.saturating_sub(1024).min(cuda.shared_bytes_per_block)
}

/// Whether an instruction has so many columns: multiples of 8 up to 256, and over 32
/// only multiples of 16 of 8-bit integers.
pub(crate) fn columns_exist(product: &Product, columns: u32) -> bool {
    let integers = matches!(product.operands[0].element, Scalar::I8 | Scalar::U8);
    let step = if integers && columns > 32 { 16 } else { 8 };
    (8..=256).contains(&columns) && columns.is_multiple_of(step)
}

/// Choices for many rows; none if the operands cannot be copied as tiles.
pub(crate) fn choices(sizes: &mut Symbols<'_>, product: &Product, chip: &Chip) -> Vec<Choice> {
    let Some(when) = product.copy_conditions(sizes) else { return Vec::new() };
    let lengths = [product.m, product.n, product.batch].map(|length| sizes.value(length));
    match lengths {
        [Some(m), Some(n), Some(batch)] => {
            at_compile_time(product, chip, when, [m, n, batch]).into_iter().collect()
        }
        _ => at_launch(sizes, product, chip, &when).unwrap_or_default(),
    }
}

/// Blocks below each other that share columns: two, unless there is but one.
pub(crate) fn cluster(m: Option<i64>) -> u32 {
    if m.is_some_and(|m| m <= i64::from(ROWS)) { 1 } else { 2 }
}

fn at_compile_time(
    product: &Product,
    chip: &Chip,
    when: Vec<Condition>,
    [m, n, batch]: [i64; 3],
) -> Option<Choice> {
    let mut costs: Vec<(i64, PipelineCut)> = Vec::new();
    for columns in COLUMNS {
        let Some(cut) = cut(product, columns, cluster(Some(m)), chip) else { continue };
        costs.push((cost(&cut, chip, [m, n, batch]), cut));
    }
    costs.sort_by_key(|(cost, _)| *cost);
    let (best, next) = (costs.first()?, costs.get(1));
    let mut chosen_by = format!("model: {}", waves_text(&best.1, chip, [m, n, batch]));
    if let Some((cost, cut)) = next {
        let more = 100 * (cost - best.0) / best.0.max(1);
        chosen_by += &format!(", next n = {} at {more} % more", cut.tile[1]);
    }
    Some(Choice { when, cut: Cut::Pipeline(best.1.clone()), chosen_by })
}

/// Tiles of all clusters, and how many run at a time.
fn counts(cut: &PipelineCut, chip: &Chip, [m, n, batch]: [i64; 3]) -> (i64, i64) {
    let ceil = |x: i64, d: i64| x.div_euclid(d) + i64::from(x.rem_euclid(d) > 0);
    let rows = ceil(m, i64::from(cut.tile[0] * cut.cluster));
    let columns = ceil(n, i64::from(cut.tile[1]));
    let tiles = rows.saturating_mul(columns).saturating_mul(batch);
    (tiles, i64::from(chip.cuda().multiprocessors / cut.cluster))
}

/// Waves times what a tile costs, in columns.
fn cost(cut: &PipelineCut, chip: &Chip, lengths: [i64; 3]) -> i64 {
    let (tiles, at_once) = counts(cut, chip, lengths);
    let waves = tiles.div_euclid(at_once) + i64::from(tiles.rem_euclid(at_once) > 0);
    waves.saturating_mul(i64::from(cut.tile[1] + OVERHEAD))
}

fn waves_text(cut: &PipelineCut, chip: &Chip, lengths: [i64; 3]) -> String {
    let (tiles, at_once) = counts(cut, chip, lengths);
    let tenths = 10 * tiles / at_once;
    format!("{}.{} waves of n = {}", tenths / 10, tenths % 10, cut.tile[1])
}

/// A few cuts, each with the condition that none after it is cheaper.
fn at_launch(
    sizes: &mut Symbols<'_>,
    product: &Product,
    chip: &Chip,
    when: &[Condition],
) -> Option<Vec<Choice>> {
    let shared = cluster(sizes.value(product.m));
    let cuts = AT_LAUNCH.into_iter().filter_map(|columns| cut(product, columns, shared, chip));
    let mut costs = Vec::new();
    for cut in cuts {
        let cost = symbolic_cost(sizes, product, &cut, chip)?;
        costs.push((cut, cost));
    }
    let mut choices = Vec::new();
    for (at, (cut, cost)) in costs.iter().enumerate() {
        let cheaper = costs[at + 1..].iter().map(|(_, other)| Condition::AtMost(*cost, *other));
        let all: Vec<_> = when.iter().copied().chain(cheaper).collect();
        let Some(when) = sizes.open(all) else { continue };
        let chosen_by = format!("model: where n = {} fills waves best", cut.tile[1]);
        choices.push(Choice { when, cut: Cut::Pipeline(cut.clone()), chosen_by });
    }
    Some(choices)
}

/// [`cost`] as a formula.
fn symbolic_cost(
    sizes: &mut Symbols<'_>,
    product: &Product,
    cut: &PipelineCut,
    chip: &Chip,
) -> Option<IntId> {
    let rows = sizes.ceil(product.m, cut.tile[0] * cut.cluster)?;
    let columns = sizes.ceil(product.n, cut.tile[1])?;
    let tiles = sizes.product([rows, columns, product.batch])?;
    let waves = sizes.ceil(tiles, chip.cuda().multiprocessors / cut.cluster)?;
    sizes.times(waves, cut.tile[1] + OVERHEAD)
}
