//! What is stored by an equation: a value of the declared type of an output,
//! or the value that gives a local tensor its type.

use super::expression::Operand;
use super::kernel::Checker;
use super::types::{Class, Value};
use tilec_ir::tensor::{Expr, ExprKind};
use tilec_ir::{Id, IntId, Kind, Scalar, Span};

impl Checker<'_> {
    /// The value of a tensor without a declared type, and its type.
    pub(super) fn local(&mut self, operand: Operand) -> Option<(Id<Expr>, Scalar)> {
        let class = self.class(operand.value).unwrap_or(Class::Integer);
        let id = self.with_class(operand, class)?;
        let ty = self.kernel.exprs[id].ty;
        if let ExprKind::Int(int) = self.kernel.exprs[id].kind {
            return Some((id, self.range_of(int).map_or(Scalar::I32, Scalar::Idx)));
        }
        Some((id, ty))
    }

    /// The value of an output of a declared type.
    pub(super) fn store(
        &mut self,
        operand: Operand,
        to: Scalar,
        declared: Span,
    ) -> Option<Id<Expr>> {
        if operand.value == Value::Unknown {
            return None;
        }
        if let Value::Integer(value) = operand.value
            && !literal_fits(value, to)
        {
            return self.report_literal(operand, value, to, declared);
        }
        let literal = !matches!(operand.value, Value::Typed(_));
        let id = self.with_class(operand, Class::of(to))?;
        let ty = self.kernel.exprs[id].ty;
        if let Scalar::Idx(n) = to {
            return self.store_index(id, n, operand.span, declared);
        }
        if widens(ty, to) {
            return Some(id);
        }
        if literal {
            return Some(self.convert(id, to, operand.span));
        }
        self.report_narrowing(operand, ty, to, declared);
        None
    }

    fn report_narrowing(&mut self, operand: Operand, from: Scalar, to: Scalar, declared: Span) {
        let (from, to) = (self.show_type(from), self.show_type(to));
        let message = format!("storing {from} as {to} needs a conversion");
        let report = self
            .mistake(Kind::NeedsConversion, operand.span, message, format!("this is {from}"))
            .with(declared, format!("this is {to}"))
            .help(format!("write `{to}({})`", self.quote(operand.span)));
        self.report(report);
    }

    fn report_literal(
        &mut self,
        operand: Operand,
        value: i64,
        to: Scalar,
        declared: Span,
    ) -> Option<Id<Expr>> {
        let shown = self.show_type(to);
        let report = self
            .mistake(
                Kind::BadNumber,
                operand.span,
                format!("{value} does not fit {shown}"),
                "too large or too small",
            )
            .with(declared, format!("this is {shown}"))
            .help("store another number, or in a wider type");
        self.report(report);
        None
    }

    fn store_index(
        &mut self,
        id: Id<Expr>,
        n: IntId,
        span: Span,
        declared: Span,
    ) -> Option<Id<Expr>> {
        let int = self.as_index(id);
        if self.is_within(int, n) {
            return Some(id);
        }
        let size = self.show(n);
        let quote = self.quote(span);
        let report = self
            .mistake(
                Kind::NotProvedIndex,
                span,
                format!("this integer is not proved to be in 0 .. {size} - 1"),
                format!("stored as `idx<{size}>`"),
            )
            .with(declared, "declared here")
            .help(format!("clamp it into range: `idx<{size}>({quote})`"));
        self.report(report);
        None
    }
}

/// Whether an integer literal is a value of a type.
fn literal_fits(value: i64, to: Scalar) -> bool {
    let past_i8 = to == Scalar::I8 && i8::try_from(value).is_err();
    let past_u8 = to == Scalar::U8 && u8::try_from(value).is_err();
    !past_i8 && !past_u8
}

/// Whether every value of a type is one of the other.
fn widens(from: Scalar, to: Scalar) -> bool {
    let fp8 = matches!(from, Scalar::F8E4M3 | Scalar::F8E5M2);
    match to {
        _ if from == to => true,
        Scalar::F32 => from.is_float(),
        Scalar::Bf16 | Scalar::F16 => fp8,
        Scalar::I32 => from.is_integer(),
        Scalar::F8E4M3
        | Scalar::F8E5M2
        | Scalar::I8
        | Scalar::U8
        | Scalar::Bool
        | Scalar::Idx(_) => false,
    }
}
