//! Rows cut into parts: a block for each part, then a block for each row.
//!
//! ```text
//! part p of row m:  kept[m, p, ..] = its elements within bound[m, p], count[m, p] of them
//! row m:            the first of kept[m, ..]
//!                   a part whose bound comes before the last of these may have more:
//!                   its elements after the bound are taken too
//! ```
//!
//! So a part need not keep as many as are wanted, and what it keeps is never too few.

use tilec_ir::tile::{self, Bound, Parts, Scratch};
use tilec_manifest::{Formula, Launch, Operator};

use super::block::{Stream, stream};
use super::bound::{Span, find};
use super::{Block, Selected, Sizes, least};
use crate::context::Context;
use crate::device::Header;
use crate::formula;
use crate::function::{Function, Shape};

/// The names of the parts.
#[derive(Debug)]
struct Names {
    /// Elements of a part, and how many it keeps.
    length: String,
    kept: String,
    /// What the parts keep, their bounds, and how many they have kept.
    elements: String,
    bounds: String,
    counts: String,
}

pub(super) fn emit(
    cx: &mut Context<'_>,
    of: &Selected<'_>,
    kernel: &tile::Kernel,
    parts: &Parts,
    step: usize,
) -> Vec<Launch> {
    vec![search(cx, of, kernel, parts, step), join(cx, of, kernel, parts, step)]
}

/// The first elements of each part.
fn search(
    cx: &mut Context<'_>,
    of: &Selected<'_>,
    kernel: &tile::Kernel,
    parts: &Parts,
    step: usize,
) -> Launch {
    let grid = cx.grid(kernel);
    let mut f = cx.begin(&kernel.name);
    of.cite(&mut f);
    let (block, sizes) = Block::begin(&mut f, of, parts.part);
    let names = names(&mut f, &sizes, parts, step);
    let Names { length, kept, elements, bounds, counts } = &names;
    let (item, rows, found) = (f.local("item"), &sizes.rows, &block.name);
    f.open(&format!(
        "for (long long {item} = blockIdx.x; {item} < {rows} * PARTS; {item} += gridDim.x)"
    ));
    let row = f.declare("long long", "row", format!("{item} / PARTS"));
    of.bind_row(&mut f, &row);
    let from = f.declare("long long", "from", format!("({item} - {row} * PARTS) * {length}"));
    let to = least(&format!("{from} + {length}"), &sizes.length);
    let to = f.declare("long long", "to", to);
    f.line(format!("tilec::begin({found}, static_cast<unsigned>({}));", sizes.length));
    match parts.part.bound {
        Bound::Candidates => {
            let what = Stream { from: &from, to: &to, now: kept, above: None };
            stream(&mut f, of, &block, &what);
        }
        Bound::Sample | Bound::Row { .. } => {
            bounded(
                &mut f,
                of,
                &block,
                &sizes,
                &Stream { from: &from, to: &to, now: kept, above: None },
            );
        }
    }
    f.line(format!("tilec::cut({found}, {kept});"));
    let i = f.local("i");
    f.open(&format!("for (unsigned {i} = threadIdx.x; {i} < {found}.count; {i} += THREADS)"));
    f.line(format!("{elements}[{item} * {kept} + {i}] = {found}.candidates[{i}];"));
    f.close();
    f.open("if (threadIdx.x == 0)");
    f.line(format!("{bounds}[{item}] = {found}.bound;"));
    f.line(format!("{counts}[{item}] = {found}.count;"));
    f.close();
    f.close();
    let (threads, shared_bytes) = (parts.part.threads, parts.part.shared_bytes());
    f.finish(Shape { grid, threads, cluster: 1, shared_bytes, resident: None })
}

/// Makes candidates of a part of what is within a bound.
fn bounded(
    f: &mut Function<'_, '_>,
    of: &Selected<'_>,
    block: &Block,
    sizes: &Sizes,
    part: &Stream<'_>,
) {
    let (name, &Stream { from, to, .. }) = (&block.name, part);
    let share = format!("tilec::share_of_part(static_cast<unsigned>({}), PARTS)", sizes.wanted);
    let share = f.declare("unsigned", "share", share);
    find(f, of, block, &Span { from, to, wanted: &share });
    f.open(&format!("if ({name}.count > CAPACITY)"));
    f.comment("The bound misled: whatever comes is a candidate.");
    f.line(format!("tilec::begin({name}, static_cast<unsigned>({}));", sizes.length));
    stream(f, of, block, part);
    f.close();
}

