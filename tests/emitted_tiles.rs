//! Emitted rows and stepped contractions compute what the interpreter computes,
//! without a GPU: whole programs as they are tiled for chips, on the host under the
//! address sanitizer, with the matrix instructions of `tests/host/matrix.hpp`.
//!
//! `TILEC_TILES` picks the kernels whose names begin with it, `TILEC_FUZZ_SEED` the
//! first seed.

#[path = "support/agree.rs"]
#[allow(dead_code, reason = "another test compares the ways to run on the CPU")]
mod agree;
#[path = "support/every.rs"]
mod every;
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
use tilec_manifest::{Condition, Formula, Parameter, Relation};

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
    let mut text = "#include \"hopper.hpp\"\n".to_owned();
    let mut heads = false;
    let mut lines = device.lines();
    while let Some(line) = lines.next() {
        if let Some(instruction) = line.strip_prefix("__device__ __forceinline__ void wgmma_64x") {
            text += &matrix_instruction(instruction, lines.next().expect("it has parameters"));
            lines.by_ref().find(|line| *line == "}");
            continue;
        }
        let shared = "extern __shared__ __align__(1024) unsigned char ";
        if let Some((indent, name)) = line.split_once(shared) {
            let name = name.trim_end_matches("[];");
            text += &format!("{indent}unsigned char* const {name} = host::own().shared;\n");
            continue;
        }
        let named = heads && line.contains('(');
        text += &if named { format!("k{at}_{line}\n") } else { format!("{line}\n") };
        heads = line.starts_with(KERNEL);
    }
    text
}

/// A generated matrix instruction, `{columns}x{depth}_{a}_{b}(`, as `hopper.hpp` computes it;
/// a `t` behind the name of an element says that rows lie innermost.
fn matrix_instruction(name: &str, parameters: &str) -> String {
    let elements = name.trim_end_matches('(').split('_').skip(1).map(|element| {
        let inner = element.strip_suffix('t');
        let of = match inner.unwrap_or(element) {
            "e4m3" => "E4m3",
            "e5m2" => "E5m2",
            "bf16" => "Bf16",
            "f16" => "F16",
            "tf32" => "Tf32",
            "s8" => "I8",
            "u8" => "U8",
            other => panic!("the host does not multiply {other}"),
        };
        format!("host::{of}, {}", inner.is_none())
    });
    let elements = elements.collect::<Vec<_>>().join(", ");
    let head = format!("__device__ __forceinline__ void wgmma_64x{name}\n{parameters}\n");
    // The same shape of other kernels of this file may have been defined before.
    format!(
        "#ifndef WGMMA_{0}\n#define WGMMA_{0}\n{head}    host::wgmma<{elements}>(sums, a, b, add);\n}}\n#endif\n",
        name.trim_end_matches('(')
    )
}

/// Sizes around those at which tiles and rows end, that a program can be launched with.
fn some_launch(
    kernel: &Kernel,
    random: &mut Random,
    most_elements: usize,
    allows: impl Fn(&launch::Launch) -> bool,
) -> Option<launch::Launch> {
    let inputs = vec![None; kernel.tensors_of(Role::Input).count()];
    let some = [0, 1, 2, 3, 5, 8, 16, 17, 24, 32, 64, 65, 96, 127, 128, 130, 160, 256, 300, 384];
    let draw = |_| {
        let sizes = kernel.sizes.iter();
        let set = sizes.map(|(_, size)| (size.name.clone(), *random.pick(&some)));
        let launch = launch::bind(kernel, &inputs, &set.collect::<Vec<_>>()).ok();
        launch.filter(|launch| elements(launch) < most_elements).filter(&allows)
    };
    (0..3000).find_map(draw)
}

/// The one of some with the most work, so that there are several tiles of several slots,
/// and one is loaded while another is written.
fn large_launch(
    kernel: &Kernel,
    random: &mut Random,
    most_elements: usize,
    allows: impl Fn(&launch::Launch) -> bool,
) -> Option<launch::Launch> {
    let some = (0..20).filter_map(|_| some_launch(kernel, random, most_elements, &allows));
    let work = |launch: &launch::Launch| launch.sizes.iter().map(|&size| size.max(1)).product();
    some.max_by_key::<i64, _>(work)
}

fn elements(launch: &launch::Launch) -> usize {
    launch.shapes.iter().map(|shape| shape.iter().product::<usize>()).sum()
}

