//! What a tile block says of a contraction, checked against operands and chip.
//!
//! A setting is never rounded or dropped: what does not fit is a mistake that names
//! the budget and the numbers, and says what would fit.

use tilec_ir::tile::{Accumulate, Dual, Side, Stepped, Unit};
use tilec_ir::{Diagnostic, Kind, Span};
use tilec_target::Chip;

use crate::tile::pipeline::{SCALES_AT_ONCE, skeleton};
use crate::tune::contract::is_small;
use crate::tune::cut::{Choice, Cut, INSTRUCTION_ROWS, OTHER_REGISTERS, PipelineCut};
use crate::tune::few::Few;
use crate::tune::product::Product;
use crate::tune::registers::sums_fit;
use crate::tune::settings::{Given, Settings, Wanted};
use crate::tune::symbols::Symbols;
use crate::tune::{few, stepped, wide};

const CHOSEN_BY: &str = "tile block";

/// The choices that a tile block makes, and the stepped cut behind them.
pub(crate) fn choices(
    sizes: &mut Symbols<'_>,
    product: &Product,
    tiles: bool,
    chip: &Chip,
    given: &Given<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Vec<Choice>, Stepped) {
    let settings = &given.settings;
    let fallback = stepped::default(product, is_small(sizes, product), chip);
    let result = if wants_pipeline(settings, tiles) {
        pipeline_choices(sizes, product, tiles, chip, settings)
            .map(|choices| (choices, fallback.clone()))
    } else {
        stepped_cut(product, chip, settings, fallback.clone())
            .map(|cut| (stepped::choices(sizes, product, &cut, CHOSEN_BY), cut))
    };
    result.unwrap_or_else(|fault| {
        let span = given.places.first().map_or(Span::default(), |setting| setting.span);
        let span = given.places.iter().fold(span, |all, setting| all.to(setting.span));
        diagnostics.push(Diagnostic::new(Kind::BadSetting, span, fault.message).help(fault.help));
        (Vec::new(), fallback)
    })
}

/// Why settings do not fit, and what would.
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) help: String,
}

fn fault(message: String, help: impl Into<String>) -> Fault {
    Fault { message, help: help.into() }
}

/// Whether only a pipeline can be meant, or may be.
fn wants_pipeline(settings: &Settings, tiles: bool) -> bool {
    let only_there = settings.cluster.is_some_and(|cluster| cluster > 1)
        || settings.share.is_some()
        || settings.swap.is_some();
    match settings.unit {
        Some(Wanted::Wgmma) => true,
        Some(Wanted::Mma | Wanted::Scalar) => false,
        None => only_there || tiles,
    }
}

fn pipeline_choices(
    sizes: &mut Symbols<'_>,
    product: &Product,
    tiles: bool,
    chip: &Chip,
    settings: &Settings,
) -> Result<Vec<Choice>, Fault> {
    let when = if tiles { product.copy_conditions(sizes) } else { None };
    let Some(when) = when else { return Err(no_tiles(chip)) };
    // Blocks of a cluster would not leave out the same tiles.
    if product.filled
        && (settings.cluster.is_some_and(|cluster| cluster > 1) || settings.share.is_some())
    {
        return Err(fault(
            "rows of a group are multiplied by blocks each for itself, as data tells which \
             tiles there are"
                .to_owned(),
            "take cluster and share out",
        ));
    }
    let cut = pipeline_cut(sizes, product, chip, settings)?;
    Ok(vec![Choice { when, cut: Cut::Pipeline(cut), chosen_by: CHOSEN_BY.to_owned() }])
}

/// The operands are not such that tiles of them can be copied.
pub(crate) fn no_tiles(chip: &Chip) -> Fault {
    fault(
        format!("these operands cannot be copied to the matrix units of {} as tiles", chip.name),
        "tiles are copied of plain inputs of one narrow type, whose rows are multiples of 16 \
         bytes; write `unit = mma`, or take cluster, share, swap, dual and `unit = wgmma` out",
    )
}

