//! Which equations a processor that moves data computes: those of integers and truths, and
//! those that pass floats on with all their bits.

use std::collections::BTreeMap;

use tilec_ir::plan::EquationAt;
use tilec_ir::tensor::{Binary, Expr, ExprKind, Kernel, Scalar, Tensor, Unary};
use tilec_ir::walk::{ints, operands, reachable, reads};
use tilec_ir::{Format, Id};

use super::whole::fits_32_bits;

/// The most operations of an element that are written out.
const MOST_WRITTEN: f64 = 4096.0;
/// The most branches and sums within each other.
const DEEPEST: u32 = 48;
/// The most tensors that are read.
const MOST_TABLES: usize = 24;

/// Whether an equation is one of them.
pub(super) fn fits(kernel: &Kernel, at: EquationAt) -> bool {
    let equation = &kernel.equations[at];
    let stored = kernel.tensors[equation.tensor].element;
    let all = reachable(kernel, equation.value);
    let tables: std::collections::BTreeSet<_> =
        all.iter().flat_map(|&expr| reads(kernel, expr)).collect();
    let ints_fit = |&expr: &Id<Expr>| {
        let all = ints(&kernel.exprs[expr]).into_iter();
        all.into_iter().all(|int| fits_32_bits(kernel, int))
    };
    same_class(kernel.exprs[equation.value].ty, stored)
        && all.iter().all(|&expr| is_taken(kernel, expr, stored) && ints_fit(&expr))
        && tables.len() <= MOST_TABLES
        && !tables.contains(&equation.tensor)
        && sizes(kernel, &all).is_some_and(|written| written <= MOST_WRITTEN)
}

fn same_class(a: Scalar, b: Scalar) -> bool {
    (a.is_float(), a == Scalar::Bool) == (b.is_float(), b == Scalar::Bool)
}

fn is_taken(kernel: &Kernel, expr: Id<Expr>, stored: Scalar) -> bool {
    let Expr { kind, ty, .. } = &kernel.exprs[expr];
    let whole = |expr: Id<Expr>| kernel.exprs[expr].ty.is_integer();
    let float = |expr: Id<Expr>| kernel.exprs[expr].ty.is_float();
    let wide = Format::of(stored).is_none();
    match kind {
        ExprKind::Int(_) => true,
        ExprKind::Float(value) => is_exact(*value, stored),
        ExprKind::Read(tensor, _) => match kernel.tensors[*tensor].element {
            element if !element.is_float() || element == stored => true,
            element => wide && matches!(element, Scalar::F32 | Scalar::Bf16),
        },
        ExprKind::Unary(Unary::Not, _) => true,
        ExprKind::Unary(Unary::Neg | Unary::Abs, x) => whole(*x),
        ExprKind::Unary(..) => false,
        ExprKind::Binary(Binary::And | Binary::Or, ..) => true,
        ExprKind::Binary(op, a, b) if float(*a) && float(*b) => wide && is_relation(*op),
        ExprKind::Binary(_, a, b) => whole(*a) && whole(*b),
        ExprKind::Select(_, a, b) => same_class(kernel.exprs[*a].ty, kernel.exprs[*b].ty),
        // All floats are of the narrow type that is stored, so that widening them and back changes
        // nothing; else they are f32.
        ExprKind::Convert(x) if ty.is_float() => float(*x) && (*ty == stored || *ty == Scalar::F32),
        ExprKind::Convert(x) => !float(*x),
        ExprKind::Reduce(_, _, term) => whole(*term),
        ExprKind::RoundStochastic(..) | ExprKind::Random(_) | ExprKind::Rank { .. } => false,
    }
}

/// Whether a literal is a value of the stored type.
fn is_exact(value: f32, stored: Scalar) -> bool {
    let exact = |format: Format| format.decode(format.encode(value)).to_bits() == value.to_bits();
    Format::of(stored).is_none_or(exact)
}

fn is_relation(op: Binary) -> bool {
    use Binary::{AtLeast, AtMost, Equal, Greater, Less, NotEqual};
    matches!(op, Equal | NotEqual | Less | AtMost | Greater | AtLeast)
}

/// How many operations are written down, with what several branches share in each of them;
/// `None` where they nest too deeply.
fn sizes(kernel: &Kernel, all: &[Id<Expr>]) -> Option<f64> {
    let mut known: BTreeMap<Id<Expr>, (f64, u32)> = BTreeMap::new();
    for &expr in all {
        let inside = operands(kernel, expr);
        let written: f64 = inside.iter().map(|x| known[x].0).sum();
        let depth = inside.iter().map(|x| known[x].1).max().unwrap_or(0);
        let branches = matches!(
            kernel.exprs[expr].kind,
            ExprKind::Select(..)
                | ExprKind::Reduce(..)
                | ExprKind::Binary(Binary::And | Binary::Or, ..)
        );
        known.insert(expr, (written + 1.0, depth + u32::from(branches)));
    }
    let (written, depth) = known.into_values().next_back()?;
    (depth <= DEEPEST).then_some(written)
}

/// Operations for an element, at the most: those of a sum for each of its terms.
pub(super) fn operations(kernel: &Kernel, value: Id<Expr>) -> f64 {
    let mut known: BTreeMap<Id<Expr>, f64> = BTreeMap::new();
    for expr in reachable(kernel, value) {
        let inside: f64 = operands(kernel, expr).iter().map(|x| known[x]).sum();
        let read: usize = reads(kernel, expr).len();
        let times = match &kernel.exprs[expr].kind {
            ExprKind::Reduce(_, vars, _) => vars.iter().map(|&var| range(kernel, var)).product(),
            _ => 1.0,
        };
        known.insert(expr, times * (inside + 1.0 + 2.0 * read as f64));
    }
    known[&value]
}

/// The length of a dimension.
pub(super) fn length(kernel: &Kernel, tensor: Id<Tensor>, dim: usize) -> f64 {
    let length = kernel.ints.as_constant(kernel.tensors[tensor].shape[dim]);
    length.expect("sizes are bound") as f64
}

fn range(kernel: &Kernel, var: Id<tilec_ir::tensor::Var>) -> f64 {
    let range = kernel.ints.as_constant(kernel.vars[var].range).expect("sizes are bound");
    range as f64
}
