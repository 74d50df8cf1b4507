//! Emitted CUDA run on the host: compiled as C++ with `tests/host/host.hpp`, with the
//! grids and parameters that the manifest says, under sanitizers.

use std::fmt::Write;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tilec_codegen_cuda::Emitted;
use tilec_ir::tensor::{Role, Tensor};
use tilec_ir::{Array, Data, Element, Id, Kernel, Launch};
use tilec_manifest::{Base, Formula, Manifest, MapElement, Parameter, Swizzle, TensorMap};

/// An emitted program with one launch of it.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    /// The kernel that was planned; its sizes are those of `launch`.
    pub(crate) kernel: &'a Kernel,
    /// Which of the programs.
    pub(crate) program: usize,
    pub(crate) launch: Launch,
    pub(crate) inputs: Vec<Array>,
    /// A step and which of its variants runs, whatever its conditions say.
    pub(crate) forced: Option<[usize; 2]>,
}

/// Runs every case; gives the outputs of each.
pub(crate) fn run(programs: &[Emitted], cases: &[Case<'_>]) -> Result<Vec<Vec<Array>>, String> {
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    let binary = folder.path().join("cases");
    std::fs::write(folder.path().join("cases.cpp"), source(programs, cases))
        .expect("the folder can be written to");
    compile(folder.path(), &binary)?;
    let inputs: Vec<u8> = cases.iter().flat_map(|c| c.inputs.iter().flat_map(bytes)).collect();
    let output = feed(&binary, inputs);
    let mut rest = output.stdout.as_slice();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let mut results = Vec::new();
    for case in cases {
        let outputs = case.kernel.tensors_of(Role::Output);
        let take = |id: Id<Tensor>| {
            let element = Element::of(case.kernel.tensors[id].element);
            take(&mut rest, element, &case.launch.shapes[id.index()])
        };
        results.push(outputs.map(take).collect());
    }
    assert!(rest.is_empty(), "the program writes the outputs and nothing else");
    Ok(results)
}

fn compile(folder: &Path, binary: &Path) -> Result<(), String> {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/host");
    let mut command = Command::new("g++");
    // Compiling takes most of the time, and with `-O1` twice as long.
    command.args(["-std=c++17", "-Og", "-ffp-contract=off", "-w"]);
    command.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    command.arg("-I").arg(include).arg("-o").arg(binary).arg(folder.join("cases.cpp"));
    if let Ok(kept) = std::env::var("TILEC_KEEP_HOST") {
        let _ = std::fs::copy(folder.join("cases.cpp"), kept);
    }
    let output = command.output().map_err(|error| format!("g++ does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).chars().take(4000).collect())
}

fn feed(binary: &Path, input: Vec<u8>) -> std::process::Output {
    let mut command = Command::new(binary);
    // Fibers have stacks of their own, which the leak checker does not know.
    command.env("ASAN_OPTIONS", "detect_leaks=0:detect_stack_use_after_return=0");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("what was compiled starts");
    let mut stdin = child.stdin.take().expect("it was asked for");
    let writer = std::thread::spawn(move || {
        // A program that fails does not read to the end.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("it runs to its end");
    writer.join().expect("the writer does not panic");
    output
}

/// The programs and a main function with all cases.
fn source(programs: &[Emitted], cases: &[Case<'_>]) -> String {
    let mut text = "#include \"warps.hpp\"\n".to_owned();
    // Shared memory that a launch asks for is the block's.
    let asked = "extern __shared__ __align__(1024) unsigned char shared[];";
    for program in programs {
        text += &program.source.replace(asked, "unsigned char* const shared = host::own().shared;");
    }
    for (at, case) in cases.iter().enumerate() {
        write_case(&mut text, at, case, &programs[case.program]);
    }
    text += "int main() {\n";
    for at in 0..cases.len() {
        writeln!(text, "    std::fprintf(stderr, \"case {at}\\n\");\n    case_{at}();")
            .expect("a string takes all text");
    }
    text + "}\n"
}

/// Whether the threads of a function wait for each other.
fn together(source: &str, function: &str) -> bool {
    let start = source.find(&format!("\n{function}(")).expect("functions are in the source");
    let end = source[start..].find("\n}\n").expect("functions end");
    let body = &source[start..start + end];
    [
        "__sync",
        "__shfl",
        "tilec::reduce_",
        "tilec::sum_before",
        "tilec::row_",
        "tilec::cluster_",
        "tilec::begin(",
        "tilec::find_places(",
    ]
    .iter()
    .any(|word| body.contains(word))
}

fn write_case(text: &mut String, at: usize, case: &Case<'_>, program: &Emitted) {
    let manifest = &program.manifest;
    let size = |name: &str| {
        let found = case.kernel.sizes.iter().find(|(_, size)| size.name == name);
        found.map(|(id, _)| case.launch.size(id))
    };
    let eval = |formula: &Formula| formula.eval(&size).expect("sizes of tests are small");
    for check in &manifest.checks {
        assert_eq!(check.condition.holds(&size), Some(true), "{}", check.message);
    }
    *text += &format!("static void case_{at}() {{\n");
    for (at, argument) in manifest.arguments.iter().enumerate() {
        let count: i64 = argument.shape.iter().map(eval).product();
        let bytes = count * i64::from(argument.element_bytes);
        *text += &format!("    host::Memory t{at}({bytes});\n");
        if !argument.output {
            *text += &format!("    t{at}.read({bytes});\n");
        }
    }
    *text += &format!("    host::Memory workspace({});\n", eval(&manifest.workspace_bytes));
    for (position, step) in manifest.steps.iter().enumerate() {
        let holds = |variant: &&tilec_manifest::Variant| {
            variant.when.iter().all(|c| c.holds(&size).expect("sizes of tests are small"))
        };
        let variant = match case.forced {
            Some([of, variant]) if of == position => &step.variants[variant],
            _ => step.variants.iter().find(holds).expect("the last has no conditions"),
        };
        for launch in &variant.launches {
            let blocks: Vec<_> = launch.grid.iter().map(eval).collect();
            assert!(blocks[1..] == [1, 1], "grids are along x");
            // As few blocks as can be, so that each takes several items: those with roles take
            // any number.
            let cluster = i64::from(launch.cluster[0]);
            let has_roles = launch.parameters.iter().any(|p| matches!(p, Parameter::TensorMap(_)));
            let most = if case.forced.is_some() && has_roles { cluster } else { i64::MAX };
            let parameters = launch.parameters.iter().map(|p| parameter(manifest, p, &eval));
            let parameters = parameters.collect::<Vec<_>>().join(", ");
            *text += &format!(
                "    host::launch({}, {}, {}, {}, [&] {{ {}({parameters}); }});\n",
                blocks[0].min(most),
                launch.block[0],
                cluster,
                together(&program.source, &launch.function),
                launch.function
            );
        }
    }
    for (at, argument) in manifest.arguments.iter().enumerate().filter(|(_, a)| a.output) {
        let count: i64 = argument.shape.iter().map(eval).product();
        *text += &format!("    t{at}.write({});\n", count * i64::from(argument.element_bytes));
    }
    *text += "}\n";
}

fn parameter(
    manifest: &Manifest,
    parameter: &Parameter,
    eval: &impl Fn(&Formula) -> i64,
) -> String {
    let position = |name: &str| {
        let found = manifest.arguments.iter().position(|argument| argument.name == name);
        found.expect("parameters are arguments")
    };
    let base = |base: &Base| match base {
        Base::Argument(name) => format!("t{}.bytes", position(name)),
        Base::Workspace(offset) => format!("workspace.bytes + {}", eval(offset)),
    };
    match parameter {
        Parameter::Pointer(at) => format!("host::Pointer{{{}}}", base(at)),
        Parameter::Scalar(name) => format!("host::Value{{t{}.bytes}}", position(name)),
        Parameter::Size(formula) => format!("{}ll", eval(formula)),
        Parameter::TensorMap(map) => tensor_map(map, &base, eval),
    }
}

/// A tensor map, for `tests/host/hopper.hpp`.
fn tensor_map(
    map: &TensorMap,
    base: &impl Fn(&Base) -> String,
    eval: &impl Fn(&Formula) -> i64,
) -> String {
    let list = |numbers: Vec<i64>| {
        let numbers: Vec<_> = numbers.iter().map(|number| format!("{number}ll")).collect();
        format!("{{{}}}", numbers.join(", "))
    };
    let formulas = |formulas: &[Formula]| list(formulas.iter().map(eval).collect());
    let element = match map.element {
        MapElement::U8 => 1,
        MapElement::F16 | MapElement::Bf16 => 2,
        MapElement::F32 | MapElement::I32 => 4,
    };
    let swizzle = match map.swizzle {
        Swizzle::None => 0,
        Swizzle::B32 => 32,
        Swizzle::B64 => 64,
        Swizzle::B128 => 128,
    };
    let (sizes, strides) = (formulas(&map.sizes), formulas(&map.strides));
    let tile = list(map.tile.iter().copied().map(i64::from).collect());
    format!("host::map({}, {element}, {swizzle}, {sizes}, {strides}, {tile})", base(&map.base))
}

fn bytes(array: &Array) -> Vec<u8> {
    match &array.data {
        Data::F32(x) => x.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::I32(x) => x.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::B16(x) => x.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::B8(x) => x.clone(),
    }
}

fn take(rest: &mut &[u8], element: Element, shape: &[usize]) -> Array {
    let count: usize = shape.iter().product();
    let (own, after) = rest.split_at(count * element.bytes());
    *rest = after;
    let words = own.chunks_exact(4).map(|w| <[u8; 4]>::try_from(w).expect("chunks of four"));
    let data = match element {
        Element::F32 => Data::F32(words.map(f32::from_le_bytes).collect()),
        Element::I32 => Data::I32(words.map(i32::from_le_bytes).collect()),
        Element::Bf16 | Element::F16 => {
            Data::B16(own.chunks_exact(2).map(|w| u16::from_le_bytes([w[0], w[1]])).collect())
        }
        Element::F8E4M3 | Element::F8E5M2 | Element::I8 | Element::U8 | Element::Bool => {
            Data::B8(own.to_vec())
        }
    };
    Array { element, shape: shape.to_vec(), data }
}