/// The cut of a dual contraction of products like `product`: half of the columns for each.
pub(crate) fn dual_cut(
    sizes: &Symbols<'_>,
    product: &Product,
    dual: Dual,
    chip: &Chip,
    settings: &Settings,
) -> Result<PipelineCut, Fault> {
    let others = settings.cluster.is_some_and(|cluster| cluster > 1)
        || settings.share.is_some()
        || settings.split.is_some_and(|split| split > 1)
        || settings.swap == Some(true)
        || settings.unit.is_some_and(|unit| unit != Wanted::Wgmma);
    if others {
        return Err(fault(
            "a dual contraction is of wide tiles, which each block multiplies for itself"
                .to_owned(),
            "take cluster, share, split, swap and other units out",
        ));
    }
    let tile = [settings.m.unwrap_or(128), settings.n.unwrap_or(256)];
    let base = PipelineCut { dual: Some(dual), ..wide::shape(product, tile, None) };
    let mut cut = overridden(base, settings);
    cut.band = wide::band(sizes, product);
    let half = wide::side_step(product);
    if !cut.tile[1].is_multiple_of(2 * half) {
        return Err(fault(
            format!("n = {} is not two times a multiple of {half}", cut.tile[1]),
            format!(
                "write n = {}: half of it is of each product",
                cut.tile[1].next_multiple_of(2 * half)
            ),
        ));
    }
    multiples(product, &cut)?;
    registers(product, &cut)?;
    shared_memory(product, cut, chip, settings.stages)
}

/// The cut with what the settings say and the model for the rest.
fn pipeline_cut(
    sizes: &Symbols<'_>,
    product: &Product,
    chip: &Chip,
    settings: &Settings,
) -> Result<PipelineCut, Fault> {
    let m = settings.m.unwrap_or(128);
    let swapped = settings.swap.unwrap_or(!m.is_multiple_of(INSTRUCTION_ROWS));
    let base = if swapped {
        let rows = settings.m.unwrap_or(16);
        let n = settings.n.unwrap_or(64);
        let blocks = settings.k.map_or(2, |k| k.div_ceil(product.k_block()));
        let groups = (n / INSTRUCTION_ROWS).max(1);
        let sharing = if groups == 1 && blocks.is_multiple_of(2) && rows <= 64 { 2 } else { 1 };
        let split = settings.split.unwrap_or(1);
        few::shape(product, Few { rows, groups, sharing, blocks, split, share: 1, partials: 1 })
    } else {
        let shares = settings.cluster.map_or(wide::shares(sizes, product), |cluster| cluster > 1);
        let side = shares.then(|| settings.share.unwrap_or(Side::B));
        wide::shape(product, [m, settings.n.unwrap_or(128)], side)
    };
    let mut cut = overridden(base, settings);
    if !swapped {
        cut.band = wide::band(sizes, product);
    }
    multiples(product, &cut)?;
    if cut.swapped && !product.swaps(cut.tile[1]) {
        return Err(fault(
            format!(
                "tiles of {} columns do not take the row side of the matrix instruction: both \
                 operands must lie with the reduced variable innermost, and scales be constant \
                 over the columns of a tile",
                cut.tile[1]
            ),
            "write `swap = no`, or fewer columns (n)",
        ));
    }
    cluster_fits(&cut, chip)?;
    registers(product, &cut)?;
    shared_memory(product, cut, chip, settings.stages)
}

fn overridden(mut cut: PipelineCut, settings: &Settings) -> PipelineCut {
    let [m, n, k] = cut.tile;
    cut.tile = [settings.m.unwrap_or(m), settings.n.unwrap_or(n), settings.k.unwrap_or(k)];
    cut.split = settings.split.unwrap_or(cut.split);
    cut.cluster = settings.cluster.unwrap_or(cut.cluster.max(cut.split));
    if cut.cluster > cut.split {
        cut.share = settings.share.or(cut.share).or(Some(Side::B));
    }
    if cut.swapped {
        cut.instances = cut.instances.max(cut.row_side() / INSTRUCTION_ROWS);
    }
    if cut.swapped {
        cut.columns = cut.tile[0];
    }
    cut
}