/// The first elements of each row, from those of its parts.
fn join(
    cx: &mut Context<'_>,
    of: &Selected<'_>,
    kernel: &tile::Kernel,
    parts: &Parts,
    step: usize,
) -> Launch {
    let rows = formula::product(
        cx.kernel(),
        of.select.rows.iter().map(|&var| cx.kernel().vars[var].range),
    );
    let blocks = Formula::apply(Operator::Min, rows, i64::from(i32::MAX).into());
    let mut f = cx.begin(&format!("{}_join", kernel.name));
    f.comment("The first of what the parts of a row kept.");
    let (block, sizes) = Block::begin(&mut f, of, parts.join);
    let names = names(&mut f, &sizes, parts, step);
    let (row, rows, found) = (f.local("row"), &sizes.rows, &block.name);
    f.open(&format!("for (long long {row} = blockIdx.x; {row} < {rows}; {row} += gridDim.x)"));
    let row = of.bind_row(&mut f, &row);
    f.line(format!("tilec::begin({found}, static_cast<unsigned>({}));", sizes.length));
    let wanted = format!("static_cast<unsigned>({})", sizes.wanted);
    let now = f.declare("unsigned", "now", wanted);
    join_kept(&mut f, found, &names, &row.row, &now);
    take_rest(&mut f, of, &block, &names, &sizes, &row.row, &now);
    f.line(format!("tilec::sort({found}, {now});"));
    f.close();
    block.put(&mut f, of, &row, "0", &now);
    f.close();
    let (threads, shared_bytes) = (parts.join.threads, parts.join.shared_bytes());
    let grid = [blocks, 1.into(), 1.into()];
    // A block to a row: there is room for all of its registers.
    f.finish(Shape { grid, threads, cluster: 1, shared_bytes, resident: Some(1) })
}

/// Sorts what the parts of a row kept, and leaves the scope open in which a part may have
/// more of the first.
fn join_kept(f: &mut Function<'_, '_>, found: &str, names: &Names, row: &str, now: &str) {
    take_kept(f, found, names, row, now);
    let again = f.local("again");
    f.line(format!("bool {again} = {found}.count < {now};"));
    f.open(&format!("if (!{again})"));
    f.line(format!("tilec::sort({found}, {now});"));
    let (part, bounds) = (f.local("part"), &names.bounds);
    f.open(&format!("for (int {part} = threadIdx.x; {part} < PARTS; {part} += THREADS)"));
    let last = format!("{found}.candidates[{now} - 1]");
    f.line(format!("{again} |= {bounds}[{row} * PARTS + {part}] < {last};"));
    f.close();
    f.close();
    f.open(&format!("if (__syncthreads_or({again}))"));
    f.comment("Some part may have more of the first.");
    f.line(format!("tilec::leave({found}, {now});"));
}

/// Takes what the parts of a row kept.
fn take_kept(f: &mut Function<'_, '_>, found: &str, names: &Names, row: &str, now: &str) {
    let Names { kept, elements, counts, .. } = names;
    let (start, own, j) = (f.local("start"), f.local("own"), f.local("j"));
    f.open(&format!(
        "for (unsigned {start} = 0; {start} < PARTS * {kept}; {start} += THREADS * PER_THREAD)"
    ));
    f.line(format!("tilec::Ranked {own}[PER_THREAD];"));
    f.line("#pragma unroll");
    f.open(&format!("for (int {j} = 0; {j} < PER_THREAD; ++{j})"));
    let at = f.declare("unsigned", "at", format!("{start} + {j} * THREADS + threadIdx.x"));
    let part = f.declare("unsigned", "part", format!("{at} / {kept}"));
    let count = format!("{counts}[{row} * PARTS + {part}]");
    let exists = format!("{part} < PARTS && {at} - {part} * {kept} < {count}");
    let exists = f.declare("bool", "exists", exists);
    let element = format!("{elements}[{row} * PARTS * {kept} + {at}]");
    f.line(format!("{own}[{j}] = {exists} ? {element} : ~tilec::Ranked{{0}};"));
    f.close();
    f.line(format!("tilec::take({found}, {own}, {now});"));
    f.close();
}

/// Takes what parts did not keep and may be among the first.
fn take_rest(
    f: &mut Function<'_, '_>,
    of: &Selected<'_>,
    block: &Block,
    names: &Names,
    sizes: &Sizes,
    row: &str,
    now: &str,
) {
    let (part, found) = (f.local("part"), &block.name);
    let Names { length, bounds, .. } = names;
    f.open(&format!("for (int {part} = 0; {part} < PARTS; ++{part})"));
    let last = f.declare("tilec::Ranked", "last", format!("{bounds}[{row} * PARTS + {part}]"));
    f.line(format!("if ({last} >= {found}.bound) continue;"));
    let above = f.declare("tilec::Ranked", "least", format!("{last} + 1"));
    let from = f.declare("long long", "from", format!("{part} * {length}"));
    let to = f.declare("long long", "to", least(&format!("{from} + {length}"), &sizes.length));
    stream(f, of, block, &Stream { from: &from, to: &to, now, above: Some(&above) });
    f.close();
}

/// Declares the sizes of parts and where they keep elements.
fn names(f: &mut Function<'_, '_>, sizes: &Sizes, parts: &Parts, step: usize) -> Names {
    f.need(Header::Select);
    f.line(format!("constexpr int PARTS = {};", parts.count));
    let length = f.int(parts.length);
    let length = f.declare("long long", "part_length", length.to_string());
    let kept = least(&sizes.wanted, &format!("{}ll", parts.kept));
    let kept = f.declare("unsigned", "kept", format!("static_cast<unsigned>({kept})"));
    let elements = f.scratch(Scratch::Partials(step), "tilec::Ranked", "kept_elements");
    let bounds = format!("{elements} + {} * PARTS * {kept}", sizes.rows);
    let bounds = f.declare("auto", "bounds", bounds);
    let counts = f.declare("auto", "counts", format!("{bounds} + {} * PARTS", sizes.rows));
    Names { length, kept, elements, bounds, counts }
}
