//! Tile programs of the repository's own examples and cases, and what tile blocks
//! make of them.

use std::fs;
use std::path::{Path, PathBuf};

use tilec_ir::tile::{Program, print};
use tilec_ir::{Diagnostic, Kernel, Module};
use tilec_passes::{compile_plan, normalize, recognize, specialize};
use tilec_target::{Chip, chips};

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
