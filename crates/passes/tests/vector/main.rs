//! Elementwise and rowwise regions as steps of cores, run tile by tile and compared with
//! the interpreter.

#![expect(
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    reason = "a test takes what is made and fails on the rest; SHOW prints programs"
)]

mod machine;
mod refused;
mod tile;
mod vectors;

use std::collections::BTreeMap;
use std::path::Path;

use tilec_ir::dataflow::{Program, print};
use tilec_ir::tensor::{Kernel, Role, Scalar};
use tilec_ir::{Array, Diagnostic, Element, compare, launch};
use tilec_passes::{compile_dataflow, normalize, recognize, specialize};
use tilec_target::{Chip, Machine, chip};

/// A chip with fewer cores.
fn smaller(name: &str, grid: [u32; 2]) -> Chip {
    let mut chip = chip(name).expect("it has a table").clone();
    let Machine::Tensix(tensix) = &mut chip.machine else { panic!("{name} is no Tensix") };
    [tensix.columns, tensix.rows] = grid;
    chip
}

fn compile(
    kernel: &Kernel,
    chip: &Chip,
    set: &[(String, i64)],
) -> Result<Program, Vec<Diagnostic>> {
    let plan = recognize(&normalize(&specialize(kernel, set)?));
    compile_dataflow(plan, kernel, chip, &[])
}

/// Numbers that look random: splitmix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// An input: floats of about -4 to 4, small integers.
fn draw(
    kernel: &Kernel,
    shape: &[usize],
    element: Scalar,
    state: &mut u64,
    sizes: &launch::Launch,
    words: bool,
) -> Array {
    let mut array = Array::zeros(Element::of(element), shape).expect("it is small");
    for at in 0..array.len() {
        let bits = next(state);
        match element {
            Scalar::Bool => array.set_bool(at, bits.is_multiple_of(2)),
            Scalar::I8 | Scalar::U8 => array.set_i32(at, (bits % 256) as i32 - 100),
            Scalar::I32 => array.set_i32(at, (bits % 64) as i32),
            Scalar::Idx(bound) => {
                let bound = kernel.ints.eval(bound, &mut |atom| match atom {
                    tilec_ir::Atom::Size(size) => Some(sizes.size(*size)),
                    _ => None,
                });
                let bound = bound.expect("sizes are bound").unsigned_abs().max(1);
                array.set_i32(at, (bits % bound) as i32);
            }
            _ => {
                let value = (bits % 8001) as f32 / 1000.0 - 4.0;
                // What a chip cuts off of an f32 is 0 there.
                let kept = if words { value } else { f32::from_bits(value.to_bits() & !0x1fff) };
                array.set_f32(at, kept);
            }
        }
    }
    array
}

/// Compiles a kernel, runs it, and compares every output with the interpreter's.
fn check(kernel: &Kernel, chip: &Chip, set: &[(&str, i64)]) -> Result<Program, Vec<Diagnostic>> {
    let set: Vec<_> = set.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let program = compile(kernel, chip, &set)?;
    let none = vec![None; kernel.tensors_of(Role::Input).count()];
    let launch = launch::bind(kernel, &none, &set).expect("the sizes fit");
    let mut state = 1;
    let words = chip.tensix().words_to_dst;
    let mut tensors = BTreeMap::new();
    let mut inputs = Vec::new();
    for id in kernel.tensors_of(Role::Input) {
        let shape = &launch.shapes[id.index()];
        let array = draw(kernel, shape, kernel.tensors[id].element, &mut state, &launch, words);
        tensors.insert(id, array.clone());
        inputs.push(array);
    }
    if std::env::var("SHOW").is_ok_and(|show| kernel.name.contains(&show)) {
        println!("{}", print::print(&program));
    }
    machine::run(&program, &mut tensors);
    let outputs: Vec<_> = kernel.tensors_of(Role::Output).map(|id| tensors[&id].clone()).collect();
    let verdicts =
        compare::check(kernel, &launch, &inputs, &outputs, &[], &|_| {}).expect("it runs");
    for verdict in &verdicts {
        assert!(
            verdict.passes(),
            "{} on {} {set:?}: `{}` {:?}\n{}",
            kernel.name,
            chip.name,
            kernel.tensors[verdict.tensor].name,
            verdict,
            print::print(&program)
        );
    }
    Ok(program)
}

fn parse(text: &str) -> tilec_ir::Module {
    let checked = tilec_frontend::check(text);
    assert!(!checked.module.kernels.is_empty(), "{:?}", checked.diagnostics);
    checked.module
}

