//! Which tokens stand apart and which stand together.

use crate::lexer::Token;

/// For each token, whether a space stands before it when it does not begin a
/// line.
pub(super) fn spaces(tokens: &[Token<'_>]) -> Vec<bool> {
    let mut angles = 0;
    let mut previous = None;
    let mut tight = false;
    let mut spaces = Vec::with_capacity(tokens.len());
    for &token in tokens {
        let opens_angle =
            token == Token::Less && matches!(previous, Some(Token::Idx | Token::RoundStochastic));
        let closes_angle = token == Token::Greater && angles > 0;
        spaces.push(
            !tight && !opens_angle && !closes_angle && previous.is_some_and(|p| apart(p, token)),
        );
        angles = angles + usize::from(opens_angle) - usize::from(closes_angle);
        // A `-` behind something that is no operand is a sign.
        let sign = token == Token::Minus && !previous.is_some_and(Token::ends_operand);
        tight = opens_angle || closes_angle || sign;
        previous = Some(token);
    }
    spaces
}

/// Whether a space stands between two neighbors.
fn apart(left: Token<'_>, right: Token<'_>) -> bool {
    if matches!(left, Token::OpenParen | Token::OpenBracket) {
        return false;
    }
    match right {
        Token::CloseParen
        | Token::CloseBracket
        | Token::Comma
        | Token::Colon
        | Token::OpenBracket => false,
        Token::OpenParen => !calls(left),
        _ => true,
    }
}

/// Whether a parenthesis behind it belongs to it.
fn calls(left: Token<'_>) -> bool {
    left.ends_operand()
        || matches!(
            left,
            Token::Sum | Token::Prod | Token::Max | Token::Min | Token::Argsort | Token::Argmax
        )
}