fn multiples(product: &Product, cut: &PipelineCut) -> Result<(), Fault> {
    let [m, n, k] = cut.tile;
    let (rows, columns) = if cut.swapped { (("n", n), ("m", m)) } else { (("m", m), ("n", n)) };
    if !rows.1.is_multiple_of(INSTRUCTION_ROWS) {
        return Err(fault(
            format!(
                "{} = {} is no multiple of the {INSTRUCTION_ROWS} rows of the matrix instruction",
                rows.0, rows.1
            ),
            format!("write {} = {}", rows.0, rows.1.next_multiple_of(INSTRUCTION_ROWS)),
        ));
    }
    if !wide::columns_exist(product, cut.columns) || !columns.1.is_multiple_of(cut.columns) {
        return Err(fault(
            format!("no matrix instruction has the columns for {} = {}", columns.0, columns.1),
            "they are multiples of 8 up to 256, and over 32 of 16 for 8-bit integers",
        ));
    }
    let block = product.k_block();
    if !k.is_multiple_of(block) {
        return Err(fault(
            format!("k = {k} is no multiple of the {block} elements that make 128 bytes"),
            format!("write k = {}", k.next_multiple_of(block)),
        ));
    }
    let chunk = SCALES_AT_ONCE * block;
    let scaled = matches!(cut.accumulate, Accumulate::Scale(_));
    if cut.swapped && scaled && !(k < chunk && chunk.is_multiple_of(k)) {
        return Err(fault(
            format!("k = {k} does not divide the {chunk} of k whose scales come at once"),
            format!("write k = {block}, {} or {}", 2 * block, 4 * block),
        ));
    }
    if !cut.swapped && k != block {
        return Err(fault(
            format!("k = {k} is more than the {block} elements of one slot of a wide tile"),
            format!("write k = {block} and more stages"),
        ));
    }
    Ok(())
}

fn cluster_fits(cut: &PipelineCut, chip: &Chip) -> Result<(), Fault> {
    let most = chip.cuda().max_cluster_portable;
    if cut.cluster > most {
        return Err(fault(
            format!("a cluster of {} blocks is more than the {most} of {}", cut.cluster, chip.name),
            format!("write cluster = {most} or less"),
        ));
    }
    if !cut.swapped && cut.split > 1 {
        return Err(fault(
            format!(
                "split = {} is of tiles with few rows, and these have {}",
                cut.split, cut.tile[0]
            ),
            "write `swap = yes`, or take split out",
        ));
    }
    let sharers = cut.cluster / cut.split;
    if !cut.cluster.is_multiple_of(cut.split) || sharers > 1 && !shareable(cut, sharers) {
        return Err(fault(
            format!(
                "a cluster of {} blocks does not divide into {} parts that share tiles",
                cut.cluster, cut.split
            ),
            "make cluster a multiple of split, and tiles a multiple of 8 rows for each block",
        ));
    }
    Ok(())
}

/// Whether each block of a cluster can load its share of the common tile.
fn shareable(cut: &PipelineCut, sharers: u32) -> bool {
    let rows = match cut.share {
        Some(Side::A) => cut.tile[0],
        Some(Side::B) | None => cut.tile[1],
    };
    rows.is_multiple_of(8 * sharers)
}

fn registers(product: &Product, cut: &PipelineCut) -> Result<(), Fault> {
    if sums_fit(product, cut) {
        return Ok(());
    }
    let [m, n, _] = cut.tile;
    Err(fault(
        format!(
            "a tile of {m} x {n} takes {} registers of each thread for sums and {OTHER_REGISTERS} for the rest, \
             over what {} threads have",
            cut.accumulators(),
            cut.threads()
        ),
        "make m or n smaller",
    ))
}

