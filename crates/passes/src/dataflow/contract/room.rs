//! How many tiles fit into DST at once while they are multiplied, scaled and finished.
//!
//! DST is best cut in two, so that one half is packed while the other is computed; where
//! an epilogue needs more tiles than a half has, it is one section.

use std::collections::BTreeSet;

use tilec_ir::Diagnostic;
use tilec_ir::dataflow::{Dst, Index, Op};
use tilec_ir::tensor::Kernel;

use super::finish::Tile;
use super::product::Product;
use crate::dataflow::Draft;
use crate::dataflow::vector::{Given, Lowered, Place, Root, Source, lower};

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
    /// How many rows, and how many columns, of tiles have all scales in common.
    alike: [u32; 2],
}

/// The room that a product has.
///
/// # Errors
/// Even a single tile doesn't fit.
pub(super) fn room(draft: &Draft<'_>, product: &Product) -> Result<Room, Diagnostic> {
    let kernel = &draft.plan.kernel;
    // 32-bit tiles: half of the 16-bit ones, and half of those in each section.
    let dst = draft.tensix().dst_tiles / 2;
    in_section(kernel, product, dst / 2, false).or_else(|_| in_section(kernel, product, dst, true))
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
    fits(1, false)?;
    let group = most(&|count| fits(count, false).is_ok()).unwrap_or(1);
    let sums = most(&|count| fits(count, true).is_ok()).unwrap_or(0);
    let pages = product.scales.as_ref().map_or(0, |scales| scales.inputs.len());
    let pages = vec![Source::Page(0, Index::from(0)); pages];
    let scales = |count: u32| scale(kernel, product, &place(product), &pages, count..dst);
    scales(1)?;
    let partials = most(&|count| scales(count).is_ok()).unwrap_or(1);
    let alike = [false, true].map(|columns| alike(product, columns));
    Ok(Room { full_sync, dst, sums, group, partials, alike })
}

/// Of how many tiles in a line, from one that is a multiple of it, all scales are the same;
/// a power of two.
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
    [8, 4, 2].into_iter().find(|&count| same(count as usize)).unwrap_or(1)
}

/// The largest rows and columns of tiles that divide a block, have all scales in common
/// and are no more than `most`; `None` where that is 0.
pub(super) fn subblock(block: [u32; 3], room: Room, most: u32) -> Option<[u32; 2]> {
    let [rows, columns, _] = block;
    let sizes = |length: u32, alike: u32| {
        (1..=most).filter(move |&size| {
            // Without scales, all are alike.
            length.is_multiple_of(size) && (alike == 8 || alike.is_multiple_of(size))
        })
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
        Source::Page(..) | Source::Pieces(_) => None,
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
    let given = Given { kernel, place, leaves: &leaves, known: &[], inlined: &[], free: &free };
    lower(&given, &[Root { expr: scales.expr, axes: &scales.axes, stored: None }])
}
