//! Orders by counting: the place of an index is the number of indices whose keys
//! come before its own. Equal keys keep the lower index first, NaN comes last.
//!
//! ```text
//! t[m, s] = argsort[n](key[m, n])[place]
//!     for each group m, by a block:  for each n, by a thread:
//!         place of n = how many other keys of the group come before
//!         t[m, s] = n for every s whose place it is
//! ```
//!
//! Keys are turned into words that sort as the language orders, and are shared by
//! the block a chunk at a time. The group has the variables of the key and of the
//! guard; `place` may be any expression of the others.

use std::collections::BTreeSet;

use tilec_ir::tensor::{Equation, Expr, ExprKind, Order, Var};
use tilec_ir::tile::{Body, Step, Variant};
use tilec_ir::{Atom, Id, IntId, Kernel, walk};
use tilec_manifest::Launch;

use crate::context::Context;
use crate::device::Header;
use crate::function::{Function, Shape};
use crate::points::{Guard, declare_count, decompose, guarded};
use crate::text::Text;
use crate::types::Class;

pub(crate) fn emit(cx: &mut Context<'_>, step: &Step, variant: &Variant) -> Vec<Launch> {
    let Body::Ranks(body) = &variant.kernel.body else { unreachable!("called for orders") };
    let (equations, threads) = (cx.equations(step), variant.kernel.threads);
    let grid = cx.grid(&variant.kernel);
    let mut f = cx.begin(&variant.kernel.name);
    for equation in equations {
        let rank = Rank::of(f.kernel, equation);
        f.cite(equation);
        write(&mut f, &rank, body.chunk.max(1), threads);
    }
    vec![f.finish(Shape { grid, threads, cluster: 1, shared_bytes: 0, resident: None })]
}

/// An equation that is an order.
#[derive(Debug)]
struct Rank<'k> {
    equation: &'k Equation,
    guard: Option<Guard>,
    var: Id<Var>,
    order: Order,
    key: Id<Expr>,
    place: IntId,
    /// The equation's variables that the key or the guard depends on, and the others.
    group: Vec<Id<Var>>,
    others: Vec<Id<Var>>,
}

impl<'k> Rank<'k> {
    fn of(kernel: &'k Kernel, equation: &'k Equation) -> Self {
        let (guard, value) = guarded(kernel, equation.value);
        let ExprKind::Rank { var, order, key, place } = kernel.exprs[value].kind else {
            unreachable!("the equation of an order is one, in {equation:?}")
        };
        let mut used = variables(kernel, key);
        if let Some((test, _)) = guard {
            used.extend(variables(kernel, test));
        }
        let (group, others) = equation.vars.iter().partition(|var| used.contains(var));
        Self { equation, guard, var, order, key, place, group, others }
    }
}

/// The variables that stand in an expression.
fn variables(kernel: &Kernel, expr: Id<Expr>) -> BTreeSet<Id<Var>> {
    let mut found = BTreeSet::new();
    for expr in walk::reachable(kernel, expr) {
        for int in walk::ints(&kernel.exprs[expr]) {
            found.extend(walk::vars_of_int(&kernel.ints, int));
        }
    }
    found
}

fn write(f: &mut Function<'_, '_>, rank: &Rank<'_>, chunk: u32, threads: u32) {
    f.need(Header::Order);
    let keys = f.local("keys");
    let length = f.local("chunk");
    f.line(format!("constexpr int {length} = {chunk};"));
    f.line(format!("__shared__ unsigned {keys}[{length}];"));
    f.line(format!("static_assert(sizeof {keys} <= 48 << 10, \"keys fit into shared memory\");"));
    let groups = declare_count(f, &rank.group, "groups");
    let group = f.local("group");
    f.open(&format!(
        "for (long long {group} = blockIdx.x; {group} < {groups}; {group} += gridDim.x)"
    ));
    decompose(f, &rank.group, &group);
    if let Some((test, other)) = rank.guard {
        let needed = f.value(test);
        f.open(&format!("if (!({needed}))"));
        each_other(f, rank, threads, |f, index| f.store(rank.equation.tensor, index, other));
        f.line("continue;");
        f.close();
    }
    each_index(f, rank, &keys, &length, threads);
    f.close();
}

