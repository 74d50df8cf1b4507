//! The hand-written device headers, `device/*.h`: functions of the vector unit and of L1.
//!
//! Kernels are given to the chip's compiler as one text, so what they call is pasted into them:
//! of each header the items that they need, directly or through others, and nothing else.
//! An item is a paragraph of a header's namespace; its names are unique over all headers.

use std::collections::BTreeSet;

/// All headers, each after those that it needs.
const HEADERS: [&str; 20] = [
    include_str!("../device/start.h"),
    include_str!("../device/horner.h"),
    include_str!("../device/arithmetic.h"),
    include_str!("../device/compare.h"),
    include_str!("../device/logic.h"),
    include_str!("../device/divide.h"),
    include_str!("../device/exponential.h"),
    include_str!("../device/logarithm.h"),
    include_str!("../device/roots.h"),
    include_str!("../device/rational.h"),
    include_str!("../device/round.h"),
    include_str!("../device/integer.h"),
    include_str!("../device/word.h"),
    include_str!("../device/random.h"),
    include_str!("../device/stochastic.h"),
    include_str!("../device/fp8.h"),
    include_str!("../device/lanes.h"),
    include_str!("../device/broadcast.h"),
    include_str!("../device/reduce.h"),
    include_str!("../device/mask.h"),
];

/// The headers of data-movement kernels, each after those that it needs.
const MOVERS: [&str; 4] = [
    include_str!("../device/l1.h"),
    include_str!("../device/rank.h"),
    include_str!("../device/work.h"),
    include_str!("../device/elements.h"),
];

const OPENING: &str = "namespace tilec {\n";
const CLOSING: &str = "} // namespace tilec\n";

/// What some functions need of the headers, in order; each with the first paragraph of its comment.
pub(crate) fn headers(functions: &BTreeSet<String>) -> Vec<String> {
    // A kernel moves or computes: what both headers name is not the same.
    [&HEADERS[..], &MOVERS].into_iter().flat_map(|headers| of_headers(headers, functions)).collect()
}

fn of_headers(headers: &[&'static str], functions: &BTreeSet<String>) -> Vec<String> {
    let mut wanted: BTreeSet<&str> = functions.iter().map(String::as_str).collect();
    let mut texts = Vec::new();
    // An item only uses what stands before it, so going backwards meets its users first.
    for header in headers.iter().rev() {
        let mut kept: Vec<&str> = Vec::new();
        for item in items(header).into_iter().rev() {
            if defined(item).iter().any(|name| wanted.contains(name)) {
                wanted.extend(used(item));
                kept.push(item);
            }
        }
        if !kept.is_empty() {
            kept.reverse();
            texts.push(paste(summary(header), &kept));
        }
    }
    texts.reverse();
    texts
}

fn paste(summary: &str, items: &[&str]) -> String {
    format!("{summary}\n{OPENING}\n{}\n\n{CLOSING}", items.join("\n\n"))
}

/// The first paragraph of a header's comment.
fn summary(header: &str) -> &str {
    let length = header.lines().take_while(|line| line.starts_with("// ")).map(|l| l.len() + 1);
    header[..length.sum()].trim_end()
}

/// The paragraphs of a header's namespace. Blank lines inside of braces part none.
fn items(header: &'static str) -> Vec<&'static str> {
    let (_, rest) = header.split_once(OPENING).expect("a header has a namespace");
    let (mut rest, _) = rest.split_once(CLOSING).expect("its namespace ends");
    let mut items = Vec::new();
    let mut from = 0;
    while let Some(at) = rest[from..].find("\n\n").map(|at| from + at) {
        let braces = |brace: char| rest[..at].matches(brace).count();
        if braces('{') == braces('}') {
            items.push(rest[..at].trim_matches('\n'));
            rest = &rest[at + 2..];
            from = 0;
        } else {
            from = at + 2;
        }
    }
    items.retain(|item| !item.is_empty());
    items
}

/// What stands before the name of an item.
const DEFINITIONS: [&str; 9] = [
    "inline void ",
    "inline uint32_t ",
    "inline int32_t ",
    "inline Table<Pages> ",
    "inline bool ",
    "inline Pair ",
    "struct ",
    "using ",
    "#define ",
];

/// The names that an item defines at its outermost level.
fn defined(item: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for line in code(item).filter(|line| !line.starts_with([' ', '}'])) {
        for before in DEFINITIONS {
            if let Some((_, after)) = line.split_once(before) {
                names.extend(words(after).next());
            }
        }
        if let Some(constants) = line.strip_prefix("constexpr uint32_t ") {
            names.extend(constants.split(", ").filter_map(|constant| words(constant).next()));
        }
    }
    names
}

/// The names that an item mentions.
fn used(item: &str) -> impl Iterator<Item = &str> {
    code(item).flat_map(words)
}

/// The lines of an item without comments.
fn code(item: &str) -> impl Iterator<Item = &str> {
    item.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let apart = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    text.split(apart).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests;
