//! Contractions with many rows: large tiles, two or three warp groups that multiply.
//!
//! ```text
//! tile      128 x 256 .. 64, or 192 x 128: whatever takes the least time in all
//! stages    as many as fit in shared memory
//! cluster   2 blocks, which share the tiles of one operand
//! ```
//!
//! The time is that of a tile, measured or by the chip's rates, times the waves of
//! tiles. Where all sizes are known the quickest tile is taken. Else a few are
//! offered, each with the condition that no later one is quicker: a formula of tile
//! counts that the launch computes.

use tilec_ir::tile::{Accumulate, Condition, Side};
use tilec_ir::{IntId, Scalar};
use tilec_target::Chip;
use tilec_target::measured::{Shared, Sums, measured};

use crate::tile::pipeline::skeleton;
use crate::tune::cut::{Choice, Cut, INSTRUCTION_ROWS, PipelineCut, accumulate};
use crate::tune::product::{Layout, Product, bytes};
use crate::tune::registers::all_fits;
use crate::tune::symbols::Symbols;

/// Columns of tiles of 128 rows for the model, the preferred ones first.
const COLUMNS: [u32; 12] = [256, 224, 208, 192, 176, 160, 144, 128, 112, 96, 80, 64];
/// Those that are offered where sizes are told at launch: each is a kernel to compile.
const AT_LAUNCH: [u32; 3] = [256, 192, 128];
/// The most columns whose partial sums fit beside the sums.
const ONE_PARTIAL: u32 = 192;
/// More slots than this bring nothing.
const MOST_STAGES: u32 = 12;
/// The share of a chip's rate that tiles reach, in percent.
const REACHED: f64 = 80.0;
/// What a tile takes beside its products, for each column of 128 rows, in nanoseconds.
const EPILOGUE_NS: u32 = 6;

/// A tile, and what it takes.
struct Candidate {
    cut: PipelineCut,
    block_ns: u32,
    tile_ns: u32,
    at_launch: bool,
    measured: bool,
}

/// The tiles to choose from.
fn candidates(product: &Product, chip: &Chip, share: bool) -> Vec<Candidate> {
    let (sums, bytes) = (sums(product), bytes(product.operands[0].element));
    let table = measured(&chip.name).map_or(&[][..], |measured| &measured.wide);
    let rows = table.iter().filter(|row| row.sums == sums && row.bytes == bytes);
    let measured: Vec<Candidate> = rows
        .filter_map(|row| {
            let tile = row.tile;
            let side = match tile.share {
                Shared::A => Side::A,
                Shared::B => Side::B,
            };
            Some(Candidate {
                cut: cut(product, [tile.m, tile.n], share.then_some(side), chip)?,
                block_ns: tile.block_ns,
                tile_ns: tile.tile_ns,
                at_launch: tile.at_launch,
                measured: true,
            })
        })
        .collect();
    if measured.is_empty() { by_rates(product, chip, share) } else { measured }
}

/// Tiles of 128 rows with the time that the chip's rates give.
fn by_rates(product: &Product, chip: &Chip, share: bool) -> Vec<Candidate> {
    let rate = match product.operands[0].element {
        Scalar::F8E4M3 | Scalar::F8E5M2 => chip.peak.fp8.unwrap_or(chip.peak.half),
        Scalar::I8 | Scalar::U8 => chip.peak.i8.unwrap_or(chip.peak.half),
        Scalar::F32 => chip.peak.tf32,
        _ => chip.peak.half,
    };
    let of_one = rate * REACHED / 100.0 / f64::from(chip.cuda().multiprocessors);
    let made = COLUMNS.into_iter().filter_map(|columns| {
        // A few columns more stand for what does not shrink with them.
        let products = 2.0 * 128.0 * f64::from((columns + 8) * product.k_block());
        Some(Candidate {
            cut: cut(product, [128, columns], share.then_some(Side::B), chip)?,
            block_ns: nanoseconds(products / of_one),
            tile_ns: EPILOGUE_NS * columns,
            at_launch: AT_LAUNCH.contains(&columns),
            measured: false,
        })
    });
    made.collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a block of a tile takes microseconds"
)]
fn nanoseconds(seconds: f64) -> u32 {
    (seconds * 1e9).clamp(1.0, 1e6) as u32
}

/// What happens to partial sums, in the words of the table.
pub(crate) fn sums(product: &Product) -> Sums {
    match accumulate(product) {
        Accumulate::Scale(_) => Sums::Scaled,
        Accumulate::Promote(_) => Sums::Promoted,
        Accumulate::InPlace => Sums::InPlace,
    }
}

