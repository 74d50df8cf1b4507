//! How deep an expression is once its functions are expanded.
//!
//! The parser bounds what is written; functions multiply it. Everything after
//! the check may rely on the bound for expanded expressions.

use super::functions::Functions;
use super::sizes::operands_first;
use crate::ast::{self, ExprKind, File};
use crate::parse::DEEPEST_TREE;
use tilec_ir::{Diagnostic, Id, Kind};

/// The depth of an expression, each call as deep as what it expands to.
pub(super) fn depth(file: &File, root: Id<ast::Expr>, functions: &Functions<'_>) -> u32 {
    let mut depths: Vec<u32> = Vec::new();
    for id in operands_first(file, root) {
        let kind = &file.exprs[id].kind;
        let mut operands = 0;
        kind.each_operand(|_| operands += 1);
        let below = depths.drain(depths.len() - operands..).max().unwrap_or(0);
        let callee =
            if let ExprKind::Call(name, _) = kind { functions.get(&name.text) } else { None };
        let own = callee.map_or(1, |callee| callee.depth);
        depths.push(below.saturating_add(own));
    }
    depths.pop().unwrap_or(0)
}

/// The mistake of an equation that is too deep, if it is.
pub(super) fn too_deep(
    file: &File,
    equation: &ast::Equation,
    functions: &Functions<'_>,
) -> Option<Diagnostic> {
    if depth(file, equation.value, functions) <= DEEPEST_TREE {
        return None;
    }
    let message = format!(
        "with its functions expanded, this expression is more than {DEEPEST_TREE} operations deep"
    );
    let report = Diagnostic::new(Kind::NestedTooDeep, file.exprs[equation.value].span, message);
    Some(report.here("too deep").help("split it into several equations"))
}
