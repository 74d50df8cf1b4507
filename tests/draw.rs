//! Inputs drawn from a seed: what must be positive is, nothing else, indices are
//! in range, what must be sorted is, and the bits are the same everywhere.

use tilec::arrays::draw::draw;
use tilec::program::Program;
use tilec_ir::tensor::Role;
use tilec_ir::{Array, launch};

/// Draws every input of the only kernel, or of the named one.
fn inputs(text: &str, kernel: Option<&str>, set: &str, seed: u64) -> Vec<(String, Array)> {
    let program = Program::check(text);
    assert!(!program.has_errors(), "{:?}", program.diagnostics);
    let kernel = program.kernel(kernel).expect("it is in the file");
    let set = set.split_whitespace().map(|word| {
        let (name, value) = word.split_once('=').expect("sizes are written NAME=INT");
        (name.to_owned(), value.parse().expect("sizes are integers"))
    });
    let tensors: Vec<_> = kernel.tensors_of(Role::Input).collect();
    let launch = launch::bind(kernel, &vec![None; tensors.len()], &set.collect::<Vec<_>>());
    let launch = launch.expect("all sizes are given");
    let draw = |&tensor| {
        let array = draw(kernel, &launch, tensor, seed).expect("it is small");
        (kernel.tensors[tensor].name.clone(), array)
    };
    tensors.iter().map(draw).collect()
}

fn example(name: &str) -> String {
    let path = format!("{}/examples/{name}/{name}.tile", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("the example exists")
}

fn values(array: &Array) -> Vec<f32> {
    (0..array.data.len()).map(|at| array.get_f32(at)).collect()
}

/// The inputs without a negative element among the hundreds that they have.
fn check_positive(text: &str, set: &str, expected: &str) {
    let inputs = inputs(text, None, set, 3);
    let positive = inputs.iter().filter(|(_, array)| values(array).iter().all(|&v| v >= 0.0));
    let names: Vec<_> = positive.map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.join(" "), expected, "{text}");
}

#[test]
fn scales_and_scalars_are_positive_and_nothing_else_is() {
    check_positive(&example("gemm_fp8"), "M=40 N=4000 K=1280", "sa sb");
    check_positive(&example("rmsnorm"), "M=20 N=50", "w eps");
    check_positive(&example("batched_gemm"), "B=3 M=8 N=20 K=30", "");
    check_positive(&example("softmax"), "M=20 N=20", "");
    check_positive(&example("fusedmoe"), "T=20 D=30 F=30 E=8 S=2", "");
    let head = "kernel k[M, N](x: f32[M, N], s: f32[N], t: f32[M]) -> (y: f32[M])";
    let set = "M=100 N=100";
    // The vector of a matrix-vector product; an offset; a scale by division.
    check_positive(&format!("{head} {{ y[m] = sum[n](x[m, n] * s[n]) * t[m] }}"), set, "");
    check_positive(&format!("{head} {{ y[m] = sum[n](x[m, n] * t[m] + s[n]) }}"), set, "t");
    check_positive(&format!("{head} {{ y[m] = sum[n](x[m, n] / t[m] + s[n]) }}"), set, "t");
    check_positive(&format!("{head} {{ y[m] = sum[n](x[m, n] / t[m] + s[n]) + t[m] }}"), set, "");
}

#[test]
fn floats_are_standard_normal() {
    let drawn = inputs(&example("softmax"), None, "M=100 N=400", 5);
    let values = values(&drawn[0].1);
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    let variance =
        values.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / values.len() as f32;
    // Five standard errors at 40000 samples.
    assert!(mean.abs() < 0.025 && (variance - 1.0).abs() < 0.036, "{mean} {variance}");
    let beyond = values.iter().filter(|v| v.abs() > 1.96).count() as f32 / values.len() as f32;
    assert!((beyond - 0.05).abs() < 0.0055, "{beyond} lie beyond 1.96");
}

#[test]
fn indices_are_in_range_and_all_are_drawn() {
    let text = "kernel k[T, E](e: idx<E>[T], w: f32[E]) -> (y: f32[T]) { y[t] = w[e[t]] }";
    for most in [1, 2, 7, 64] {
        let drawn = inputs(text, None, &format!("T=1000 E={most}"), 1);
        let mut seen = vec![false; most];
        values(&drawn[0].1).iter().for_each(|&v| seen[v as usize] = true);
        assert!(seen.iter().all(|&seen| seen), "not all of 0 .. {most} are drawn");
    }
    let empty = inputs(text, None, "T=0 E=0", 1);
    assert!(empty.iter().all(|(_, array)| array.data.is_empty()));
}

#[test]
fn what_must_be_sorted_is_sorted_row_by_row() {
    for ty in ["i32", "i8", "u8", "f32", "bf16", "f16", "f8e4m3", "f8e5m2", "idx<N>"] {
        let text = format!(
            "kernel k[M, N](g: {ty}[M, N]) -> (y: bool[M, N]) where sorted(g) {{ y[m, n] = g[m, n] == g[m, n] }}"
        );
        let drawn = inputs(&text, None, "M=4 N=50", 1);
        let values = values(&drawn[0].1);
        assert!(values.chunks(50).all(|row| row.is_sorted()), "{ty}: {values:?}");
        assert!(!values.is_sorted(), "{ty}: rows are drawn one by one");
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_everywhere() {
    let draw = |seed| inputs(&example("gemm_fp8"), None, "M=2 N=2 K=2", seed);
    assert_eq!(draw(7), draw(7));
    let (a, b) = (draw(7), draw(8));
    for ((name, first), (_, second)) in a.iter().zip(&b) {
        assert_ne!(first, second, "{name} does not depend on the seed");
    }
    assert_ne!(a[0].1.data, a[1].1.data, "inputs are drawn independently");
    // As drawn on x86-64 under Linux; any other machine must agree.
    let bits: Vec<_> = values(&a[2].1).iter().map(|v| format!("{:08x}", v.to_bits())).collect();
    let drawn = format!("{:?} {}", values(&a[0].1), bits.join(" "));
    assert_eq!(drawn, "[0.0, 0.375, 3.25, -0.001953125] 3fb891ec 3fb70680");
}
