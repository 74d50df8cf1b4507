//! Expressions: from the syntax tree to typed expressions of the IR.
//!
//! A machine with a stack of its own, so that no input is too deep for it:
//! steps that are left to do, and operands of what is still to be built. Steps
//! between operands keep what is known in scope: variables, tests of branches,
//! the function being expanded.
//!
//! ```text
//! if t then a else b    Visit t, Assume t, Visit a, Forget, Assume not t, Visit b, Forget, Build
//! ```

use super::functions::Callee;
use super::kernel::Checker;
use super::names::Named;
use super::types::Value;
use crate::ast::{self, ExprKind, File, Name};
use tilec_ir::tensor::{Expr, Unary};
use tilec_ir::{Atom, Id, IntId, Kind, Scalar, Span};

/// A value with its place in the tree being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operand {
    pub(super) value: Value,
    pub(super) span: Span,
}

/// One step of the machine.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Leaves the operand that an expression is.
    Visit(Id<ast::Expr>),
    /// Makes one operand of those of an expression.
    Build(Id<ast::Expr>),
    /// What follows runs where the operand `below` the last holds, or doesn't.
    Assume { below: usize, holds: bool },
    /// Ends the last `Assume`.
    Forget,
    /// Takes the variables bound last out of scope.
    Unbind,
    /// Expands a function, its arguments being the last operands.
    Call(Id<ast::Expr>),
    /// Ends the last `Call`.
    Return,
    /// Makes something unknown of the last operands.
    Discard(usize, Span),
}

/// A function being expanded.
#[derive(Clone, Debug)]
pub(super) struct Frame<'a> {
    pub(super) callee: &'a Callee<'a>,
    arguments: Vec<Operand>,
    /// The call in the tree outside.
    pub(super) call: Span,
}

impl<'a> Checker<'a> {
    /// Checks an expression.
    pub(super) fn expression(&mut self, root: Id<ast::Expr>) -> Operand {
        self.steps.push(Step::Visit(root));
        while let Some(step) = self.steps.pop() {
            if self.budget == 0 {
                self.give_up();
                break;
            }
            self.budget -= 1;
            self.step(step);
        }
        let span = self.tree_of(root).span;
        self.operands.pop().unwrap_or(Operand { value: Value::Unknown, span })
    }

