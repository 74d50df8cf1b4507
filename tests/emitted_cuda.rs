//! Emitted CUDA computes what the interpreter computes, without a GPU: functions run
//! on the host, thread by thread, under the address sanitizer.
//!
//! Random kernels and every program of the project, each equation by itself, in
//! several cuts. `TILEC_FUZZ_KERNELS` sets how many random kernels (40),
//! `TILEC_FUZZ_SEED` the first seed, `TILEC_TURNS` how often every program runs, each
//! time in another cut (1).

#[path = "support/agree.rs"]
#[allow(dead_code, reason = "another test compares the ways to run on the CPU")]
mod agree;
#[path = "support/expressions.rs"]
mod expressions;
#[path = "support/files.rs"]
#[allow(dead_code, reason = "takes no snapshots")]
mod files;
#[path = "support/generic.rs"]
mod generic;
#[path = "support/host.rs"]
mod host;
#[path = "support/kernels.rs"]
mod kernels;
#[path = "support/nvcc.rs"]
#[allow(dead_code, reason = "another test reads what ptxas reports")]
mod nvcc;
#[path = "support/random.rs"]
mod random;

use generic::{Cut, generic};
use host::Case;
use random::Random;
use tilec_codegen_cuda::{Emitted, Source, emit};
use tilec_ir::tensor::{Fact, FactKind, Role, Tensor};
use tilec_ir::{Array, Data, Id, Kernel, compare, interpret, launch, tile};

/// A kernel of a `.tile` file, in one cut.
struct Filed {
    name: String,
    kernel: Kernel,
    emitted: Emitted,
}

/// Every kernel of the project's programs that can be run this way, for the first in
/// cuts that depend on the turn.
fn filed(way: Way, arch: &str, turn: usize) -> Vec<Filed> {
    let folders = ["examples", "tests/cases/idioms", "tests/cases/canonical"];
    let folders = folders.into_iter().chain(["tests/cases/regressions", "tests/cases/rowwise"]);
    let mut found = Vec::new();
    for path in folders.flat_map(files::tile_files) {
        let text = std::fs::read_to_string(&path).expect("programs are text");
        let checked = tilec_frontend::check(&text);
        let file = path.file_name().expect("programs have names").to_string_lossy();
        for kernel in &checked.module.kernels {
            let at = found.len();
            let name = format!("{} of {}", kernel.name, path.display());
            let mut kernel = kernel.clone();
            kernel.name = format!("k{at}_{}", kernel.name);
            let cut = CUTS[(at + turn) % CUTS.len()];
            let canonical = || tilec_passes::normalize(&kernel);
            let tiled = match way {
                Way::Generic => Some(generic(canonical().kernel(), arch, cut)),
                Way::Planned => planned(&kernel),
            };
            let Some(tiled) = tiled else { continue };
            let emitted = emit(&tiled, Source { file: &file, text: &text });
            found.push(Filed { name, kernel: tiled.plan.kernel, emitted });
        }
    }
    found
}

#[test]
fn every_program_compiles() {
    for (turn, arch) in ["sm_80", "sm_90a"].into_iter().enumerate() {
        let filed = filed(Way::Generic, arch, turn);
        assert!(filed.len() > 50, "only {} kernels", filed.len());
        let texts = filed
            .chunks(12)
            .map(|some| some.iter().map(|of| of.emitted.source.as_str()).collect::<String>());
        let texts: Vec<_> = texts.collect();
        let said = nvcc::parallel(&texts, |text| nvcc::compile(text, arch, nvcc::Make::Object));
        for said in said {
            if let Err(said) = said {
                panic!("{arch}: {said}");
            }
        }
    }
}

#[test]
fn every_program_agrees_equation_by_equation() {
    every_program(Way::Generic);
}

#[test]
fn every_program_agrees_as_planned() {
    every_program(Way::Planned);
}

