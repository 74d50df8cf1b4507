//! What the rules of the grammar write to while they run: the expressions they
//! make and the mistakes they notice in what they could read.
//!
//! Both are rolled back with the parser, so that nothing of an alternative that
//! was given up remains.

use super::failure::Failure;
use crate::{ast::Expr, ast::ExprKind, lexer::Token};
use chumsky::{extra, input::Checkpoint, input::Cursor, input::MapExtra, inspector::Inspector};
use tilec_ir::{Diagnostic, Id, Span};

/// A run of tokens, as the rules see it.
pub(super) type Tokens<'src> = &'src [Token<'src>];
/// The error and the state of every rule.
pub(super) type Extra<'src> = extra::Full<Failure, State<'src>, ()>;
/// A rule of the grammar. Each is boxed, since its type would otherwise
/// contain the types of all rules below it.
pub(super) type Rule<'src, O> = chumsky::Boxed<'src, 'src, Tokens<'src>, O, Extra<'src>>;
/// What the actions of rules are given.
pub(super) type Context<'src, 'b> = MapExtra<'src, 'b, Tokens<'src>, Extra<'src>>;

/// What the rules write to.
#[derive(Debug)]
pub(super) struct State<'src> {
    /// Every expression of the file so far, operands first.
    pub(super) exprs: Vec<Expr>,
    /// Mistakes in what could be read.
    pub(super) reports: Vec<Diagnostic>,
    /// The source.
    pub(super) text: &'src str,
    /// Where the tokens of the slice that is being parsed stand.
    pub(super) spans: &'src [Span],
}

impl State<'_> {
    /// Adds an expression.
    pub(super) fn push(&mut self, kind: ExprKind, span: Span) -> Id<Expr> {
        self.exprs.push(Expr { kind, span });
        Id::new(self.exprs.len() - 1)
    }

    /// Where an expression stands.
    pub(super) fn span(&self, id: Id<Expr>) -> Span {
        self.exprs[id.index()].span
    }
}

/// Where the tokens stand that a rule has taken.
pub(super) fn place(e: &mut Context<'_, '_>) -> Span {
    let tokens = e.span();
    let spans = e.state().spans;
    spans[tokens.start].to(spans[tokens.end.max(tokens.start + 1) - 1])
}

/// Adds an expression that stands where the rule's tokens stand.
pub(super) fn make(kind: ExprKind, e: &mut Context<'_, '_>) -> Id<Expr> {
    let span = place(e);
    e.state().push(kind, span)
}

impl<'src> Inspector<'src, Tokens<'src>> for State<'src> {
    type Checkpoint = (usize, usize);

    fn on_token(&mut self, _: &Token<'src>) {}

    fn on_save<'parse>(&self, _: &Cursor<'src, 'parse, Tokens<'src>>) -> Self::Checkpoint {
        (self.exprs.len(), self.reports.len())
    }

    fn on_rewind<'parse>(&mut self, to: &Checkpoint<'src, 'parse, Tokens<'src>, Self::Checkpoint>) {
        let &(exprs, reports) = to.inspector();
        self.exprs.truncate(exprs);
        self.reports.truncate(reports);
    }
}
