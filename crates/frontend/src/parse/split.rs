//! Where items and equations begin, found on tokens alone and in one pass, so
//! that a mistake in one costs nothing of the next.
//!
//! Items begin at `kernel`, `fn` and `tile`, which are reserved. No expression
//! holds a `=`, so every `=` in the body of a kernel tells an equation: it
//! begins at the name before it, or before the brackets before it. A name that
//! begins a line where an expression could end begins an equation too, even if
//! its `=` is missing.

use crate::lexer::{Lexed, Token};
use std::ops::Range;

/// What a part of a file at the top level is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A kernel.
    Kernel,
    /// A function.
    Function,
    /// A tile block.
    Tiling,
    /// Nothing that may stand there.
    Stray,
}

/// A part of a file, as ranges of its tokens.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    /// What it is.
    pub(crate) part: Part,
    /// All of it up to and with its `{`, if it has one.
    pub(crate) head: Range<usize>,
    /// What stands between its braces, if it has an opening one.
    pub(crate) body: Option<Range<usize>>,
    /// Whether the opening brace has a closing one.
    pub(crate) closed: bool,
}

impl Section {
    fn plain(part: Part, head: Range<usize>) -> Self {
        Self { part, head, body: None, closed: false }
    }
}

/// The parts of a file in order.
pub(crate) fn sections(lexed: &Lexed<'_>) -> Vec<Section> {
    let mut starts = vec![0];
    let mut in_body = false;
    for at in 0..lexed.tokens.len() {
        if at > 0 && begins_item(lexed, at, in_body) {
            starts.push(at);
            in_body = false;
        }
        match lexed.tokens[at] {
            Token::OpenBrace => in_body = true,
            Token::CloseBrace => in_body = false,
            _ => {}
        }
    }
    let ends = starts.iter().skip(1).copied().chain([lexed.tokens.len()]);
    let ranges = starts.iter().zip(ends).filter(|(start, end)| *start < end);
    ranges.flat_map(|(&start, end)| cut(lexed, start..end)).collect()
}

/// Whether an item begins here, rather than a reserved word stand as a name.
fn begins_item(lexed: &Lexed<'_>, at: usize, in_body: bool) -> bool {
    let next = |ahead: usize| lexed.tokens.get(at + ahead).copied();
    let word = lexed.tokens[at];
    if !matches!(word, Token::Kernel | Token::Fn | Token::Tile) {
        return false;
    }
    if lexed.line_start[at] {
        let as_name = matches!(next(1), Some(Token::Colon | Token::Assign))
            || in_body && matches!(next(1), Some(Token::OpenBracket | Token::OpenParen));
        return !as_name;
    }
    let follows = match word {
        Token::Kernel => Token::OpenBracket,
        Token::Fn => Token::OpenParen,
        _ => Token::On,
    };
    lexed.tokens[at - 1].ends_operand()
        && matches!(next(1), Some(Token::Name(_)))
        && next(2) == Some(follows)
}

/// Cuts an item from what stands behind its closing brace.
fn cut(lexed: &Lexed<'_>, range: Range<usize>) -> impl Iterator<Item = Section> + use<> {
    let tokens = &lexed.tokens[range.clone()];
    let part = match tokens[0] {
        Token::Kernel => Part::Kernel,
        Token::Tile => Part::Tiling,
        Token::Fn => Part::Function,
        _ => Part::Stray,
    };
    let open =
        tokens.iter().position(|&token| token == Token::OpenBrace).map(|at| range.start + at);
    let section = match (part, open) {
        (Part::Function | Part::Stray, _) | (_, None) => Section::plain(part, range.clone()),
        (Part::Kernel | Part::Tiling, Some(open)) => {
            // The last brace, so that a stray one inside costs one equation only.
            let close = tokens
                .iter()
                .rposition(|&token| token == Token::CloseBrace)
                .map(|at| range.start + at);
            let close = close.filter(|&close| close > open);
            let body = Some(open + 1..close.unwrap_or(range.end));
            Section { part, head: range.start..open + 1, body, closed: close.is_some() }
        }
    };
    let end =
        section.body.as_ref().map_or(range.end, |body| body.end + usize::from(section.closed));
    let rest = (end < range.end).then(|| Section::plain(Part::Stray, end..range.end));
    std::iter::once(section).chain(rest)
}