    /// Drops what is left of an expression that expands without end.
    fn give_up(&mut self) {
        let at = self.frames.first().map_or(self.tree.name.span, |frame| frame.call);
        self.frames.clear();
        self.steps.clear();
        self.operands.clear();
        while !self.open.is_empty() {
            self.unbind();
        }
        let report = self
            .mistake(
                Kind::TooLarge,
                at,
                "this kernel expands to too many operations",
                "given up here",
            )
            .help(
                "functions are expanded at every call: give what they share equations of its own",
            );
        self.report(report);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Visit(id) => self.visit(id),
            Step::Build(id) => self.build(id),
            Step::Assume { below, holds } => self.assume_operand(below, holds),
            Step::Forget => {
                let mark = self.marks.pop().expect("every assumption is ended once");
                self.facts.reset(mark);
            }
            Step::Unbind => self.unbind(),
            Step::Call(id) => self.expand(id),
            Step::Return => {
                let frame = self.frames.pop().expect("every call returns once");
                if let Some(result) = self.operands.last_mut() {
                    result.span = frame.call;
                }
            }
            Step::Discard(count, span) => {
                self.take(count);
                self.push(Value::Unknown, span);
            }
        }
    }

    /// The file that is being read: a function of the prelude has its own.
    pub(super) fn file(&self) -> &'a File {
        self.frames.last().map_or(self.source.file, |frame| frame.callee.file)
    }

    pub(super) fn tree_of(&self, id: Id<ast::Expr>) -> &'a ast::Expr {
        &self.file().exprs[id]
    }

    pub(super) fn push(&mut self, value: Value, span: Span) {
        self.operands.push(Operand { value, span });
    }

    pub(super) fn push_expr(&mut self, expr: Option<Id<Expr>>, span: Span) {
        self.push(expr.map_or(Value::Unknown, Value::Typed), span);
    }

    pub(super) fn push_int(&mut self, int: Option<IntId>, span: Span) {
        let expr = int.map(|int| self.add(tilec_ir::tensor::ExprKind::Int(int), Scalar::I32, span));
        self.push_expr(expr, span);
    }

    /// The last operands, in the order of the source.
    pub(super) fn take(&mut self, count: usize) -> Vec<Operand> {
        let from = self
            .operands
            .len()
            .checked_sub(count)
            .expect("operands come before what is built of them");
        self.operands.split_off(from)
    }

    /// The last `N` operands.
    pub(super) fn take_array<const N: usize>(&mut self) -> [Operand; N] {
        self.take(N).try_into().expect("as many as were asked for")
    }

    /// Schedules operands, the first to be visited first, and then `last`.
    pub(super) fn visit_all(&mut self, operands: &[Id<ast::Expr>], last: Step) {
        self.steps.push(last);
        self.steps.extend(operands.iter().rev().map(|&id| Step::Visit(id)));
    }

    fn schedule(&mut self, in_order: &[Step]) {
        self.steps.extend(in_order.iter().rev());
    }

    fn visit(&mut self, id: Id<ast::Expr>) {
        let ast::Expr { kind, span } = self.tree_of(id);
        let span = *span;
        match kind {
            ExprKind::Integer(value) => self.push(Value::Integer(*value), span),
            ExprKind::Fraction(value) => self.push(Value::Fraction(*value), span),
            ExprKind::Infinity => self.push(Value::Fraction(f32::INFINITY), span),
            ExprKind::Error => {
                self.failed = true;
                self.push(Value::Unknown, span);
            }
            ExprKind::Name(name) => self.name(name),
            ExprKind::Read(tensor, index) => self.visit_read(id, tensor, index),
            ExprKind::Call(name, arguments) => self.visit_call(id, name, arguments),
            ExprKind::Convert(_, arguments) | ExprKind::RoundStochastic(_, arguments) => {
                self.visit_all(arguments, Step::Build(id));
            }
            ExprKind::Negate(a) | ExprKind::Not(a) => self.visit_all(&[*a], Step::Build(id)),
            ExprKind::Arithmetic(_, a, b) | ExprKind::Compare(_, a, b) | ExprKind::Ceil(a, b) => {
                self.visit_all(&[*a, *b], Step::Build(id));
            }
            ExprKind::And(a, b) => self.visit_guarded(id, *a, *b, true),
            ExprKind::Or(a, b) => self.visit_guarded(id, *a, *b, false),
            ExprKind::If(test, a, b) => self.visit_if(id, *test, *a, *b),
            ExprKind::Reduce(_, binders, body) => {
                self.bind(Some(id), binders);
                self.schedule(&[Step::Visit(*body), Step::Unbind, Step::Build(id)]);
            }
            ExprKind::Argsort { binder, key, place, descending: _ } => {
                self.bind(Some(id), std::slice::from_ref(binder));
                self.visit_all(place.as_slice(), Step::Build(id));
                self.schedule(&[Step::Visit(*key), Step::Unbind]);
            }
        }
    }

    /// The right side of `and` and `or` runs only where the left leaves it open.
    fn visit_guarded(
        &mut self,
        id: Id<ast::Expr>,
        a: Id<ast::Expr>,
        b: Id<ast::Expr>,
        holds: bool,
    ) {
        let assume = Step::Assume { below: 0, holds };
        self.schedule(&[Step::Visit(a), assume, Step::Visit(b), Step::Forget, Step::Build(id)]);
    }

    fn visit_if(
        &mut self,
        id: Id<ast::Expr>,
        test: Id<ast::Expr>,
        a: Id<ast::Expr>,
        b: Id<ast::Expr>,
    ) {
        let taken = [
            Step::Visit(test),
            Step::Assume { below: 0, holds: true },
            Step::Visit(a),
            Step::Forget,
        ];
        let other = [
            Step::Assume { below: 1, holds: false },
            Step::Visit(b),
            Step::Forget,
            Step::Build(id),
        ];
        self.schedule(&[taken, other].concat());
    }

    /// A parameter, an index variable, a size or a scalar.
    fn name(&mut self, name: &'a Name) {
        if let Some(frame) = self.frames.last() {
            let argument = frame
                .callee
                .parameters
                .get(name.text.as_str())
                .map(|&at| frame.arguments[at].value);
            return self.push(argument.unwrap_or(Value::Unknown), name.span);
        }
        if let Some(bound) = self.scope.get(name.text.as_str()).and_then(|list| list.last()) {
            return self.push_int(bound.int, name.span);
        }
        match self.names.get(name.text.as_str()) {
            Some(&Named::Size(size)) => {
                let int = self.kernel.ints.of_atom(Atom::Size(size), None);
                self.push_int(Some(int), name.span);
            }
            Some(&Named::Tensor(tensor)) => self.read(tensor, &[], name, name.span),
            None => {
                self.report_unknown_value(name);
                self.push(Value::Unknown, name.span);
            }
        }
    }

    fn build(&mut self, id: Id<ast::Expr>) {
        let ast::Expr { kind, span } = self.tree_of(id);
        let span = *span;
        match kind {
            ExprKind::Read(tensor, index) => self.build_read(tensor, index.len(), span),
            ExprKind::Call(name, arguments) => self.build_builtin(name, arguments.len(), span),
            ExprKind::Convert(element, arguments) => {
                self.build_conversion(*element, arguments.len(), span)
            }
            ExprKind::RoundStochastic(element, arguments) => {
                self.build_rounding(*element, arguments.len(), span)
            }
            ExprKind::Negate(_) => self.build_negation(span),
            ExprKind::Not(_) => {
                let [a] = self.take_array();
                let test = self.as_test(a, Kind::TypeMismatch);
                let expr = test.map(|test| self.unary(Unary::Not, test, Scalar::Bool, span));
                self.push_expr(expr, span);
            }
            ExprKind::Arithmetic(operator, ..) => self.build_arithmetic(*operator, span),
            ExprKind::Compare(relation, ..) => self.build_comparison(*relation, span),
            ExprKind::Ceil(..) => self.build_ceil(span),
            ExprKind::And(..) => self.build_logic(tilec_ir::tensor::Binary::And, span),
            ExprKind::Or(..) => self.build_logic(tilec_ir::tensor::Binary::Or, span),
            ExprKind::If(..) => self.build_select(span),
            ExprKind::Reduce(reduction, ..) => self.build_reduction(*reduction, span),
            ExprKind::Argsort { descending, place, .. } => {
                self.build_rank(*descending, place.is_some(), span)
            }
            ExprKind::Integer(_)
            | ExprKind::Fraction(_)
            | ExprKind::Infinity
            | ExprKind::Name(_)
            | ExprKind::Error => {
                unreachable!("a leaf has nothing to build")
            }
        }
    }

    /// Starts the body of a function.
    pub(super) fn enter(&mut self, callee: &'a Callee<'a>, arguments: Vec<Operand>, call: Span) {
        self.frames.push(Frame { callee, arguments, call });
        self.schedule(&[Step::Visit(callee.tree.body), Step::Return]);
    }
}
