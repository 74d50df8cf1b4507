//! How a contraction is cut: the grid, the blocks, and where sums are kept.
//!
//! What a tile block says holds; of all cuts that it leaves open and that fit into L1,
//! the one is taken that the model of [`cost`](super::cost) finds fastest.

use std::fmt::Write;

use tilec_ir::dataflow::budget;
use tilec_ir::{Diagnostic, Kind, Span};

use super::cost::{Cost, cost};
use super::operand::Side;
use super::product::{Product, TILE};
use super::rings::rings;
use super::room::{Room, room, subblock};
use super::step;
use crate::dataflow::Draft;
use crate::tune::settings::{Given, Settings};

/// The tilings of a contraction.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    /// Columns and rows of cores.
    pub(super) grid: [u32; 2],
    pub(super) spread: Spread,
    /// Rows, columns and depth of a block, in tiles.
    pub(super) block: [u32; 3],
    /// Rows and columns that are multiplied at once.
    pub(super) sub: [u32; 2],
    /// Rows and columns that are finished at once.
    pub(super) group: [u32; 2],
    /// How many blocks of each operand are in flight.
    pub(super) stages: u32,
    pub(super) sums: Sums,
    /// Whether the writer stores partial sums as they are.
    pub(super) takes_sums: bool,
    pub(super) room: Room,
    pub(super) chosen_by: String,
}

/// Which core gets which blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    /// Cores of a row share blocks of `a`, those of a column share blocks of `b`.
    Shared {
        /// Rows and columns of blocks that each core has.
        passes: [u32; 2],
    },
    /// Every block on its own.
    Items,
}

/// Where sums are while they grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sums {
    InDst,
    InL1,
}

impl Cut {
    /// Blocks along `k`.
    pub(super) fn k_blocks(&self, product: &Product) -> u32 {
        product.tiles()[2].div_ceil(self.block[2])
    }

    /// How many cores share a block of an operand.
    pub(super) fn cores_along(&self, side: Side) -> u32 {
        match self.spread {
            Spread::Shared { .. } => self.grid[side as usize],
            Spread::Items => 1,
        }
    }

    /// Tiles of a block of an operand.
    pub(super) fn operand_tiles(&self, side: Side) -> u32 {
        self.block[side as usize] * self.block[2]
    }

    /// Blocks of the output, of all products.
    pub(super) fn blocks(&self, product: &Product) -> u32 {
        let [m, n, _] = product.tiles();
        product.batches * m.div_ceil(self.block[0]) * n.div_ceil(self.block[1])
    }

    /// Blocks of the busiest core.
    pub(super) fn most_blocks(&self, product: &Product) -> u32 {
        match self.spread {
            Spread::Shared { passes: [rows, columns] } => product.batches * rows * columns,
            Spread::Items => self.blocks(product).div_ceil(self.grid[0] * self.grid[1]),
        }
    }
}

/// The best cut.
pub(super) fn cut(
    draft: &mut Draft<'_>,
    region: usize,
    product: &Product,
    given: &Given<'_>,
) -> Result<Cut, Diagnostic> {
    let room = room(draft, product)?;
    let settings = &given.settings;
    let place = given.places.iter().map(|setting| setting.span).reduce(Span::to);
    check_depth(product, settings, place)?;
    let (mut best, mut least): (Option<(f64, Cut)>, Option<(u64, Cut)>) = (None, None);
    for candidate in candidates(draft, product, settings, room) {
        let bytes = l1_bytes(draft, product, &candidate);
        if bytes > draft.tensix().l1_bytes.into() {
            if least.as_ref().is_none_or(|(other, _)| bytes < *other) {
                least = Some((bytes, candidate));
            }
            continue;
        }
        let Cost { cycles, .. } = cost(draft, product, &candidate);
        if best.as_ref().is_none_or(|(other, _)| cycles < *other) {
            best = Some((cycles, candidate));
        }
    }
    if let Some((_, mut cut)) = best {
        cut.chosen_by = chosen_by(draft, product, &cut, settings);
        return Ok(cut);
    }
    let (bytes, cut) = least.expect("a block of one tile is always a candidate");
    Err(too_large(draft, region, product, &cut, bytes, place))
}

