//! Dataflow programs of contractions: that they verify at every size, and how they are cut.

use tilec_ir::dataflow::verify::{self, Traffic};
use tilec_ir::dataflow::{Program, print};
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

#[test]
fn a_large_product_reads_its_operands_once() {
    let program = program(BF16, "wormhole_n150", [4096; 3]);
    if std::env::var("SHOW").is_ok() {
        println!("{}", print::print(&program));
    }
    let traffic = traffic(&program);
    println!("{traffic:#?}");
}

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
        if std::env::var("SHOW").is_ok_and(|show| show == kernel.name) {
            match &found {
                Ok(program) => println!("{}", print::print(program)),
                Err(faults) => println!("{faults:#?}"),
            }
        }
        let said = match found {
            Ok(program) => format!("{} steps", program.steps.len()),
            Err(faults) => faults[0].message.clone(),
        };
        all.push(format!("{}: {said}", kernel.name));
    }
    all
}

#[test]
fn cases_of_contractions_compile_or_say_why_not() {
    for name in CHIPS {
        for path in [
            "tests/cases/contract/layouts.tile",
            "tests/cases/contract/epilogues.tile",
            "tests/cases/contract/prologues.tile",
            "tests/cases/contract/scaled.tile",
            "tests/cases/contract/types.tile",
            "examples/gemm_fp8/gemm_fp8.tile",
            "examples/batched_gemm/batched_gemm.tile",
        ] {
            for size in [1, 33, 65, 130, 300] {
                let size = |name: &str| if name == "B" || name == "H" { 3 } else { size };
                println!("{path} {name} {:#?}", outcome(path, name, &size));
            }
        }
    }
}
