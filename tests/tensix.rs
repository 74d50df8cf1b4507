//! Snapshots of what programs become for Tensix cores: the dataflow program, and the
//! kernels as they are emitted (pasted device headers left out: they are files of their own).
//! Programs of every case are emitted or refused with a place; the same program gives the
//! same bytes, and `program.json` says of kernels what they are.

#[path = "support/files.rs"]
mod files;

use std::collections::BTreeSet;

use tilec::program::Program;
use tilec::stage::Compilation;
use tilec::tensix::{self, Tensix};
use tilec_codegen_tt::{Emitted, Source};
use tilec_ir::dataflow::{self, print};
use tilec_ir::{Diagnostic, Kernel, Kind, Module};
use tilec_manifest::tensix::{Programs, Value};

const CHIPS: [&str; 2] = ["wormhole_n150", "blackhole_p150"];

/// A file, a kernel, its sizes and a chip.
type Case = (&'static str, &'static str, &'static [(&'static str, i64)], &'static str);

/// What snapshots are taken of.
const SNAPSHOTS: [Case; 7] = [
    (
        "examples/gemm_fp8/gemm_fp8.tile",
        "gemm_fp8",
        &[("M", 512), ("N", 768), ("K", 1024)],
        CHIPS[0],
    ),
    (
        "examples/gemm_fp8/gemm_fp8.tile",
        "gemm_fp8",
        &[("M", 512), ("N", 768), ("K", 1024)],
        CHIPS[1],
    ),
    (
        "tests/cases/spellings/bias_gelu/plain.tile",
        "linear",
        &[("M", 96), ("N", 200), ("K", 160)],
        CHIPS[0],
    ),
    ("examples/rmsnorm/rmsnorm.tile", "rmsnorm", &[("M", 100), ("N", 300)], CHIPS[0]),
    ("examples/softmax/softmax.tile", "softmax", &[("M", 100), ("N", 300)], CHIPS[1]),
    ("tests/cases/idioms/block_quantize.tile", "block_quantize", &[("M", 100), ("G", 3)], CHIPS[0]),
    ("examples/topk/topk.tile", "topk", &[("M", 1), ("N", 131_072)], CHIPS[0]),
];

#[test]
fn programs_and_kernels() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/tensix");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut taken = vec![];
    for (file, kernel, sizes, chip) in SNAPSHOTS {
        let text = read(file);
        let module = Program::check(&text).module;
        let kernel = kernel_of(&module, kernel);
        let (program, emitted) = made(&module, kernel, sizes, chip, file, &text);
        let mut texts = vec![("dataflow".to_owned(), print::print(&program))];
        let kernels = emitted.kernels.iter();
        texts.extend(kernels.map(|(name, text)| (name.replace('/', "__"), own_lines(text))));
        for (kind, text) in texts {
            let name = format!("{}__{chip}__{kind}", stem(file));
            taken.push(name.clone());
            settings.bind(|| insta::assert_snapshot!(name, text));
        }
    }
    files::assert_no_stale_snapshots("tensix", &taken);
}

#[test]
fn the_same_program_gives_the_same_files_twice() {
    for (file, kernel, sizes, chip) in SNAPSHOTS {
        let text = read(file);
        let print = || {
            let module = Program::check(&text).module;
            let kernel = kernel_of(&module, kernel);
            tensix::files(&made(&module, kernel, sizes, chip, file, &text).1)
        };
        for ((name, bytes), (_, again)) in print().iter().zip(&print()) {
            assert!(bytes == again, "{name} differs from run to run");
        }
    }
}

#[test]
fn every_case_is_emitted_or_refused_with_a_place() {
    let (mut emitted, mut refused) = (0, 0);
    for path in ["examples", "tests/cases"].into_iter().flat_map(files::tile_files) {
        let text = std::fs::read_to_string(&path).expect("programs are text");
        if path.components().any(|part| part.as_os_str() == "errors") {
            continue;
        }
        let module = Program::check(&text).module;
        for kernel in &module.kernels {
            for (chip, length) in CHIPS.into_iter().zip([70, 256]) {
                match compile(&module, kernel, &lengths(kernel, length), chip, "k.tile", &text) {
                    Ok((program, made)) => {
                        emitted += 1;
                        agrees(&program, &made);
                    }
                    Err(found) => {
                        refused += 1;
                        assert_located(&found);
                    }
                }
            }
        }
    }
    assert!(emitted > 60 && refused > 10, "{emitted} emitted, {refused} refused");
}

