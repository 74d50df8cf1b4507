//! Diagnostics as people and editors read them: text with source lines, or one
//! JSON object a line. Takes the source's name and text; does no output.

use codespan_reporting::diagnostic as report;
use codespan_reporting::files::{Files, SimpleFile};
use codespan_reporting::term::{self, Config, DisplayStyle, termcolor::Buffer};
use serde::Serialize;
use tilec_ir::{Diagnostic, Severity, Span};

/// Renders diagnostics for people, each with its source lines and a way out.
#[must_use]
pub fn text(name: &str, source: &str, diagnostics: &[Diagnostic], color: bool) -> String {
    let file = SimpleFile::new(name, source);
    let mut out = if color { Buffer::ansi() } else { Buffer::no_color() };
    for diagnostic in diagnostics {
        let config = Config { display_style: style(&file, diagnostic), ..Config::default() };
        term::emit_to_write_style(&mut out, &config, &file, &to_report(diagnostic))
            .expect("writing to memory succeeds and spans lie inside the source");
    }
    String::from_utf8_lossy(out.as_slice()).into_owned()
}

/// The most bytes of a line that is worth showing.
const LONGEST_LINE: usize = 1000;

/// With source lines, unless one of them is too long to be read.
fn style(file: &SimpleFile<&str, &str>, diagnostic: &Diagnostic) -> DisplayStyle {
    let is_long = |span: Span| {
        let line =
            file.line_index((), span.range().start).and_then(|line| file.line_range((), line));
        line.is_ok_and(|line| line.len() > LONGEST_LINE)
    };
    let long = diagnostic.labels.iter().any(|label| is_long(label.span));
    if long { DisplayStyle::Medium } else { DisplayStyle::Rich }
}

/// Renders diagnostics for editors: one JSON object a line.
#[must_use]
pub fn json(name: &str, source: &str, diagnostics: &[Diagnostic]) -> String {
    let file = SimpleFile::new(name, source);
    diagnostics.iter().map(|d| to_json(&file, d) + "\n").collect()
}

fn to_report(diagnostic: &Diagnostic) -> report::Diagnostic<()> {
    let severity = match diagnostic.severity() {
        Severity::Error => report::Severity::Error,
        Severity::Warning => report::Severity::Warning,
    };
    let label = |(position, label): (usize, &tilec_ir::diagnostic::Label)| {
        let style =
            if position == 0 { report::LabelStyle::Primary } else { report::LabelStyle::Secondary };
        report::Label::new(style, (), label.span.range()).with_message(&label.text)
    };
    report::Diagnostic::new(severity)
        .with_message(&diagnostic.message)
        .with_labels(diagnostic.labels.iter().enumerate().map(label).collect())
        .with_notes(diagnostic.help.iter().map(|help| format!("help: {help}")).collect())
}

#[derive(Serialize)]
struct JsonDiagnostic<'a> {
    severity: &'static str,
    kind: &'static str,
    message: &'a str,
    file: &'a str,
    labels: Vec<JsonLabel<'a>>,
    help: Option<&'a str>,
}

/// Lines and columns count from 1, columns in characters; bytes from 0.
#[derive(Serialize)]
struct JsonLabel<'a> {
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    start_byte: usize,
    end_byte: usize,
    text: &'a str,
}

fn to_json(file: &SimpleFile<&str, &str>, diagnostic: &Diagnostic) -> String {
    let label = |label: &'_ tilec_ir::diagnostic::Label| -> (Span, String) {
        (label.span, label.text.clone())
    };
    let labels: Vec<_> = diagnostic.labels.iter().map(label).collect();
    let labels = labels.iter().map(|(span, text)| {
        let (line, column) = place(file, span.range().start);
        let (end_line, end_column) = place(file, span.range().end);
        let (start_byte, end_byte) = (span.range().start, span.range().end);
        JsonLabel { line, column, end_line, end_column, start_byte, end_byte, text }
    });
    let value = JsonDiagnostic {
        severity: match diagnostic.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        kind: diagnostic.kind.code(),
        message: &diagnostic.message,
        file: file.name(),
        labels: labels.collect(),
        help: diagnostic.help.as_deref(),
    };
    serde_json::to_string(&value).expect("strings and numbers are always JSON")
}

fn place(file: &SimpleFile<&str, &str>, byte: usize) -> (usize, usize) {
    file.location((), byte).map_or((1, 1), |at| (at.line_number, at.column_number))
}
