//! A warp for each row, whose elements its lanes hold: it takes the least of them out
//! again and again.

use tilec_ir::tile;
use tilec_manifest::Launch;

use super::keys::Chunk;
use super::{Selected, claim};
use crate::context::Context;
use crate::device::Header;
use crate::function::Shape;

pub(super) fn emit(
    cx: &mut Context<'_>,
    of: &Selected<'_>,
    kernel: &tile::Kernel,
    per_lane: u32,
    packed: bool,
) -> Launch {
    let grid = cx.grid(kernel);
    let mut f = cx.begin(&kernel.name);
    claim(&mut f);
    f.need(Header::SelectWarp);
    of.cite(&mut f);
    let warps = kernel.threads / 32;
    f.line(format!("constexpr int PER_LANE = {per_lane};"));
    f.line("const int lane = static_cast<int>(threadIdx.x) % 32;");
    let sizes = of.sizes(&mut f);
    let row = f.local("row");
    let first = format!("blockIdx.x * {warps}ll + threadIdx.x / 32");
    let step = format!("gridDim.x * {warps}ll");
    f.open(&format!("for (long long {row} = {first}; {row} < {}; {row} += {step})", sizes.rows));
    let row = of.bind_row(&mut f, &row);
    let chunk = Chunk {
        each: "PER_LANE",
        threads: "32",
        thread: "lane",
        start: "0",
        end: &sizes.length,
        above: None,
        packed,
    };
    let rows = of.rows(&mut f, "PER_LANE");
    of.fetch(&mut f, &chunk, &rows);
    let own = of.own(&mut f, &chunk, &rows);
    let held = f.local("held");
    let ty = if packed { "unsigned" } else { "tilec::Ranked" };
    f.line(format!("tilec::Held<{ty}, PER_LANE> {held};"));
    f.line(format!("tilec::hold({held}, {own});"));
    let start = f.local("start");
    f.open(&format!("for (long long {start} = 0; {start} < {}; {start} += 32)", sizes.wanted));
    let mine = f.local("mine");
    f.comment("Each lane stores one of the next 32 places.");
    f.line(format!("unsigned {mine} = 0;"));
    let (i, wanted) = (f.local("i"), &sizes.wanted);
    f.open(&format!("for (int {i} = 0; {i} < 32 && {start} + {i} < {wanted}; ++{i})"));
    f.line(format!("const unsigned least = tilec::index_of(tilec::pop({held}));"));
    f.line(format!("if ({i} == lane) {mine} = least;"));
    f.close();
    let place = f.declare("long long", "place", format!("{start} + lane"));
    f.line(format!("if ({place} >= {wanted}) continue;"));
    let chosen = f.declare("int", "chosen", format!("static_cast<int>({mine})"));
    of.put(&mut f, &row, &place, &chosen);
    f.close();
    f.close();
    let threads = kernel.threads;
    f.finish(Shape { grid, threads, cluster: 1, shared_bytes: 0, resident: None })
}
