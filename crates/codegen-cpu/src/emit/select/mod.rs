//! Selection: the first places of an order, without sorting what is not kept.
//!
//! Key and index become one word that sorts as the language says: the order of
//! the key in the upper half, NaN last in both directions, the index below it.
//! The variables of the output that the key does not depend on are its places;
//! the largest place says how many words of a row must be kept.
//!
//! ```text
//! index[m, s] = argsort[n desc](x[m, n])[s]        per m: the S smallest words
//! pair[m, s]  = argsort[n desc](x[m, n])[P + s]    per m: the P + S smallest
//! best[m]     = argmax[n](x[m, n])                 per m: the smallest
//! ```
//!
//! A task takes rows. Where there are fewer rows than workers, long rows are cut
//! into parts, which tasks take, and the words that parts keep are merged. A
//! selection is exact, so the cut cannot be seen in the result.

mod keep;
mod word;

use tilec_ir::tensor::{Expr, ExprKind, Order, Var};
use tilec_ir::{Atom, Id, IntId, Kernel};

use super::context::Context;
use super::function::Value;
use super::loops::{begin_guards, cost_of, end_guards, write_step};
use super::program::{Bytes, Program, Task, Words, Work};
use crate::plan::{Plan, Step, below};
use keep::{begin_kept, kept_words};

/// An argsort as a step.
#[derive(Debug)]
pub(crate) struct Selection {
    var: Id<Var>,
    order: Order,
    key: Id<Expr>,
    place: IntId,
    extent: Extent,
    /// The variables that choose among the places of a row.
    places: Vec<Id<Var>>,
    /// The step with the guards of rows, and with those of places.
    of_rows: Step,
    of_places: Step,
}

/// How much there is to select from, and how much of it at most.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    rows: Vec<Id<Var>>,
    length: IntId,
    most: Most,
}

/// A bound of how many words of a row are kept.
#[derive(Clone, Copy, Debug)]
enum Most {
    /// So many.
    Count(IntId),
    /// Those up to this place.
    Place(IntId),
    /// Any number of them.
    All,
}

/// A row is cut into parts from this length on.
const LONG: i64 = 1 << 16;
/// The most parts of a row.
const PARTS: i64 = 64;

/// Emits a step whose value is an argsort; returns whether it is one.
pub(crate) fn emit(program: &mut Program<'_>, step: &Step) -> bool {
    let Some(selection) = matches(program.kernel, program.plan, step) else { return false };
    let (kernel, plan) = (program.kernel, program.plan);
    let extent = &selection.extent;
    let merged = program.buffer(Bytes::Merged(extent.clone()));
    program.phase(
        vec![Bytes::Kept(extent.clone())],
        |c| {
            let rows = c.count(&extent.rows);
            let parts = extent.parts(c);
            let units = c.f.mul(&rows, &parts);
            let vars = extent.rows.iter().chain([&selection.var]);
            let ranges: Vec<_> = vars.map(|&v| kernel.vars[v].range).collect();
            let each = below(kernel, plan, selection.key).len() + 4;
            Work { units, cost: cost_of(c, each, &ranges) }
        },
        |c, task| select(c, &selection, merged, task),
    );
    program.phase(
        vec![Bytes::Kept(extent.clone())],
        |c| {
            let rows = c.count(&extent.rows);
            let parts = extent.parts(c);
            let is_cut = c.f.def(format_args!("icmp sgt i64 {parts}, 1"));
            let units = c.f.def(format_args!("select i1 {is_cut}, i64 {rows}, i64 0"));
            let ranges: Vec<_> = extent.rows.iter().map(|&v| kernel.vars[v].range).collect();
            Work { units, cost: cost_of(c, 1 << 16, &ranges) }
        },
        |c, task| merge(c, &selection, merged, task),
    );
    true
}

fn matches(kernel: &Kernel, plan: &Plan, step: &Step) -> Option<Selection> {
    let &ExprKind::Rank { var, order, key, place } = &kernel.exprs[step.value].kind else {
        return None;
    };
    let free = |e: Id<Expr>| &plan.free[e.index()];
    let is_row = |v: &Id<Var>| free(key).contains(v);
    let (rows, places): (Vec<_>, Vec<_>) = step.vars.iter().copied().partition(is_row);
    // Guards rest on those before them, so the order stays.
    let guards = step.guards.iter();
    let own = guards.take_while(|g| !free(g.test).iter().any(|v| places.contains(v))).count();
    let (of_rows, of_places) = step.guards.split_at(own);
    let guarded = |guards: &[_]| Step { guards: guards.to_vec(), ..step.clone() };
    let most = most(kernel, place, &places);
    Some(Selection {
        var,
        order,
        key,
        place,
        extent: Extent { rows, length: kernel.vars[var].range, most },
        places,
        of_rows: guarded(of_rows),
        of_places: guarded(of_places),
    })
}

fn most(kernel: &Kernel, place: IntId, places: &[Id<Var>]) -> Most {
    if let Some(Atom::Var(s)) = kernel.ints.as_atom(place)
        && places.contains(s)
    {
        return Most::Count(kernel.vars[*s].range);
    }
    let mut is_size = true;
    kernel.ints.visit_atoms(place, &mut |_, atom| {
        is_size &= matches!(atom, Atom::Size(_) | Atom::Div(..));
    });
    if is_size { Most::Place(place) } else { Most::All }
}

impl Extent {
    /// At most so many words of a row are kept.
    fn most(&self, c: &mut Context<'_>) -> Value {
        let length = c.int(self.length);
        let most = match self.most {
            Most::Count(count) => c.int(count),
            Most::Place(place) => {
                let place = c.int(place);
                c.f.add(&place, &1.into())
            }
            Most::All => length.clone(),
        };
        let most = c.f.min(&most, &length);
        c.f.max(&most, &0.into())
    }

