//! Columns that lie along what is summed, turned into the rows that the kernel
//! reads: squares of vectors, transposed in registers.
//!
//! ```text
//! to[k][column] = from[column][k]
//!
//! a0 a1 a2 a3      a0 b0 a2 b2      a0 b0 c0 d0     a step swaps, between lines
//! b0 b1 b2 b3  1   a1 b1 a3 b3  2   a1 b1 c1 d1     `distance` apart, what lies
//! c0 c1 c2 c3  ->  c0 d0 c2 d2  ->  a2 b2 c2 d2     as far from the diagonal
//! d0 d1 d2 d3      c1 d1 c3 d3      a3 b3 c3 d3
//! ```

use super::{BLOCK_SUMMED, Tile};
use crate::emit::function::{Function, Value};
use crate::emit::vector::Machine;

pub(super) const NAME: &str = "@tile.turn";

/// `void NAME(ptr from, ptr to, i64 k)`, for the columns of a tile. Elements have
/// four bytes, which are not looked at. Up to a vector after `k` is written too:
/// memory that both have, since vectors divide [`BLOCK_SUMMED`].
pub(super) fn write(name: &str, machine: Machine) -> String {
    let lanes = machine.lanes;
    let width = Tile::of(machine).columns;
    let [from, to, k] = ["%from", "%to", "%k"].map(Value::new);
    let mut f = Function::default();
    let across = f.begin_loop((&0.into(), &k, &Value::new(lanes)), &[]);
    for first in (0..width).step_by(lanes) {
        let square: Vec<_> = (first..first + lanes)
            .map(|column| {
                let offset = f.add(&across.index, &Value::new(column * BLOCK_SUMMED));
                let at = f.at("i32", &from, &offset);
                f.def(format_args!("load <{lanes} x i32>, ptr {at}, align {}", lanes * 4))
            })
            .collect();
        for (row, line) in transpose(&mut f, square).iter().enumerate() {
            let row = f.add(&across.index, &Value::new(row));
            let offset = f.mul(&row, &Value::new(width));
            let offset = f.add(&offset, &Value::new(first));
            let at = f.at("i32", &to, &offset);
            f.run(format_args!("store <{lanes} x i32> {line}, ptr {at}, align {}", lanes * 4));
        }
    }
    f.end_loop(across, &[]);
    f.run("ret void");
    let parameters = "ptr noalias %from, ptr noalias %to, i64 %k";
    f.finish(format_args!("define internal void {name}({parameters}) noinline"))
}

/// The columns of a square as its lines; it has a power of two of them.
fn transpose(f: &mut Function, mut square: Vec<Value>) -> Vec<Value> {
    let lanes = square.len();
    let mut distance = 1;
    while distance < lanes {
        let upper = (0..lanes).map(|at| (at & distance) / distance * (lanes - distance) + at);
        let upper: Vec<_> = upper.collect();
        let lower: Vec<_> = upper.iter().map(|from| from + distance).collect();
        for at in (0..lanes).filter(|at| at & distance == 0) {
            let pair = [square[at].clone(), square[at + distance].clone()];
            square[at] = shuffle(f, &pair, &upper);
            square[at + distance] = shuffle(f, &pair, &lower);
        }
        distance *= 2;
    }
    square
}

/// A vector whose lanes are those of two, counted through both.
fn shuffle(f: &mut Function, [a, b]: &[Value; 2], from: &[usize]) -> Value {
    let lanes = from.len();
    let mask: Vec<_> = from.iter().map(|at| format!("i32 {at}")).collect();
    let mask = mask.join(", ");
    let vector = format!("<{lanes} x i32>");
    f.def(format_args!("shufflevector {vector} {a}, {vector} {b}, {vector} <{mask}>"))
}
