//! Lines of code with their indentation.

use crate::names::comment;

/// What one level is indented by.
const LEVEL: &str = "    ";

/// Code that is being written.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    text: String,
    level: usize,
}

/// A declaration with what is to be said of it beside it.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// The code, with its semicolon.
    pub code: String,
    /// What to say of it; may be empty.
    pub says: String,
}

impl Writer {
    /// A writer that has room for so many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), level: 0 }
    }

    /// A line of code; an empty one has no indentation.
    pub fn line(&mut self, code: impl AsRef<str>) -> &mut Self {
        let code = code.as_ref();
        if !code.is_empty() {
            for _ in 0..self.level {
                self.text += LEVEL;
            }
            self.text += code;
        }
        self.text.push('\n');
        self
    }

    /// A comment of its own, one line for each line of the text.
    pub fn comment(&mut self, text: &str) -> &mut Self {
        let text = comment(text);
        let mut lines = text.lines().peekable();
        let mut open = "/* ";
        while let Some(line) = lines.next() {
            let close = if lines.peek().is_none() { " */" } else { "" };
            self.line(format!("{open}{line}{close}"));
            open = "   ";
        }
        self
    }

    /// `head {`, what `body` writes one level deeper, and `}` with `tail` behind it.
    pub fn block(&mut self, head: &str, tail: &str, body: impl FnOnce(&mut Self)) -> &mut Self {
        self.line(format!("{head} {{"));
        self.level += 1;
        body(self);
        self.level -= 1;
        self.line(format!("}}{tail}"))
    }

    /// `head {`; what follows stands one level deeper, until [`Writer::close`].
    pub fn open(&mut self, head: &str) -> &mut Self {
        self.line(format!("{head} {{"));
        self.level += 1;
        self
    }

    /// `}` with `tail` behind it, for the last block opened.
    pub fn close(&mut self, tail: &str) -> &mut Self {
        self.level = self.level.saturating_sub(1);
        self.line(format!("}}{tail}"))
    }

    /// `} between {`: the end of the last block opened and the beginning of another.
    pub fn between(&mut self, between: &str) -> &mut Self {
        self.level = self.level.saturating_sub(1);
        self.line(format!("}} {between} {{"));
        self.level += 1;
        self
    }

    /// Code that will stand `deeper` levels below what is written next, to be
    /// [appended](Writer::append) later.
    #[must_use]
    pub fn part(&self, deeper: usize) -> Self {
        Self { text: String::new(), level: self.level + deeper }
    }

    /// The code of a [part](Writer::part).
    pub fn append(&mut self, part: Self) -> &mut Self {
        self.text += &part.text;
        self
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Declarations, with what is said of them in one column.
    pub fn declarations(&mut self, declarations: &[Declaration]) -> &mut Self {
        let spoken = declarations.iter().filter(|d| !d.says.is_empty());
        let width = spoken.map(|d| d.code.chars().count()).max().unwrap_or(0);
        for Declaration { code, says } in declarations {
            if says.is_empty() {
                self.line(code);
            } else {
                self.line(format!("{code:<width$} /* {} */", comment(says)));
            }
        }
        self
    }

    /// The code so far.
    #[must_use]
    pub fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_reads_like_code() {
        let field =
            |code: &str, says: &str| Declaration { code: code.to_owned(), says: says.to_owned() };
        let mut writer = Writer::default();
        writer.comment("Two lines\nof a comment.").block("struct args", ";", |writer| {
            writer.declarations(&[
                field("int64_t n;", ""),
                field("float *x;", "f32[n]"),
                field("void *workspace;", ""),
                field("const float *y;", "ends */ here"),
            ]);
        });
        writer.line("").line("int run(void);");
        let expected = "\
/* Two lines
   of a comment. */
struct args {
    int64_t n;
    float *x;       /* f32[n] */
    void *workspace;
    const float *y; /* ends * / here */
};

int run(void);
";
        assert_eq!(writer.finish(), expected);
    }
}
