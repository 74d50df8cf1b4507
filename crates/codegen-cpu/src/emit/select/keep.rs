//! The first words of one part of a row, in order.
//!
//! Ranks are computed 64 at a time, and most blocks hold none that comes before
//! the last of what is kept already. Few words are kept in a heap; many in a
//! buffer, which is sorted and cut whenever it is full, so that the cost per key
//! stays the same however many are kept. Keys come in the order of their
//! indices, so one that equals the last kept one never displaces it.
//!
//! ```text
//! scratch:  state  keep, count, capacity, bound: i64 each, 64 bytes
//!           ranks  64 of i32
//!           words  capacity of i64
//!           spare  as many again, for sorting
//! ```

use super::super::context::Context;
use super::super::function::{Branch, Value};
use super::super::loops::{begin_guards, end_guards};
use super::{Most, Selection, word};

/// Ranks that are computed at a time.
const BLOCK: i64 = 64;
/// Where they lie in the scratch memory of a task, and the words after them.
const RANKS: i64 = 64;
const WORDS: i64 = RANKS + 4 * BLOCK;
/// Up to so many words are kept in a heap, as in `order.ll`.
const HEAP: i64 = 256;
/// A buffer has room for twice what is kept and this.
const ROOM: i64 = 1024;

/// How many words of the current row are kept, in the branch where there are any.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) count: Value,
    branch: Branch,
}

impl Kept {
    /// Ends the branch.
    pub(super) fn end(self, c: &mut Context<'_>) {
        c.leave();
        c.f.end_then(self.branch);
    }
}

/// Begins the branch of the rows of which anything is kept.
pub(super) fn begin_kept(c: &mut Context<'_>, selection: &Selection, state: &Value) -> Kept {
    let is_plain = selection.of_places.guards.is_empty();
    let count = match selection.extent.most {
        Most::Count(_) | Most::Place(_) if is_plain => some_place(c, selection),
        Most::Count(_) | Most::Place(_) | Most::All => largest_place(c, selection, state),
    };
    let any = c.f.def(format_args!("icmp sgt i64 {count}, 0"));
    let branch = c.f.begin_if(&any);
    c.enter();
    Kept { count, branch }
}

/// What the extent says, if there is a place at all.
fn some_place(c: &mut Context<'_>, selection: &Selection) -> Value {
    let most = selection.extent.most(c);
    let places = c.count(&selection.places);
    let any = c.f.def(format_args!("icmp sgt i64 {places}, 0"));
    c.f.def(format_args!("select i1 {any}, i64 {most}, i64 0"))
}

/// One more than the largest place whose guards hold.
fn largest_place(c: &mut Context<'_>, selection: &Selection, state: &Value) -> Value {
    c.f.store("i64", &0.into(), state, &0.into());
    let (loops, _) = c.begin_vars(&selection.places, &[]);
    let guards = begin_guards(c, &selection.of_places);
    let place = c.int(selection.place);
    let count = c.f.add(&place, &1.into());
    let before = c.f.load("i64", state, &0.into());
    let count = c.f.max(&before, &count);
    c.f.store("i64", &count, state, &0.into());
    end_guards(c, guards);
    c.end_vars(loops, Vec::new());
    let count = c.f.load("i64", state, &0.into());
    let most = selection.extent.most(c);
    c.f.min(&count, &most)
}

/// Selects the words of a part of the current row; returns where they lie.
pub(super) fn kept_words(
    c: &mut Context<'_>,
    selection: &Selection,
    kept: &Kept,
    (part, parts): (&Value, &Value),
    state: &Value,
) -> Value {
    let length = c.int(selection.extent.length);
    let edge = |c: &mut Context<'_>, part: &Value| {
        let scaled = c.f.mul(part, &length);
        c.f.def(format_args!("udiv i64 {scaled}, {parts}"))
    };
    let low = edge(c, part);
    let next = c.f.add(part, &1.into());
    let high = edge(c, &next);
    let length = c.f.sub(&high, &low);
    let capacity = capacity(c, &kept.count, &length);
    let everything = Value::from(1i64 << 32);
    for (n, value) in [&kept.count, &0.into(), &capacity, &everything].into_iter().enumerate() {
        c.f.store("i64", value, state, &Value::new(n));
    }
    let words = c.f.at("i8", state, &WORDS.into());
    offer_all(c, selection, (&low, &high), (state, &words));
    let count = c.f.load("i64", state, &1.into());
    let spare = c.f.at("i64", &words, &capacity);
    c.f.run(format_args!("call void @tile.order(ptr {words}, ptr {spare}, i64 {count})"));
    words
}

/// A heap has room for what is kept, a buffer for more.
fn capacity(c: &mut Context<'_>, keep: &Value, length: &Value) -> Value {
    let twice = c.f.def(format_args!("shl i64 {keep}, 1"));
    let buffer = c.f.add(&twice, &ROOM.into());
    let is_heap = c.f.def(format_args!("icmp sle i64 {keep}, {HEAP}"));
    let wanted = c.f.def(format_args!("select i1 {is_heap}, i64 {keep}, i64 {buffer}"));
    c.f.min(&wanted, length)
}

/// Bytes of scratch memory for at most `most` words of `length`.
pub(super) fn bytes(c: &mut Context<'_>, most: &Value, length: &Value) -> Value {
    let capacity = capacity(c, most, length);
    let bytes = c.f.def(format_args!("shl i64 {capacity}, 4"));
    c.f.add(&bytes, &WORDS.into())
}

/// Offers the keys from `low` to before `high`, a block at a time.
fn offer_all(
    c: &mut Context<'_>,
    selection: &Selection,
    (low, high): (&Value, &Value),
    (state, words): (&Value, &Value),
) {
    let ranks = c.f.at("i8", state, &RANKS.into());
    let blocks = c.f.begin_loop((low, high, &BLOCK.into()), &[]);
    let rest = c.f.sub(high, &blocks.index);
    let width = c.f.min(&rest, &BLOCK.into());
    let each = c.f.begin_loop((&0.into(), &width, &1.into()), &[("i32", Value::new(-1))]);
    c.enter();
    let index = c.f.add(&blocks.index, &each.index);
    c.bind(selection.var, &index);
    let rank = word::rank_of(c, selection.order, selection.key);
    c.f.store("i32", &rank, &ranks, &each.index);
    let first = &each.carried[0];
    let first = c.f.def(format_args!("call i32 @llvm.umin.i32(i32 {first}, i32 {rank})"));
    c.leave();
    let first = c.f.end_loop(each, &[first]).swap_remove(0);
    let first = c.f.def(format_args!("zext i32 {first} to i64"));
    let bound = c.f.load("i64", state, &3.into());
    let comes_in = c.f.def(format_args!("icmp ult i64 {first}, {bound}"));
    let branch = c.f.begin_if(&comes_in);
    let at = &blocks.index;
    c.f.run(format_args!(
        "call void @tile.offer(ptr {state}, ptr {words}, ptr {ranks}, i64 {at}, i64 {width})"
    ));
    c.f.end_then(branch);
    c.f.end_loop(blocks, &[]);
}
