//! Launches of small kernels: sizes solved, and each way to be refused.

use super::{Launch, bind, tellers};
use crate::arena::Arena;
use crate::diagnostic::{Diagnostic, Span};
use crate::tensor::{Equation, Expr, ExprKind, Fact, FactKind, Kernel, Role, Scalar, Tensor};
use crate::testing::Scope;

/// A kernel from `a[M, K] g<E>[R]` (inputs), `S <= E, K % 128 == 0` (facts),
/// `S = 8` (defaults), and an output `out[i, ..] = value` for `i < N, ..`.
struct Source<'a> {
    inputs: &'a str,
    facts: &'a str,
    defaults: &'a [(&'a str, i64)],
    vars: &'a str,
    value: &'a str,
}

const PLAIN: Source<'static> =
    Source { inputs: "", facts: "", defaults: &[], vars: "", value: "0" };

fn kernel(source: &Source<'_>) -> Kernel {
    let mut scope = Scope::new(source.vars, "");
    let mut tensors = Arena::default();
    for text in source.inputs.split_inclusive(']').filter(|t| !t.trim().is_empty()) {
        let (name, dims) = text.trim().trim_end_matches(']').split_once('[').unwrap();
        tensors.push(input(&mut scope, name, dims));
    }
    let facts = source.facts.split(',').filter(|t| !t.is_empty());
    let facts = facts.map(|text| fact(&mut scope, text.trim())).collect();
    let value = scope.int(source.value);
    let mut kernel = Kernel { tensors, facts, ..scope.kernel() };
    for id in kernel.sizes.ids() {
        let size = &mut kernel.sizes[id];
        size.default = source.defaults.iter().find(|(n, _)| *n == size.name).map(|&(_, d)| d);
    }
    let shape = kernel.vars.iter().map(|(_, var)| var.range).collect();
    let out = tensor("out", Scalar::I32, shape, Role::Output);
    kernel.equations.push(Equation {
        tensor: kernel.tensors.push(out),
        vars: kernel.vars.ids().collect(),
        value: kernel.exprs.push(Expr {
            kind: ExprKind::Int(value),
            ty: Scalar::I32,
            span: Span::default(),
        }),
        span: Span::default(),
    });
    kernel
}

fn input(scope: &mut Scope, name: &str, dims: &str) -> Tensor {
    let (name, element) = match name.split_once('<') {
        Some((name, n)) => (name, Scalar::Idx(scope.int(n.trim_end_matches('>')))),
        None => (name, Scalar::F32),
    };
    let dims = dims.split(',').filter(|d| !d.trim().is_empty());
    let shape = dims.map(|dim| scope.int(dim)).collect();
    tensor(name, element, shape, Role::Input)
}

fn tensor(name: &str, element: Scalar, shape: Vec<crate::IntId>, role: Role) -> Tensor {
    Tensor { name: name.to_owned(), element, shape, role, span: Span::default() }
}

fn fact(scope: &mut Scope, text: &str) -> Fact {
    let kind = match scope.comparison(text) {
        (a, "==", b) => FactKind::Equal(a, b),
        (a, "<=", b) => FactKind::AtMost(a, b),
        (a, _, b) => FactKind::Less(a, b),
    };
    Fact { kind, text: text.to_owned(), span: Span::default() }
}

/// `shapes` such as `128x64 ? 3`, in the order of the inputs; `set` as `K=3 M=1`.
fn launch(source: &Source<'_>, shapes: &str, set: &str) -> Result<Launch, Vec<Diagnostic>> {
    let shape = |text: &str| match text {
        "?" => None,
        "-" => Some(Vec::new()),
        dims => Some(dims.split('x').map(|d| d.parse().unwrap()).collect()),
    };
    let shapes: Vec<_> = shapes.split_whitespace().map(shape).collect();
    let set = set.split_whitespace().map(|text| {
        let (name, value) = text.split_once('=').unwrap();
        (name.to_owned(), value.parse().unwrap())
    });
    bind(&kernel(source), &shapes, &set.collect::<Vec<_>>())
}

/// What a launch says: its sizes and shapes, or the first error with its help.
fn outcome(source: &Source<'_>, shapes: &str, set: &str) -> String {
    match launch(source, shapes, set) {
        Ok(launch) => {
            let kernel = kernel(source);
            let sizes = kernel
                .sizes
                .ids()
                .map(|id| format!("{}={}", kernel.sizes[id].name, launch.size(id)));
            sizes.collect::<Vec<_>>().join(" ")
        }
        Err(errors) => {
            let help = errors[0].help.as_ref().map_or(String::new(), |help| format!(" ({help})"));
            format!("{}: {}{help}", errors[0].kind.code(), errors[0].message)
        }
    }
}

fn check(source: &Source<'_>, shapes: &str, set: &str, expected: &str) {
    assert_eq!(outcome(source, shapes, set), expected, "{} {shapes} {set}", source.inputs);
}

