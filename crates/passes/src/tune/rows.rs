//! Rowwise regions, running sums, points and ranks: cuts by the length of a row.
//!
//! ```text
//! length at most   32 * 8 .. 1024 * 32    held: read once, kept in registers
//! any length                              read again for each pass
//! ```
//!
//! A row is held by as many threads as keep at most 32 of its elements each. With
//! segments, what is held is a segment.

use tilec_ir::plan::{Part, Region, Rowwise};
use tilec_ir::tensor::{ExprKind, Tensor, Var};
use tilec_ir::tile::{Points, Ranks, Rows, Scan};
use tilec_ir::walk::reachable;
use tilec_ir::{Atom, Id, IntId, Kernel, Scalar};

use crate::tune::cut::{Choice, Cut, narrow};
use crate::tune::product::{bytes, gcd};
use crate::tune::settings::Settings;
use crate::tune::symbols::Symbols;

/// The most threads of a block.
const THREADS: u32 = 1024;
/// Threads of a block of several rows.
const BLOCK: u32 = 256;
/// Elements of one row tensor that a thread keeps.
const HELD: u32 = 32;

/// Cuts of a rowwise region.
///
/// # Errors
/// A sentence where the rows and warps of a tile block do not make a block.
pub(crate) fn rowwise(
    sizes: &mut Symbols<'_>,
    region: &Region,
    rowwise: &Rowwise,
    settings: &Settings,
) -> Result<Vec<Choice>, String> {
    let tensors = row_tensors(sizes.kernel, region, rowwise);
    let widths = || tensors.iter().map(|&t| bytes(sizes.kernel.tensors[t].element));
    let vector = 16 / widths().max().unwrap_or(4);
    // What is read is held; several tensors share the registers.
    let held = (HELD / narrow(tensors.len().max(1) as i64).div_ceil(3)).max(vector);
    let by = if *settings == Settings::default() { "model" } else { "tile block" };
    let choices = if let Some(segment) = rowwise.segment {
        // Few threads with 16 bytes of the narrowest tensor each: shorter exchanges.
        let vector = 16 / widths().min().unwrap_or(4);
        segments(sizes, rowwise.length, narrow(segment), vector, settings, by)
    } else {
        let most = if lies_in_rows(sizes.kernel, region, rowwise) { THREADS } else { 32 };
        of_rows(sizes, rowwise.length, vector, Held { elements: held, most }, settings, by)
    };
    block_sizes(&choices)?;
    Ok(choices)
}

/// How rows are held.
#[derive(Clone, Copy)]
struct Held {
    /// Elements of one row tensor that a thread keeps.
    elements: u32,
    /// The most threads of a row.
    most: u32,
}

fn of_rows(
    sizes: &mut Symbols<'_>,
    length: IntId,
    vector: u32,
    held: Held,
    settings: &Settings,
    by: &str,
) -> Vec<Choice> {
    let mut choices = held_choices(sizes, length, vector, held, settings, by);
    if !choices.last().is_some_and(|choice| choice.when.is_empty()) {
        let threads = settings.warps.map_or(BLOCK, |warps| 32 * warps);
        let each = settings.warps.and(settings.rows).unwrap_or(1);
        choices.push(rows(Vec::new(), threads, each, 1, None, by, "rows of any length"));
    }
    choices
}

fn block_sizes(choices: &[Choice]) -> Result<(), String> {
    for choice in choices {
        let Cut::Rows(rows) = &choice.cut else { continue };
        let threads = rows.threads_per_row.saturating_mul(rows.rows_per_block);
        if threads > THREADS {
            return Err(format!(
                "{} rows of {} threads each are {threads} threads, and a block has at most {THREADS}",
                rows.rows_per_block, rows.threads_per_row
            ));
        }
    }
    Ok(())
}

/// Threads that hold a row, from few to many.
const LADDER: [u32; 6] = [8, 32, 128, 256, 512, THREADS];