/// A value for each size without a default.
fn lengths(kernel: &Kernel, length: i64) -> Vec<(String, i64)> {
    let sizes = kernel.sizes.iter().filter(|(_, size)| size.default.is_none());
    sizes.map(|(_, size)| (size.name.clone(), length)).collect()
}

fn assert_located(found: &[Diagnostic]) {
    assert!(!found.is_empty(), "nothing is refused without a reason");
    for diagnostic in found {
        // Facts and ranges that these sizes don't keep are the launch's business.
        if diagnostic.kind == Kind::NotExpressible {
            assert!(!diagnostic.labels.is_empty(), "nowhere: {}", diagnostic.message);
            assert!(diagnostic.help.is_some(), "no way out: {}", diagnostic.message);
        }
    }
}

/// What `program.json` says of the kernels is what they read.
fn agrees(program: &dataflow::Program, emitted: &Emitted) {
    let text = serde_json::to_string(&emitted.programs).expect("it can be written");
    let read: Programs = serde_json::from_str(&text).expect("it can be read");
    assert_eq!(read, emitted.programs);
    assert_eq!(read.programs.len(), program.steps.len());
    let mut described = BTreeSet::new();
    for step in &read.programs {
        for kernel in [&step.reader, &step.compute, &step.writer] {
            described.insert(kernel.file.clone());
            let (_, text) = emitted
                .kernels
                .iter()
                .find(|(name, _)| *name == kernel.file)
                .expect("every kernel has a text");
            for (at, argument) in kernel.arguments.iter().enumerate() {
                let reads = text.contains(&format!("get_arg_val<uint32_t>({at});"));
                let indirect = matches!(argument.value, Value::NocX(_) | Value::NocY(_));
                assert!(reads || indirect, "{}: argument {at} is not read", argument.name);
                if let Value::PerCore(words) = &argument.value {
                    assert_eq!(words.len(), (step.columns * step.rows) as usize);
                }
            }
            let beyond = format!("get_arg_val<uint32_t>({});", kernel.arguments.len());
            assert!(!text.contains(&beyond), "{}: {beyond}", kernel.file);
            let accessors = text.matches("= TensorAccessor(").count();
            assert_eq!(accessors, kernel.accessors.len(), "{}", kernel.file);
        }
    }
    assert_eq!(described.len(), emitted.kernels.len());
}

fn compile(
    module: &Module,
    kernel: &Kernel,
    sizes: &[(String, i64)],
    chip: &str,
    file: &str,
    text: &str,
) -> Result<(dataflow::Program, Emitted), Vec<Diagnostic>> {
    let sizes = tensix::bound(kernel, sizes);
    let compilation = Compilation::new(kernel, &sizes)?;
    let chip = tilec_target::chip(chip).expect("it has a table");
    let tensix = Tensix::of(module, &kernel.name, chip, Source { file, text }, sizes);
    let tensix = tensix.expect("the kernel is of this module");
    let program = compilation.dataflow(&tensix)?;
    let emitted = tensix.emit(&program);
    Ok((program, emitted))
}

fn made(
    module: &Module,
    kernel: &Kernel,
    sizes: &[(&str, i64)],
    chip: &str,
    file: &str,
    text: &str,
) -> (dataflow::Program, Emitted) {
    let sizes: Vec<_> = sizes.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
    let file = file.rsplit('/').next().expect("a path ends in a name");
    compile(module, kernel, &sizes, chip, file, text)
        .unwrap_or_else(|found| panic!("{file} is refused: {found:#?}"))
}

fn kernel_of<'a>(module: &'a Module, name: &str) -> &'a Kernel {
    module.kernels.iter().find(|kernel| kernel.name == name).expect("the file has this kernel")
}

fn read(file: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(path).expect("programs are text")
}

/// `gemm_fp8` of `examples/gemm_fp8/gemm_fp8.tile`; a folder's name where files are spellings.
fn stem(file: &str) -> &str {
    let mut parts = file.rsplit('/');
    let name = parts.next().and_then(|name| name.strip_suffix(".tile"));
    match name.expect("a program's file ends in .tile") {
        "plain" => parts.next().expect("spellings are in a folder"),
        name => name,
    }
}

/// A kernel without the device headers that are pasted into it.
fn own_lines(text: &str) -> String {
    let (Some(begin), Some(end)) =
        (text.find("namespace tilec {"), text.rfind("} // namespace tilec"))
    else {
        return text.to_owned();
    };
    let includes = text[..begin].rfind("#include").expect("kernels include the API");
    let begin = includes + text[includes..].find('\n').expect("a line ends") + 1;
    let end = end + text[end..].find('\n').expect("a line ends") + 1;
    format!("{}\n// .. device headers ..\n{}", &text[..begin], &text[end..])
}