    /// Into how many parts each row is cut. Each of several has four times what is kept.
    fn parts(&self, c: &mut Context<'_>) -> Value {
        let workers = Words::of(c.kernel).workers();
        let workers = c.f.load("i64", &Value::new("%args"), &Value::new(workers));
        let (rows, length, most) = (c.count(&self.rows), c.int(self.length), self.most(c));
        let parts = c.f.def(format_args!("shl i64 {workers}, 1"));
        let parts = c.f.min(&parts, &PARTS.into());
        let kept = c.f.mul(&most, &parts);
        let kept = c.f.def(format_args!("shl i64 {kept}, 2"));
        let is_small = c.f.def(format_args!("icmp sle i64 {kept}, {length}"));
        let is_long = c.f.def(format_args!("icmp sge i64 {length}, {LONG}"));
        let are_few = c.f.def(format_args!("icmp ult i64 {rows}, {workers}"));
        let is_cut = c.f.def(format_args!("and i1 {is_small}, {is_long}"));
        let is_cut = c.f.def(format_args!("and i1 {is_cut}, {are_few}"));
        c.f.def(format_args!("select i1 {is_cut}, i64 {parts}, i64 1"))
    }

    /// Bytes for the words that all parts keep, twice, and none for rows in one part.
    pub(crate) fn merged_bytes(&self, c: &mut Context<'_>) -> Value {
        let (rows, parts, most) = (c.count(&self.rows), self.parts(c), self.most(c));
        let words = c.f.mul(&rows, &parts);
        let words = c.f.mul(&words, &most);
        let bytes = c.f.def(format_args!("shl i64 {words}, 4"));
        let is_cut = c.f.def(format_args!("icmp sgt i64 {parts}, 1"));
        c.f.def(format_args!("select i1 {is_cut}, i64 {bytes}, i64 0"))
    }

    /// Bytes of what a task keeps of one part.
    pub(crate) fn kept_bytes(&self, c: &mut Context<'_>) -> Value {
        let (length, most) = (c.int(self.length), self.most(c));
        keep::bytes(c, &most, &length)
    }
}

/// Each unit is a part of a row.
fn select(c: &mut Context<'_>, selection: &Selection, merged: usize, task: &Task) {
    let parts = selection.extent.parts(c);
    let is_whole = c.f.def(format_args!("icmp eq i64 {parts}, 1"));
    let units = c.f.begin_loop((&task.begin, &task.end, &1.into()), &[]);
    c.enter();
    let (row, part) = c.f.div_rem(&units.index, &parts);
    c.bind_flat(&selection.extent.rows, &row);
    let guards = begin_guards(c, &selection.of_rows);
    let kept = begin_kept(c, selection, &task.scratch);
    let words = kept_words(c, selection, &kept, (&part, &parts), &task.scratch);
    let mut branch = c.f.begin_if(&is_whole);
    c.enter();
    write(c, selection, &words, &kept.count);
    c.leave();
    c.f.begin_else(&mut branch, &[]);
    let base = merged_words(c, selection, merged, (&row, &parts));
    let at = c.f.mul(&part, &kept.count);
    let to = c.f.at("i64", &base, &at);
    let bytes = c.f.def(format_args!("shl i64 {}, 3", kept.count));
    c.f.run(format_args!(
        "call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {words}, i64 {bytes}, i1 false)"
    ));
    c.f.end_if(branch, &[], &[]);
    kept.end(c);
    end_guards(c, guards);
    c.leave();
    c.f.end_loop(units, &[]);
}

/// Each unit is a row: the first of what its parts kept.
fn merge(c: &mut Context<'_>, selection: &Selection, merged: usize, task: &Task) {
    let parts = selection.extent.parts(c);
    let units = c.f.begin_loop((&task.begin, &task.end, &1.into()), &[]);
    c.enter();
    c.bind_flat(&selection.extent.rows, &units.index);
    let guards = begin_guards(c, &selection.of_rows);
    let kept = begin_kept(c, selection, &task.scratch);
    let words = merged_words(c, selection, merged, (&units.index, &parts));
    let count = c.f.mul(&parts, &kept.count);
    let spare = c.f.at("i64", &words, &count);
    c.f.run(format_args!("call void @tile.order(ptr {words}, ptr {spare}, i64 {count})"));
    write(c, selection, &words, &kept.count);
    kept.end(c);
    end_guards(c, guards);
    c.leave();
    c.f.end_loop(units, &[]);
}

/// Where the words of all parts of a row are collected.
fn merged_words(
    c: &mut Context<'_>,
    selection: &Selection,
    merged: usize,
    (row, parts): (&Value, &Value),
) -> Value {
    let most = selection.extent.most(c);
    let twice = c.f.def(format_args!("shl i64 {most}, 1"));
    let words = c.f.mul(&twice, parts);
    let at = c.f.mul(row, &words);
    let base = c.pointer(merged);
    c.f.at("i64", &base, &at)
}

/// Writes the indices of all places of a row; `words` are its first, in order.
fn write(c: &mut Context<'_>, selection: &Selection, words: &Value, count: &Value) {
    let last = c.f.sub(count, &1.into());
    let (loops, _) = c.begin_vars(&selection.places, &[]);
    let guards = begin_guards(c, &selection.of_places);
    let place = c.int(selection.place);
    // Where nothing is read the place may be anything.
    let place = c.f.min(&place, &last);
    let place = c.f.max(&place, &0.into());
    let word = c.f.load("i64", words, &place);
    let index = c.f.def(format_args!("trunc i64 {word} to i32"));
    write_step(c, &selection.of_places, &index);
    end_guards(c, guards);
    c.end_vars(loops, Vec::new());
}