#[test]
fn solves_sizes() {
    for (inputs, shapes, set, expected) in [
        ("a[M, K]", "3x4", "", "M=3 K=4"),
        ("a[M, K]", "?", "M=3 K=4", "M=3 K=4"),
        ("a[M, K] b[N, K]", "3x4 ?", "N=7", "M=3 K=4 N=7"),
        ("x[2 * F]", "64", "", "F=32"),
        ("x[F + 1]", "64", "", "F=63"),
        ("x[M * N] y[M]", "12 3", "", "M=3 N=4"),
        ("x[A * B] y[B * C] z[C]", "6 12 4", "", "A=2 B=3 C=4"),
        ("a[M, K] s[M, ceil(K / 128)]", "3x129 3x2", "", "M=3 K=129"),
        ("x[M] S[S, M]", "0 ?", "", "M=0 S=8"),
        ("x[M] S[S, M]", "0 ?", "S=2", "M=0 S=2"),
        ("x[M] S[S, M]", "0 3x0", "", "M=0 S=3"),
        ("x[M * S]", "24", "", "M=3 S=8"),
        ("x[]  y[N]", "- 5", "", "N=5"),
        ("x[12 * N - 4 * M] y[M]", "8 4", "", "N=2 M=4"),
    ] {
        check(&Source { inputs, defaults: &[("S", 8)], ..PLAIN }, shapes, set, expected);
    }
}

#[test]
fn refuses_sizes() {
    let conflict = "size-conflict: dimension 2 of";
    let max = i64::from(i32::MAX) + 1;
    for (inputs, shapes, set, expected) in [
        (
            "a[M, K]",
            "3x4",
            "Q=4",
            "unknown-argument: kernel `test` has no size `Q` (its sizes are M, K)",
        ),
        (
            "a[MM, HIDDEN]",
            "3x4",
            "HIDEN=4",
            "unknown-argument: kernel `test` has no size `HIDEN` (did you mean `HIDDEN`?)",
        ),
        (
            "a[M]",
            "3",
            "M=4",
            "size-conflict: dimension 1 of `a` (`M`) is 3, but M = 4 (set by name) (give `a: f32[M]` a shape that fits, or leave out or change `--set M=..`)",
        ),
        (
            "a[M]",
            "?",
            "M=4 M=5",
            "size-conflict: `M` is set to 4 and to 5 (leave one of the two out)",
        ),
        (
            "a[M]",
            "?",
            "M=-1",
            "size-out-of-range: `M` cannot be -1: a size is in 0 ..= 2147483647 (give a size in that range: `--set M=..`)",
        ),
        (
            "a[M, K] b[N, K]",
            "3x4 5x6",
            "",
            &format!(
                "{conflict} `b` (`K`) is 6, but K = 4 (dimension 2 of `a`) (give `b: f32[N, K]` a shape that fits, or give another `a`)"
            ),
        ),
        (
            "a[M, K] s[M, ceil(K / 128)]",
            "3x4 3x2",
            "",
            &format!(
                "{conflict} `s` (`ceil(K / 128)`) is 2, but it should be 1: K = 4 (dimension 2 of `a`) (give `s: f32[M, ceil(K / 128)]` a shape that fits, or give another `a`)"
            ),
        ),
        (
            "x[2 * F]",
            "7",
            "",
            "size-conflict: dimension 1 of `x` is 7, but no `F` makes `2 * F` that (`F` = 3 makes it 6, and `F` = 4 makes it 8)",
        ),
        (
            "x[F + 9]",
            "7",
            "",
            "size-conflict: dimension 1 of `x` is 7, but no `F` makes `F + 9` that (`F` = 0 makes it 9, and `F` = 1 makes it 10)",
        ),
        (
            "x[4, M]",
            "5x1",
            "",
            "size-conflict: dimension 1 of `x` is 5, but it should be 4 (give `x: f32[4, M]` a shape that fits)",
        ),
        (
            "a[M, K]",
            "3",
            "",
            "wrong-rank: `a` has 2 dimensions but is given 1 dimension, of shape [3] (give an array that fits its type, `f32[M, K]`)",
        ),
        (
            "a[M, K] b[K]",
            "? 3",
            "",
            "unbound-size: nothing tells the size `M` of kernel `test` (give it with `--set M=..`, or give the input `a: f32[M, K]`)",
        ),
        (
            "s[ceil(K / 128)]",
            "3",
            "",
            "unbound-size: nothing tells the size `K` of kernel `test` (give it with `--set K=..`)",
        ),
        (
            "a[M]",
            &max.to_string(),
            "",
            "size-out-of-range: `M` is 2147483648: a size is in 0 ..= 2147483647 (choose another `M`, with `--set M=..` or by the shape of `a`)",
        ),
        (
            "a[M]",
            "18446744073709551615",
            "",
            "size-out-of-range: `M` is 9223372036854775807: a size is in 0 ..= 2147483647 (choose another `M`, with `--set M=..` or by the shape of `a`)",
        ),
        (
            "a[M * N]",
            "?",
            "M=65536 N=65536",
            "size-out-of-range: dimension 1 of `a` is `M * N` = 4294967296, not in 0 ..= 2147483647: M = 65536, N = 65536 (choose another `M` or `N`, with `--set M=..` or by the shape of `a`)",
        ),
        (
            "a[M - N]",
            "?",
            "M=1 N=2",
            "size-out-of-range: dimension 1 of `a` is `M - N` = -1, not in 0 ..= 2147483647: M = 1, N = 2 (choose another `M` or `N`, with `--set M=..` or by the shape of `a`)",
        ),
        (
            "g<E>[R]",
            "4",
            "E=0",
            "size-out-of-range: `g` holds indices below `E`, which is 0 (make `E` at least 1, or `g` empty)",
        ),
        ("g<E>[R]", "0", "E=0", "E=0 R=0"),
    ] {
        check(&Source { inputs, ..PLAIN }, shapes, set, expected);
    }
}

