//! What Tensix can't run is refused where it stands, with a way out.

use tilec_ir::Kind;

use crate::{check, parse, smaller};

/// A kernel is refused on a chip with this message and this text beside the source.
#[track_caller]
fn refused_on(chip: &str, text: &str, expected: &str) {
    let kernel = &parse(text).kernels[0];
    let sizes = [("M", 40), ("N", 40), ("K", 8)];
    let has = |name: &str| kernel.sizes.iter().any(|(_, size)| size.name == name);
    let set: Vec<_> = sizes.into_iter().filter(|(name, _)| has(name)).collect();
    let found = check(kernel, &smaller(chip, [2, 2]), &set).expect_err("it can't run");
    let [fault] = found.as_slice() else { panic!("one mistake, not {found:#?}") };
    assert_eq!(fault.kind, Kind::NotExpressible);
    assert!(fault.help.is_some(), "{fault:#?}");
    let span = fault.labels[0].span.range();
    let said = format!("{} | {} | {}", fault.message, &text[span], fault.labels[0].text);
    assert_eq!(said, expected);
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    refused_on("blackhole_p150", text, expected);
}

#[test]
fn reads_that_are_no_tiles() {
    refused(
        "kernel k[M, N](x: f32[M, N], i: idx<M>[M]) -> (y: f32[M, N]) { y[m, n] = x[i[m], n] }",
        "Tensix can't read `x[i[m], n]` as tiles | x[i[m], n] | its index is read from a tensor",
    );
    refused(
        "kernel k[N](x: f32[N + 1]) -> (y: f32[N]) { y[n] = x[n + 1] }",
        "Tensix can't read `x[n + 1]` as tiles | x[n + 1] | its elements don't lie as whole tiles of 32 x 32",
    );
    refused(
        "kernel k[N](x: f32[2 * N]) -> (y: f32[N]) { y[n] = x[2 * n] }",
        "Tensix can't read `x[2 * n]` as tiles | x[2 * n] | its elements don't lie as whole tiles of 32 x 32",
    );
    refused(
        "kernel k[N](x: f32[N]) -> (y: f32[N]) { y[n] = x[N - 1 - n] }",
        "Tensix can't read `x[-n + 39]` as tiles | x[N - 1 - n] | its elements don't lie as whole tiles of 32 x 32",
    );
    refused(
        "kernel k[M, N](x: f32[M + N]) -> (y: f32[M, N]) { y[m, n] = x[m + n] }",
        "Tensix can't read `x[m + n]` as tiles | x[m + n] | its index runs along both sides",
    );
    refused(
        "kernel k[N](x: f32[N]) -> (y: f32[N]) { y[n] = if 1 <= n then x[n - 1] else 0.0 }",
        "Tensix can't read `x[n - 1]` as tiles | x[n - 1] | its elements don't lie as whole tiles of 32 x 32",
    );
    refused(
        "kernel k[N](x: f32[N]) -> (y: f32[N]) { y[n] = if 32 <= n then x[n - 32] else 0.0 }",
        "Tensix can't read `x[n - 32]` as tiles | x[n - 32] | it begins before the first element",
    );
    refused(
        "kernel k[N](x: f32[N], s: f32[ceil(N / 16)]) -> (y: f32[N]) { y[n] = x[n] * s[n / 16] }",
        "Tensix can't read `s[n / 16]` as tiles | s[n / 16] | its elements don't lie as whole tiles of 32 x 32",
    );
}

#[test]
fn integers_without_a_way() {
    refused(
        "kernel k[N](x: i32[N]) -> (y: i32[N]) { y[n] = x[n] / 1000000 }",
        "Tensix can't compute this quotient of integers | x[n] / 1000000 | beyond 2^21 it divides by powers of two only",
    );
}

#[test]
fn rows_that_cannot_be_reduced() {
    refused(
        "kernel k[M, N](x: i8[M, N]) -> (y: i32[M]) { y[m] = sum[n](i32(x[m, n])) }",
        "Tensix can't reduce integers | x[m, n] | tiles hold f32, which is exact for integers up to 2^24 only",
    );
    refused(
        "kernel k[M, K](x: bf16[M, K * 16]) -> (y: f32[M, K]) { y[m, g] = max[i < 16](abs(x[m, g * 16 + i])) }",
        "Tensix can't reduce segments of 16 elements | max[i < 16](abs(x[m, g * 16 + i])) | segments are made of tiles of 32",
    );
    refused(
        "kernel k[M, K](x: bf16[M, K * 32]) -> (y: f32[M, K * 32])
         {
             peak[m, g < K] = max[i < 32](abs(x[m, g * 32 + i]))
             total[m]       = sum[j](x[m, j] / peak[m, j / 32])
             y[m, j]        = x[m, j] / total[m]
         }",
        "Tensix can't reduce a row that needs its segments reduced before | sum[j](x[m, j] / peak[m, j / 32]) | ",
    );
}

#[test]
fn running_sums() {
    refused(
        "kernel k[M, N](x: f32[M, N]) -> (y: f32[M, N]) { y[m, j] = sum[i](if i <= j then x[m, i] else 0) }",
        "Tensix can't run a running sum | sum[i](if i <= j then x[m, i] else 0) | each element needs all before it, across tiles",
    );
}

/// 12 values at once, of which no two share anything, are more than 8 tiles.
#[test]
fn expressions_past_dst() {
    // A balanced tree of depth 8 takes 9 tiles.
    let mut level: Vec<String> = (0..256).map(|at| format!("x{at}[n]")).collect();
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| format!("({} / {})", pair[0], pair[1])).collect();
    }
    let inputs: Vec<_> = (0..256).map(|at| format!("x{at}: f32[N]")).collect();
    let text =
        format!("kernel k[N]({}) -> (y: f32[N]) {{ y[n] = {} }}", inputs.join(", "), level[0]);
    let kernel = &parse(&text).kernels[0];
    let chip = smaller("blackhole_p150", [2, 2]);
    let found = check(kernel, &chip, &[("N", 40)]).expect_err("it can't run");
    assert_eq!(found[0].labels[0].text, "it needs 9 of 8 tiles");
}
