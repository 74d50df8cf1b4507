//! How many tiles fit into DST at once while they are multiplied, scaled and finished.
//!
//! Cut in two, DST is packed in one half while the other is computed; as one section, it
//! holds more tiles that have a scale in common, and longer epilogues.

use std::collections::BTreeSet;

use tilec_ir::Diagnostic;
use tilec_ir::dataflow::cycles::vector_cycles;
use tilec_ir::dataflow::{Dst, Index, Math, Op};
use tilec_ir::tensor::Kernel;

use super::finish::Tile;
use super::product::Product;
use crate::dataflow::Draft;
use crate::dataflow::vector::{Given, Lowered, Place, Root, Source, lower};

/// Cycles of copying a tile to DST: 4096 bytes, 32 a cycle.
pub(super) const COPY: u64 = 4096 / 32;

/// What fits into a section of DST.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Whether DST is one section.
    pub(super) full_sync: bool,
    /// The tiles of a section.
    pub(super) dst: u32,
    /// Sums that stay in DST until they are finished; 0 where that does not fit.
    pub(super) sums: u32,
    /// Tiles that are finished together, their sums coming from L1.
    pub(super) group: u32,
    /// Partial sums that are scaled together.
    pub(super) partials: u32,
    /// How many rows, and how many columns, of tiles have all scales in common; 0 is all.
    alike: [u32; 2],
    /// Ops that scale partial sums, beside the product of each with the scale.
    pub(super) scaling: u64,
    /// Ops that finish a tile.
    pub(super) finishing: u64,
}

/// The rooms that a product can have: in half of DST, and in all of it.
///
/// # Errors
/// Even a single tile doesn't fit.
pub(super) fn rooms(draft: &Draft<'_>, product: &Product) -> Result<Vec<Room>, Diagnostic> {
    let kernel = &draft.plan.kernel;
    // 32-bit tiles: half of the 16-bit ones, and half of those in each section.
    let dst = draft.tensix().dst_tiles / 2;
    let whole = in_section(kernel, product, dst, true)?;
    Ok(in_section(kernel, product, dst / 2, false).into_iter().chain([whole]).collect())
}

fn in_section(
    kernel: &Kernel,
    product: &Product,
    dst: u32,
    full_sync: bool,
) -> Result<Room, Diagnostic> {
    let tile = |at: u32, in_dst: bool| Tile {
        place: place(product),
        sum: if in_dst { Source::Tile(at) } else { Source::Page(0, Index::from(0)) },
        pages: vec![Source::Page(0, Index::from(0)); product.finish.inputs.len()],
    };
    let fits = |count: u32, in_dst: bool| {
        let tiles: Vec<_> = (0..count).map(|at| tile(at, in_dst)).collect();
        finished(kernel, product, &tiles, dst).map(|_| ())
    };
    let most = |fits: &dyn Fn(u32) -> bool| (1..=dst).rev().find(|&count| fits(count));
    let [one] = [tile(0, false)];
    let (finishing, _) = finished(kernel, product, &[one], dst)?;
    let group = most(&|count| fits(count, false).is_ok()).unwrap_or(1);
    let sums = most(&|count| fits(count, true).is_ok()).unwrap_or(0);
    let pages = product.scales.as_ref().map_or(0, |scales| scales.inputs.len());
    let pages = vec![Source::Page(0, Index::from(0)); pages];
    let scales = |count: u32| scale(kernel, product, &place(product), &pages, count..dst);
    let scaling = scales(1)?.ops;
    let partials = most(&|count| scales(count).is_ok()).unwrap_or(1);
    let alike = [false, true].map(|columns| alike(product, columns));
    let [scaling, finishing] = [scaling, finishing].map(|ops| cycles(&ops));
    Ok(Room { full_sync, dst, sums, group, partials, alike, scaling, finishing })
}

/// Copies to DST and ops of the vector unit.
fn cycles(ops: &[Op]) -> u64 {
    let of = |op: &Op| match op {
        Op::Math(Math::Vector(op)) => vector_cycles(op),
        Op::Math(Math::Copy { .. }) => COPY,
        _ => 0,
    };
    ops.iter().map(of).sum()
}

