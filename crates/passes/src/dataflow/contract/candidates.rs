//! The cuts that are worth a look: grids, blocks and depths, within what a tile block says.

use super::cut::{Cut, Spread, Sums};
use super::integer;
use super::product::{Product, TILE};
use super::room::{Room, subblock};
use crate::dataflow::Draft;
use crate::tune::settings::Settings;

/// Every cut that is worth a look.
pub(super) fn candidates(
    draft: &Draft<'_>,
    product: &Product,
    settings: &Settings,
    rooms: &[Room],
) -> Vec<Cut> {
    let tensix = draft.tensix();
    if product.listed.is_some() {
        return listed(draft, product, settings, rooms);
    }
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
                let outline = (grid, spread, block);
                found.extend(
                    rooms.iter().filter_map(|&room| complete(product, settings, room, outline)),
                );
            }
        }
    }
    for block_rows in sizes(m, settings.m) {
        for block_columns in sizes(n, settings.n) {
            for &depth in &depths {
                let block = [block_rows, block_columns, depth];
                let grid = grid_of(product, block, [tensix.columns, tensix.rows]);
                let outline = (grid, Spread::Items, block);
                found.extend(
                    rooms.iter().filter_map(|&room| complete(product, settings, room, outline)),
                );
            }
        }
    }
    found
}

/// Of a product of tiles of rows that tables tell: each tile is a block. One where the blocks of
/// a run stay in L1 comes first with room for the next run's.
fn listed(draft: &Draft<'_>, product: &Product, settings: &Settings, rooms: &[Room]) -> Vec<Cut> {
    let tensix = draft.tensix();
    let [m, n, depth] = product.tiles();
    let mut depths = depths(product, settings);
    let whole = settings.k.is_none() && product.scales.is_none() && product.words.is_none();
    if whole && !depths.contains(&depth) {
        depths.push(depth);
    }
    let mut found = Vec::new();
    for block_columns in sizes(n, settings.n) {
        for &depth in &depths {
            let block = [m, block_columns, depth];
            let grid = grid_of(product, block, [tensix.columns, tensix.rows]);
            let cuts = rooms.iter().filter_map(|&room| {
                complete(product, settings, room, (grid, Spread::Listed, block))
            });
            for cut in cuts {
                let once = Cut { stages: 1, ..cut.clone() };
                found.extend(
                    [cut, once].into_iter().take(1 + usize::from(settings.stages.is_none())),
                );
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
    let most = product.words.unwrap_or(u32::MAX);
    let fits = |size: u32| size <= most && period.is_none_or(|period| period.is_multiple_of(size));
    let mut all: Vec<_> = [1, 2, 3, 4, 6, 8, 12, 16, 32].into_iter().chain([depth]).collect();
    all.retain(|&size| size <= depth.min(64) && fits(size));
    all.sort_unstable();
    all.dedup();
    all
}

/// The rectangle of cores that blocks on their own are dealt out to: the smallest of those
/// whose busiest core has the fewest.
fn grid_of(product: &Product, [rows, columns, _]: [u32; 3], most: [u32; 2]) -> [u32; 2] {
    let [m, n, _] = product.tiles().map(u64::from);
    let blocks =
        u64::from(product.batches) * m.div_ceil(u64::from(rows)) * n.div_ceil(u64::from(columns));
    let grids = (1..=most[0]).flat_map(|columns| (1..=most[1]).map(move |rows| [columns, rows]));
    let cores = |grid: &[u32; 2]| u64::from(grid[0] * grid[1]);
    let best = grids.min_by_key(|grid| (blocks.div_ceil(cores(grid)), cores(grid), grid[1]));
    best.expect("a chip has cores")
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
    let words = product.words.is_some();
    let (sums, sub, group) = match in_dst.filter(|_| stays && !words) {
        _ if words => {
            let (sums, sub) = integer::sums(block, room, k_blocks)?;
            (sums, sub, sub)
        }
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
    let pieces = [1, product.pieces()];
    Some(Cut { grid, spread, block, sub, group, stages, sums, pieces, takes_sums, room, chosen_by })
}
