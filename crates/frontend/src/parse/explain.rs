//! From a failure of the parser to a sentence: what was found, what could stand
//! there, and what was probably meant.

use super::failure::{Expect, Failure};
use super::slips::{self, Place};
use crate::lexer::{Lexed, Token};
use std::ops::Range;
use tilec_ir::{Diagnostic, Kind, Span};

/// Makes the report of a failure in a run of tokens that should have been a
/// `what`.
pub(super) fn explain(
    text: &str,
    lexed: &Lexed<'_>,
    range: &Range<usize>,
    failure: Failure,
    what: What,
) -> Diagnostic {
    let at = range.start + failure.at;
    let inside = at < range.end;
    let found = lexed.tokens.get(at).copied().filter(|_| inside);
    let expected = failure.expected;
    if let Some(token) = found
        && (expected.has(Expect::Name)
            || expected.has(Expect::Size)
            || matches!(token, Token::Kernel | Token::Fn | Token::Tile | Token::Where | Token::On))
        && !expected.has(Expect::Operator)
        && token.is_reserved()
    {
        return reserved(&text[lexed.spans[at].range()], lexed.spans[at]);
    }
    let wanted =
        list(expected.iter().map(|e| if e == Expect::End { what.after() } else { e.words() }));
    let (span, message) = if inside {
        let span = lexed.spans[at];
        (span, format!("expected {wanted}, found `{}`", shown(text, span)))
    } else {
        let last = lexed.spans[at.max(range.start + 1) - 1];
        (
            last,
            format!(
                "expected {wanted} after `{}`, but {} ends there",
                shown(text, last),
                what.words()
            ),
        )
    };
    let report = Diagnostic::new(Kind::Expected, span, message);
    match slips::help(&Place { text, lexed, at, found, expected, what }) {
        Some(help) => report.help(help),
        None => report,
    }
}

/// What a run of tokens should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Kernel,
    Function,
    Tiling,
    Entry,
    Equation,
}

impl What {
    /// Whether its tokens end with the `{` of a body that is read separately.
    pub(super) fn ends_with_brace(self) -> bool {
        matches!(self, Self::Kernel | Self::Tiling)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Kernel => "the head of the kernel",
            Self::Function => "the function",
            Self::Tiling => "the head of the tile block",
            Self::Entry => "the entry",
            Self::Equation => "the equation",
        }
    }

    /// What may come when it is complete.
    fn after(self) -> &'static str {
        match self {
            Self::Kernel | Self::Tiling => "the body",
            Self::Function => "the next `fn`, `kernel` or `tile`",
            Self::Entry => "the next entry",
            Self::Equation => "the next equation",
        }
    }
}

/// A reserved word where a name should stand.
fn reserved(word: &str, span: Span) -> Diagnostic {
    Diagnostic::new(
        Kind::ReservedName,
        span,
        format!("`{word}` is a reserved word and can't be a name"),
    )
    .here("expected a name")
    .help(format!("choose another name, such as `{word}_`"))
}

/// A token as written, shortened: names may be as long as the file.
fn shown(text: &str, span: Span) -> String {
    let written = &text[span.range()];
    match written.char_indices().nth(40) {
        Some((end, _)) => format!("{}..", &written[..end]),
        None => written.to_owned(),
    }
}

/// `a, b or c`
fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.collect();
    match words.split_last() {
        None => "something else".to_owned(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}
