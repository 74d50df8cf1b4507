//! JSON as `serde_json` prints it for people, written a line at a time.
//!
//! Formulas nest deeply: a manifest is indentation for the most part, which `serde_json`
//! writes two spaces at a time.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// The bytes of `serde_json::to_string_pretty`, and a line feed.
///
/// # Panics
/// Where the value is none that JSON can say: a map with keys that are no strings.
#[must_use]
pub(crate) fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, Indented::default());
    value.serialize(&mut serializer).expect("the value is one that JSON can say");
    bytes.push(b'\n');
    bytes
}

/// A line feed and the indentation of the deepest level that is written at once.
const LINE: &[u8; 129] = &{
    let mut line = [b' '; 129];
    line[0] = b'\n';
    line
};

/// Like `PrettyFormatter` with two spaces for each level.
#[derive(Debug, Default)]
struct Indented {
    level: usize,
    /// Whether what is open has anything in it.
    filled: bool,
}

impl Indented {
    fn line<W: ?Sized + Write>(&self, out: &mut W) -> io::Result<()> {
        let mut spaces = 2 * self.level;
        let first = spaces.min(LINE.len() - 1);
        out.write_all(&LINE[..1 + first])?;
        spaces -= first;
        while spaces > 0 {
            let more = spaces.min(LINE.len() - 1);
            out.write_all(&LINE[1..=more])?;
            spaces -= more;
        }
        Ok(())
    }

    fn open<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.level += 1;
        self.filled = false;
        out.write_all(bracket)
    }

    fn close<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.level -= 1;
        if self.filled {
            self.line(out)?;
        }
        out.write_all(bracket)
    }

    fn next<W: ?Sized + Write>(&self, out: &mut W, first: bool) -> io::Result<()> {
        if !first {
            out.write_all(b",")?;
        }
        self.line(out)
    }
}

impl Formatter for Indented {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_serde_json_prints_it() {
        let mut nested = serde_json::json!([1, "\n", [], {}, { "a": [null, true], "b": -0.5 }]);
        for _ in 0..100 {
            nested = serde_json::json!({ "inside": [nested], "more": {} });
        }
        let expected = serde_json::to_string_pretty(&nested).expect("it is JSON") + "\n";
        assert_eq!(String::from_utf8(pretty(&nested)), Ok(expected));
    }
}
