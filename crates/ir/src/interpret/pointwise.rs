//! Operations on columns, lane by lane. Functions of floats are computed in
//! f64 and rounded once, so that they are right to the last bit but for rare
//! near-ties.

use std::borrow::Cow;

use super::column::{Column, at, map, zip};
use super::graph::{Linear, NodeId, Target};
use crate::formats::Format;
use crate::philox;
use crate::tensor::{Binary, Unary};

/// `out = op(x)`
pub(super) fn unary(op: Unary, x: &Column, out: &mut Column) {
    match (op, x) {
        (Unary::Neg, Column::Int(x)) => map(x, out.ints_mut(), |x: i64| wrap(x.wrapping_neg())),
        (Unary::Abs, Column::Int(x)) => map(x, out.ints_mut(), |x: i64| wrap(x.wrapping_abs())),
        (Unary::Not, x) => map(x.bools(), out.bools_mut(), |x| !x),
        (Unary::Uniform, x) => map(x.ints(), out.floats_mut(), |x| philox::uniform(x as i32)),
        (op, x) => float_function(op, x.floats(), out.floats_mut()),
    }
}

fn float_function(op: Unary, x: &[f32], out: &mut Vec<f32>) {
    let wide = |f: fn(f64) -> f64| move |x: f32| f(f64::from(x)) as f32;
    match op {
        Unary::Neg => map(x, out, |x| -x),
        Unary::Abs => map(x, out, f32::abs),
        Unary::Sqrt => map(x, out, f32::sqrt),
        Unary::Floor => map(x, out, f32::floor),
        Unary::Exp => map(x, out, wide(f64::exp)),
        Unary::Log => map(x, out, wide(f64::ln)),
        Unary::Rsqrt => map(x, out, wide(|x| 1.0 / x.sqrt())),
        Unary::Tanh => map(x, out, wide(f64::tanh)),
        Unary::Erf => map(x, out, wide(libm::erf)),
        Unary::Not | Unary::Uniform => unreachable!("not functions of floats"),
    }
}

/// `out = op(a, b)`
pub(super) fn binary(op: Binary, a: &Column, b: &Column, out: &mut Column) {
    match (a, b) {
        (Column::Float(a), Column::Float(b)) => floats(op, a, b, out),
        (Column::Int(a), Column::Int(b)) => ints(op, a, b, out),
        (a, b) => compare(op, a.bools(), b.bools(), out.bools_mut()),
    }
}

fn floats(op: Binary, a: &[f32], b: &[f32], out: &mut Column) {
    match op {
        Binary::Add => zip(a, b, out.floats_mut(), |a, b| a + b),
        Binary::Sub => zip(a, b, out.floats_mut(), |a, b| a - b),
        Binary::Mul => zip(a, b, out.floats_mut(), |a, b| a * b),
        Binary::Div => zip(a, b, out.floats_mut(), |a, b| a / b),
        Binary::Min => zip(a, b, out.floats_mut(), minimum),
        Binary::Max => zip(a, b, out.floats_mut(), maximum),
        Binary::Rem
        | Binary::Equal
        | Binary::NotEqual
        | Binary::Less
        | Binary::AtMost
        | Binary::Greater
        | Binary::AtLeast
        | Binary::And
        | Binary::Or => compare(op, a, b, out.bools_mut()),
    }
}

fn ints(op: Binary, a: &[i64], b: &[i64], out: &mut Column) {
    match op {
        Binary::Add => zip(a, b, out.ints_mut(), |a: i64, b| wrap(a.wrapping_add(b))),
        Binary::Sub => zip(a, b, out.ints_mut(), |a: i64, b| wrap(a.wrapping_sub(b))),
        Binary::Mul => zip(a, b, out.ints_mut(), |a: i64, b| wrap(a.wrapping_mul(b))),
        Binary::Div => zip(a, b, out.ints_mut(), |a, b| wrap(floor_div(a, b))),
        Binary::Rem => zip(a, b, out.ints_mut(), |a: i64, b| {
            wrap(a.wrapping_sub(b.wrapping_mul(floor_div(a, b))))
        }),
        Binary::Min => zip(a, b, out.ints_mut(), i64::min),
        Binary::Max => zip(a, b, out.ints_mut(), i64::max),
        Binary::Equal
        | Binary::NotEqual
        | Binary::Less
        | Binary::AtMost
        | Binary::Greater
        | Binary::AtLeast
        | Binary::And
        | Binary::Or => compare(op, a, b, out.bools_mut()),
    }
}

fn compare<T: Copy + PartialOrd>(op: Binary, a: &[T], b: &[T], out: &mut Vec<bool>) {
    match op {
        Binary::Equal => zip(a, b, out, |a, b| a == b),
        Binary::NotEqual => zip(a, b, out, |a, b| a != b),
        Binary::Less => zip(a, b, out, |a, b| a < b),
        Binary::AtMost => zip(a, b, out, |a, b| a <= b),
        Binary::Greater => zip(a, b, out, |a, b| a > b),
        Binary::AtLeast => zip(a, b, out, |a, b| a >= b),
        Binary::Add
        | Binary::Sub
        | Binary::Mul
        | Binary::Div
        | Binary::Rem
        | Binary::Min
        | Binary::Max
        | Binary::And
        | Binary::Or => unreachable!("not a comparison of these types"),
    }
}

