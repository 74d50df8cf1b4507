//! Inputs that are too large, too deep or no program at all: each gives reports
//! in time linear in its length, and none a panic or an overflow of the stack.

mod common;

use proptest::prelude::*;
use std::time::{Duration, Instant};
use tilec_frontend::{format::format, parse::parse, report::MOST_REPORTS};
use tilec_ir::Kind;

/// Parses and formats; returns the kinds of mistakes.
fn kinds(text: &str) -> Vec<Kind> {
    let (file, reports) = parse(text);
    // Printing recurses as deep as the limits allow, like later stages may.
    common::print(&file);
    assert_eq!(format(text).is_ok(), reports.is_empty());
    assert!(reports.len() <= MOST_REPORTS + 1);
    let length = text.len();
    assert!(
        reports
            .iter()
            .flat_map(|r| &r.labels)
            .all(|l| l.span.start <= l.span.end && l.span.range().end <= length)
    );
    reports.iter().map(|report| report.kind).collect()
}

#[track_caller]
fn check(name: &str, text: &str, expected: &[Kind]) {
    assert_eq!(kinds(text), expected, "{name}");
}

/// `fn f(x) = ` and an expression, or the same within a kernel.
fn wrapped(text: &str) -> [String; 2] {
    [format!("fn f(x) = {text}"), format!("kernel k[N]() -> () {{\n a[i] = {text}\n b = 1 }}")]
}

#[test]
fn nesting_is_bounded() {
    let deep = |n: usize| {
        [
            "(".repeat(n) + "x" + &")".repeat(n),
            "x[".repeat(n) + "x" + &"]".repeat(n),
            "f(".repeat(n) + "x" + &")".repeat(n),
            "sum[k](".repeat(n) + "x" + &")".repeat(n),
            "-(".repeat(n) + "x" + &")".repeat(n),
            "not (".repeat(n) + "x" + &")".repeat(n),
            "if x then x else ".repeat(n) + "x",
            "if x then ".repeat(n) + "x" + &" else x".repeat(n),
            format!("sum[k < {}K{}](x)", "(".repeat(n), ")".repeat(n)),
            format!("idx<{}K{}>(x)", "(".repeat(n), ")".repeat(n)),
        ]
    };
    for text in deep(127).iter().flat_map(|text| wrapped(text)) {
        check(&text, &text, &[]);
    }
    for text in deep(129).iter().chain(&deep(100_000)).flat_map(|text| wrapped(text)) {
        check(&text[..20], &text, &[Kind::NestedTooDeep]);
    }
    let dim = format!("kernel k[N](x: f32[{}N{}]) -> () {{}}", "(".repeat(9999), ")".repeat(9999));
    check("dimension", &dim, &[Kind::NestedTooDeep]);
}

#[test]
fn chains_are_bounded() {
    for operator in ["+", "*", "and", "or", "-"] {
        let chain = |n: usize| format!("x {operator} ").repeat(n) + "x";
        for text in wrapped(&chain(900)) {
            check(operator, &text, &[]);
        }
        for text in wrapped(&chain(1000)).into_iter().chain(wrapped(&chain(100_000))) {
            check(operator, &text, &[Kind::NestedTooDeep]);
        }
    }
    let fact = format!("kernel k[N]() -> () where {}N < 3 {{}}", "N + ".repeat(2000));
    check("fact", &fact, &[Kind::NestedTooDeep]);
    for operator in ["<", "=="] {
        check(
            operator,
            &format!("fn f(x) = {}x", format!("x {operator} ").repeat(100_000)),
            &[Kind::Expected],
        );
    }
}

#[test]
fn repeated_signs_do_not_recurse() {
    for sign in ["- ", "not ", "if ", "(", "[", "argsort[", "idx<", "sum "] {
        let text = format!("fn f(x) = {}x", sign.repeat(200_000));
        assert_eq!(kinds(&text).len(), 1, "{sign}");
    }
}

#[test]
fn size_is_bounded() {
    let text = " ".repeat(10 << 20);
    check("10 MB", &text, &[Kind::SourceTooLarge]);
    check("4 MB", &" ".repeat(4 << 20), &[]);
}

#[test]
fn reports_are_bounded() {
    let text = format!("kernel k[N]() -> () {{\n{}}}", "a = +\n".repeat(150));
    let found = kinds(&text);
    assert_eq!(found.len(), MOST_REPORTS + 1);
    assert_eq!(found.last(), Some(&Kind::TooManyErrors));
    let text = format!("kernel k[N]() -> () {{\n{}}}", "a = +\n".repeat(100));
    assert_eq!(kinds(&text), vec![Kind::Expected; 100]);
}

/// Text that was never meant for us, a megabyte of each kind.
#[test]
fn garbage_takes_linear_time() {
    let seeds = [
        "a",
        "1",
        "(",
        ")",
        "]",
        "{",
        "}",
        "=",
        "a = ",
        "a\n",
        "\n",
        "a[i] = b\n",
        "x[",
        "((((]]]]",
        "a b\n",
        "if ",
        "kernel ",
        "kernel k[N] ",
        "fn f(x) = x\n",
        "fn f(x) = x(\n",
        "tile t on c { a: m = 1 }\n",
        "a: ",
        "{ a: b = c ",
        "/*",
        "//",
        "/* */",
        "#\n",
        ";",
        "é",
        "\u{0}",
        ".",
        "1e",
        "1.1.",
        "a[i,",
        "] = ",
        "c[ ] = \n",
        "c [[[ ] = \n",
        "kernel k[N]() -> () {\n",
        "idx<",
        "\"",
        "-",
        "a = a +\n",
        "kernel k[N](a: f32[N], b: ",
    ];
    for seed in seeds {
        for head in ["", "kernel k[N]() -> () {\n", "fn f(x) = ", "kernel k[N](", "tile t on c {"] {
            let text = head.to_owned() + &seed.repeat((1_000_000 - head.len()) / seed.len());
            let begun = Instant::now();
            kinds(&text);
            // Generous, since tests run unoptimized and beside each other; what is quadratic takes hours.
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "{head:?} {seed:?} took {:?}",
                begun.elapsed()
            );
        }
    }
}

fn token() -> impl Strategy<Value = String> {
    let words = "kernel fn tile where on if then else and or not inf sum max min prod argsort argmax f32 bf16 f16 f8e4m3 \
                 i32 idx bool round_stochastic ( ) [ ] { } , : -> = == != <= >= < > + - * / % += && ! ** . ; // # /* */ \
                 1 128 1.5 1e-6 99999999999 a b c i j N K asc desc ceil sorted finite a[i] x(i) \n \n é";
    let words: Vec<String> =
        words.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    prop::sample::select(words)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_tokens(tokens in prop::collection::vec(token(), 0..120), space in "[ \n]?", head in 0..4usize) {
        let head = ["", "kernel k[N](x: f32[N]) -> (y: f32[N]) {\n a = ", "fn f(x) = ", "tile t on c { a: "][head];
        kinds(&format!("{head}{}", tokens.join(&space)));
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        kinds(&String::from_utf8_lossy(&bytes));
    }

    /// One mistake in a program costs few reports and leaves the rest readable.
    #[test]
    fn any_token_missing(at in any::<prop::sample::Index>()) {
        let text = include_str!("programs/fused_moe.tile");
        let words: Vec<&str> = text.split(' ').collect();
        let gone = at.index(words.len());
        let rest: Vec<&str> = words.iter().enumerate().filter(|(i, _)| *i != gone).map(|(_, word)| *word).collect();
        prop_assert!(kinds(&rest.join(" ")).len() <= 3, "{}", words[gone]);
    }
}
