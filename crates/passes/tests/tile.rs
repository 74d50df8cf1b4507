//! Tile programs of the repository's own examples and cases, and what tile blocks
//! make of them.

use std::fs;
use std::path::{Path, PathBuf};

use tilec_ir::tile::{Body, Program, print};
use tilec_ir::{Diagnostic, Kernel, Module};
use tilec_passes::{compile_plan, normalize, recognize, specialize};
use tilec_target::{Chip, chip, chips};

fn parse(text: &str) -> Module {
    let checked = tilec_frontend::check(text);
    assert!(!checked.module.kernels.is_empty(), "{:?}", checked.diagnostics);
    checked.module
}

fn compile(
    module: &Module,
    at: usize,
    chip: &Chip,
    set: &[(String, i64)],
) -> Result<Program, Vec<Diagnostic>> {
    let kernel: &Kernel = &module.kernels[at];
    let plan = recognize(&normalize(&specialize(kernel, set)?));
    let tilings: Vec<_> = module.tilings.iter().filter(|tiling| tiling.kernel == at).collect();
    compile_plan(plan, kernel, chip, &tilings)
}

fn files(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let mut open = vec![root];
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path).expect("the folder is there") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "tile") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

#[test]
fn every_case_compiles_for_every_chip() {
    for folder in ["examples", "tests/cases/contract", "tests/cases/rowwise", "tests/cases/idioms"]
    {
        for path in files(folder) {
            let module = parse(&fs::read_to_string(&path).expect("it can be read"));
            for at in 0..module.kernels.len() {
                for chip in chips() {
                    let program = compile(&module, at, chip, &[]);
                    let program = program.unwrap_or_else(|found| {
                        panic!("{}: {found:#?}", path.display());
                    });
                    let again = compile(&module, at, chip, &[]).expect("it did before");
                    assert_eq!(print::print(&program), print::print(&again));
                    if std::env::var("SHOW").is_ok_and(|show| show == chip.name) {
                        println!("{}", print::print(&program));
                    }
                }
            }
        }
    }
}

const SCALED: &str = "
kernel g[M, N, K](a: f8e4m3[M, K], b: f8e4m3[N, K], sa: f32[M, ceil(K / 128)],
    sb: f32[ceil(N / 128), ceil(K / 128)]) -> (c: bf16[M, N])
{
    acc[m, n] = sum[k](a[m, k] * sa[m, k / 128] * b[n, k] * sb[n / 128, k / 128])
    c[m, n]   = bf16(acc[m, n])
}";

/// The first variant of the first step, in short.
fn first(program: &Program) -> String {
    let variant = &program.steps[0].variants[0];
    let Body::Pipeline(body) = &variant.kernel.body else { return variant.kernel.name.clone() };
    let [m, n, k] = body.tile;
    let stages = body.channels[0].depth;
    format!("{m} x {n} x {k}, {stages} stages, {} in a cluster", body.cluster)
}

fn set(sizes: [i64; 3]) -> Vec<(String, i64)> {
    ["M", "N", "K"].into_iter().zip(sizes).map(|(name, size)| (name.to_owned(), size)).collect()
}

#[track_caller]
fn check_first(text: &str, sizes: [i64; 3], expected: &str) {
    let h200 = chip("h200").expect("it has a table");
    let program = compile(&parse(text), 0, h200, &set(sizes)).expect("it compiles");
    assert_eq!(first(&program), expected, "{sizes:?}: {}", program.steps[0].variants[0].chosen_by);
    // What is known to hold leaves nothing behind it.
    assert_eq!(program.steps[0].variants.len(), 1);
}

#[test]
fn known_sizes_take_the_quickest_tile() {
    let cases = [
        ([8192, 8192, 8192], "192 x 128 x 128, 4 stages, 2 in a cluster"),
        ([4096, 4096, 4096], "128 x 256 x 128, 4 stages, 2 in a cluster"),
        ([4096, 24576, 1536], "192 x 128 x 128, 4 stages, 2 in a cluster"),
        ([4096, 32768, 512], "192 x 128 x 128, 4 stages, 2 in a cluster"),
        ([4096, 7168, 16384], "128 x 256 x 128, 4 stages, 2 in a cluster"),
        ([4096, 4096, 7168], "128 x 256 x 128, 4 stages, 2 in a cluster"),
        ([4096, 7168, 2048], "128 x 256 x 128, 4 stages, 2 in a cluster"),
        ([4096, 2112, 7168], "192 x 128 x 128, 4 stages, 2 in a cluster"),
        ([128, 7168, 16384], "128 x 128 x 128, 4 stages, 2 in a cluster"),
        ([128, 4096, 7168], "64 x 64 x 256, 5 stages, 1 in a cluster"),
        ([64, 7168, 2048], "64 x 64 x 256, 5 stages, 1 in a cluster"),
        ([16, 7168, 16384], "16 x 64 x 512, 5 stages, 1 in a cluster"),
        ([1, 2048, 4096], "8 x 64 x 512, 6 stages, 2 in a cluster"),
    ];
    for (sizes, expected) in cases {
        check_first(SCALED, sizes, expected);
    }
}