/// The cut of such tiles; `None` where it does not fit the chip.
fn cut(product: &Product, tile: [u32; 2], share: Option<Side>, chip: &Chip) -> Option<PipelineCut> {
    let cut = shape(product, tile, share);
    let possible = columns_exist(product, cut.columns) && all_fits(product, &cut);
    possible.then(|| with_stages(product, cut, chip)).flatten()
}

/// The cut before it is known what fits. Partial sums are of as many columns as leave all
/// in registers.
pub(crate) fn shape(product: &Product, tile: [u32; 2], share: Option<Side>) -> PipelineCut {
    let in_parts = |parts| parted(product, tile, share, parts);
    let fits = |cut: &PipelineCut| columns_exist(product, cut.columns) && all_fits(product, cut);
    let least = if tile[1] > ONE_PARTIAL { 2 } else { 1 };
    let all = [least, 2 * least].map(in_parts);
    all.iter().find(|cut| fits(cut)).unwrap_or(&all[0]).clone()
}

/// The cut whose partial sums, if it has any, are of one of so many parts of the columns.
fn parted(
    product: &Product,
    [rows, columns]: [u32; 2],
    share: Option<Side>,
    parts: u32,
) -> PipelineCut {
    let accumulate = accumulate(product);
    let partials = u32::from(accumulate != Accumulate::InPlace);
    let groups = rows / INSTRUCTION_ROWS;
    PipelineCut {
        tile: [rows, columns, product.k_block()],
        swapped: false,
        dual: None,
        stages: 1,
        split: 1,
        cluster: if share.is_some() { 2 } else { 1 },
        share,
        instances: instances(groups),
        columns: if partials > 0 { columns / parts } else { columns },
        accumulate,
        partials,
        band: 8,
        per_processor: 1,
    }
}

/// Warp groups that share out so many groups of rows evenly.
fn instances(groups: u32) -> u32 {
    [2, 3].into_iter().find(|&count| groups.is_multiple_of(count)).unwrap_or(1)
}

