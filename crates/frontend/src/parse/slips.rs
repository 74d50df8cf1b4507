//! Common slips, and what to write instead: habits from other languages and
//! forgotten small words, told from the tokens around the place.
//!
//! Each function answers for one topic and knows nothing of the others; the
//! first answer is given. No answer is better than a wrong one.

use super::explain::What;
use super::failure::{Expect, Expected};
use crate::lexer::{Lexed, Token};

/// A place where the parser could not go on.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// The text of the file.
    pub(super) text: &'a str,
    /// Its tokens.
    pub(super) lexed: &'a Lexed<'a>,
    /// The token at the place, which may be past the end of what was parsed.
    pub(super) at: usize,
    /// That token, unless it is past the end.
    pub(super) found: Option<Token<'a>>,
    /// What could have stood there.
    pub(super) expected: Expected,
    /// What was being read.
    pub(super) what: What,
}

impl<'a> Place<'a> {
    /// The token before the place.
    fn before(&self) -> Option<Token<'a>> {
        self.lexed.tokens.get(self.at.checked_sub(1)?).copied()
    }

    /// The token after the place.
    fn after(&self) -> Option<Token<'a>> {
        self.lexed.tokens.get(self.at + 1).copied()
    }
}

/// The help for a failure, if the slip is a known one.
pub(super) fn help(place: &Place<'_>) -> Option<String> {
    let fixed = [
        foreign_operator,
        assignment,
        foreign_word,
        target,
        missing_part,
        head,
        bracket,
        condition,
        operand,
    ];
    let fixed = fixed.iter().find_map(|topic| topic(place)).map(str::to_owned);
    fixed.or_else(|| element_type(place))
}