fn file(path: &str) -> tilec_ir::Module {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    parse(&std::fs::read_to_string(root.join(path)).expect("it is there"))
}

const GRIDS: [[u32; 2]; 3] = [[1, 1], [3, 2], [4, 4]];

/// Runs a text's kernels at sizes, on both chips and several grids.
#[track_caller]
fn agree(text: &str, sizes: &[&[(&str, i64)]]) {
    for name in ["blackhole_p150", "wormhole_n150"] {
        agree_on(name, text, sizes);
    }
}

#[track_caller]
fn agree_on(chip: &str, text: &str, sizes: &[&[(&str, i64)]]) {
    for kernel in &parse(text).kernels {
        for (grid, set) in GRIDS.iter().flat_map(|grid| sizes.iter().map(move |set| (grid, set))) {
            if let Err(found) = check(kernel, &smaller(chip, *grid), set) {
                panic!("{}: {found:#?}", kernel.name);
            }
        }
    }
}

const SIZES: &[&[(&str, i64)]] = &[
    &[("M", 1), ("N", 1)],
    &[("M", 31), ("N", 33)],
    &[("M", 65), ("N", 127)],
    &[("M", 100), ("N", 32)],
];

#[test]
fn a_bias_and_an_activation() {
    agree(
        "kernel k[M, N](x: bf16[M, N], bias: bf16[N], gain: bf16[M], s: bf16) -> (y: bf16[M, N])
         { y[m, n] = bf16(silu(x[m, n] + bias[n]) * gain[m] + s) }",
        SIZES,
    );
}

#[test]
fn f32_is_exact_where_words_reach_dst() {
    let text = "kernel k[M, N](x: f32[M, N]) -> (y: f32[M, N]) { y[m, n] = x[m, n] * 3.0 / 8.0 }";
    let kernel = &parse(text).kernels[0];
    for sizes in SIZES {
        check(kernel, &smaller("blackhole_p150", [2, 2]), sizes).expect("it compiles");
    }
}

/// Runs the kernels of a file at sizes, by the names that each has.
#[track_caller]
fn agree_file(path: &str, sizes: &[&[(&str, i64)]]) {
    for kernel in &file(path).kernels {
        for name in ["blackhole_p150", "wormhole_n150"] {
            for (grid, set) in
                GRIDS.iter().flat_map(|grid| sizes.iter().map(move |set| (grid, set)))
            {
                let has = |name: &str| kernel.sizes.iter().any(|(_, size)| size.name == name);
                let set: Vec<_> = set.iter().copied().filter(|(name, _)| has(name)).collect();
                if let Err(found) = check(kernel, &smaller(name, *grid), &set) {
                    panic!("{}: {found:#?}", kernel.name);
                }
            }
        }
    }
}

#[test]
fn norms() {
    agree_file("tests/cases/rowwise/norms.tile", SIZES);
    agree_file("examples/rmsnorm/rmsnorm.tile", SIZES);
}

#[test]
fn softmax() {
    agree_file("examples/softmax/softmax.tile", SIZES);
    let sizes: &[&[(&str, i64)]] = &[
        &[("M", 33), ("N", 100), ("H", 2), ("S", 5), ("T", 70)],
        &[("M", 1), ("N", 1), ("H", 3), ("S", 40), ("T", 1)],
    ];
    agree_file("tests/cases/rowwise/softmax.tile", sizes);
}

#[test]
fn quantization() {
    let sizes: &[&[(&str, i64)]] = &[
        &[("M", 1), ("N", 1), ("G", 1)],
        &[("M", 33), ("N", 127), ("G", 3)],
        &[("M", 65), ("N", 300), ("G", 2)],
        &[("M", 31), ("N", 256), ("G", 5)],
    ];
    agree_file("tests/cases/rowwise/quantize.tile", sizes);
}

/// Both chips and several grids, at sizes of any names.
#[track_caller]
fn agree_at(text: &str, sizes: &[(&str, i64)]) {
    agree(text, &[sizes]);
}

#[test]
fn places_and_integers() {
    agree(
        "kernel k[M, N](x: bf16[M, N]) -> (y: f32[M, N], z: i8[M, N], b: bool[M, N], i: idx<N>[M, N])
         where 1 <= N
         {
             y[m, n] = if n <= m then x[m, n] else f32(m * 3 + n / 49 - n % 41)
             z[m, n] = i8(min(n - m, 100)) 
             b[m, n] = x[m, n] < 0.5 and not (n == 3) or m > n
             i[m, n] = idx<N>(n * 2 - 1)
         }",
        SIZES,
    );
}

