//! The innermost kernel: a tile of the result in registers.
//!
//! ```text
//!             b: k x NR, row after row
//!           +--------------+
//! a: MR x k |  c: MR x NR  |    c += a b, one broadcast of a and one vector
//!           +--------------+    of b per multiply-add
//! ```

use super::{BLOCK_COLUMNS, BLOCK_SUMMED, Tile};
use crate::emit::function::{Function, Value};
use crate::emit::value::Class;
use crate::emit::vector::Machine;

/// The name of the kernel of tiles with so many rows.
pub(super) fn name(class: Class, rows: usize) -> String {
    format!("@tile.multiply.{}.{rows}", class.ty())
}

/// `void NAME(ptr a, ptr b, ptr c, i64 k)`
pub(super) fn write(name: &str, machine: Machine, class: Class, rows: usize) -> String {
    let columns = Tile::of(machine).columns;
    let lanes = machine.lanes;
    let ty = class.ty();
    let vector: &'static str = match (class, lanes) {
        (Class::Float, 16) => "<16 x float>",
        (Class::Float, 8) => "<8 x float>",
        (Class::Float, _) => "<4 x float>",
        (_, 16) => "<16 x i32>",
        (_, 8) => "<8 x i32>",
        (_, _) => "<4 x i32>",
    };
    let [a, b, c, k] = ["%a", "%b", "%c", "%k"].map(Value::new);
    let vectors = columns / lanes;
    let mut f = Function::default();
    let place = |row: usize, v: usize| Value::new(row * BLOCK_COLUMNS + v * lanes);
    let places: Vec<_> =
        (0..rows).flat_map(|row| (0..vectors).map(move |v| place(row, v))).collect();
    let carry: Vec<_> = places
        .iter()
        .map(|offset| {
            let at = f.at(ty, &c, offset);
            (vector, f.def(format_args!("load {vector}, ptr {at}, align 64")))
        })
        .collect();
    let inner = f.begin_loop((&0.into(), &k, &1.into()), &carry);
    let row = f.mul(&inner.index, &Value::new(columns));
    let b: Vec<_> = (0..vectors)
        .map(|v| {
            let offset = f.add(&row, &Value::new(v * lanes));
            let at = f.at(ty, &b, &offset);
            f.def(format_args!("load {vector}, ptr {at}, align 64"))
        })
        .collect();
    let mut sums = Vec::new();
    for (row, before) in inner.carried.chunks(vectors).enumerate() {
        let offset = f.add(&inner.index, &Value::new(row * BLOCK_SUMMED));
        let one = f.load(ty, &a, &offset);
        let one = f.def(format_args!("insertelement {vector} poison, {ty} {one}, i64 0"));
        let all = f.def(format_args!(
            "shufflevector {vector} {one}, {vector} poison, <{lanes} x i32> zeroinitializer"
        ));
        for (before, b) in before.iter().zip(&b) {
            sums.push(multiply_add(&mut f, class, lanes, [&all, b, before]));
        }
    }
    let sums = f.end_loop(inner, &sums);
    for (offset, sum) in places.iter().zip(&sums) {
        let at = f.at(ty, &c, offset);
        f.run(format_args!("store {vector} {sum}, ptr {at}, align 64"));
    }
    f.run("ret void");
    let parameters = "ptr noalias %a, ptr noalias %b, ptr noalias %c, i64 %k";
    f.finish(format_args!("define internal void {name}({parameters}) noinline"))
}

fn multiply_add(f: &mut Function, class: Class, lanes: usize, [a, b, c]: [&Value; 3]) -> Value {
    if class == Class::Float {
        let v = format!("<{lanes} x float>");
        let name = format!("llvm.fmuladd.v{lanes}f32");
        return f.def(format_args!("call {v} @{name}({v} {a}, {v} {b}, {v} {c})"));
    }
    let product = f.def(format_args!("mul <{lanes} x i32> {a}, {b}"));
    f.def(format_args!("add <{lanes} x i32> {product}, {c}"))
}
