//! The narrowest element type that holds every value of an expression.
//!
//! ```text
//! a[m, k] with a: f8e4m3              f8e4m3
//! if m < M then bf16(x) else 0        bf16
//! exp(x)                              f32
//! ```
//!
//! Bottom-up and exact: "f32" and "i32" are always correct answers.

use std::collections::BTreeMap;

use tilec_ir::tensor::{Expr, ExprKind, Unary};
use tilec_ir::walk::postorder;
use tilec_ir::{Atom, Id, Kernel, Scalar};

/// What is known of the values of an expression.
#[derive(Clone, Copy, PartialEq)]
enum Holds {
    /// Zero, which every type holds.
    Zero,
    /// Values of a type.
    Type(Scalar),
}

/// The narrowest type for `root`, an expression of f32 or i32 values.
pub(crate) fn narrowest(kernel: &Kernel, root: Id<Expr>) -> Scalar {
    let mut known: BTreeMap<Id<Expr>, Holds> = BTreeMap::new();
    for expr in postorder(kernel, root) {
        let holds = of(kernel, expr, &known);
        known.insert(expr, holds);
    }
    match known.get(&root) {
        Some(Holds::Type(ty)) => *ty,
        Some(Holds::Zero) | None => wide(kernel.exprs[root].ty),
    }
}

fn wide(ty: Scalar) -> Scalar {
    if ty.is_float() { Scalar::F32 } else { Scalar::I32 }
}

fn of(kernel: &Kernel, id: Id<Expr>, known: &BTreeMap<Id<Expr>, Holds>) -> Holds {
    let expr = &kernel.exprs[id];
    let widest = Holds::Type(wide(expr.ty));
    match &expr.kind {
        ExprKind::Float(x) if *x == 0.0 => Holds::Zero,
        ExprKind::Int(int) if kernel.ints.as_constant(*int) == Some(0) => Holds::Zero,
        ExprKind::Int(int) => match kernel.ints.as_atom(*int) {
            Some(Atom::Read(tensor, _)) => stored(kernel.tensors[*tensor].element),
            _ => widest,
        },
        ExprKind::Read(tensor, _) => stored(kernel.tensors[*tensor].element),
        ExprKind::Convert(x) => convert(expr.ty, known[x]),
        ExprKind::RoundStochastic(..) => stored(expr.ty),
        ExprKind::Select(_, a, b) => join(known[a], known[b], expr.ty),
        // Signs are free in floats; -(-128) leaves i8.
        ExprKind::Unary(Unary::Neg | Unary::Abs, x) if expr.ty.is_float() => known[x],
        _ => widest,
    }
}

fn stored(element: Scalar) -> Holds {
    match element {
        Scalar::Idx(_) | Scalar::Bool => Holds::Type(Scalar::I32),
        other => Holds::Type(other),
    }
}

/// A conversion keeps what its target holds exactly.
fn convert(to: Scalar, from: Holds) -> Holds {
    match (to, from) {
        (_, Holds::Zero) => Holds::Zero,
        // Eight bits of an integer fit the significand of bf16.
        (Scalar::F32, Holds::Type(Scalar::I8 | Scalar::U8)) => Holds::Type(Scalar::Bf16),
        (Scalar::Idx(_), _) => Holds::Type(Scalar::I32),
        (to, _) => Holds::Type(to),
    }
}

fn join(a: Holds, b: Holds, ty: Scalar) -> Holds {
    match (a, b) {
        (Holds::Zero, other) | (other, Holds::Zero) => other,
        (Holds::Type(a), Holds::Type(b)) if a == b => Holds::Type(a),
        (Holds::Type(a), Holds::Type(b)) => match (a, b) {
            (
                Scalar::Bf16 | Scalar::F8E4M3 | Scalar::F8E5M2,
                Scalar::Bf16 | Scalar::F8E4M3 | Scalar::F8E5M2,
            ) => Holds::Type(Scalar::Bf16),
            (Scalar::F16, Scalar::F8E4M3 | Scalar::F8E5M2)
            | (Scalar::F8E4M3 | Scalar::F8E5M2, Scalar::F16) => Holds::Type(Scalar::F16),
            _ => Holds::Type(wide(ty)),
        },
    }
}
