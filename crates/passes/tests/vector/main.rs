//! Elementwise and rowwise regions as steps of cores, run tile by tile and compared with
//! the interpreter.

mod machine;
mod tile;
mod vectors;

use std::collections::BTreeMap;
use std::path::Path;

use tilec_ir::dataflow::{Program, print};
use tilec_ir::tensor::{Kernel, Role, Scalar};
use tilec_ir::{Array, Diagnostic, Element, compare, launch};
use tilec_passes::{compile_dataflow, normalize, recognize, specialize};
use tilec_target::{Chip, Machine, chip};

/// A chip with fewer cores.
fn smaller(name: &str, grid: [u32; 2]) -> Chip {
    let mut chip = chip(name).expect("it has a table").clone();
    let Machine::Tensix(tensix) = &mut chip.machine else { panic!("{name} is no Tensix") };
    [tensix.columns, tensix.rows] = grid;
    chip
}

fn compile(
    kernel: &Kernel,
    chip: &Chip,
    set: &[(String, i64)],
) -> Result<Program, Vec<Diagnostic>> {
    let plan = recognize(&normalize(&specialize(kernel, set)?));
    compile_dataflow(plan, kernel, chip, &[])
}

/// Numbers that look random: splitmix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// An input: floats of about -4 to 4, small integers.
fn draw(
    kernel: &Kernel,
    shape: &[usize],
    element: Scalar,
    state: &mut u64,
    sizes: &launch::Launch,
) -> Array {
    let mut array = Array::zeros(Element::of(element), shape).expect("it is small");
    for at in 0..array.len() {
        let bits = next(state);
        match element {
            Scalar::Bool => array.set_bool(at, bits % 2 == 0),
            Scalar::I8 | Scalar::U8 => array.set_i32(at, i32::try_from(bits % 256).unwrap() - 100),
            Scalar::I32 => array.set_i32(at, i32::try_from(bits % 64).unwrap()),
            Scalar::Idx(bound) => {
                let bound = kernel.ints.eval(bound, &mut |atom| match atom {
                    tilec_ir::Atom::Size(size) => Some(sizes.size(*size)),
                    _ => None,
                });
                let bound = u64::try_from(bound.unwrap()).unwrap().max(1);
                array.set_i32(at, i32::try_from(bits % bound).unwrap());
            }
            _ => {
                let value = (bits % 8001) as f32 / 1000.0 - 4.0;
                // What a chip cuts off of an f32 is 0 there.
                let kept = if words { value } else { f32::from_bits(value.to_bits() & !0x1fff) };
                array.set_f32(at, kept);
            }
        }
    }
    array
}

/// Compiles a kernel, runs it, and compares every output with the interpreter's.
fn check(kernel: &Kernel, chip: &Chip, set: &[(&str, i64)]) -> Result<Program, Vec<Diagnostic>> {
    let set: Vec<_> = set.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let program = compile(kernel, chip, &set)?;
    let none = vec![None; kernel.tensors_of(Role::Input).count()];
    let launch = launch::bind(kernel, &none, &set).expect("the sizes fit");
    let mut state = 1;
    let words = chip.tensix().words_to_dst;
    let mut tensors = BTreeMap::new();
    let mut inputs = Vec::new();
    for id in kernel.tensors_of(Role::Input) {
        let shape = &launch.shapes[id.index()];
        let array = draw(kernel, shape, kernel.tensors[id].element, &mut state, &launch, words);
        tensors.insert(id, array.clone());
        inputs.push(array);
    }
    if std::env::var("SHOW").is_ok_and(|show| kernel.name.contains(&show)) {
        println!("{}", print::print(&program));
    }
    machine::run(&program, &mut tensors);
    let outputs: Vec<_> = kernel.tensors_of(Role::Output).map(|id| tensors[&id].clone()).collect();
    let verdicts =
        compare::check(kernel, &launch, &inputs, &outputs, &[], &|_| {}).expect("it runs");
    for verdict in &verdicts {
        assert!(
            verdict.passes(),
            "{} on {} {set:?}: `{}` {:?}\n{}",
            kernel.name,
            chip.name,
            kernel.tensors[verdict.tensor].name,
            verdict,
            print::print(&program)
        );
    }
    Ok(program)
}

