//! Values and their classes: what meets what, and what a literal becomes.
//!
//! An integer literal takes the class of what it meets and is an i32 where it
//! meets nothing; all else keeps its class. Narrow floats meet as f32.

use super::expression::Operand;
use super::kernel::Checker;
use std::collections::BTreeMap;
use tilec_ir::tensor::{Expr, ExprKind};
use tilec_ir::{Atom, Diagnostic, Id, IntId, Kind, Scalar, Span};

/// What an expression has been found to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    /// Something after a mistake that has been reported.
    Unknown,
    /// An integer literal that has not met anything.
    Integer(i64),
    /// A float literal.
    Fraction(f32),
    /// An `if` whose branches are integer literals: it takes a class as they do.
    Choice(Id<Expr>),
    /// An expression of the IR.
    Typed(Id<Expr>),
}

/// Values of one class meet without a conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Float,
    Integer,
    Bool,
}

impl Class {
    /// The class of a type.
    pub(super) fn of(ty: Scalar) -> Self {
        match ty {
            Scalar::Bool => Self::Bool,
            Scalar::I32 | Scalar::I8 | Scalar::U8 | Scalar::Idx(_) => Self::Integer,
            Scalar::F32 | Scalar::Bf16 | Scalar::F16 | Scalar::F8E4M3 | Scalar::F8E5M2 => {
                Self::Float
            }
        }
    }

    /// The type in which the class computes.
    pub(super) fn scalar(self) -> Scalar {
        match self {
            Self::Float => Scalar::F32,
            Self::Integer => Scalar::I32,
            Self::Bool => Scalar::Bool,
        }
    }

    /// With an article.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Float => "an f32",
            Self::Integer => "an i32",
            Self::Bool => "a bool",
        }
    }
}

