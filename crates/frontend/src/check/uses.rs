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
    /// The reads with several bare indices, in the order of the source.
    pub(super) reads: Vec<BareRead>,
    /// Sizes of this equation that have been reported to conflict.
    pub(super) conflicts: Vec<(IntId, IntId)>,
    /// Whether a conflict has been put down to one read, and so all of them.
    pub(super) explained: bool,
}

/// A dimension that a variable indexes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    /// `None` if it is unknown after some mistake.
    pub(super) dimension: Option<IntId>,
    pub(super) span: Span,
    /// `None` on the left-hand side.
    pub(super) read: Option<Id<ast::Expr>>,
}

/// A read with what it is indexed by bare.
#[derive(Clone, Debug)]
pub(super) struct BareRead {
    pub(super) id: Id<ast::Expr>,
    pub(super) span: Span,
    pub(super) places: Vec<BarePlace>,
}

/// A bare index: its place among all, its variable, and what it indexes.
#[derive(Clone, Copy, Debug)]
pub(super) struct BarePlace {
    pub(super) at: usize,
    pub(super) binder: BinderAt,
    pub(super) dimension: IntId,
}

impl Uses {
    /// The uses of a variable.
    pub(super) fn of(&self, binder: BinderAt) -> &[Use] {
        self.by_binder.get(&binder).map_or(&[], Vec::as_slice)
    }
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
            uses.by_binder.entry((None, at)).or_default().push(Use {
                dimension,
                span: binder.name.span,
                read: None,
            });
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
        let mut places = Vec::new();
        for (at, &index) in index.iter().enumerate() {
            if let ExprKind::Name(name) = &file.exprs[index].kind
                && let Some(&binder) = scope.get(name.text.as_str()).and_then(|list| list.last())
            {
                let dimension = shape.and_then(|shape| shape.get(at).copied());
                let read = Some(id);
                let bare = Use { dimension, span: name.span, read };
                uses.by_binder.entry(binder).or_default().push(bare);
                places.extend(dimension.map(|dimension| BarePlace { at, binder, dimension }));
            }
        }
        if places.len() > 1 {
            uses.reads.push(BareRead { id, span: file.exprs[id].span, places });
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
        let uses = self.uses.of(at).to_vec();
        if uses.is_empty() && !self.uses.damaged {
            self.report_unknown_range(binder);
        }
        self.agreed_range(at, binder, &uses)
    }

    fn report_unknown_range(&mut self, binder: &Binder) {
        let name = &binder.name.text;
        let message = format!("nothing tells the range of the index `{name}`");
        let report = Diagnostic::new(Kind::UnknownRange, binder.name.span, message)
            .here("it indexes no dimension by itself")
            .help(format!("give it a range: `{name} < N`"));
        self.report(report);
    }
}
