//! Reads of tensors, and the proof that each is in range.
//!
//! A proof that fails names the fact that is missing.

use super::expression::Step;
use super::kernel::Checker;
use super::types::{Class, Value};
use crate::ast::{self, Name};
use tilec_ir::tensor::{ExprKind, Tensor};
use tilec_ir::{Atom, Diagnostic, Id, IntId, Kind, Scalar, Span};

impl<'a> Checker<'a> {
    /// Schedules the indices of a read.
    pub(super) fn visit_read(
        &mut self,
        id: Id<ast::Expr>,
        tensor: &'a Name,
        index: &'a [Id<ast::Expr>],
    ) {
        let span = self.tree_of(id).span;
        if self.tensor(&tensor.text).is_some() {
            return self.visit_all(index, Step::Build(id));
        }
        self.report_no_tensor(tensor);
        self.visit_all(index, Step::Discard(index.len(), span));
    }

    fn report_no_tensor(&mut self, name: &'a Name) {
        self.failed = true;
        if self.frames.is_empty() && !self.told.insert(&name.text) {
            return;
        }
        let mut report = self.unknown_name(name, "tensor");
        if self.scope.get(name.text.as_str()).is_some_and(|list| !list.is_empty()) {
            report.message = format!("`{}` is an index variable, not a tensor", name.text);
            report.help = Some("only tensors are indexed".into());
        } else if self.names.contains_key(name.text.as_str()) {
            report.message = format!("`{}` is a size, not a tensor", name.text);
            report.help = Some("only tensors are indexed".into());
        }
        self.report(report);
    }

    /// A read whose indices are the last operands.
    pub(super) fn build_read(&mut self, name: &'a Name, count: usize, span: Span) {
        let operands = self.take(count);
        let tensor = self.tensor(&name.text).expect("only reads of tensors are built");
        let places: Vec<Span> = operands.iter().map(|operand| operand.span).collect();
        let index: Vec<_> = operands
            .into_iter()
            .map(|operand| {
                let expr = self.with_class(operand, Class::Integer)?;
                Some(self.as_index(expr))
            })
            .collect();
        let Some(index) = index.into_iter().collect::<Option<Vec<_>>>() else {
            return self.push(Value::Unknown, span);
        };
        let index: Vec<_> = index.into_iter().zip(places).collect();
        self.read(tensor, &index, name, span);
    }

    /// Leaves an element of a tensor.
    pub(super) fn read(
        &mut self,
        id: Id<Tensor>,
        index: &[(IntId, Span)],
        name: &Name,
        span: Span,
    ) {
        if !self.known[id.index()] {
            return self.push(Value::Unknown, span);
        }
        let shape = self.kernel.tensors[id].shape.clone();
        if shape.len() != index.len() {
            self.report_index_count(id, index.len(), span);
            return self.push(Value::Unknown, span);
        }
        for (at, (&(int, place), &dimension)) in index.iter().zip(&shape).enumerate() {
            self.check_in_range(name, at, int, dimension, place);
        }
        let index: Vec<_> = index.iter().map(|&(int, _)| int).collect();
        let element = self.kernel.tensors[id].element;
        if let Scalar::Idx(bound) = element {
            let int = self.kernel.ints.of_atom(Atom::Read(id, index), Some(bound));
            return self.push_int(Some(int), span);
        }
        let ty = Class::of(element).scalar();
        let expr = self.add(ExprKind::Read(id, index), ty, span);
        self.push_expr(Some(expr), span);
    }

    fn report_index_count(&mut self, id: Id<Tensor>, count: usize, span: Span) {
        let Tensor { name, shape, span: declared, .. } = &self.kernel.tensors[id];
        let (name, declared, rank) = (name.clone(), *declared, shape.len());
        let shown: Vec<_> = shape.iter().map(|&size| self.show(size)).collect();
        let message = format!(
            "`{name}` has {}, but is given {}",
            plural(rank, "dimension", "dimensions"),
            plural(count, "index", "indices")
        );
        let help = match rank {
            0 => format!("it is a scalar: write `{name}`"),
            _ => format!("its shape is `[{}]`", shown.join(", ")),
        };
        let report = self.mistake(Kind::IndexCount, span, message, "read here");
        let report = self.also(report, declared, "defined here").help(help);
        self.report(report);
    }

    fn check_in_range(&mut self, name: &Name, at: usize, int: IntId, dimension: IntId, span: Span) {
        let zero = self.kernel.ints.constant(0);
        let goal = if !self.facts.at_most(&mut self.kernel.ints, zero, int) {
            (zero, int)
        } else if !self.facts.less(&mut self.kernel.ints, int, dimension) {
            (int, dimension)
        } else {
            return;
        };
        let shown = self.index_text(int, span);
        let size = self.show(dimension);
        let message = match goal.0 == zero && goal.1 == int {
            true => format!("index `{shown}` of `{}` may be negative", name.text),
            false => format!("index `{shown}` of `{}` may be past the end", name.text),
        };
        let here = format!("dimension {} of `{}` has the size {size}", at + 1, name.text);
        let report = self.mistake(Kind::OutOfRange, span, message, here);
        let report = self.help_for_range(report, goal, (int, dimension), &shown);
        self.report(report);
    }

    /// An index as it is written, or, if that is too long, as it is understood.
    pub(super) fn index_text(&self, int: IntId, span: Span) -> String {
        let quote = self.quote(span);
        if quote == ".." { self.show(int) } else { quote }
    }

    /// The way out of an access that is not proved: a fact about sizes if one
    /// is missing, else a conversion or a test.
    pub(super) fn help_for_range(
        &mut self,
        report: Diagnostic,
        goal: (IntId, IntId),
        access: (IntId, IntId),
        index: &str,
    ) -> Diagnostic {
        let dimension = self.show(access.1);
        let below = goal.1 == access.0;
        let ints = &mut self.kernel.ints;
        let one = ints.constant(1);
        let from = if below { Ok(goal.0) } else { ints.add(goal.0, one) };
        if let Ok(from) = from
            && let Some((x, y)) = self.facts.missing(ints, from, goal.1)
        {
            return report
                .help(format!("if it is in range, say so: `where {}`", self.at_most_text(x, y)));
        }
        if self.kernel.ints.as_constant(access.0).is_some()
            && self.kernel.ints.as_constant(access.1).is_some()
        {
            return report.help(format!("indices go from 0 to {dimension} - 1"));
        }
        let clamp = format!("clamp it into range: `idx<{dimension}>({index})`");
        match self.kernel.ints.as_atom(access.0) {
            Some(Atom::Read(..)) => return report.help(format!("{clamp}, or test it with `if`")),
            // It wraps, so what a test says of it does not hold where it is written again.
            Some(Atom::Value(_)) => {
                let help = "or give it an equation of its own and test that tensor with `if`";
                return report.help(format!("{clamp}, {help}"));
            }
            Some(Atom::Size(_) | Atom::Var(_) | Atom::Div(..)) | None => {}
        }
        match below {
            true => report
                .help(format!("read it only where it exists: `if 0 <= {index} then .. else ..`")),
            false => report.help(format!(
                "read it only where it exists: `if {index} < {dimension} then .. else ..`"
            )),
        }
    }
}

/// `1 index`, `2 indices`
pub(super) fn plural(count: usize, one: &str, many: &str) -> String {
    match count {
        0 => format!("no {many}"),
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    }
}
