//! What is emitted compiles with NVRTC, which is stricter than nvcc and finds no
//! header of CUDA: as a whole, and function by function, each once.

#[path = "support/every.rs"]
mod every;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tilec::cuda::Cuda;
use tilec::program::Program;
use tilec::stage::Compilation;
use tilec_codegen_cuda::{Emitted, Source};
use tilec_manifest::{Arch, Manifest};
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

/// Of how many functions one is compiled, and where everything is asked for: nvcc, which
/// shares its front end, compiles more of them in tests/nvcc.rs.
const SHARES: [usize; 2] = [12, 4];

/// The functions of a program, each once.
fn functions(manifest: &Manifest) -> Vec<&str> {
    let variants = manifest.steps.iter().flat_map(|step| &step.variants);
    let launches = variants.flat_map(|variant| &variant.launches);
    let names: BTreeSet<_> = launches.map(|launch| launch.function.as_str()).collect();
    names.into_iter().collect()
}

#[test]
fn functions_of_examples_compile_alone_and_are_kept() {
    let compiler = compiler();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let cache = Cache::in_folder(folder.path());
    let emitted = [examples("h200"), examples("a100")].concat();
    assert!(emitted.len() > 10, "only {} kernels", emitted.len());
    let faults = emitted.iter().filter_map(|Emitted { source, manifest, .. }| {
        let arch = Arch::parse(&manifest.arch).expect("chips have architectures");
        let place = format!("{} for {}", manifest.kernel, manifest.arch);
        let share = SHARES[usize::from(every::asked())];
        let names: Vec<_> = functions(manifest).into_iter().step_by(share).collect();
        match compiler.compile_functions(source, &names, arch, &cache) {
            Ok(_) => {
                let again = compiler.compile_functions(source, &names, arch, &cache);
                let again = again.expect("they have compiled");
                let made = again.iter().filter(|cubin| !cubin.cached).count();
                (made > 0).then(|| format!("{place}: {made} functions are compiled twice"))
            }
            Err(error) => Some(format!("{place}: {error}")),
        }
    });
    let faults: Vec<_> = faults.collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The file that `tilec compile` leaves compiles as it is.
#[test]
fn a_whole_program_compiles() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let cache = Cache::in_folder(folder.path());
    let all = examples("h200");
    let gemm = all.iter().find(|emitted| emitted.manifest.kernel == "gemm_fp8");
    let Emitted { source, manifest, .. } = gemm.expect("it is an example");
    let arch = Arch::parse(&manifest.arch).expect("chips have architectures");
    let cubin = compiler().compile(source, arch, &cache).expect("it compiles");
    let names = String::from_utf8_lossy(&cubin.bytes).into_owned();
    for function in functions(manifest) {
        assert!(names.contains(function), "{function} is missing");
    }
}
