//! Everything that is emitted for CUDA compiles, for every architecture of the
//! chips that have a table, with warnings as errors; ptxas has nothing to spill in
//! kernels that are tuned, and the instructions that the plan names are there.

#[path = "support/alike.rs"]
mod alike;
#[path = "support/every.rs"]
mod every;
#[path = "support/files.rs"]
mod files;
#[path = "support/launchers.rs"]
mod launchers;
#[path = "support/nvcc.rs"]
mod nvcc;
#[path = "support/pieces.rs"]
mod pieces;
#[path = "support/units.rs"]
mod units;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use launchers::Launcher;
use nvcc::{Make, Usage};
use pieces::Pieces;
use tilec::cuda::Cuda;
use tilec::program::Program;
use tilec::stage::Compilation;
use tilec_codegen_cuda::{Emitted, Source};
use tilec_ir::tensor::Scalar;
use tilec_ir::tile::{self, Body, Unit};
use tilec_manifest::Manifest;
use tilec_target::{Chip, chips};
use units::{Code, Function};

/// The architecture that comes first.
const HOPPER: &str = "sm_90a";

/// Headers of what only it has.
const OF_HOPPER: [&str; 4] = ["cluster", "mbarrier", "tma", "wgmma"];

#[test]
fn device_headers_compile_on_their_own() {
    let headers = nvcc::headers();
    assert!(headers.len() > 5, "only {} headers", headers.len());
    let faults = nvcc::parallel(&headers, |path| {
        let name = path.file_stem().expect("headers have names").to_string_lossy();
        let archs: &[&str] =
            if OF_HOPPER.contains(&&*name) { &[HOPPER] } else { &["sm_80", HOPPER] };
        // Twice: a header guards itself.
        let text = format!("#include \"{name}.cuh\"\n").repeat(2);
        let one = |arch: &&str| {
            let said = nvcc::compile(&text, arch, Make::Object).err()?;
            Some(format!("{name}.cuh for {arch}:\n{said}"))
        };
        archs.iter().filter_map(one).collect::<String>()
    })
    .concat();
    assert!(faults.is_empty(), "{faults}");
}

/// A kernel compiled for a chip.
struct Case {
    /// `tests/cases/contract/types.tile, gemm_bf16, for h200`
    name: String,
    kernel: String,
    chip: &'static str,
    emitted: Emitted,
    /// Functions that are tuned, by their names, with the matrix instruction that the
    /// tile program names, as machine code calls it.
    tuned: BTreeMap<String, Option<&'static str>>,
}

impl Case {
    fn pieces(&self) -> Pieces<'_> {
        pieces::pieces(&self.emitted.source, &self.kernel)
    }
}

/// Chips for which launchers are compiled too, each program's for one: one of each family, as
/// what writes them knows no chip.
const WITH_LAUNCHER: [&str; 2] = ["a100", "h200"];

/// Programs that are others written differently: their launchers are those of the others.
const ALIKE: [&str; 3] =
    ["tests/cases/canonical", "tests/cases/near_misses", "tests/cases/spellings"];

/// Of what is tuned, one in so many is compiled, and where everything is asked for: on two
/// cores, all of it would take twenty minutes and more.
const SHARES: [usize; 2] = [8, 4];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cuda_chips() -> Vec<&'static Chip> {
    chips().iter().filter(|chip| chip.family().target() == "cuda").collect()
}

/// Takes a kernel of a file to what is emitted for a chip.
fn emit(file: &Path, kernel: &str, chip: &Chip) -> (tile::Program, Emitted) {
    let text = std::fs::read_to_string(file).expect("programs are text");
    let program = Program::check(&text);
    let name = file.file_name().expect("files have names").to_string_lossy();
    let cuda = Cuda::of(&program.module, kernel, chip, Source { file: &name, text: &text });
    let cuda = cuda.expect("the program has the kernel");
    let kernel = program.kernel(Some(kernel)).expect("the program has the kernel");
    let compilation = Compilation::new(kernel, &[]).expect("nothing is bound");
    let tiled = compilation.program(&cuda);
    let tiled = tiled.unwrap_or_else(|found| panic!("{name} for {}: {found:#?}", chip.name));
    let emitted = cuda.emit(&tiled);
    (tiled, emitted)
}

/// Every kernel of the examples and of the cases without mistakes, for every chip.
static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let files = ["examples", "tests/cases"].into_iter().flat_map(files::tile_files);
    let relative = |path: &Path| path.strip_prefix(root()).expect("it is below").to_owned();
    let files: Vec<_> =
        files.filter(|path| !relative(path).starts_with("tests/cases/errors")).collect();
    let of_file = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("programs are text");
        let mut cases = vec![];
        let file = relative(path);
        for kernel in &Program::check(&text).module.kernels {
            for chip in cuda_chips() {
                let (program, emitted) = emit(path, &kernel.name, chip);
                let name = format!("{}, {}, for {}", file.display(), kernel.name, chip.name);
                let (kernel, tuned) = (kernel.name.clone(), tuned(&program));
                cases.push(Case { name, kernel, chip: &chip.name, emitted, tuned });
            }
        }
        cases
    };
    nvcc::parallel(&files, of_file).into_iter().flatten().collect()
});

