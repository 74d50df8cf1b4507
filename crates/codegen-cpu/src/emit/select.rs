//! Selection: the first places of an order, without sorting what is not kept.
//!
//! Key and index become one word that sorts as the language says: the order of
//! the key in the upper half, NaN last in both directions, the index below it.
//!
//! ```text
//! index[m, s] = argsort[n desc](x[m, n])[s]    per m: a heap of the S smallest words
//! best[m]     = argmax[n](x[m, n])             per m: the smallest word
//! ```

use tilec_ir::tensor::{Expr, ExprKind, Order, Var};
use tilec_ir::{Atom, Id, IntId, Kernel};

use super::context::Context;
use super::function::Value;
use super::loops::{begin_guards, cost_of, end_guards, write_step};
use super::program::{Bytes, Program, Task, Work};
use super::value::Class;
use crate::plan::{Plan, Step, below};

/// An argsort as a step.
struct Selection {
    var: Id<Var>,
    order: Order,
    key: Id<Expr>,
    place: IntId,
    /// The variable that counts the places, if all places of a row are asked for.
    places: Option<Id<Var>>,
    /// The variables of a row.
    rows: Vec<Id<Var>>,
}

/// Emits a step whose value is an argsort; returns whether it is one.
pub(crate) fn emit(program: &mut Program<'_>, step: &Step) -> bool {
    let Some(selection) = matches(program.kernel, program.plan, step) else { return false };
    let (kernel, plan) = (program.kernel, program.plan);
    let longest = kernel.vars[selection.places.unwrap_or(selection.var)].range;
    program.phase(
        // One more, which stands in where there is nothing to select.
        vec![Bytes { shape: vec![longest], bytes: 8 }, Bytes { shape: Vec::new(), bytes: 8 }],
        |c| {
            let units = c.count(&selection.rows);
            let vars = selection.rows.iter().chain([&selection.var]);
            let ranges: Vec<_> = vars.map(|&v| kernel.vars[v].range).collect();
            let each = below(kernel, plan, selection.key).len() + 4;
            Work { units, cost: cost_of(c, each, &ranges) }
        },
        |c, task| rows(c, step, &selection, task),
    );
    true
}

fn matches(kernel: &Kernel, plan: &Plan, step: &Step) -> Option<Selection> {
    let &ExprKind::Rank { var, order, key, place } = &kernel.exprs[step.value].kind else {
        return None;
    };
    let places = match kernel.ints.as_atom(place) {
        Some(Atom::Var(s)) if !plan.free[key.index()].contains(s) => Some(*s),
        _ => None,
    };
    let places = places.filter(|s| {
        step.vars.contains(s) && step.guards.iter().all(|g| !plan.free[g.test.index()].contains(s))
    });
    let rows = step.vars.iter().copied().filter(|v| Some(*v) != places).collect();
    Some(Selection { var, order, key, place, places, rows })
}

fn rows(c: &mut Context<'_>, step: &Step, selection: &Selection, task: &Task) {
    let units = c.f.begin_loop((&task.begin, &task.end, &1.into()), &[]);
    c.enter();
    c.bind_flat(&selection.rows, &units.index);
    let guards = begin_guards(c, step);
    if selection.places.is_none() && c.kernel.ints.as_constant(selection.place) == Some(0) {
        first(c, step, selection);
    } else {
        several(c, step, selection, &task.scratch);
    }
    end_guards(c, guards);
    c.leave();
    c.f.end_loop(units, &[]);
}

/// One scan for the smallest word.
fn first(c: &mut Context<'_>, step: &Step, selection: &Selection) {
    let scan = c.begin_var(selection.var, &[("i64", Value::from(-1))]);
    let word = word(c, selection);
    let best = &scan.carried[0];
    let best = c.f.def(format_args!("call i64 @llvm.umin.i64(i64 {best}, i64 {word})"));
    c.leave();
    let best = c.f.end_loop(scan, &[best]).swap_remove(0);
    let index = c.f.def(format_args!("trunc i64 {best} to i32"));
    write_step(c, step, &index);
}