#[test]
fn bytes_and_bits() {
    agree(
        "kernel k[M, N](a: i8[M, N], b: u8[N], c: bool[M]) -> (y: f32[M, N], i: i8[M, N], u: u8[M, N])
         {
             y[m, n] = if c[m] then f32(a[m, n] * b[n]) else f32(a[m, n] / 3) + f32(a[m, n] % 4)
             i[m, n] = i8(a[m, n] - b[n])
             u[m, n] = u8(a[m, n] + b[n])
         }",
        SIZES,
    );
}

#[test]
fn words_and_random_bits() {
    agree(
        "kernel k[M, N](x: i32[M, N], f: f32[M, N], s: i32)
             -> (y: i32[M, N], z: f32[M, N], b: bool[M, N], u: f32[M, N], r: bf16[M, N])
         {
             y[m, n] = min(x[m, n] * 1000003 + x[m, n], n * 100000) - m
             z[m, n] = f32(x[m, n]) * f32(n * 100000)
             b[m, n] = x[m, n] < m * 7000000 or x[m, n] == n
             u[m, n] = uniform(s, m, n)
             r[m, n] = round_stochastic<bf16>(f[m, n], random(s, n, m))
         }",
        SIZES,
    );
}

#[test]
fn narrow_floats() {
    agree(
        "kernel k[M, N](a: f8e4m3[M, N], b: f8e5m2[N], c: f16[M, N])
             -> (p: f8e4m3[M, N], q: f8e5m2[M, N], r: f16[M, N], s: bf16[M, N])
         {
             p[m, n] = f8e4m3(a[m, n] * b[n])
             q[m, n] = f8e5m2(c[m, n] * 100.0)
             r[m, n] = f16(f8e4m3(c[m, n]) - a[m, n])
             s[m, n] = f8e5m2(a[m, n])
         }",
        SIZES,
    );
}

#[test]
fn floats_to_integers() {
    agree_at(
        "kernel k[M, N](x: bf16[M, N]) -> (y: i8[M, N], z: u8[M, N], w: f32[M, N])
         {
             y[m, n] = i8(x[m, n] * 60.0)
             z[m, n] = u8(x[m, n] * 100.0)
             w[m, n] = f32(i8(x[m, n] / 0.0 - x[m, n] / 0.0))
         }",
        &[("M", 33), ("N", 40)],
    );
}

#[test]
fn every_function() {
    agree_at(
        "kernel k[M, N](x: bf16[M, N]) -> (a: f32[M, N], b: f32[M, N], c: f32[M, N])
         {
             a[m, n] = exp(x[m, n]) + log(abs(x[m, n]) + 1.0) - sqrt(abs(x[m, n])) + tanh(x[m, n])
             b[m, n] = erf(x[m, n]) * floor(x[m, n]) / max(rsqrt(abs(x[m, n]) + 0.5), 0.1)
             c[m, n] = min(-x[m, n], 2.0 - x[m, n] * x[m, n])
         }",
        &[("M", 33), ("N", 65)],
    );
}