/// An i32 value, wrapped into its range.
pub(super) fn wrap(x: i64) -> i64 {
    i64::from(x as i32)
}

/// IEEE 754 maximum: NaN propagates, -0 is below +0.
pub(super) fn maximum(a: f32, b: f32) -> f32 {
    if a > b {
        a
    } else if b > a {
        b
    } else if a == b {
        if a.is_sign_positive() { a } else { b }
    } else {
        a + b
    }
}

/// IEEE 754 minimum.
pub(super) fn minimum(a: f32, b: f32) -> f32 {
    -maximum(-a, -b)
}

/// The floor of the quotient. A divisor of zero can only stand in a lane that
/// is not needed.
fn floor_div(a: i64, b: i64) -> i64 {
    if b == 0 {
        return 0;
    }
    let quotient = a.wrapping_div(b);
    quotient - i64::from(a.wrapping_rem(b) != 0 && (a < 0) != (b < 0))
}

/// `out = floor(a / b)`, exact.
pub(super) fn floor_divide(a: &[i64], b: &[i64], out: &mut Vec<i64>) {
    match b {
        &[b] if b > 0 && b.count_ones() == 1 => map(a, out, |a| a >> b.trailing_zeros()),
        _ => zip(a, b, out, floor_div),
    }
}

/// `out = constant + sum of coefficient * product of factors`, exact.
pub(super) fn linear(linear: &Linear, values: &[Column], out: &mut Vec<i64>) {
    let column = |node: &NodeId| values[node.index()].ints();
    let mut constant = linear.constant;
    out.clear();
    for (coefficient, factors) in &linear.terms {
        let first = Cow::Borrowed(column(&factors[0]));
        let product = factors[1..].iter().fold(first, |product, factor| {
            let mut next = Vec::new();
            zip(&product, column(factor), &mut next, i64::wrapping_mul);
            Cow::Owned(next)
        });
        match product.as_ref() {
            &[x] => constant = constant.wrapping_add(coefficient.wrapping_mul(x)),
            product => add_scaled(out, product, *coefficient),
        }
    }
    match out.as_mut_slice() {
        [] => out.push(constant),
        lanes => lanes.iter_mut().for_each(|x| *x = x.wrapping_add(constant)),
    }
}

fn add_scaled(out: &mut Vec<i64>, x: &[i64], coefficient: i64) {
    if out.is_empty() {
        out.extend(x.iter().map(|x| x.wrapping_mul(coefficient)));
    } else if coefficient == 1 {
        out.iter_mut().zip(x).for_each(|(out, x)| *out = out.wrapping_add(*x));
    } else {
        let scaled = x.iter().map(|x| x.wrapping_mul(coefficient));
        out.iter_mut().zip(scaled).for_each(|(out, x)| *out = out.wrapping_add(x));
    }
}

/// `out = x` converted.
pub(super) fn convert(target: Target, x: &Column, out: &mut Column) {
    match (target, x) {
        (Target::F32, x) => to_floats(x, out.floats_mut(), |x| x),
        (Target::Narrow(format), x) => to_floats(x, out.floats_mut(), |x| format.round(x)),
        // Truncates, saturates, and makes 0 of NaN.
        (Target::Int(low, high), Column::Float(x)) => {
            map(x, out.ints_mut(), |x| i64::from(x as i32).clamp(low, high));
        }
        (Target::Int(low, high), Column::Int(x)) => {
            map(x, out.ints_mut(), |x: i64| x.clamp(low, high));
        }
        (Target::Int(low, high), Column::Bool(x)) => {
            map(x, out.ints_mut(), |x| i64::from(x).clamp(low, high));
        }
        (Target::Bool, Column::Float(x)) => map(x, out.bools_mut(), |x| x != 0.0),
        (Target::Bool, Column::Int(x)) => map(x, out.bools_mut(), |x| x != 0),
        (Target::Bool, Column::Bool(x)) => map(x, out.bools_mut(), |x| x),
    }
}

fn to_floats(x: &Column, out: &mut Vec<f32>, round: impl Fn(f32) -> f32) {
    match x {
        Column::Float(x) => map(x, out, round),
        // An i32 is rounded once: through f32, as the language says.
        Column::Int(x) => map(x, out, |x: i64| round(x as f32)),
        Column::Bool(x) => map(x, out, |x| f32::from(u8::from(x))),
    }
}

/// `out = x` rounded by random bits.
pub(super) fn round_stochastic(format: Format, x: &Column, random: &Column, out: &mut Column) {
    let round = |x, random: i64| format.round_stochastic(x, random as i32);
    zip(x.floats(), random.ints(), out.floats_mut(), round);
}

/// `out = random(seed, counter..)`
pub(super) fn random(words: &[&[i64]], out: &mut Vec<i64>) {
    let lanes = words.iter().map(|w| w.len()).max().unwrap_or(1);
    out.clear();
    let mut word = vec![0; words.len()];
    for lane in 0..lanes {
        for (value, column) in word.iter_mut().zip(words) {
            *value = at(column, lane) as i32;
        }
        let (seed, counter) = word.split_first().map_or((0, &[][..]), |(s, c)| (*s, c));
        out.push(i64::from(philox::random(seed, counter)));
    }
}
