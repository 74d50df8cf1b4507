//! The tokens of the language, and what can be told from one token alone.
//!
//! Besides the tokens of the grammar there are some of other languages, so that
//! the parser meets them as tokens and can say what to write instead.

use logos::{Lexer, Logos};

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
    #[expect(clippy::wildcard_enum_match_arm, reason = "any other token closes nothing")]
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
