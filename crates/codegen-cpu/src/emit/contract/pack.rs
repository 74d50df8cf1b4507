//! Packing: the factors of one group, multiplied, laid out for the kernel.
//!
//! Decoding, gathers, scales and guards are done here, once for each element of
//! an operand and block. What lies outside the operand is 0.

use tilec_ir::Id;
use tilec_ir::tensor::{Binary, Expr, ExprKind, Var};

use super::matching::Contraction;
use super::{BLOCK_SUMMED, Block, Tile, turn};
use crate::emit::context::Context;
use crate::emit::function::Value;
use crate::emit::loops::is_linear;
use crate::emit::value::Class;

/// The product of the factors of a group at the current point.
pub(super) fn product(c: &mut Context<'_>, class: Class, factors: &[Id<Expr>]) -> Value {
    let mut product: Option<Value> = None;
    for &factor in factors {
        let value = c.expr(factor);
        product = Some(match product {
            Some(before) => c.binary(Binary::Mul, class, &before, &value),
            None => value,
        });
    }
    product.expect("each group has a factor")
}

/// `a[row][k]`: rows of the block, `BLOCK_SUMMED` apart, zeros up to a whole tile.
pub(super) fn left(
    c: &mut Context<'_>,
    found: &Contraction,
    class: Class,
    block: &Block,
    a: &Value,
) {
    let ty = class.ty();
    let (_, rows) = Tile::of(c.machine).cover(c, &block.rows);
    let row = c.f.begin_count(&rows);
    c.enter();
    let inside = c.f.def(format_args!("icmp slt i64 {}, {}", row.index, block.rows));
    let start = c.f.mul(&row.index, &Value::new(BLOCK_SUMMED));
    let start = c.f.at(ty, a, &start);
    let mut branch = c.f.begin_if(&inside);
    c.enter();
    let line = c.f.add(&block.first_row, &row.index);
    block.bind_row(c, &found.rows, &line);
    let inner = c.f.begin_count(&block.summed);
    c.enter();
    bind_summed(c, found, block, &inner.index);
    let value = product(c, class, &found.left);
    c.f.store(ty, &value, &start, &inner.index);
    c.leave();
    c.f.end_loop(inner, &[]);
    c.leave();
    c.f.begin_else(&mut branch, &[]);
    fill(c, class, &start, &block.summed);
    c.f.end_if(branch, &[], &[]);
    c.leave();
    c.f.end_loop(row, &[]);
}

/// `b[panel][k][column]`: panels of a tile's columns, zeros to the end of the last.
pub(super) fn right(
    c: &mut Context<'_>,
    found: &Contraction,
    class: Class,
    block: &Block,
    b: &Value,
    lines: &Value,
) {
    let width = Tile::of(c.machine).columns;
    let columns = round_up(c, &block.columns, width);
    let panel = c.f.begin_loop((&0.into(), &columns, &Value::new(width)), &[]);
    c.enter();
    let start = c.f.mul(&panel.index, &Value::new(BLOCK_SUMMED));
    let start = c.f.at(class.ty(), b, &start);
    let left = c.f.sub(&block.columns, &panel.index);
    let inside = c.f.min(&left, &Value::new(width));
    let first = c.f.add(&block.first_column, &panel.index);
    if lies_along_columns(c, found) {
        panel_by_rows(c, found, class, block, (&first, &inside, &start));
    } else {
        panel_by_columns(c, found, class, block, (&first, &inside, &start, lines));
    }
    c.leave();
    c.f.end_loop(panel, &[]);
}

/// Row after row of the panel, where memory lies along the columns.
fn panel_by_rows(
    c: &mut Context<'_>,
    found: &Contraction,
    class: Class,
    block: &Block,
    (first, inside, start): (&Value, &Value, &Value),
) {
    let width = Value::new(Tile::of(c.machine).columns);
    let ty = class.ty();
    let outer = c.f.begin_count(&block.summed);
    c.enter();
    bind_summed(c, found, block, &outer.index);
    let line = c.f.mul(&outer.index, &width);
    let line = c.f.at(ty, start, &line);
    let inner = c.f.begin_count(inside);
    c.enter();
    let column = c.f.add(first, &inner.index);
    c.bind_flat(&found.columns, &column);
    let value = product(c, class, &found.right);
    c.f.store(ty, &value, &line, &inner.index);
    c.leave();
    c.f.end_loop(inner, &[]);
    let rest = c.f.begin_loop((inside, &width, &1.into()), &[]);
    c.f.store(ty, &zero(class), &line, &rest.index);
    c.f.end_loop(rest, &[]);
    c.leave();
    c.f.end_loop(outer, &[]);
}

/// Columns into lines of their own first, where memory lies along what is
/// summed; then the lines turned.
fn panel_by_columns(
    c: &mut Context<'_>,
    found: &Contraction,
    class: Class,
    block: &Block,
    (first, inside, start, lines): (&Value, &Value, &Value, &Value),
) {
    let width = Value::new(Tile::of(c.machine).columns);
    let ty = class.ty();
    let outer = c.f.begin_count(inside);
    c.enter();
    let column = c.f.add(first, &outer.index);
    c.bind_flat(&found.columns, &column);
    let line = c.f.mul(&outer.index, &Value::new(BLOCK_SUMMED));
    let line = c.f.at(ty, lines, &line);
    let inner = c.f.begin_count(&block.summed);
    c.enter();
    bind_summed(c, found, block, &inner.index);
    let value = product(c, class, &found.right);
    c.f.store(ty, &value, &line, &inner.index);
    c.leave();
    c.f.end_loop(inner, &[]);
    c.leave();
    c.f.end_loop(outer, &[]);
    let rest = c.f.begin_loop((inside, &width, &1.into()), &[]);
    let line = c.f.mul(&rest.index, &Value::new(BLOCK_SUMMED));
    let line = c.f.at(ty, lines, &line);
    fill(c, class, &line, &block.summed);
    c.f.end_loop(rest, &[]);
    c.f.run(format_args!(
        "call void {}(ptr {lines}, ptr {start}, i64 {})",
        turn::NAME,
        block.summed
    ));
}

/// Whether the operands of the right group lie along the columns in memory.
fn lies_along_columns(c: &Context<'_>, found: &Contraction) -> bool {
    let along = |var: Option<&Id<Var>>| {
        let last = |&e: &Id<Expr>| {
            let ExprKind::Read(_, index) = &c.kernel.exprs[e].kind else { return None };
            index.last()
        };
        let reads = found.right.iter().filter_map(last);
        reads.filter(|&&int| var.is_some_and(|&v| is_linear(c.kernel, int, v))).count()
    };
    along(found.columns.last()) > along(found.summed.last())
}

fn bind_summed(c: &mut Context<'_>, found: &Contraction, block: &Block, at: &Value) {
    let flat = c.f.add(&block.first_summed, at);
    c.bind_flat(&found.summed, &flat);
}

fn fill(c: &mut Context<'_>, class: Class, start: &Value, count: &Value) {
    let each = c.f.begin_count(count);
    c.f.store(class.ty(), &zero(class), start, &each.index);
    c.f.end_loop(each, &[]);
}

pub(super) fn zero(class: Class) -> Value {
    if class == Class::Float { 0.0.into() } else { 0.into() }
}

/// `count` rounded up to a multiple of `step`.
pub(super) fn round_up(c: &mut Context<'_>, count: &Value, step: usize) -> Value {
    let step = Value::new(step);
    let steps = c.f.ceil_div(count, &step);
    c.f.mul(&steps, &step)
}
