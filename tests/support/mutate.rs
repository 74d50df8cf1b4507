//! Texts made of others: bytes flipped, tokens dropped, doubled and swapped,
//! pieces spliced, things nested deep and numbers made huge.

use super::random::Random;

/// Words that mean something to the language.
const WORDS: [&str; 40] = [
    "kernel",
    "fn",
    "tile",
    "where",
    "on",
    "if",
    "then",
    "else",
    "and",
    "or",
    "not",
    "inf",
    "sum",
    "max",
    "min",
    "prod",
    "argsort",
    "argmax",
    "asc",
    "desc",
    "ceil",
    "sorted",
    "finite",
    "f32",
    "bf16",
    "f8e4m3",
    "i32",
    "i8",
    "bool",
    "idx<N>",
    "random",
    "uniform",
    "round_stochastic<bf16>",
    "exp",
    "0",
    "1",
    "2147483648",
    "9223372036854775807",
    "1e38",
    "1.5",
];

const SIGNS: &str = "()[]{}<>=,:+-*/%!.;\"'\\@#\n\t \u{e9}\u{20ac}\0";

/// A text after one to six mutations.
pub(crate) fn mutate(seeds: &[String], random: &mut Random) -> String {
    let mut text = random.pick(seeds).clone();
    for _ in 0..1 + random.below(6) {
        text = if random.one_in(3) { bytes(&text, random) } else { tokens(&text, seeds, random) };
        text.truncate(floor(&text, 1 << 16));
    }
    text
}

/// The last boundary between characters at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// One byte changed, dropped or added; what is no UTF-8 then is replaced.
fn bytes(text: &str, random: &mut Random) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let at = random.below(bytes.len() + 1);
    match random.below(4) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => {
            bytes.remove(at);
        }
        2 => bytes.insert(at, u8::try_from(random.below(256)).expect("it is below 256")),
        _ => {
            let sign = SIGNS.chars().nth(random.below(SIGNS.chars().count())).unwrap_or(' ');
            let at = floor(text, at);
            return format!("{}{sign}{}", &text[..at], &text[at..]);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Words, numbers and single signs, with the blanks between them.
fn split(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut start = 0;
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut last = None;
    for (at, c) in text.char_indices() {
        let joins = last.is_some_and(|last: char| is_word(last) && is_word(c));
        if at > start && !joins {
            tokens.push(&text[start..at]);
            start = at;
        }
        last = Some(c);
    }
    tokens.push(&text[start..]);
    tokens
}

fn tokens(text: &str, seeds: &[String], random: &mut Random) -> String {
    let mut tokens = split(text);
    let (at, other) = (random.below(tokens.len()), random.below(tokens.len()));
    let (low, high) = (at.min(other), at.max(other).min(at.min(other) + 12));
    let piece = tokens[low..high].concat();
    match random.below(9) {
        0 => {
            tokens.drain(low..high);
        }
        1 => tokens.insert(other, &piece),
        2 => tokens.swap(at, other),
        3 => tokens[at] = *random.pick(WORDS.as_slice()),
        4 => tokens.insert(at, *random.pick(WORDS.as_slice())),
        5 => tokens[at] = tokens[other],
        6 => {
            let from = split(random.pick(seeds).as_str());
            let start = random.below(from.len());
            let end = (start + random.below(30)).min(from.len());
            let spliced = from[start..end].concat();
            return tokens[..at].concat() + &spliced + &tokens[at..].concat();
        }
        7 => {
            let depth = 1 << random.below(12);
            let (open, close) =
                *random.pick(&[("(", ")"), ("[", "]"), ("-", ""), ("if ", ""), ("ceil(", "/2)")]);
            let nested = open.repeat(depth) + tokens[at] + &close.repeat(depth);
            return tokens[..at].concat() + &nested + &tokens[at + 1..].concat();
        }
        _ => {
            let digits = "7".repeat(1 << random.below(8));
            return tokens[..at].concat() + &digits + &tokens[at..].concat();
        }
    }
    tokens.concat()
}
