//! Programs that are large, deep or damaged: they are checked in linear time,
//! on a small stack, and are either refused or kept whole.

use std::path::Path;
use std::time::{Duration, Instant};

use tilec_frontend::check;
use tilec_ir::{Kind, Severity};

use crate::{accept, tile_files};

#[test]
fn large_programs_take_linear_time() {
    let chain = |count: usize| {
        let lines: Vec<_> = (1..count)
            .map(|at| format!("t{at}[i] = if 1 <= i then t{}[i - 1] * 2 else silu(x[i])", at - 1))
            .collect();
        let lines: String =
            lines.iter().map(|line| line.replace("[i] = if", "[i < N] = if") + "\n").collect();
        format!(
            "kernel k[N](x: f32[N]) -> (y: f32[N]) {{\nt0[i] = x[i]\n{lines}y[i] = t{}[i]\n}}",
            count - 1
        )
    };
    let text = chain(10_000);
    let start = Instant::now();
    accept(&text);
    let limit = if cfg!(debug_assertions) { 20 } else { 2 };
    assert!(start.elapsed() < Duration::from_secs(limit), "{:?}", start.elapsed());
}

#[test]
fn nothing_overflows_the_stack_or_grows_without_end() {
    let kernel = |functions: &str, value: &str| {
        format!("{functions}\nkernel k[N](x: f32[N]) -> (y: f32[N]) {{ y[i] = {value} }}")
    };
    let family = |first: &str, next: &str, count: usize| {
        let each = (1..count).map(|at| {
            next.replace("NEXT", &format!("g{at}x")).replace("LAST", &format!("g{}x", at - 1))
        });
        each.fold(first.replace("LAST", "g0x"), |text, line| text + "\n" + &line)
    };
    let limits = [
        (kernel("", &format!("x[i]{}", " + x[i]".repeat(990))), None),
        (kernel("", &format!("{}x[i]{}", "-(".repeat(120), ")".repeat(120))), None),
        (
            kernel(
                &family("fn LAST(a, b) = a + b", "fn NEXT(a, b) = LAST(a, b) + LAST(b, a)", 40),
                "g39x(x[i], 1.0)",
            ),
            Some(Kind::TooLarge),
        ),
        (
            kernel(&family("fn LAST(a) = a", "fn NEXT(a) = LAST(LAST(a))", 80), "g79x(x[i])"),
            Some(Kind::NestedTooDeep),
        ),
        (
            kernel(&family("fn LAST(a) = a", "fn NEXT(a) = LAST(a)", 100), "g99x(x[i])"),
            Some(Kind::TooLarge),
        ),
        (
            kernel("", &format!("x[i] + f32({})", ["(N + i + 1)"; 14].join(" * "))),
            Some(Kind::TooLarge),
        ),
    ];
    let run = move || {
        for (text, expected) in limits {
            let kinds: Vec<_> = check(&text).diagnostics.iter().map(|report| report.kind).collect();
            assert_eq!(kinds, Vec::from_iter(expected), "{}", &text[..200.min(text.len())]);
        }
    };
    let thread = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(run)
        .expect("a thread can be started");
    thread.join().expect("no stack overflows");
}

#[test]
fn damaged_programs_are_refused_or_kept_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    let mut files = Vec::new();
    tile_files(&root, &mut files);
    for file in files {
        let text = std::fs::read_to_string(&file).expect("programs are text");
        let words: Vec<&str> = text.split_inclusive(|c: char| !c.is_alphanumeric()).collect();
        for at in 0..words.len() {
            let damaged = [words[..at].concat(), words[at + 1..].concat()].concat();
            let checked = check(&damaged);
            let refused = checked.diagnostics.iter().any(|d| d.severity() == Severity::Error);
            let kernels = damaged.lines().filter(|line| line.starts_with("kernel ")).count();
            assert!(refused || checked.module.kernels.len() == kernels, "{damaged}");
        }
    }
}
