//! One equation: its variables, its value, and the tensor that it fills.

use super::bounds::plural;
use super::depth::too_deep;
use super::kernel::Checker;
use crate::ast;
use tilec_ir::tensor::{Equation, Role, Tensor, Var};
use tilec_ir::{Id, IntId, Kind};

impl<'a> Checker<'a> {
    /// Checks an equation whose needs have been checked.
    pub(super) fn check_equation(&mut self, equation: &'a ast::Equation) {
        let Some(id) = self.tensor(&equation.name.text) else { return };
        if matches!(self.source.file.exprs[equation.value].kind, ast::ExprKind::Error) {
            self.failed = true;
            return;
        }
        if let Some(report) = too_deep(self.source.file, equation, self.functions) {
            return self.report(report);
        }
        self.uses = self.find_uses(equation);
        self.equation = Some(equation);
        self.told.clear();
        self.bind(None, &equation.binders);
        let vars = self.open.last().and_then(super::binders::Group::all);
        let shape =
            vars.as_ref().map(|vars| vars.iter().map(|&var| self.kernel.vars[var].range).collect());
        self.check_declared_shape(equation, id, shape.as_deref());
        let value = self.expression(equation.value);
        self.fill(equation, id, vars.zip(shape), value);
        // A kernel that was given up has closed its groups already.
        if !self.open.is_empty() {
            self.unbind();
        }
        self.closed.clear();
        self.past.clear();
    }

    fn fill(
        &mut self,
        equation: &ast::Equation,
        id: Id<Tensor>,
        space: Option<(Vec<Id<Var>>, Vec<IntId>)>,
        value: super::expression::Operand,
    ) {
        let Tensor { element, role, span, .. } = self.kernel.tensors[id];
        let value = match role {
            Role::Local => self.local(value).map(|(value, ty)| {
                if let Some((_, shape)) = &space {
                    let tensor = &mut self.kernel.tensors[id];
                    (tensor.element, tensor.shape) = (ty, shape.clone());
                    self.known[id.index()] = true;
                }
                value
            }),
            Role::Output if self.known[id.index()] => self.store(value, element, span),
            Role::Input | Role::Output => None,
        };
        match (space, value) {
            (Some((vars, _)), Some(value)) => {
                self.kernel.equations.push(Equation {
                    tensor: id,
                    vars,
                    value,
                    span: equation.span,
                });
            }
            (None, _) | (_, None) => self.failed = true,
        }
    }

    /// An output is filled exactly as declared.
    fn check_declared_shape(
        &mut self,
        equation: &ast::Equation,
        id: Id<Tensor>,
        shape: Option<&[IntId]>,
    ) {
        let Tensor { role, shape: declared, span, .. } = &self.kernel.tensors[id];
        if *role != Role::Output || !self.known[id.index()] {
            return;
        }
        let (declared, span) = (declared.clone(), *span);
        if declared.len() != equation.binders.len() {
            return self.report_rank(equation, declared.len(), span);
        }
        let Some(shape) = shape else { return };
        for ((&given, &expected), binder) in shape.iter().zip(&declared).zip(&equation.binders) {
            if given == expected
                || self.facts_outside().equal(&mut self.kernel.ints, given, expected)
            {
                continue;
            }
            let help = self.help_for_fill(&binder.name.text, given, expected);
            let (given, expected) = (self.show(given), self.show(expected));
            let message = format!(
                "`{}` ranges over {given}, but this dimension of `{}` is declared as {expected}",
                binder.name.text, equation.name.text
            );
            let report = self
                .mistake(
                    Kind::WrongDimension,
                    binder.span,
                    message,
                    format!("here it ranges over {given}"),
                )
                .with(span, "declared here")
                .help(format!("{help}; an output is filled completely"));
            self.report(report);
        }
    }

    fn help_for_fill(&mut self, name: &str, given: IntId, expected: IntId) -> String {
        let shown = self.show(given);
        if !self.is_excluded(|facts, ints| facts.assume_equal(ints, given, expected)) {
            return format!(
                "if they are equal, say so: `where {shown} == {}`",
                self.show(expected)
            );
        }
        if self.facts.at_most(&mut self.kernel.ints, given, expected) {
            return format!(
                "leave the range out, and choose: `if {name} < {shown} then .. else ..`"
            );
        }
        "leave the range out".to_owned()
    }

    fn report_rank(&mut self, equation: &ast::Equation, rank: usize, declared: tilec_ir::Span) {
        let name = &equation.name;
        let dimensions = plural(rank, "dimension", "dimensions");
        let variables = plural(equation.binders.len(), "index variable", "index variables");
        let report = self
            .mistake(
                Kind::IndexCount,
                name.span,
                format!("`{}` has {dimensions}, but its equation has {variables}", name.text),
                variables,
            )
            .with(declared, format!("declared with {dimensions}"))
            .help("write one index variable for each dimension");
        self.report(report);
    }
}
