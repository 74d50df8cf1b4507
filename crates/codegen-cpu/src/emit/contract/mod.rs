//! Contractions: sums of products as blocked matrix multiplication.
//!
//! A unit is a block of rows and columns of the result. Along what is summed,
//! block after block of both operands is packed into memory of the task's own,
//! and a kernel that keeps a tile of the result in registers runs over them:
//!
//! ```text
//! for each block of k:    pack b (k x columns), pack a (rows x k)
//!     for each tile:      c += a b
//! write c, times what is left of the product
//! ```

mod blocks;
mod gather;
mod matching;
mod micro;
mod pack;
mod rows;
mod slots;
mod turn;

use tilec_ir::Id;
use tilec_ir::tensor::Var;

use super::context::Context;
use super::function::Value;
use super::loops::{cost_of, write_step};
use super::program::{Bytes, Program, Task, Work};
use super::value::Class;
use super::vector::Machine;
use crate::plan::Step;
use blocks::{Blocks, Place};
use matching::Contraction;
use slots::Parts;

/// Most rows of a block.
const BLOCK_ROWS: usize = 384;
/// Most columns of a block, and how far apart rows of its result are.
const BLOCK_COLUMNS: usize = 512;
/// Most of what is summed at a time, and how far apart packed rows are.
const BLOCK_SUMMED: usize = 256;

/// The part of a result that stays in registers.
#[derive(Clone, Copy, Debug)]
struct Tile {
    rows: usize,
    /// The rows of the low tiles that the last rows of a block are in.
    low: usize,
    columns: usize,
}

/// A block of the result, and the block of what is summed.
#[derive(Debug)]
struct Block {
    /// The number of the batch.
    batch: Value,
    first_row: Value,
    rows: Value,
    first_column: Value,
    columns: Value,
    first_summed: Value,
    summed: Value,
    /// Where the rows are listed, if they are not simply counted.
    order: Option<Value>,
}

/// Scratch memory: operands, result, columns before they are turned.
struct Scratch {
    a: Value,
    b: Value,
    result: Value,
    lines: Value,
}

impl Tile {
    /// Two vectors wide, and as high as leaves registers for operands.
    fn of(machine: Machine) -> Self {
        let rows = (machine.registers - 4) / 2 / 2 * 2;
        Self { rows, low: rows / 6 * 2, columns: 2 * machine.lanes }
    }

    /// How many of some rows are in high tiles, and how many rows all tiles have.
    fn cover(self, c: &mut Context<'_>, rows: &Value) -> (Value, Value) {
        let (high, rest) = c.f.div_rem(rows, &Value::new(self.rows));
        let high = c.f.mul(&high, &Value::new(self.rows));
        let low = pack::round_up(c, &rest, self.low);
        (high.clone(), c.f.add(&high, &low))
    }
}

impl Block {
    /// Binds the variables of a row of the block, counted from the first row of all;
    /// returns its number among all rows of the batch.
    fn bind_row(&self, c: &mut Context<'_>, vars: &[Id<Var>], line: &Value) -> Value {
        let row = match &self.order {
            Some(order) => c.f.load("i64", order, line),
            None => line.clone(),
        };
        c.bind_flat(vars, &row);
        row
    }
}

/// Emits a step that is a contraction; returns whether it is one.
pub(crate) fn emit(program: &mut Program<'_>, step: &Step) -> bool {
    let (kernel, plan) = (program.kernel, program.plan);
    let Some(found) = matching::matches(kernel, plan, step) else { return false };
    let class = Class::of(kernel.exprs[step.value].ty);
    let machine = program.machine;
    let tile = Tile::of(machine);
    for rows in [tile.rows, tile.low] {
        program.helper(&micro::name(class, rows), |name| micro::write(name, machine, class, rows));
    }
    program.helper(turn::NAME, |name| turn::write(name, machine));
    let sorted = blocks::emit(program, step, &found);
    let parts = slots::parts(program, &found);
    let words = offsets(machine)[4];
    let bytes = i64::try_from(words * 4).expect("scratch memory is a few megabytes");
    program.phase(
        vec![Bytes::Elements { shape: Vec::new(), bytes }],
        |c| {
            let [blocks, columns] = [row_blocks(c, &found, sorted), column_blocks(c, &found)];
            let units = c.f.mul(&blocks, &columns);
            let vars = step.vars.iter().chain(&found.summed);
            let ranges: Vec<_> = vars.map(|&v| kernel.vars[v].range).collect();
            Work { units, cost: cost_of(c, 1, &ranges) }
        },
        |c, task| {
            c.clamped = step.clamped;
            let units = c.f.begin_loop((&task.begin, &task.end, &1.into()), &[]);
            c.enter();
            unit(c, (step, &found, parts), sorted, &units.index, task);
            c.leave();
            c.f.end_loop(units, &[]);
        },
    );
    if let Some(parts) = parts {
        slots::emit(program, step, &found, parts);
    }
    true
}