/// Of how many tiles in a line, from one that is a multiple of it, all scales are the same:
/// 0 is of all, else a power of two.
fn alike(product: &Product, columns: bool) -> u32 {
    let tiles = product.tiles()[usize::from(columns)];
    let pages = |input: &super::operand::Input| -> Vec<Index> {
        let at = |tile: u32| {
            let mut place = Place { batch: place(product).batch, ..Place::default() };
            *(if columns { &mut place.column } else { &mut place.row }) = Some(tile.into());
            input.leaf.page(&place)
        };
        (0..tiles).map(at).collect()
    };
    let inputs = product.scales.iter().flat_map(|scales| &scales.inputs);
    let pages: Vec<_> = inputs.map(pages).collect();
    let same = |count: usize| {
        let mut lines = pages.iter().flat_map(|pages| pages.chunks(count));
        lines.all(|line| line.iter().all(|page| *page == line[0]))
    };
    let all = same(tiles.max(1) as usize).then_some(0);
    all.or([8, 4, 2].into_iter().find(|&count| same(count as usize))).unwrap_or(1)
}

/// The largest rows and columns of tiles that divide a block, have all scales in common
/// and are no more than `most`; `None` where that is 0.
pub(super) fn subblock(block: [u32; 3], room: Room, most: u32) -> Option<[u32; 2]> {
    let [rows, columns, _] = block;
    let sizes = |length: u32, alike: u32| {
        (1..=most).filter(move |&size| length.is_multiple_of(size) && alike.is_multiple_of(size))
    };
    let pairs =
        sizes(rows, room.alike[0]).flat_map(|r| sizes(columns, room.alike[1]).map(move |c| [r, c]));
    pairs.filter(|[r, c]| r * c <= most).max_by_key(|&[r, c]| (r * c, c))
}

/// Any place.
fn place(product: &Product) -> Place {
    let batch = vec![Index::from(0); product.batch_ranges.len() + product.k_ranges.len()];
    let [row, column] = ["first_row", "first_column"].map(|name| Some(Index::named(name)));
    Place { batch, row, column }
}

/// The ops that finish some tiles, and where each stored value of each is then.
pub(super) fn finished(
    kernel: &Kernel,
    product: &Product,
    tiles: &[Tile],
    dst: u32,
) -> Result<(Vec<Op>, Vec<Vec<Dst>>), Diagnostic> {
    let mut busy: BTreeSet<Dst> = tiles.iter().filter_map(sum_in_dst).collect();
    let (mut ops, mut results) = (Vec::new(), Vec::new());
    for tile in tiles {
        let free: Vec<_> = (0..dst).filter(|at| !busy.contains(at)).collect();
        let lowered = product.finish.tile(kernel, product, tile, &free)?;
        busy.retain(|&at| Some(at) != sum_in_dst(tile));
        busy.extend(&lowered.results);
        ops.extend(lowered.ops);
        results.push(lowered.results);
    }
    Ok((ops, results))
}

fn sum_in_dst(tile: &Tile) -> Option<Dst> {
    match tile.sum {
        Source::Tile(dst) => Some(dst),
        Source::Page(..) | Source::Pieces(_) | Source::Halves(..) => None,
    }
}

/// The scale of a block of partial sums, in a tile of `free`; nothing without scales.
pub(super) fn scale(
    kernel: &Kernel,
    product: &Product,
    place: &Place,
    pages: &[Source],
    free: std::ops::Range<Dst>,
) -> Result<Lowered, Diagnostic> {
    let Some(scales) = &product.scales else { return Ok(Lowered::default()) };
    let leaves: Vec<_> = scales.inputs.iter().map(|input| input.leaf.clone()).collect();
    let leaves: Vec<_> = leaves.into_iter().zip(pages.to_vec()).collect();
    let free: Vec<_> = free.collect();
    let given =
        Given { kernel, place, leaves: &leaves, known: &[], inlined: &[], kept: &[], free: &free };
    lower(&given, &[Root { expr: scales.expr, axes: &scales.axes, stored: None }])
}
