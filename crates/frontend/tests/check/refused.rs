//! Programs that are refused: each mistake once, with its kind and the way out
//! that its message offers. The rendered messages are snapshots elsewhere.

use tilec_frontend::check;
use tilec_ir::Kind;

use crate::{accept, refuse, refuse_equation};

#[test]
fn names_are_resolved() {
    refuse_equation("y[i] = x[q]", "f32[N]", Kind::UnknownName, "index variables are bound");
    refuse_equation("y[i] = xs[i]", "f32[N]", Kind::UnknownName, "no tensor is called `xs`");
    refuse_equation("y[i] = sum[j < E](1) * j", "i32[N]", Kind::UnknownName, "move the use inside");
    refuse_equation("y[i < M] = x[i]", "f32[N]", Kind::UnknownName, "no size is called `M`");
    refuse_equation("y[i] = N[i]", "i32[N]", Kind::UnknownName, "`N` is a size, not a tensor");
    refuse_equation("y[i] = sum[i](x[i])", "f32[N]", Kind::NameConflict, "another index variable");
    refuse_equation("y[silu] = x[silu]", "f32[N]", Kind::NameConflict, "a function");
    refuse_equation("y[i] = sqr(x[i])", "f32[N]", Kind::UnknownFunction, "did you mean `sqrt`?");
    refuse_equation("y[i] = x(i)", "f32[N]", Kind::UnknownFunction, "write `x[..]`");
    refuse_equation("", "f32[N]", Kind::MissingEquation, "add `y[i] = ..`");
    refuse_equation("x[i] = 1\ny[i] = 1", "f32[N]", Kind::EquationForInput, "`x` is an input");
    refuse_equation("y[i] = 1\ny[i] = 2", "f32[N]", Kind::DuplicateEquation, "two equations");
    refuse_equation("y[i] = y[i]", "f32[N]", Kind::Cycle, "its own result");
    refuse_equation("y[i] = p[i]\np[i] = q[i]\nq[i] = p[i]", "f32[N]", Kind::Cycle, "`p`, `q`");
    refuse_equation(
        "y[i] = 1\nv[i < N] = 2",
        "i32[N]",
        Kind::UnusedEquation,
        "no output needs `v`",
    );
}

#[test]
fn types_are_checked() {
    refuse_equation("y[i] = x[i] * i", "f32[N]", Kind::TypeMismatch, "`f32(i)`");
    refuse_equation("y[i] = x[i] + t[i]", "f32[N]", Kind::TypeMismatch, "a bool");
    refuse_equation(
        "y[i] = c[i] + 1.5",
        "i32[N]",
        Kind::FractionForInteger,
        "`1.5` is not an integer",
    );
    refuse_equation("y[i] = x[1.5]", "f32[N]", Kind::FractionForInteger, "not an integer");
    refuse_equation("y[i] = x[i] * (1 / 3)", "f32[N]", Kind::LiteralDivision, "`1.0 / 3.0`");
    refuse_equation("y[i] = x[i] % 2", "f32[N]", Kind::TypeMismatch, "integers only");
    refuse_equation("y[i] = t[i] < t[i]", "bool[N]", Kind::TypeMismatch, "no order");
    refuse_equation("y[i] = exp(c[i])", "f32[N]", Kind::TypeMismatch, "`f32(c[i])`");
    refuse_equation("y[i] = if x[i] then 1 else 2", "i32[N]", Kind::NotATest, "`x[i] != 0`");
    refuse_equation("y[i] = not x[i]", "bool[N]", Kind::TypeMismatch, "expected a test");
    refuse_equation("y[i] = x[i]", "bf16[N]", Kind::NeedsConversion, "`bf16(x[i])`");
    refuse_equation("y[i] = h[i]", "bf16[N]", Kind::NeedsConversion, "`bf16(h[i])`");
    refuse_equation("y[i] = bf16(x[i])", "f16[N]", Kind::NeedsConversion, "storing bf16 as f16");
    refuse_equation("y[i] = 200", "i8[N]", Kind::BadNumber, "200 does not fit i8");
    refuse_equation("y[i] = c[i]", "u8[N]", Kind::NeedsConversion, "`u8(c[i])`");
    refuse_equation("y[i] = x[i]", "i32[N]", Kind::TypeMismatch, "truncates");
    refuse_equation("y[i] = bool(c[i])", "bool[N]", Kind::BadConversion, "`c[i] != 0`");
    refuse_equation(
        "y[i] = round_stochastic<f32>(x[i], 1)",
        "f32[N]",
        Kind::BadConversion,
        "narrow float",
    );
    refuse_equation("y[i] = min(x[i])", "f32[N]", Kind::ArgumentCount, "2 arguments");
    refuse_equation("y[i] = random()", "i32[N]", Kind::Expected, "");
    refuse_equation(
        "y[i] = random(1, 2, 3, 4, 5, 6)",
        "i32[N]",
        Kind::ArgumentCount,
        "1 to 5 arguments",
    );
    refuse_equation(
        "y[i] = sum[j < E](t[i])",
        "i32[N]",
        Kind::TypeMismatch,
        "if t[i] then 1 else 0",
    );
    refuse_equation(
        "y[i] = argsort[j < E asc](t[i])[0]",
        "i32[N]",
        Kind::TypeMismatch,
        "a key is a number",
    );
    refuse_equation("y[i] = e[i] / c[i]", "i32[N]", Kind::DivisorNotPositive, "`if 1 <= c[i]");
    // What a test tells is forgotten behind its branch, and is of no other value.
    let other = "y[i] = if c[i] != 1 then e[i] / c[i] else 0";
    refuse_equation(other, "i32[N]", Kind::DivisorNotPositive, "`if 1 <= c[i]");
    let behind = "y[i] = (if c[i] != 0 then 1 else 0) + e[i] / c[i]";
    refuse_equation(behind, "i32[N]", Kind::DivisorNotPositive, "`if 1 <= c[i]");
    refuse_equation("y[i] = c[i]", "idx<E>[N]", Kind::NotProvedIndex, "`idx<E>(c[i])`");
}

