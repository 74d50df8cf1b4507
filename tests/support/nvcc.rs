//! nvcc, as `make setup` installs it: compiling with warnings as errors, reading
//! what ptxas reports and which instructions the machine code holds.
//!
//! What compiled once is remembered under `target/nvcc`, by a hash of the text, the
//! flags and the compiler, so that a second run of the tests is quick. Comments do
//! not count: the same code from other lines of a source is the same code.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What a compilation makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Make {
    /// Machine code of the device alone, as users have it.
    Device,
    /// The same at a sixth of the time: only whether it compiles is asked.
    Fast,
    /// An object file: the device's machine code, and the launcher.
    Object,
}

impl Make {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Device => &["-O3", "-cubin"],
            Self::Fast => &["-Ofast-compile=max", "-cubin"],
            Self::Object => &["-O3", "-c"],
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Device | Self::Fast => "out.cubin",
            Self::Object => "out.o",
        }
    }
}

/// A successful compilation.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    /// What `ptxas -v` says.
    pub(crate) report: String,
    /// The machine code or the object.
    pub(crate) path: PathBuf,
}

/// What ptxas reports of one kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    /// The emitted function.
    pub(crate) function: String,
    /// Bytes of local memory: arrays that are indexed, and spilled registers.
    pub(crate) stack: u32,
    /// Bytes of spill stores and loads.
    pub(crate) spills: u32,
    /// Registers of a thread.
    pub(crate) registers: u32,
}

static NVCC: LazyLock<PathBuf> = LazyLock::new(|| {
    let given = std::env::var_os("TILEC_NVCC").map(PathBuf::from);
    let path = given.unwrap_or_else(|| Path::new(ROOT).join(".cuda/nvidia/cu13/bin/nvcc"));
    assert!(path.exists(), "there is no nvcc at {}: run `make setup`", path.display());
    path
});

/// Where what compiled once is remembered.
pub(crate) fn memory() -> PathBuf {
    let folder = Path::new(ROOT).join("target/nvcc");
    std::fs::create_dir_all(&folder).expect("target can be written to");
    folder
}

/// Compiles CUDA C++ for an architecture such as `sm_90a`. An error is what nvcc said.
pub(crate) fn compile(text: &str, arch: &str, make: Make) -> Result<Built, String> {
    let folder = memory().join(key(text, arch, make));
    let report = folder.join("report");
    if let Ok(report) = std::fs::read_to_string(&report) {
        return Ok(Built { report, path: folder.join(make.file()) });
    }
    std::fs::create_dir_all(&folder).expect("target can be written to");
    let built = build(text, arch, make, &folder)?;
    std::fs::write(report, &built.report).expect("target can be written to");
    Ok(built)
}

/// The same in a folder, and each time.
pub(crate) fn build(text: &str, arch: &str, make: Make, folder: &Path) -> Result<Built, String> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let source = folder.join(format!("emitted{count}.cu"));
    std::fs::write(&source, text).expect("the folder can be written to");
    let number = arch.strip_prefix("sm_").expect("architectures begin with sm_");
    let mut command = Command::new(&*NVCC);
    command.args(FLAGS).arg(format!("-gencode=arch=compute_{number},code=sm_{number}"));
    command.arg("-I").arg(Path::new(ROOT).join("crates/codegen-cuda/device"));
    command.args(make.flags());
    let path = folder.join(make.file());
    let output = command.arg("-o").arg(&path).arg(&source).output().expect("nvcc starts");
    let said = [output.stdout, output.stderr].concat();
    let report = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() { Ok(Built { report, path }) } else { Err(report) }
}

/// As users are told to compile, with every warning an error.
const FLAGS: [&str; 8] = [
    "-std=c++17",
    "-fmad=false",
    "-Werror",
    "all-warnings",
    "-Xptxas",
    "-v",
    "-Xcompiler",
    "-Wall,-Wextra,-Werror",
];

/// The compiler as a command, for a line that calls it by name.
pub(crate) fn command(name: &str) -> Command {
    assert_eq!(name, "nvcc");
    Command::new(&*NVCC)
}

/// The same for what compiles to the same code.
pub(crate) fn key(text: &str, arch: &str, make: Make) -> String {
    let mut hasher = DefaultHasher::new();
    for line in text.lines().map(|line| line.split("//").next().unwrap_or_default().trim()) {
        line.hash(&mut hasher);
    }
    // What the text includes belongs to it.
    for header in headers().iter().filter(|_| text.contains(".cuh\"")) {
        std::fs::read(header).expect("a header can be read").hash(&mut hasher);
    }
    (arch, make, make.flags(), FLAGS, NVCC.as_path()).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// `work` on every item, on all processors; in the order of the items.
pub(crate) fn parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let take = || {
        let at = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&at| at < items.len());
        std::iter::from_fn(at).map(|at| (at, work(&items[at]))).collect::<Vec<_>>()
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no worker panics")).collect()
    });
    done.sort_by_key(|&(at, _)| at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The hand-written device headers, sorted.
pub(crate) fn headers() -> Vec<PathBuf> {
    let folder = Path::new(ROOT).join("crates/codegen-cuda/device");
    let entries = std::fs::read_dir(folder).expect("the device headers are there");
    let mut files: Vec<_> = entries.map(|e| e.expect("the folder is readable").path()).collect();
    files.sort();
    files
}

/// What `ptxas -v` says of each kernel, in its order.
pub(crate) fn usage(report: &str) -> Vec<Usage> {
    let mut found: Vec<Usage> = Vec::new();
    for line in report.lines() {
        if let Some((_, rest)) = line.split_once("Compiling entry function '") {
            let function = rest.split('\'').next().unwrap_or_default().to_owned();
            found.push(Usage { function, stack: 0, spills: 0, registers: 0 });
        } else if let Some(last) = found.last_mut() {
            read(line, "bytes stack frame", &mut last.stack);
            read(line, "bytes spill stores", &mut last.spills);
            let mut loads = 0;
            read(line, "bytes spill loads", &mut loads);
            last.spills += loads;
            read(line, "registers", &mut last.registers);
        }
    }
    found
}

/// Adds the number that stands before `unit`, if it does.
fn read(line: &str, unit: &str, number: &mut u32) {
    let found = line.split(',').find_map(|part| part.trim().strip_suffix(unit));
    let word = found.and_then(|part| part.split_whitespace().last()?.parse::<u32>().ok());
    *number += word.unwrap_or(0);
}

/// What machine code calls the instructions that multiply matrices.
pub(crate) const MATRIX_INSTRUCTIONS: [&str; 6] =
    ["HGMMA", "IGMMA", "QGMMA", "HMMA", "IMMA", "QMMA"];

/// The matrix instructions of each function of machine code.
pub(crate) fn instructions(built: &Built) -> BTreeMap<String, BTreeSet<&'static str>> {
    let tool = NVCC.with_file_name("cuobjdump");
    let output = Command::new(&tool).arg("-sass").arg(&built.path).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{} cannot be run ({error}): run `make setup`", tool.display())
    });
    let text = String::from_utf8_lossy(&output.stdout);
    let functions = text.split("Function : ").skip(1).map(|function| {
        let name = function.split_whitespace().next().unwrap_or_default();
        let found = MATRIX_INSTRUCTIONS.into_iter().filter(|name| function.contains(name));
        (name.to_owned(), found.collect())
    });
    let functions: BTreeMap<_, _> = functions.collect();
    assert!(!functions.is_empty(), "no machine code in {}", built.path.display());
    functions
}