/// The functions in which everything should stay in registers, and their instructions.
fn tuned(program: &tile::Program) -> BTreeMap<String, Option<&'static str>> {
    let kernels = program.steps.iter().flat_map(|step| &step.variants).map(|v| &v.kernel);
    let tuned = kernels.filter(|kernel| is_tuned(&kernel.body));
    tuned.map(|k| (k.name.clone(), instruction(&k.body, &program.arch))).collect()
}

fn is_tuned(body: &Body) -> bool {
    match body {
        Body::Pipeline(_) | Body::Stepped(_) | Body::Rows(_) => true,
        // Selections by keys that are computed spill a few words; they read memory most.
        Body::Scan(_) | Body::Points(_) | Body::Select(_) | Body::Ranks(_) | Body::Within(_) => {
            false
        }
    }
}

/// What machine code calls the matrix instruction of a body.
fn instruction(body: &Body, arch: &str) -> Option<&'static str> {
    match body {
        Body::Pipeline(pipeline) => Some(match pipeline.instruction.elements[0] {
            Scalar::F8E4M3 | Scalar::F8E5M2 => "QGMMA",
            Scalar::I8 | Scalar::U8 => "IGMMA",
            Scalar::F32 | Scalar::Bf16 | Scalar::F16 => "HGMMA",
            other @ (Scalar::I32 | Scalar::Bool | Scalar::Idx(_)) => {
                panic!("no matrix instruction of Hopper takes {other:?}")
            }
        }),
        Body::Stepped(stepped) => match stepped.unit {
            Unit::Scalar => None,
            Unit::Bf16 | Unit::F16 | Unit::Tf32 => Some("HMMA"),
            Unit::I8 => Some("IMMA"),
            // On Hopper a warp's product of FP8 is one of f16.
            Unit::Fp8 => Some(if arch.starts_with("sm_9") { "HMMA" } else { "QMMA" }),
        },
        Body::Rows(_)
        | Body::Scan(_)
        | Body::Points(_)
        | Body::Select(_)
        | Body::Ranks(_)
        | Body::Within(_) => None,
    }
}

