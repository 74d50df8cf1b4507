//! Rows of which only the first so many elements take part in an order.
//!
//! ```text
//! if n < length[m] then x[m, n] else -inf        largest first
//! ```
//!
//! The key is then known from `length[m]` on, also where it is one of several tests.

use tilec_ir::tensor::{Binary, Expr, ExprKind, Order, Var};
use tilec_ir::{Atom, Id, Kernel, Scalar};

use super::scene::bare;
use super::uses::uses;

/// The end of the row where the key is `if n < end then .. else` the last of the order, and
/// the key in that spelling.
pub(super) fn limited(
    kernel: &mut Kernel,
    column: Id<Var>,
    order: Order,
    key: Id<Expr>,
) -> Option<Limited> {
    let Expr { kind: ExprKind::Select(test, inside, outside), ty, span } = kernel.exprs[key] else {
        return None;
    };
    if is_last(kernel, order, outside) {
        let parts = conjuncts(kernel, test);
        let several = parts.len() > 1;
        let mut ends = parts.into_iter().filter_map(|test| end(kernel, column, test, Binary::Less));
        let limit = ends.next()?;
        let below = matches!(kernel.exprs[test].kind, ExprKind::Binary(Binary::Less, ..));
        let key = if several || below { key } else { below_end(kernel, column, limit, key) };
        return Some(Limited { limit, key });
    }
    let limit =
        end(kernel, column, test, Binary::AtLeast).filter(|_| is_last(kernel, order, inside))?;
    let kind = ExprKind::Select(test, outside, inside);
    let key = kernel.exprs.push(Expr { kind, ty, span });
    Some(Limited { limit, key: below_end(kernel, column, limit, key) })
}

/// A key that is the last of its order from an element on.
pub(super) struct Limited {
    pub(super) limit: Id<Expr>,
    pub(super) key: Id<Expr>,
}

/// `if test then a else b` with `column < limit` as its test.
fn below_end(kernel: &mut Kernel, column: Id<Var>, limit: Id<Expr>, key: Id<Expr>) -> Id<Expr> {
    let Expr { kind: ExprKind::Select(_, a, b), ty, span } = kernel.exprs[key] else { return key };
    let range = kernel.vars[column].range;
    let column = kernel.ints.of_atom(Atom::Var(column), Some(range));
    let int = Expr { kind: ExprKind::Int(column), ty: Scalar::I32, span };
    let column = kernel.exprs.push(int);
    let test = ExprKind::Binary(Binary::Less, column, limit);
    let test = kernel.exprs.push(Expr { kind: test, ty: Scalar::Bool, span });
    kernel.exprs.push(Expr { kind: ExprKind::Select(test, a, b), ty, span })
}

/// What all must hold of `a and b and ..`.
fn conjuncts(kernel: &Kernel, test: Id<Expr>) -> Vec<Id<Expr>> {
    let (mut parts, mut open) = (Vec::new(), vec![test]);
    while let Some(test) = open.pop() {
        match kernel.exprs[test].kind {
            ExprKind::Binary(Binary::And, a, b) => open.extend([b, a]),
            _ => parts.push(test),
        }
    }
    parts
}

/// The value `e` of rows alone in `column < e` (or, with [`Binary::AtLeast`],
/// `column >= e`), also written from the other side.
fn end(kernel: &Kernel, column: Id<Var>, test: Id<Expr>, wanted: Binary) -> Option<Id<Expr>> {
    let ExprKind::Binary(op, a, b) = kernel.exprs[test].kind else { return None };
    let swapped = match op {
        Binary::Less => Binary::Greater,
        Binary::Greater => Binary::Less,
        Binary::AtLeast => Binary::AtMost,
        Binary::AtMost => Binary::AtLeast,
        _ => return None,
    };
    let is_column = |x: Id<Expr>| match kernel.exprs[x].kind {
        ExprKind::Int(id) => bare(kernel, id) == Some(column),
        _ => false,
    };
    let end = match (is_column(a), is_column(b)) {
        (true, false) if op == wanted => b,
        (false, true) if swapped == wanted => a,
        _ => return None,
    };
    (!uses(kernel, end).contains_key(&column)).then_some(end)
}

/// Whether a key comes after all others but NaN.
fn is_last(kernel: &Kernel, order: Order, key: Id<Expr>) -> bool {
    let descending = order == Order::Descending;
    match kernel.exprs[key].kind {
        ExprKind::Float(x) => x == if descending { f32::NEG_INFINITY } else { f32::INFINITY },
        ExprKind::Int(id) => {
            let last = if descending { i32::MIN } else { i32::MAX };
            kernel.ints.as_constant(id) == Some(last.into())
        }
        _ => false,
    }
}
