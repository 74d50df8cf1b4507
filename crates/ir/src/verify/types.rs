//! The types of expressions: which class each kind takes and gives.
//!
//! Reads give the class of their tensor; arithmetic stays within one class;
//! comparisons give bool; an equation stores its own type or one that widens to
//! it. Operations that exist for floats only are held to that.

use super::ensure;
use crate::arena::Id;
use crate::tensor::{Binary, Equation, Expr, ExprKind, Kernel, Reduction, Scalar, Unary};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Float,
    Integer,
    Bool,
}

fn class(ty: Scalar) -> Class {
    match ty {
        Scalar::F32 | Scalar::Bf16 | Scalar::F16 | Scalar::F8E4M3 | Scalar::F8E5M2 => Class::Float,
        Scalar::I32 | Scalar::I8 | Scalar::U8 | Scalar::Idx(_) => Class::Integer,
        Scalar::Bool => Class::Bool,
    }
}

/// The type of one expression fits its kind and its operands.
pub(super) fn check(kernel: &Kernel, id: Id<Expr>) -> Result<(), String> {
    let expr = &kernel.exprs[id];
    let of = |x: &Id<Expr>| class(kernel.exprs[*x].ty);
    let own = class(expr.ty);
    let holds = match &expr.kind {
        ExprKind::Float(_) => own == Class::Float,
        ExprKind::Int(_) => own == Class::Integer,
        ExprKind::Read(tensor, _) => {
            let element = kernel.tensors[*tensor].element;
            own == class(element) && !matches!(element, Scalar::Idx(_))
        }
        ExprKind::Unary(unary, x) => self::unary(*unary, own, of(x)),
        ExprKind::Binary(binary, a, b) => of(a) == of(b) && self::binary(*binary, own, of(a)),
        ExprKind::Select(test, a, b) => of(test) == Class::Bool && of(a) == own && of(b) == own,
        ExprKind::Convert(_) => own != Class::Bool,
        ExprKind::RoundStochastic(x, bits) => {
            own == Class::Float && of(x) == Class::Float && of(bits) == Class::Integer
        }
        ExprKind::Random(words) => {
            let integers = words.iter().all(|x| of(x) == Class::Integer);
            own == Class::Integer && (1..=5).contains(&words.len()) && integers
        }
        ExprKind::Reduce(reduction, vars, x) => {
            own == of(x) && !vars.is_empty() && self::reduction(*reduction, own)
        }
        ExprKind::Rank { var, key, .. } => {
            let range = kernel.vars[*var].range;
            let bound = if let Scalar::Idx(bound) = expr.ty { Some(bound) } else { None };
            of(key) != Class::Bool && bound == Some(range)
        }
    };
    ensure(holds, || format!("%{}: the types of {:?} don't meet", id.index(), expr.kind))
}

fn unary(unary: Unary, own: Class, operand: Class) -> bool {
    match unary {
        Unary::Neg | Unary::Abs => own == operand && own != Class::Bool,
        Unary::Not => own == Class::Bool && operand == Class::Bool,
        Unary::Exp
        | Unary::Log
        | Unary::Sqrt
        | Unary::Rsqrt
        | Unary::Tanh
        | Unary::Erf
        | Unary::Floor => own == Class::Float && operand == Class::Float,
        Unary::Uniform => own == Class::Float && operand == Class::Integer,
    }
}

fn binary(binary: Binary, own: Class, operand: Class) -> bool {
    match binary {
        Binary::Add | Binary::Sub | Binary::Mul | Binary::Div | Binary::Min | Binary::Max => {
            own == operand && own != Class::Bool
        }
        Binary::Rem => own == Class::Integer && operand == Class::Integer,
        Binary::Equal | Binary::NotEqual => own == Class::Bool,
        Binary::Less | Binary::AtMost | Binary::Greater | Binary::AtLeast => {
            own == Class::Bool && operand != Class::Bool
        }
        Binary::And | Binary::Or => own == Class::Bool && operand == Class::Bool,
    }
}

fn reduction(reduction: Reduction, own: Class) -> bool {
    match reduction {
        Reduction::Sum | Reduction::Prod | Reduction::Max | Reduction::Min => own != Class::Bool,
    }
}

/// What an equation stores is of the tensor's type, or of one that widens to it.
pub(super) fn equation(kernel: &Kernel, equation: &Equation) -> Result<(), String> {
    let tensor = &kernel.tensors[equation.tensor];
    let ty = kernel.exprs[equation.value].ty;
    let holds = match tensor.element {
        Scalar::F32 => ty.is_float(),
        Scalar::I32 | Scalar::Idx(_) => ty.is_integer(),
        Scalar::Bool => ty == Scalar::Bool,
        // Every FP8 value is one of bf16 and of f16.
        Scalar::Bf16 | Scalar::F16 => {
            ty == tensor.element || matches!(ty, Scalar::F8E4M3 | Scalar::F8E5M2)
        }
        Scalar::F8E4M3 | Scalar::F8E5M2 | Scalar::I8 | Scalar::U8 => ty == tensor.element,
    };
    ensure(holds, || format!("`{}`: {ty:?} stored as {:?}", tensor.name, tensor.element))
}
