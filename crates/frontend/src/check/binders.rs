//! Binders: index variables come into scope, with what is known inside.
//!
//! Wherever a variable has a value its range is not empty, which is a fact.

use super::kernel::Checker;
use super::names::{Named, duplicate};
use super::uses::BinderAt;
use crate::ast::{self, Binder};
use tilec_ir::facts::{Facts, Mark};
use tilec_ir::tensor::Var;
use tilec_ir::{Atom, Diagnostic, Id, IntId, Kind, Span};

/// A variable in scope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    /// `None` if its range is unknown after some mistake.
    pub(super) int: Option<IntId>,
    /// Where it is bound.
    span: Span,
    /// How many groups are open outside.
    depth: usize,
}

/// Variables bound together.
#[derive(Clone, Debug)]
pub(super) struct Group<'a> {
    pub(super) names: Vec<&'a str>,
    /// `None` where the range is unknown after some mistake.
    pub(super) vars: Vec<Option<Id<Var>>>,
    /// What was known outside.
    mark: Mark,
}

impl Group<'_> {
    /// The variables, if the ranges of all are known.
    pub(super) fn all(&self) -> Option<Vec<Id<Var>>> {
        self.vars.iter().copied().collect()
    }
}

impl<'a> Checker<'a> {
    /// Brings variables into scope.
    pub(super) fn bind(&mut self, owner: Option<Id<ast::Expr>>, binders: &'a [Binder]) {
        let ranges: Vec<_> =
            binders.iter().enumerate().map(|(at, b)| self.range((owner, at), b)).collect();
        let mut group = Group { names: Vec::new(), vars: Vec::new(), mark: self.facts.mark() };
        for (binder, range) in binders.iter().zip(ranges) {
            self.check_variable_name(binder);
            let var = range.map(|range| self.add_variable(binder, range));
            let int = var.map(|(_, int)| int);
            let name = binder.name.text.as_str();
            self.scope.entry(name).or_default().push(Bound {
                int,
                span: binder.name.span,
                depth: self.open.len(),
            });
            group.names.push(name);
            group.vars.push(var.map(|(id, _)| id));
        }
        self.open.push(group);
    }

    /// Takes the variables bound last out of scope.
    pub(super) fn unbind(&mut self) {
        let group = self.open.pop().expect("every group is closed once");
        for name in &group.names {
            let bound = self.scope.get_mut(name).and_then(Vec::pop);
            self.past.extend(bound.map(|bound| (*name, bound.span)));
        }
        self.facts.reset(group.mark);
        self.closed.push(group);
    }

    /// What is known outside of the variables bound last. That these have values
    /// says nothing there: `y[s < 0]` never has one, and yet leaves `y` unfilled.
    pub(super) fn facts_outside(&self) -> Facts {
        let mut facts = self.facts.clone();
        if let Some(group) = self.open.last() {
            facts.reset(group.mark);
        }
        facts
    }

    fn range(&mut self, at: BinderAt, binder: &Binder) -> Option<IntId> {
        match binder.range {
            Some(size) => self.dimension(size),
            None => self.inferred_range(at, binder),
        }
    }

    fn add_variable(&mut self, binder: &Binder, range: IntId) -> (Id<Var>, IntId) {
        let var = Var { name: binder.name.text.clone(), range, span: binder.name.span };
        let id = self.kernel.vars.push(var);
        self.facts.assume_not_empty(&mut self.kernel.ints, range);
        (id, self.kernel.ints.of_atom(Atom::Var(id), Some(range)))
    }

    fn check_variable_name(&mut self, binder: &Binder) {
        let name = &binder.name;
        let in_scope = self.scope.get(name.text.as_str()).and_then(|list| list.last());
        let (what, before) = match (in_scope, self.names.get(name.text.as_str())) {
            (Some(bound), _) if bound.depth == self.open.len() => {
                let report = duplicate("index variable", name, bound.span);
                return self.report(report);
            }
            (Some(bound), _) => ("another index variable", Some(bound.span)),
            (None, Some(&named @ Named::Size(_))) => ("a size", Some(self.span_of(named))),
            (None, Some(&named @ Named::Tensor(_))) => ("a tensor", Some(self.span_of(named))),
            (None, None) if self.functions.is_function(&name.text) => ("a function", None),
            (None, None) => return,
        };
        let message = format!("the index variable `{}` shares its name with {what}", name.text);
        let mut report = Diagnostic::new(Kind::NameConflict, name.span, message).here("bound here");
        if let Some(before) = before {
            report = report.with(before, format!("{what} of this name"));
        }
        self.report(report.help("give the variable another name"));
    }
}
