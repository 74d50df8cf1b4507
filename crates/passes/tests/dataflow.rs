//! Dataflow programs of contractions: that they verify at every size, and how they are cut.

use tilec_ir::dataflow::Program;
use tilec_ir::dataflow::verify::{self, Traffic};
use tilec_ir::{Diagnostic, Module};
use tilec_passes::{compile_dataflow, normalize, recognize, specialize};
use tilec_target::{Chip, chip};

const CHIPS: [&str; 2] = ["wormhole_n150", "blackhole_p150"];

fn parse(text: &str) -> Module {
    let checked = tilec_frontend::check(text);
    assert!(!checked.module.kernels.is_empty(), "{:?}", checked.diagnostics);
    checked.module
}

fn compile(
    module: &Module,
    at: usize,
    chip: &Chip,
    set: &[(&str, i64)],
) -> Result<Program, Vec<Diagnostic>> {
    let kernel = &module.kernels[at];
    let set: Vec<_> = set.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let plan = recognize(&normalize(&specialize(kernel, &set)?));
    let tilings: Vec<_> = module.tilings.iter().filter(|tiling| tiling.kernel == at).collect();
    compile_dataflow(plan, kernel, chip, &tilings)
}

/// The program of the only kernel of a text, at sizes M, N and K.
fn program(text: &str, name: &str, [m, n, k]: [i64; 3]) -> Program {
    let chip = chip(name).expect("it has a table");
    compile(&parse(text), 0, chip, &[("M", m), ("N", n), ("K", k)])
        .unwrap_or_else(|faults| panic!("{m} x {n} x {k} on {name}: {faults:#?}"))
}

fn traffic(program: &Program) -> Traffic {
    verify::traffic(program).into_iter().next().expect("there is a step")
}

const BF16: &str = "
kernel gemm[M, N, K](a: bf16[M, K], b: bf16[N, K]) -> (c: bf16[M, N])
{
    c[m, n] = bf16(sum[k](a[m, k] * b[n, k]))
}
";

#[test]
fn products_verify_at_every_size() {
    for name in CHIPS {
        for m in [1, 31, 33, 65] {
            for n in [1, 33, 65, 127] {
                for k in [1, 31, 65, 127] {
                    program(BF16, name, [m, n, k]);
                }
            }
        }
        for size in [512, 2112] {
            program(BF16, name, [size; 3]);
        }
    }
}

/// Cores, the busiest one's share of the products over the mean, and DRAM bytes over the
/// least that there could be.
fn shares(text: &str, chip: &str, sizes: [i64; 3]) -> (u32, f64, f64) {
    let program = program(text, chip, sizes);
    let (traffic, step) = (traffic(&program), &program.steps[0]);
    let [most, mean] = step.math_cycles;
    let dram = traffic.dram_read + traffic.dram_written;
    (step.cores(), most / mean, dram as f64 / step.least_dram_bytes as f64)
}

#[test]
fn large_products_use_all_cores_evenly_and_read_little() {
    let (cores, busiest, dram) = shares(BF16, "wormhole_n150", [4096; 3]);
    assert_eq!(cores, 64);
    assert!(busiest <= 1.1 && dram <= 2.0, "{busiest} {dram}");
    for (text, chip) in [BF16, FP8].into_iter().flat_map(|text| CHIPS.map(|chip| (text, chip))) {
        for size in [2112, 4096] {
            let (cores, busiest, dram) = shares(text, chip, [size; 3]);
            assert!(cores >= 50 && busiest <= 1.25 && dram <= 4.0, "{cores} {busiest} {dram}");
        }
    }
}

#[test]
fn empty_products_and_empty_sums() {
    for name in CHIPS {
        let program = program(BF16, name, [33, 1, 0]);
        assert_eq!(program.steps.len(), 1);
        let nothing = self::program(BF16, name, [0, 33, 65]);
        assert_eq!(nothing.steps.len(), 0);
    }
}

