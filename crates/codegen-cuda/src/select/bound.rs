//! Candidates within a bound that is known before the row is searched.
//!
//! ```text
//! sample    keys of a sample of the row      suggest a bound
//!           every chunk of the row           candidates: what is within it
//! row       keys of the whole row, held      bound it, and are candidates where within
//! ```
//!
//! Nobody waits for others between chunks. Where the bound left too few candidates or
//! too many, they are looked for again by those who count on no bound.

use tilec_ir::tensor::Order;
use tilec_ir::tile::Bound;

use super::keys::Chunk;
use super::{Block, Selected};
use crate::device::Header;
use crate::function::Function;

/// What of a row is searched, and for how many.
#[derive(Debug)]
pub(super) struct Span<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) wanted: &'a str,
}

/// Makes candidates of what is within the bound of a selection that has begun.
pub(super) fn find(f: &mut Function<'_, '_>, of: &Selected<'_>, block: &Block, span: &Span<'_>) {
    match block.candidates.bound {
        Bound::Candidates => unreachable!("who has no bound streams"),
        Bound::Sample => {
            f.need(Header::SelectBound);
            sample(f, of, block, span);
            sift(f, of, block, span);
        }
        Bound::Row { per_thread } => {
            f.need(Header::SelectBound);
            hold(f, of, block, span, per_thread);
        }
    }
    f.line("__syncthreads();");
}

/// Bounds the row by a sample of it.
fn sample(f: &mut Function<'_, '_>, of: &Selected<'_>, block: &Block, span: &Span<'_>) {
    let Span { from, to, wanted } = *span;
    f.comment("A sample suggests a bound.");
    let (vector, length) = (of.vector, format!("{to} - {from}").replace(" - 0", ""));
    let stride = format!("tilec::stride_of_sample<THREADS * PER_THREAD, {vector}>({length})");
    let stride = f.declare("unsigned", "stride", stride);
    let chunk = Chunk { stride: Some(&stride), ..chunk("PER_THREAD", from, to) };
    let rows = of.rows(f, "PER_THREAD");
    of.fetch(f, &chunk, &rows);
    let own = of.own(f, &chunk, &rows);
    let rank = format!("tilec::rank_in_sample<THREADS * PER_THREAD>({wanted}, {length})");
    f.line(format!("tilec::suggest({}, {own}, {rank});", block.name));
}

/// Chunks that are on their way.
const AHEAD: u32 = 2;

/// Keeps what of every chunk is within the bound.
fn sift(f: &mut Function<'_, '_>, of: &Selected<'_>, block: &Block, span: &Span<'_>) {
    let Span { from, to, .. } = *span;
    f.comment("What is within it; some chunks are on their way.");
    f.line(format!("constexpr int AHEAD = {AHEAD};"));
    let rows = of.rows(f, "AHEAD * PER_THREAD");
    of.fetch(f, &chunk("AHEAD * PER_THREAD", from, to), &rows);
    let (start, turn, begin) = (f.local("start"), f.local("turn"), f.local("begin"));
    f.open(&format!(
        "for (long long {start} = {from}; {start} < {to}; {start} += AHEAD * THREADS * PER_THREAD)"
    ));
    f.line("#pragma unroll");
    f.open(&format!("for (int {turn} = 0; {turn} < AHEAD; ++{turn})"));
    f.line(format!("const long long {begin} = {start} + {turn} * THREADS * PER_THREAD;"));
    let one = |start| Chunk { turn: Some(&turn), ..chunk("PER_THREAD", start, to) };
    let keys = of.keys(f, &one(&begin), &rows);
    if !rows.is_empty() {
        let next = format!("{begin} + AHEAD * THREADS * PER_THREAD");
        let next = f.declare("long long", "next", next);
        f.open(&format!("if ({next} < {to})"));
        of.fetch(f, &one(&next), &rows);
        f.close();
    }
    let (vector, descending, name) = (of.vector, of.is_descending(), &block.name);
    f.line(format!("tilec::keep<{vector}, {descending}>({name}, {keys}, {begin}, {to});"));
    f.close();
    f.close();
}

/// Holds the row, and keeps what of it is within its bound.
fn hold(
    f: &mut Function<'_, '_>,
    of: &Selected<'_>,
    block: &Block,
    span: &Span<'_>,
    per_thread: u32,
) {
    let Span { from, to, wanted } = *span;
    f.line(format!("constexpr int HELD = {per_thread};"));
    let rows = of.rows(f, "HELD");
    let chunk = chunk("HELD", from, to);
    of.fetch(f, &chunk, &rows);
    let keys = of.keys(f, &chunk, &rows);
    let (vector, descending) = (of.vector, of.is_descending());
    let name = &block.name;
    let what = format!("{name}, {keys}, {from}, {to}, {wanted}");
    f.line(format!("tilec::bound_row<{vector}, {descending}>({what});"));
    f.line(format!("tilec::keep_row<{vector}, {descending}>({name}, {keys}, {from}, {to});"));
}

fn chunk<'a>(each: &'a str, start: &'a str, end: &'a str) -> Chunk<'a> {
    Chunk {
        each,
        threads: "THREADS",
        thread: "static_cast<int>(threadIdx.x)",
        start,
        end,
        stride: None,
        turn: None,
        above: None,
        packed: false,
    }
}

impl Selected<'_> {
    fn is_descending(&self) -> bool {
        self.select.order == Order::Descending
    }
}