/// Tiles of a band: as many as keep their rows of `a`, or so many bytes of them, in the
/// cache while the columns pass.
pub(crate) fn band(sizes: &Symbols<'_>, product: &Product) -> u32 {
    let row = bytes(product.operands[0].element);
    match sizes.value(product.k).map(|k| k.saturating_mul(row.into())) {
        Some(0..=3072) => 32,
        Some(3073..=4096) => 16,
        Some(_) | None => 8,
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

/// Whether an instruction has so many columns: multiples of 8 up to 256, over 32 only
/// multiples of 16 of 8-bit integers; and of 64 where the rows of `b` lie innermost, which
/// come in boxes of so many.
pub(crate) fn columns_exist(product: &Product, columns: u32) -> bool {
    let integers = matches!(product.operands[0].element, Scalar::I8 | Scalar::U8);
    let boxes = product.operands[1].stored.is_some_and(|stored| stored.layout == Layout::Rows);
    let step = match (boxes, integers && columns > 32) {
        (true, _) => 64,
        (false, true) => 16,
        (false, false) => 8,
    };
    (8..=256).contains(&columns) && columns.is_multiple_of(step)
}

/// What the columns of each product of a dual contraction are a multiple of: boxes of rows
/// that lie innermost, else columns that may have the same scales.
pub(crate) fn side_step(product: &Product) -> u32 {
    let boxes = product.operands[1].lies().is_some_and(|lies| lies.layout == Layout::Rows);
    let scaled = product.column_block.is_some();
    if boxes || scaled { 64 } else { 8 }
}

/// Choices for many rows; none if the operands cannot be copied as tiles.
pub(crate) fn choices(sizes: &mut Symbols<'_>, product: &Product, chip: &Chip) -> Vec<Choice> {
    let Some(when) = product.copy_conditions(sizes) else { return Vec::new() };
    let mut candidates = candidates(product, chip, shares(sizes, product));
    // More rows than a place of the batch has would be those of others.
    let most = if product.filled { sizes.value(product.m) } else { None };
    candidates.retain(|of| most.is_none_or(|most| i64::from(of.cut.tile[0]) <= most));
    for candidate in &mut candidates {
        candidate.cut.band = band(sizes, product);
    }
    let lengths =
        [product.m, product.n, product.k, product.batch].map(|length| sizes.value(length));
    match lengths {
        [Some(m), Some(n), Some(k), Some(batch)] => {
            at_compile_time(&candidates, product, chip, when, [m, n, k, batch])
                .into_iter()
                .collect()
        }
        _ => {
            candidates.retain(|candidate| candidate.at_launch);
            at_launch(sizes, product, &candidates, chip, &when).unwrap_or_default()
        }
    }
}

/// Whether two blocks can share tiles: there is more than one tile of rows.
pub(crate) fn shares(sizes: &Symbols<'_>, product: &Product) -> bool {
    sizes.value(product.m).is_none_or(|m| m > 128)
}

fn at_compile_time(
    candidates: &[Candidate],
    product: &Product,
    chip: &Chip,
    when: Vec<Condition>,
    lengths: [i64; 4],
) -> Option<Choice> {
    let time = |candidate: &Candidate| time(candidate, product, chip, lengths);
    let mut timed: Vec<_> = candidates.iter().map(|c| (time(c), c)).collect();
    timed.sort_by_key(|(time, _)| *time);
    let (best, next) = (timed.first()?, timed.get(1));
    let by = if best.1.measured { "fitted to measurements" } else { "model" };
    let (tiles, at_once) = counts(&best.1.cut, chip, lengths);
    let tenths = 10 * tiles / at_once;
    let mut chosen_by =
        format!("{by}: {} us in {}.{} waves", best.0 / 1000, tenths / 10, tenths % 10);
    if let Some((time, next)) = next {
        chosen_by +=
            &format!(", next {} x {} in {} us", next.cut.tile[0], next.cut.tile[1], time / 1000);
    }
    Some(Choice { when, cut: Cut::Pipeline(best.1.cut.clone()), chosen_by })
}

/// Rows and columns of the output that a cluster takes.
fn together(cut: &PipelineCut) -> [u32; 2] {
    let [m, n, _] = cut.tile;
    match cut.share {
        Some(Side::A) => [m, n * cut.cluster],
        Some(Side::B) => [m * cut.cluster, n],
        None => [m, n],
    }
}

/// Items of all clusters, and how many run at a time.
fn counts(cut: &PipelineCut, chip: &Chip, [m, n, _, batch]: [i64; 4]) -> (i64, i64) {
    let [rows, columns] = together(cut).map(i64::from);
    let items = ceil(m, rows).saturating_mul(ceil(n, columns)).saturating_mul(batch);
    (items, i64::from(chip.cuda().multiprocessors / cut.cluster))
}

fn ceil(x: i64, d: i64) -> i64 {
    x.div_euclid(d) + i64::from(x.rem_euclid(d) > 0)
}

/// Waves times what a tile takes, in nanoseconds.
fn time(candidate: &Candidate, product: &Product, chip: &Chip, lengths: [i64; 4]) -> i64 {
    let (items, at_once) = counts(&candidate.cut, chip, lengths);
    let blocks = ceil(lengths[2], i64::from(product.k_block()));
    let tile = blocks * i64::from(candidate.block_ns) + i64::from(candidate.tile_ns);
    ceil(items, at_once).saturating_mul(tile)
}

/// A few cuts, each with the condition that none after it is quicker.
fn at_launch(
    sizes: &mut Symbols<'_>,
    product: &Product,
    candidates: &[Candidate],
    chip: &Chip,
    when: &[Condition],
) -> Option<Vec<Choice>> {
    let mut times = Vec::new();
    for candidate in candidates {
        times.push(symbolic_time(sizes, product, candidate, chip)?);
    }
    let mut choices = Vec::new();
    for (at, candidate) in candidates.iter().enumerate() {
        let quicker = times[at + 1..].iter().map(|&other| Condition::AtMost(times[at], other));
        let all: Vec<_> = when.iter().copied().chain(quicker).collect();
        let Some(when) = sizes.open(all) else { continue };
        let by = if candidate.measured { "fitted to measurements" } else { "model" };
        let chosen_by = format!(
            "{by}: where waves of {} x {} take least",
            candidate.cut.tile[0], candidate.cut.tile[1]
        );
        choices.push(Choice { when, cut: Cut::Pipeline(candidate.cut.clone()), chosen_by });
    }
    Some(choices)
}

/// [`time`] as a formula.
fn symbolic_time(
    sizes: &mut Symbols<'_>,
    product: &Product,
    candidate: &Candidate,
    chip: &Chip,
) -> Option<IntId> {
    let [rows, columns] = together(&candidate.cut);
    let rows = sizes.ceil(product.m, rows)?;
    let columns = sizes.ceil(product.n, columns)?;
    let items = sizes.product([rows, columns, product.batch])?;
    let waves = sizes.ceil(items, chip.cuda().multiprocessors / candidate.cut.cluster)?;
    let blocks = sizes.ceil(product.k, product.k_block())?;
    let blocks = sizes.times(blocks, candidate.block_ns)?;
    let beside = sizes.constant(candidate.tile_ns);
    let tile = sizes.add(blocks, beside)?;
    sizes.product([waves, tile])
}