fn parse(text: &str) -> tilec_ir::Module {
    let checked = tilec_frontend::check(text);
    assert!(!checked.module.kernels.is_empty(), "{:?}", checked.diagnostics);
    checked.module
}

fn file(path: &str) -> tilec_ir::Module {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    parse(&std::fs::read_to_string(root.join(path)).expect("it is there"))
}

const GRIDS: [[u32; 2]; 3] = [[1, 1], [3, 2], [4, 4]];

/// Runs a text's kernels at sizes, on both chips and several grids.
#[track_caller]
fn agree(text: &str, sizes: &[&[(&str, i64)]]) {
    for kernel in &parse(text).kernels {
        for name in ["blackhole_p150", "wormhole_n150"] {
            for (grid, set) in
                GRIDS.iter().flat_map(|grid| sizes.iter().map(move |set| (grid, set)))
            {
                let found = check(kernel, &smaller(name, *grid), set);
                if let Err(found) = found {
                    panic!("{}: {found:#?}", kernel.name);
                }
            }
        }
    }
}

const SIZES: &[&[(&str, i64)]] = &[
    &[("M", 1), ("N", 1)],
    &[("M", 31), ("N", 33)],
    &[("M", 65), ("N", 127)],
    &[("M", 100), ("N", 32)],
];

#[test]
fn a_bias_and_an_activation() {
    agree(
        "kernel k[M, N](x: bf16[M, N], bias: bf16[N], gain: bf16[M], s: bf16) -> (y: bf16[M, N])
         { y[m, n] = bf16(silu(x[m, n] + bias[n]) * gain[m] + s) }",
        SIZES,
    );
}

#[test]
fn f32_is_exact_where_words_reach_dst() {
    let text = "kernel k[M, N](x: f32[M, N]) -> (y: f32[M, N]) { y[m, n] = x[m, n] * 3.0 }";
    let kernel = &parse(text).kernels[0];
    for sizes in SIZES {
        check(kernel, &smaller("blackhole_p150", [2, 2]), sizes).unwrap();
    }
}

/// Runs the kernels of a file at sizes, by the names that each has.
#[track_caller]
fn agree_file(path: &str, sizes: &[&[(&str, i64)]]) {
    for kernel in &file(path).kernels {
        for name in ["blackhole_p150", "wormhole_n150"] {
            for (grid, set) in
                GRIDS.iter().flat_map(|grid| sizes.iter().map(move |set| (grid, set)))
            {
                let has = |name: &str| kernel.sizes.iter().any(|(_, size)| size.name == name);
                let set: Vec<_> = set.iter().copied().filter(|(name, _)| has(name)).collect();
                if let Err(found) = check(kernel, &smaller(name, *grid), &set) {
                    panic!("{}: {found:#?}", kernel.name);
                }
            }
        }
    }
}

#[test]
fn norms() {
    agree_file("tests/cases/rowwise/norms.tile", SIZES);
    agree_file("examples/rmsnorm/rmsnorm.tile", SIZES);
}

#[test]
fn softmax() {
    agree_file("examples/softmax/softmax.tile", SIZES);
    let sizes: &[&[(&str, i64)]] = &[
        &[("M", 33), ("N", 100), ("H", 2), ("S", 5), ("T", 70)],
        &[("M", 1), ("N", 1), ("H", 3), ("S", 40), ("T", 1)],
    ];
    agree_file("tests/cases/rowwise/softmax.tile", sizes);
}

#[test]
fn quantization() {
    let sizes: &[&[(&str, i64)]] = &[
        &[("M", 1), ("N", 1), ("G", 1)],
        &[("M", 33), ("N", 127), ("G", 3)],
        &[("M", 65), ("N", 300), ("G", 2)],
        &[("M", 31), ("N", 256), ("G", 5)],
    ];
    agree_file("tests/cases/rowwise/quantize.tile", sizes);
}
