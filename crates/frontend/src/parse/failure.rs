//! What the parser was waiting for when it could not go on: the error type that
//! chumsky carries, small enough to be made and merged at every alternative.
//!
//! Expectations are a closed set, so a failure is a place and a set of bits;
//! words are made of it once, for the failure that is reported.

use crate::lexer::Token;
use chumsky::{DefaultExpected, error::Error, error::LabelError, span::SimpleSpan, util::MaybeRef};

macro_rules! expectations {
    ($($name:ident = $words:literal,)*) => {
        /// Something that could stand in a place.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Expect { $($name,)* }

        impl Expect {
            const ALL: &[Self] = &[$(Self::$name,)*];

            /// In the words of a message.
            #[must_use]
            pub(super) fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }
        }
    };
}

expectations! {
    Name = "a name",
    Operand = "a value",
    Operator = "an operator",
    Size = "a size",
    SizeOperator = "an operator (`+`, `-`, `*`, `/`, `%`)",
    Type = "an element type",
    Relation = "a relation (`==`, `<=`, `<`)",
    Integer = "a whole number",
    Setting = "a whole number or a word",
    Direction = "an order (`asc` or `desc`)",
    OpenParen = "`(`",
    OpenBracket = "`[`",
    OpenBrace = "`{`",
    Comma = "`,`",
    CloseParen = "`)`",
    CloseBracket = "`]`",
    CloseBrace = "`}`",
    Less = "`<`",
    Greater = "`>`",
    Colon = "`:`",
    Assign = "`=`",
    Arrow = "`->`",
    Where = "`where`",
    On = "`on`",
    Then = "`then`",
    Else = "`else`",
    End = "the end of what was begun",
}

impl Expect {
    /// What a single token of the grammar is called.
    fn token(token: Token<'_>) -> Option<Self> {
        Some(match token {
            Token::OpenParen => Self::OpenParen,
            Token::CloseParen => Self::CloseParen,
            Token::OpenBracket => Self::OpenBracket,
            Token::CloseBracket => Self::CloseBracket,
            Token::OpenBrace => Self::OpenBrace,
            Token::CloseBrace => Self::CloseBrace,
            Token::Comma => Self::Comma,
            Token::Colon => Self::Colon,
            Token::Arrow => Self::Arrow,
            Token::Assign => Self::Assign,
            Token::Less => Self::Less,
            Token::Greater => Self::Greater,
            Token::Where => Self::Where,
            Token::On => Self::On,
            Token::Then => Self::Then,
            Token::Else => Self::Else,
            // Every other token stands under a label of its own.
            _ => return None,
        })
    }
}

/// A set of expectations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Expected(u32);

impl Expected {
    /// The set of one.
    #[must_use]
    pub(super) fn one(expect: Expect) -> Self {
        Self(1 << expect as u32)
    }

    /// Whether the set holds it.
    #[must_use]
    pub(super) fn has(self, expect: Expect) -> bool {
        self.0 & Self::one(expect).0 != 0
    }

    /// Its members in the order of the enum, which is the order of a message.
    pub(super) fn iter(self) -> impl Iterator<Item = Expect> {
        Expect::ALL.iter().copied().filter(move |&e| self.has(e))
    }
}

/// The farthest place the parser came to, and what could have stood there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// The token it is about, by its place in the slice that was parsed; the
    /// slice's length for its end.
    pub(super) at: usize,
    /// What could have stood there.
    pub(super) expected: Expected,
}

type Tokens<'src> = &'src [Token<'src>];

impl<'src> Error<'src, Tokens<'src>> for Failure {
    fn merge(self, other: Self) -> Self {
        Self { at: self.at, expected: Expected(self.expected.0 | other.expected.0) }
    }
}

impl<'src> LabelError<'src, Tokens<'src>, DefaultExpected<'src, Token<'src>>> for Failure {
    fn expected_found<E: IntoIterator<Item = DefaultExpected<'src, Token<'src>>>>(
        expected: E,
        _: Option<MaybeRef<'src, Token<'src>>>,
        span: SimpleSpan,
    ) -> Self {
        let expect = |e| match e {
            DefaultExpected::Token(token) => Expect::token(*token),
            DefaultExpected::EndOfInput => Some(Expect::End),
            _ => None,
        };
        let bits =
            expected.into_iter().filter_map(expect).fold(0, |bits, e| bits | Expected::one(e).0);
        Self { at: span.start, expected: Expected(bits) }
    }
}

impl<'src> LabelError<'src, Tokens<'src>, Expect> for Failure {
    fn expected_found<E: IntoIterator<Item = Expect>>(
        expected: E,
        _: Option<MaybeRef<'src, Token<'src>>>,
        span: SimpleSpan,
    ) -> Self {
        let bits = expected.into_iter().fold(0, |bits, e| bits | Expected::one(e).0);
        Self { at: span.start, expected: Expected(bits) }
    }

    fn label_with(&mut self, label: Expect) {
        self.expected = Expected::one(label);
    }
}
