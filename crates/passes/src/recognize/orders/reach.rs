//! Between which values an expression stays, and whether it can be NaN.
//!
//! ```text
//! x[m, n]          with finite(x):  -3.4e38 .. 3.4e38
//! sigmoid(x)       with finite(x):        0 .. 1
//! x[m, n] * 2      with finite(x):     -inf .. inf
//! ```
//!
//! Intervals, rounded as the arithmetic rounds. "Anything" is always a correct answer.

use std::collections::BTreeMap;

use tilec_ir::tensor::{Binary, ExprKind, FactKind, Tensor, Unary};
use tilec_ir::walk::reachable;
use tilec_ir::{Id, Kernel, Scalar, tensor::Expr};

/// The values that an expression may have; i32 values are exact in f64.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reach {
    pub(super) least: f64,
    pub(super) most: f64,
    pub(super) nan: bool,
}

const ANY: Reach = Reach { least: f64::NEG_INFINITY, most: f64::INFINITY, nan: true };
const WHOLE: Reach = Reach { least: i32::MIN as f64, most: i32::MAX as f64, nan: false };
const MAX: f64 = f32::MAX as f64;

/// The values that `root` may have.
pub(super) fn reach(kernel: &Kernel, root: Id<Expr>) -> Reach {
    let mut known = BTreeMap::new();
    for expr in reachable(kernel, root) {
        let own = of_expr(kernel, expr, &known);
        known.insert(expr, own);
    }
    known.get(&root).copied().unwrap_or(ANY)
}

fn of_expr(kernel: &Kernel, expr: Id<Expr>, known: &BTreeMap<Id<Expr>, Reach>) -> Reach {
    let Expr { kind, ty, .. } = &kernel.exprs[expr];
    let of = |x: &Id<Expr>| known.get(x).copied().unwrap_or(ANY);
    let float = ty.is_float();
    match kind {
        ExprKind::Float(x) => Reach { least: f64::from(*x), most: f64::from(*x), nan: x.is_nan() },
        ExprKind::Int(id) => match kernel.ints.as_constant(*id) {
            Some(value) => Reach { least: value as f64, most: value as f64, nan: false },
            None => WHOLE,
        },
        ExprKind::Read(tensor, _) => of_tensor(kernel, *tensor),
        ExprKind::Unary(unary, x) if float => unary_float(*unary, of(x)),
        ExprKind::Unary(unary, x) => unary_int(*unary, of(x)),
        ExprKind::Binary(binary, a, b) if float => rounded(binary_float(*binary, of(a), of(b))),
        ExprKind::Binary(binary, a, b) => binary_int(*binary, of(a), of(b)),
        ExprKind::Select(_, a, b) => either(of(a), of(b)),
        ExprKind::Convert(x) => converted(*ty, of(x), kernel.exprs[*x].ty.is_float()),
        ExprKind::RoundStochastic(..)
        | ExprKind::Random(_)
        | ExprKind::Reduce(..)
        | ExprKind::Rank { .. } => anything(*ty),
    }
}

fn anything(ty: Scalar) -> Reach {
    if ty.is_float() { ANY } else { WHOLE }
}

fn of_tensor(kernel: &Kernel, tensor: Id<Tensor>) -> Reach {
    let finite = kernel.facts.iter().any(|fact| fact.kind == FactKind::Finite(tensor));
    match kernel.tensors[tensor].element {
        ty if ty.is_float() && finite => Reach { least: -MAX, most: MAX, nan: false },
        Scalar::I8 => Reach { least: -128.0, most: 127.0, nan: false },
        Scalar::U8 => Reach { least: 0.0, most: 255.0, nan: false },
        Scalar::Idx(_) => Reach { least: 0.0, ..WHOLE },
        ty => anything(ty),
    }
}

fn unary_float(unary: Unary, x: Reach) -> Reach {
    let to = |least, most| Reach { least, most, nan: x.nan };
    let root = |x: Reach| x.nan || x.least < 0.0;
    match unary {
        Unary::Neg => to(-x.most, -x.least),
        Unary::Abs => to(0.0, x.most.max(-x.least)),
        Unary::Exp => to(0.0, f64::INFINITY),
        Unary::Sqrt | Unary::Rsqrt => Reach { least: 0.0, most: f64::INFINITY, nan: root(x) },
        Unary::Tanh | Unary::Erf => to(-1.0, 1.0),
        Unary::Floor => to(x.least.floor(), x.most.floor()),
        Unary::Uniform => Reach { least: 0.0, most: 1.0, nan: false },
        Unary::Log | Unary::Not => ANY,
    }
}

fn unary_int(unary: Unary, x: Reach) -> Reach {
    match unary {
        Unary::Neg => wrapped(Reach { least: -x.most, most: -x.least, nan: false }),
        Unary::Abs => wrapped(Reach { least: 0.0, most: x.most.max(-x.least), nan: false }),
        _ => WHOLE,
    }
}