/// Whether sizes allow a variant, also where others are preferred for them: conditions that
/// an axis is not empty, or a multiple of something, must hold.
fn allowed(of: &Tiled, launch: &launch::Launch, [step, variant]: [usize; 2]) -> bool {
    let size = |name: &str| {
        let found = of.kernel.sizes.iter().find(|(_, size)| size.name == name);
        found.map(|(id, _)| launch.size(id))
    };
    let needed = |condition: &&Condition| {
        condition.relation == Relation::Equal || condition.left == Formula::from(1)
    };
    let when = &of.emitted.manifest.steps[step].variants[variant].when;
    when.iter().filter(needed).all(|condition| condition.holds(&size) == Some(true))
}

/// Runs every kernel of a folder that, for a chip, uses something, with ordinary and
/// with special values, and compares with the interpreter.
fn check(folder: &str, chips: &[(&str, &str)]) {
    let mut random = Random::new(seed());
    for (chip, uses) in chips {
        let mut tiled = tiled(folder, chip);
        tiled.retain(|of| of.emitted.source.contains(uses));
        assert!(!tiled.is_empty() || std::env::var("TILEC_TILES").is_ok(), "{chip}: {uses}");
        for some in tiled.chunks(8) {
            let programs = 0..some.len();
            let whole = |special| programs.clone().map(move |at| (at, None, special));
            run(some, whole(false).chain(whole(true)), &mut random);
        }
    }
}

fn seed() -> u64 {
    let seed = std::env::var("TILEC_FUZZ_SEED").ok().and_then(|text| text.parse().ok());
    seed.unwrap_or(7)
}