/// The equations of a kernel's body.
pub(crate) fn equations(lexed: &Lexed<'_>, body: Range<usize>) -> Vec<Range<usize>> {
    let mut scan =
        Scan { lexed, start: body.start, line: body.start, open: Vec::new(), closed: None };
    let mut starts = vec![body.start];
    for at in body.clone() {
        if let Some(start) = scan.step(at) {
            scan.start = start;
            starts.push(start);
        }
    }
    ranges(starts, body.end)
}

/// The entries of a tile block: each begins at a name before a `:`.
pub(crate) fn entries(lexed: &Lexed<'_>, body: Range<usize>) -> Vec<Range<usize>> {
    let colon = |&at: &usize| lexed.tokens[at] == Token::Colon;
    let starts = (body.start + 1..body.end)
        .filter(colon)
        .map(|at| at - 1)
        .filter(|&at| is_word(lexed.tokens[at]));
    ranges(std::iter::once(body.start).chain(starts).collect(), body.end)
}

/// The ranges between starts, without empty ones.
fn ranges(starts: Vec<usize>, end: usize) -> Vec<Range<usize>> {
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([end]).collect();
    starts
        .into_iter()
        .zip(ends)
        .filter(|(start, end)| start < end)
        .map(|(start, end)| start..end)
        .collect()
}

/// A name, or a reserved word that somebody took for one.
fn is_word(token: Token<'_>) -> bool {
    matches!(token, Token::Name(_)) || token.is_reserved()
}

/// The search for beginnings of equations.
struct Scan<'a, 'src> {
    lexed: &'a Lexed<'src>,
    /// Where the equation begins that the scan is in.
    start: usize,
    /// Where the line begins that the scan is in.
    line: usize,
    /// Brackets open since the equation began.
    open: Vec<usize>,
    /// The partner of the last `]`.
    closed: Option<usize>,
}

impl Scan<'_, '_> {
    /// Takes one token; returns where an equation begins that it tells of.
    fn step(&mut self, at: usize) -> Option<usize> {
        let token = self.lexed.tokens[at];
        if self.lexed.line_start[at] {
            self.line = at;
            if at > self.start
                && self.open.is_empty()
                && matches!(token, Token::Name(_))
                && self.may_end_before(at)
            {
                return Some(at);
            }
        }
        if token.opens() {
            self.open.push(at);
        } else if let Some(opener) = token.closes() {
            self.closed = self.open.pop_if(|&mut open| self.lexed.tokens[open] == opener);
        } else if matches!(token, Token::Assign | Token::OtherAssign) && at > self.start {
            let start = self.target_before(at).filter(|&start| start > self.start)?;
            self.open.clear();
            return Some(start);
        }
        None
    }

    /// Where the target of a `=` begins, if that can be told.
    fn target_before(&self, assign: usize) -> Option<usize> {
        let last = assign - 1;
        let name = match self.lexed.tokens[last] {
            Token::CloseBracket => {
                self.closed.filter(|&open| open > self.start).map(|open| open - 1)
            }
            token => is_word(token).then_some(last),
        };
        let named = name.filter(|&name| match self.lexed.tokens[name] {
            Token::Name(_) => self.lexed.line_start[name] || self.may_end_before(name),
            token => self.lexed.line_start[name] && is_word(token),
        });
        named.or_else(|| is_word(self.lexed.tokens[self.line]).then_some(self.line))
    }

    /// Whether an expression may end before this token.
    fn may_end_before(&self, at: usize) -> bool {
        self.lexed.tokens[at - 1].ends_operand()
    }
}
