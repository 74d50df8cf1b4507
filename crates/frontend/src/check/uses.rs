//! What the index variables of an equation index bare, and the range that
//! follows: all of these dimensions must be provably equal.
//!
//! One walk over the equation finds the uses of all its binders, before any of
//! it is checked.

use super::kernel::Checker;
use crate::ast::{self, Binder, Equation, ExprKind};
use std::collections::HashMap;
use tilec_ir::tensor::Role;
use tilec_ir::{Diagnostic, Id, IntId, Kind, Span};

/// A binder: the reduction that it belongs to (`None`: the left-hand side) and
/// its place there.
pub(super) type BinderAt = (Option<Id<ast::Expr>>, usize);

/// The bare uses of each binder of an equation.
#[derive(Debug, Default)]
pub(super) struct Uses {
    by_binder: HashMap<BinderAt, Vec<Use>>,
    /// Part of the equation could not be read, so that uses may be missing.
    damaged: bool,
}

/// A dimension that a variable indexes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    /// `None` if it is unknown after some mistake.
    dimension: Option<IntId>,
    span: Span,
}

enum Walk<'a> {
    Visit(Id<ast::Expr>),
    Bind(Id<ast::Expr>, &'a [Binder]),
    Unbind(&'a [Binder]),
}

impl<'a> Checker<'a> {
    /// All bare uses, in the order of the source.
    pub(super) fn find_uses(&self, equation: &'a Equation) -> Uses {
        let mut uses = Uses::default();
        let mut scope: HashMap<&str, Vec<BinderAt>> = HashMap::new();
        self.declared_uses(equation, &mut uses);
        for (at, binder) in equation.binders.iter().enumerate() {
            scope.entry(&binder.name.text).or_default().push((None, at));
        }
        let mut steps = vec![Walk::Visit(equation.value)];
        while let Some(step) = steps.pop() {
            match step {
                Walk::Visit(id) => {
                    self.note_uses(id, &scope, &mut uses);
                    self.walk_into(id, &mut steps);
                }
                Walk::Bind(owner, binders) => {
                    for (at, binder) in binders.iter().enumerate() {
                        scope.entry(&binder.name.text).or_default().push((Some(owner), at));
                    }
                }
                Walk::Unbind(binders) => {
                    for binder in binders {
                        scope.entry(&binder.name.text).or_default().pop();
                    }
                }
            }
        }
        uses
    }

    /// The dimensions of an output tell the ranges on the left-hand side.
    fn declared_uses(&self, equation: &Equation, uses: &mut Uses) {
        let Some(id) = self.tensor(&equation.name.text) else { return };
        if self.kernel.tensors[id].role == Role::Local {
            return;
        }
        let shape = self
            .kernel_shape(&equation.name.text)
            .filter(|shape| shape.len() == equation.binders.len());
        for (at, binder) in equation.binders.iter().enumerate() {
            let dimension = shape.map(|shape| shape[at]);
            uses.by_binder
                .entry((None, at))
                .or_default()
                .push(Use { dimension, span: binder.name.span });
        }
    }

    /// The shape of a tensor that is known.
    fn kernel_shape(&self, name: &str) -> Option<&[IntId]> {
        let id = self.tensor(name)?;
        self.known[id.index()].then(|| self.kernel.tensors[id].shape.as_slice())
    }

    fn note_uses(&self, id: Id<ast::Expr>, scope: &HashMap<&str, Vec<BinderAt>>, uses: &mut Uses) {
        let file = self.source.file;
        uses.damaged |= matches!(file.exprs[id].kind, ExprKind::Error);
        let ExprKind::Read(tensor, index) = &file.exprs[id].kind else { return };
        let shape = self.kernel_shape(&tensor.text);
        for (at, &index) in index.iter().enumerate() {
            if let ExprKind::Name(name) = &file.exprs[index].kind
                && let Some(&binder) = scope.get(name.text.as_str()).and_then(|list| list.last())
            {
                let dimension = shape.and_then(|shape| shape.get(at).copied());
                uses.by_binder.entry(binder).or_default().push(Use { dimension, span: name.span });
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else binds variables")]
    fn walk_into(&self, id: Id<ast::Expr>, steps: &mut Vec<Walk<'a>>) {
        match &self.source.file.exprs[id].kind {
            ExprKind::Reduce(_, binders, body) => {
                steps.extend([Walk::Unbind(binders), Walk::Visit(*body), Walk::Bind(id, binders)]);
            }
            ExprKind::Argsort { binder, key, place, descending: _ } => {
                let binders = std::slice::from_ref(binder);
                steps.extend(place.map(Walk::Visit));
                steps.extend([Walk::Unbind(binders), Walk::Visit(*key), Walk::Bind(id, binders)]);
            }
            kind => {
                let from = steps.len();
                kind.each_operand(|operand| steps.push(Walk::Visit(operand)));
                steps[from..].reverse();
            }
        }
    }

    /// The range that the uses of a binder tell.
    pub(super) fn inferred_range(&mut self, at: BinderAt, binder: &Binder) -> Option<IntId> {
        let uses = self.uses.by_binder.remove(&at).unwrap_or_default();
        let mut known = uses.iter().filter_map(|u| Some((u.dimension?, u.span)));
        let Some((first, place)) = known.next() else {
            if uses.is_empty() && !self.uses.damaged {
                self.report_unknown_range(binder);
            }
            return None;
        };
        let conflict =
            known.find(|&(other, _)| !self.facts.equal(&mut self.kernel.ints, first, other));
        if let Some((other, span)) = conflict {
            self.report_conflict(binder, (first, place), (other, span));
            return None;
        }
        Some(first)
    }

    fn report_unknown_range(&mut self, binder: &Binder) {
        let name = &binder.name.text;
        let message = format!("nothing tells the range of the index `{name}`");
        let report = Diagnostic::new(Kind::UnknownRange, binder.name.span, message)
            .here("it indexes no dimension by itself")
            .help(format!("give it a range: `{name} < N`"));
        self.report(report);
    }

    fn report_conflict(&mut self, binder: &Binder, first: (IntId, Span), other: (IntId, Span)) {
        let name = &binder.name.text;
        let (a, b) = (self.show(first.0), self.show(other.0));
        let ints = &self.kernel.ints;
        let help = match (ints.as_constant(first.0), ints.as_constant(other.0)) {
            (Some(_), Some(_)) => {
                format!("give it the range that is meant: `{name} < {a}` or `{name} < {b}`")
            }
            _ => format!("if they are equal, say so: `where {b} == {a}`"),
        };
        let message = format!("index `{name}` ranges over two different sizes");
        let report = Diagnostic::new(Kind::ConflictingRanges, other.1, message)
            .here(format!("here it ranges over {b}"))
            .with(first.1, format!("here it ranges over {a}"))
            .help(help);
        self.report(report);
    }
}
