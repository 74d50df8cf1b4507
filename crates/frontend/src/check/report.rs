//! Reporting from inside a kernel, also from inside the functions it calls.
//!
//! A mistake in the body of a function shows at the call in the kernel, with
//! the place in the function beside it; the prelude has no place to show.

use super::kernel::Checker;
use tilec_ir::{Diagnostic, Kind, Severity, Span};

/// The longest piece of the source that is quoted.
const LONGEST_QUOTE: usize = 60;

impl Checker<'_> {
    /// Adds a report.
    pub(super) fn report(&mut self, report: Diagnostic) {
        match report.severity() {
            Severity::Error => {
                self.failed = true;
                self.reports.push(report);
            }
            Severity::Warning => self.warnings.push(report),
        }
    }

    /// A mistake at a place of the current tree, and what is the matter there.
    pub(super) fn mistake(
        &self,
        kind: Kind,
        span: Span,
        message: impl Into<String>,
        here: impl Into<String>,
    ) -> Diagnostic {
        match self.frames.last() {
            None => Diagnostic::new(kind, span, message).here(here),
            Some(frame) => {
                let name = &frame.callee.tree.name.text;
                let report = Diagnostic::new(kind, self.place(span), message)
                    .here(format!("in this call of `{name}`"));
                self.also(report, span, here)
            }
        }
    }

    /// Adds a place of the current tree to a report.
    pub(super) fn also(
        &self,
        report: Diagnostic,
        span: Span,
        text: impl Into<String>,
    ) -> Diagnostic {
        match self.frames.last() {
            Some(frame) if !frame.callee.own => report,
            Some(_) | None => report.with(span, text),
        }
    }

    /// Where something of the current tree stands in the kernel.
    pub(super) fn place(&self, span: Span) -> Span {
        self.frames.first().map_or(span, |frame| frame.call)
    }

    /// The source at a place of the current tree, for a help.
    pub(super) fn quote(&self, span: Span) -> String {
        let shown = self.frames.last().is_none_or(|frame| frame.callee.own);
        let text = self.source.text.get(span.range()).filter(|_| shown).unwrap_or("..");
        let text = without_parentheses(text);
        if text.len() > LONGEST_QUOTE || text.contains('\n') { "..".into() } else { text.into() }
    }
}

/// `x` for `(x)`: a place may hold the parentheses around an expression.
fn without_parentheses(text: &str) -> &str {
    let Some(inner) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) else {
        return text;
    };
    let mut depth = 0i32;
    for c in inner.chars() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if depth < 0 {
            return text;
        }
    }
    inner.trim()
}
