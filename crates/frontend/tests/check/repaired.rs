//! Mistakes whose way out is an edit: the message proposes it, the program has
//! no other mistake, and it is accepted once the edit is made.

use tilec_ir::Kind;

use crate::{accept, refuse};

/// What is proposed for `wrong` has the phrase, and `right` in its place is
/// accepted.
#[track_caller]
fn check(head: &str, wrong: &str, mistake: (Kind, &str), right: &str) {
    let program = |equation: &str| format!("kernel k{head} {{ {equation} }}");
    refuse(&program(wrong), &[mistake]);
    accept(&program(right));
}

const MATMUL: &str = "[M, N, K](a: f32[M, K], b: f32[K, N]) -> (c: f32[M, N])";

#[test]
fn a_sum_that_was_left_out() {
    for (wrong, phrase, right) in [
        (
            "c[m, n] = a[m, k] * b[k, n]",
            "write `sum[k](a[m, k] * b[k, n])`",
            "c[m, n] = sum[k](a[m, k] * b[k, n])",
        ),
        (
            "c[m, n] = 2 * (a[m, k] * b[k, n]) + 1",
            "write `sum[k](a[m, k] * b[k, n])`",
            "c[m, n] = 2 * (sum[k](a[m, k] * b[k, n])) + 1",
        ),
        (
            "c[m, n] = a[m, k / 2 * 2] + sum[j](b[j, n])",
            "write `sum[k](a[m, k / 2 * 2])`",
            "c[m, n] = sum[k < K](a[m, k / 2 * 2]) + sum[j](b[j, n])",
        ),
        (
            "c[row, col] = sum[k](a[rows, k] * b[k, col])",
            "did you mean `row`?",
            "c[row, col] = sum[k](a[row, k] * b[k, col])",
        ),
        (
            "c[m, n] = sum[k](a[m, k]) * b[k, n]",
            "move the use inside",
            "c[m, n] = sum[k](a[m, k] * b[k, n])",
        ),
    ] {
        check(MATMUL, wrong, (Kind::UnknownName, phrase), right);
    }
}

#[test]
fn indices_in_the_wrong_order() {
    let batched = "[B, M, N](a: f32[B, M, N]) -> (c: f32[B, M, N])";
    for (head, wrong, phrase, right) in [
        (
            MATMUL,
            "c[m, n] = sum[k](a[k, m] * b[k, n])",
            "did you mean `a[m, k]`?",
            "c[m, n] = sum[k](a[m, k] * b[k, n])",
        ),
        (
            MATMUL,
            "c[m, n] = sum[k](a[m, k] * b[n, k])",
            "did you mean `b[k, n]`?",
            "c[m, n] = sum[k](a[m, k] * b[k, n])",
        ),
        (
            batched,
            "c[b, m, n] = a[n, b, m]",
            "did you mean `a[b, m, n]`?",
            "c[b, m, n] = a[b, m, n]",
        ),
    ] {
        check(head, wrong, (Kind::ConflictingRanges, phrase), right);
    }
}

#[test]
fn sizes_that_cannot_be_equal() {
    let shorter = "[N](a: f32[N]) -> (c: f32[N - 2]) where 2 <= N";
    let padded = "[N](a: f32[N, 64]) -> (c: f32[N, 128])";
    let cut = "[N](a: f32[N, 128]) -> (c: f32[N, 64])";
    let dot = "[N](a: f32[64], b: f32[128]) -> (c: f32[N])";
    for (head, wrong, phrase, right) in [
        (
            shorter,
            "c[n] = a[n] + a[n + 1] + a[n + 2]",
            "`c[n < N - 2] = ..`",
            "c[n < N - 2] = a[n] + a[n + 1] + a[n + 2]",
        ),
        (
            padded,
            "c[n, d] = a[n, d]",
            "`c[n, d < 128] = ..`, with `if d < 64 then a[n, d] else 0`",
            "c[n, d < 128] = if d < 64 then a[n, d] else 0",
        ),
        (cut, "c[n, d] = a[n, d]", "`c[n, d < 64] = ..`", "c[n, d < 64] = a[n, d]"),
        (dot, "c[n] = sum[k](a[k] * b[k])", "`k < 64`", "c[n] = sum[k < 64](a[k] * b[k])"),
    ] {
        check(head, wrong, (Kind::ConflictingRanges, phrase), right);
    }
}

#[test]
fn facts_that_cannot_hold_are_not_proposed() {
    for (head, equation, kind, phrase) in [
        ("[N](a: f32[N]) -> (c: f32[2 - 3])", "c[n < 1] = 1", Kind::SizeOutOfRange, "0 or more"),
        (
            "[N](a: f32[N]) -> (c: f32[100 / 64])",
            "c[n] = 1",
            Kind::InexactDivision,
            "to round up, write `ceil",
        ),
        (
            "[N](a: f32[N]) -> (c: i32[N])",
            "c[n] = argmax[j < 0](a[n])",
            Kind::MayBeEmpty,
            "a range that is not empty",
        ),
        (
            "[N](a: f32[N]) -> (c: f32[N]) where 1 <= N",
            "c[n < N - 1] = a[n]",
            Kind::WrongDimension,
            "`if n < N - 1 then .. else ..`",
        ),
    ] {
        let text = format!("kernel k{head} {{ {equation} }}");
        refuse(&text, &[(kind, phrase)]);
        let help = tilec_frontend::check(&text).diagnostics[0].help.clone().unwrap_or_default();
        assert!(!help.contains("where"), "{text}\n{help}");
    }
}

#[test]
fn facts_the_wrong_way_around() {
    for (wrong, phrase, right) in
        [("N >= 1", "`1 <= N`", "1 <= N"), ("2 * N > N + 4", "`N + 4 < 2 * N`", "N + 4 < 2 * N")]
    {
        let text = |fact: &str| {
            format!("kernel k[N](x: f32[N]) -> (y: f32[N]) where {fact} {{ y[i] = x[i] }}")
        };
        refuse(&text(wrong), &[(Kind::Expected, phrase)]);
        accept(&text(right));
    }
}

#[test]
fn functions_of_other_languages() {
    let head = "[N](x: f32[N]) -> (y: f32[N])";
    for (call, phrase) in [
        ("pow(x[i], 2.0)", "`exp(y * log(x))`"),
        ("cos(x[i])", "no trigonometric functions"),
        ("softmax(x[i])", "Recipes"),
        ("layernorm(x[i])", "Recipes"),
        ("relu6(x[i])", "`min(relu(x), 6.0)`"),
        ("blend(x[i], 1.0, x[i])", "`fn blend(x, y, z) = ..`"),
    ] {
        let wrong = format!("y[i] = {call}");
        check(head, &wrong, (Kind::UnknownFunction, phrase), "y[i] = x[i]");
    }
}

#[test]
fn names_with_foreign_letters() {
    for name in ["größe", "α", "x₁", "naïve"] {
        let text = |name: &str| {
            format!("kernel k[N]({name}: f32[N]) -> (y: f32[N]) {{ y[i] = {name}[i] + {name}[i] }}")
        };
        refuse(&text(name), &[(Kind::UnknownCharacter, "letters a-z")]);
        accept(&text("plain"));
    }
    let digit = "kernel k[N](x: f32[N]) -> (y: f32[N]) { y[i] = x[i] + 2₁ }";
    refuse(digit, &[(Kind::UnknownCharacter, "letters a-z")]);
}
