//! What is accepted, what is refused and why, and what accepted programs
//! become. Programs are data; `accept` and `refuse` say what is asserted.

use std::path::Path;
use std::time::{Duration, Instant};

use tilec_frontend::check;
use tilec_ir::tensor::{ExprKind, Role};
use tilec_ir::{Kernel, Kind, Scalar, Severity, show};

/// The program is accepted without a word.
fn accept(text: &str) -> Vec<Kernel> {
    let checked = check(text);
    assert!(checked.diagnostics.is_empty(), "{text}\n{:#?}", checked.diagnostics);
    assert!(!checked.module.kernels.is_empty(), "{text}");
    checked.module.kernels
}

/// The program has exactly these mistakes, in this order. Each is given as its
/// kind and a phrase of its message or help.
fn refuse(text: &str, expected: &[(Kind, &str)]) {
    let found = check(text).diagnostics;
    let kinds: Vec<_> = found.iter().map(|report| report.kind).collect();
    assert_eq!(
        kinds,
        expected.iter().map(|&(kind, _)| kind).collect::<Vec<_>>(),
        "{text}\n{found:#?}"
    );
    for (report, (_, phrase)) in found.iter().zip(expected) {
        let said = format!("{} / {}", report.message, report.help.as_deref().unwrap_or_default());
        assert!(said.contains(phrase), "{text}\nexpected `{phrase}` in: {said}");
        assert!(report.labels.iter().all(|label| text.get(label.span.range()).is_some()), "{text}");
        assert!(report.help.is_some(), "no way out of: {said}");
    }
}

/// An equation of `y` with inputs `x: f32[N]`, `h: bf16[N]`, `c: i32[N]`,
/// `b: i8[N]`, `e: idx<E>[N]`, `t: bool[N]` has one mistake.
fn refuse_equation(equation: &str, output: &str, kind: Kind, phrase: &str) {
    refuse(&kernel_with(equation, output), &[(kind, phrase)]);
}

/// A kernel in which each input is read somewhere.
fn kernel_with(equation: &str, output: &str) -> String {
    format!(
        "kernel k[N, E](x: f32[N], h: bf16[N], c: i32[N], b: i8[N], e: idx<E>[N], t: bool[N])
            -> (y: {output}, z: f32[N])
        {{
            {equation}
            z[i] = if t[i] then x[i] + h[i] else f32(c[i] + b[i] + e[i])
        }}"
    )
}

/// The type of a local tensor defined by an expression in `i`.
fn local_type(value: &str, expected: &str) {
    let text = kernel_with(&format!("y[i] = x[i] + f32(v[i])\nv[i < N] = {value}"), "f32[N]");
    let kernels = accept(&text);
    let kernel = &kernels[0];
    let (_, tensor) =
        kernel.tensors.iter().find(|(_, tensor)| tensor.name == "v").expect("v is defined");
    let found = if let Scalar::Idx(n) = tensor.element {
        format!("idx<{}>", show(kernel, n))
    } else {
        format!("{:?}", tensor.element).to_lowercase()
    };
    assert_eq!((found.as_str(), tensor.role), (expected, Role::Local), "{value}");
}

fn tile_files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            tile_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "tile") {
            found.push(path);
        }
    }
}

#[test]
fn examples_and_idioms_are_accepted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["examples", "tests/cases/idioms", "crates/frontend/tests/programs"] {
        tile_files(&root.join(folder), &mut files);
    }
    assert!(files.len() >= 10, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).expect("programs are text");
        let found = check(&text).diagnostics;
        assert!(found.is_empty(), "{}: {found:#?}", file.display());
    }
}

#[test]
fn literals_take_the_type_of_what_they_meet() {
    for (equation, output) in [
        ("y[i] = 2 * x[i] + 1", "f32[N]"),
        ("y[i] = (2 + 3 * 4) * x[i]", "f32[N]"),
        ("y[i] = -1", "f32[N]"),
        ("y[i] = if 0 < i then h[i] else 0", "f32[N]"),
        ("y[i] = if 0 < i then bf16(x[i]) else 0", "bf16[N]"),
        ("y[i] = if 0 < i then bf16(x[i]) else -inf", "bf16[N]"),
        ("y[i] = 7", "i8[N]"),
        ("y[i] = 0.5", "f8e4m3[N]"),
        ("y[i] = max(c[i], 0)", "i32[N]"),
        ("y[i] = exp(1)", "f32[N]"),
        ("y[i] = if t[i] then 1 else if 0 < i then 2 else 3", "f32[N]"),
        ("y[i] = if t[i] then 1 else 0", "bf16[N]"),
        ("y[i] = x[i] * (if t[i] then 1 else -1) + max(0, 1)", "f32[N]"),
        ("y[i] = f32(i) / 2", "f32[N]"),
        ("y[i] = sum[j < E](1)", "i32[N]"),
        ("y[i] = gelu(x[i]) + relu(2) + softplus(x[i]) + gelu_tanh(x[i]) + sigmoid(1.5)", "f32[N]"),
    ] {
        accept(&kernel_with(equation, output));
    }
}

