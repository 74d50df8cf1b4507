//! Common slips, and what to write instead: habits from other languages and
//! forgotten small words, told from the tokens around the place.

use super::failure::{Expect, Expected};
use crate::lexer::{Lexed, Token};

/// The help for a failure at a token, if the slip is a known one.
pub(super) fn help(
    text: &str,
    lexed: &Lexed<'_>,
    at: usize,
    found: Option<Token<'_>>,
    expected: Expected,
) -> Option<String> {
    let _ = (text, lexed, at);
    match found? {
        Token::Equal if expected.has(Expect::Assign) => Some("an equation is written with `=`; `==` compares".into()),
        Token::Assign if expected.has(Expect::Operator) => Some("`==` compares; `=` only defines".into()),
        _ => None,
    }
}
