//! How rows are shared out: whole rows to cores, or each row over a row of cores, or over
//! all of them. A model of cycles chooses.

use tilec_ir::{Diagnostic, Kind, Span};
use tilec_target::Tensix;

use super::lists::list_tiles;
use super::operands::Operands;
use super::small;
use crate::dataflow::vector::ELSEWHERE;

/// Cycles to offer an element that is turned away, and for each level of the heap that one
/// sinks which isn't: counted in the code that compilers make of `device/rank.h`.
const OFFER: f64 = 14.0;
const SINK: f64 = 24.0;
/// Cycles to send a list to another core, but for its bytes: barrier, signal, wait.
const SEND: f64 = 2000.0;
/// The most tiles that are read at a time.
const MOST_BLOCK: u32 = 8;
/// Bytes that are left for rings of tiles where a message says how many places fit.
const RINGS: u64 = 128 * 1024;

/// How items and their rows are shared out.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    /// Columns and rows of cores.
    pub(super) grid: [u32; 2],
    /// In how many parts a row is cut along the cores of a row, and down those of a column.
    pub(super) parts: [u32; 2],
    /// Tiles that are read at a time.
    pub(super) block: u32,
    /// Cycles of the busiest core's writer, by the model.
    pub(super) cycles: f64,
    pub(super) chosen_by: String,
}

/// What a core takes.
#[derive(Clone, Debug)]
pub(super) struct Share {
    /// Its first item, and the one after its last.
    pub(super) items: [u32; 2],
    /// Its first tile of their rows, and the one after its last.
    pub(super) tiles: [u32; 2],
}

impl Cut {
    /// The shares of cores, row by row.
    pub(super) fn shares(&self, items: u64, tiles: u32) -> Vec<Share> {
        let ([columns, rows], [across, down]) = (self.grid, self.parts);
        let parts = across * down;
        let takers = columns * rows / parts;
        let share = |core: u32| {
            let [column, row] = [core % columns, core / columns];
            // Cut by rows of cores, a row of cores is one taker.
            let (taker, part) = match [across, down] {
                [1, 1] => (core, 0),
                [_, 1] => (row, column),
                _ => (0, core),
            };
            let split = |all: u64, at: u32, of: u32| {
                small(u64::try_from(u128::from(all) * u128::from(at) / u128::from(of)).unwrap_or(0))
            };
            Share {
                items: [taker, taker + 1].map(|at| split(items, at, takers)),
                tiles: [part, part + 1].map(|at| split(tiles.into(), at, parts)),
            }
        };
        (0..columns * rows).map(share).collect()
    }
}

/// The cut that is quickest by the model, of those whose lists fit into L1.
///
/// # Errors
/// More places than a core has room for.
pub(super) fn cut(tensix: &Tensix, operands: &Operands, span: Span) -> Result<Cut, Diagnostic> {
    let room = u64::from(tensix.l1_bytes);
    let mut best: Option<Cut> = None;
    for cut in candidates(tensix, operands) {
        let cut = Cut { cycles: cycles(operands, &cut), ..cut };
        let fits = bytes(operands, &cut) <= room;
        if fits && best.as_ref().is_none_or(|best| cut.cycles < best.cycles) {
            best = Some(cut);
        }
    }
    let Some(cut) = best else { return Err(too_many(operands, room, span)) };
    Ok(Cut { chosen_by: says(operands, &cut), ..cut })
}

/// That lists don't fit, and how many places would.
fn too_many(operands: &Operands, room: u64, span: Span) -> Diagnostic {
    let (places, rows) = (operands.places(), u64::from(operands.rows_of_item));
    // A place takes 8 bytes, and rings of tiles the rest.
    let most = room.saturating_sub(RINGS) / (8 * rows);
    let message = format!("Tensix can't select {places} places: a core's memory holds {most}");
    let each = if rows == 1 { String::new() } else { format!(" for each of {rows} rows") };
    Diagnostic::new(Kind::NotExpressible, span, message)
        .here(format!("codes and indices take 8 bytes a place{each}"))
        .help(format!("select fewer places; {ELSEWHERE}"))
}

fn candidates(tensix: &Tensix, operands: &Operands) -> Vec<Cut> {
    let [most_columns, most_rows] = [tensix.columns, tensix.rows];
    let items = operands.items();
    let whole = crate::dataflow::points::share(items, [most_columns, most_rows]);
    let mut cuts = vec![(whole.grid, [1, 1])];
    let across = most_columns.min(operands.tiles());
    if across > 1 {
        let takers = small(items.min(most_rows.into()));
        cuts.push(([across, takers], [across, 1]));
        let down = most_rows.min(operands.tiles() / across);
        if down > 1 {
            cuts.push(([across, down], [across, down]));
        }
    }
    let make = |(grid, parts): ([u32; 2], [u32; 2])| {
        let block = operands.tiles().div_ceil(parts[0] * parts[1]).min(MOST_BLOCK);
        Cut { grid, parts, block, cycles: 0.0, chosen_by: String::new() }
    };
    cuts.into_iter().map(make).collect()
}

/// Bytes of the rings that grow with the cut and the places.
fn bytes(operands: &Operands, cut: &Cut) -> u64 {
    let lists = u64::from(list_tiles(operands)) * u64::from(cut.parts[0] + cut.parts[1] - 1);
    let keys = 2 * u64::from(cut.block) * u64::from(operands.key.format.tile_bytes());
    let fetched = |format| super::operands::fetched_tiles(format) * tile(format);
    let results = operands.results.iter().map(|result| {
        let near = result.from.as_ref().map_or(0, |_| fetched(result.format));
        u64::from(tile(result.format) + near)
    });
    4096 * lists + keys + results.sum::<u64>()
}

fn tile(format: tilec_ir::dataflow::Format) -> u32 {
    format.tile_bytes()
}

/// Cycles of the busiest core, for keys in random order.
fn cycles(operands: &Operands, cut: &Cut) -> f64 {
    let [across, down] = cut.parts.map(f64::from);
    let places = f64::from(operands.places());
    let length = operands.length as f64 / (across * down);
    let sink = SINK * (places.log2() + 1.0);
    // Of elements in random order, the n-th is among the first k with a probability of k / n.
    let kept = |pieces: f64| places * (1.0 + pieces.max(1.0).ln());
    let scan = OFFER * length + sink * kept(length / places).min(length);
    let merge = |lists: f64| {
        if lists > 1.0 { SEND + sink * (kept(lists) - places) + lists * places } else { 0.0 }
    };
    let row = scan + sink * places + merge(across) + merge(down);
    let takers = u64::from(cut.grid[0] * cut.grid[1] / (cut.parts[0] * cut.parts[1]));
    let items = operands.items().div_ceil(takers.max(1)) as f64;
    items * f64::from(operands.rows_of_item) * row
}

fn says(operands: &Operands, cut: &Cut) -> String {
    let ([columns, rows], [across, down]) = (cut.grid, cut.parts);
    let Operands { rows_of_item, length, .. } = *operands;
    let (items, places) = (operands.items(), operands.places());
    let item = if rows_of_item == 1 { "a row".to_owned() } else { format!("{rows_of_item} rows") };
    let parts = across * down;
    let how = match [across, down] {
        [1, 1] => "each by one core".to_owned(),
        [_, 1] => format!("cut in {parts}, merged along rows of cores"),
        _ => format!("cut in {parts}, merged along {down} rows of cores and then down a column"),
    };
    format!(
        "model: the first {places} of {length} elements; items of {item}, {items} on {columns} x \
         {rows} cores, {how}"
    )
}
