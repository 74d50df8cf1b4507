//! Emitted CUDA computes what the interpreter computes, without a GPU: functions run
//! on the host, thread by thread, under the address sanitizer.
//!
//! Random kernels and every program of the project, each equation by itself, in
//! several cuts. `TILEC_FUZZ_KERNELS` sets how many random kernels (40),
//! `TILEC_FUZZ_SEED` the first seed, `TILEC_TURNS` how often every program runs, each
//! time in another cut (1).

#[path = "../support/agree.rs"]
#[allow(dead_code, reason = "another test compares the ways to run on the CPU")]
mod agree;
#[path = "../support/every.rs"]
mod every;
mod exact;
#[path = "../support/expressions.rs"]
mod expressions;
#[path = "../support/files.rs"]
#[allow(dead_code, reason = "takes no snapshots")]
mod files;
mod fuzz;
#[path = "../support/generic.rs"]
mod generic;
#[path = "../support/host.rs"]
mod host;
#[path = "../support/kernels.rs"]
mod kernels;
#[path = "../support/nvcc.rs"]
#[allow(dead_code, reason = "another test reads what ptxas reports")]
mod nvcc;
mod programs;
#[path = "../support/random.rs"]
mod random;

use generic::Cut;
use tilec_ir::{Kernel, tile};

/// Cuts that together reach every way to run points.
const CUTS: [Cut; 3] = [
    Cut { threads: 32, vector: 1, threads_per_point: 1, chunk: 4 },
    Cut { threads: 64, vector: 4, threads_per_point: 32, chunk: 256 },
    Cut { threads: 64, vector: 2, threads_per_point: 64, chunk: 3 },
];

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// How a kernel is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Every equation by itself.
    Generic,
    /// As the passes do.
    Planned,
}

/// The program that the passes make for a chip without copy engines, if the host
/// can run all of it.
fn planned(kernel: &Kernel) -> Option<tile::Program> {
    let chip = tilec_target::chip("a100").expect("it is in the tables");
    let plan = tilec_passes::recognize(&tilec_passes::normalize(kernel));
    let program = tilec_passes::compile_plan(plan, kernel, chip, &[]).expect("nothing is set");
    let mut variants = program.steps.iter().flat_map(|step| &step.variants);
    let needs_gpu =
        |body: &tile::Body| matches!(body, tile::Body::Pipeline(_) | tile::Body::Stepped(_));
    (!variants.any(|variant| needs_gpu(&variant.kernel.body))).then_some(program)
}
