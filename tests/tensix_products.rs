//! Contractions on Tensix cores at sizes and settings that matter to them: the emitted kernels
//! run in the emulator, and what they compute is compared with the interpreter. The kernels of
//! the cases run in tests/tensix_emulated.rs.
//!
//! Bounds are those of `tilec run --check`: they follow from the formats and from what the
//! matrix unit does to a sum, see `tilec_ir::compare`.

#[path = "tensix_products/grouped.rs"]
mod grouped;
#[path = "support/tensix.rs"]
mod tensix;

use tilec_ir::Module;

const CHIPS: [&str; 2] = ["wormhole_n150", "blackhole_p150"];

fn parse(text: &str) -> Module {
    let checked = tilec_frontend::check(text);
    assert!(!checked.module.kernels.is_empty(), "{:?}", checked.diagnostics);
    checked.module
}

fn read(path: &str) -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(root.join(path)).expect("it can be read")
}

const BF16: &str = "
kernel gemm[M, N, K](a: bf16[M, K], b: bf16[N, K]) -> (c: bf16[M, N])
{
    c[m, n] = bf16(sum[k](a[m, k] * b[n, k]))
}
";

#[test]
fn products_of_ragged_sizes() {
    let module = parse(BF16);
    for chip in CHIPS {
        for [m, n, k] in [[1, 1, 1], [31, 33, 65], [65, 127, 31], [127, 65, 300]] {
            tensix::check((BF16, &module), "gemm", chip, &[("M", m), ("N", n), ("K", k)]);
        }
    }
}

#[test]
fn products_without_rows_columns_or_depth() {
    let fp8 = read("examples/gemm_fp8/gemm_fp8.tile");
    let epilogues = read("tests/cases/contract/epilogues.tile");
    for (text, name) in [(&fp8, "gemm_fp8"), (&epilogues, "bias_gelu")] {
        let module = parse(text);
        for [m, n, k] in [[0, 5, 7], [5, 0, 7], [5, 7, 0], [0, 0, 0]] {
            for chip in CHIPS {
                tensix::check((text, &module), name, chip, &[("M", m), ("N", n), ("K", k)]);
            }
        }
    }
}

/// Integers are exact beyond what a block of `k` may add up in f32; one tile of sums and several,
/// on one core and on a grid, with what follows them.
#[test]
fn integers_in_several_blocks() {
    let text = read("tests/cases/contract/types.tile")
        + "\ntile gemm_i8_plain on wormhole_n150 { c: m = 64, n = 96, k = 64 }\n"
        + "tile gemm_i8_plain on blackhole_p150 { c: m = 96, n = 32, k = 480 }\n";
    let module = parse(&text);
    for chip in CHIPS {
        for name in ["gemm_i8_plain", "gemm_i8_scaled", "gemm_u8_i8"] {
            let set = [("M", 97), ("N", 130), ("K", 600)];
            tensix::check((&text, &module), name, chip, &set);
        }
    }
}

/// Blocks of columns with one scale that end inside of a core's block.
#[test]
fn scales_that_change_inside_of_a_block() {
    let text = "
kernel gemm[M, N, K](a: f8e4m3[M, K], b: f8e4m3[N, K],
    s: f32[ceil(M / 64), ceil(N / 256), ceil(K / 64)]) -> (c: f32[M, N])
{
    c[m, n] = sum[k](a[m, k] * b[n, k] * s[m / 64, n / 256, k / 64])
}
tile gemm on wormhole_n150 { c: m = 96, n = 288 }
tile gemm on blackhole_p150 { c: m = 64, n = 96, k = 32 }
";
    let module = parse(text);
    for chip in CHIPS {
        let set = [("M", 130), ("N", 600), ("K", 200)];
        tensix::check((text, &module), "gemm", chip, &set);
    }
}

/// Both FP8 types, with block scales, from one core to a grid of 4 x 4.
#[test]
fn fp8_with_block_scales() {
    let text = read("examples/gemm_fp8/gemm_fp8.tile");
    let other = text.replace("f8e4m3", "f8e5m2");
    for text in [text, other] {
        let module = parse(&text);
        for chip in CHIPS {
            for [m, n, k] in [[1, 31, 129], [33, 65, 300], [128, 128, 257]] {
                let set = [("M", m), ("N", n), ("K", k)];
                tensix::check((&text, &module), "gemm_fp8", chip, &set);
            }
        }
    }
}

/// Settings of tile blocks and licenses: what they ask for runs, and is right.
#[test]
fn tile_blocks_are_followed() {
    let kernel = "
kernel gemm[M, N, K](a: T[M, K], b: T[N, K]) -> (c: f32[M, N])
{
    c[m, n] = sum[k](a[m, k] * b[n, k])
}
";
    let cases = [
        ("bf16", "wormhole_n150", "m = 64, n = 32, k = 64, stages = 3"),
        ("bf16", "blackhole_p150", "m = 96, n = 64, k = 32"),
        ("bf16", "wormhole_n150", "storage = bfp8"),
        ("f32", "wormhole_n150", "tf32 = yes"),
        ("f32", "blackhole_p150", "tf32 = yes, k = 32"),
        ("f8e5m2", "wormhole_n150", "fp8 = native"),
        ("f8e4m3", "blackhole_p150", "fp8 = native"),
    ];
    for (element, chip, settings) in cases {
        let text =
            format!("{}\ntile gemm on {chip} {{ c: {settings} }}\n", kernel.replace('T', element));
        let module = parse(&text);
        let set = [("M", 130), ("N", 97), ("K", 200)];
        tensix::check((&text, &module), "gemm", chip, &set);
    }
}