#[test]
fn layouts() {
    let sizes = [("B", 3), ("M", 33), ("N", 40), ("G", 2)];
    for text in [
        "kernel k[M, N](x: bf16[M, N]) -> (y: bf16[N, M]) { y[n, m] = bf16(x[m, n]) }",
        "kernel k[B, M, N](x: bf16[B, M, N], w: f32[B, N], v: f32[M], s: bf16[B])
             -> (y: f32[B, M, N]) { y[b, m, n] = x[b, m, n] * w[b, n] + v[m] - s[b] }",
        "kernel k[B, M, N](x: bf16[M, B, N]) -> (y: f32[B, N, M]) { y[b, n, m] = x[m, b, n] }",
        "kernel k[M, G](x: bf16[M, G * 64]) -> (y: bf16[M, G, 64])
             { y[m, g, i] = bf16(x[m, g * 64 + i]) }",
        "kernel k[M, G](x: bf16[M, G * 128], s: f32[G], t: f32[2]) -> (y: f32[M, G, 2, 64])
             { y[m, g, h, i] = x[m, g * 128 + h * 64 + i] * t[h] + s[g] }",
        "kernel k[M, G](x: bf16[M, G, 48]) -> (y: bf16[M, G * 48])
             { y[m, j] = bf16(x[m, j / 48, j % 48]) }",
        "kernel k[M, N](x: bf16[M, N], s: f32[M, ceil(N / 64)], t: f32[ceil(M / 32), ceil(N / 32)])
             -> (y: f32[M, N]) { y[m, n] = x[m, n] * s[m, n / 64] + t[m / 32, n / 32] }",
        "kernel k[M, N](x: bf16[M + 96, N + 64]) -> (y: bf16[M, N])
             { y[m < M, n < N] = bf16(x[m + 32, n + 64] + x[m, n]) }",
        "kernel k[N](x: bf16[N], a: f32, b: f32) -> (y: bf16[N], z: f32)
             { y[n] = bf16(x[n] * a)  z = a + b }",
        "kernel k[M, N](x: bf16[M], y: bf16[N]) -> (z: f32[M, N]) { z[m, n] = x[m] * y[n] }",
        "kernel k[M, N](x: bf16[M, N]) -> (y: f32[M, N]) where M == N { y[m, n] = x[n, m] + x[m, n] }",
    ] {
        let kernel = &parse(text).kernels[0];
        let has = |name: &str| kernel.sizes.iter().any(|(_, size)| size.name == name);
        let mut set: Vec<_> = sizes.iter().copied().filter(|(name, _)| has(name)).collect();
        if text.contains("M == N") {
            set = vec![("M", 70), ("N", 70)];
        }
        agree_at(text, &set);
    }
}

#[test]
fn values_of_rows_that_others_read() {
    // Elsewhere, what one step writes as f32 another reads as tf32.
    agree_on(
        "blackhole_p150",
        "kernel k[M, N, K](x: bf16[M, N], z: bf16[M, K]) -> (y: f32[M, K], top: f32[M], mean: f32[M])
         where 1 <= N
         {
             top[m]  = max[n](x[m, n])
             mean[m] = sum[n](x[m, n]) / f32(N)
             y[m, k] = z[m, k] * top[m] + mean[m]
         }",
        &[&[("M", 33), ("N", 40), ("K", 70)], &[("M", 1), ("N", 1), ("K", 1)]],
    );
}

#[test]
fn a_norm_before_quantization() {
    agree(
        "kernel k[M, G](x: bf16[M, G * 64], w: bf16[G * 64], t: bf16[G], eps: f32) -> (q: f8e4m3[M, G * 64], s: f32[M, G])
         {
             square[m]      = sum[j](x[m, j] * x[m, j])
             y[m, j]        = x[m, j] * rsqrt(square[m] / f32(G * 64) + eps) * w[j]
             peak[m, g < G] = max[i < 64](abs(y[m, g * 64 + i]))
             s[m, g]        = max(peak[m, g], 1e-6) / 448.0 + abs(t[g])
             q[m, j]        = f8e4m3(y[m, j] / s[m, j / 64])
         }",
        &[&[("M", 33), ("G", 3)], &[("M", 1), ("G", 1)]],
    );
}

#[test]
fn several_reductions_of_each_kind() {
    agree(
        "kernel k[M, N](x: bf16[M, N], r: f32[N]) -> (y: f32[M, N], a: f32[M], b: f32[M], c: f32[M], d: f32[M])
         {
             a[m]    = sum[n](abs(x[m, n] + r[n]))
             b[m]    = max[n](x[m, n])
             c[m]    = min[n](x[m, n] + 1.0)
             d[m]    = prod[n](1.0 + x[m, n] * 0.01)
             y[m, n] = x[m, n] * a[m] + b[m] - c[m] * d[m]
         }",
        SIZES,
    );
}

/// Expressions that need many tiles at once, with values that several users share.
#[test]
fn large_expressions() {
    let product = |at: usize| format!("(x[m, n] + {at}.5) * (b[n] - {at}.25)");
    let sum: Vec<_> = (0..12).map(product).collect();
    agree_at(
        &format!(
            "kernel k[M, N](x: bf16[M, N], b: f32[N]) -> (y: f32[M, N], z: f32[M, N], w: f32[M, N])
             {{
                 y[m, n] = {}
                 z[m, n] = ({}) / (abs({}) + 1.0)
                 w[m, n] = tanh(y[m, n] * 0.001) - max(z[m, n], x[m, n])
             }}",
            sum.join(" + "),
            sum.join(" / "),
            sum.join(" - "),
        ),
        &[("M", 33), ("N", 33)],
    );
}