#[test]
fn every_program_compiles_for_every_chip() {
    let functions = CASES.iter().flat_map(|case| {
        let tuned = |name: &str| case.tuned.contains_key(name);
        let arch = &case.emitted.manifest.arch;
        let functions = units::functions_of(&case.name, arch, tuned, &case.pieces());
        let names: BTreeSet<_> = functions.iter().map(|function| function.name()).collect();
        assert_eq!(names, launched(&case.emitted.manifest), "{}", case.name);
        functions.into_iter().map(move |function| (case, function))
    });
    let (cases, functions): (Vec<_>, Vec<_>) = chosen(functions.collect()).into_iter().unzip();
    let codes = units::compile(&functions).unwrap_or_else(|said| panic!("{said}"));
    let faults: BTreeSet<_> = cases.into_iter().zip(&codes).filter_map(fault).collect();
    let faults: Vec<_> = faults.into_iter().collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What is compiled: of all functions with the same code, those of one architecture, which
/// is another for the next code; on Hopper all that is tuned. Of what is tuned, whose
/// compilation takes long, it is one in so many.
fn chosen<'a>(functions: Vec<(&'a Case, Function<'a>)>) -> Vec<(&'a Case, Function<'a>)> {
    let mut archs: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let codes: Vec<_> = functions.iter().map(|(_, function)| function.alike()).collect();
    for (code, (_, function)) in codes.iter().zip(&functions) {
        archs.entry(code.clone()).or_default().insert(function.arch);
    }
    let turns: BTreeMap<_, _> =
        archs.iter().enumerate().map(|(turn, (code, archs))| (code, (turn, archs))).collect();
    let share = SHARES[usize::from(every::asked())];
    let wanted = |(code, (_, function)): &(&String, (&Case, Function<'_>))| {
        let (turn, archs) = turns[code];
        let hopper = function.tuned && function.arch == HOPPER;
        let its_turn = archs.iter().nth(turn / share % archs.len()) == Some(&function.arch);
        let is_chosen = !function.tuned || turn.is_multiple_of(share);
        (hopper || its_turn) && is_chosen
    };
    codes.iter().zip(functions).filter(wanted).map(|(_, function)| function).collect()
}

/// The functions that a manifest launches.
fn launched(manifest: &Manifest) -> BTreeSet<&str> {
    let variants = manifest.steps.iter().flat_map(|step| &step.variants);
    variants.flat_map(|variant| &variant.launches).map(|launch| &*launch.function).collect()
}

/// Why a function does not pass: what is not in registers, or an instruction that is
/// missing.
fn fault((case, code): (&Case, &Code)) -> Option<String> {
    let usage = &code.usage;
    let instruction = case.tuned.get(&usage.function)?;
    let fault = if usage.spills + usage.stack > 0 {
        format!("not all is in registers: {usage:?}")
    } else {
        let missing = instruction.filter(|name| !code.instructions.contains(name))?;
        format!("there is no {missing} in the machine code of {}", usage.function)
    };
    Some(format!("{}: {fault}", case.name))
}

#[test]
fn every_launcher_compiles() {
    let wanted = |case: &&Case| {
        let alike = ALIKE.iter().any(|folder| case.name.starts_with(folder));
        let turn = case.kernel.bytes().map(usize::from).sum::<usize>() % WITH_LAUNCHER.len();
        WITH_LAUNCHER[turn] == case.chip && !alike
    };
    let cases: Vec<_> = CASES.iter().filter(wanted).collect();
    let pieces: Vec<_> = cases.iter().map(|case| case.pieces()).collect();
    let launcher = |(case, pieces)| {
        let Case { name, emitted, .. }: &Case = case;
        Launcher { program: name, arch: &emitted.manifest.arch, pieces }
    };
    let launchers: Vec<_> = cases.into_iter().zip(&pieces).map(launcher).collect();
    launchers::compile(&launchers).unwrap_or_else(|said| panic!("{said}"));
}

/// The matrix instructions that a program must be given, by kernel and chip.
const INSTRUCTIONS: [(&str, &str, &str); 23] = [
    ("gemm_fp8", "h200", "QGMMA"),
    ("scaled_usual", "h100", "QGMMA"),
    ("scaled_usual", "h200", "QGMMA"),
    ("scaled_short", "h200", "QGMMA"),
    ("scaled_rows", "h200", "QGMMA"),
    ("scaled_rows_e5m2", "h200", "QGMMA"),
    ("scaled_tensor", "h200", "QGMMA"),
    ("scaled_tensor_never", "h200", "QGMMA"),
    ("fp8_batched", "h200", "QGMMA"),
    ("all_at_once", "h200", "QGMMA"),
    ("to_e4m3", "h200", "QGMMA"),
    ("quantize_gemm", "h200", "QGMMA"),
    ("gemm_bf16", "h200", "HGMMA"),
    ("gemm_f16", "h200", "HGMMA"),
    ("gemm_tf32", "h200", "HGMMA"),
    ("batched_gemm", "h200", "HGMMA"),
    ("gemm_i8_plain", "h200", "IGMMA"),
    ("gemm_bf16", "a100", "HMMA"),
    ("scaled_usual", "a100", "HMMA"),
    ("gemm_i8_plain", "a100", "IMMA"),
    ("gemm_bf16", "l40s", "HMMA"),
    ("scaled_usual", "l40s", "QMMA"),
    ("gemm_bf16", "rtx_pro_6000", "HMMA"),
];

#[test]
fn products_get_the_matrix_instructions_of_the_chip() {
    let missing = |&(kernel, chip, instruction): &(&str, &str, &str)| {
        let case = CASES.iter().find(|case| case.kernel == kernel && case.chip == chip);
        let case = case.expect("the table names kernels and chips that exist");
        let found = case.tuned.values().any(|&named| named == Some(instruction));
        (!found).then(|| format!("{}: no {instruction}\n", case.name))
    };
    let faults: String = INSTRUCTIONS.iter().filter_map(missing).collect();
    assert!(faults.is_empty(), "{faults}");
}

/// The product whose operand is quantized first is two launches, whatever the sizes.
#[test]
fn a_quantized_operand_is_at_most_one_more_launch() {
    let file = root().join("tests/cases/contract/prologues.tile");
    for chip in cuda_chips() {
        let steps = emit(&file, "quantize_gemm", chip).1.manifest.steps;
        let most = |step: &tilec_manifest::Step| {
            step.variants.iter().map(|variant| variant.launches.len()).max().unwrap_or(0)
        };
        let launches: usize = steps.iter().map(most).sum();
        assert!(launches <= 2, "{launches} launches on {}: {steps:#?}", chip.name);
    }
}

/// Rowwise programs are one launch.
#[test]
fn rowwise_programs_are_one_launch() {
    let programs = [
        ("examples/rmsnorm/rmsnorm.tile", "rmsnorm"),
        ("examples/softmax/softmax.tile", "softmax"),
        ("tests/cases/rowwise/softmax.tile", "softmax_bf16"),
        ("tests/cases/rowwise/norms.tile", "layernorm"),
        ("tests/cases/rowwise/norms.tile", "residual_rmsnorm"),
        ("tests/cases/rowwise/quantize.tile", "quantize_strips"),
        ("tests/cases/rowwise/quantize.tile", "quantize_whole"),
        ("tests/cases/rowwise/quantize.tile", "quantize_rows"),
    ];
    for (file, kernel) in programs {
        for chip in cuda_chips() {
            let steps = emit(&root().join(file), kernel, chip).1.manifest.steps;
            let launches: Vec<_> = steps
                .iter()
                .flat_map(|step| &step.variants)
                .map(|variant| variant.launches.len())
                .collect();
            let one = steps.len() == 1 && launches.iter().all(|&count| count == 1);
            assert!(one, "{kernel} on {}: {launches:?} in {} steps", chip.name, steps.len());
        }
    }
}

/// The line of the example's README, as it stands there.
#[test]
fn the_documented_line_builds_the_c_program() {
    let readme = root().join("examples/gemm_fp8/README.md");
    let readme = std::fs::read_to_string(readme).expect("the example has a README");
    let line = readme.lines().find(|line| line.starts_with("nvcc ")).expect("it has the line");
    let folder = tempfile::tempdir().expect("there is room for files");
    let build = folder.path().join("build");
    std::fs::create_dir(&build).expect("there is room for files");
    let chip = tilec_target::chip("h200").expect("it has a table");
    let (_, emitted) = emit(&root().join("examples/gemm_fp8/gemm_fp8.tile"), "gemm_fp8", chip);
    std::fs::write(build.join("gemm_fp8.cu"), emitted.source).expect("there is room for files");
    std::fs::write(build.join("gemm_fp8.h"), emitted.header).expect("there is room for files");
    let mut words = line.split_whitespace();
    let mut command = nvcc::command(words.next().expect("the line begins with nvcc"));
    for word in words {
        // The README's paths are those of the repository, but what is built goes elsewhere.
        let source = word.starts_with("examples/");
        command.arg(if source { root().join(word).into_os_string() } else { word.into() });
    }
    let output = command.current_dir(folder.path()).output().expect("nvcc starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let run = Command::new(folder.path().join("gemm_fp8")).output().expect("the program starts");
    // Without a GPU it says so; with one it checks its result.
    let said = String::from_utf8_lossy(&run.stderr);
    let refused = run.status.code() == Some(3) && said.starts_with("cudaMalloc: ");
    assert!(run.status.success() || refused, "{said}");
}

/// The reading of reports and of machine code can fail.
#[test]
fn spills_and_instructions_are_noticed() {
    let report = "ptxas info    : Compiling entry function 'k' for 'sm_90a'\n\
        ptxas info    : Function properties for k\n    \
        16 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads\n\
        ptxas info    : Used 168 registers, used 1 barriers, 616 bytes cmem[0]\n";
    let expected = Usage { function: "k".to_owned(), stack: 16, spills: 12, registers: 168 };
    assert_eq!(nvcc::usage(report), [expected]);
    let kernel =
        |body: &str| format!("extern \"C\" __global__ void k(float* x, int n) {{ {body} }}\n");
    let unused = kernel("int two = 2; x[n] = 1.0f;");
    let said = nvcc::compile(&unused, "sm_80", Make::Device).expect_err("warnings are errors");
    assert!(said.contains("\"two\" was declared but never referenced"), "{said}");
    let indexed = kernel(
        "float y[999]; for (int i = 0; i < 999; i++) y[(i * n) % 999] = x[i]; x[n] = y[n % 999];",
    );
    let built = nvcc::compile(&indexed, "sm_80", Make::Device).expect("it is correct");
    assert!(nvcc::usage(&built.report)[0].stack > 3000, "{}", built.report);
    let plain = kernel("x[0] = x[1] * x[n];");
    let built = nvcc::compile(&plain, "sm_80", Make::Device).expect("it is correct");
    assert_eq!(nvcc::instructions(&built)["k"], BTreeSet::new());
    assert_eq!(nvcc::usage(&built.report)[0].stack, 0);
    let product = kernel(
        "unsigned d = n; asm(\"mma.sync.aligned.m16n8k8.row.col.f16.f16.f16.f16 \"
             \"{%0, %0}, {%0, %0}, {%0}, {%0, %0};\" : \"+r\"(d)); x[0] = d;",
    );
    let built = nvcc::compile(&product, "sm_80", Make::Device).expect("it is correct");
    assert_eq!(nvcc::instructions(&built)["k"], BTreeSet::from(["HMMA"]));
}