/// A heap of the smallest words, then its sort.
fn several(c: &mut Context<'_>, step: &Step, selection: &Selection, heap: &Value) {
    let range = c.int(c.kernel.vars[selection.var].range);
    let wanted = match selection.places {
        Some(places) => c.int(c.kernel.vars[places].range),
        None => {
            let place = c.int(selection.place);
            c.f.add(&place, &1.into())
        }
    };
    let keep = c.f.min(&wanted, &range);
    let keep = c.f.max(&keep, &0.into());
    each_word(c, selection, (&0.into(), &keep), |c, at, word| {
        c.f.store("i64", word, heap, at);
    });
    c.f.run(format_args!("call void @tile.heapify(ptr {heap}, i64 {keep})"));
    // Nothing is kept of a range that nothing is wanted from.
    let some = c.f.def(format_args!("icmp sgt i64 {keep}, 0"));
    let rest = c.f.def(format_args!("select i1 {some}, i64 {range}, i64 0"));
    each_word(c, selection, (&keep, &rest), |c, _, word| {
        let worst = c.f.load("i64", heap, &0.into());
        let better = c.f.def(format_args!("icmp ult i64 {word}, {worst}"));
        let branch = c.f.begin_if(&better);
        c.f.run(format_args!("call void @tile.sift(ptr {heap}, i64 {keep}, i64 0, i64 {word})"));
        c.f.end_then(branch);
    });
    c.f.run(format_args!("call void @tile.sort(ptr {heap}, i64 {keep})"));
    let Some(places) = selection.places else {
        let last = c.f.sub(&keep, &1.into());
        let last = c.f.max(&last, &0.into());
        let word = c.f.load("i64", heap, &last);
        let index = c.f.def(format_args!("trunc i64 {word} to i32"));
        return write_step(c, step, &index);
    };
    let out = c.f.begin_count(&keep);
    c.enter();
    c.bind(places, &out.index);
    let word = c.f.load("i64", heap, &out.index);
    let index = c.f.def(format_args!("trunc i64 {word} to i32"));
    write_step(c, step, &index);
    c.leave();
    c.f.end_loop(out, &[]);
}

fn each_word<'k>(
    c: &mut Context<'k>,
    selection: &Selection,
    (low, high): (&Value, &Value),
    body: impl FnOnce(&mut Context<'k>, &Value, &Value),
) {
    let scan = c.f.begin_loop((low, high, &1.into()), &[]);
    c.enter();
    c.bind(selection.var, &scan.index);
    let word = word(c, selection);
    body(c, &scan.index, &word);
    c.leave();
    c.f.end_loop(scan, &[]);
}

/// The word of the variable's current value.
fn word(c: &mut Context<'_>, selection: &Selection) -> Value {
    let class = c.class(selection.key);
    let key = c.expr(selection.key);
    let rank = rank(c, class, selection.order, &key);
    let high = c.f.def(format_args!("zext i32 {rank} to i64"));
    let high = c.f.def(format_args!("shl i64 {high}, 32"));
    let index = c.var(selection.var);
    c.f.def(format_args!("or i64 {high}, {index}"))
}

/// An unsigned i32 that is smaller the earlier the key comes.
fn rank(c: &mut Context<'_>, class: Class, order: Order, key: &Value) -> Value {
    let f = &mut c.f;
    let turn = match order {
        Order::Ascending => 0,
        Order::Descending => -1,
    };
    match class {
        Class::Float => {
            // Adding 0 makes -0 and +0 one.
            let key = f.def(format_args!("fadd float {key}, 0.0"));
            let bits = f.def(format_args!("bitcast float {key} to i32"));
            let sign = f.def(format_args!("ashr i32 {bits}, 31"));
            let flip = f.def(format_args!("or i32 {sign}, {}", i32::MIN));
            let flip = f.def(format_args!("xor i32 {flip}, {turn}"));
            let rank = f.def(format_args!("xor i32 {bits}, {flip}"));
            let is_nan = f.def(format_args!("fcmp uno float {key}, {key}"));
            f.def(format_args!("select i1 {is_nan}, i32 -1, i32 {rank}"))
        }
        Class::Integer => {
            let flip = i32::MIN ^ turn;
            f.def(format_args!("xor i32 {key}, {flip}"))
        }
        Class::Truth => {
            let wide = f.def(format_args!("zext i1 {key} to i32"));
            f.def(format_args!("xor i32 {wide}, {turn}"))
        }
    }
}
