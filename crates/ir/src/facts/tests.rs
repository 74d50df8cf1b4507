//! What must be provable, and what must not be.

use crate::testing::Scope;

fn check(variables: &str, facts: &str, goal: &str, expected: bool) {
    let mut scope = Scope::new(variables, facts);
    assert_eq!(scope.proves(goal), expected, "[{variables}] {facts} |- {goal}");
}

#[test]
fn proves_what_programs_need() {
    for (variables, facts, goal) in [
        ("", "", "0 <= M"),
        ("m < M", "", "0 <= m"),
        ("m < M", "", "m < M"),
        ("m < M", "", "m < M + 1"),
        ("", "J == K", "J <= K"),
        ("j < J", "J == K", "j < K"),
        ("j < J", "J <= K", "j < K"),
        ("j < J", "I <= K, J <= I", "j < K"),
        ("e < E", "", "e + 1 < E + 1"),
        ("c < C, l < L", "", "c * L + l < C * L"),
        ("c < C, l < L", "", "0 <= c * L + l"),
        ("c < C, l < L", "", "(C - c) * L - l <= C * L"),
        ("j < C * S", "", "j / S < C"),
        ("j < C * S", "", "0 <= j / S"),
        ("j < C * S", "", "j % S < S"),
        ("j < C * S", "", "0 <= j % S"),
        ("pick < C * S, near < L", "", "pick / S * L + near < C * L"),
        ("u < T, r < S", "", "u * S + r < T * S"),
        ("m < M", "", "m / 128 < ceil(M / 128)"),
        ("k < K", "", "k / 128 < ceil(K / 128)"),
        ("k < K", "K % 128 == 0", "k / 128 < K / 128"),
        ("g < H / 128, i < 128", "H % 128 == 0", "g * 128 + i < H"),
        ("g < H / 128, i < 128", "", "g * 128 + i < H"),
        ("i < N", "1 <= i", "0 <= i - 1"),
        ("i < N", "1 <= i", "i - 1 < N"),
        ("a < A, b < B, c < C", "", "(a * B + b) * C + c < A * B * C"),
        (
            "by < A, bx < B, y < 16, x < 32",
            "",
            "(by * 16 + y) * (B * 32) + bx * 32 + x < A * 16 * B * 32",
        ),
        ("n < N, x < B", "", "n * B + x < N * B"),
        ("s < S", "S <= E", "s < E"),
        ("c < C, s < S", "S <= L", "c * L + s < C * L"),
        ("t < N * S, u < N * S", "t / S < u / S", "t < u"),
        ("t < N, s < S, u < N, r < S", "t < u", "t * S + s < u * S + r"),
        ("k < K", "K % 128 == 0", "k / 64 < K / 64"),
        ("", "K % 128 == 0", "K % 64 == 0"),
        ("", "K % B == 0", "K * M % B == 0"),
        ("", "", "K <= ceil(K / 128) * 128"),
        ("", "", "ceil(K / 128) * 128 <= K + 127"),
        ("", "1 <= K", "1 <= ceil(K / 128)"),
        ("", "", "ceil(K / 256) <= ceil(K / 128)"),
        ("i < N", "i % 2 == 1", "1 <= i"),
        ("g < G, i < 128", "G * 128 == H", "g * 128 + i < H"),
        ("i < N, j < N", "i <= j", "j - i < N"),
        ("i < N, j < N", "i <= j", "0 <= j - i"),
        ("i < N, w < W", "W <= N, i + W <= N", "i + w < N"),
        ("i < N - W + 1, w < W", "W <= N", "i + w < N"),
        ("y < (H + 2 * P - R) / 2 + 1, r < R", "R <= H + 2 * P", "y * 2 + r < H + 2 * P"),
        ("h < H, g < G", "H == G * R, 1 <= R", "h / R < G"),
        ("x", "0 <= x, x < N", "x < N"),
        ("x", "1 <= x", "1 <= x * x"),
        ("i < N", "N <= 128", "i <= 127"),
        ("i < N", "2 * i < N, N <= 7", "i <= 3"),
        ("q < ceil(N / 64), i < 64", "q * 64 + i < N", "q * 64 + i < N"),
        ("b < T / P, o < P", "", "b * P + o < T"),
        ("l < L", "1 <= C", "l < C * L"),
        ("", "E <= 0, 1 <= E", "7 <= 3"),
    ] {
        check(variables, facts, goal, true);
    }
}