fn binary_float(binary: Binary, a: Reach, b: Reach) -> Reach {
    let nan = a.nan || b.nan;
    match binary {
        Binary::Add => sum(a, b),
        Binary::Sub => sum(a, Reach { least: -b.most, most: -b.least, ..b }),
        Binary::Mul => {
            let lost = has_zero(a) && has_infinity(b) || has_zero(b) && has_infinity(a);
            corners(a, b, nan || lost, |x, y| if x == 0.0 || y == 0.0 { 0.0 } else { x * y })
        }
        Binary::Div if has_zero(b) || has_infinity(a) && has_infinity(b) => ANY,
        Binary::Div => corners(a, b, nan, |x, y| x / y),
        Binary::Min => Reach { least: a.least.min(b.least), most: a.most.min(b.most), nan },
        Binary::Max => Reach { least: a.least.max(b.least), most: a.most.max(b.most), nan },
        _ => ANY,
    }
}

fn binary_int(binary: Binary, a: Reach, b: Reach) -> Reach {
    match binary {
        Binary::Add | Binary::Sub | Binary::Mul | Binary::Min | Binary::Max => {
            wrapped(binary_float(binary, a, b))
        }
        _ => WHOLE,
    }
}

fn sum(a: Reach, b: Reach) -> Reach {
    let infinity = f64::INFINITY;
    let lost =
        a.least == -infinity && b.most == infinity || a.most == infinity && b.least == -infinity;
    if lost {
        return ANY;
    }
    Reach { least: a.least + b.least, most: a.most + b.most, nan: a.nan || b.nan }
}

/// The extremes of a function that is monotone in each operand.
fn corners(a: Reach, b: Reach, nan: bool, f: impl Fn(f64, f64) -> f64) -> Reach {
    let all = [f(a.least, b.least), f(a.least, b.most), f(a.most, b.least), f(a.most, b.most)];
    let least = all.into_iter().fold(f64::INFINITY, f64::min);
    let most = all.into_iter().fold(f64::NEG_INFINITY, f64::max);
    Reach { least, most, nan }
}

fn has_zero(x: Reach) -> bool {
    x.least <= 0.0 && 0.0 <= x.most
}

fn has_infinity(x: Reach) -> bool {
    x.least == f64::NEG_INFINITY || x.most == f64::INFINITY
}

fn either(a: Reach, b: Reach) -> Reach {
    Reach { least: a.least.min(b.least), most: a.most.max(b.most), nan: a.nan || b.nan }
}

/// As f32 rounds: past the largest value to infinity.
fn rounded(x: Reach) -> Reach {
    #[expect(clippy::cast_possible_truncation, reason = "it is the rounding that is meant")]
    let round = |value: f64| f64::from(value as f32);
    Reach { least: round(x.least), most: round(x.most), ..x }
}

/// i32 that may wrap is anything.
fn wrapped(x: Reach) -> Reach {
    if x.least >= WHOLE.least && x.most <= WHOLE.most { x } else { WHOLE }
}

fn converted(ty: Scalar, x: Reach, from_float: bool) -> Reach {
    let clamped = |least: f64, most: f64| Reach {
        least: x.least.clamp(least, most),
        most: x.most.clamp(least, most),
        nan: false,
    };
    match ty {
        Scalar::F32 => rounded(x),
        // Between two values of a type nothing is rounded out; past its largest to infinity.
        Scalar::Bf16 | Scalar::F16 => {
            let most = if ty == Scalar::F16 { 65504.0 } else { 3.389e38 };
            let least = if x.least < -most { f64::NEG_INFINITY } else { x.least };
            let most = if x.most > most { f64::INFINITY } else { x.most };
            Reach { least: below(least), most: above(most), nan: x.nan }
        }
        Scalar::F8E4M3 => Reach { nan: x.nan, ..clamped(-448.0, 448.0) },
        Scalar::F8E5M2 => Reach { nan: x.nan, ..clamped(-57344.0, 57344.0) },
        Scalar::I8 if !from_float => clamped(-128.0, 127.0),
        Scalar::U8 if !from_float => clamped(0.0, 255.0),
        Scalar::I32 if !from_float => x,
        Scalar::I8 => Reach { least: -128.0, most: 127.0, nan: false },
        Scalar::U8 => Reach { least: 0.0, most: 255.0, nan: false },
        Scalar::I32 | Scalar::Bool | Scalar::Idx(_) => WHOLE,
    }
}

/// Rounding to a narrow type moves a value by less than a hundredth of itself, or by the
/// distance of the smallest values.
fn below(x: f64) -> f64 {
    if x.is_finite() { x - 0.01 * x.abs() - 1e-4 } else { x }
}

fn above(x: f64) -> f64 {
    -below(-x)
}