#[test]
fn ranges_and_accesses_are_proved() {
    refuse_equation("y[i] = x[i + 1]", "f32[N]", Kind::OutOfRange, "may be past the end");
    refuse_equation("y[i] = x[c[i]]", "f32[N]", Kind::OutOfRange, "`idx<N>(c[i])`");
    refuse_equation("y[i] = x[e[i]]", "f32[N]", Kind::OutOfRange, "`where E <= N`");
    refuse_equation("y = x[0]", "f32", Kind::OutOfRange, "`where 1 <= N`");
    refuse_equation("y[i] = argmax[j < E](x[i])", "i32[N]", Kind::MayBeEmpty, "`where 1 <= E`");
    refuse_equation(
        "y[i] = argsort[j < E asc](x[i])[i]",
        "i32[N]",
        Kind::OutOfRange,
        "`where N <= E`",
    );
    refuse_equation("y[i] = idx<E>(c[i])", "i32[N]", Kind::MayBeEmpty, "`where 1 <= E`");
    refuse_equation("y[i] = x[i]", "f32[E]", Kind::ConflictingRanges, "`where N == E`");
    refuse_equation("y[i < E] = 1", "f32[N]", Kind::WrongDimension, "declared as N");
    refuse_equation("y[i] = sum[j](x[j + 0 * i])", "f32[N]", Kind::UnknownRange, "`j < N`");
    refuse_equation("y[i] = x[i, i]", "f32[N]", Kind::IndexCount, "its shape is `[N]`");
    refuse_equation("y[i] = 1", "f32[N, N]", Kind::IndexCount, "2 dimensions");
    refuse_equation("y[i] = x", "f32[N]", Kind::IndexCount, "no indices");
    refuse_equation("y[i] = i / E", "i32[N]", Kind::DivisorNotPositive, "`where 1 <= E`");
}

#[test]
fn sizes_and_facts_are_checked() {
    let kernel = |shape: &str, facts: &str| {
        format!(
            "kernel k[K, H](x: f32[K, H], y: f32[{shape}]) -> (z: f32) {facts} {{ z = sum[i, j](x[i, j]) + sum[i](y[i]) }}"
        )
    };
    for (shape, facts) in [
        ("ceil(K / 128)", ""),
        ("K / 128", "where K % 128 == 0"),
        ("K / 64", "where K % 128 == 0"),
        ("K / H", "where K % H == 0, 1 <= H"),
        ("K - 1", "where 1 <= K"),
        ("K - H", "where H < K"),
        ("K % 7", ""),
        ("(K + 3) * H", "where sorted(x), finite(y)"),
    ] {
        accept(&kernel(shape, facts));
    }
    for (shape, facts, kind, phrase) in [
        ("K / 128", "", Kind::InexactDivision, "`where K % 128 == 0`"),
        ("K / H", "", Kind::DivisorNotPositive, "`where 1 <= H`"),
        ("K - 1", "", Kind::SizeOutOfRange, "`where 1 <= K`"),
        ("ceil(K / 0)", "", Kind::DivisorNotPositive, "division by zero"),
        ("K", "where K < H, H <= K", Kind::Contradiction, "no sizes satisfy"),
        ("K", "where sorted(z)", Kind::BadFact, "not an input"),
        ("K", "where finite(w)", Kind::UnknownName, "no input is called `w`"),
        ("J", "", Kind::UnknownName, "no size is called `J`"),
    ] {
        refuse(&kernel(shape, facts), &[(kind, phrase)]);
    }
    refuse(
        "kernel k[D, H](x: f32[D / H]) -> (y: f32[D / H]) { y[i] = x[i] + f32(i / H) }",
        &[(Kind::DivisorNotPositive, "`where 1 <= H`")],
    );
    refuse(
        "kernel k[N, S](x: f32[N]) -> (y: f32[N]) { y[i] = x[i] }",
        &[(Kind::UnusedSize, "nothing depends on the size `S`")],
    );
}