/// How many blocks of rows all batches have.
fn row_blocks(c: &mut Context<'_>, found: &Contraction, sorted: Option<Blocks>) -> Value {
    if let Some(blocks) = sorted {
        return blocks.number(c, found);
    }
    let (batch, rows) = (c.count(&found.batch), c.count(&found.rows));
    let rows = c.f.ceil_div(&rows, &Value::new(BLOCK_ROWS));
    c.f.mul(&batch, &rows)
}

fn column_blocks(c: &mut Context<'_>, found: &Contraction) -> Value {
    let columns = c.count(&found.columns);
    c.f.ceil_div(&columns, &Value::new(BLOCK_COLUMNS))
}

/// Where the n-th block of rows is.
fn place(c: &mut Context<'_>, found: &Contraction, sorted: Option<Blocks>, n: &Value) -> Place {
    if let Some(blocks) = sorted {
        return blocks.find(c, found, n);
    }
    let rows = c.count(&found.rows);
    let rows = c.f.ceil_div(&rows, &Value::new(BLOCK_ROWS));
    let (batch, block) = c.f.div_rem(n, &rows);
    Place { batch, bucket: 0.into(), block }
}

fn unit(
    c: &mut Context<'_>,
    (step, found, parts): (&Step, &Contraction, Option<Parts>),
    sorted: Option<Blocks>,
    unit: &Value,
    task: &Task,
) {
    let column_blocks = column_blocks(c, found);
    let (row_block, column_block) = c.f.div_rem(unit, &column_blocks);
    let Place { batch, bucket, block: row_block } = place(c, found, sorted, &row_block);
    c.bind_flat(&found.batch, &batch);
    if let Some((atom, _)) = found.bucket {
        c.bind_atom(atom, &bucket);
    }
    let (order, all_rows) = match sorted {
        Some(blocks) => {
            let (order, count) = blocks.sorted.rows(c, found, &batch, &bucket);
            (Some(order), count)
        }
        None => (None, c.count(&found.rows)),
    };
    let all_columns = c.count(&found.columns);
    let tile = Tile::of(c.machine);
    let (first_row, rows) = share(c, &all_rows, &row_block, (BLOCK_ROWS, tile.rows));
    let (first_column, columns) =
        share(c, &all_columns, &column_block, (BLOCK_COLUMNS, tile.columns));
    let some = c.f.def(format_args!("icmp sgt i64 {rows}, 0"));
    let branch = c.f.begin_if(&some);
    c.enter();
    let [a, b, result, lines, _] =
        offsets(c.machine).map(|at| c.f.at("float", &task.scratch, &Value::new(at)));
    let scratch = Scratch { a, b, result, lines };
    let (first_summed, summed) = (0.into(), 0.into());
    let block =
        Block { batch, first_row, rows, first_column, columns, first_summed, summed, order };
    fill_block(c, (step, found, parts), block, &scratch);
    c.leave();
    c.f.end_then(branch);
}

/// The n-th of as few even parts as have at most `most` each, in whole tiles:
/// where it begins and how much it is, which may be nothing or less.
fn share(
    c: &mut Context<'_>,
    all: &Value,
    n: &Value,
    (most, tile): (usize, usize),
) -> (Value, Value) {
    let parts = c.f.ceil_div(all, &Value::new(most));
    let parts = c.f.max(&parts, &1.into());
    let each = c.f.ceil_div(all, &parts);
    let each = pack::round_up(c, &each, tile);
    let begin = c.f.mul(&each, n);
    let left = c.f.sub(all, &begin);
    (begin, c.f.min(&left, &each))
}

/// Computes and writes one block of the result.
fn fill_block(
    c: &mut Context<'_>,
    (step, found, parts): (&Step, &Contraction, Option<Parts>),
    mut block: Block,
    scratch: &Scratch,
) {
    let class = c.class(step.value);
    let tile = Tile::of(c.machine);
    let (_, rows) = tile.cover(c, &block.rows);
    let words = c.f.mul(&rows, &Value::new(BLOCK_COLUMNS));
    let each = c.f.begin_count(&words);
    c.f.store(class.ty(), &pack::zero(class), &scratch.result, &each.index);
    c.f.end_loop(each, &[]);
    let all = c.count(&found.summed);
    let sums = c.f.begin_loop((&0.into(), &all, &Value::new(BLOCK_SUMMED)), &[]);
    c.enter();
    let left = c.f.sub(&all, &sums.index);
    block.summed = c.f.min(&left, &Value::new(BLOCK_SUMMED));
    block.first_summed = sums.index.clone();
    pack::right(c, found, class, &block, &scratch.b, &scratch.lines);
    pack::left(c, found, class, &block, &scratch.a);
    multiply(c, class, &block, scratch);
    c.leave();
    c.f.end_loop(sums, &[]);
    write_block(c, (step, found, parts), &block, scratch, &all);
}