impl Checker<'_> {
    /// The class of a value; `None` for what is unknown or takes any number's.
    pub(super) fn class(&self, value: Value) -> Option<Class> {
        match value {
            Value::Unknown | Value::Integer(_) | Value::Choice(_) => None,
            Value::Fraction(_) => Some(Class::Float),
            Value::Typed(id) => Some(Class::of(self.kernel.exprs[id].ty)),
        }
    }

    /// Brings two operands to one class. `None` if they don't meet, which is
    /// reported, or if one is unknown.
    pub(super) fn meet(&mut self, a: Operand, b: Operand) -> Option<(Id<Expr>, Id<Expr>, Class)> {
        if a.value == Value::Unknown || b.value == Value::Unknown {
            return None;
        }
        let class = match (self.class(a.value), self.class(b.value)) {
            (None, None) => Class::Integer,
            (Some(class), None) | (None, Some(class)) => class,
            (Some(x), Some(y)) if x == y => x,
            (Some(x), Some(y)) => {
                self.report_meeting(a, x, b, y);
                return None;
            }
        };
        let (x, y) = (self.with_class(a, class), self.with_class(b, class));
        Some((x?, y?, class))
    }

    fn report_meeting(&mut self, a: Operand, x: Class, b: Operand, y: Class) {
        for (literal, other, class) in [(a, b, y), (b, a, x)] {
            if let (Value::Fraction(_), Class::Integer) = (literal.value, class) {
                return self.report_fraction(literal, Some(other));
            }
        }
        let message = format!("{} and {} do not mix", x.name(), y.name());
        let report =
            self.mistake(Kind::TypeMismatch, b.span, message, format!("this is {}", y.name()));
        let report = self.also(report, a.span, format!("this is {}", x.name()));
        let help = match (x, y) {
            (Class::Bool, _) => {
                format!("write `if {} then 1 else 0` to count with a test", self.quote(a.span))
            }
            (_, Class::Bool) => {
                format!("write `if {} then 1 else 0` to count with a test", self.quote(b.span))
            }
            (Class::Integer, _) => format!("convert the integer: `f32({})`", self.quote(a.span)),
            (Class::Float, _) => format!("convert the integer: `f32({})`", self.quote(b.span)),
        };
        self.report(report.help(help));
    }

    /// A fraction where an integer is needed.
    fn report_fraction(&mut self, literal: Operand, other: Option<Operand>) {
        let shown = self.quote(literal.span);
        let message = format!("`{shown}` is not an integer");
        let mut report = self.mistake(
            Kind::FractionForInteger,
            literal.span,
            message,
            "an integer is needed here",
        );
        report = match other {
            Some(other) => {
                let converted = format!(
                    "write an integer, or convert the other side: `f32({})`",
                    self.quote(other.span)
                );
                self.also(report, other.span, "because this is an i32").help(converted)
            }
            None => report.help("write an integer, or convert: `i32(..)` truncates toward zero"),
        };
        self.report(report);
    }

    /// An operand as an expression of a class; reported if it isn't one.
    pub(super) fn with_class(&mut self, operand: Operand, class: Class) -> Option<Id<Expr>> {
        match (operand.value, class) {
            (Value::Unknown, _) => None,
            (Value::Typed(id), _) if Class::of(self.kernel.exprs[id].ty) == class => Some(id),
            #[expect(clippy::cast_precision_loss, reason = "a literal rounds to the nearest f32")]
            (Value::Integer(value), Class::Float) => Some(self.float(value as f32, operand.span)),
            (Value::Fraction(value), Class::Float) => Some(self.float(value, operand.span)),
            (Value::Integer(value), Class::Integer) => self.literal(value, operand.span),
            (Value::Choice(id), Class::Integer) => Some(id),
            (Value::Choice(id), Class::Float) => Some(self.float_choice(id)),
            (Value::Fraction(_), Class::Integer) => {
                self.report_fraction(operand, None);
                None
            }
            (Value::Integer(_) | Value::Fraction(_) | Value::Choice(_) | Value::Typed(_), _) => {
                self.report_class(operand, class);
                None
            }
        }
    }

    fn report_class(&mut self, operand: Operand, class: Class) {
        let found = self.class(operand.value).unwrap_or(Class::Integer);
        let message = format!("expected {}, found {}", class.name(), found.name());
        let report = self.mistake(
            Kind::TypeMismatch,
            operand.span,
            message,
            format!("this is {}", found.name()),
        );
        let quote = self.quote(operand.span);
        let help = match (class, found) {
            (Class::Float, Class::Bool) => format!("write `if {quote} then 1.0 else 0.0`"),
            (Class::Float, _) => format!("convert it: `f32({quote})`"),
            (Class::Integer, Class::Bool) => format!("write `if {quote} then 1 else 0`"),
            (Class::Integer, _) => format!("convert it: `i32({quote})` truncates toward zero"),
            (Class::Bool, _) => format!("write a comparison, such as `{quote} != 0`"),
        };
        self.report(report.help(help));
    }

    /// Reports an operand that is no test.
    pub(super) fn as_test(&mut self, operand: Operand, kind: Kind) -> Option<Id<Expr>> {
        match operand.value {
            Value::Unknown => return None,
            Value::Typed(id) if self.kernel.exprs[id].ty == Scalar::Bool => return Some(id),
            Value::Typed(_) | Value::Integer(_) | Value::Fraction(_) | Value::Choice(_) => {}
        }
        let found = self.class(operand.value).unwrap_or(Class::Integer);
        let message = format!("expected a test, found {}", found.name());
        let report: Diagnostic = self
            .mistake(kind, operand.span, message, format!("this is {}, not a bool", found.name()))
            .help(format!("write a comparison, such as `{} != 0`", self.quote(operand.span)));
        self.report(report);
        None
    }

    /// A choice of integer literals as one of floats.
    #[expect(clippy::cast_precision_loss, reason = "a literal rounds to the nearest f32")]
    fn float_choice(&mut self, choice: Id<Expr>) -> Id<Expr> {
        let mut parts = BTreeMap::new();
        let mut open = vec![choice];
        while let Some(id) = open.pop() {
            if let ExprKind::Select(_, a, b) = self.kernel.exprs[id].kind {
                open.extend([a, b]);
            }
            parts.insert(id, id);
        }
        // Branches come before the choice between them.
        for id in parts.keys().copied().collect::<Vec<_>>() {
            let kind = &self.kernel.exprs[id].kind;
            let kind = if let ExprKind::Select(test, a, b) = kind {
                ExprKind::Select(*test, parts[a], parts[b])
            } else {
                let ExprKind::Int(int) = kind else {
                    unreachable!("branches are integer literals")
                };
                ExprKind::Float(self.kernel.ints.as_constant(*int).unwrap_or(0) as f32)
            };
            let span = self.kernel.exprs[id].span;
            let float = self.kernel.exprs.push(Expr { kind, ty: Scalar::F32, span });
            parts.insert(id, float);
        }
        parts[&choice]
    }

    /// A float literal.
    pub(super) fn float(&mut self, value: f32, span: Span) -> Id<Expr> {
        self.add(ExprKind::Float(value), Scalar::F32, span)
    }

    /// An integer literal as an i32.
    pub(super) fn literal(&mut self, value: i64, span: Span) -> Option<Id<Expr>> {
        if i32::try_from(value).is_err() {
            let message = format!("{value} does not fit an i32");
            let report = self
                .mistake(Kind::BadNumber, span, message, "past the range of an i32")
                .help("an i32 goes from -2147483648 to 2147483647; write a float, such as `1e10`, if one is meant");
            self.report(report);
            return None;
        }
        let int = self.kernel.ints.constant(value);
        Some(self.add(ExprKind::Int(int), Scalar::I32, span))
    }

    /// An expression as exact index arithmetic, if it is that.
    pub(super) fn as_exact(&mut self, id: Id<Expr>) -> Option<IntId> {
        let expr = &self.kernel.exprs[id];
        match (&expr.kind, expr.ty) {
            (ExprKind::Int(int), _) => Some(*int),
            (_, Scalar::Idx(bound)) => Some(self.kernel.ints.of_atom(Atom::Value(id), Some(bound))),
            _ => None,
        }
    }

    /// Any integer expression as an integer that facts can be known of.
    pub(super) fn as_index(&mut self, id: Id<Expr>) -> IntId {
        if let Some(int) = self.as_exact(id) {
            return int;
        }
        let expr = &self.kernel.exprs[id];
        let ExprKind::Read(tensor, index) = &expr.kind else {
            return self.kernel.ints.of_atom(Atom::Value(id), None);
        };
        let byte = self.kernel.tensors[*tensor].element == Scalar::U8;
        let atom = Atom::Read(*tensor, index.clone());
        let bound = byte.then(|| self.kernel.ints.constant(256));
        self.kernel.ints.of_atom(atom, bound)
    }
}