/// Runs programs: which one, with which variant (if not as sizes say), and whether with
/// special values.
fn run(
    tiled: &[Tiled],
    wanted: impl Iterator<Item = (usize, Option<[usize; 2]>, bool)>,
    random: &mut Random,
) {
    let mut cases = Vec::new();
    for (program, forced, special) in wanted {
        let of = &tiled[program];
        let allows = |launch: &_| forced.is_none_or(|variant| allowed(of, launch, variant));
        let launch = match forced {
            Some(_) if !special => {
                // Boxes are written while slots are filled, if there are several tiles.
                let several = of.emitted.source.contains("tilec::lay_box(");
                large_launch(&of.kernel, random, if several { 350_000 } else { 30_000 }, allows)
            }
            _ => some_launch(&of.kernel, random, 15_000, allows),
        };
        let Some(launch) = launch else { continue };
        let inputs: Vec<_> = of.kernel.tensors_of(Role::Input).collect();
        let draw = |tensor| agree::draw(&of.kernel, &launch, tensor, special, random);
        let inputs: Vec<_> = inputs.into_iter().map(draw).collect();
        cases.push((Case { kernel: &of.kernel, program, launch, inputs, forced }, special));
    }
    let (cases, special): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    let programs: Vec<_> = tiled.iter().map(|of| of.emitted.clone()).collect();
    let names: Vec<_> = tiled.iter().map(|of| &of.name).collect();
    let actual =
        host::run(&programs, &cases).unwrap_or_else(|said| panic!("one of {names:?}: {said}"));
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

/// Every kernel with roles runs, also those that these small sizes would not choose.
#[test]
fn pipelines_agree_with_the_interpreter() {
    let mut random = Random::new(seed());
    let mut tiled = tiled("tests/cases/contract", "h200");
    tiled.retain(|of| !pipelines(of).is_empty());
    assert!(tiled.len() > 15 || std::env::var("TILEC_TILES").is_ok(), "{}", tiled.len());
    for (at, of) in tiled.iter_mut().enumerate() {
        take_share(of, at);
    }
    for some in tiled.chunks(8) {
        let variants = some.iter().enumerate().flat_map(|(at, of)| {
            let pipelines = pipelines(of);
            let special = (at, Some(pipelines[0]), true);
            let ordinary = pipelines.into_iter().map(move |variant| (at, Some(variant), false));
            ordinary.chain([special])
        });
        run(some, variants, &mut random);
    }
}

/// Of a program that becomes many kernels with roles, one in so many runs, unless every one
/// is asked for.
const SHARE: usize = 4;

/// Leaves out the functions of kernels with roles that are not to run: others than of the
/// program before. Programs with several steps keep theirs, as each launches all steps.
fn take_share(of: &mut Tiled, program: usize) {
    let pipelines = pipelines(of);
    if every::asked() || of.emitted.manifest.steps.len() > 1 {
        return;
    }
    for (at, &[step, variant]) in pipelines.iter().enumerate() {
        if (at + program).is_multiple_of(SHARE) || at == program % pipelines.len() {
            continue;
        }
        let launches = &of.emitted.manifest.steps[step].variants[variant].launches;
        let functions = launches.iter().map(|launch| &launch.function);
        of.emitted.source =
            functions.fold(of.emitted.source.clone(), |text, name| without(&text, name));
    }
}

/// A source without one of its functions.
fn without(source: &str, function: &str) -> String {
    let Some(name) = source.find(&format!("\n{function}(")) else { return source.to_owned() };
    let start = source[..name].rfind(KERNEL).expect("kernels begin so");
    let end = name + source[name..].find("\n}\n").expect("functions end") + "\n}\n".len();
    source[..start].to_owned() + &source[end..]
}

const KERNEL: &str = "extern \"C\" __global__";

/// Steps and variants whose functions, which are in the source, have roles.
fn pipelines(of: &Tiled) -> Vec<[usize; 2]> {
    let steps = of.emitted.manifest.steps.iter().enumerate();
    let variants = steps.flat_map(|(at, step)| {
        let variants = step.variants.iter().enumerate();
        variants.map(move |(i, variant)| ([at, i], variant))
    });
    let has_roles = |variant: &tilec_manifest::Variant| {
        let mut launches = variant.launches.iter();
        launches.any(|launch| {
            let mut parameters = launch.parameters.iter();
            parameters.any(|p| matches!(p, Parameter::TensorMap(_)))
                && of.emitted.source.contains(&format!("\n{}(", launch.function))
        })
    };
    variants.filter(|(_, variant)| has_roles(variant)).map(|(at, _)| at).collect()
}

#[test]
fn stepped_contractions_agree_with_the_interpreter() {
    let fp8 = "tilec::multiply<tilec::MmaE";
    check("tests/cases/contract", &[("a100", "tile_sums"), ("l40s", fp8)]);
}

/// Sizes at which groups have no row, one, some, and more than a tile has; and whether all
/// rows are of one group, which then repeats within a token.
const GROUPS: [(&str, bool); 7] = [
    ("T=0 R=0 E=3 S=2 D=5 F=6 K=5 N=6", false),
    ("T=1 R=1 E=8 S=1 D=33 F=3 K=33 N=3", false),
    ("T=63 R=63 E=2 S=1 D=40 F=8 K=40 N=8", false),
    ("T=65 R=65 E=1 S=1 D=7 F=5 K=7 N=5", false),
    ("T=77 R=77 E=3 S=1 D=2 F=3 K=2 N=3", false),
    ("T=127 R=127 E=2 S=1 D=3 F=2 K=3 N=2", true),
    ("T=43 R=129 E=5 S=3 D=16 F=72 K=16 N=72", true),
];

/// The same for tile copies, which take rows of whole 16 bytes.
const WHOLE_GROUPS: [(&str, bool); 4] = [
    ("T=0 R=0 E=3 S=2 D=8 F=8 K=8 N=8", false),
    ("T=63 R=63 E=2 S=1 D=40 F=8 K=40 N=8", false),
    ("T=97 R=194 E=3 S=2 D=136 F=72 K=136 N=72", false),
    ("T=43 R=129 E=5 S=3 D=16 F=72 K=16 N=72", true),
];

/// Rows of groups of every size, and all of one group, which repeats within a token.
#[test]
fn grouped_products_agree_with_the_interpreter() {
    for (chip, uses, groups) in
        [("a100", "tile_sums", &GROUPS[..]), ("h200", "wgmma", &WHOLE_GROUPS)]
    {
        grouped_products_agree(chip, uses, groups);
    }
}

fn grouped_products_agree(chip: &str, uses: &str, groups: &[(&str, bool)]) {
    let mut random = Random::new(seed());
    let mut tiled = tiled("tests/cases/grouped/plans", chip);
    tiled.retain(|of| of.emitted.source.contains(uses));
    // One of rows in any order and one of sorted rows; every other one if it is asked for.
    let few = |of: &Tiled| ["offset", "sorted_rows"].contains(&of.kernel.name.as_str());
    tiled.retain(|of| few(of) || std::env::var("TILEC_TILES").is_ok());
    assert!(tiled.len() >= 2 || std::env::var("TILEC_TILES").is_ok(), "{}", tiled.len());
    for some in tiled.chunks(8) {
        let mut cases = Vec::new();
        for (program, of) in some.iter().enumerate() {
            cases.extend(groups.iter().filter_map(|(sizes, one)| {
                grouped_case(program, &of.kernel, sizes, *one, &mut random)
            }));
        }
        assert!(!cases.is_empty(), "nothing was launched");
        let programs: Vec<_> = some.iter().map(|of| of.emitted.clone()).collect();
        let actual = host::run(&programs, &cases).unwrap_or_else(|said| panic!("{said}"));
        for (case, actual) in cases.iter().zip(&actual) {
            judge(&some[case.program], case, actual, false);
        }
    }
}

/// Groups of no row, one, some and more than a tile has; columns and what is summed over that
/// end within a tile, a slot and 16 bytes, for which what stands behind is taken.
const DUAL: [(&str, bool); 9] = [
    ("M=0 T=0 E=3 S=2 D=16 F=8", false),
    ("M=1 T=1 E=8 S=1 D=48 F=40", false),
    ("M=63 T=63 E=1 S=1 D=16 F=72", false),
    ("M=65 T=65 E=1 S=1 D=144 F=8", false),
    ("M=77 T=77 E=1 S=1 D=32 F=136", false),
    ("M=127 T=127 E=2 S=1 D=16 F=24", true),
    ("M=129 T=43 E=5 S=3 D=160 F=264", false),
    ("M=200 T=129 E=3 S=1 D=256 F=128", true),
    ("M=5 T=5 E=2 S=1 D=7 F=5", false),
];

/// Both products by one kernel, and what is launched where it cannot be.
#[test]
fn dual_contractions_agree_with_the_interpreter() {
    let mut random = Random::new(seed());
    let mut tiled = tiled("tests/cases/dual", "h200");
    // Rows that lie innermost, and groups in FP8 with scales, unless every one is asked for.
    let few = |of: &Tiled| ["dual_geglu", "dual_experts_fp8"].contains(&of.kernel.name.as_str());
    let all = every::asked() || std::env::var("TILEC_TILES").is_ok();
    tiled.retain(|of| all || few(of));
    let programs: Vec<_> = tiled.iter().map(|of| of.emitted.clone()).collect();
    let mut cases = Vec::new();
    for (program, of) in tiled.iter().enumerate() {
        assert!(of.emitted.source.contains("// of both sums"), "{}", of.name);
        cases.extend(DUAL.iter().filter_map(|(sizes, one)| {
            grouped_case(program, &of.kernel, sizes, *one, &mut random)
        }));
    }
    assert!(cases.len() > 6 * tiled.len(), "{} launches", cases.len());
    let actual = host::run(&programs, &cases).unwrap_or_else(|said| panic!("{said}"));
    for (case, actual) in cases.iter().zip(&actual) {
        judge(&tiled[case.program], case, actual, false);
    }
}

/// A launch at some sizes, all rows of `one` group or as drawn.
fn grouped_case<'k>(
    program: usize,
    kernel: &'k Kernel,
    sizes: &str,
    one: bool,
    random: &mut Random,
) -> Option<Case<'k>> {
    let pairs = sizes.split(' ').filter_map(|pair| pair.split_once('='));
    let known = |name: &str| kernel.sizes.iter().any(|(_, size)| size.name == name);
    let set = pairs.filter(|(name, _)| known(name));
    let set: Vec<_> = set.map(|(name, n)| (name.to_owned(), n.parse().expect("a size"))).collect();
    let none = vec![None; kernel.tensors_of(Role::Input).count()];
    let launch = launch::bind(kernel, &none, &set).ok()?;
    let ids: Vec<_> = kernel.tensors_of(Role::Input).collect();
    let inputs = ids.into_iter().map(|id| {
        let mut array = agree::draw(kernel, &launch, id, false, random);
        if one && matches!(kernel.tensors[id].element, tilec_ir::Scalar::Idx(_)) {
            let last = array.len();
            (0..last).for_each(|at| array.set_i32(at, array.get_i32(last - 1)));
        }
        array
    });
    let inputs = inputs.collect();
    Some(Case { kernel, program, launch, inputs, forced: None })
}
