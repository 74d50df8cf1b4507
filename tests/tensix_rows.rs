//! Elementwise and rowwise kernels on Tensix cores: the emitted kernels run in the emulator,
//! and what they compute is compared with the interpreter.
//!
//! Bounds are those of `tilec run --check`: every op of the vector unit rounds once as f32
//! does, functions are polynomials of a few ulp (docs/tensix-numerics.md), and a chip that
//! cuts f32 operands to tf32 is granted 2^-10 of each.

#[allow(dead_code, reason = "another test looks at programs and counters")]
#[path = "support/tensix.rs"]
mod tensix;

use tilec_ir::Module;

const CHIPS: [&str; 2] = ["wormhole_n150", "blackhole_p150"];
const GRIDS: [[u32; 2]; 4] = [[1, 1], [3, 1], [2, 3], [4, 4]];
const SIZES: [[i64; 2]; 4] = [[1, 1], [31, 33], [65, 127], [127, 65]];

fn parse(text: &str) -> Module {
    let checked = tilec_frontend::check(text);
    assert!(!checked.module.kernels.is_empty(), "{:?}", checked.diagnostics);
    checked.module
}

fn read(path: &str) -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(root.join(path)).expect("it can be read")
}

/// Every kernel of a text, but those refused on a chip, at sizes M x N on a grid each, in
/// turns on both chips.
fn every(text: &str, refused: &[(&str, &str)], sizes: &[usize]) {
    let module = parse(text);
    for (at, kernel) in module.kernels.iter().enumerate() {
        for &size in sizes {
            let ([m, n], grid) = (SIZES[size], GRIDS[size]);
            let mut name = CHIPS[(at + size) % 2];
            if refused.contains(&(kernel.name.as_str(), name)) {
                name = CHIPS[(at + size + 1) % 2];
            }
            let size = |name: &str| match name {
                "M" | "S" => m,
                "N" | "T" => n,
                "G" => n / 32 + 1,
                _ => 3,
            };
            let sizes = kernel.sizes.iter().map(|(_, one)| one.name.as_str());
            let set: Vec<_> = sizes.map(|name| (name, size(name))).collect();
            tensix::check_on((text, &module), &kernel.name, &tensix::with_grid(name, grid), &set);
        }
    }
}

#[test]
fn norms() {
    every(&read("tests/cases/rowwise/norms.tile"), &[], &[1, 2]);
    every(&read("examples/rmsnorm/rmsnorm.tile"), &[], &[0, 1, 2, 3]);
}

#[test]
fn softmax() {
    every(&read("tests/cases/rowwise/softmax.tile"), &[], &[1, 2]);
    every(&read("examples/softmax/softmax.tile"), &[], &[0, 1, 2, 3]);
}

#[test]
fn quantization() {
    every(&read("tests/cases/rowwise/quantize.tile"), &[], &[0, 1, 2, 3]);
}

#[test]
fn values_of_every_type() {
    every(&read("tests/tensix_tiles/points.tile"), &[("indices", "wormhole_n150")], &[1, 2]);
}

/// Words and random bits, which are exact: what arrives of an f32 on Wormhole is not.
#[test]
fn words_of_every_kind() {
    let wide = [("rounded_wide", "wormhole_n150")];
    every(&read("tests/tensix_tiles/words.tile"), &wide, &[0, 1, 2]);
}

#[test]
fn reductions_of_every_kind() {
    every(&read("tests/tensix_tiles/reductions.tile"), &[], &[1, 2]);
}