/// A depth that a tile block gives divides the blocks that are scaled.
fn check_depth(
    product: &Product,
    settings: &Settings,
    place: Option<Span>,
) -> Result<(), Diagnostic> {
    let (Some(k), Some(scales)) = (settings.k, &product.scales) else { return Ok(()) };
    let period = scales.period * TILE;
    if period.is_multiple_of(k) {
        return Ok(());
    }
    let message = format!("k = {k} does not divide the {period} of k that are scaled at once");
    Err(Diagnostic::new(Kind::BadSetting, place.unwrap_or(product.span), message)
        .help(format!("write k = {period} or a divisor of it that is a multiple of {TILE}")))
}

fn l1_bytes(draft: &Draft<'_>, product: &Product, cut: &Cut) -> u64 {
    let rings = rings(product, cut, draft.f32_ring());
    let semaphores = [Side::A, Side::B].iter().filter(|&&side| cut.cores_along(side) > 1).count();
    let bytes: u64 = rings.iter().map(super::rings::Ring::bytes).sum();
    bytes + semaphores as u64 * 2 * budget::SEMAPHORE_BYTES
}

/// Every cut that is worth a look.
fn candidates(draft: &Draft<'_>, product: &Product, settings: &Settings, room: Room) -> Vec<Cut> {
    let tensix = draft.tensix();
    let [m, n, _] = product.tiles();
    let rows = lines(m, tensix.rows, settings.m);
    let columns = lines(n, tensix.columns, settings.n);
    let depths = depths(product, settings);
    let mut found = Vec::new();
    for &(core_rows, row_passes, block_rows) in &rows {
        for &(core_columns, column_passes, block_columns) in &columns {
            for &depth in &depths {
                let spread = Spread::Shared { passes: [row_passes, column_passes] };
                let grid = [core_columns, core_rows];
                let block = [block_rows, block_columns, depth];
                found.extend(complete(product, settings, room, (grid, spread, block)));
            }
        }
    }
    for block_rows in sizes(m, settings.m) {
        for block_columns in sizes(n, settings.n) {
            for &depth in &depths {
                let block = [block_rows, block_columns, depth];
                let grid = grid_of(product, block, [tensix.columns, tensix.rows]);
                found.extend(complete(product, settings, room, (grid, Spread::Items, block)));
            }
        }
    }
    found
}

/// Cores along an axis, how often each has a block of it, and the length of a block.
fn lines(tiles: u32, most_cores: u32, given: Option<u32>) -> Vec<(u32, u32, u32)> {
    const MOST_PASSES: u32 = 12;
    let mut found = Vec::new();
    for cores in 1..=most_cores.min(tiles) {
        if let Some(given) = given {
            let block = given / TILE;
            found.push((cores, tiles.div_ceil(block).div_ceil(cores), block));
            continue;
        }
        for passes in 1..=MOST_PASSES {
            let block = tiles.div_ceil(cores * passes);
            // Without blocks that are all beyond the edge.
            if tiles.div_ceil(block) == cores * passes {
                found.push((cores, passes, block));
            }
        }
    }
    // What needs more passes than that has the smallest blocks that there are.
    if found.is_empty() || given.is_none() && found.iter().all(|x| x.2 > 8) {
        found.push((most_cores, tiles.div_ceil(8).div_ceil(most_cores), 8));
    }
    found
}

/// Lengths of blocks that stand on their own.
fn sizes(tiles: u32, given: Option<u32>) -> Vec<u32> {
    match given {
        Some(given) => vec![given / TILE],
        None => [1, 2, 3, 4, 6, 8].into_iter().filter(|&size| size <= tiles).collect(),
    }
}

