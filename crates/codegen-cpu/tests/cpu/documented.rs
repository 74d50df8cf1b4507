//! Every kernel of the language page and of the examples, at every choice of
//! small sizes that its facts allow, against the reference interpreter.

use std::path::{Path, PathBuf};

use crate::support::{Drawn, agree, launches};
use tilec_codegen_cpu::compile;

/// Values of sizes: nothing, one, around a vector, past a block of 128.
const SIZES: [i64; 6] = [0, 1, 2, 7, 17, 130];
/// How many choices of sizes each kernel runs at.
const LAUNCHES: usize = 24;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs every kernel of a text without errors; how many these were.
fn check(name: &str, text: &str) -> usize {
    let checked = tilec_frontend::check(text);
    for kernel in &checked.module.kernels {
        let compiled = compile(kernel).unwrap();
        let mut ran = 0;
        for Drawn { launch, inputs } in launches(kernel, &SIZES, LAUNCHES) {
            agree(&format!("{name}: {}", kernel.name), 1e-4, kernel, &compiled, &launch, &inputs);
            ran += 1;
        }
        assert!(ran > 0, "{name}: {} runs at no sizes", kernel.name);
    }
    checked.module.kernels.len()
}

#[test]
fn kernels_of_the_language_page() {
    let page = std::fs::read_to_string(root().join("docs/language.md")).unwrap();
    let blocks = page.split("```tile\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let right = blocks.filter(|block| !block.starts_with("// error:"));
    let ran: usize = right.map(|block| check("language.md", block)).sum();
    assert!(ran > 20, "only {ran} kernels");
}

#[test]
fn kernels_of_the_examples() {
    let mut ran = 0;
    for folder in std::fs::read_dir(root().join("examples")).unwrap() {
        let Ok(files) = std::fs::read_dir(folder.unwrap().path()) else { continue };
        for path in files.map(|file| file.unwrap().path()) {
            if path.extension().is_some_and(|e| e == "tile") {
                let text = std::fs::read_to_string(&path).unwrap();
                ran += check(&path.display().to_string(), &text);
            }
        }
    }
    assert!(ran > 5, "only {ran} kernels");
}