#[test]
fn values_widen_where_they_are_stored() {
    for (equation, output) in [
        ("y[i] = h[i]", "f32[N]"),
        ("y[i] = bf16(x[i])", "f32[N]"),
        ("y[i] = f8e4m3(x[i])", "bf16[N]"),
        ("y[i] = f8e5m2(x[i])", "f16[N]"),
        ("y[i] = i8(c[i])", "i32[N]"),
        ("y[i] = e[i]", "i32[N]"),
        ("y[i] = e[i]", "idx<E + 1>[N]"),
        ("y[i] = u8(t[i])", "u8[N]"),
        ("y[i] = t[i] == (x[i] < 1)", "bool[N]"),
    ] {
        accept(&kernel_with(equation, output));
    }
}

#[test]
fn local_tensors_take_the_type_of_their_equation() {
    for (value, expected) in [
        ("x[i] * 2", "f32"),
        ("h[i]", "f32"),
        ("bf16(x[i])", "bf16"),
        ("f8e4m3(h[i])", "f8e4m3"),
        ("if t[i] then f16(x[i]) else f16(h[i])", "f16"),
        ("if t[i] then f16(x[i]) else bf16(h[i])", "f32"),
        ("c[i]", "i32"),
        ("c[i] + i", "i32"),
        ("i8(c[i])", "i8"),
        ("i", "idx<N>"),
        ("e[i]", "idx<E>"),
        ("5", "idx<6>"),
        ("if 1 <= i then i - 1 else 0", "idx<N>"),
        ("min(i, e[i])", "idx<N>"),
        ("idx<7>(c[i])", "idx<7>"),
        ("i - 1", "i32"),
    ] {
        local_type(value, expected);
    }
}

#[test]
fn tests_are_facts_in_their_branches() {
    for value in [
        "if 1 <= i then x[i - 1] else 0",
        "if i == 0 then 0 else x[i - 1]",
        "if i != 0 then x[i - 1] else 0",
        "if not (i < 1) then x[i - 1] else 0",
        "if 1 <= i and x[i - 1] < 2 then 1 else 0",
        "if i < 1 or x[i - 1] < 2 then 1 else 0",
        "if i < 1 or N <= i + 1 then 0 else x[i - 1] + x[i + 1]",
        "if 0 <= c[i] and c[i] < N then x[c[i]] else 0",
        "if e[i] < N then x[e[i]] else 0",
        "x[if i + 1 < N then i + 1 else i]",
        "x[N - 1 - i]",
        "if c[i] < 0 then f32(i / c[i]) else if 0 < c[i] then f32(i % c[i]) else 0",
    ] {
        accept(&kernel_with(&format!("y[i] = {value}"), "f32[N]"));
    }
    refuse_equation(
        "y[i] = if 0 <= i then x[i - 1] else 0",
        "f32[N]",
        Kind::OutOfRange,
        "may be negative",
    );
    refuse_equation(
        "y[i] = if 1 <= i then 0 else x[i - 1]",
        "f32[N]",
        Kind::OutOfRange,
        "may be negative",
    );
    refuse_equation(
        "y[i] = if 1 <= i or t[i] then x[i - 1] else 0",
        "f32[N]",
        Kind::OutOfRange,
        "`i - 1`",
    );
}

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

#[test]
fn equations_and_expressions_come_after_what_they_need() {
    let kernels = accept(
        "kernel k[N](x: f32[N]) -> (y: f32[N]) { y[i] = b[i] + a[i]\n b[i] = a[i] * 2\n a[i] = silu(x[i]) }",
    );
    let kernel = &kernels[0];
    let order: Vec<_> =
        kernel.equations.iter().map(|e| kernel.tensors[e.tensor].name.as_str()).collect();
    assert_eq!(order, ["a", "b", "y"]);
    let tensors: Vec<_> = kernel.tensors.iter().map(|(_, tensor)| tensor.name.as_str()).collect();
    assert_eq!(tensors, ["x", "y", "b", "a"]);
    for (id, expr) in kernel.exprs.iter() {
        if let ExprKind::Binary(_, a, b) = expr.kind {
            assert!(a < id && b < id);
        }
    }
}

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
