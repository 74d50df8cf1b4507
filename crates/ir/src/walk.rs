//! Walks over expressions that need no recursion, however deep the nesting.
//!
//! The arena is in evaluation order, so the ascending list of what an
//! expression reaches is an order of evaluation too: [`reachable`] gives it,
//! and most passes are one loop over it. Integers count as operands where they
//! hold values of expressions, and tensors are read by both.

use std::collections::BTreeSet;

use crate::arena::Id;
use crate::int::{Atom, IntId, Ints};
use crate::tensor::{Expr, ExprKind, Kernel, Scalar, Tensor, Var};

/// The expressions that `expr` computes with directly, those in its integers last.
#[must_use]
pub fn operands(kernel: &Kernel, expr: Id<Expr>) -> Vec<Id<Expr>> {
    let mut found = direct(&kernel.exprs[expr].kind);
    for id in ints(&kernel.exprs[expr]) {
        kernel.ints.visit_atoms(id, &mut |_, atom| {
            if let Atom::Value(value) = atom {
                found.push(*value);
            }
        });
    }
    found
}

/// The operands that are expressions themselves, in order.
#[must_use]
pub fn direct(kind: &ExprKind) -> Vec<Id<Expr>> {
    match kind {
        ExprKind::Float(_) | ExprKind::Int(_) | ExprKind::Read(..) => Vec::new(),
        ExprKind::Unary(_, x) | ExprKind::Convert(x) | ExprKind::Reduce(_, _, x) => vec![*x],
        ExprKind::Binary(_, a, b) | ExprKind::RoundStochastic(a, b) => vec![*a, *b],
        ExprKind::Select(test, a, b) => vec![*test, *a, *b],
        ExprKind::Random(words) => words.clone(),
        ExprKind::Rank { key, .. } => vec![*key],
    }
}

/// The integers that stand in an expression itself, those of its type included.
#[must_use]
pub fn ints(expr: &Expr) -> Vec<IntId> {
    let mut found = match &expr.kind {
        ExprKind::Int(id) => vec![*id],
        ExprKind::Read(_, index) => index.clone(),
        ExprKind::Rank { place, .. } => vec![*place],
        ExprKind::Float(_)
        | ExprKind::Unary(..)
        | ExprKind::Binary(..)
        | ExprKind::Select(..)
        | ExprKind::Convert(_)
        | ExprKind::RoundStochastic(..)
        | ExprKind::Random(_)
        | ExprKind::Reduce(..) => Vec::new(),
    };
    if let Scalar::Idx(bound) = expr.ty {
        found.push(bound);
    }
    found
}

/// Everything that `root` computes with, itself included, in evaluation order.
#[must_use]
pub fn reachable(kernel: &Kernel, root: Id<Expr>) -> Vec<Id<Expr>> {
    let mut reached = BTreeSet::from([root]);
    let mut open = vec![root];
    while let Some(expr) = open.pop() {
        open.extend(operands(kernel, expr).into_iter().filter(|&x| reached.insert(x)));
    }
    reached.into_iter().collect()
}

/// The tensors that an expression itself reads, also inside its indices.
#[must_use]
pub fn reads(kernel: &Kernel, expr: Id<Expr>) -> Vec<Id<Tensor>> {
    let expr = &kernel.exprs[expr];
    let mut found = match &expr.kind {
        ExprKind::Read(tensor, _) => vec![*tensor],
        ExprKind::Float(_)
        | ExprKind::Int(_)
        | ExprKind::Unary(..)
        | ExprKind::Binary(..)
        | ExprKind::Select(..)
        | ExprKind::Convert(_)
        | ExprKind::RoundStochastic(..)
        | ExprKind::Random(_)
        | ExprKind::Reduce(..)
        | ExprKind::Rank { .. } => Vec::new(),
    };
    for id in ints(expr) {
        kernel.ints.visit_atoms(id, &mut |_, atom| {
            if let Atom::Read(tensor, _) = atom {
                found.push(*tensor);
            }
        });
    }
    found
}

/// The variables that stand in an integer, without those of the values in it.
#[must_use]
pub fn vars_of_int(ints: &Ints, id: IntId) -> Vec<Id<Var>> {
    let mut found = Vec::new();
    ints.visit_atoms(id, &mut |_, atom| {
        if let Atom::Var(var) = atom {
            found.push(*var);
        }
    });
    found
}

/// The variables that an expression binds.
#[must_use]
pub fn bound(kind: &ExprKind) -> &[Id<Var>] {
    match kind {
        ExprKind::Reduce(_, vars, _) => vars,
        ExprKind::Rank { var, .. } => std::slice::from_ref(var),
        ExprKind::Float(_)
        | ExprKind::Int(_)
        | ExprKind::Read(..)
        | ExprKind::Unary(..)
        | ExprKind::Binary(..)
        | ExprKind::Select(..)
        | ExprKind::Convert(_)
        | ExprKind::RoundStochastic(..)
        | ExprKind::Random(_) => &[],
    }
}

/// Everything that `root` computes with, itself last, each after its operands
/// and those in the order in which they are written.
#[must_use]
pub fn postorder(kernel: &Kernel, root: Id<Expr>) -> Vec<Id<Expr>> {
    let (mut order, mut reached) = (Vec::new(), BTreeSet::new());
    let mut open = vec![(root, false)];
    while let Some((expr, done)) = open.pop() {
        if done {
            order.push(expr);
        } else if reached.insert(expr) {
            open.push((expr, true));
            open.extend(operands(kernel, expr).into_iter().rev().map(|operand| (operand, false)));
        }
    }
    order
}
