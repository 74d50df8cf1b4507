//! A point whose reduction is shared by the threads of a warp or of a block: each
//! takes every so-manyeth element, and the partial results meet in a fixed order.

use tilec_ir::tensor::{Equation, Reduction};

use super::{PERHAPS, Reduced, declare_count, decompose, decompose_as};
use crate::device::Header;
use crate::function::Function;
use crate::text::Text;

/// The threads that share a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// A warp of a block of so many threads.
    Warp(u32),
    /// All of a block of so many threads.
    Block(u32),
}

impl Group {
    pub(super) fn of(threads_per_point: u32, threads: u32) -> Self {
        if threads_per_point <= 32 && threads > 32 {
            Self::Warp(threads)
        } else {
            Self::Block(threads)
        }
    }

    /// How many threads share a point.
    fn threads(self) -> u32 {
        match self {
            Self::Warp(_) => 32,
            Self::Block(threads) => threads,
        }
    }
}

pub(super) fn write(f: &mut Function<'_, '_>, equation: &Equation, of: &Reduced, group: Group) {
    f.need(Header::Reduce);
    let count = declare_count(f, &equation.vars, "points");
    let threads = group.threads();
    let (first, step, rank) = match group {
        Group::Warp(all) => {
            let warps = all / 32;
            let first = format!("blockIdx.x * {warps}ll + threadIdx.x / 32");
            (first, format!("gridDim.x * {warps}ll"), "threadIdx.x % 32")
        }
        Group::Block(_) => ("blockIdx.x".to_owned(), "gridDim.x".to_owned(), "threadIdx.x"),
    };
    let rank = f.declare("int", "rank", format!("static_cast<int>({rank})"));
    let point = f.local("point");
    f.open(&format!("for (long long {point} = {first}; {point} < {count}; {point} += {step})"));
    let names = decompose(f, &equation.vars, &point);
    f.cite(equation);
    let total = f.begin_total(of.op, f.class(of.body));
    let needed = of.guard.map(|(test, other)| {
        let test = f.value(test);
        (f.declare("bool", "needed", test.to_string()), other)
    });
    if let Some((needed, _)) = &needed {
        f.open(&format!("if ({needed})"));
    }
    partial(f, of, &total, &rank, threads);
    if needed.is_some() {
        f.close();
    }
    combine(f, of, &total, group);
    f.open(&format!("if ({rank} == 0)"));
    let index: Vec<_> = names.iter().cloned().map(Text::atom).collect();
    let element = f.kernel.tensors[equation.tensor].element;
    match needed {
        None => {
            let value = f.encode(element, &Text::atom(total));
            f.store_encoded(equation.tensor, &index, &value);
        }
        Some((needed, other)) => {
            f.open(&format!("if ({needed})"));
            let value = f.encode(element, &Text::atom(total));
            f.store_encoded(equation.tensor, &index, &value);
            f.close_else();
            f.store(equation.tensor, &index, other);
            f.close();
        }
    }
    f.close();
    f.close();
}

/// The part of the reduction that one thread takes.
fn partial(f: &mut Function<'_, '_>, of: &Reduced, total: &str, rank: &str, threads: u32) {
    if let &[var] = of.vars.as_slice() {
        let declared = &f.kernel.vars[var];
        let range = f.int(declared.range);
        let name = f.local(&declared.name);
        f.open(&format!("for (long long {name} = {rank}; {name} < {range}; {name} += {threads})"));
        f.bind(var, name);
    } else {
        let count = declare_count(f, &of.vars, "elements");
        let at = f.local("element");
        f.open(&format!("for (long long {at} = {rank}; {at} < {count}; {at} += {threads})"));
        decompose_as(f, PERHAPS, &of.vars, &at);
    }
    f.add_to(total, of.op, of.body);
    f.close();
}

/// Brings the partial results together, in every thread of the group.
fn combine(f: &mut Function<'_, '_>, of: &Reduced, total: &str, group: Group) {
    let op = match of.op {
        Reduction::Sum => "tilec::Sum",
        Reduction::Prod => "tilec::Prod",
        Reduction::Max => "tilec::Max",
        Reduction::Min => "tilec::Min",
    };
    let call = match group {
        Group::Warp(_) => format!("tilec::reduce_warp<{op}>({total})"),
        Group::Block(threads) => {
            let first = f.identity(of.op, f.class(of.body));
            format!("tilec::reduce_block<{op}, {threads}>({total}, {first})")
        }
    };
    f.line(format!("{total} = {call};"));
}
