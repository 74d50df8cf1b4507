//! Arithmetic, comparisons and choices.
//!
//! Integers made of index variables, sizes, literals and idx values stay exact
//! polynomials; all other integer arithmetic wraps. A divisor of integers is
//! proved: positive where the result is exact, not zero where it wraps.

use super::expression::Operand;
use super::kernel::Checker;
use super::types::{Class, Value};
use crate::ast::{Arithmetic, Relation};
use tilec_ir::tensor::{Binary, Expr, ExprKind, Unary};
use tilec_ir::{Id, IntId, Kind, Scalar, Span};

impl Checker<'_> {
    pub(super) fn unary(
        &mut self,
        operation: Unary,
        a: Id<Expr>,
        ty: Scalar,
        span: Span,
    ) -> Id<Expr> {
        self.add(ExprKind::Unary(operation, a), ty, span)
    }

    fn binary(
        &mut self,
        operation: Binary,
        a: Id<Expr>,
        b: Id<Expr>,
        ty: Scalar,
        span: Span,
    ) -> Id<Expr> {
        self.add(ExprKind::Binary(operation, a, b), ty, span)
    }

    pub(super) fn build_negation(&mut self, span: Span) {
        let [a] = self.take_array();
        let id = match a.value {
            Value::Unknown => return self.push(Value::Unknown, span),
            Value::Fraction(value) => return self.push(Value::Fraction(-value), span),
            Value::Integer(value) => {
                return self.push(value.checked_neg().map_or(Value::Unknown, Value::Integer), span);
            }
            Value::Choice(id) | Value::Typed(id) => id,
        };
        // A negated choice has met something.
        let a = Operand { value: Value::Typed(id), span: a.span };
        match self.class(a.value) {
            Some(Class::Bool) => {
                let report = self
                    .mistake(Kind::TypeMismatch, a.span, "a bool has no negative", "this is a bool")
                    .help(format!("write `not {}`", self.quote(a.span)));
                self.report(report);
                self.push(Value::Unknown, span);
            }
            Some(Class::Integer) if let Some(int) = self.as_exact(id) => {
                let zero = self.kernel.ints.constant(0);
                let result = self.kernel.ints.sub(zero, int);
                let int = self.exact(result, span);
                self.push_int(int, span);
            }
            Some(class) => {
                let expr = self.unary(Unary::Neg, id, class.scalar(), span);
                self.push_expr(Some(expr), span);
            }
            None => self.push(Value::Unknown, span),
        }
    }

    pub(super) fn build_arithmetic(&mut self, operator: Arithmetic, span: Span) {
        let [a, b] = self.take_array();
        let value = match (a.value, b.value) {
            (Value::Integer(x), Value::Integer(y)) => self.fold(operator, (a, x), (b, y), span),
            _ => {
                let expr = self.arithmetic(operator, a, b, span);
                expr.map_or(Value::Unknown, Value::Typed)
            }
        };
        self.push(value, span);
    }

    /// Arithmetic of integer literals is one; it still takes any class.
    fn fold(
        &mut self,
        operator: Arithmetic,
        a: (Operand, i64),
        b: (Operand, i64),
        span: Span,
    ) -> Value {
        let ((left, x), (right, y)) = (a, b);
        let folded = match operator {
            Arithmetic::Add => x.checked_add(y),
            Arithmetic::Sub => x.checked_sub(y),
            Arithmetic::Mul => x.checked_mul(y),
            Arithmetic::Div => return self.report_literal_division((left, x), (right, y), span),
            Arithmetic::Rem => {
                let divisor = self.kernel.ints.constant(y);
                if !self.check_positive(divisor, right.span) {
                    return Value::Unknown;
                }
                x.checked_rem_euclid(y)
            }
        };
        match folded {
            Some(value) => Value::Integer(value),
            None => {
                let report = self
                    .mistake(
                        Kind::BadNumber,
                        span,
                        "the result of this arithmetic is too large",
                        "past 64 bits",
                    )
                    .help("write floats, such as `1e10`, if these are meant");
                self.report(report);
                Value::Unknown
            }
        }
    }

    fn report_literal_division(
        &mut self,
        a: (Operand, i64),
        b: (Operand, i64),
        span: Span,
    ) -> Value {
        let (x, y) = (a.1, b.1);
        let floor = x.checked_div_euclid(y).map_or_else(|| "..".into(), |floor| floor.to_string());
        let report = self
            .mistake(
                Kind::LiteralDivision,
                span,
                "which division of two integers is meant?",
                "two integer literals",
            )
            .help(format!("write `{x}.0 / {y}.0` for the fraction, or `{floor}` for its floor"));
        self.report(report);
        Value::Unknown
    }

    fn arithmetic(
        &mut self,
        operator: Arithmetic,
        a: Operand,
        b: Operand,
        span: Span,
    ) -> Option<Id<Expr>> {
        let (x, y, class) = self.meet(a, b)?;
        let operation = match operator {
            Arithmetic::Add => Binary::Add,
            Arithmetic::Sub => Binary::Sub,
            Arithmetic::Mul => Binary::Mul,
            Arithmetic::Div => Binary::Div,
            Arithmetic::Rem => Binary::Rem,
        };
        match class {
            Class::Bool => {
                let report = self
                    .mistake(
                        Kind::TypeMismatch,
                        span,
                        "bools have no arithmetic",
                        "both sides are bools",
                    )
                    .help(
                        "combine them with `and` and `or`, or count them: `if test then 1 else 0`",
                    );
                self.report(report);
                None
            }
            Class::Float if operator == Arithmetic::Rem => {
                let report = self
                    .mistake(Kind::TypeMismatch, span, "`%` is for integers only", "these are f32")
                    .help("write `x - y * floor(x / y)`");
                self.report(report);
                None
            }
            Class::Float => Some(self.binary(operation, x, y, Scalar::F32, span)),
            Class::Integer => self.integer_arithmetic((operator, operation), x, (y, b.span), span),
        }
    }

    fn integer_arithmetic(
        &mut self,
        (operator, operation): (Arithmetic, Binary),
        x: Id<Expr>,
        (y, right): (Id<Expr>, Span),
        span: Span,
    ) -> Option<Id<Expr>> {
        let divides = matches!(operator, Arithmetic::Div | Arithmetic::Rem);
        if let (Some(p), Some(q)) = (self.as_exact(x), self.as_exact(y)) {
            let by_negative = divides && self.kernel.ints.as_constant(q).is_some_and(|q| q < 0);
            if !by_negative {
                let int = self.exact_arithmetic(operator, p, (q, right), span)?;
                return Some(self.add(ExprKind::Int(int), Scalar::I32, span));
            }
        }
        if divides {
            self.check_not_zero(y, right).then_some(())?;
        }
        Some(self.binary(operation, x, y, Scalar::I32, span))
    }

    fn exact_arithmetic(
        &mut self,
        operator: Arithmetic,
        p: IntId,
        (q, right): (IntId, Span),
        span: Span,
    ) -> Option<IntId> {
        let divides = matches!(operator, Arithmetic::Div | Arithmetic::Rem);
        if divides && !self.check_positive(q, right) {
            return None;
        }
        let ints = &mut self.kernel.ints;
        let result = match operator {
            Arithmetic::Add => ints.add(p, q),
            Arithmetic::Sub => ints.sub(p, q),
            Arithmetic::Mul => ints.mul(p, q),
            Arithmetic::Div => self.facts.div(ints, p, q),
            Arithmetic::Rem => self.facts.rem(ints, p, q),
        };
        self.exact(result, span)
    }

    fn check_not_zero(&mut self, divisor: Id<Expr>, span: Span) -> bool {
        let int = self.as_index(divisor);
        if self.facts.not_zero(&mut self.kernel.ints, int) {
            return true;
        }
        let quote = self.quote(span);
        let report = self
            .mistake(
                Kind::DivisorNotPositive,
                span,
                format!("the divisor `{quote}` is not proved to be other than 0"),
                "may be 0",
            )
            .help(format!("divide only where it is positive: `if 1 <= {quote} then .. else ..`"));
        self.report(report);
        false
    }

    /// `ceil(a / b)` of exact integers, as in sizes.
    pub(super) fn build_ceil(&mut self, span: Span) {
        let [a, b] = self.take_array();
        let result = self.ceil(a, b, span);
        self.push_int(result, span);
    }

    fn ceil(&mut self, a: Operand, b: Operand, span: Span) -> Option<IntId> {
        let (x, y) = (self.with_class(a, Class::Integer)?, self.with_class(b, Class::Integer)?);
        let (x, y) = (self.as_index(x), self.as_index(y));
        self.check_positive(y, b.span).then_some(())?;
        let result = self.kernel.ints.ceil_div(x, y);
        self.exact(result, span)
    }

    pub(super) fn build_comparison(&mut self, relation: Relation, span: Span) {
        let [a, b] = self.take_array();
        let Some((x, y, class)) = self.meet(a, b) else { return self.push(Value::Unknown, span) };
        let operation = match relation {
            Relation::Equal => Binary::Equal,
            Relation::NotEqual => Binary::NotEqual,
            Relation::Less => Binary::Less,
            Relation::AtMost => Binary::AtMost,
            Relation::Greater => Binary::Greater,
            Relation::AtLeast => Binary::AtLeast,
        };
        if class == Class::Bool && !matches!(relation, Relation::Equal | Relation::NotEqual) {
            let report = self
                .mistake(Kind::TypeMismatch, span, "bools have no order", "both sides are bools")
                .help("compare them with `==` or `!=`, or combine them with `and` and `or`");
            self.report(report);
            return self.push(Value::Unknown, span);
        }
        let expr = self.binary(operation, x, y, Scalar::Bool, span);
        self.push_expr(Some(expr), span);
    }

    pub(super) fn build_logic(&mut self, operation: Binary, span: Span) {
        let [a, b] = self.take_array();
        let (x, y) = (self.as_test(a, Kind::TypeMismatch), self.as_test(b, Kind::TypeMismatch));
        let expr = x.zip(y).map(|(x, y)| self.binary(operation, x, y, Scalar::Bool, span));
        self.push_expr(expr, span);
    }

    pub(super) fn build_select(&mut self, span: Span) {
        let [test, a, b] = self.take_array();
        let test = self.as_test(test, Kind::NotATest);
        let is_literal = |x: Operand| matches!(x.value, Value::Integer(_) | Value::Choice(_));
        let literal = is_literal(a) && is_literal(b);
        let (a, b) = (self.like_narrow(a, b), self.like_narrow(b, a));
        let branches = self.meet(a, b);
        let expr = test.zip(branches).map(|(test, (x, y, class))| {
            let (s, t) = (self.kernel.exprs[x].ty, self.kernel.exprs[y].ty);
            let ty = match class {
                _ if s == t => s,
                Class::Float | Class::Bool => class.scalar(),
                Class::Integer => Scalar::I32,
            };
            let ty = if ty == Scalar::I32 { self.select_range(test, x, y) } else { ty };
            self.add(ExprKind::Select(test, x, y), ty, span)
        });
        let value = if literal { Value::Choice } else { Value::Typed };
        self.push(expr.map_or(Value::Unknown, value), span);
    }

    /// A literal beside a narrow float is one of that type.
    fn like_narrow(&mut self, literal: Operand, other: Operand) -> Operand {
        let (Value::Integer(_) | Value::Fraction(_) | Value::Choice(_), Value::Typed(other)) =
            (literal.value, other.value)
        else {
            return literal;
        };
        let ty = self.kernel.exprs[other].ty;
        if !ty.is_float() || ty == Scalar::F32 {
            return literal;
        }
        let Some(float) = self.with_class(literal, Class::Float) else { return literal };
        let expr = self.add(ExprKind::Convert(float), ty, literal.span);
        Operand { value: Value::Typed(expr), span: literal.span }
    }

    /// `min` and `max` of two.
    pub(super) fn extreme(
        &mut self,
        operation: Binary,
        a: Operand,
        b: Operand,
        span: Span,
    ) -> Option<Id<Expr>> {
        let (x, y, class) = self.meet(a, b)?;
        if class == Class::Bool {
            let report = self
                .mistake(
                    Kind::TypeMismatch,
                    span,
                    "bools have no order",
                    "both arguments are bools",
                )
                .help("combine them with `and` and `or`");
            self.report(report);
            return None;
        }
        let ty = match class {
            Class::Integer => self.extreme_range(operation, x, y),
            Class::Float | Class::Bool => Scalar::F32,
        };
        Some(self.binary(operation, x, y, ty, span))
    }
}