fn held_choices(
    sizes: &mut Symbols<'_>,
    length: IntId,
    vector: u32,
    held: Held,
    settings: &Settings,
    by: &str,
) -> Vec<Choice> {
    let known = sizes.value(length);
    let ladder: Vec<u32> = match (settings.warps, known) {
        (Some(warps), _) => vec![32 * warps],
        (None, Some(_)) => LADDER.to_vec(),
        // Where the length is told at launch, each rung is a kernel to compile.
        (None, None) => vec![32, 256, THREADS],
    };
    let fits = |threads: &u32| {
        let of_block = settings.rows.is_none_or(|rows| threads * rows <= THREADS);
        settings.warps.is_some() || of_block && *threads <= held.most
    };
    let ladder: Vec<u32> = ladder.into_iter().filter(fits).collect();
    let aligned = sizes.divides(vector, length);
    let mut choices = Vec::new();
    for threads in ladder {
        let most = threads * held.elements;
        let fits = sizes.at_most(length, most);
        let Some(when) = aligned.and_then(|aligned| sizes.open([aligned, fits])) else { continue };
        let elements = known.map_or(held.elements, |length| {
            narrow(length).div_ceil(threads).next_multiple_of(vector)
        });
        let rows_per_block = settings.rows.unwrap_or((BLOCK / threads).max(1));
        let last = when.is_empty();
        let why = format!("rows of up to {most} are read once");
        choices.push(rows(when, threads, rows_per_block, vector, Some(elements), by, &why));
        if last {
            break;
        }
    }
    choices
}

/// Threads of a block of segments: its warps hardly wait for each other.
const SEGMENTS_BLOCK: u32 = 64;

/// Each segment is held by a few threads of one warp; more, where it is long. Vectors
/// need rows of whole vectors.
fn segments(
    sizes: &mut Symbols<'_>,
    length: IntId,
    segment: u32,
    vector: u32,
    settings: &Settings,
    by: &str,
) -> Vec<Choice> {
    let vector = narrow(gcd(i64::from(vector), i64::from(segment)));
    let cut = |vector: u32, when| {
        let vectors = segment / vector;
        let few = vectors.next_power_of_two().min(32);
        let threads = match settings.warps {
            Some(warps) => 32 * warps,
            None => few.max(vectors.div_ceil(HELD).next_power_of_two()).min(THREADS),
        };
        let held = vectors.div_ceil(threads) * vector;
        let held = (held <= 4 * HELD).then_some(held);
        let rows_per_block = settings.rows.unwrap_or((SEGMENTS_BLOCK / threads).max(1));
        rows(when, threads, rows_per_block, vector, held, by, "segments are read once")
    };
    let aligned = sizes.divides(vector, length).and_then(|aligned| sizes.open([aligned]));
    let mut choices = Vec::new();
    if let Some(when) = aligned {
        let last = when.is_empty();
        choices.push(cut(vector, when));
        if last {
            return choices;
        }
    }
    choices.push(cut(1, Vec::new()));
    choices
}

fn rows(
    when: Vec<tilec_ir::tile::Condition>,
    threads_per_row: u32,
    rows_per_block: u32,
    vector: u32,
    held: Option<u32>,
    by: &str,
    why: &str,
) -> Choice {
    let cut = Cut::Rows(Rows { threads_per_row, rows_per_block, vector, held });
    Choice { when, cut, chosen_by: format!("{by}: {why}") }
}

/// Whether anything that is read lies along the rows. Where all is gathered, nothing is
/// held: passes are unrolled for nothing, and ptxas puts addresses aside where they are long.
fn lies_in_rows(kernel: &Kernel, region: &Region, rowwise: &Rowwise) -> bool {
    let along = |index: IntId, column: Id<Var>| {
        let factors = kernel.ints.get(index).terms().iter().flat_map(|term| &term.factors);
        factors.into_iter().any(|&atom| *kernel.ints.atom(atom) == Atom::Var(column))
    };
    region.covers.iter().zip(&rowwise.parts).any(|(&at, part)| {
        let (Part::Reduction { column, .. } | Part::Map { column, .. }) = part else {
            return false;
        };
        reachable(kernel, kernel.equations[at].value).into_iter().any(|expr| {
            let ExprKind::Read(_, index) = &kernel.exprs[expr].kind else { return false };
            index.iter().any(|&index| along(index, *column))
        })
    })
}

