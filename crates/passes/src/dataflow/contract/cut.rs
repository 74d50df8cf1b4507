//! How a contraction is cut: the grid, the blocks, and where sums are kept.
//!
//! What a tile block says holds; of all cuts that it leaves open and that fit into L1,
//! the one is taken that the model of [`cost`](super::cost) finds fastest.

use std::fmt::Write;

use tilec_ir::dataflow::budget;
use tilec_ir::{Diagnostic, Kind, Span};

use super::candidates::candidates;
use super::cost::{Cost, cost};
use super::listed::keeps_b;
use super::operand::Side;
use super::product::{Product, TILE};
use super::rings::rings;
use super::room::{Room, rooms};
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
    /// In how many pieces each operand is multiplied.
    pub(super) pieces: [u32; 2],
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
    /// As a list tells that each core makes: see [`listed`](super::listed).
    Listed,
}

/// Where sums are while they grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sums {
    InDst,
    InL1,
    /// Integers, in DST as words and in L1 as their halves.
    Words,
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
            Spread::Items | Spread::Listed => 1,
        }
    }

    /// Tiles of a block of an operand.
    pub(super) fn operand_tiles(&self, side: Side) -> u32 {
        self.block[side as usize] * self.block[2]
    }

    /// The same of an operand as it is multiplied.
    pub(super) fn multiplied_tiles(&self, side: Side) -> u32 {
        self.operand_tiles(side) * self.pieces[side as usize]
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
            Spread::Items | Spread::Listed => {
                self.blocks(product).div_ceil(self.grid[0] * self.grid[1])
            }
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
    let rooms = rooms(draft, product)?;
    let settings = &given.settings;
    let place = given.places.iter().map(|setting| setting.span).reduce(Span::to);
    check_depth(product, settings, place)?;
    check_height(product, settings, place)?;
    let mut best: Option<(f64, Cut)> = None;
    let mut least: Option<(u64, Cut)> = None;
    for candidate in candidates(draft, product, settings, &rooms) {
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
    if let (Some(k), Some(most)) = (settings.k, product.words.map(|tiles| tiles * TILE))
        && k > most
    {
        let message = format!("integers are not exact in sums of k = {k}");
        return Err(Diagnostic::new(Kind::BadSetting, place.unwrap_or(product.span), message)
            .help(format!("write k = {most} or less: what is beyond is added as i32")));
    }
    let (Some(k), Some(scales)) = (settings.k, &product.scales) else { return Ok(()) };
    let period = scales.period * TILE;
    if period.is_multiple_of(k) {
        return Ok(());
    }
    let message = format!("k = {k} does not divide the {period} of k that are scaled at once");
    Err(Diagnostic::new(Kind::BadSetting, place.unwrap_or(product.span), message)
        .help(format!("write k = {period} or a divisor of it that is a multiple of {TILE}")))
}

/// Tiles of groups have as many rows as the tables count.
fn check_height(
    product: &Product,
    settings: &Settings,
    place: Option<Span>,
) -> Result<(), Diagnostic> {
    let rows = product.tiles()[0] * TILE;
    let Some(m) = settings.m.filter(|&m| product.listed.is_some() && m != rows) else {
        return Ok(());
    };
    let message = format!("the rows of groups are in tiles of {rows} here, not of m = {m}");
    Err(Diagnostic::new(Kind::BadSetting, place.unwrap_or(product.span), message)
        .help("take m out: it follows from how many rows a group has on average"))
}

fn l1_bytes(draft: &Draft<'_>, product: &Product, cut: &Cut) -> u64 {
    let rings = rings(product, cut, draft.f32_ring());
    let semaphores = [Side::A, Side::B].iter().filter(|&&side| cut.cores_along(side) > 1).count();
    let bytes: u64 = rings.iter().map(super::rings::Ring::bytes).sum();
    bytes + semaphores as u64 * 2 * budget::SEMAPHORE_BYTES
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
    if let Some(listed) = product.listed {
        let tiles = listed.tiles;
        let kept =
            if keeps_b(product, cut) { ", a group's matrix stays for its tiles" } else { "" };
        write!(text, "; {tiles} tiles of rows at most, dealt when it runs{kept}")
            .expect("a String takes all text");
    }
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
