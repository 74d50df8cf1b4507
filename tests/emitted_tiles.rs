//! Emitted rows and stepped contractions compute what the interpreter computes,
//! without a GPU: whole programs as they are tiled for chips, on the host under the
//! address sanitizer, with the matrix instructions of `tests/host/matrix.hpp`.
//!
//! `TILEC_TILES` picks the kernels whose names begin with it, `TILEC_FUZZ_SEED` the
//! first seed.

#[path = "support/agree.rs"]
#[allow(dead_code, reason = "another test compares the ways to run on the CPU")]
mod agree;
#[path = "support/expressions.rs"]
#[allow(dead_code, reason = "another test generates kernels")]
mod expressions;
#[path = "support/files.rs"]
#[allow(dead_code, reason = "takes no snapshots")]
mod files;
#[path = "support/host.rs"]
mod host;
#[path = "support/kernels.rs"]
#[allow(dead_code, reason = "another test generates kernels")]
mod kernels;
#[path = "support/random.rs"]
#[allow(dead_code, reason = "another test generates kernels")]
mod random;

use host::Case;
use random::Random;
use tilec_codegen_cuda::{Emitted, Source, emit};
use tilec_ir::tensor::Role;
use tilec_ir::{Array, Kernel, compare, launch};

/// A kernel of a `.tile` file, tiled for a chip.
struct Tiled {
    name: String,
    kernel: Kernel,
    emitted: Emitted,
}

/// The kernels of a folder, tiled for a chip.
fn tiled(folder: &str, chip: &str) -> Vec<Tiled> {
    let chip = tilec_target::chip(chip).expect("it has a table");
    let wanted = std::env::var("TILEC_TILES").unwrap_or_default();
    let mut found = Vec::new();
    for path in files::tile_files(folder) {
        let text = std::fs::read_to_string(&path).expect("programs are text");
        let checked = tilec_frontend::check(&text);
        let file = path.file_name().expect("programs have names").to_string_lossy();
        for (at, written) in checked.module.kernels.iter().enumerate() {
            if !written.name.starts_with(&wanted) {
                continue;
            }
            let name = format!("{} of {} for {}", written.name, path.display(), chip.name);
            let plan = tilec_passes::recognize(&tilec_passes::normalize(written));
            let tilings: Vec<_> =
                checked.module.tilings.iter().filter(|tiling| tiling.kernel == at).collect();
            let program = tilec_passes::compile_plan(plan, written, chip, &tilings)
                .unwrap_or_else(|said| panic!("{name}: {said:?}"));
            let mut emitted = emit(&program, Source { file: &file, text: &text });
            emitted.source = on_the_host(&emitted.source, found.len());
            let kernel = written.clone();
            for launch in emitted.manifest.steps.iter_mut().flat_map(launches) {
                launch.function = format!("k{}_{}", found.len(), launch.function);
            }
            found.push(Tiled { name, kernel, emitted });
        }
    }
    found
}

fn launches(step: &mut tilec_manifest::Step) -> impl Iterator<Item = &mut tilec_manifest::Launch> {
    step.variants.iter_mut().flat_map(|variant| &mut variant.launches)
}

/// The device code with its own names, and with shared memory that the host has.
fn on_the_host(source: &str, at: usize) -> String {
    let device = source.split("#ifndef __CUDACC_RTC__").next().unwrap_or(source);
    let shared = "extern __shared__ __align__(1024) unsigned char shared[];";
    let device = device.replace(shared, "unsigned char* const shared = host::dynamic_shared;");
    let mut text = "#include \"matrix.hpp\"\n".to_owned();
    let mut heads = false;
    for line in device.lines() {
        let named = heads && line.contains('(');
        text += &if named { format!("k{at}_{line}\n") } else { format!("{line}\n") };
        heads = line.starts_with("extern \"C\" __global__");
    }
    text
}

/// Sizes around those at which tiles and rows end.
fn some_launch(kernel: &Kernel, random: &mut Random) -> Option<launch::Launch> {
    let inputs = vec![None; kernel.tensors_of(Role::Input).count()];
    let some = [0, 1, 2, 3, 5, 8, 16, 17, 24, 32, 64, 65, 96, 127, 128, 130, 160, 256, 300];
    let few = |launch: &launch::Launch| {
        let counts = launch.shapes.iter().map(|shape| shape.iter().product::<usize>());
        counts.sum::<usize>() < 15_000
    };
    let draw = |_| {
        let sizes = kernel.sizes.iter();
        let set = sizes.map(|(_, size)| (size.name.clone(), *random.pick(&some)));
        let launch = launch::bind(kernel, &inputs, &set.collect::<Vec<_>>()).ok();
        launch.filter(few)
    };
    (0..3000).find_map(draw)
}

/// Runs every kernel of a folder that, for a chip, uses something, with ordinary and
/// with special values, and compares with the interpreter.
fn check(folder: &str, chips: &[(&str, &str)]) {
    let seed = std::env::var("TILEC_FUZZ_SEED").ok().and_then(|text| text.parse().ok());
    let mut random = Random::new(seed.unwrap_or(7));
    for (chip, uses) in chips {
        let mut tiled = tiled(folder, chip);
        tiled.retain(|of| of.emitted.source.contains(uses));
        assert!(!tiled.is_empty() || std::env::var("TILEC_TILES").is_ok(), "{chip}: {uses}");
        for (first, some) in tiled.chunks(8).enumerate() {
            run(some, first * 8, &mut random);
        }
    }
}

fn run(tiled: &[Tiled], first: usize, random: &mut Random) {
    let mut cases = Vec::new();
    for special in [false, true] {
        for (program, of) in tiled.iter().enumerate() {
            let Some(launch) = some_launch(&of.kernel, random) else { continue };
            let inputs: Vec<_> = of.kernel.tensors_of(Role::Input).collect();
            let draw = |tensor| agree::draw(&of.kernel, &launch, tensor, special, random);
            let inputs: Vec<_> = inputs.into_iter().map(draw).collect();
            cases.push((Case { kernel: &of.kernel, program, launch, inputs }, special));
        }
    }
    let (cases, special): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    let programs: Vec<_> = tiled.iter().map(|of| of.emitted.clone()).collect();
    let names: Vec<_> = tiled.iter().map(|of| &of.name).collect();
    let actual = host::run(&programs, &cases)
        .unwrap_or_else(|said| panic!("from kernel {first} on, {names:?}: {said}"));
    for ((case, special), actual) in cases.iter().zip(special).zip(&actual) {
        judge(&tiled[case.program], case, actual, special);
    }
}

/// Fails unless a launch computed what it should.
fn judge(of: &Tiled, case: &Case<'_>, actual: &[Array], special: bool) {
    let Case { kernel, launch, inputs, .. } = case;
    let verdicts = compare::check(kernel, launch, inputs, actual, &[], &|_| {})
        .expect("the tensors are small");
    for verdict in verdicts.iter().filter(|verdict| !verdict.passes()) {
        // Infinities may meet in another order.
        if special && !verdict.tolerance.is_exact() {
            continue;
        }
        let name = &kernel.tensors[verdict.tensor].name;
        panic!("{} at {:?}: {name}: {verdict:?}\n{}", of.name, launch.sizes, of.emitted.source);
    }
}

#[test]
fn rows_agree_with_the_interpreter() {
    check("tests/cases/rowwise", &[("a100", "tilec::Vector<")]);
}

#[test]
fn stepped_contractions_agree_with_the_interpreter() {
    let fp8 = "tilec::multiply<tilec::MmaE";
    check("tests/cases/contract", &[("a100", "tile_sums"), ("l40s", fp8)]);
}
