//! Rows cut into parts: a block for each part, then a block for each row.
//!
//! ```text
//! part p of row m:  kept[m, p, ..] = its first elements     bound[m, p] = the last of them
//! row m:            the first of kept[m, ..]
//!                   a part whose bound comes before the last of these may have more:
//!                   its elements after the bound are taken too
//! ```
//!
//! So a part need not keep as many as are wanted, and what it keeps is never too few.

use tilec_ir::tile::{self, Parts, Scratch};
use tilec_manifest::{Formula, Launch, Operator};

use super::block::{Stream, stream};
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
    /// What the parts keep, and their bounds.
    elements: String,
    bounds: String,
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
    let Names { length, kept, elements, bounds } = &names;
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
    stream(&mut f, of, &block, &Stream { from: &from, to: &to, now: kept, above: None });
    f.line(format!("tilec::cut({found}, {kept});"));
    let i = f.local("i");
    f.open(&format!("for (unsigned {i} = threadIdx.x; {i} < {kept}; {i} += THREADS)"));
    let element = format!("{i} < {found}.count ? {found}.candidates[{i}] : ~tilec::Ranked{{0}}");
    f.line(format!("{elements}[{item} * {kept} + {i}] = {element};"));
    f.close();
    f.line(format!("if (threadIdx.x == 0) {bounds}[{item}] = {found}.bound;"));
    f.close();
    let (threads, shared_bytes) = (parts.part.threads, parts.part.shared_bytes());
    f.finish(Shape { grid, threads, cluster: 1, shared_bytes, resident: None })
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
    take_kept(&mut f, found, &names, &row.row, &now);
    f.line(format!("tilec::cut({found}, {now});"));
    take_rest(&mut f, of, &block, &names, &sizes, &row.row, &now);
    f.line(format!("tilec::sort({found}, {now});"));
    block.put(&mut f, of, &row, "0", &now);
    f.close();
    let (threads, shared_bytes) = (parts.join.threads, parts.join.shared_bytes());
    let grid = [blocks, 1.into(), 1.into()];
    // A block to a row: there is room for all of its registers.
    f.finish(Shape { grid, threads, cluster: 1, shared_bytes, resident: Some(1) })
}

/// Takes what the parts of a row kept.
fn take_kept(f: &mut Function<'_, '_>, found: &str, names: &Names, row: &str, now: &str) {
    let Names { kept, elements, .. } = names;
    let all = f.declare("long long", "all", format!("static_cast<long long>({kept}) * PARTS"));
    let (start, own, j) = (f.local("start"), f.local("own"), f.local("j"));
    f.open(&format!(
        "for (long long {start} = 0; {start} < {all}; {start} += THREADS * PER_THREAD)"
    ));
    f.line(format!("tilec::Ranked {own}[PER_THREAD];"));
    f.line("#pragma unroll");
    f.open(&format!("for (int {j} = 0; {j} < PER_THREAD; ++{j})"));
    let at = format!("{start} + {j} * THREADS + static_cast<int>(threadIdx.x)");
    let at = f.declare("long long", "at", at);
    let element = format!("{elements}[{row} * {all} + {at}]");
    f.line(format!("{own}[{j}] = {at} < {all} ? {element} : ~tilec::Ranked{{0}};"));
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
    let Names { length, bounds, .. } = names;
    let (part, found, more) = (f.local("part"), &block.name, f.local("more"));
    f.line(format!("bool {more} = false;"));
    f.open(&format!("for (int {part} = threadIdx.x; {part} < PARTS; {part} += THREADS)"));
    f.line(format!("{more} |= {bounds}[{row} * PARTS + {part}] < {found}.bound;"));
    f.close();
    f.open(&format!("if (__syncthreads_or({more}))"));
    f.open(&format!("for (int {part} = 0; {part} < PARTS; ++{part})"));
    let last = f.declare("tilec::Ranked", "last", format!("{bounds}[{row} * PARTS + {part}]"));
    f.line(format!("if ({last} >= {found}.bound) continue;"));
    let above = f.declare("tilec::Ranked", "least", format!("{last} + 1"));
    let from = f.declare("long long", "from", format!("{part} * {length}"));
    let to = f.declare("long long", "to", least(&format!("{from} + {length}"), &sizes.length));
    stream(f, of, block, &Stream { from: &from, to: &to, now, above: Some(&above) });
    f.close();
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
    Names { length, kept, elements, bounds }
}
