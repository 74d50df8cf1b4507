//! Contractions on Tensix cores: the emitted kernels run in the emulator, and what they
//! compute is compared with the interpreter.
//!
//! Bounds are those of `tilec run --check`: they follow from the formats and from what the
//! matrix unit does to a sum, see `tilec_ir::compare`.

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
fn fp8_with_block_scales() {
    let text = read("examples/gemm_fp8/gemm_fp8.tile");
    let module = parse(&text);
    for chip in CHIPS {
        for [m, n, k] in [[33, 65, 300], [130, 300, 257]] {
            tensix::check((&text, &module), "gemm_fp8", chip, &[("M", m), ("N", n), ("K", k)]);
        }
    }
}