#[test]
fn nothing_to_do() {
    agree(
        "kernel k[M, N](x: bf16[M, N]) -> (y: bf16[M, N], t: f32[M])
         { t[m] = sum[n](x[m, n])  y[m, n] = bf16(x[m, n] - t[m]) }",
        &[&[("M", 0), ("N", 5)], &[("M", 5), ("N", 0)], &[("M", 0), ("N", 0)]],
    );
}

#[test]
fn reductions_along_anything() {
    let sizes: &[&[(&str, i64)]] = &[
        &[("B", 3), ("M", 33), ("N", 70)],
        &[("B", 1), ("M", 1), ("N", 1)],
        &[("B", 2), ("M", 64), ("N", 32)],
        &[("B", 31), ("M", 31), ("N", 33)],
    ];
    for text in [
        "kernel k[B, M, N](x: bf16[B, M, N]) -> (y: f32[N]) { y[n] = sum[b, m](x[b, m, n] + 1.0) }",
        "kernel k[B, M, N](x: bf16[B, M, N]) -> (y: f32) { y = max[b, m, n](abs(x[b, m, n])) }",
        "kernel k[B, M, N](x: bf16[B, M, N]) -> (y: f32[M, N]) { y[m, n] = sum[b](x[b, m, n]) }",
        "kernel k[B, M, N](x: bf16[B, M, N]) -> (y: f32[B, N]) { y[b, n] = min[m](x[b, m, n]) }",
        "kernel k[B, M, N](x: bf16[M, B], z: bf16[M, B, N]) -> (y: bf16[M, N])
         { y[m, n] = bf16(sum[b](abs(x[m, b] * z[m, b, n]))) }",
        // Fewer tiles would lie in another order than the next step reads.
        "kernel k[B, M, N](x: bf16[M, B], z: bf16[M, B, N]) -> (y: bf16[M, N])
         { y[m, n] = bf16(max[b](x[m, b] * z[m, b, n])) }",
        "kernel k[B, M, N](x: bf16[B, M, N]) -> (y: f32[M, N]) where 1 <= B
         { top[n] = max[m](x[0, m, n])  y[m, n] = x[0, m, n] / (abs(top[n]) + f32(B)) }",
    ] {
        agree_on("blackhole_p150", text, sizes);
    }
}

/// A chip with less L1.
fn with_l1(name: &str, bytes: u32) -> Chip {
    let mut chip = smaller(name, [2, 2]);
    let Machine::Tensix(tensix) = &mut chip.machine else { panic!("{name} is no Tensix") };
    tensix.l1_bytes = bytes;
    chip
}

/// Rows that don't fit into L1 are read for each sweep; as much as fits stays.
#[test]
fn rows_longer_than_l1() {
    let softmax = &file("examples/softmax/softmax.tile").kernels[0];
    let rmsnorm = &file("examples/rmsnorm/rmsnorm.tile").kernels[0];
    let quantize = &file("tests/cases/rowwise/quantize.tile").kernels[0];
    let norm = &parse(
        "kernel k[M, G](x: bf16[M, G * 64], w: bf16[G * 64]) -> (q: bf16[M, G * 64], s: f32[M, G])
         {
             square[m]      = sum[j](x[m, j] * x[m, j])
             peak[m, g < G] = max[i < 64](abs(x[m, g * 64 + i] * w[g * 64 + i] / (square[m] + 1.0)))
             s[m, g]        = peak[m, g] * 2.0
             q[m, j]        = bf16(x[m, j] * s[m, j / 64] + w[j])
         }",
    )
    .kernels[0];
    let chosen = |bytes| {
        let program = check(softmax, &with_l1("blackhole_p150", bytes), &[("M", 33), ("N", 500)]);
        program.expect("it fits").steps[0].chosen_by.clone()
    };
    assert!(chosen(70_000).ends_with("x do not fit into L1 and are read for each sweep"));
    assert!(chosen(200_000).ends_with("x stay in L1"));
    for name in ["blackhole_p150", "wormhole_n150"] {
        for bytes in [70_000, 90_000, 120_000, 200_000] {
            let chip = with_l1(name, bytes);
            for m in [33, 300] {
                check(softmax, &chip, &[("M", m), ("N", 500)]).expect("it fits");
                check(rmsnorm, &chip, &[("M", m), ("N", 500)]).expect("it fits");
                check(quantize, &chip, &[("M", m), ("N", 500)]).expect("it fits");
                check(norm, &chip, &[("M", m), ("G", 5)]).expect("it fits");
            }
        }
    }
}
