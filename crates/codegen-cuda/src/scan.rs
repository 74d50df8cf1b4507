//! Running sums: a block takes a row, chunk by chunk, and carries what came before.
//!
//! ```text
//! c[m, j] = sum[i](if i <= j then p[m, i] else 0)
//!     thread: the sums of its own elements   block: the sums before each thread
//!     c = carried + before the thread + within the thread
//! ```

use tilec_ir::tensor::{Equation, Var};
use tilec_ir::tile::{Body, Step, Variant};
use tilec_ir::{Id, plan};
use tilec_manifest::Launch;

use crate::context::Context;
use crate::device::Header;
use crate::function::{Function, Shape};
use crate::points::{declare_count, decompose};
use crate::text::Text;
use crate::types::Class;

pub(crate) fn emit(cx: &mut Context<'_>, step: &Step, variant: &Variant) -> Vec<Launch> {
    let region = &cx.program.plan.regions[step.region];
    let (Body::Scan(body), plan::RegionKind::Scan(scan)) = (&variant.kernel.body, &region.kind)
    else {
        unreachable!("called for running sums")
    };
    let (equation, threads) = (cx.equations(step)[0], variant.kernel.threads);
    let grid = cx.grid(&variant.kernel);
    let mut f = cx.begin(&variant.kernel.name);
    f.cite(equation);
    write(&mut f, equation, scan, body.per_thread.max(1), threads);
    vec![f.finish(Shape { grid, threads, cluster: 1, shared_bytes: 0, resident: None })]
}

fn write(
    f: &mut Function<'_, '_>,
    equation: &Equation,
    scan: &plan::Scan,
    per_thread: u32,
    threads: u32,
) {
    f.need(Header::Reduce);
    let class = f.class(scan.value);
    let ty = class.cpp();
    let rows = declare_count(f, &scan.rows, "rows");
    let row = f.local("row");
    f.open(&format!("for (long long {row} = blockIdx.x; {row} < {rows}; {row} += gridDim.x)"));
    decompose(f, &scan.rows, &row);
    let range = |f: &mut Function<'_, '_>, var: Id<Var>, name: &str| {
        let range = f.int(f.kernel.vars[var].range);
        f.declare("long long", name, range.to_string())
    };
    let to = range(f, scan.to, "length");
    let from = range(f, scan.from, "summands");
    let zero = if class == Class::Float { "0.0f" } else { "0" };
    let carried = f.local("carried");
    f.line(format!("{ty} {carried} = {zero};"));
    let chunk = f.local("start");
    let step = u64::from(threads) * u64::from(per_thread);
    f.open(&format!("for (long long {chunk} = 0; {chunk} < {to}; {chunk} += {step})"));
    let own = f.declare(
        "long long",
        "first",
        format!("{chunk} + static_cast<long long>(threadIdx.x) * {per_thread}"),
    );
    let (values, total, at) = (f.local("sums"), f.local("sum"), f.local("at"));
    f.line(format!("{ty} {values}[{per_thread}];"));
    f.line(format!("{ty} {total} = {zero};"));
    f.line("#pragma unroll");
    f.open(&format!("for (int {at} = 0; {at} < {per_thread}; ++{at})"));
    let position = f.declare("long long", &f.kernel.vars[scan.from].name, format!("{own} + {at}"));
    if scan.exclusive {
        f.line(format!("{values}[{at}] = {total};"));
    }
    f.open(&format!("if ({position} < {from})"));
    f.bind(scan.from, &position);
    let value = f.value(scan.value);
    let sum = f.combine(tilec_ir::tensor::Binary::Add, class, &Text::atom(&total), &value);
    f.line(format!("{total} = {sum};"));
    f.close();
    if !scan.exclusive {
        f.line(format!("{values}[{at}] = {total};"));
    }
    f.close();
    let all = f.local("of_chunk");
    f.line(format!("{ty} {all};"));
    let before =
        f.declare(ty, "before", format!("tilec::sum_before<{threads}>({total}, {all})"));
    let offset = f.combine(
        tilec_ir::tensor::Binary::Add,
        class,
        &Text::atom(&carried),
        &Text::atom(&before),
    );
    let offset = f.declare(ty, "offset", offset.to_string());
    f.line("#pragma unroll");
    f.open(&format!("for (int {at} = 0; {at} < {per_thread}; ++{at})"));
    let position = f.declare("long long", &f.kernel.vars[scan.to].name, format!("{own} + {at}"));
    f.bind(scan.to, &position);
    f.open(&format!("if ({position} < {to})"));
    let here = Text::atom(format!("{values}[{at}]"));
    let sum =
        f.combine(tilec_ir::tensor::Binary::Add, class, &Text::atom(&offset), &here);
    let element = f.kernel.tensors[equation.tensor].element;
    let encoded = f.encode(element, &sum);
    let index: Vec<_> = equation.vars.iter().map(|&var| Text::name(f.var(var))).collect();
    f.store_encoded(equation.tensor, &index, &encoded);
    f.close();
    f.close();
    let sum = f.combine(
        tilec_ir::tensor::Binary::Add,
        class,
        &Text::atom(&carried),
        &Text::atom(&all),
    );
    f.line(format!("{carried} = {sum};"));
    f.close();
    f.close();
}
