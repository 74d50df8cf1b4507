//! Sizes: arithmetic over size parameters and integers, as exact polynomials.
//!
//! Divisors are proved positive, and a plain `/` is proved exact, with the
//! facts stated so far.

use super::kernel::Checker;
use super::names::Named;
use crate::ast::{self, Arithmetic, ExprKind, File};
use std::iter::zip;
use tilec_ir::int::TooComplex;
use tilec_ir::{Atom, Id, IntId, Kind, Span};

/// The expressions that `root` is made of, operands first, `root` last.
pub(super) fn operands_first(file: &File, root: Id<ast::Expr>) -> Vec<Id<ast::Expr>> {
    let mut open = vec![root];
    let mut order = Vec::new();
    while let Some(id) = open.pop() {
        order.push(id);
        file.exprs[id].kind.each_operand(|operand| open.push(operand));
    }
    order.reverse();
    order
}

impl Checker<'_> {
    /// A size that must not be negative: a dimension, a range, an idx type.
    pub(super) fn dimension(&mut self, root: Id<ast::Expr>) -> Option<IntId> {
        let size = self.size(root)?;
        if self.facts.not_negative(&mut self.kernel.ints, size) {
            return Some(size);
        }
        let zero = self.kernel.ints.constant(0);
        let span = self.tree_of(root).span;
        let shown = self.show(size);
        let report = self.mistake(
            Kind::SizeOutOfRange,
            span,
            format!("the size `{shown}` may be negative"),
            "",
        );
        let report = match self.facts.missing(&mut self.kernel.ints, zero, size) {
            Some((x, y)) => report
                .help(format!("say what keeps it from that: `where {}`", self.at_most_text(x, y))),
            None if self.is_excluded(|facts, ints| facts.assume_at_most(ints, zero, size)) => {
                report.help("it is with the facts stated: write a size that can be 0 or more")
            }
            None => report.help(format!(
                "say what keeps it from that: `where {}`",
                self.at_most_text(zero, size)
            )),
        };
        self.report(report);
        None
    }

    /// A size; `None` if it has a mistake, which has been reported.
    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else may stand in a size")]
    pub(super) fn size(&mut self, root: Id<ast::Expr>) -> Option<IntId> {
        let file = self.file();
        let mut values: Vec<Option<IntId>> = Vec::new();
        for id in operands_first(file, root) {
            let value = match &file.exprs[id].kind {
                ExprKind::Integer(value) => Some(self.kernel.ints.constant(*value)),
                ExprKind::Name(name) => self.named_size(name),
                ExprKind::Negate(_) => {
                    let value = values.pop().flatten();
                    value.and_then(|value| self.negated(value, file.exprs[id].span))
                }
                kind @ (ExprKind::Arithmetic(..) | ExprKind::Ceil(..)) => {
                    let (b, a) = (values.pop().flatten(), values.pop().flatten());
                    let operands = zip(a, b).next();
                    operands.and_then(|(a, b)| self.size_of_two(kind, a, b, id))
                }
                ExprKind::Error => None,
                _ => return self.not_a_size(file.exprs[id].span),
            };
            values.push(value);
        }
        values.pop().flatten()
    }

    fn named_size(&mut self, name: &ast::Name) -> Option<IntId> {
        match self.names.get(name.text.as_str()) {
            Some(&Named::Size(size)) => Some(self.kernel.ints.of_atom(Atom::Size(size), None)),
            Some(Named::Tensor(_)) | None => {
                let report = self.unknown_name(name, "size");
                self.report(report);
                None
            }
        }
    }

    fn not_a_size(&mut self, span: Span) -> Option<IntId> {
        let report = self
            .mistake(Kind::Expected, span, "this is not a size", "expected a size")
            .help("sizes are made of size parameters and integers with `+ - * / %` and `ceil(.. / ..)`");
        self.report(report);
        None
    }

    fn negated(&mut self, value: IntId, span: Span) -> Option<IntId> {
        let zero = self.kernel.ints.constant(0);
        let difference = self.kernel.ints.sub(zero, value);
        self.exact(difference, span)
    }

    fn size_of_two(
        &mut self,
        kind: &ExprKind,
        a: IntId,
        b: IntId,
        id: Id<ast::Expr>,
    ) -> Option<IntId> {
        let ExprKind::Arithmetic(operator, _, below) = kind else {
            return self.rounded_up(kind, a, b, id);
        };
        let span = self.tree_of(id).span;
        let ints = &mut self.kernel.ints;
        let result = match operator {
            Arithmetic::Add => ints.add(a, b),
            Arithmetic::Sub => ints.sub(a, b),
            Arithmetic::Mul => ints.mul(a, b),
            Arithmetic::Div | Arithmetic::Rem => {
                self.check_positive(b, self.tree_of(*below).span).then_some(())?;
                if *operator == Arithmetic::Rem {
                    self.facts.rem(&mut self.kernel.ints, a, b)
                } else {
                    self.check_exact(a, b, span).then_some(())?;
                    self.facts.div(&mut self.kernel.ints, a, b)
                }
            }
        };
        self.exact(result, span)
    }

    fn rounded_up(
        &mut self,
        kind: &ExprKind,
        a: IntId,
        b: IntId,
        id: Id<ast::Expr>,
    ) -> Option<IntId> {
        let ExprKind::Ceil(_, below) = kind else { return None };
        self.check_positive(b, self.tree_of(*below).span).then_some(())?;
        let result = self.kernel.ints.ceil_div(a, b);
        self.exact(result, self.tree_of(id).span)
    }

    /// Whether a divisor is proved positive; if not, that is reported.
    pub(super) fn check_positive(&mut self, divisor: IntId, span: Span) -> bool {
        if self.facts.positive(&mut self.kernel.ints, divisor) {
            return true;
        }
        let shown = self.show(divisor);
        let message = match self.kernel.ints.as_constant(divisor) {
            Some(0) => "division by zero".to_owned(),
            Some(_) | None => format!("the divisor `{shown}` is not proved positive"),
        };
        let mut report =
            self.mistake(Kind::DivisorNotPositive, span, message, "must be at least 1");
        let one = self.kernel.ints.constant(1);
        if let Some((x, y)) = self.facts.missing(&mut self.kernel.ints, one, divisor) {
            let fact = self.at_most_text(x, y);
            report = report.help(format!("if it is, say so: `where {fact}`"));
            if !self.asked.insert(fact) {
                return false;
            }
        } else if self.kernel.ints.as_constant(divisor).is_some() {
            report = report.help("divide by a positive integer");
        } else {
            report = report.help(format!(
                "make sure of it: `if 1 <= {shown} then .. else ..`, or divide by a size"
            ));
        }
        self.report(report);
        false
    }

    fn check_exact(&mut self, a: IntId, b: IntId, span: Span) -> bool {
        if self.facts.divides(&mut self.kernel.ints, b, a) {
            return true;
        }
        let (above, below) = (self.grouped(a), self.grouped(b));
        if !self.asked.insert(format!("{above} % {below}")) {
            return false;
        }
        let message = format!("the division `{above} / {below}` in a size is not proved exact");
        let round = format!("to round up, write `ceil({above} / {below})`");
        let exact = format!("if it is exact, say so: `where {above} % {below} == 0`; {round}");
        let rest = self.facts.rem(&mut self.kernel.ints, a, b).ok();
        let zero = self.kernel.ints.constant(0);
        let never = rest.is_some_and(|rest| {
            self.is_excluded(|facts, ints| facts.assume_equal(ints, rest, zero))
        });
        let report = self
            .mistake(Kind::InexactDivision, span, message, "may leave a remainder")
            .help(if never { round } else { exact });
        self.report(report);
        false
    }

    /// A fact as it is written in a `where` clause.
    pub(super) fn at_most_text(&self, x: IntId, y: IntId) -> String {
        format!("{} <= {}", self.show(x), self.show(y))
    }

    /// An integer, printed so that it can be divided.
    pub(super) fn grouped(&self, int: IntId) -> String {
        let shown = self.show(int);
        if shown.chars().all(|c| c.is_alphanumeric() || c == '_') {
            shown
        } else {
            format!("({shown})")
        }
    }

    /// The result of arithmetic; one that is too large to handle is reported.
    pub(super) fn exact(&mut self, result: Result<IntId, TooComplex>, span: Span) -> Option<IntId> {
        if result.is_err() {
            let report = self
                .mistake(
                    Kind::TooLarge,
                    span,
                    "this integer expression is too large to reason about",
                    "",
                )
                .help("split it, or convert a part with `idx<N>(..)`");
            self.report(report);
        }
        result.ok()
    }
}
