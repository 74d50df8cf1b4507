//! Which functions of `device/elements.h` an equation calls.

use std::collections::BTreeSet;

use tilec_ir::dataflow::Made;
use tilec_ir::tensor::{Binary, Expr, ExprKind, Kernel, Reduction, Scalar, Unary};
use tilec_ir::walk::{ints, reachable};
use tilec_ir::{Atom, Id};

/// What the text of some elements calls.
pub(crate) fn functions(kernel: &Kernel, made: &[Made]) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    for made in made {
        found.extend(["zero_tile", "put_element", "table_bits", "table_element", "wrapped"]);
        if made.along().is_some() {
            found.extend(["add_to_element", "whole_sum"]);
        }
        if let Some(at) = made.equation() {
            for expr in reachable(kernel, kernel.equations[at].value) {
                found.extend(of(kernel, expr));
            }
        }
    }
    found
}

fn of(kernel: &Kernel, expr: Id<Expr>) -> Vec<&'static str> {
    let Expr { kind, ty, .. } = &kernel.exprs[expr];
    let mut found = Vec::new();
    for int in ints(&kernel.exprs[expr]) {
        kernel.ints.visit_atoms(int, &mut |_, atom| match atom {
            Atom::Div(..) => found.push("whole_quotient"),
            Atom::Read(..) => found.push("whole_clamped"),
            Atom::Size(_) | Atom::Var(_) | Atom::Value(_) => {}
        });
    }
    match kind {
        ExprKind::Unary(op, _) => found.extend(unary(*op)),
        ExprKind::Binary(op, a, _) if kernel.exprs[*a].ty.is_float() => {
            found.extend(relation(*op).map(|(name, ..)| name));
        }
        ExprKind::Binary(op, ..) => found.extend(binary(*op)),
        ExprKind::Reduce(op, ..) => found.push(reduction(*op)),
        ExprKind::Convert(_) if ty.is_integer() => found.push("whole_clamped"),
        ExprKind::Read(tensor, _) => {
            if let Scalar::Idx(_) = kernel.tensors[*tensor].element {
                found.push("whole_clamped");
            }
        }
        ExprKind::Float(_)
        | ExprKind::Int(_)
        | ExprKind::Select(..)
        | ExprKind::Convert(_)
        | ExprKind::RoundStochastic(..)
        | ExprKind::Random(_)
        | ExprKind::Rank { .. } => {}
    }
    found
}

/// The function of an operation on one integer.
pub(super) fn unary(op: Unary) -> Option<&'static str> {
    match op {
        Unary::Neg => Some("whole_difference"),
        Unary::Abs => Some("whole_magnitude"),
        Unary::Not
        | Unary::Exp
        | Unary::Log
        | Unary::Sqrt
        | Unary::Rsqrt
        | Unary::Tanh
        | Unary::Erf
        | Unary::Floor
        | Unary::Uniform => None,
    }
}

/// The function of an operation on two integers, where it is no operator.
pub(super) fn binary(op: Binary) -> Option<&'static str> {
    match op {
        Binary::Add => Some("whole_sum"),
        Binary::Sub => Some("whole_difference"),
        Binary::Mul => Some("whole_product"),
        Binary::Div => Some("whole_quotient"),
        Binary::Rem => Some("whole_rest"),
        Binary::Min => Some("whole_least"),
        Binary::Max => Some("whole_most"),
        Binary::Equal
        | Binary::NotEqual
        | Binary::Less
        | Binary::AtMost
        | Binary::Greater
        | Binary::AtLeast
        | Binary::And
        | Binary::Or => None,
    }
}

/// The function of a relation of two floats, whether they change places, and whether it is false
/// where the function says true.
pub(super) fn relation(op: Binary) -> Option<(&'static str, bool, bool)> {
    match op {
        Binary::Equal => Some(("real_equal", false, false)),
        Binary::NotEqual => Some(("real_equal", false, true)),
        Binary::Less => Some(("real_less", false, false)),
        Binary::Greater => Some(("real_less", true, false)),
        Binary::AtMost => Some(("real_at_most", false, false)),
        Binary::AtLeast => Some(("real_at_most", true, false)),
        Binary::Add
        | Binary::Sub
        | Binary::Mul
        | Binary::Div
        | Binary::Rem
        | Binary::Min
        | Binary::Max
        | Binary::And
        | Binary::Or => None,
    }
}

/// The function that adds a value to a reduction.
pub(super) fn reduction(op: Reduction) -> &'static str {
    match op {
        Reduction::Sum => "whole_sum",
        Reduction::Prod => "whole_product",
        Reduction::Max => "whole_most",
        Reduction::Min => "whole_least",
    }
}