#[test]
fn functions_are_checked_once_and_expanded() {
    let kernel = |functions: &str, value: &str| {
        format!(
            "{functions}\nkernel k[N](x: f32[N], c: i32[N]) -> (y: f32[N]) {{ y[i] = {value} + x[i] + f32(c[i]) }}"
        )
    };
    accept(&kernel("fn lerp(a, b, t) = a + (b - a) * t", "lerp(x[i], 1, 0.5)"));
    accept(&kernel(
        "fn half(a) = a / 2\nfn quarter(a) = half(half(a))",
        "quarter(x[i]) + f32(quarter(c[i]))",
    ));
    for (functions, value, kind, phrase) in [
        ("fn f(a) = f(a)", "f(x[i])", Kind::RecursiveFunction, "calls itself"),
        ("fn f(a) = g(a)\nfn g(a) = f(a)", "g(x[i])", Kind::RecursiveFunction, "`f` calls itself"),
        ("fn f(a) = x[0] + a", "f(x[i])", Kind::NotInFunction, "the tensor `x`"),
        ("fn f(a) = sum[i < 4](a)", "f(x[i])", Kind::NotInFunction, "a reduction"),
        ("fn f(a) = a + b", "f(x[i])", Kind::UnknownName, "no parameter `b`"),
        ("fn f(a) = tnh(a)", "f(x[i])", Kind::UnknownFunction, "did you mean `tanh`?"),
        ("fn f(a, a) = a", "f(x[i], x[i])", Kind::DuplicateName, "parameter `a`"),
        ("fn f(a) = a\nfn f(b) = b", "f(x[i])", Kind::DuplicateName, "function `f`"),
        ("fn silu(a) = a", "silu(x[i])", Kind::DuplicateName, "prelude"),
        ("fn exp(a) = a", "exp(x[i])", Kind::ReservedName, "built in"),
        ("fn f(a) = silu(a, a)", "f(x[i])", Kind::ArgumentCount, "`silu` takes 1 argument"),
        ("fn f(a) = exp(a)", "f(c[i])", Kind::TypeMismatch, "`f32(a)`"),
        ("fn f(a) = a", "silu(c[i])", Kind::TypeMismatch, "expected an f32"),
    ] {
        refuse(&kernel(functions, value), &[(kind, phrase)]);
    }
}

#[test]
fn a_mistake_in_a_function_shows_at_the_call() {
    let text = "fn f(a) = exp(a)\nkernel k[N](c: i32[N]) -> (y: f32[N]) { y[i] = 1 + f(c[i]) }";
    let report = &check(text).diagnostics[0];
    let places: Vec<_> = report.labels.iter().map(|label| &text[label.span.range()]).collect();
    assert_eq!(places, ["f(c[i])", "a"]);
}

#[test]
fn tile_blocks_are_resolved() {
    let text = |block: &str| {
        format!("kernel gemm[N](x: f32[N]) -> (y: f32[N]) {{ y[i] = x[i] }}\n{block}")
    };
    let tilings =
        check(&text("tile gemm on h200 { y: m = 128\n gemm: launches = one }")).module.tilings;
    assert_eq!(tilings.len(), 1);
    assert_eq!(
        tilings[0].entries.iter().map(|entry| entry.region.is_some()).collect::<Vec<_>>(),
        [true, false]
    );
    for (block, kind, phrase) in [
        ("tile gem on h200 { y: m = 1 }", Kind::UnknownKernel, "`gemm`"),
        ("tile gemm on h200 { yy: m = 1 }", Kind::UnknownRegion, "did you mean `y`?"),
        ("tile gemm on h200 { x: m = 1 }", Kind::UnknownRegion, "an input"),
        ("tile gemm on h200 { y: m = 1, m = 2 }", Kind::DuplicateSetting, "given twice"),
        (
            "tile gemm on h200 { y: m = 1 }\ntile gemm on h200 { y: n = 1 }",
            Kind::DuplicateSetting,
            "two tile blocks",
        ),
    ] {
        refuse(&text(block), &[(kind, phrase)]);
    }
}

#[test]
fn one_run_tells_all_mistakes_and_none_twice() {
    refuse(
        "kernel k[M, N](a: f32[M, N], b: f32[N]) -> (y: f32[M], z: f32[M], w: bf16[M])
        {
            p[m] = sum[n](a[m, n] * bb[n])
            y[m] = p[m] + 1
            z[m] = y[m + 1]
            w[m] = sum[n](a[m, n] * b[n])
        }",
        &[
            (Kind::UnknownName, "`b`"),
            (Kind::OutOfRange, "`m + 1`"),
            (Kind::NeedsConversion, "bf16"),
        ],
    );
}

#[test]
fn kernels_with_mistakes_are_left_out() {
    let checked = check(
        "kernel a[N](x: f32[N]) -> (y: f32[N]) { y[i] = x[j] }\nkernel b[N](x: f32[N]) -> (y: f32[N]) { y[i] = x[i] }",
    );
    assert_eq!(checked.diagnostics.len(), 1);
    assert_eq!(
        checked.module.kernels.iter().map(|kernel| kernel.name.as_str()).collect::<Vec<_>>(),
        ["b"]
    );
}