/// Operators of other languages.
fn foreign_operator(place: &Place<'_>) -> Option<&'static str> {
    let Some(Token::Other(written)) = place.found else {
        return None;
    };
    Some(match written {
        "&&" | "&" => "write `and`",
        "||" | "|" => "write `or`",
        "!" | "~" => "write `not`",
        "**" | "^" => "there is no power operator: write `x * x`, or `exp(y * log(x))`",
        "@" => "a matrix product is a sum: `sum[k](a[m, k] * b[k, n])`",
        "?" => "write `if test then a else b`",
        ".." => "a range is written `i < N`",
        "." if matches!(place.before(), Some(Token::Integer(_)))
            || matches!(place.after(), Some(Token::Integer(_))) =>
        {
            "a number needs digits on both sides of the point, such as `0.5`"
        }
        "." => "names have no parts: a tensor is read with `name[i, j]`",
        _ => return None,
    })
}

/// `=`, `==` and `+=` taken for each other.
fn assignment(place: &Place<'_>) -> Option<&'static str> {
    let assign = place.expected.has(Expect::Assign);
    match place.found? {
        Token::Equal if assign => Some("a definition is written with `=`; `==` compares"),
        Token::OtherAssign
            if assign && place.text[place.lexed.spans[place.at].range()].starts_with(':') =>
        {
            Some("write `=`")
        }
        Token::OtherAssign if assign => Some(
            "a tensor is defined once: write `=`, with a reduction such as `sum[k](..)` on the right",
        ),
        Token::Assign if place.expected.has(Expect::Less) => Some("a range is written `i < N`"),
        Token::Assign if place.expected.has(Expect::Colon) => {
            Some("settings stand behind the equation they tune: `acc: m = 128`")
        }
        Token::Assign | Token::OtherAssign
            if place.expected.has(Expect::Operator) || place.expected.has(Expect::Relation) =>
        {
            Some("`=` defines; equality is written `==`")
        }
        _ => None,
    }
}

/// Statements of other languages.
fn foreign_word(place: &Place<'_>) -> Option<&'static str> {
    let (Token::Name(word), true) = (place.before()?, place.expected.has(Expect::Assign)) else {
        return None;
    };
    match word {
        "let" | "var" | "const" | "auto" => Some("an equation needs no keyword: `name[i] = value`"),
        "for" | "while" => {
            Some("there are no loops: an index variable takes all values of its range")
        }
        "return" => {
            Some("the outputs of a kernel are named after its `->` and defined like any tensor")
        }
        _ => None,
    }
}

/// The left side of an equation.
fn target(place: &Place<'_>) -> Option<&'static str> {
    if place.what != What::Equation {
        return None;
    }
    match place.found? {
        Token::OpenParen if place.expected.has(Expect::Assign) => {
            Some("the indices of a tensor stand in square brackets: `y[i] = ..`")
        }
        Token::Integer(_) if place.expected.has(Expect::Name) => {
            Some("only index variables stand here; one equation defines all elements of its tensor")
        }
        Token::AtMost
        | Token::Greater
        | Token::AtLeast
        | Token::Colon
        | Token::Name("in" | "to")
            if place.expected.has(Expect::Less) =>
        {
            Some("a range is written `i < N`")
        }
        Token::Plus
        | Token::Minus
        | Token::Star
        | Token::Slash
        | Token::Percent
        | Token::Equal
        | Token::OpenBracket
            if place.expected.has(Expect::Less) =>
        {
            Some("only index variables stand here, possibly with a range: `i < N`")
        }
        _ => None,
    }
}

/// A part that a construct needs and that was left out.
fn missing_part(place: &Place<'_>) -> Option<&'static str> {
    let expected = place.expected;
    if expected.has(Expect::Direction) {
        return Some("say which comes first: `argsort[i desc](..)` or `argsort[i asc](..)`");
    }
    match place.before()? {
        Token::Sum if expected.has(Expect::OpenBracket) => {
            Some("say what it runs over: `sum[k](x[k])`")
        }
        Token::Prod if expected.has(Expect::OpenBracket) => {
            Some("say what it runs over: `prod[k](x[k])`")
        }
        Token::Argmax if expected.has(Expect::OpenBracket) => {
            Some("say what it runs over: `argmax[i](x[i])`")
        }
        Token::Argsort if expected.has(Expect::OpenBracket) => {
            Some("say what it runs over and what comes first: `argsort[i desc](x[i])[r]`")
        }
        Token::CloseParen
            if expected.has(Expect::OpenBracket) && !expected.has(Expect::Operator) =>
        {
            Some(
                "say which place of the order is meant: `argsort[i desc](x[i])[r]`, `[0]` for the first",
            )
        }
        Token::CloseBracket if expected.has(Expect::OpenParen) && place.what != What::Kernel => {
            Some("what is reduced or ordered stands in parentheses: `sum[k](x[k])`")
        }
        Token::Idx if expected.has(Expect::Less) => Some("say the size it is below: `idx<N>`"),
        Token::RoundStochastic => Some("say the type: `round_stochastic<f8e4m3>(x, r)`"),
        before if before.is_type() && expected.has(Expect::OpenParen) => {
            Some("the name of a type is a conversion and needs its value: `bf16(x)`")
        }
        _ => None,
    }
}

/// The heads of kernels and tile blocks.
fn head(place: &Place<'_>) -> Option<&'static str> {
    let expected = place.expected;
    match place.what {
        What::Kernel if expected.has(Expect::Colon) => Some("a parameter is written `name: type`"),
        What::Kernel if expected.has(Expect::Arrow) => {
            Some("say what is computed: `-> (y: f32[M, N])`")
        }
        What::Kernel => match (place.before()?, place.found?) {
            (Token::Arrow, _) => Some("outputs stand in parentheses: `-> (y: f32[M, N])`"),
            (Token::Name(_), _)
                if expected.has(Expect::OpenBracket) && expected.has(Expect::OpenParen) =>
            {
                None
            }
            (Token::Name(_), Token::OpenParen) if expected.has(Expect::OpenBracket) => {
                Some("name the sizes first: `kernel name[M, N](..)`")
            }
            (before, Token::OpenParen) if before.is_type() => {
                Some("dimensions stand in square brackets: `f32[M, N]`")
            }
            (Token::OpenBracket | Token::Comma, Token::Integer(_))
                if expected.has(Expect::Name) =>
            {
                Some("a name stands here; numbers can stand in types, such as `f32[128]`")
            }
            (_, Token::Fraction(_)) => Some("sizes are whole numbers"),
            (_, token) if expected.has(Expect::Comma) && joins_facts(token) => {
                Some("write facts one by one, with `,` between them: `0 <= a, a < b`")
            }
            (_, Token::Name(_)) if expected.has(Expect::OpenBrace) => {
                Some("the equations of a kernel stand between `{` and `}`")
            }
            _ => None,
        },
        What::Tiling if expected.has(Expect::On) => {
            Some("say which chip it is for: `tile gemm on h200 { .. }`")
        }
        What::Entry if expected.has(Expect::Setting) => {
            Some("settings are whole numbers and words")
        }
        What::Entry if expected.has(Expect::Comma) => Some("settings are separated with `,`"),
        What::Tiling | What::Entry | What::Equation | What::Function => None,
    }
}

/// Whether somebody may want to go on with it after a fact.
fn joins_facts(token: Token<'_>) -> bool {
    matches!(
        token,
        Token::And
            | Token::Less
            | Token::AtMost
            | Token::Greater
            | Token::AtLeast
            | Token::Equal
            | Token::NotEqual
    )
}

/// Brackets where they can't stand, and what can't stand in them.
fn bracket(place: &Place<'_>) -> Option<&'static str> {
    let operator = place.expected.has(Expect::Operator);
    match (place.before()?, place.found?) {
        (Token::CloseBracket, Token::OpenBracket) if operator => {
            Some("all indices stand in one pair of brackets: `x[i, j]`")
        }
        (_, Token::OpenBracket) if operator => {
            Some("only a name can be indexed: give the value an equation of its own")
        }
        (Token::Comma, Token::CloseBracket | Token::CloseParen) => Some("leave out the last `,`"),
        (Token::OpenBracket, Token::CloseBracket) if place.expected.has(Expect::Operand) => {
            Some("a scalar is written without brackets")
        }
        (Token::OpenBracket, Token::CloseBracket) if place.what == What::Kernel => {
            Some("give at least one size, or leave out the brackets of a scalar's type")
        }
        (Token::OpenParen, Token::CloseParen) if place.what != What::Kernel => {
            Some("a function has at least one argument")
        }
        (_, Token::Name("asc" | "desc")) if place.expected.has(Expect::CloseBracket) => {
            Some("`argmax` is of the largest: for the smallest write `argsort[i asc](x[i])[0]`")
        }
        (_, Token::Colon) if operator && place.expected.has(Expect::CloseBracket) => {
            Some("there are no slices: read `x[i]` and give `i` a range, as in `y[i < N] = x[i]`")
        }
        (_, Token::OpenBrace) => {
            Some("braces stand around the body of a kernel only; use parentheses")
        }
        _ => None,
    }
}

/// Incomplete conditionals.
fn condition(place: &Place<'_>) -> Option<&'static str> {
    match place.found {
        _ if place.expected.has(Expect::Then) => {
            Some("a choice is written `if test then a else b`")
        }
        _ if place.expected.has(Expect::Else) => Some(
            "every `if` needs an `else`, since each element has a value: `if test then a else 0`",
        ),
        Some(Token::Then | Token::Else) => Some("a choice is written `if test then a else b`"),
        Some(Token::If) if place.expected.has(Expect::Operand) => {
            Some("an `if` inside a larger expression stands in parentheses")
        }
        _ => None,
    }
}

/// Values and operators that can't follow each other.
fn operand(place: &Place<'_>) -> Option<&'static str> {
    let starts_line = || place.lexed.line_start[place.at];
    match place.found? {
        Token::Minus if place.expected.has(Expect::Operand) => {
            Some("negate once, or use parentheses: `-(-x)`")
        }
        Token::Not if place.expected.has(Expect::Operand) => {
            Some("put it in parentheses: `(not a)`")
        }
        Token::Name(_) if place.what == What::Function && starts_line() => Some(
            "a function is one expression; equations stand between the `{` and `}` of a kernel",
        ),
        Token::Name(_) | Token::Integer(_) | Token::Fraction(_) | Token::OpenParen
            if place.expected.has(Expect::Operator) && !starts_line() =>
        {
            Some("values don't stand side by side: a product is written with `*`")
        }
        _ => None,
    }
}

/// A type that the language calls otherwise, or doesn't know.
fn element_type(place: &Place<'_>) -> Option<String> {
    let (Token::Name(written), true) = (place.found?, place.expected.has(Expect::Type)) else {
        return None;
    };
    Some(match known_type(written) {
        Some(meant) => format!("write `{meant}`"),
        None => {
            "the element types are f32, bf16, f16, f8e4m3, f8e5m2, i32, i8, u8, bool and idx<N>"
                .to_owned()
        }
    })
}

/// What a type of another language is called here.
fn known_type(written: &str) -> Option<&'static str> {
    // No alias is longer, and the name may be as long as the file.
    let lower = written.get(..written.len().min(16))?.to_ascii_lowercase();
    Some(match lower.as_str() {
        "f32" | "float" | "float32" | "fp32" | "f64" | "fp64" | "float64" | "double" | "real" => {
            "f32"
        }
        "bf16" | "bfloat16" | "bfloat" => "bf16",
        "f16" | "float16" | "fp16" | "half" => "f16",
        "f8e4m3" | "f8e4m3fn" | "f8" | "fp8" | "float8" | "e4m3" | "fp8e4m3" | "fp8_e4m3"
        | "f8_e4m3" | "float8_e4m3" | "float8_e4m3fn" => "f8e4m3",
        "f8e5m2" | "e5m2" | "fp8e5m2" | "fp8_e5m2" | "f8_e5m2" | "float8_e5m2" | "bf8" => "f8e5m2",
        "i32" | "int" | "int32" | "i16" | "i64" | "int16" | "int64" | "u16" | "u32" | "u64"
        | "uint32" | "long" => "i32",
        "i8" | "int8" | "s8" | "char" => "i8",
        "u8" | "uint8" | "byte" => "u8",
        "bool" | "boolean" | "bit" | "i1" => "bool",
        "idx" | "index" | "size" | "usize" => "idx<N>",
        _ => return None,
    })
}