/// What a tile block gets as an answer.
#[track_caller]
fn refused(text: &str, chip: &str, settings: &str, sizes: [i64; 3]) -> Diagnostic {
    let text = format!("{text}\ntile gemm on {chip} {{ c: {settings} }}\n");
    let chip = tilec_target::chip(chip).expect("it has a table");
    let [m, n, k] = sizes;
    let found = compile(&parse(&text), 0, chip, &[("M", m), ("N", n), ("K", k)]);
    found.expect_err("it can't be followed").remove(0)
}

#[test]
fn tile_blocks_that_do_not_fit_are_refused_with_what_takes_the_space() {
    let fault = refused(BF16, "wormhole_n150", "m = 2048, n = 1024", [4096; 3]);
    assert!(fault.message.ends_with("bytes of L1, and has 1393312 for buffers"), "{fault:#?}");
    let help = fault.help.expect("there is a way out");
    assert!(help.contains("sums") && help.contains("in all"), "{help}");
    let fault = refused(FP8, "blackhole_p150", "k = 96", [512; 3]);
    assert_eq!(fault.message, "k = 96 does not divide the 128 of k that are scaled at once");
    let fault = refused(BF16, "blackhole_p150", "stages = 16, k = 4096", [4096; 3]);
    assert!(fault.message.ends_with("for buffers"), "{fault:#?}");
    let fault = refused(FP8, "wormhole_n150", "fp8 = native", [64; 3]);
    assert_eq!(fault.message, "Tenstorrent Wormhole n150 has no f8e4m3 of its own");
}

const FP8: &str = "
kernel gemm[M, N, K](
    a:  f8e4m3[M, K],
    b:  f8e4m3[N, K],
    sa: f32[M, ceil(K / 128)],
    sb: f32[ceil(N / 128), ceil(K / 128)],
) -> (c: f32[M, N])
{
    c[m, n] = sum[k](a[m, k] * sa[m, k / 128] * b[n, k] * sb[n / 128, k / 128])
}
";

/// Every kernel of a file at some sizes: what came of it.
fn outcome(path: &str, name: &str, size: &dyn Fn(&str) -> i64) -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    let module = parse(&std::fs::read_to_string(root).expect("it can be read"));
    let chip = chip(name).expect("it has a table");
    let mut all = Vec::new();
    for (at, kernel) in module.kernels.iter().enumerate() {
        let set: Vec<_> =
            kernel.sizes.iter().map(|(_, one)| (one.name.as_str(), size(&one.name))).collect();
        let found = compile(&module, at, chip, &set);
        let said = match found {
            Ok(program) => format!("{} steps", program.steps.len()),
            Err(faults) => faults[0].message.clone(),
        };
        all.push(format!("{}: {said}", kernel.name));
    }
    all
}

/// Kernels that the matrix unit can't run, with how the refusal begins.
const REFUSED: [(&str, &str); 5] = [
    ("f32_nn", TF32),
    ("f32_outer", TF32),
    ("gemm_f32", TF32),
    // Licensed for another chip.
    ("gemm_tf32", TF32),
    ("gemm_bf16_f32", TF32),
];
const TF32: &str = "the matrix unit of Tensix multiplies f32 factors as tf32";

#[test]
fn cases_of_contractions_compile_or_say_why_not() {
    for name in CHIPS {
        for path in [
            "tests/cases/contract/layouts.tile",
            "tests/cases/contract/epilogues.tile",
            "tests/cases/contract/few.tile",
            "tests/cases/contract/prologues.tile",
            "tests/cases/contract/scaled.tile",
            "tests/cases/contract/types.tile",
            "examples/gemm_fp8/gemm_fp8.tile",
            "examples/batched_gemm/batched_gemm.tile",
        ] {
            for size in [1, 33, 65, 130, 300] {
                let size = |name: &str| if name == "B" || name == "H" { 3 } else { size };
                for said in outcome(path, name, &size) {
                    let (kernel, said) = said.split_once(": ").expect("outcomes have a name");
                    let refusal = REFUSED.iter().find(|(refused, _)| *refused == kernel);
                    match refusal {
                        Some((_, begin)) => assert!(said.starts_with(begin), "{kernel}: {said}"),
                        None => assert!(said.ends_with(" steps"), "{kernel}: {said}"),
                    }
                }
            }
        }
    }
}