fn every_program(way: Way) {
    for turn in 0..number("TILEC_TURNS", 1) {
        let (special, filed) = (turn % 2 == 1, filed(way, "sm_80", turn));
        let mut launched = 0;
        for filed in filed.chunks(16) {
            let mut random = Random::new(turn as u64);
            let cases = filed.iter().enumerate().filter_map(|(program, of)| {
                let launch = small_launch(&of.kernel, &mut random)?;
                let inputs = of.kernel.tensors_of(Role::Input);
                let inputs: Vec<_> = inputs.collect();
                let draw = |tensor| draw(&of.kernel, &launch, tensor, special, &mut random);
                let inputs = inputs.into_iter().map(draw).collect();
                Some(Case { kernel: &of.kernel, program, launch, inputs })
            });
            let cases: Vec<_> = cases.collect();
            let programs: Vec<_> = filed.iter().map(|of| of.emitted.clone()).collect();
            let actual = host::run(&programs, &cases).unwrap_or_else(|said| panic!("{said}"));
            for (case, actual) in cases.iter().zip(&actual) {
                judge(&filed[case.program], case, actual, special);
            }
            launched += cases.len();
        }
        assert!(launched * 10 > filed.len() * 9, "{launched} of {} kernels ran", filed.len());
    }
}

/// Fails unless a launch computed what it should.
fn judge(of: &Filed, case: &Case<'_>, actual: &[Array], special: bool) {
    let Case { kernel, launch, inputs, .. } = case;
    let verdicts = compare::check(kernel, launch, inputs, actual, &[], &|_| {})
        .expect("the tensors are small");
    let has_picks = !compare::uncertain_picks(kernel).is_empty();
    for verdict in verdicts.iter().filter(|verdict| !verdict.passes()) {
        // Picks that the test does not see may differ where keys nearly tie, and
        // infinities may meet in another order.
        if has_picks || special && !verdict.tolerance.is_exact() {
            continue;
        }
        let name = &kernel.tensors[verdict.tensor].name;
        panic!("{} at {:?}: {name}: {verdict:?}\n{}", of.name, launch.sizes, of.emitted.source);
    }
}

/// Small sizes that the facts of a kernel allow.
fn small_launch(kernel: &Kernel, random: &mut Random) -> Option<launch::Launch> {
    let inputs = vec![None; kernel.tensors_of(Role::Input).count()];
    let some = [1, 2, 3, 4, 5, 8, 16, 17, 32, 64, 128, 256];
    let few = |launch: &launch::Launch| {
        let counts = launch.shapes.iter().map(|shape| shape.iter().product::<usize>());
        counts.sum::<usize>() < 60_000
    };
    let draw = |_| {
        let sizes = kernel.sizes.iter();
        let set = sizes.map(|(_, size)| (size.name.clone(), *random.pick(&some)));
        let launch = launch::bind(kernel, &inputs, &set.collect::<Vec<_>>()).ok();
        launch.filter(few)
    };
    (0..3000).find_map(draw)
}

fn draw(
    kernel: &Kernel,
    launch: &launch::Launch,
    tensor: Id<Tensor>,
    special: bool,
    random: &mut Random,
) -> Array {
    let mut array = agree::draw(kernel, launch, tensor, special, random);
    let sorted = |fact: &Fact| fact.kind == FactKind::Sorted(tensor);
    if kernel.facts.iter().any(|fact| sorted(fact))
        && let Data::I32(values) = &mut array.data
    {
        let row = array.shape.last().copied().unwrap_or(1).max(1);
        values.chunks_mut(row).for_each(<[i32]>::sort_unstable);
    }
    array
}

/// Cuts that together reach every way to run points.
const CUTS: [Cut; 3] = [
    Cut { threads: 32, vector: 1, threads_per_point: 1, chunk: 4 },
    Cut { threads: 64, vector: 4, threads_per_point: 32, chunk: 256 },
    Cut { threads: 64, vector: 2, threads_per_point: 64, chunk: 3 },
];

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A random kernel, cut and emitted.
struct Fuzzed {
    program: kernels::Program,
    kernel: Kernel,
    emitted: Emitted,
}

/// How a kernel is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Every equation by itself.
    Generic,
    /// As the passes do.
    Planned,
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
        cases.push((Case { kernel, program: at, launch, inputs }, expected, what));
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
        let last = said.lines().filter_map(|line| line.strip_prefix("case ")).last();
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
