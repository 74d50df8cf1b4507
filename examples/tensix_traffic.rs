//! What a bf16 product moves on Tensix cores, counted while its emitted kernels run in the
//! emulator: one line of JSON with DRAM bytes, tile products per core and the time that
//! the run took here.
//!
//! ```sh
//! cargo run --release --no-default-features --example tensix_traffic -- wormhole_n150 4096 4096 4096
//! ```
//!
//! The product itself is checked too: rows of the result against sums in f64.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use half::bf16;
use tilec::program;
use tilec::tensix::Tensix;
use tilec_codegen_tt::Source;
use tilec_ir::dataflow::{Program, verify};
use tilec_ir::philox;
use tilec_passes::{normalize, recognize, specialize};
use tilec_target::Chip;
use tilec_tensix_emu::{Options, Outcome, run, tilize, untilize};

const TEXT: &str = "kernel gemm[M, N, K](a: bf16[M, K], b: bf16[N, K]) -> (c: bf16[M, N])
{ c[m, n] = bf16(sum[k](a[m, k] * b[n, k])) }";

/// Rows of the result that are compared.
const CHECKED: usize = 8;

#[expect(clippy::print_stdout, reason = "an example is a program")]
fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [chip, m, n, k] = arguments.as_slice() else {
        panic!("tensix_traffic CHIP M N K");
    };
    let chip = tilec_target::chip(chip).expect("the chip has a table");
    let shape = [m, n, k].map(|size| size.parse::<usize>().expect("sizes are numbers"));
    println!("{}", measured(chip, shape));
}

/// The line of JSON.
fn measured(chip: &Chip, shape: [usize; 3]) -> serde_json::Value {
    let [m, n, k] = shape;
    let sizes: Vec<_> =
        ["M", "N", "K"].iter().zip(shape).map(|(name, x)| ((*name).to_owned(), x as i64)).collect();
    let module = program::Program::check(TEXT).module;
    let source = Source { file: "gemm.tile", text: TEXT };
    let target = Tensix::of(&module, "gemm", chip, source, sizes.clone()).expect("it is there");
    let kernel = specialize(&module.kernels[0], &sizes).expect("all sizes fit");
    let program = target.program(recognize(&normalize(&kernel))).expect("the chip runs it");
    let planned = verify::traffic(&program);
    let (a, b) = (random(m * k, 1), random(n * k, 2));
    let start = Instant::now();
    let outcome = emulate(&target, &program, &a, &b);
    let seconds = start.elapsed().as_secs_f64();
    let error = largest_error(&result(&target, &program, &outcome), &a, &b, shape);
    let cores: Vec<_> = outcome.counters.iter().flatten().collect();
    let sum = |of: fn(&tilec_tensix_emu::Counters) -> u64| cores.iter().map(|x| of(x)).sum::<u64>();
    let (read, written) = (sum(|x| x.dram_read_bytes), sum(|x| x.dram_written_bytes));
    let most = cores.iter().map(|core| core.tile_products).max().unwrap_or(0);
    // Cores that are left out count as idle ones.
    let all = chip.tensix().columns * chip.tensix().rows;
    let mean = sum(|x| x.tile_products) as f64 / f64::from(all);
    serde_json::json!({
        "chip": chip.name,
        "sizes": {"M": m, "N": n, "K": k},
        "cores": program.steps[0].cores(),
        "cores_of_chip": all,
        "dram_read_bytes": read,
        "dram_written_bytes": written,
        "planned_dram_bytes": planned.iter().map(|x| x.dram_read + x.dram_written).sum::<u64>(),
        "least_dram_bytes": program.steps.iter().map(|x| x.least_dram_bytes).sum::<u64>(),
        "multicast_bytes": sum(|x| x.multicast_bytes),
        "tile_products_of_busiest_core": most,
        "tile_products_of_mean_core": mean,
        "largest_error_over_sum_of_magnitudes": error,
        "emulator_seconds": seconds,
    })
}

fn emulate(target: &Tensix<'_>, program: &Program, a: &[bf16], b: &[bf16]) -> Outcome {
    let emitted = target.emit(program);
    let texts: BTreeMap<_, _> = emitted.kernels.into_iter().collect();
    let mut inputs = BTreeMap::new();
    for buffer in &emitted.programs.buffers {
        let values = match buffer.tensor.as_str() {
            "a" => a,
            "b" => b,
            _ => continue,
        };
        let bytes: Vec<_> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        inputs.insert(buffer.name.clone(), tilize(buffer, &bytes));
    }
    let limit = Duration::from_secs(3600);
    let options = Options { limit, ..Options::default() };
    run(&emitted.programs, &texts, &inputs, &options).unwrap_or_else(|failure| panic!("{failure}"))
}

/// The elements of c.
fn result(target: &Tensix<'_>, program: &Program, outcome: &Outcome) -> Vec<bf16> {
    let buffers = target.emit(program).programs.buffers;
    let buffer = buffers.iter().find(|buffer| buffer.tensor == "c").expect("c is an output");
    let bytes = untilize(buffer, &outcome.outputs[&buffer.name]);
    bytes.chunks_exact(2).map(|pair| bf16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// Of some rows, how far sums are from those in f64 beyond the rounding to bf16, over the
/// sum of magnitudes: at most.
fn largest_error(c: &[bf16], a: &[bf16], b: &[bf16], [m, n, k]: [usize; 3]) -> f64 {
    let rows = (0..m).step_by(m.div_ceil(CHECKED).max(1));
    let places = rows.flat_map(|row| (0..n).map(move |column| (row, column)));
    let errors = places.map(|(row, column)| {
        let pairs = a[row * k..][..k].iter().zip(&b[column * k..][..k]);
        let products = pairs.map(|(a, b)| a.to_f64() * b.to_f64());
        let (sum, magnitude) = products.fold((0.0, 0.0), |(s, t), x| (s + x, t + x.abs()));
        let rounding = sum.abs() / 256.0 / 2.0;
        ((c[row * n + column].to_f64() - sum).abs() - rounding) / magnitude
    });
    errors.fold(0.0, f64::max)
}

/// Values in -1 .. 1, the same on every run.
fn random(count: usize, seed: i32) -> Vec<bf16> {
    let count = i32::try_from(count).expect("it is no more than a launch may have");
    let bits = (0..count).map(|at| philox::random(seed, &[at]));
    bits.map(|bits| bf16::from_f32(2.0 * philox::uniform(bits) - 1.0)).collect()
}
