//! The second function of a split contraction: adds up the parts in order, and
//! computes the epilogue.

use tilec_ir::tensor::Equation;
use tilec_ir::tile::Scratch;
use tilec_manifest::{Formula, Launch, Operator};

use crate::context::Context;
use crate::formula;
use crate::function::Shape;
use crate::points::decompose;
use crate::types::Class;

use super::epilogue::results;
use super::layout::Layout;

/// Threads of a block.
const THREADS: u32 = 256;
/// The most blocks.
const MOST_BLOCKS: i64 = i32::MAX as i64;

/// Writes the function that adds up the parts of step `at`.
pub(super) fn emit_sum(
    cx: &mut Context<'_>,
    layout: &Layout<'_>,
    equations: &[&Equation],
    at: usize,
    name: &str,
) -> Launch {
    let contract = layout.contract;
    let vars: Vec<_> =
        contract.batch.iter().chain(&contract.m).chain(&contract.n).copied().collect();
    let kernel = cx.kernel();
    let points = formula::product(kernel, vars.iter().map(|&var| kernel.vars[var].range));
    let blocks = points.ceil_div(i64::from(THREADS));
    let blocks = Formula::apply(Operator::Min, blocks, MOST_BLOCKS.into());
    let mut f = cx.begin(&format!("{name}_sum"));
    f.claim();
    let ranges: Vec<_> = vars.iter().map(|&var| kernel.vars[var].range).collect();
    let count = f.count(&ranges).to_string();
    f.line(format!("constexpr int SPLIT = {}, THREADS = {THREADS};", layout.split));
    f.line(format!("const long long points = {count};"));
    f.line("const long long stride = static_cast<long long>(gridDim.x) * THREADS;");
    f.line("long long point = static_cast<long long>(blockIdx.x) * THREADS + threadIdx.x;");
    f.open("for (; point < points; point += stride)");
    decompose(&mut f, &vars, "point");
    let (ty, zero) = match Class::of(contract.accumulator) {
        Class::Float => ("float", "0.0f"),
        Class::Integer | Class::Truth => ("int", "0"),
    };
    let partials = f.scratch(Scratch::Partials(at), ty, "partials");
    f.line(format!("{ty} sum = {zero};"));
    f.line("#pragma unroll");
    f.open("for (int part = 0; part < SPLIT; ++part)");
    let term = format!("{partials}[part * points + point]");
    match Class::of(contract.accumulator) {
        Class::Float => f.line(format!("sum += {term};")),
        Class::Integer | Class::Truth => {
            f.need(crate::device::Header::Scalar);
            f.line(format!("sum = tilec::add(sum, {term});"));
        }
    }
    f.close();
    results(&mut f, contract, equations, "sum");
    f.close();
    let grid = [blocks, 1.into(), 1.into()];
    f.finish(Shape { grid, threads: THREADS, cluster: 1, shared_bytes: 0, resident: None })
}
