//! Mistakes of syntax: what is reported, where, and with which way out.
//!
//! Cases stand in `errors.txt`, each a source and, behind `!`, its reports.

use tilec_frontend::parse::parse;
use tilec_ir::Diagnostic;

/// The reports of a source, a line for each mistake, further place and help.
fn reports(text: &str) -> String {
    let place = |span: tilec_ir::Span| text[span.range()].to_owned();
    let show = |report: &Diagnostic| {
        let mut lines = Vec::new();
        let (main, others) = report.labels.split_first().expect("each of these has a place");
        let line = text[..main.span.range().start].matches('\n').count() + 1;
        lines.push(format!("! {line} {}: {}", report.kind.code(), report.message));
        lines.push(format!("!   at `{}` {}", place(main.span), main.text).trim_end().to_owned());
        lines.extend(
            others.iter().map(|label| format!("!   at `{}` {}", place(label.span), label.text)),
        );
        lines.extend(report.help.iter().map(|help| format!("!   help: {help}")));
        lines.join("\n")
    };
    parse(text).1.iter().map(show).collect::<Vec<_>>().join("\n")
}

/// Runs one case.
#[track_caller]
fn check(case: &str) {
    let is_source = |line: &&str| !line.starts_with('!');
    let source: Vec<&str> = case.lines().filter(is_source).collect();
    let expected: Vec<&str> = case.lines().filter(|line| !is_source(line)).collect();
    let source = source.join("\n");
    assert!(!expected.is_empty(), "no mistake is expected in\n{source}");
    let found = reports(&source);
    assert_eq!(found, expected.join("\n"), "reports of\n{source}\nare\n{found}");
}

#[test]
fn every_case_has_its_reports() {
    let cases = include_str!("errors.txt");
    for case in cases.trim_end().split("\n----\n") {
        check(case);
    }
}