#[test]
fn proves_nothing_false() {
    for (variables, facts, goal) in [
        ("", "", "1 <= M"),
        ("m < M", "", "m + 1 < M"),
        ("m < M", "", "m < N"),
        ("m < M", "", "1 <= m"),
        ("m < M", "", "m <= 0"),
        ("c < C, l < L", "", "c * L + l < C * L - 1"),
        ("c < C, l < L", "", "c * C + l < C * L"),
        ("j < C * S", "", "j / S < C - 1"),
        ("j < C * S", "", "j / S < S"),
        ("j < C * S", "", "j % S < C"),
        ("k < K", "", "k / 128 < K / 128"),
        ("g < ceil(H / 128), i < 128", "", "g * 128 + i < H"),
        ("", "K % 64 == 0", "K % 128 == 0"),
        ("i < N", "0 <= i", "0 <= i - 1"),
        ("s < S", "E <= S", "s < E"),
        ("t < N * S, u < N * S", "t / S <= u / S", "t <= u"),
        ("x", "1 <= x * x", "1 <= x"),
        ("x", "", "0 <= x"),
        ("x", "", "0 <= x * x * x"),
        ("x, y", "", "0 <= x * y"),
        ("i < N - W + 1, w < W", "W <= N", "i + w < N - 1"),
        ("i < N", "2 * i < N, N <= 8", "i <= 2"),
        ("b < ceil(T / P), o < P", "", "b * P + o < T"),
    ] {
        check(variables, facts, goal, false);
    }
}

fn shown(scope: &Scope, id: crate::IntId) -> String {
    crate::show(&scope.kernel(), id)
}

#[test]
fn tells_ranges_of_indices() {
    for (variables, facts, index, expected) in [
        ("i < N", "", "i", "N"),
        ("i < N", "", "i + 1", "N + 1"),
        ("i < N", "1 <= i", "i - 1", "N - 1"),
        ("i < N", "", "i - 1", "none"),
        ("i < N, j < M", "", "i + j", "N + M - 1"),
        ("c < C, l < L", "", "c * L + l", "C * L"),
        ("j < C * L", "", "j / L", "C"),
        ("j < C * L", "", "j % L", "L"),
        ("c < C, l < L", "", "(c * L + l) / L", "C"),
        ("c < C, l < L", "", "(c * L + l) % L", "L"),
        ("m < M", "", "m / 128", "ceil(M / 128)"),
        ("m < M, n < N", "", "(m + n) / 128", "(M + N + 126) / 128"),
        ("p < C * S, l < L", "", "p / S * L + l", "C * L"),
        ("", "", "5", "6"),
        ("", "", "K", "K + 1"),
        ("x", "", "x", "none"),
        ("x", "0 <= x, x < N", "x", "none"),
    ] {
        let mut scope = Scope::new(variables, facts);
        let int = scope.int(index);
        let range = scope.facts.range(&mut scope.ints, int);
        let range = range.map_or("none".to_owned(), |range| shown(&scope, range));
        assert_eq!(range, expected, "{variables} {facts} |- {index}");
    }
}

#[test]
fn tells_the_missing_fact() {
    for (variables, facts, goal, expected) in [
        ("j < J", "", "j < K", "J <= K"),
        ("e < E, s < S", "", "s < E", "S <= E"),
        ("", "", "1 <= N", "1 <= N"),
        ("c < C, s < S", "", "c * L + s < C * L", "S <= L"),
        ("l < L", "", "l < C * L", "1 <= C"),
        ("i < N, w < W", "", "i + w < N", "W <= 1"),
        ("x", "", "x < N", "none"),
        ("i < N", "", "i < N - 1", "none"),
        ("", "", "2 * J <= 2 * K", "J <= K"),
        ("k < K", "", "k / 128 < K / 128", "K % 128 <= 0"),
    ] {
        let mut scope = Scope::new(variables, facts);
        let (a, relation, b) = scope.comparison(goal);
        let one = scope.ints.constant(i64::from(relation == "<"));
        let a = scope.ints.add(a, one).unwrap();
        let fact = scope.facts.missing(&mut scope.ints, a, b);
        let fact = fact.map(|(x, y)| format!("{} <= {}", shown(&scope, x), shown(&scope, y)));
        assert_eq!(fact.as_deref().unwrap_or("none"), expected, "{variables} |- {goal}");
    }
}

#[test]
fn tells_the_missing_exact_division() {
    for (variables, goal, expected) in [
        ("k < K", "k / 128 < K / 128", "K % 128"),
        ("g < ceil(H / 128), i < 128", "g * 128 + i < H", "H % 128"),
        ("b < ceil(T / P), o < P", "b * P + o < T", "none"),
        ("k < K", "k < J", "none"),
    ] {
        let mut scope = Scope::new(variables, "");
        let (a, _, b) = scope.comparison(goal);
        let one = scope.ints.constant(1);
        let a = scope.ints.add(a, one).unwrap();
        let fact = scope.facts.missing_exact(&mut scope.ints, a, b);
        let fact = fact.map(|(x, d)| format!("{} % {}", shown(&scope, x), shown(&scope, d)));
        assert_eq!(fact.as_deref().unwrap_or("none"), expected, "{variables} |- {goal}");
    }
}