fn shared_memory(
    product: &Product,
    cut: PipelineCut,
    chip: &Chip,
    stages: Option<u32>,
) -> Result<PipelineCut, Fault> {
    let [m, n, k] = cut.tile;
    let limit = wide::shared_limit(&cut, chip);
    let need = |stages: u32| skeleton(product, &PipelineCut { stages, ..cut.clone() }).shared_bytes;
    let most = wide::with_stages(product, cut.clone(), chip).map_or(0, |cut| cut.stages);
    let stages = stages.unwrap_or(most.max(1));
    if need(stages) <= limit {
        return Ok(PipelineCut { stages, ..cut });
    }
    let help = if most == 0 {
        "make the tile smaller".to_owned()
    } else {
        format!("at most {most} stages of this tile fit")
    };
    Err(fault(
        format!(
            "m = {m}, n = {n}, k = {k} and stages = {stages} need {} bytes of shared memory, \
             and a block of {} has {limit}",
            need(stages),
            chip.name
        ),
        help,
    ))
}

fn stepped_cut(
    product: &Product,
    chip: &Chip,
    settings: &Settings,
    base: Stepped,
) -> Result<Stepped, Fault> {
    if settings.unit == Some(Wanted::Mma) && product.unit == Unit::Scalar {
        return Err(fault(
            "no matrix instruction takes these operands without loss".to_owned(),
            "for f32, `tf32 = yes` allows one that rounds; else write `unit = scalar`",
        ));
    }
    if settings.split.is_some_and(|split| split > 1) {
        return Err(fault(
            "split is of contractions that are copied as tiles, and this one is not".to_owned(),
            "take split out",
        ));
    }
    let cut = stepped::apply(settings, base);
    stepped_fits(product, &cut, chip)?;
    Ok(cut)
}

fn stepped_fits(product: &Product, cut: &Stepped, chip: &Chip) -> Result<(), Fault> {
    let [m, n, k] = cut.tile;
    let depth = stepped::unit_depth(cut.unit);
    if !m.is_multiple_of(cut.part[0]) || !n.is_multiple_of(cut.part[1]) {
        return Err(fault(
            format!(
                "m = {m}, n = {n} is not made of parts of {} x {} each",
                cut.part[0], cut.part[1]
            ),
            "make both multiples of these",
        ));
    }
    if !cut.part[0].is_multiple_of(stepped::part_rows(cut.unit)) || !k.is_multiple_of(depth) {
        return Err(fault(
            format!(
                "m = {m}, k = {k} is not made of matrix instructions of 16 rows and {depth} of k"
            ),
            "make m a multiple of 32 and k one of that",
        ));
    }
    if let Some(every) = cut.promote.filter(|every| !every.is_multiple_of(k)) {
        return Err(fault(
            format!("k = {k} does not divide the {every} of k after which sums are scaled"),
            format!("write k = {}", stepped::default(product, true, chip).tile[2]),
        ));
    }
    let (threads, bytes) = (stepped::threads(cut), stepped::shared_bytes(cut));
    if !(32..=1024).contains(&threads) || !threads.is_multiple_of(32) {
        return Err(fault(
            format!("m = {m}, n = {n} takes a block of {threads} threads"),
            "a block has a multiple of 32 up to 1024: one for 4 x 4 results, or a warp for a part",
        ));
    }
    let limit = chip.cuda().shared_bytes_per_block;
    if bytes > limit {
        return Err(fault(
            format!(
                "m = {m}, n = {n}, k = {k} and stages = {} need {bytes} bytes of shared memory, \
                 and a block of {} has {limit}",
                cut.stages, chip.name
            ),
            "make stages or the tile smaller",
        ));
    }
    Ok(())
}
