//! Programs that are accepted without a word, and what they become: the types
//! of literals and local tensors, what a test proves in its branches, and the
//! order of equations and expressions.

use std::path::Path;

use tilec_frontend::check;
use tilec_ir::Kind;
use tilec_ir::tensor::ExprKind;

use crate::{accept, kernel_with, local_type, refuse_equation, tile_files};

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
        "if c[i] != 0 then f32(7 / c[i]) else 0",
        "if c[i] == 0 or 7 % c[i] == 1 then 0 else f32(7 / c[i])",
        "if 0 != c[i] and c[i] < 9 then f32(7 / c[i]) else 0",
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