/// The tensors that have an element for each element of the rows, read or written; one
/// row that all of them read, such as a norm's gain, does not count.
fn row_tensors(kernel: &Kernel, region: &Region, rowwise: &Rowwise) -> Vec<Id<Tensor>> {
    let mut found = Vec::new();
    let own: Vec<_> = region.covers.iter().map(|&at| kernel.equations[at].tensor).collect();
    for (&at, part) in region.covers.iter().zip(&rowwise.parts) {
        let equation = &kernel.equations[at];
        let (along, rows) = match part {
            Part::Reduction { column, rows, .. } | Part::Map { column, rows, .. } => {
                (*column, rows)
            }
            Part::PerRow { .. } => continue,
        };
        let uses = |index: &[IntId], vars: &[Id<Var>]| {
            let used = |&i: &IntId| tilec_ir::walk::vars_of_int(&kernel.ints, i);
            index.iter().flat_map(used).any(|var| vars.contains(&var))
        };
        if let Part::Map { stored: true, .. } = part {
            found.push(equation.tensor);
        }
        for expr in reachable(kernel, equation.value) {
            if let ExprKind::Read(tensor, index) = &kernel.exprs[expr].kind
                && !own.contains(tensor)
                && uses(index, &[along])
                && (rows.is_empty() || uses(index, rows))
            {
                found.push(*tensor);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// A running sum: more to a thread where rows are long.
pub(crate) fn scan(sizes: &mut Symbols<'_>, length: IntId) -> Choice {
    let long = sizes.value(length).is_none_or(|length| length > 4096);
    let per_thread = if long { 8 } else { 4 };
    let cut = Cut::Scan(Scan { per_thread });
    Choice { when: Vec::new(), cut, chosen_by: "model: one block per row".to_owned() }
}

/// Loops over points; a reduction of some length is shared by a warp.
pub(crate) fn points(sizes: &mut Symbols<'_>, reduced: Option<IntId>) -> Choice {
    let short = |length: i64| length <= 16;
    let (threads_per_point, why) = match reduced {
        None => (1, "one thread per point"),
        Some(length) if sizes.value(length).is_some_and(short) => (1, "one thread per point"),
        Some(_) => (32, "a warp per point"),
    };
    let cut = Cut::Points(Points { vector: 1, threads_per_point });
    Choice { when: Vec::new(), cut, chosen_by: format!("model: {why}") }
}

/// Points one by one, but for rows that are copied from where data says: 16 bytes at once.
pub(crate) fn pointwise(sizes: &mut Symbols<'_>, region: &Region) -> Choice {
    let Some(element) = copied_rows(sizes.kernel, region) else { return points(sizes, None) };
    let cut = Cut::Points(Points { vector: 16 / bytes(element), threads_per_point: 1 });
    let chosen_by = "model: rows are copied, 16 bytes at once".to_owned();
    Choice { when: Vec::new(), cut, chosen_by }
}

/// The element of rows that a region copies from rows that data tells, if that is all it does.
fn copied_rows(kernel: &Kernel, region: &Region) -> Option<Scalar> {
    let [at] = region.covers[..] else { return None };
    let equation = &kernel.equations[at];
    let mut value = equation.value;
    while let ExprKind::Select(_, inner, _) | ExprKind::Convert(inner) = kernel.exprs[value].kind {
        value = inner;
    }
    let ExprKind::Read(_, index) = &kernel.exprs[value].kind else { return None };
    let (&last, others) = index.split_last()?;
    let inner = Atom::Var(*equation.vars.last()?);
    let mut told = false;
    for &other in others {
        kernel.ints.visit_atoms(other, &mut |_, atom| {
            told |= matches!(atom, Atom::Read(..) | Atom::Value(_));
        });
    }
    let copies = told && kernel.ints.as_atom(last) == Some(&inner);
    copies.then_some(kernel.tensors[equation.tensor].element)
}

/// An order by counting.
pub(crate) fn ranks() -> Choice {
    let cut = Cut::Ranks(Ranks { chunk: 2048 });
    Choice { when: Vec::new(), cut, chosen_by: "model: all keys are compared".to_owned() }
}