/// Depths of blocks: divisors of what is scaled at once.
fn depths(product: &Product, settings: &Settings) -> Vec<u32> {
    if let Some(k) = settings.k {
        return vec![k / TILE];
    }
    let depth = product.tiles()[2];
    let period = product.scales.as_ref().map(|scales| scales.period);
    let fits = |size: u32| period.is_none_or(|period| period.is_multiple_of(size));
    let mut all: Vec<_> = [1, 2, 3, 4, 6, 8, 12, 16, 32].into_iter().chain([depth]).collect();
    all.retain(|&size| size <= depth.min(64) && fits(size));
    all.sort_unstable();
    all.dedup();
    all
}

/// The rectangle of cores that blocks on their own are dealt out to.
fn grid_of(product: &Product, [rows, columns, _]: [u32; 3], most: [u32; 2]) -> [u32; 2] {
    let [m, n, _] = product.tiles();
    let blocks =
        u64::from(product.batches) * u64::from(m.div_ceil(rows)) * u64::from(n.div_ceil(columns));
    let blocks = u32::try_from(blocks).unwrap_or(u32::MAX);
    let columns = most[0].min(blocks);
    [columns, blocks.div_ceil(columns).min(most[1])]
}

type Outline = ([u32; 2], Spread, [u32; 3]);

/// The cut with these blocks.
fn complete(
    product: &Product,
    settings: &Settings,
    room: Room,
    (grid, spread, block): Outline,
) -> Option<Cut> {
    let stages = settings.stages.unwrap_or(2);
    let k_blocks = product.tiles()[2].div_ceil(block[2]);
    let computed = product.operands.iter().any(|operand| operand.computed);
    let in_dst = subblock(block, room, room.sums);
    // What compute makes needs DST in between.
    let whole = in_dst.is_some_and(|[rows, columns]| [rows, columns] == block[..2]) && !computed;
    let stays = product.scales.is_none() && (k_blocks == 1 || whole);
    let (sums, sub, group) = match in_dst.filter(|_| stays) {
        Some(sub) => (Sums::InDst, sub, sub),
        None => {
            let sub = subblock(block, room, room.partials)?;
            let group = (1..=room.group.min(block[1])).rev();
            let group = group.into_iter().find(|&group| block[1].is_multiple_of(group))?;
            (Sums::InL1, sub, [1, group])
        }
    };
    let takes_sums = sums == Sums::InL1 && product.finish.is_plain(product);
    let chosen_by = String::new();
    Some(Cut { grid, spread, block, sub, group, stages, sums, takes_sums, room, chosen_by })
}

fn chosen_by(draft: &Draft<'_>, product: &Product, cut: &Cut, settings: &Settings) -> String {
    let [rows, columns, depth] = cut.block.map(|tiles| tiles * TILE);
    let who = |set: bool| if set { "tile block" } else { "model" };
    let mut text = format!(
        "m {rows} ({}), n {columns} ({}), k {depth} ({}), stages {} ({})",
        who(settings.m.is_some()),
        who(settings.n.is_some()),
        who(settings.k.is_some()),
        cut.stages,
        who(settings.stages.is_some()),
    );
    let cost = cost(draft, product, cut);
    write!(
        text,
        "; {} x {} cores; {:.0} k cycles by the model, bound by {}",
        cut.grid[0],
        cut.grid[1],
        cost.cycles / 1e3,
        cost.bound
    )
    .expect("a String takes all text");
    text
}

/// That no cut fits, with the table of the one that needs least.
fn too_large(
    draft: &mut Draft<'_>,
    region: usize,
    product: &Product,
    cut: &Cut,
    bytes: u64,
    place: Option<Span>,
) -> Diagnostic {
    let most = draft.tensix().l1_bytes;
    let kind = if place.is_some() { Kind::BadSetting } else { Kind::NotExpressible };
    let message = format!("a core would need {bytes} bytes of L1, and has {most} for buffers");
    let table = match step::step(draft, region, product, cut) {
        Ok(step) => budget::table(&step),
        Err(fault) => return fault,
    };
    let way =
        if place.is_some() { "smaller m, n, k or fewer stages" } else { "a smaller epilogue" };
    Diagnostic::new(kind, place.unwrap_or(product.span), message)
        .help(format!("write {way}; what takes the space:\n{table}"))
}
