//! Code that is the same but for the names of its variables, as spellings of one program
//! are: what compiles of one compiles of the others, to the same machine code.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::nvcc;

/// What every function may name without declaring it, beside what device headers name.
const WORDS: [&str; 28] = [
    "alignas",
    "auto",
    "blockDim",
    "blockIdx",
    "bool",
    "break",
    "char",
    "const",
    "constexpr",
    "continue",
    "do",
    "double",
    "else",
    "false",
    "float",
    "for",
    "gridDim",
    "if",
    "int",
    "long",
    "return",
    "short",
    "static_cast",
    "threadIdx",
    "true",
    "unsigned",
    "void",
    "while",
];

/// The words of all device headers: types, functions, members.
static OF_HEADERS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let texts = nvcc::headers();
    let texts = texts.iter().map(|path| std::fs::read_to_string(path).expect("it can be read"));
    texts.flat_map(|text| tokens(&text).map(str::to_owned).collect::<Vec<_>>()).collect()
});

/// The code with each name that it declares itself as a number, in their order.
pub(crate) fn without_names(code: &str) -> String {
    let mut numbers = BTreeMap::new();
    let mut text = String::new();
    for token in words(code) {
        if is_own(token) {
            let next = numbers.len();
            text += &format!("${} ", numbers.entry(token).or_insert(next));
        } else {
            text += token;
            text.push(' ');
        }
    }
    text
}

/// The tokens of code, without its comments.
pub(crate) fn words(code: &str) -> impl Iterator<Item = &str> {
    code.lines().flat_map(|line| tokens(line.split("//").next().unwrap_or_default()))
}

/// Whether a token is a name that neither headers nor compilers know.
fn is_own(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic())
        && !WORDS.contains(&token)
        && !OF_HEADERS.contains(token)
}

/// Words and numbers, and each other character that is no space.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let is_word = |c: char| c == '_' || c.is_ascii_alphanumeric();
        let of_word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (token, after) = rest.split_at(if is_word(first) { of_word } else { first.len_utf8() });
        rest = after;
        Some(token)
    })
}

#[test]
fn names_do_not_count_and_everything_else_does() {
    let code = "for (int token = 0; token < Tokens; ++token) y1 += tilec::load<4>(x1 + token)[0];";
    let same = "for (int expert = 0; expert < Experts; ++expert)  // each\n\
                    w2 += tilec::load<4>(w1 + expert)[0];";
    assert_eq!(without_names(code), without_names(same));
    let others = [
        ("token < Tokens", "token < y1"),
        ("++token", "++x1"),
        ("load<4>", "load<8>"),
        ("int token", "float token"),
        ("Tokens", "blockIdx"),
    ];
    for (from, to) in others {
        let other = code.replacen(from, to, 1);
        assert_ne!(without_names(code), without_names(&other), "{other}");
    }
}
