//! The program's source text, for the comments that name its lines.

use tilec_ir::Span;

/// The text that a program was compiled from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The name of its file, without folders; said in comments.
    pub file: &'a str,
    /// Its text; spans of the program are ranges of it.
    pub text: &'a str,
}

/// The longest quote of an equation.
const LONGEST_QUOTE: usize = 100;

impl Source<'_> {
    /// The line, counted from 1, on which a span begins.
    #[must_use]
    pub fn line(&self, span: Span) -> usize {
        let before = self.text.as_bytes().iter().take(span.range().start);
        1 + before.filter(|&&byte| byte == b'\n').count()
    }

    /// What stands there in one line, cut short where it is long.
    #[must_use]
    pub fn quote(&self, span: Span) -> String {
        let text = self.text.get(span.range()).unwrap_or("");
        let code = text.lines().map(|line| line.split("//").next().unwrap_or(""));
        let words: Vec<_> = code.flat_map(str::split_whitespace).collect();
        let quote = words.join(" ");
        if quote.chars().count() <= LONGEST_QUOTE {
            return quote;
        }
        let cut: String = quote.chars().take(LONGEST_QUOTE).collect();
        cut + " .."
    }

    /// `c[m, n] = bf16(acc[m, n])    (gemm.tile:16)`
    #[must_use]
    pub fn cite(&self, span: Span) -> String {
        let file: String = self.file.chars().filter(|c| !c.is_control() && *c != '\\').collect();
        format!("{}    ({file}:{})", self.quote(span), self.line(span))
    }

    /// The same for the equation of a tensor; where it is only a part of what was
    /// written, after the tensor's name: `acc: sum[k](a[m, k] * b[n, k])`.
    #[must_use]
    pub fn cite_equation(&self, tensor: &str, span: Span) -> String {
        let quote = self.quote(span);
        let whole = quote.strip_prefix(tensor).is_some_and(|rest| rest.starts_with(['[', ' ']));
        let name = if whole { String::new() } else { format!("{tensor}: ") };
        name + &self.cite(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_one_line_and_lines_are_counted() {
        let text = "kernel k\n  c[m] = // why \\\n    a[m]\n";
        let source = Source { file: "k.tile", text };
        let span = Span::new(11..text.len());
        assert_eq!(source.cite_equation("c", span), "c[m] = a[m]    (k.tile:2)");
        assert_eq!(source.cite_equation("d", span), "d: c[m] = a[m]    (k.tile:2)");
        let long = format!("x = {}", "1 + ".repeat(100));
        let source = Source { file: "k.tile", text: &long };
        assert!(source.quote(Span::new(0..long.len())).len() < 110);
    }
}
