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
fn rows_that_cannot_be_reduced() {
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
