//! The mistakes found in one text, bounded: after a hundred, one more says
//! that there are others, and the rest is dropped.
//!
//! A text that is not a program at all would otherwise be answered with a
//! report longer than itself.

use tilec_ir::{Diagnostic, Kind, Span};

/// How many mistakes one run tells.
pub const MOST_REPORTS: usize = 100;

/// Mistakes, at most [`MOST_REPORTS`] of them and one that says so.
#[derive(Debug, Default)]
pub struct Reports {
    found: Vec<Diagnostic>,
    dropped: bool,
}

impl Reports {
    /// Adds a mistake, unless there are too many.
    pub fn push(&mut self, report: Diagnostic) {
        if self.is_full() {
            self.dropped = true;
        } else {
            self.found.push(report);
        }
    }

    /// Whether no more is told, so that looking for more is vain.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.found.len() >= MOST_REPORTS
    }

    /// Notes that something was left unread because the list is full.
    pub fn mark_dropped(&mut self) {
        self.dropped = true;
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The main places of what was found.
    #[must_use]
    pub fn places(&self) -> Vec<Span> {
        self.found.iter().filter_map(|report| Some(report.labels.first()?.span)).collect()
    }

    /// All mistakes in the order of the source.
    #[must_use]
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|report| {
            report.labels.first().map_or(Span::default(), |label| label.span)
        });
        if self.dropped {
            let message = format!("more than {MOST_REPORTS} mistakes: the rest is not shown");
            self.found.push(Diagnostic::global(Kind::TooManyErrors, message));
        }
        self.found
    }
}
