//! Reductions and orders. Their variables are in `closed`, the body is the
//! last operand.

use super::kernel::Checker;
use super::types::{Class, Value};
use crate::ast;
use tilec_ir::tensor::{Expr, ExprKind, Order, Reduction, Var};
use tilec_ir::{Id, IntId, Kind, Scalar, Span};

impl Checker<'_> {
    pub(super) fn build_reduction(&mut self, reduction: ast::Reduction, span: Span) {
        let [body] = self.take_array();
        let vars = self.closed.pop().expect("variables are closed before they are built").all();
        let reduction = match reduction {
            ast::Reduction::Sum => Reduction::Sum,
            ast::Reduction::Prod => Reduction::Prod,
            ast::Reduction::Max => Reduction::Max,
            ast::Reduction::Min => Reduction::Min,
        };
        if body.value == Value::Unknown {
            return self.push(Value::Unknown, span);
        }
        let class = self.class(body.value).unwrap_or(Class::Integer);
        if class == Class::Bool {
            let quote = self.quote(body.span);
            let report = self
                .mistake(
                    Kind::TypeMismatch,
                    body.span,
                    "a reduction is of numbers, not of bools",
                    "this is a bool",
                )
                .help(format!("to count, write `if {quote} then 1 else 0`"));
            self.report(report);
            return self.push(Value::Unknown, span);
        }
        let body = self.with_class(body, class);
        let expr = vars.zip(body).map(|(vars, body)| {
            self.add(ExprKind::Reduce(reduction, vars, body), class.scalar(), span)
        });
        self.push_expr(expr, span);
    }

    pub(super) fn build_rank(&mut self, descending: bool, has_place: bool, span: Span) {
        let place = has_place.then(|| self.take_array::<1>()[0]);
        let [key] = self.take_array();
        let vars = self.closed.pop().expect("variables are closed before they are built").all();
        let key_class = self.class(key.value).unwrap_or(Class::Integer);
        if key.value != Value::Unknown && key_class == Class::Bool {
            let report = self
                .mistake(
                    Kind::TypeMismatch,
                    key.span,
                    "a key is a number, not a bool",
                    "this is a bool",
                )
                .help(format!("write `if {} then 1 else 0`", self.quote(key.span)));
            self.report(report);
            return self.push(Value::Unknown, span);
        }
        let key = self.with_class(key, key_class);
        let place = match place {
            Some(place) => {
                let expr = self.with_class(place, Class::Integer);
                expr.map(|expr| (self.as_index(expr), Some(place.span)))
            }
            None => Some((self.kernel.ints.constant(0), None)),
        };
        let expr = match (vars.as_deref(), key, place) {
            (Some(&[var]), Some(key), Some((place, at))) => {
                Some(self.rank(var, descending, key, place, at, span))
            }
            _ => None,
        };
        self.push_expr(expr, span);
    }

    fn rank(
        &mut self,
        var: Id<Var>,
        descending: bool,
        key: Id<Expr>,
        place: IntId,
        at: Option<Span>,
        span: Span,
    ) -> Id<Expr> {
        let range = self.kernel.vars[var].range;
        match at {
            Some(at) => self.check_place(place, range, at),
            None => self.check_not_empty(range, span, "argmax"),
        }
        let order = if descending { Order::Descending } else { Order::Ascending };
        self.add(ExprKind::Rank { var, order, key, place }, Scalar::Idx(range), span)
    }

    fn check_place(&mut self, place: IntId, range: IntId, span: Span) {
        if self.is_within(place, range) {
            return;
        }
        let (shown, size) = (self.index_text(place, span), self.show(range));
        let zero = self.kernel.ints.constant(0);
        let below = !self.facts.at_most(&mut self.kernel.ints, zero, place);
        let goal = if below { (zero, place) } else { (place, range) };
        let report = self.mistake(
            Kind::OutOfRange,
            span,
            format!("place `{shown}` of this order may not exist"),
            format!("there are {size} values in order"),
        );
        let report = self.help_for_range(report, goal, (place, range), &shown);
        self.report(report);
    }

    /// Reports a range that may be empty and must not be.
    pub(super) fn check_not_empty(&mut self, range: IntId, span: Span, what: &str) {
        if self.facts.positive(&mut self.kernel.ints, range) {
            return;
        }
        let shown = self.show(range);
        let one = self.kernel.ints.constant(1);
        let (x, y) = self.facts.missing(&mut self.kernel.ints, one, range).unwrap_or((one, range));
        let help = match self.is_excluded(|facts, ints| facts.assume_at_most(ints, x, y)) {
            true => "give its variable a range that is not empty".to_owned(),
            false => format!("if there always is one, say so: `where {}`", self.at_most_text(x, y)),
        };
        let report = self
            .mistake(
                Kind::MayBeEmpty,
                span,
                format!("`{what}` needs at least one value, and {shown} may be 0"),
                format!("of {shown} values"),
            )
            .help(help);
        self.report(report);
    }
}
