//! C++ expressions as text that knows how tightly it holds together.

use std::fmt;

/// What a C++ expression is at its outermost, loosest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// `a ? b : c`
    Choice,
    /// `a || b`
    Or,
    /// `a && b`
    And,
    /// `a == b`
    Equal,
    /// `a < b`
    Compare,
    /// `a + b`
    Sum,
    /// `a * b`
    Product,
    /// `-a`
    Sign,
    /// A name, a literal, a call.
    Atom,
}

/// A C++ expression.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    text: String,
    level: Level,
}

impl Text {
    pub(crate) fn new(text: impl Into<String>, level: Level) -> Self {
        Self { text: text.into(), level }
    }

    /// A name, a literal that is not negative, or a call.
    pub(crate) fn atom(text: impl Into<String>) -> Self {
        Self::new(text, Level::Atom)
    }

    /// A name; anything else gets parentheses.
    pub(crate) fn name(text: String) -> Self {
        let name = Self::atom(text);
        if name.is_name() { name } else { Self::atom(format!("({name})")) }
    }

    /// A number; a negative one holds together like `-a`.
    pub(crate) fn number(text: String) -> Self {
        let level = if text.starts_with('-') { Level::Sign } else { Level::Atom };
        Self::new(text, level)
    }

    /// The text with parentheses around it where an operand of this level needs them.
    pub(crate) fn at(&self, level: Level) -> String {
        if self.level < level { format!("({})", self.text) } else { self.text.clone() }
    }

    /// How many characters it has.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether writing it twice costs nothing: a name or a literal.
    pub(crate) fn is_name(&self) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        self.text.chars().all(plain)
    }

    /// `a OP b`, which groups to the left.
    pub(crate) fn binary(level: Level, a: &Self, op: &str, b: &Self) -> Self {
        let tighter = match level {
            Level::Choice => Level::Or,
            Level::Or => Level::And,
            Level::And => Level::Equal,
            Level::Equal => Level::Compare,
            Level::Compare => Level::Sum,
            Level::Sum => Level::Product,
            Level::Product => Level::Sign,
            Level::Sign | Level::Atom => Level::Atom,
        };
        Self::new(format!("{} {op} {}", a.at(level), b.at(tighter)), level)
    }

    /// `a + b` of exact integers, whose order of addition is of no account.
    pub(crate) fn sum(a: &Self, b: &Self) -> Self {
        Self::new(format!("{} + {}", a.at(Level::Sum), b.at(Level::Sum)), Level::Sum)
    }

    /// `NAME(a, b)`
    pub(crate) fn call(name: &str, arguments: &[&Self]) -> Self {
        let arguments: Vec<_> = arguments.iter().map(|text| text.text.as_str()).collect();
        Self::atom(format!("{name}({})", arguments.join(", ")))
    }
}

/// Without parentheses around it: an initializer or an argument.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parentheses_stand_where_they_change_the_meaning() {
        let name = |text: &str| Text::atom(text);
        let sum = Text::binary(Level::Sum, &name("a"), "+", &name("b"));
        let product = Text::binary(Level::Product, &sum, "*", &name("c"));
        assert_eq!(product.to_string(), "(a + b) * c");
        let less = Text::binary(Level::Sum, &name("a"), "-", &sum);
        assert_eq!(less.to_string(), "a - (a + b)");
        let more = Text::binary(Level::Sum, &sum, "-", &product);
        assert_eq!(more.to_string(), "a + b - (a + b) * c");
        assert_eq!(
            Text::call("f", &[&sum, &more]).at(Level::Atom),
            "f(a + b, a + b - (a + b) * c)"
        );
        assert_eq!(
            Text::binary(Level::Sum, &name("a"), "-", &Text::number("-1".into())).to_string(),
            "a - -1"
        );
    }
}
