//! Every construct of the grammar, with the tree it makes.

mod common;

use tilec_frontend::parse::parse;

/// The tree of a whole file that has no mistakes.
#[track_caller]
fn check(text: &str, expected: &str) {
    let (file, reports) = parse(text);
    assert!(reports.is_empty(), "{text}\n{reports:#?}");
    assert_eq!(common::print(&file), expected, "{text}");
}

/// The tree of an expression.
#[track_caller]
fn check_expr(text: &str, expected: &str) {
    check(&format!("fn f(x) = {text}"), &format!("fn f [x] {expected}"));
}

const EXPRESSIONS: &[(&str, &str)] = &[
    ("12", "12"),
    ("2147483647", "2147483647"),
    ("1.5", "1.5"),
    ("1e-6", "1e-6"),
    ("2E+3", "2000.0"),
    ("0.0", "0.0"),
    ("inf", "inf"),
    ("-inf", "(neg inf)"),
    ("a - b - c", "(- (- a b) c)"),
    ("a + b * c % d / e", "(+ a (/ (% (* b c) d) e))"),
    ("(a + b) * -c", "(* (+ a b) (neg c))"),
    ("-x * y", "(* (neg x) y)"),
    ("a < b and not c == d or e >= f", "(or (and (< a b) (not (== c d))) (>= e f))"),
    ("a or b and c", "(or a (and b c))"),
    ("a or b or c", "(or (or a b) c)"),
    ("(a < b) == (b > a)", "(== (< a b) (> b a))"),
    ("a != b", "(!= a b)"),
    ("a <= b + 1", "(<= a (+ b 1))"),
    ("if a then b else if c then d else e", "(if a b (if c d e))"),
    ("if a then if b then c else d else e", "(if a (if b c d) e)"),
    ("1 + (if a then b else c)", "(+ 1 (if a b c))"),
    ("x[i]", "(read x i)"),
    ("x[i, j + 1, e[k]]", "(read x i (+ j 1) (read e k))"),
    ("silu(x)", "(call silu x)"),
    ("random(1, i, j)", "(call random 1 i j)"),
    ("max(a, b)", "(call max a b)"),
    ("min(a, max(b, c))", "(call min a (call max b c))"),
    ("max[k](x[k])", "(max [k] (read x k))"),
    ("min[k](x[k])", "(min [k] (read x k))"),
    ("prod[k](x[k])", "(prod [k] (read x k))"),
    ("sum[h, w < W / 2](x[h, w])", "(sum [h w < (/ W 2)] (read x h w))"),
    ("sum[k](a) + 1", "(+ (sum [k] a) 1)"),
    ("argsort[n desc](x[n])[s]", "(argsort [n] desc (read x n) s)"),
    ("argsort[l < C * L asc](x[l])[s + 1]", "(argsort [l < (* C L)] asc (read x l) (+ s 1))"),
    ("argmax[v](x[v])", "(argmax [v] (read x v))"),
    ("argmax[v < V](x[v])", "(argmax [v < V] (read x v))"),
    ("bf16(x)", "(bf16 x)"),
    ("f32(K)", "(f32 K)"),
    ("bool(x)", "(bool x)"),
    ("idx<N>(x)", "(idx<N> x)"),
    ("idx<C * L>(x) < y", "(< (idx<(* C L)> x) y)"),
    ("idx<ceil(K / 128)>(x)", "(idx<(ceil K 128)> x)"),
    ("round_stochastic<f8e4m3>(x, r)", "(round<f8e4m3> x r)"),
    ("((x))", "x"),
    ("sum[k](x) * max(a, b) - argmax[v](y)", "(- (* (sum [k] x) (call max a b)) (argmax [v] y))"),
];

#[test]
fn expressions() {
    for (text, expected) in EXPRESSIONS {
        check_expr(text, expected);
    }
}

const FILES: &[(&str, &str)] = &[
    ("", ""),
    ("// nothing\n\n", ""),
    ("\u{feff}fn f(x, y) = x", "fn f [x y] x"),
    ("fn f(x) = x fn g(x) = x\nfn h(x) = x", "fn f [x] x\nfn g [x] x\nfn h [x] x"),
    (
        "kernel k[N](x: f32[N]) -> (y: f32[N]) { y[n] = x[n] }",
        "kernel k [N] (x:f32[N]) (y:f32[N])\n  y[n] = (read x n)",
    ),
    ("kernel k[N]() -> () {}", "kernel k [N] () ()"),
    (
        "kernel k[N, S = 8](x: idx<N - 1>[N, ceil((N + 1) / 2) % 3], s: i8,) -> (y: bool,) {}",
        "kernel k [N S=8] (x:idx<(- N 1)>[N (% (ceil (+ N 1) 2) 3)] s:i8) (y:bool)",
    ),
    (
        "kernel k[N](g: u8[N]) -> ()\nwhere N % 128 == 0, 1 <= N, N * 2 < 7, sorted(g), finite(g) {}",
        "kernel k [N] (g:u8[N]) ()\n  where (== (% N 128) 0)\n  where (<= 1 N)\n  where (< (* N 2) 7)\n  where (sorted g)\n  where (finite g)",
    ),
    (
        "kernel k[N]() -> () { a = 1 b[i] = a c[i, j < N] = b[i]\n d = a }",
        "kernel k [N] () ()\n  a = 1\n  b[i] = a\n  c[i j < N] = (read b i)\n  d = a",
    ),
    (
        "kernel k[N]() -> () { a =\n if b\n then x[i\n]\n else 3\n c = 4 }",
        "kernel k [N] () ()\n  a = (if b (read x i) 3)\n  c = 4",
    ),
    (
        "tile k on h200 { acc: m = 128, promote = never\n k: storage = bfp8 c: t = bf16 }\ntile k on x {}",
        "tile k h200\n  acc: m=128 promote=never\n  k: storage=bfp8\n  c: t=bf16\ntile k x",
    ),
];

#[test]
fn files() {
    for (text, expected) in FILES {
        check(text, expected);
    }
}
