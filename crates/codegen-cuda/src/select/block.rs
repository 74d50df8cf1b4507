//! A block for each row, in rounds of as many places as there is room for.

use tilec_ir::Kernel;
use tilec_ir::tile::{self, Bound, Candidates};
use tilec_manifest::Launch;

use super::bound::{Span, find};
use super::keys::Chunk;
use super::{Block, Row, Selected, Sizes, least};
use crate::context::Context;
use crate::function::{Function, Shape};

pub(super) fn emit(
    cx: &mut Context<'_>,
    of: &Selected<'_>,
    kernel: &tile::Kernel,
    candidates: Candidates,
) -> Launch {
    let grid = cx.grid(kernel);
    let mut f = cx.begin(&kernel.name);
    of.cite(&mut f);
    let (block, sizes) = Block::begin(&mut f, of, candidates);
    let (row, rows) = (f.local("row"), &sizes.rows);
    f.open(&format!("for (long long {row} = blockIdx.x; {row} < {rows}; {row} += gridDim.x)"));
    let row = of.bind_row(&mut f, &row);
    match candidates.bound {
        Bound::Candidates => rounds(&mut f, of, &block, &sizes, &row),
        Bound::Sample | Bound::Row { .. } => bounded(&mut f, of, &block, &sizes, &row),
    }
    f.close();
    let (threads, shared_bytes) = (candidates.threads, candidates.shared_bytes());
    let resident = match candidates.bound {
        // Rounds take the registers that a second block would need.
        Bound::Candidates => (!of.at_once(f.kernel, candidates)).then_some(1),
        Bound::Sample => Some(1024 / threads),
        // Eight narrow elements at once take more registers than four.
        Bound::Row { .. } if of.vector <= 4 => Some(1280 / threads),
        Bound::Row { .. } => Some(1024 / threads),
    };
    f.finish(Shape { grid, threads, cluster: 1, shared_bytes, resident })
}

/// Finds and stores the places of a row by what is within a bound.
fn bounded(f: &mut Function<'_, '_>, of: &Selected<'_>, block: &Block, sizes: &Sizes, row: &Row) {
    let (name, to) = (&block.name, sizes.length.as_str());
    f.line(format!("tilec::begin({name}, static_cast<unsigned>({to}));"));
    let now = f.declare("unsigned", "now", format!("static_cast<unsigned>({})", sizes.wanted));
    find(f, of, block, &Span { from: "0", to, wanted: &now });
    f.open(&format!("if (!tilec::is_enough({name}, {now}))"));
    f.comment("The bound misled: whatever comes is a candidate.");
    f.line(format!("tilec::begin({name}, static_cast<unsigned>({to}));"));
    stream(f, of, block, &Stream { from: "0", to, now: &now, above: None });
    f.close();
    f.line(format!("tilec::sort({name}, {now});"));
    block.put(f, of, row, "0", &now);
}

/// Finds and stores the places of a row; more than there is room for in several rounds,
/// each of the elements after those of the one before.
fn rounds(f: &mut Function<'_, '_>, of: &Selected<'_>, block: &Block, sizes: &Sizes, row: &Row) {
    let (round, name) = (i64::from(block.candidates.round()), &block.name);
    let wanted = &sizes.wanted;
    if of.at_once(f.kernel, block.candidates) {
        f.line(format!("tilec::begin({name}, static_cast<unsigned>({}));", sizes.length));
        let now = f.declare("unsigned", "now", format!("static_cast<unsigned>({wanted})"));
        stream(f, of, block, &Stream { from: "0", to: &sizes.length, now: &now, above: None });
        f.line(format!("tilec::sort({name}, {now});"));
        block.put(f, of, row, "0", &now);
        return;
    }
    let (above, done) = (f.local("above"), f.local("done"));
    f.comment("Elements up to this one are stored.");
    f.line(format!("tilec::Ranked {above} = 0;"));
    f.open(&format!("for (long long {done} = 0; {done} < {wanted}; {done} += {round})"));
    f.line(format!("tilec::begin({name}, static_cast<unsigned>({}));", sizes.length));
    let now = least(&format!("{wanted} - {done}"), &format!("{round}ll"));
    let now = f.declare("unsigned", "now", format!("static_cast<unsigned>({now})"));
    let from = f.declare("tilec::Ranked", "from", above.clone());
    let later = format!("({done} != 0 ? {from} + 1 : 0)");
    let later = f.declare("tilec::Ranked", "least", later.trim_matches(['(', ')']));
    stream(f, of, block, &Stream { from: "0", to: &sizes.length, now: &now, above: Some(&later) });
    f.line(format!("tilec::sort({name}, {now});"));
    block.put(f, of, row, &done, &now);
    f.line(format!("{above} = {name}.candidates[{now} - 1];"));
    f.close();
}

impl Selected<'_> {
    /// Whether there is surely room for all places.
    fn at_once(&self, kernel: &Kernel, candidates: Candidates) -> bool {
        let known = |int| kernel.ints.as_constant(int);
        let wanted = known(self.select.first).zip(known(self.select.count));
        wanted.is_some_and(|(first, count)| {
            first.saturating_add(count) <= i64::from(candidates.round())
        })
    }
}

/// What of a row is searched.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    /// How many are wanted.
    pub(super) now: &'a str,
    /// Elements less than this one are left out.
    pub(super) above: Option<&'a str>,
}

/// Takes all elements between two indices.
pub(super) fn stream(
    f: &mut Function<'_, '_>,
    of: &Selected<'_>,
    block: &Block,
    what: &Stream<'_>,
) {
    let Stream { from, to, now, above } = *what;
    let chunk = |start| Chunk {
        each: "PER_THREAD",
        threads: "THREADS",
        thread: "static_cast<int>(threadIdx.x)",
        start,
        end: to,
        stride: None,
        turn: None,
        above,
        packed: false,
    };
    let rows = of.rows(f, "PER_THREAD");
    of.fetch(f, &chunk(from), &rows);
    let start = f.local("start");
    f.open(&format!(
        "for (long long {start} = {from}; {start} < {to}; {start} += THREADS * PER_THREAD)"
    ));
    let own = of.own(f, &chunk(&start), &rows);
    if !rows.is_empty() {
        let next = f.declare("long long", "next", format!("{start} + THREADS * PER_THREAD"));
        f.open(&format!("if ({next} < {to})"));
        of.fetch(f, &chunk(&next), &rows);
        f.close();
    }
    f.line(format!("tilec::take({}, {own}, {now});", block.name));
    f.close();
}