/// Finds the place of every index of a group, and stores those that are asked for.
fn each_index(f: &mut Function<'_, '_>, rank: &Rank<'_>, keys: &str, length: &str, threads: u32) {
    let count = f.int(f.kernel.vars[rank.var].range);
    let count = f.declare("long long", "count", count.to_string());
    let first = f.local("first");
    f.open(&format!("for (long long {first} = 0; {first} < {count}; {first} += {threads})"));
    let mine = f.declare("long long", "mine", format!("{first} + threadIdx.x"));
    let own = key_of(f, rank, &mine, &count, "key");
    let place = f.local("before");
    f.line(format!("long long {place} = 0;"));
    let (keys, length) = (keys.to_owned(), length.to_owned());
    let names = Counting { keys, length, count, mine, own, place, threads };
    count_before(f, rank, &names);
    f.open(&format!("if ({} < {})", names.mine, names.count));
    put(f, rank, &names.mine, &names.place);
    f.close();
    f.close();
}

/// The names in the loops that count.
#[derive(Debug)]
struct Counting {
    keys: String,
    length: String,
    count: String,
    mine: String,
    own: String,
    place: String,
    threads: u32,
}

/// Adds to `place` the number of keys that come before `own`.
fn count_before(f: &mut Function<'_, '_>, rank: &Rank<'_>, names: &Counting) {
    let Counting { keys, length, count, mine, own, place, threads } = names;
    let start = f.local("start");
    f.open(&format!("for (long long {start} = 0; {start} < {count}; {start} += {length})"));
    f.line("__syncthreads();");
    let left = f.declare(
        "int",
        "left",
        format!("static_cast<int>({count} - {start} < {length} ? {count} - {start} : {length})"),
    );
    let at = f.local("at");
    f.open(&format!("for (int {at} = threadIdx.x; {at} < {left}; {at} += {threads})"));
    let other = f.declare("long long", "other", format!("{start} + {at}"));
    let key = key_of(f, rank, &other, count, "other_key");
    f.line(format!("{keys}[{at}] = {key};"));
    f.close();
    f.line("__syncthreads();");
    f.open(&format!("for (int {at} = 0; {at} < {left}; ++{at})"));
    f.line(format!("const bool earlier = {start} + {at} < {mine};"));
    f.line(format!(
        "{place} += {keys}[{at}] < {own} || ({keys}[{at}] == {own} && earlier) ? 1 : 0;"
    ));
    f.close();
    f.close();
}

/// The word of the key of an index, by name; any word where there is no such index.
fn key_of(
    f: &mut Function<'_, '_>,
    rank: &Rank<'_>,
    index: &str,
    count: &str,
    base: &str,
) -> String {
    let name = f.local(base);
    f.line(format!("unsigned {name} = 0;"));
    f.open(&format!("if ({index} < {count})"));
    f.bind(rank.var, index);
    let key = f.value(rank.key);
    let kind = match f.class(rank.key) {
        Class::Float | Class::Integer => "tilec::order_word",
        Class::Truth => unreachable!("keys are numbers"),
    };
    let descending = match rank.order {
        Order::Ascending => "false",
        Order::Descending => "true",
    };
    f.line(format!("{name} = {kind}({key}, {descending});"));
    f.close();
    name
}

/// Stores an index at every point that asks for its place.
fn put(f: &mut Function<'_, '_>, rank: &Rank<'_>, mine: &str, place: &str) {
    let tensor = rank.equation.tensor;
    let element = f.kernel.tensors[tensor].element;
    let value = Text::call("int", &[&Text::atom(mine)]);
    let value = f.encode(element, &value);
    if let &[other] = rank.others.as_slice()
        && f.kernel.ints.as_atom(rank.place) == Some(&Atom::Var(other))
    {
        let range = f.int(f.kernel.vars[other].range);
        f.open(&format!("if ({place} < {range})"));
        f.bind(other, place);
        let index = indices(f, rank.equation);
        f.store_encoded(tensor, &index, &value);
        f.close();
        return;
    }
    for &var in &rank.others {
        f.open_var(var);
    }
    let asked = f.int(rank.place);
    f.open(&format!("if ({asked} == {place})"));
    let index = indices(f, rank.equation);
    f.store_encoded(tensor, &index, &value);
    f.close();
    for _ in &rank.others {
        f.close();
    }
}

/// The point of an equation.
fn indices(f: &Function<'_, '_>, equation: &Equation) -> Vec<Text> {
    equation.vars.iter().map(|&var| Text::name(f.var(var))).collect()
}

/// Loops over the points of a group, shared by the threads of the block.
fn each_other(
    f: &mut Function<'_, '_>,
    rank: &Rank<'_>,
    threads: u32,
    body: impl FnOnce(&mut Function<'_, '_>, &[Text]),
) {
    let others = declare_count(f, &rank.others, "others");
    let at = f.local("other");
    f.open(&format!("for (long long {at} = threadIdx.x; {at} < {others}; {at} += {threads})"));
    decompose(f, &rank.others, &at);
    let index = indices(f, rank.equation);
    body(f, &index);
    f.close();
}
