//! Text to tokens, in one pass over the bytes and without recursion.
//!
//! Every token has its place and knows whether it begins a line, since error
//! recovery starts again at names that do. Comments are kept aside for the
//! formatter. What can't begin a token is reported once and left out, and the
//! slips of other languages (`&&`, `**`, `+=`) are tokens of their own, so that
//! the parser can say what to write instead.
//!
//! A whole number is 0 .. 2147483647. `-2147483648` is a negated number and
//! so out of range: it is written `-2147483647 - 1`.

mod strange;
mod token;

pub use token::Token;

use crate::report::Reports;
use logos::Logos;
use std::ops::Range;
use strange::Slips;
use tilec_ir::{Diagnostic, Kind, Span};

/// What a text consists of.
#[derive(Debug, Default)]
pub struct Lexed<'src> {
    /// The tokens in order.
    pub tokens: Vec<Token<'src>>,
    /// Where each token stands.
    pub spans: Vec<Span>,
    /// Whether each token is the first of its line.
    pub line_start: Vec<bool>,
    /// The `//` comments in order, each without its line's end.
    pub comments: Vec<Span>,
}

/// Splits a text into tokens and reports what is none.
#[must_use]
pub fn lex<'src>(text: &'src str, reports: &mut Reports) -> Lexed<'src> {
    let mut lexed = Lexed::default();
    let mut slips = Slips::default();
    let mut line_end = 0;
    let start = text.len() - text.trim_start_matches('\u{feff}').len();
    let mut lexer = Token::lexer(&text[start..]);
    while let Some(token) = lexer.next() {
        let range = lexer.span();
        let mut range = range.start + start..range.end + start;
        if token.is_err()
            && let Some(word) = foreign_word(text, &range, lexed.spans.last())
        {
            lexer.bump(word.end - range.end);
            if word.start < range.start {
                lexed.drop_last();
                line_end = lexed.spans.last().map_or(0, |span| span.end as usize);
            }
            slips.report_word(&text[word.clone()], Span::new(word.clone()), reports);
            range = word;
        }
        let span = Span::new(range.clone());
        let token = match token {
            Ok(Token::Comment) => {
                let kept = text[range.clone()].trim_end().len();
                lexed.comments.push(Span::new(range.start..range.start + kept));
                continue;
            }
            Err(()) if text.get(range.clone()).is_some_and(is_word) => {
                Token::Name(&text[range.clone()])
            }
            Ok(Token::ForeignComment | Token::Semicolon) | Err(()) => {
                match slips.report(span, text, reports) {
                    Some(meant) => meant,
                    None => continue,
                }
            }
            Ok(Token::Number(written)) => number(written, span, reports),
            Ok(token) => token,
        };
        // Bytes between the last token and this one belong to no token, so each
        // byte is searched for a line's end once.
        let fresh =
            lexed.tokens.is_empty() || text.as_bytes()[line_end..range.start].contains(&b'\n');
        line_end = range.end;
        lexed.tokens.push(token);
        lexed.spans.push(span);
        lexed.line_start.push(fresh);
    }
    lexed
}

impl Lexed<'_> {
    fn drop_last(&mut self) {
        self.tokens.pop();
        self.spans.pop();
        self.line_start.pop();
    }
}

/// The word with letters outside of ASCII that an unknown character stands in,
/// with what the token before it has of it.
fn foreign_word(text: &str, found: &Range<usize>, before: Option<&Span>) -> Option<Range<usize>> {
    let is_part = |c: char| c == '_' || strange::is_letter(c);
    text.get(found.clone())?.chars().next().filter(|&c| strange::is_letter(c))?;
    let rest = &text[found.start..];
    let end = found.start + rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    let adjacent = before.filter(|span| span.end as usize == found.start);
    let start = adjacent.filter(|span| is_word(&text[span.range()]));
    let word = start.map_or(found.start, |span| span.start as usize)..end;
    is_word(&text[word.clone()]).then_some(word)
}

/// Whether a text looks like a name, whatever its letters.
fn is_word(text: &str) -> bool {
    let first = text.chars().next();
    first.is_some_and(|c| c == '_' || strange::is_letter(c) && !c.is_numeric())
}

/// The value of a number as written.
fn number<'src>(written: &'src str, span: Span, reports: &mut Reports) -> Token<'src> {
    if written.bytes().all(|b| b.is_ascii_digit()) {
        match written.parse::<i64>() {
            Ok(value) if value <= i64::from(i32::MAX) => return Token::Integer(value),
            _ => reports.push(
                Diagnostic::new(Kind::BadNumber, span, "this number is too large")
                    .here("the largest whole number is 2147483647")
                    .help("write it with a fraction, such as `3e9`, if a float was meant"),
            ),
        }
        return Token::BadNumber;
    }
    let decimal = written
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    match written.parse::<f32>() {
        Ok(value) if decimal && value.is_infinite() => reports.push(
            Diagnostic::new(Kind::BadNumber, span, "this number is too large for f32")
                .here("the largest is about 3.4e38")
                .help("infinity is written `inf`"),
        ),
        Ok(0.0) if decimal && vanishes(written) => reports.push(
            Diagnostic::new(Kind::BadNumber, span, "this number is too small for f32: it would be 0")
                .here("the smallest is about 1.4e-45")
                .help("write `0.0` if that is what you mean"),
        ),
        Ok(value) if decimal => return Token::Fraction(value),
        _ => reports.push(
            Diagnostic::new(Kind::BadNumber, span, "this is not a number")
                .here("a number looks like `12`, `1.5` or `1e-6`")
                .help("a name can't begin with a digit, and numbers have no suffixes, no `_` and no `0x`"),
        ),
    }
    Token::BadNumber
}

/// Whether a decimal number that reads as 0 was not written as 0.
fn vanishes(written: &str) -> bool {
    let digits = written.split(['e', 'E']).next().unwrap_or(written);
    digits.bytes().any(|b| matches!(b, b'1'..=b'9'))
}
