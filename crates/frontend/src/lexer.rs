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

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "among sixty tokens, `_` means any other token"
)]

use crate::report::Reports;
use logos::{Lexer, Logos};
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

/// A token. Texts are kept only where they differ from token to token.
#[derive(Clone, Copy, Debug, PartialEq, Logos)]
#[logos(skip r"[ \t\r\n\f]+")]
pub enum Token<'src> {
    /// Any word that is not reserved.
    #[regex("[A-Za-z_][A-Za-z0-9_]*")]
    Name(&'src str),
    /// Anything that begins with a digit, before its value is known.
    #[regex(r"[0-9][0-9A-Za-z_]*(\.[0-9A-Za-z_]+)?")]
    #[regex(r"[0-9]+(\.[0-9]+)?[eE][+-][0-9A-Za-z_]+")]
    Number(&'src str),
    /// A whole number that fits an i32.
    Integer(i64),
    /// A number with a fraction or an exponent.
    Fraction(f32),
    /// A number that has been reported.
    BadNumber,

    /// `kernel`
    #[token("kernel")]
    Kernel,
    /// `fn`
    #[token("fn")]
    Fn,
    /// `tile`
    #[token("tile")]
    Tile,
    /// `where`
    #[token("where")]
    Where,
    /// `on`
    #[token("on")]
    On,
    /// `if`
    #[token("if")]
    If,
    /// `then`
    #[token("then")]
    Then,
    /// `else`
    #[token("else")]
    Else,
    /// `and`
    #[token("and")]
    And,
    /// `or`
    #[token("or")]
    Or,
    /// `not`
    #[token("not")]
    Not,
    /// `inf`
    #[token("inf")]
    Inf,
    /// `sum`
    #[token("sum")]
    Sum,
    /// `prod`
    #[token("prod")]
    Prod,
    /// `max`
    #[token("max")]
    Max,
    /// `min`
    #[token("min")]
    Min,
    /// `argsort`
    #[token("argsort")]
    Argsort,
    /// `argmax`
    #[token("argmax")]
    Argmax,
    /// `round_stochastic`
    #[token("round_stochastic")]
    RoundStochastic,
    /// `f32`
    #[token("f32")]
    F32,
    /// `bf16`
    #[token("bf16")]
    Bf16,
    /// `f16`
    #[token("f16")]
    F16,
    /// `f8e4m3`
    #[token("f8e4m3")]
    F8E4M3,
    /// `f8e5m2`
    #[token("f8e5m2")]
    F8E5M2,
    /// `i32`
    #[token("i32")]
    I32,
    /// `i8`
    #[token("i8")]
    I8,
    /// `u8`
    #[token("u8")]
    U8,
    /// `bool`
    #[token("bool")]
    Bool,
    /// `idx`
    #[token("idx")]
    Idx,

    /// `(`
    #[token("(")]
    OpenParen,
    /// `)`
    #[token(")")]
    CloseParen,
    /// `[`
    #[token("[")]
    OpenBracket,
    /// `]`
    #[token("]")]
    CloseBracket,
    /// `{`
    #[token("{")]
    OpenBrace,
    /// `}`
    #[token("}")]
    CloseBrace,
    /// `,`
    #[token(",")]
    Comma,
    /// `:`
    #[token(":")]
    Colon,
    /// `->`
    #[token("->")]
    Arrow,
    /// `=`
    #[token("=")]
    Assign,
    /// `==`
    #[token("==")]
    Equal,
    /// `!=`
    #[token("!=")]
    NotEqual,
    /// `<=`
    #[token("<=")]
    AtMost,
    /// `>=`
    #[token(">=")]
    AtLeast,
    /// `<`
    #[token("<")]
    Less,
    /// `>`
    #[token(">")]
    Greater,
    /// `+`
    #[token("+")]
    Plus,
    /// `-`
    #[token("-")]
    Minus,
    /// `*`
    #[token("*")]
    Star,
    /// `/`
    #[token("/")]
    Slash,
    /// `%`
    #[token("%")]
    Percent,

    /// `+=`, `:=` and the like.
    #[regex(r"[-+*/%:]=")]
    OtherAssign,
    /// An operator of other languages.
    #[regex(r"&&|\|\||!|&|\||\*\*|\^|@|~|\?|\.|\.\.|=>")]
    Other(&'src str),
    /// `;`
    #[token(";")]
    Semicolon,
    /// `// ..`
    #[regex(r"//[^\n]*", allow_greedy = true)]
    Comment,
    /// `/* .. */` or `# ..`, comments of other languages.
    #[token("/*", foreign_block)]
    #[regex(r"#[^\n]*", allow_greedy = true)]
    ForeignComment,
}

/// Skips to the end of a `/* .. */` comment, or of the text.
fn foreign_block<'src>(lexer: &mut Lexer<'src, Token<'src>>) {
    let rest = lexer.remainder();
    lexer.bump(rest.find("*/").map_or(rest.len(), |at| at + 2));
}

impl Token<'_> {
    /// Whether it is a word that can't be a name.
    #[must_use]
    pub fn is_reserved(self) -> bool {
        self.is_type()
            || matches!(
                self,
                Self::Kernel
                    | Self::Fn
                    | Self::Tile
                    | Self::Where
                    | Self::On
                    | Self::If
                    | Self::Then
                    | Self::Else
                    | Self::And
                    | Self::Or
                    | Self::Not
                    | Self::Inf
                    | Self::Sum
                    | Self::Prod
                    | Self::Max
                    | Self::Min
                    | Self::Argsort
                    | Self::Argmax
                    | Self::RoundStochastic
            )
    }

    /// Whether it is the name of an element type.
    #[must_use]
    pub fn is_type(self) -> bool {
        matches!(
            self,
            Self::F32
                | Self::Bf16
                | Self::F16
                | Self::F8E4M3
                | Self::F8E5M2
                | Self::I32
                | Self::I8
                | Self::U8
                | Self::Bool
                | Self::Idx
        )
    }

    /// Whether it opens a bracket.
    #[must_use]
    pub fn opens(self) -> bool {
        matches!(self, Self::OpenParen | Self::OpenBracket | Self::OpenBrace)
    }

    /// The bracket that it closes, if it is a closing one.
    #[must_use]
    pub fn closes(self) -> Option<Self> {
        match self {
            Self::CloseParen => Some(Self::OpenParen),
            Self::CloseBracket => Some(Self::OpenBracket),
            Self::CloseBrace => Some(Self::OpenBrace),
            _ => None,
        }
    }

    /// Whether an operand may end with it, so that a name after it can't
    /// continue the expression.
    #[must_use]
    pub fn ends_operand(self) -> bool {
        matches!(
            self,
            Self::Name(_)
                | Self::Number(_)
                | Self::Integer(_)
                | Self::Fraction(_)
                | Self::BadNumber
                | Self::Inf
                | Self::CloseParen
                | Self::CloseBracket
                | Self::CloseBrace
        ) || self.is_type()
    }
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
        let range = range.start + start..range.end + start;
        let span = Span::new(range.clone());
        let token = match token {
            Ok(Token::Comment) => {
                let kept = text[range.clone()].trim_end().len();
                lexed.comments.push(Span::new(range.start..range.start + kept));
                continue;
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
                .here("the smallest is about 1.4e-45"),
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

/// Which slips have been reported: each is told once, not on every line.
#[derive(Default)]
struct Slips {
    semicolon: bool,
    hash: bool,
    block: bool,
    unknown_end: u32,
}

impl Slips {
    /// Reports text that is no token of the language, and tells which token was
    /// meant, if that is certain.
    fn report(&mut self, span: Span, text: &str, reports: &mut Reports) -> Option<Token<'static>> {
        let (seen, message, help) = match text.as_bytes()[span.start as usize] {
            b';' => (
                &mut self.semicolon,
                "`;` separates nothing here",
                "no separators are needed: leave it out",
            ),
            b'#' => (&mut self.hash, "`#` does not begin a comment", "write `// ..`"),
            b'/' => {
                (&mut self.block, "`/*` does not begin a comment", "write `// ..` on each line")
            }
            _ => return self.unknown(span, text, reports),
        };
        if !std::mem::replace(seen, true) {
            let first = Span { end: span.end.min(span.start + 2), ..span };
            let kind =
                if message.starts_with("`;`") { Kind::Expected } else { Kind::UnknownCharacter };
            reports.push(Diagnostic::new(kind, first, message).help(help));
        }
        None
    }

    /// Reports a run of unknown characters once.
    fn unknown(&mut self, span: Span, text: &str, reports: &mut Reports) -> Option<Token<'static>> {
        let adjacent = self.unknown_end == span.start && span.start > 0;
        self.unknown_end = span.end;
        let character = text.get(span.range())?.chars().next().filter(|_| !adjacent)?;
        let shown = match character {
            '"' | '\'' => character.to_string(),
            _ => character.escape_debug().to_string(),
        };
        let message = format!("`{shown}` is not a character of the language");
        let report = Diagnostic::new(Kind::UnknownCharacter, span, message);
        let meant = lookalike(character);
        reports.push(match meant {
            Some((instead, _)) => report.help(format!("write `{instead}`")),
            None => report.help("names consist of the letters a-z and A-Z, digits and `_`"),
        });
        meant.and_then(|(_, token)| token)
    }
}

/// What a character that word processors and textbooks like stands for.
fn lookalike(character: char) -> Option<(&'static str, Option<Token<'static>>)> {
    Some(match character {
        '−' | '–' | '—' => ("-", Some(Token::Minus)),
        '×' | '·' | '⋅' | '∗' => ("*", Some(Token::Star)),
        '÷' | '∕' => ("/", Some(Token::Slash)),
        '≤' => ("<=", Some(Token::AtMost)),
        '≥' => (">=", Some(Token::AtLeast)),
        '≠' => ("!=", Some(Token::NotEqual)),
        '∧' => ("and", Some(Token::And)),
        '∨' => ("or", Some(Token::Or)),
        '¬' => ("not", Some(Token::Not)),
        '∞' => ("inf", Some(Token::Inf)),
        '→' => ("->", Some(Token::Arrow)),
        '，' => (",", Some(Token::Comma)),
        'Σ' | '∑' => ("sum[k](..)", None),
        '\u{a0}' => (" ", None),
        _ => return None,
    })
}
