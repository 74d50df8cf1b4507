//! What must hold before and after a rule runs, whatever its input: brackets
//! match, nesting is bounded before anything recurses on it, and the tree that
//! was made is not too deep for the stages that walk it.

use crate::ast::Expr;
use crate::lexer::Token;
use tilec_ir::{Diagnostic, Kind, Span};

/// How deep brackets and `if`s may be nested.
pub const DEEPEST_NESTING: usize = 128;

/// How deep the tree of one expression may be.
pub const DEEPEST_TREE: u32 = 1000;

/// Checks brackets and nesting of a run of tokens.
pub(super) fn check_tokens(tokens: &[Token<'_>], spans: &[Span]) -> Result<(), Box<Diagnostic>> {
    // Each open bracket, with the `if`s at its level so far.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut outside = 0;
    let mut depth = 0;
    for (at, &token) in tokens.iter().enumerate() {
        let ifs = open.last_mut().map_or(&mut outside, |(_, ifs)| ifs);
        if token.opens() {
            open.push((at, 0));
            depth += 1;
        } else if let Some(opener) = token.closes() {
            match open.pop() {
                Some((from, ifs)) if tokens[from] == opener => depth -= 1 + ifs,
                Some((from, _)) => {
                    return Err(unclosed(
                        tokens[from],
                        spans[from],
                        spans[at],
                        "closes something else",
                    ));
                }
                None => return Err(closes_nothing(token, spans[at])),
            }
        } else if token == Token::If {
            *ifs += 1;
            depth += 1;
        } else if token == Token::Comma {
            depth -= std::mem::take(ifs);
        }
        if depth > DEEPEST_NESTING {
            return Err(too_deep(spans[at]));
        }
    }
    match open.last() {
        Some(&(from, _)) => {
            let last = spans[spans.len() - 1];
            Err(unclosed(tokens[from], spans[from], last, "should be closed by here"))
        }
        None => Ok(()),
    }
}

/// A bracket without a partner, and where that was noticed.
pub(super) fn unclosed(open: Token<'_>, at: Span, noticed: Span, what: &str) -> Box<Diagnostic> {
    let (open, close) = match open {
        Token::OpenParen => ("(", ")"),
        Token::OpenBracket => ("[", "]"),
        _ => ("{", "}"),
    };
    let mut report = Diagnostic::new(Kind::Unclosed, at, format!("`{open}` is never closed"))
        .here("opened here")
        .help(format!("add the missing `{close}`"));
    if noticed != at {
        report = report.with(noticed, what);
    }
    Box::new(report)
}

/// A closing bracket without a partner.
fn closes_nothing(token: Token<'_>, at: Span) -> Box<Diagnostic> {
    let (open, close) = match token {
        Token::CloseParen => ("(", ")"),
        Token::CloseBracket => ("[", "]"),
        _ => ("{", "}"),
    };
    Box::new(
        Diagnostic::new(Kind::Expected, at, format!("`{close}` closes nothing"))
            .here(format!("no `{open}` is open here"))
            .help(format!("leave it out, or add the missing `{open}`")),
    )
}

fn too_deep(at: Span) -> Box<Diagnostic> {
    let message = format!("nested deeper than {DEEPEST_NESTING} levels");
    Box::new(
        Diagnostic::new(Kind::NestedTooDeep, at, message)
            .here("one level too many")
            .help("give the inner part an equation of its own"),
    )
}

/// Checks the expressions made from one run of tokens, `before` of which were
/// there already. Expressions refer to their own run only.
pub(super) fn check_tree(exprs: &[Expr], before: usize) -> Result<(), Box<Diagnostic>> {
    let mut depths: Vec<u32> = Vec::with_capacity(exprs.len() - before);
    for expr in &exprs[before..] {
        let mut depth = 0;
        expr.kind.each_operand(|id| depth = depth.max(depths[id.index() - before]));
        if depth >= DEEPEST_TREE {
            let message = format!("this expression is more than {DEEPEST_TREE} operations deep");
            return Err(Box::new(
                Diagnostic::new(Kind::NestedTooDeep, expr.span, message)
                    .help("split it into several equations"),
            ));
        }
        depths.push(depth + 1);
    }
    Ok(())
}
