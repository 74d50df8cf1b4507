//! A warp for each row, whose elements its lanes hold.

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
    let ty = if packed { "unsigned" } else { "tilec::Ranked" };
    let found = f.local("found");
    f.line(format!("__shared__ tilec::Found<{ty}, PER_LANE> of_warp[{warps}];"));
    f.line(format!("auto& {found} = of_warp[threadIdx.x / 32];"));
    let sizes = of.sizes(&mut f);
    let wanted = &sizes.wanted;
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
        stride: None,
        turn: None,
        above: None,
        packed,
    };
    let rows = of.rows(&mut f, "PER_LANE");
    of.fetch(&mut f, &chunk, &rows);
    let own = of.own(&mut f, &chunk, &rows);
    f.line(format!("tilec::find_places({found}, {own}, static_cast<unsigned>({wanted}));"));
    let place = f.local("place");
    f.open(&format!("for (long long {place} = lane; {place} < {wanted}; {place} += 32)"));
    let chosen = format!("static_cast<int>({found}.places[{place}])");
    let chosen = f.declare("int", "chosen", chosen);
    of.put(&mut f, &row, &place, &chosen);
    f.close();
    f.close();
    let threads = kernel.threads;
    f.finish(Shape { grid, threads, cluster: 1, shared_bytes: 0, resident: None })
}
