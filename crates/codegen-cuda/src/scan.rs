//! Running sums: a block takes a row, chunk by chunk, and carries what came before.
//!
//! ```text
//! c[m, j] = sum[i](if i <= j then p[m, i] else 0)
//!     thread: the sums of its own elements   block: the sums before each thread
//!     c = carried + before the thread + within the thread
//! ```

use tilec_ir::tensor::{Binary, Equation, Var};
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

/// The names in the loops over a row, and what they are made with.
#[derive(Debug)]
struct Names<'a> {
    scan: &'a plan::Scan,
    equation: &'a Equation,
    class: Class,
    per_thread: u32,
    /// The length of the result, and how many elements are added up.
    length: String,
    summands: String,
    /// What came before the chunk.
    carried: String,
    /// The thread's first position.
    first: String,
    /// The thread's running sums, and their last.
    sums: String,
    sum: String,
}

impl Names<'_> {
    fn zero(&self) -> &'static str {
        if self.class == Class::Float { "0.0f" } else { "0" }
    }

    fn add(&self, f: &mut Function<'_, '_>, a: &str, b: &str) -> Text {
        f.combine(Binary::Add, self.class, &Text::atom(a), &Text::atom(b))
    }
}

fn write(
    f: &mut Function<'_, '_>,
    equation: &Equation,
    scan: &plan::Scan,
    per_thread: u32,
    threads: u32,
) {
    f.need(Header::Reduce);
    let rows = declare_count(f, &scan.rows, "rows");
    let row = f.local("row");
    f.open(&format!("for (long long {row} = blockIdx.x; {row} < {rows}; {row} += gridDim.x)"));
    decompose(f, &scan.rows, &row);
    let range = |f: &mut Function<'_, '_>, var: Id<Var>, name: &str| {
        let range = f.int(f.kernel.vars[var].range);
        f.declare("long long", name, range.to_string())
    };
    let (length, summands) = (range(f, scan.to, "length"), range(f, scan.from, "summands"));
    let class = f.class(scan.value);
    let [carried, first, sums, sum] = ["carried", "first", "sums", "sum"].map(|n| f.local(n));
    let names =
        Names { scan, equation, class, per_thread, length, summands, carried, first, sums, sum };
    let ty = class.cpp();
    f.line(format!("{ty} {} = {};", names.carried, names.zero()));
    let (start, step) = (f.local("start"), u64::from(threads) * u64::from(per_thread));
    let length = &names.length;
    f.open(&format!("for (long long {start} = 0; {start} < {length}; {start} += {step})"));
    let own = format!("{start} + static_cast<long long>(threadIdx.x) * {per_thread}");
    f.line(format!("const long long {} = {own};", names.first));
    within_thread(f, &names);
    let of_chunk = f.local("of_chunk");
    f.line(format!("{ty} {of_chunk};"));
    let before = format!("tilec::sum_before<{threads}>({}, {of_chunk})", names.sum);
    let before = f.declare(ty, "before", before);
    let offset = names.add(f, &names.carried, &before);
    let offset = f.declare(ty, "offset", offset.to_string());
    put(f, &names, &offset);
    let sum = names.add(f, &names.carried, &of_chunk);
    f.line(format!("{} = {sum};", names.carried));
    f.close();
    f.close();
}

/// Adds up the thread's own elements.
fn within_thread(f: &mut Function<'_, '_>, names: &Names<'_>) {
    let Names { scan, per_thread, first, sums, sum, summands, .. } = names;
    let ty = names.class.cpp();
    f.line(format!("{ty} {sums}[{per_thread}];"));
    f.line(format!("{ty} {sum} = {};", names.zero()));
    let at = open_own(f, *per_thread);
    let position = format!("{first} + {at}");
    let position = f.declare("long long", &f.kernel.vars[scan.from].name, position);
    let note = format!("{sums}[{at}] = {sum};");
    if scan.exclusive {
        f.line(&note);
    }
    f.open(&format!("if ({position} < {summands})"));
    f.bind(scan.from, &position);
    let value = f.value(scan.value);
    let added = f.combine(Binary::Add, names.class, &Text::atom(sum), &value);
    f.line(format!("{sum} = {added};"));
    f.close();
    if !scan.exclusive {
        f.line(&note);
    }
    f.close();
}

/// Stores the thread's results, each with what came before the thread.
fn put(f: &mut Function<'_, '_>, names: &Names<'_>, offset: &str) {
    let Names { scan, equation, per_thread, first, sums, length, .. } = names;
    let at = open_own(f, *per_thread);
    let position = format!("{first} + {at}");
    let position = f.declare("long long", &f.kernel.vars[scan.to].name, position);
    f.bind(scan.to, &position);
    f.open(&format!("if ({position} < {length})"));
    let sum = names.add(f, offset, &format!("{sums}[{at}]"));
    let encoded = f.encode(f.kernel.tensors[equation.tensor].element, &sum);
    let index: Vec<_> = equation.vars.iter().map(|&var| Text::name(f.var(var))).collect();
    f.store_encoded(equation.tensor, &index, &encoded);
    f.close();
    f.close();
}

/// Begins the loop over the thread's own elements; returns the name of its position.
fn open_own(f: &mut Function<'_, '_>, per_thread: u32) -> String {
    let at = f.local("at");
    f.line("#pragma unroll");
    f.open(&format!("for (int {at} = 0; {at} < {per_thread}; ++{at})"));
    at
}
