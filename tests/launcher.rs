//! The launcher and the header of a hand-written program: compiled by nvcc and by C
//! and C++ compilers, linked, and asked for launches that are refused before a GPU is
//! needed. What it says is what the runtime says.

#[path = "support/nvcc.rs"]
#[allow(dead_code, reason = "another test reads what ptxas reports")]
mod nvcc;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tilec_manifest::{
    Argument, Base, Check, Condition, Formula, Launch, Manifest, MapElement, Operator, Parameter,
    Relation, SizeParameter, Step, Swizzle, TensorMap, VERSION, Variant, sentences,
};
use tilec_runtime::resolve::resolve;

const DEVICE: &str = include_str!("launcher/program.cu");
const REFUSED: &str = include_str!("launcher/refused.c");

fn size(name: &str) -> Formula {
    Formula::Size(name.to_owned())
}

fn argument(name: &str, output: bool, shape: Vec<Formula>) -> Argument {
    let (name, element) = (name.to_owned(), "f32".to_owned());
    Argument { name, output, element, element_bytes: 4, shape, alignment: 16 }
}

fn pointer(name: &str) -> Parameter {
    Parameter::Pointer(Base::Argument(name.to_owned()))
}

fn launch(function: &str, cluster: u32, shared_bytes: u32, parameters: Vec<Parameter>) -> Launch {
    let elements = Formula::apply(Operator::Mul, size("M"), size("N"));
    Launch {
        function: function.to_owned(),
        grid: [elements.round_up(256).ceil_div(128), 1.into(), 1.into()],
        block: [128, 1, 1],
        cluster: [cluster, 1, 1],
        shared_bytes,
        parameters,
    }
}

/// The program of `launcher/program.cu`; N is even.
fn manifest() -> Manifest {
    let elements = Formula::apply(Operator::Mul, size("M"), size("N"));
    let by = || Parameter::Scalar("by".to_owned());
    let count = || Parameter::Size(elements.clone());
    let scratch = Parameter::Pointer(Base::Workspace(256.into()));
    let map = Parameter::TensorMap(TensorMap {
        base: Base::Argument("x".to_owned()),
        element: MapElement::F32,
        sizes: vec![size("N"), size("M")],
        strides: vec![Formula::apply(Operator::Mul, size("N"), 4.into())],
        tile: vec![32, 8],
        swizzle: Swizzle::B128,
    });
    let few = launch("few", 1, 0, vec![pointer("x"), pointer("y"), by(), count(), scratch]);
    let many = launch("many", 2, 64 << 10, vec![map, pointer("x"), pointer("y"), by(), count()]);
    let small = Condition { left: size("M"), relation: Relation::AtMost, right: 16.into() };
    let half = Formula::apply(Operator::Div, size("N"), 2.into());
    let even = Formula::apply(Operator::Mul, half, 2.into());
    let is_even = Condition { left: even, relation: Relation::Equal, right: size("N") };
    let parameter = |name: &str| SizeParameter { name: name.to_owned(), default: None };
    Manifest {
        version: VERSION,
        kernel: "scale".to_owned(),
        chip: "h200".to_owned(),
        arch: "sm_90a".to_owned(),
        source_sha256: String::new(),
        sizes: vec![parameter("M"), parameter("N")],
        arguments: vec![
            argument("x", false, vec![size("M"), size("N")]),
            argument("by", false, vec![]),
            argument("y", true, vec![size("M"), size("N")]),
        ],
        checks: vec![Check {
            condition: is_even,
            message: "`N % 2 == 0` does not hold".to_owned(),
        }],
        workspace_bytes: 512.into(),
        steps: vec![Step {
            computes: vec!["y (line 3)".to_owned()],
            variants: vec![
                Variant { when: vec![small], launches: vec![few] },
                Variant { when: vec![], launches: vec![many] },
            ],
        }],
    }
}

fn source() -> String {
    format!("{DEVICE}\n{}", tilec_codegen_cuda::launcher(&manifest()))
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{command:?}:\n{said}");
    said
}

/// The folder of the runtime library that belongs to nvcc.
fn libraries() -> PathBuf {
    let toolkit = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cuda/nvidia/cu13");
    let given = std::env::var_os("TILEC_NVCC").map(PathBuf::from);
    let given = given.and_then(|nvcc| Some(nvcc.parent()?.parent()?.to_owned()));
    given.unwrap_or(toolkit).join("lib")
}

#[test]
fn the_header_is_c_and_cpp_and_needs_nothing() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let header = tilec_codegen_cuda::header(&manifest());
    fs::write(folder.path().join("scale.h"), header).expect("the folder can be written");
    for (file, standard) in [("twice.c", "-std=c99"), ("twice.cpp", "-std=c++11")] {
        let file = folder.path().join(file);
        let text = "#include \"scale.h\"\n#include \"scale.h\"\n\
            const char *go(const struct scale_args *a) { return scale_launch(a, 0, 0, 0); }\n";
        fs::write(&file, text).expect("the folder can be written");
        let warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"];
        let compiler = if standard.contains("++") { "c++" } else { "cc" };
        run(Command::new(compiler).args(warnings).arg(standard).arg(&file));
    }
}

/// What the runtime says of these sizes.
fn runtime_says(m: i64, n: i64) -> String {
    resolve(&manifest(), &[m, n]).expect_err("these sizes are refused").to_string()
}

#[test]
fn refusals_are_the_runtimes() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let built = nvcc::compile(&source(), "sm_90a", nvcc::Make::Object)
        .unwrap_or_else(|said| panic!("{said}"));
    let header = tilec_codegen_cuda::header(&manifest());
    fs::write(folder.path().join("scale.h"), header).expect("the folder can be written");
    let main = folder.path().join("refused.c");
    fs::write(&main, REFUSED).expect("the folder can be written");
    let binary = folder.path().join("refused");
    let mut link = Command::new("c++");
    link.args(["-x", "c"]).arg(&main).args(["-x", "none"]).arg(&built.path);
    link.arg("-o").arg(&binary).arg("-L").arg(libraries());
    run(link.args(["-lcudart_static", "-ldl", "-lrt", "-lpthread"]));
    let largest = i64::from(i32::MAX);
    let expected = [
        format!("-1 {}", runtime_says(-1, 2)),
        format!("-1 {}", runtime_says(1, 1 << 31)),
        format!("-1 {}", runtime_says(1, 3)),
        format!("512 {}", runtime_says(largest, largest - 1)),
        format!("512 {}", sentences::null("x")),
        format!("512 {}", sentences::misaligned("y", 16)),
        format!("512 {}", sentences::workspace(511, 512)),
        format!("512 {}", sentences::null("the workspace")),
        format!("512 {}", sentences::misaligned("the workspace", 256)),
        format!("512 {}", sentences::workspace(0, 512)),
        "the address of the arguments is null".to_owned(),
    ];
    let said = run(&mut Command::new(&binary));
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn the_same_manifest_gives_the_same_text() {
    assert_eq!(source(), source());
    assert_eq!(tilec_codegen_cuda::header(&manifest()), tilec_codegen_cuda::header(&manifest()));
}

/// NVRTC, with no include path, sees the device code alone.
#[test]
fn nvrtc_needs_no_header() {
    let text = source();
    let launcher = text.find("#ifndef __CUDACC_RTC__").expect("the launcher is guarded");
    assert!(text.find("#include").is_some_and(|at| at > launcher));
    assert!(text.trim_end().ends_with("#endif  // __CUDACC_RTC__"));
}
