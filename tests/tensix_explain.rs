//! What `tilec explain --target tt` says of programs on Tensix cores: large, ragged and
//! small ones, as snapshots to be read, and the figures that large products are held to.

use tilec::explain;
use tilec::program::Program;
use tilec_ir::dataflow::{self, verify};
use tilec_passes::{compile_dataflow, normalize, recognize, specialize};
use tilec_target::Chip;

const GEMM: &str = "kernel gemm[M, N, K](a: bf16[M, K], b: bf16[N, K]) -> (c: bf16[M, N])
{ c[m, n] = bf16(sum[k](a[m, k] * b[n, k])) }";

const TOP: &str = "kernel top[M, N, S](x: f32[M, N]) -> (value: f32[M, S], index: idx<N>[M, S])
where S <= N
{
    index[m, s] = argsort[n desc](x[m, n])[s]
    value[m, s] = x[m, index[m, s]]
}";

fn chip(name: &str) -> &'static Chip {
    tilec_target::chip(name).expect("the chip has a table")
}

/// The program of the only kernel, for sizes such as `M=65 N=33`.
fn compile(text: &str, chip: &Chip, sizes: &str) -> dataflow::Program {
    let program = Program::check(text);
    assert!(!program.has_errors(), "{:?}", program.diagnostics);
    let kernel = program.kernel(None).expect("there is one kernel");
    let sizes = sizes.split_whitespace().map(|word| {
        let (name, value) = word.split_once('=').expect("sizes are written NAME=INT");
        (name.to_owned(), value.parse().expect("sizes are integers"))
    });
    let bound = specialize(kernel, &sizes.collect::<Vec<_>>()).expect("the sizes fit");
    compile_dataflow(recognize(&normalize(&bound)), kernel, chip, &[]).expect("the chip runs it")
}

#[test]
fn programs_are_explained() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/tensix_explain");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let softmax = include_str!("../examples/softmax/softmax.tile");
    let gemm_fp8 = include_str!("../examples/gemm_fp8/gemm_fp8.tile");
    let wormhole = "wormhole_n150";
    let cases = [
        ("gemm_large", GEMM, wormhole, "M=4096 N=4096 K=4096"),
        ("gemm_ragged", GEMM, wormhole, "M=2112 N=1000 K=70"),
        ("gemm_small", GEMM, wormhole, "M=1 N=33 K=1"),
        ("gemm_fp8", gemm_fp8, "blackhole_p150", "M=2112 N=2112 K=2112"),
        ("softmax_ragged", softmax, wormhole, "M=65 N=1000"),
        ("top_of_a_long_row", TOP, wormhole, "M=1 N=131072 S=32"),
        ("top_of_rows", TOP, "blackhole_p150", "M=64 N=4096 S=64"),
    ];
    for (name, text, on, sizes) in cases {
        let explained = explain::tensix(&compile(text, chip(on), sizes), chip(on));
        settings.bind(|| insta::assert_snapshot!(name, format!("{sizes}\n{explained}")));
    }
}

/// About twice the bytes of reading both operands once and writing the result once, and
/// no core much busier than the others.
#[test]
fn a_large_product_reads_little_and_is_shared_out_evenly() {
    let wormhole = chip("wormhole_n150");
    let program = compile(GEMM, wormhole, "M=4096 N=4096 K=4096");
    let [step] = program.steps.as_slice() else { panic!("it is one step") };
    assert_eq!(step.grid, [8, 8]);
    let traffic = verify::traffic(&program)[0];
    assert!(traffic.dram_read + traffic.dram_written <= 200_000_000, "{traffic:?}");
    assert_eq!(step.least_dram_bytes, 3 * 4096 * 4096 * 2);
    assert!(traffic.products.most as f64 <= 1.1 * traffic.products.mean, "{traffic:?}");
    let products = traffic.products.mean * f64::from(step.cores());
    assert!(products >= f64::from(128 * 128 * 128), "every tile is multiplied: {products}");
}
