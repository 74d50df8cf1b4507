//! Names and comments that C and C++ accept.

use std::collections::HashSet;

/// Words that C or C++ keep for themselves, or that common compilers define, as
/// far as they could be names of the language (C23 and C++23), in order.
const KEYWORDS: &[&str] = &[
    "alignas",
    "alignof",
    "and_eq",
    "asm",
    "auto",
    "bitand",
    "bitor",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "class",
    "co_await",
    "co_return",
    "co_yield",
    "compl",
    "concept",
    "const",
    "const_cast",
    "consteval",
    "constexpr",
    "constinit",
    "continue",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "enum",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "inline",
    "int",
    "linux",
    "long",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not_eq",
    "nullptr",
    "operator",
    "or_eq",
    "private",
    "protected",
    "public",
    "register",
    "reinterpret_cast",
    "requires",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_assert",
    "static_cast",
    "struct",
    "switch",
    "template",
    "this",
    "thread_local",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "typeof",
    "typeof_unqual",
    "union",
    "unix",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "while",
    "xor",
    "xor_eq",
];

/// The names of one scope.
#[derive(Clone, Debug, Default)]
pub struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// A scope that has these names already.
    #[must_use]
    pub fn with(taken: &[&str]) -> Self {
        Self { taken: taken.iter().map(|&name| name.to_owned()).collect() }
    }

    /// Whether a name is neither a keyword nor taken.
    #[must_use]
    pub fn is_free(&self, name: &str) -> bool {
        KEYWORDS.binary_search(&name).is_err() && !self.taken.contains(name)
    }

    /// `name`, with underscores behind it until it is neither a keyword nor taken.
    pub fn make(&mut self, name: &str) -> String {
        let mut made = name.to_owned();
        while !self.is_free(&made) {
            made.push('_');
        }
        self.taken.insert(made.clone());
        made
    }
}

/// The name without what C++ keeps to itself, `__` and a leading `_`, and without the
/// marks of names that passes make (`acc'1`).
#[must_use]
pub fn legal(name: &str) -> String {
    if is_legal(name) {
        return name.to_owned();
    }
    let mut legal = name.trim_start_matches('_').to_owned();
    legal = legal.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "_");
    while legal.contains("__") {
        legal = legal.replace("__", "_");
    }
    if legal.starts_with(|c: char| c.is_ascii_alphabetic()) { legal } else { format!("v{legal}") }
}

fn is_legal(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
        && !name.contains("__")
}

/// Text that may stand inside `/* .. */`.
#[must_use]
pub fn comment(text: &str) -> String {
    text.replace("*/", "* /")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_legal_and_different() {
        let mut names = Names::with(&["workspace"]);
        let made = ["x", "x", "x", "register", "workspace", "n"].map(|name| names.make(name));
        assert_eq!(made, ["x", "x_", "x__", "register_", "workspace_", "n"]);
    }

    #[test]
    fn keywords_are_in_order() {
        assert!(KEYWORDS.is_sorted());
    }

    #[test]
    fn marks_of_passes_and_reserved_forms_go() {
        assert_eq!(["acc'1", "__x", "a__b", "'2"].map(legal), ["acc_1", "x", "a_b", "v_2"]);
    }

    #[test]
    fn comments_cannot_be_left() {
        assert_eq!(comment("N*/int x;/*"), "N* /int x;/*");
    }
}
