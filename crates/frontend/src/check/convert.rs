//! Conversions: `bf16(x)`, `i32(x)`, `idx<N>(x)`, `round_stochastic<f8e4m3>(x, r)`.
//!
//! Any number converts to any number, and a bool to 0 or 1. A conversion to the
//! type that a value has already is the value.

use super::bounds::plural;
use super::expression::Operand;
use super::kernel::Checker;
use super::types::{Class, Value};
use crate::ast::Element;
use tilec_ir::tensor::{Expr, ExprKind};
use tilec_ir::{Id, IntId, Kind, Scalar, Span};

impl Checker<'_> {
    pub(super) fn build_conversion(&mut self, element: Element, count: usize, span: Span) {
        let operands = self.take(count);
        let to = self.element(element);
        let &[operand] = operands.as_slice() else {
            self.report_arguments("a conversion", 1, count, span);
            return self.push(Value::Unknown, span);
        };
        let expr = to.and_then(|to| self.conversion(to, operand, span));
        self.push_expr(expr, span);
    }

    fn report_arguments(&mut self, what: &str, takes: usize, given: usize, span: Span) {
        let takes = plural(takes, "argument", "arguments");
        let report = self
            .mistake(
                Kind::ArgumentCount,
                span,
                format!("{what} takes {takes}, but is given {given}"),
                format!("takes {takes}"),
            )
            .help("add or remove arguments");
        self.report(report);
    }

    fn conversion(&mut self, to: Scalar, operand: Operand, span: Span) -> Option<Id<Expr>> {
        if operand.value == Value::Unknown {
            return None;
        }
        match to {
            Scalar::Bool => {
                let quote = self.quote(operand.span);
                let report = self
                    .mistake(
                        Kind::BadConversion,
                        span,
                        "nothing converts to bool",
                        "this conversion does not exist",
                    )
                    .help(format!("write a comparison, such as `{quote} != 0`"));
                self.report(report);
                None
            }
            Scalar::Idx(n) => self.convert_to_index(n, operand, span),
            Scalar::I32 => self.convert_to_i32(operand, span),
            Scalar::I8 | Scalar::U8 => {
                let from = self.number(operand)?;
                Some(self.convert(from, to, span))
            }
            Scalar::F32 | Scalar::Bf16 | Scalar::F16 | Scalar::F8E4M3 | Scalar::F8E5M2 => {
                self.convert_to_float(to, operand, span)
            }
        }
    }

    fn convert_to_float(&mut self, to: Scalar, operand: Operand, span: Span) -> Option<Id<Expr>> {
        let from = if let Value::Integer(_) | Value::Choice(_) = operand.value {
            self.with_class(operand, Class::Float)?
        } else {
            self.number(operand)?
        };
        Some(self.convert(from, to, span))
    }

    /// To an i32: an integer is one already.
    fn convert_to_i32(&mut self, operand: Operand, span: Span) -> Option<Id<Expr>> {
        let from = self.number(operand)?;
        let narrow = matches!(self.kernel.exprs[from].ty, Scalar::I8 | Scalar::U8);
        match Class::of(self.kernel.exprs[from].ty) {
            Class::Integer if !narrow => Some(from),
            Class::Integer | Class::Float | Class::Bool => {
                Some(self.convert(from, Scalar::I32, span))
            }
        }
    }

    /// To an index by clamping, unless it is one already.
    fn convert_to_index(&mut self, n: IntId, operand: Operand, span: Span) -> Option<Id<Expr>> {
        let from = self.convert_to_i32(operand, span)?;
        self.check_not_empty(n, span, "idx");
        let int = self.as_index(from);
        if self.as_exact(from).is_some() && self.is_within(int, n) {
            return Some(from);
        }
        Some(self.convert(from, Scalar::Idx(n), span))
    }

    /// A number, or a bool to become one.
    fn number(&mut self, operand: Operand) -> Option<Id<Expr>> {
        match operand.value {
            Value::Unknown => None,
            Value::Typed(id) | Value::Choice(id) => Some(id),
            Value::Integer(_) => self.with_class(operand, Class::Integer),
            Value::Fraction(_) => self.with_class(operand, Class::Float),
        }
    }

    /// A conversion, unless it is to the type that there is.
    pub(super) fn convert(&mut self, from: Id<Expr>, to: Scalar, span: Span) -> Id<Expr> {
        if self.kernel.exprs[from].ty == to {
            return from;
        }
        self.add(ExprKind::Convert(from), to, span)
    }

    pub(super) fn build_rounding(&mut self, element: Element, count: usize, span: Span) {
        let operands = self.take(count);
        let to = self.element(element);
        let expr = to.and_then(|to| self.rounding(to, &operands, span));
        self.push_expr(expr, span);
    }

    fn rounding(&mut self, to: Scalar, operands: &[Operand], span: Span) -> Option<Id<Expr>> {
        if !to.is_float() || to == Scalar::F32 {
            let shown = self.show_type(to);
            let report = self
                .mistake(
                    Kind::BadConversion,
                    span,
                    format!("`round_stochastic` rounds to a narrow float, not to {shown}"),
                    "",
                )
                .help("round to `bf16`, `f16`, `f8e4m3` or `f8e5m2`");
            self.report(report);
            return None;
        }
        let &[x, bits] = operands else {
            self.report_arguments("`round_stochastic`", 2, operands.len(), span);
            return None;
        };
        let (x, bits) = (self.with_class(x, Class::Float), self.with_class(bits, Class::Integer));
        Some(self.add(ExprKind::RoundStochastic(x?, bits?), to, span))
    }
}
