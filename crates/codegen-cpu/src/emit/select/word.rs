//! Keys as unsigned words that are smaller the earlier the key comes.

use tilec_ir::Id;
use tilec_ir::tensor::{Expr, Order};

use super::super::context::Context;
use super::super::function::{Function, Value};
use super::super::value::Class;

/// The i32 of a key at the current point.
pub(super) fn rank_of(c: &mut Context<'_>, order: Order, key: Id<Expr>) -> Value {
    let class = c.class(key);
    let key = c.expr(key);
    rank(&mut c.f, class, order, &key)
}

fn rank(f: &mut Function, class: Class, order: Order, key: &Value) -> Value {
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
