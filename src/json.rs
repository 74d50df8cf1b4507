//! JSON for people that stays small: what fits on a line stands on one.
//!
//! ```text
//! { "left": "T", "relation": "<=", "right": 16 }   fits
//! {                                                does not: each item on a line of its own
//!   "shape": ["T", "D"],
//!   "bytes": ["*", ["/", ["+", ..], 256], 256]     an array in an array is never broken,
//! }                                                however long: such are formulas
//! ```

use serde::Serialize;

/// How many bytes a line has where it can be broken.
const WIDTH: usize = 100;

/// Bytes that are set aside for a text: few are longer, and growing a long one step by step
/// costs more than writing it.
const CAPACITY: usize = 1 << 20;

/// A value as lines, the last with its end.
///
/// # Panics
/// Where the value is none that JSON can say: a map with keys that are no strings.
#[must_use]
pub(crate) fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut compact = Vec::with_capacity(CAPACITY);
    serde_json::to_writer(&mut compact, value).expect("the value is one that JSON can say");
    let mut widths = widths(&compact).into_iter();
    let mut lines = Lines { out: Vec::with_capacity(CAPACITY), start: 0, open: vec![] };
    each(&compact, |token| match token {
        b"{" | b"[" => lines.open(token[0], widths.next().expect("each bracket has a width")),
        b"}" | b"]" => lines.close(token[0]),
        b"," => lines.next(),
        b":" => lines.out.extend(b": "),
        text => lines.out.extend(text),
    });
    lines.out.push(b'\n');
    lines.out
}

/// Calls `take` with each token of compact JSON: a string, a run of anything else that is
/// no structure, or one byte of structure.
fn each<'a>(compact: &'a [u8], mut take: impl FnMut(&'a [u8])) {
    let mut rest = compact;
    while let Some(&first) = rest.first() {
        let length = match first {
            b'"' => string(rest),
            b'{' | b'[' | b'}' | b']' | b',' | b':' => 1,
            _ => rest.iter().position(|c| b"}],".contains(c)).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        take(token);
        rest = after;
    }
}

/// How long the string is that these bytes begin with, quotes included.
fn string(bytes: &[u8]) -> usize {
    let mut escaped = false;
    let end = bytes.iter().skip(1).position(|&c| {
        let ends = c == b'"' && !escaped;
        escaped = c == b'\\' && !escaped;
        ends
    });
    end.expect("what serde_json writes is closed") + 2
}

/// What every object and array would take on one line, in the order in which they open.
fn widths(compact: &[u8]) -> Vec<usize> {
    let (mut at, mut widths, mut open) = (0, Vec::new(), Vec::new());
    each(compact, |token| {
        at += token.len() + usize::from(matches!(token, b"," | b":"));
        match token {
            b"{" | b"[" => {
                open.push(widths.len());
                widths.push(at - 1);
            }
            b"}" | b"]" => {
                let opened = open.pop().expect("what closes was opened");
                widths[opened] = at - widths[opened];
            }
            _ => {}
        }
    });
    widths
}

/// Lines that are being written.
struct Lines {
    out: Vec<u8>,
    /// Where the last line starts.
    start: usize,
    /// The brackets around what is written, and whether what is in them has lines of its own.
    open: Vec<(u8, bool)>,
}

impl Lines {
    fn open(&mut self, bracket: u8, width: usize) {
        let (around, broken) = self.open.last().copied().unwrap_or((b'{', true));
        let fits = self.out.len() - self.start + width < WIDTH;
        let broken = broken && !fits && (around, bracket) != (b'[', b'[');
        self.open.push((bracket, broken));
        self.out.push(bracket);
        if broken {
            self.line();
        }
    }

    fn close(&mut self, bracket: u8) {
        let closed = self.open.pop();
        if closed.is_some_and(|(_, broken)| broken) {
            self.line();
        }
        self.out.push(bracket);
    }

    fn next(&mut self) {
        self.out.push(b',');
        if self.open.last().is_some_and(|(_, broken)| *broken) {
            self.line();
        } else {
            self.out.push(b' ');
        }
    }

    fn line(&mut self) {
        self.out.push(b'\n');
        self.start = self.out.len();
        self.out.resize(self.start + 2 * self.open.len(), b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn text(value: &Value) -> String {
        String::from_utf8(pretty(value)).expect("JSON is UTF-8")
    }

    #[test]
    fn what_fits_stands_on_a_line_and_formulas_always() {
        let word = "w".repeat(70);
        let formula = json!(["+", ["*", "M", word], ["*", ["+", word, 1], 2]]);
        let value = json!({ "a": [1, 2, []], "b": [word, word], "c": formula, "d": { "e": {} } });
        let expected = format!(
            "{{\n  \"a\": [1, 2, []],\n  \"b\": [\n    \"{word}\",\n    \"{word}\"\n  ],\n  \"c\": \
             [\n    \"+\",\n    [\"*\", \"M\", \"{word}\"],\n    [\"*\", [\"+\", \"{word}\", 1], 2]\n  \
             ],\n  \"d\": {{\"e\": {{}}}}\n}}\n"
        );
        assert_eq!(text(&value), expected);
        assert_eq!(text(&json!(1)), "1\n");
    }

    #[test]
    fn it_reads_back_and_no_line_that_could_be_broken_is_long() {
        let mut nested = json!([1, "\n\"]}\\", "\\", [], {}, { "ä": [null, true], "b": -0.5e9 }]);
        for _ in 0..60 {
            nested = json!({ "inside": [nested, "}"], "more": {} });
        }
        let text = text(&nested);
        assert_eq!(serde_json::from_str::<Value>(&text).expect("it is JSON"), nested);
        let long = |line: &&str| line.trim_start().len() > WIDTH;
        assert_eq!(text.lines().find(long), None);
    }
}