/// Runs the kernels over all tiles of a block.
fn multiply(c: &mut Context<'_>, class: Class, block: &Block, scratch: &Scratch) {
    let tile = Tile::of(c.machine);
    let (high, rows) = tile.cover(c, &block.rows);
    let columns = pack::round_up(c, &block.columns, tile.columns);
    let column = c.f.begin_loop((&0.into(), &columns, &Value::new(tile.columns)), &[]);
    let offset = c.f.mul(&column.index, &Value::new(BLOCK_SUMMED));
    let b = c.f.at("float", &scratch.b, &offset);
    multiply_rows(c, (class, tile.rows), (&0.into(), &high), (&column.index, &b), block, scratch);
    multiply_rows(c, (class, tile.low), (&high, &rows), (&column.index, &b), block, scratch);
    c.f.end_loop(column, &[]);
}

/// Runs a kernel over the tiles of some rows and of the columns from `column`.
fn multiply_rows(
    c: &mut Context<'_>,
    (class, tile_rows): (Class, usize),
    (begin, end): (&Value, &Value),
    (column, b): (&Value, &Value),
    block: &Block,
    scratch: &Scratch,
) {
    let row = c.f.begin_loop((begin, end, &Value::new(tile_rows)), &[]);
    let offset = c.f.mul(&row.index, &Value::new(BLOCK_SUMMED));
    let a = c.f.at("float", &scratch.a, &offset);
    let offset = c.f.mul(&row.index, &Value::new(BLOCK_COLUMNS));
    let offset = c.f.add(&offset, column);
    let result = c.f.at("float", &scratch.result, &offset);
    let (kernel, summed) = (micro::name(class, tile_rows), &block.summed);
    c.f.run(format_args!("call void {kernel}(ptr {a}, ptr {b}, ptr {result}, i64 {summed})"));
    c.f.end_loop(row, &[]);
}

fn write_block(
    c: &mut Context<'_>,
    (step, found, parts): (&Step, &Contraction, Option<Parts>),
    block: &Block,
    scratch: &Scratch,
    all: &Value,
) {
    let class = c.class(step.value);
    let all_rows = c.count(&found.rows);
    let before = c.f.mul(&block.batch, &all_rows);
    let row = c.f.begin_count(&block.rows);
    c.enter();
    let line = c.f.add(&block.first_row, &row.index);
    let number = block.bind_row(c, &found.rows, &line);
    let number = c.f.add(&before, &number);
    let offset = c.f.mul(&row.index, &Value::new(BLOCK_COLUMNS));
    let results = c.f.at("float", &scratch.result, &offset);
    let column = c.f.begin_count(&block.columns);
    c.enter();
    let flat = c.f.add(&block.first_column, &column.index);
    c.bind_flat(&found.columns, &flat);
    let mut value = c.f.load(class.ty(), &results, &column.index);
    if !found.after.is_empty() {
        // A sum of nothing is 0, and what it is multiplied by need not exist.
        let some = c.f.def(format_args!("icmp sgt i64 {all}, 0"));
        let mut branch = c.f.begin_if(&some);
        c.enter();
        let after = pack::product(c, class, &found.after);
        let product = c.binary(tilec_ir::tensor::Binary::Mul, class, &value, &after);
        c.leave();
        c.f.begin_else(&mut branch, &[product]);
        value = c.f.end_if(branch, &[class.ty()], &[value]).swap_remove(0);
    }
    match parts {
        Some(parts) => parts.write(c, (step, found), (&number, &flat), &value),
        None => write_step(c, step, &value),
    }
    c.leave();
    c.f.end_loop(column, &[]);
    c.leave();
    c.f.end_loop(row, &[]);
}

/// Where the parts of scratch memory begin, and the end, counted in words.
fn offsets(machine: Machine) -> [usize; 5] {
    let tile = Tile::of(machine);
    let rows = BLOCK_ROWS.next_multiple_of(tile.rows);
    let a = rows * BLOCK_SUMMED;
    let b = BLOCK_COLUMNS * BLOCK_SUMMED;
    let result = rows * BLOCK_COLUMNS;
    let lines = tile.columns * BLOCK_SUMMED;
    [0, a, a + b, a + b + result, a + b + result + lines]
}
