//! Every program of the project, compiled by nvcc and run on the host.

use tilec_codegen_cuda::{Emitted, Source, emit};
use tilec_ir::tensor::{Fact, FactKind, Role, Tensor};
use tilec_ir::{Array, Data, Id, Kernel, compare, launch, tile};
use tilec_manifest::Launch;

use crate::generic::generic;
use crate::host::{self, Case};
use crate::random::Random;
use crate::{CUTS, Way, agree, every, files, number, nvcc, planned};

/// A kernel of a `.tile` file, in one cut.
struct Filed {
    name: String,
    kernel: Kernel,
    emitted: Emitted,
    families: Vec<&'static str>,
}

/// Every kernel of the project's programs that can be run this way, for the first in
/// cuts that depend on the turn.
fn filed(way: Way, arch: &str, turn: usize) -> Vec<Filed> {
    let folders = ["examples", "tests/cases/idioms", "tests/cases/canonical"];
    let folders = folders.into_iter().chain([
        "tests/cases/grouped/plans",
        "tests/cases/regressions",
        "tests/cases/rowwise",
    ]);
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
            let families = families(&tiled);
            found.push(Filed { name, kernel: tiled.plan.kernel, emitted, families });
        }
    }
    found
}

#[test]
fn every_program_compiles() {
    for (turn, arch) in ["sm_80", "sm_90a"].into_iter().enumerate() {
        let filed = filed(Way::Generic, arch, turn);
        assert!(filed.len() > 50, "only {} kernels", filed.len());
        // Each for one of the two, unless all is asked for.
        let some = filed.chunks(12).enumerate().filter(|(at, _)| every::asked() || at % 2 == turn);
        let texts = some
            .map(|(_, some)| some.iter().map(|of| of.emitted.source.as_str()).collect::<String>());
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
    let filed = filed(Way::Planned, "sm_80", 0);
    for family in ["points", "rows", "select", "scan"] {
        assert!(filed.iter().any(|of| of.families.contains(&family)), "no {family} ran");
    }
}

/// What the kernels of a program are.
fn families(program: &tile::Program) -> Vec<&'static str> {
    let variants = program.steps.iter().flat_map(|step| &step.variants);
    let family = |variant: &tile::Variant| match &variant.kernel.body {
        tile::Body::Pipeline(_) => "pipeline",
        tile::Body::Stepped(_) => "stepped",
        tile::Body::Rows(_) => "rows",
        tile::Body::Scan(_) => "scan",
        tile::Body::Points(_) => "points",
        tile::Body::Select(_) => "select",
        tile::Body::Ranks(_) => "ranks",
        tile::Body::Within(_) => "within",
    };
    variants.map(family).collect()
}

fn every_program(way: Way) {
    for turn in 0..number("TILEC_TURNS", 1) {
        let (special, filed) = (turn % 2 == 1, filed(way, "sm_80", turn));
        let mut launched = 0;
        for filed in filed.chunks(16) {
            let mut random = Random::new(turn as u64);
            let cases = filed.iter().enumerate().filter_map(|(program, of)| {
                let launch = small_launch(of, &mut random)?;
                let inputs = of.kernel.tensors_of(Role::Input);
                let inputs: Vec<_> = inputs.collect();
                let draw = |tensor| draw(&of.kernel, &launch, tensor, special, &mut random);
                let inputs = inputs.into_iter().map(draw).collect();
                Some(Case { kernel: &of.kernel, program, launch, inputs, forced: None })
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

/// How many threads run, each of which may be a fiber.
fn threads(of: &Filed, launch: &launch::Launch) -> i64 {
    let size = |name: &str| {
        let found = of.kernel.sizes.iter().find(|(_, size)| size.name == name);
        found.map(|(id, _)| launch.size(id))
    };
    let variants = of.emitted.manifest.steps.iter().filter_map(|step| step.variants.last());
    let launches = variants.flat_map(|variant| &variant.launches);
    let threads = |launch: &Launch| Some(launch.grid[0].eval(&size)? * i64::from(launch.block[0]));
    launches.filter_map(threads).sum()
}

/// Small sizes that the facts of a kernel allow.
fn small_launch(of: &Filed, random: &mut Random) -> Option<launch::Launch> {
    let kernel = &of.kernel;
    let inputs = vec![None; kernel.tensors_of(Role::Input).count()];
    let some = [1, 2, 3, 4, 5, 8, 16, 17, 32, 64, 128, 256];
    let few = |launch: &launch::Launch| {
        let counts = launch.shapes.iter().map(|shape| shape.iter().product::<usize>());
        counts.sum::<usize>() < 20_000 && threads(of, launch) < 20_000
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
    if kernel.facts.iter().any(sorted)
        && let Data::I32(values) = &mut array.data
    {
        let row = array.shape.last().copied().unwrap_or(1).max(1);
        values.chunks_mut(row).for_each(<[i32]>::sort_unstable);
    }
    array
}
