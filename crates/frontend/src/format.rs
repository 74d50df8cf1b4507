//! The canonical layout of a source: `tilec fmt`.
//!
//! Tokens are printed anew with comments where they were; the author decides
//! where an expression is broken into lines and where an empty line stands, all
//! other space is decided here. Lists of parameters stand on one line, or one
//! parameter to a line if that gets too long, if a comment stands among them or
//! if the author left a comma at the end. In a run of equations without an empty
//! line or a comment between them, the `=` are aligned, and so are the types of
//! parameters.
//!
//! Formatting never changes what is parsed, and formatting twice changes nothing.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "among sixty tokens, `_` means any other token"
)]

mod line;
mod space;
mod writer;

use crate::lexer::{Lexed, Token};
use crate::parse::split::{self, Part, Section};
use crate::parse::{lex_within_limit, read_file};
use crate::report::Reports;
use std::ops::Range;
use tilec_ir::Diagnostic;
use writer::{Blank, Start, Writer};

/// The widest head of a kernel that stays on one line.
const WIDEST_HEAD: usize = 120;

/// One step of indentation.
const STEP: usize = 4;

/// Formats a source, or reports why it can't be read.
///
/// # Errors
///
/// All syntax errors of the source.
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let mut reports = Reports::default();
    let Some(lexed) = lex_within_limit(text, &mut reports) else {
        return Err(reports.into_sorted());
    };
    read_file(text, &lexed, &mut reports);
    if !reports.is_empty() {
        return Err(reports.into_sorted());
    }
    let mut writer = Writer::new(text, &lexed);
    let mut previous = None;
    for section in split::sections(&lexed) {
        // One-line functions may stand together; everything else stands apart.
        let together =
            previous.is_none_or(|part| part == Part::Function) && section.part == Part::Function;
        let blank = if together { Blank::Keep } else { Blank::Force };
        item(&mut writer, &section, blank);
        previous = Some(section.part);
    }
    writer.finish(Blank::Keep);
    line::align(&mut writer.lines);
    Ok(line::render(&writer.lines))
}

/// Writes one item.
fn item(writer: &mut Writer<'_>, section: &Section, blank: Blank) {
    let start = Start { indent: 0, comments: 0, first: blank, last: Blank::Keep };
    match section.part {
        Part::Function | Part::Stray => run(writer, section.head.clone(), start, None),
        Part::Kernel => {
            kernel_head(writer, section.head.clone(), start);
            body(writer, section, split::equations, Some(Token::Assign));
        }
        Part::Tiling => {
            writer.start(section.head.start, start);
            let brace = section.head.end - 1;
            (section.head.start + 1..brace).for_each(|at| writer.join(at, STEP));
            writer.join(brace, 0);
            body(writer, section, split::entries, None);
        }
    }
}

/// Writes what stands between braces, and the closing one.
fn body(
    writer: &mut Writer<'_>,
    section: &Section,
    split: fn(&Lexed<'_>, Range<usize>) -> Vec<Range<usize>>,
    aligned: Option<Token<'static>>,
) {
    let range = section.body.clone().expect("an item that was read has a body");
    writer.new_group();
    let mut first = Blank::Drop;
    for chunk in split(writer.lexed, range.clone()) {
        let start = Start { indent: STEP, comments: STEP, first, last: Blank::Keep };
        run(writer, chunk, start, aligned);
        first = Blank::Keep;
    }
    writer.start(range.end, Start { indent: 0, comments: STEP, first, last: Blank::Drop });
}

/// Writes a run of tokens, broken where the author broke it. Its first token
/// of the kind `aligned` comes into the column of its group.
fn run(
    writer: &mut Writer<'_>,
    range: Range<usize>,
    start: Start,
    aligned: Option<Token<'static>>,
) {
    writer.start(range.start, start);
    let line = writer.lines.len();
    let mut aligned = aligned;
    let mut depth: usize = 0;
    for at in range.skip(1) {
        let token = writer.lexed.tokens[at];
        depth -= usize::from(token.closes().is_some());
        // A closing bracket stands under the line that opened it.
        let level = if token.closes().is_some() { depth } else { depth.max(1) };
        let indent = start.indent + STEP * level;
        if writer.lexed.line_start[at] {
            writer.start(at, Start::inside(indent));
        } else {
            writer.join(at, indent);
        }
        depth += usize::from(token.opens());
        if aligned == Some(token) {
            aligned = None;
            writer.pad(at, line);
        }
    }
}

/// Writes `kernel name[sizes](inputs) -> (outputs) where facts {`.
fn kernel_head(writer: &mut Writer<'_>, head: Range<usize>, start: Start) {
    let tokens = &writer.lexed.tokens;
    let find = |from: usize, token| (from..head.end).find(|&at| tokens[at] == token);
    let sizes = find(head.start, Token::CloseBracket).expect("a kernel that was read has sizes");
    let arrow = find(sizes, Token::Arrow).expect("a kernel that was read has an arrow");
    let inputs = sizes + 1..arrow;
    let end = find(arrow, Token::Where).unwrap_or(head.end - 1);
    let outputs = arrow + 1..end;
    let inputs_broken = breaks(writer, &inputs, writer.width(head.start..end));
    let last_line = if inputs_broken { arrow - 1 } else { head.start };
    let outputs_broken = breaks(writer, &outputs, writer.width(last_line..end));

    writer.start(head.start, start);
    (head.start + 1..=sizes).for_each(|at| writer.join(at, STEP));
    params(writer, inputs, inputs_broken);
    writer.join(arrow, STEP);
    params(writer, outputs, outputs_broken);
    for at in end..head.end {
        match writer.lexed.tokens[at] {
            Token::Where | Token::OpenBrace => writer.start(at, Start::inside(0)),
            _ if writer.lexed.line_start[at] => writer.start(at, Start::inside("where ".len())),
            _ => writer.join(at, "where ".len()),
        }
    }
}

/// Whether a list stands with one parameter to a line.
fn breaks(writer: &Writer<'_>, list: &Range<usize>, width: usize) -> bool {
    let empty = list.len() == 2;
    let comma = writer.lexed.tokens[list.end - 2] == Token::Comma;
    !empty && (comma || width > WIDEST_HEAD || writer.has_comment(list.start, list.end - 1))
}

/// Writes a list of parameters with its parentheses.
fn params(writer: &mut Writer<'_>, list: Range<usize>, broken: bool) {
    writer.join(list.start, STEP);
    writer.new_group();
    let close = list.end - 1;
    let mut depth = 0;
    let mut name = list.start + 1;
    let mut line = 0;
    for at in list.start + 1..close {
        let token = writer.lexed.tokens[at];
        if broken && at == name {
            writer.start(at, Start::inside(STEP));
            line = writer.lines.len();
        } else {
            writer.join(at, 2 * STEP);
        }
        if broken && at == name + 2 {
            writer.pad(at, line);
        }
        depth = depth + usize::from(token.opens()) - usize::from(token.closes().is_some());
        if token == Token::Comma && depth == 0 {
            name = at + 1;
        }
    }
    if !broken {
        return writer.join(close, STEP);
    }
    if writer.lexed.tokens[close - 1] != Token::Comma {
        writer.comma();
    }
    writer.start(close, Start { comments: STEP, ..Start::inside(0) });
}
