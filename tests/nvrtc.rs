//! What is emitted compiles with NVRTC, which is stricter than nvcc and finds no
//! header of CUDA, and it does so once per source.

use std::fs;
use std::path::{Path, PathBuf};

use tilec::cuda::Cuda;
use tilec::program::Program;
use tilec::stage::Compilation;
use tilec_codegen_cuda::{Emitted, Source};
use tilec_manifest::Arch;
use tilec_runtime::{Cache, Compiler};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// NVRTC as `make setup` installs it beside nvcc.
fn compiler() -> Compiler {
    let given = std::env::var_os("TILEC_NVCC").map(PathBuf::from);
    let given = given.and_then(|nvcc| Some(nvcc.parent()?.parent()?.to_owned()));
    let toolkit = given.unwrap_or_else(|| Path::new(ROOT).join(".cuda/nvidia/cu13"));
    let found = Compiler::find_in(&toolkit).expect("run `make setup`");
    assert!(
        matches!(found, Compiler::Nvrtc(_)),
        "{} has no NVRTC: run `make setup`",
        toolkit.display()
    );
    found
}

/// Every kernel of every example, emitted for a chip.
fn examples(chip: &str) -> Vec<Emitted> {
    let chip = tilec_target::chip(chip).expect("it has a table");
    let folders = fs::read_dir(Path::new(ROOT).join("examples")).expect("there are examples");
    let folders = folders.map(|entry| entry.expect("it can be read").path());
    let files = folders.filter_map(|folder| {
        let name = format!("{}.tile", folder.file_name()?.to_str()?);
        fs::read_to_string(folder.join(name)).ok()
    });
    let mut texts: Vec<_> = files.collect();
    texts.sort();
    let all = texts.iter().flat_map(|text| {
        let program = Program::check(text);
        let emit = |kernel| {
            let compilation = Compilation::new(kernel, &[]).expect("nothing is bound");
            let source = Source { file: "example.tile", text };
            let cuda = Cuda::of(&program.module, &kernel.name, chip, source);
            compilation.cuda(&cuda.expect("it is its kernel")).expect("it can be expressed")
        };
        program.module.kernels.iter().map(emit).collect::<Vec<_>>()
    });
    all.collect()
}

#[test]
fn examples_compile_and_are_kept() {
    let compiler = compiler();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let cache = Cache::in_folder(folder.path());
    let emitted = [examples("h200"), examples("a100")].concat();
    assert!(emitted.len() > 10, "only {} kernels", emitted.len());
    let faults = emitted.iter().filter_map(|Emitted { source, manifest, .. }| {
        let arch = Arch::parse(&manifest.arch).expect("chips have architectures");
        let place = format!("{} for {}", manifest.kernel, manifest.arch);
        match compiler.compile(source, arch, &cache) {
            Ok(_) => {
                let again = compiler.compile(source, arch, &cache).expect("it has compiled");
                (!again.cached).then(|| format!("{place} is compiled twice"))
            }
            Err(error) => Some(format!("{place}: {error}")),
        }
    });
    let faults: Vec<_> = faults.collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