#[test]
fn checks_facts() {
    for (facts, set, expected) in [
        ("S <= E", "S=8 E=8", "S=8 E=8"),
        (
            "S <= E",
            "S=8 E=4",
            "`S <= E` does not hold: S = 8, E = 4 (choose another `S` or `E`, with",
        ),
        (
            "S < E",
            "S=4 E=4",
            "`S < E` does not hold: S = 4, E = 4 (choose another `S` or `E`, with",
        ),
        ("S % 128 == 0, 1 <= E", "S=256 E=1", "S=256 E=1"),
        (
            "S % 128 == 0",
            "S=130 E=1",
            "`S % 128 == 0` does not hold: S = 130 (choose another `S`, with",
        ),
        ("1 <= S / E", "S=130 E=0", "`1 <= S / E` does not hold: S = 130, E = 0 (choose another"),
    ] {
        let expected = match expected.strip_prefix('`') {
            None => expected.to_owned(),
            Some(_) => format!("fact-violated: {expected}"),
        };
        let found = outcome(&Source { inputs: "a[S, E]", facts, ..PLAIN }, "?", set);
        assert!(found.starts_with(&expected), "{facts}, {set}: {found}");
    }
}

#[test]
fn keeps_index_arithmetic_within_i32() {
    let overflow = |value: &str, sizes: &str| {
        let names = if sizes.contains('N') { "`M` or `N`" } else { "`M`" };
        format!(
            "index-overflow: `{value}` can leave the range of i32 with {sizes} (it fits at smaller sizes: choose another {names}, with `--set M=..`)"
        )
    };
    let big = "M=65536 N=32768";
    let fine = "M=65536 N=32768".to_owned();
    for (vars, value, set, expected) in [
        ("m < M, n < N", "m * N + n", big, fine.clone()),
        ("m < M, n < N", "m * N + n + 1", big, overflow("m * N + n + 1", "M = 65536, N = 32768")),
        ("m < M, n < N", "(M - 1 - m) * N + N - 1 - n", big, fine.clone()),
        ("m < M, n < N", "m * m", big, overflow("m * m", "M = 65536")),
        ("m < M, n < N", "m * 1000003 % 1024", big, fine.clone()),
        ("m < M, n < N", "(m * 1000003 + n * 4099) % 1024 + 5", big, fine.clone()),
        ("m < M, n < N", "m * 1000003 / 1024", big, fine),
        ("m < M, n < N", "m * N * 4", "M=65536 N=0", "M=65536 N=0".to_owned()),
    ] {
        let source = Source { vars, value, ..PLAIN };
        assert_eq!(outcome(&source, "", set), expected, "{value}");
    }
}

#[test]
fn finds_who_tells_a_size() {
    for (inputs, expected) in [
        ("a[M, K] b[K]", "M by a, K by a"),
        ("a[ceil(K / 128)]", "K by nobody"),
        ("a[M * N]", "M by nobody, N by nobody"),
        ("a[M * N] b[M]", "M by b, N by a"),
        ("a[M * S]", "M by a, S by nobody"),
        ("a[M * S] b[M]", "M by b, S by a"),
        ("g<E>[R]", "E by nobody, R by g"),
    ] {
        let kernel = kernel(&Source { inputs, defaults: &[("S", 8)], ..PLAIN });
        let told = kernel.sizes.iter().zip(tellers(&kernel)).map(|((_, size), teller)| {
            let teller = teller.map_or("nobody", |tensor| kernel.tensors[tensor].name.as_str());
            format!("{} by {teller}", size.name)
        });
        assert_eq!(told.collect::<Vec<_>>().join(", "), expected, "{inputs}");
    }
}
