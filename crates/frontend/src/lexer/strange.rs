//! Text that is no token: characters that the language doesn't know, and the
//! comments and separators of other languages. Each habit is reported once, not
//! on every line, and a character that stands for a token is taken for it.

use super::token::Token;
use crate::report::Reports;
use std::collections::HashSet;
use tilec_ir::{Diagnostic, Kind, Span};

/// How much of a word is shown.
const LONGEST_WORD: usize = 40;

/// Which slips have been reported: each is told once, not on every line.
#[derive(Default)]
pub(super) struct Slips<'src> {
    words: HashSet<&'src str>,
    semicolon: bool,
    hash: bool,
    block: bool,
    unknown_end: u32,
}

impl<'src> Slips<'src> {
    /// Reports text that is no token of the language, and tells which token was
    /// meant, if that is certain.
    pub(super) fn report(
        &mut self,
        span: Span,
        text: &str,
        reports: &mut Reports,
    ) -> Option<Token<'static>> {
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
            // The sign alone: what follows may be a character of several bytes.
            let bytes = if message.starts_with("`/*`") { 2 } else { 1 };
            let first = Span { end: span.end.min(span.start + bytes), ..span };
            let kind =
                if message.starts_with("`;`") { Kind::Expected } else { Kind::UnknownCharacter };
            reports.push(Diagnostic::new(kind, first, message).help(help));
        }
        None
    }

    /// Reports a word with letters outside of ASCII once.
    pub(super) fn report_word(&mut self, word: &'src str, span: Span, reports: &mut Reports) {
        if !self.words.insert(word) {
            return;
        }
        let shown: String = word.chars().take(LONGEST_WORD).collect();
        let more = if shown.len() < word.len() { ".." } else { "" };
        let message = format!("`{shown}{more}` is not a name of the language");
        let report = Diagnostic::new(Kind::UnknownCharacter, span, message)
            .help("names consist of the letters a-z and A-Z, digits and `_`");
        reports.push(report);
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

/// Whether a character is one that people write names with, in any script.
pub(super) fn is_letter(character: char) -> bool {
    let accent = ('\u{300}'..='\u{36f}').contains(&character);
    (character.is_alphanumeric() || accent) && lookalike(character).is_none()
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
