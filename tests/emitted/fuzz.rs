//! Random kernels, at sizes that include 0 and 1 and on data that includes NaN,
//! infinities and subnormals.

use tilec_codegen_cuda::{Emitted, Source, emit};
use tilec_ir::tensor::Role;
use tilec_ir::{Array, Kernel, interpret, launch};

use crate::generic::generic;
use crate::host::{self, Case};
use crate::random::Random;
use crate::{CUTS, Way, agree, kernels, number, planned};

/// A random kernel, cut and emitted.
struct Fuzzed {
    program: kernels::Program,
    kernel: Kernel,
    emitted: Emitted,
}

/// The random kernel of a seed; `None` where it is cut into what needs a GPU.
fn fuzzed(seed: u64, way: Way) -> Option<Fuzzed> {
    let program = kernels::generate(seed);
    let checked = tilec_frontend::check(&program.text);
    let mut kernel = checked.module.kernels[0].clone();
    kernel.name = format!("k{seed}");
    let tiled = match way {
        Way::Generic => {
            let canonical = tilec_passes::normalize(&kernel);
            generic(canonical.kernel(), "sm_90a", CUTS[seed as usize % CUTS.len()])
        }
        Way::Planned => planned(&kernel)?,
    };
    let source = Source { file: "k.tile", text: &program.text };
    let emitted = emit(&tiled, source);
    assert_eq!(emitted.source, emit(&tiled, source).source, "the same bytes every time");
    Some(Fuzzed { program, kernel: tiled.plan.kernel, emitted })
}

/// Launches of a kernel at several sizes, and what the interpreter computes.
fn launches<'a>(at: usize, of: &'a Fuzzed, seed: u64) -> Vec<(Case<'a>, Vec<Array>, String)> {
    let mut random = Random::new(seed ^ 0x5eed);
    let (mut cases, kernel) = (Vec::new(), &of.kernel);
    for special in [false, false, true] {
        let set = agree::sizes(&of.program, &mut random);
        let inputs: Vec<_> = kernel.tensors_of(Role::Input).collect();
        // Indices below a size of 0 are refused, as they should be.
        let Ok(launch) = launch::bind(kernel, &vec![None; inputs.len()], &set) else { continue };
        let draw = |&tensor| agree::draw(kernel, &launch, tensor, special, &mut random);
        let inputs: Vec<_> = inputs.iter().map(draw).collect();
        let expected =
            interpret::interpret(kernel, &launch, &inputs, &|_| {}).expect("the tensors are small");
        let what = format!("seed {seed} at {set:?}, special values: {special}");
        cases.push((Case { kernel, program: at, launch, inputs, forced: None }, expected, what));
    }
    cases
}

#[test]
fn random_kernels_agree_equation_by_equation() {
    random_kernels(Way::Generic);
}

#[test]
fn random_kernels_agree_as_planned() {
    random_kernels(Way::Planned);
}

fn random_kernels(way: Way) {
    let (count, first) = (number("TILEC_FUZZ_KERNELS", 40), number("TILEC_FUZZ_SEED", 0));
    let seeds: Vec<_> = (first..first + count).map(|seed| seed as u64).collect();
    let mut runs = 0;
    for seeds in seeds.chunks(40) {
        let fuzzed = seeds.iter().filter_map(|&seed| Some((seed, fuzzed(seed, way)?)));
        runs += run(&fuzzed.collect::<Vec<_>>());
    }
    assert!(runs >= count, "only {runs} launches of {count} kernels");
}

/// Runs random kernels, and fails where one disagrees; returns how many launches ran.
fn run(fuzzed: &[(u64, Fuzzed)]) -> usize {
    let launches = fuzzed.iter().enumerate().flat_map(|(at, (seed, of))| launches(at, of, *seed));
    let (mut cases, mut expected) = (Vec::new(), Vec::new());
    for (case, outputs, what) in launches {
        cases.push(case);
        expected.push((outputs, what));
    }
    let programs: Vec<_> = fuzzed.iter().map(|(_, of)| of.emitted.clone()).collect();
    let actual = host::run(&programs, &cases).unwrap_or_else(|said| {
        let last = said.lines().filter_map(|line| line.strip_prefix("case ")).next_back();
        let at = last.and_then(|at| at.parse::<usize>().ok());
        let source = |at: usize| &fuzzed[cases[at].program].1.emitted.source;
        let of = at.map(|at| (&expected[at].1, source(at)));
        let (what, source) = of.map_or(("", ""), |(what, source)| (what, source));
        panic!("{what}: {said}\n{source}")
    });
    for ((case, (outputs, what)), actual) in cases.iter().zip(&expected).zip(&actual) {
        let (_, of) = &fuzzed[case.program];
        if let Err(fault) = agree::compare(&of.program, case.kernel, outputs, actual) {
            panic!("{what}: {fault}\n{}\n{}", of.program.text, of.emitted.source);
        }
    }
    cases.len()
}
