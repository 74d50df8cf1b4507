//! What is emitted for Tensix is accepted by the vendor's own runtime, on mock devices: it
//! compiles and links the five programs of a core, places circular buffers in L1, and
//! takes arguments and semaphores. Nothing runs there; that is the emulator's part.
//!
//! Nearly all of the time is the compiler's, so kernels come without their comments: the runtime
//! compiles equal texts once. What `scripts/setup-tensix.sh` installs is needed. What a chip's
//! programs came to is remembered under `target/tensix-runtime`, by a hash of all that the runtime was given.

#[path = "support/files.rs"]
mod files;
#[path = "support/tensix_cases.rs"]
#[allow(dead_code, reason = "the tests that share this file take more of it")]
mod tensix_cases;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use tensix_cases::Case;
use tilec_manifest::tensix::{CircularBuffer, Format};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const SCRIPT: &str = "tests/host/tensix_runtime.py";

/// Files and kernels that both chips get: products of each type, with epilogues and scales, and
/// rows. Of all others each is for one of the chips, in turn; bench/tensix/runtime.py gives both
/// chips all.
const BOTH: [(&str, &str); 8] = [
    ("examples/gemm_fp8/gemm_fp8.tile", "gemm_fp8"),
    ("examples/batched_gemm/batched_gemm.tile", "batched_gemm"),
    ("examples/rmsnorm/rmsnorm.tile", "rmsnorm"),
    ("examples/softmax/softmax.tile", "softmax"),
    ("tests/cases/spellings/bias_gelu/plain.tile", "linear"),
    ("tests/cases/idioms/block_quantize.tile", "block_quantize"),
    ("tests/cases/contract/types.tile", "gemm_bf16"),
    ("tests/cases/contract/types.tile", "gemm_bf16_f8"),
];

/// Steps of the longest programs that are tried here.
const LONGEST: usize = 6;

/// A program that is emitted, edited into one that the runtime must refuse, and a part of what
/// it says then.
struct Broken {
    name: &'static str,
    edit: fn(&mut Case),
    says: &'static str,
}

const BROKEN: [Broken; 3] = [
    Broken { name: "no_such_function", edit: no_such_function, says: "cb_wait_for_front" },
    Broken { name: "beyond_l1", edit: beyond_l1, says: "beyond max L1 size" },
    Broken { name: "beyond_the_grid", edit: beyond_the_grid, says: "the device has" },
];

fn no_such_function(case: &mut Case) {
    for (_, text) in &mut case.emitted.kernels {
        *text = text.replace("cb_wait_front(", "cb_wait_for_front(");
    }
}

fn beyond_l1(case: &mut Case) {
    case.emitted.programs.programs[0].circular_buffers[0].pages = 4096;
}

fn beyond_the_grid(case: &mut Case) {
    case.emitted.programs.programs[0].columns = 100;
}

#[test]
fn the_vendors_runtime_accepts_programs_for_wormhole() {
    check("wormhole_n150");
}

#[test]
fn the_vendors_runtime_accepts_programs_for_blackhole() {
    check("blackhole_p150");
}

fn check(chip: &str) {
    let Some(python) = runtime() else { return };
    let mut cases = share_of(chip);
    assert!(cases.len() > 80, "only {} cases", cases.len());
    let expected: Vec<_> = cases.iter().map(|(name, case)| (name.clone(), says(case))).collect();
    for Broken { name, edit, .. } in &BROKEN {
        let (file, kernel) = BOTH[0];
        let mut case = tensix_cases::of(file, kernel, chip);
        edit(&mut case);
        cases.push(((*name).to_owned(), case));
    }
    let asked = Asked::new(chip, &cases);
    let text = asked.remembered().unwrap_or_else(|| asked.run(&python));
    let said = by_name(&text);
    let of = |name: &str| said.get(name).map_or("nothing was said", String::as_str);
    let others = expected.iter().filter(|(name, says)| !of(name).contains(says));
    let others: Vec<_> = others.map(|(name, _)| format!("{name}: {}", of(name))).collect();
    assert!(others.is_empty(), "{} on {chip}:\n{}", others.len(), others.join("\n"));
    for Broken { name, says, .. } in &BROKEN {
        assert!(of(name).contains(says), "{name} on {chip}: {}", of(name));
    }
    asked.remember(&text);
}

/// What the runtime must say of a case: that all is well, or that its Python interface has no
/// name for a format.
fn says(case: &Case) -> &'static str {
    let mut rings = case.emitted.programs.programs.iter().flat_map(|one| &one.circular_buffers);
    let nameless = |ring: &CircularBuffer| matches!(ring.format, Format::Float16 | Format::Lf8);
    if rings.any(nameless) { "cannot be asked for through ttnn's Python interface" } else { "ok" }
}

/// The cases that a chip gets, each with the name of its folder.
fn share_of(chip: &str) -> Vec<(String, Case)> {
    let mut programs: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in tensix_cases::all() {
        programs.entry(case.program.clone()).or_default().push(case);
    }
    let both = BOTH.map(|(file, kernel)| format!("{file}, {kernel}"));
    // Layers of experts are dozens of steps, each some seconds; all of them are
    // bench/tensix/runtime.py's.
    let short = |case: &Case| case.emitted.programs.programs.len() <= LONGEST;
    programs.values_mut().for_each(|cases| cases.retain(short));
    programs.retain(|_, cases| !cases.is_empty());
    let mut share = Vec::new();
    for (at, (program, mut cases)) in programs.into_iter().enumerate() {
        if !both.contains(&program) {
            let one = at % cases.len();
            cases = vec![cases.swap_remove(one)];
        }
        let folder = program.replace(|c: char| !c.is_alphanumeric(), "_");
        share.extend(
            cases.into_iter().filter(|case| case.chip == chip).map(|x| (folder.clone(), x)),
        );
    }
    share
}

/// The Python that the runtime is installed for.
///
/// # Panics
/// If there is none, where `CI` is set.
fn runtime() -> Option<PathBuf> {
    let python = Path::new(ROOT).join(".tensix/venv/bin/python");
    let linked = Path::new(ROOT).join(".tensix/objects/wh/keep.o");
    if python.exists() && linked.exists() {
        return Some(python);
    }
    let said = "what is emitted for Tensix is not compiled by the vendor's runtime: \
                scripts/setup-tensix.sh has not installed it";
    assert!(std::env::var_os("CI").is_none(), "{said}");
    eprintln!("skipped: {said}");
    None
}

/// Cases in folders, for the runtime.
struct Asked {
    chip: String,
    folders: Vec<PathBuf>,
    /// Where what was said of just these cases is kept, once it was right.
    memory: PathBuf,
}

impl Asked {
    fn new(chip: &str, cases: &[(String, Case)]) -> Self {
        let folders: Vec<_> = cases.iter().map(|(name, _)| place().join(chip).join(name)).collect();
        let each = folders.iter().zip(cases);
        let written: Vec<_> = each.map(|(folder, (_, case))| write(folder, case)).collect();
        let memory = place().join(key(chip, &written));
        Self { chip: chip.to_owned(), folders, memory }
    }

    fn remembered(&self) -> Option<String> {
        std::fs::read_to_string(&self.memory).ok()
    }

    fn remember(&self, said: &str) {
        std::fs::write(&self.memory, said).expect("target can be written to");
    }

    /// What the runtime says of the cases.
    fn run(&self, python: &Path) -> String {
        let folder = place().join(&self.chip);
        let device = Path::new(ROOT).join("scripts/tensix").join(format!("{}.yaml", self.chip));
        // The stand-in for the compiler is a script, which starts quickest with this Python.
        let own = python.parent().expect("it is in a folder").to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::env::join_paths([own].into_iter().chain(std::env::split_paths(&path)));
        let mut command = Command::new(python);
        command.env("PATH", paths.expect("paths that were split can be joined"));
        command.arg(Path::new(ROOT).join(SCRIPT)).args(&self.folders);
        command.current_dir(&folder).env("TT_METAL_CACHE", place().join("cache"));
        command.env("TT_METAL_SLOW_DISPATCH_MODE", "1").env("TT_METAL_DISABLE_SFPLOADMACRO", "1");
        command.env("TT_METAL_LOGS_PATH", &folder).env("TT_LOGGER_LEVEL", "error");
        command.env("TT_METAL_MOCK_CLUSTER_DESC_PATH", device).env_remove("TT_METAL_SIMULATOR");
        let output = command.output().expect("Python starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "the runtime ended with {}:\n{said}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        said
    }
}

fn place() -> PathBuf {
    Path::new(ROOT).join("target/tensix-runtime")
}

/// Writes a case into a folder of its own; gives what was written.
fn write(folder: &Path, case: &Case) -> Vec<(String, Vec<u8>)> {
    let mut files = tilec::tensix::files(&case.emitted);
    for (name, bytes) in &mut files {
        if name.ends_with(".cpp") {
            *bytes = without_comments(std::str::from_utf8(bytes).expect("kernels are text"));
        }
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("it is below a folder"))
            .expect("target can be written to");
        std::fs::write(path, &*bytes).expect("target can be written to");
    }
    files
}

/// A kernel's text without comments and empty lines. No string of a kernel has two slashes.
fn without_comments(text: &str) -> Vec<u8> {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default().trim_end());
    code.filter(|line| !line.is_empty()).flat_map(|line| [line, "\n"]).collect::<String>().into()
}

fn key(chip: &str, written: &[Vec<(String, Vec<u8>)>]) -> String {
    let mut hasher = DefaultHasher::new();
    for path in [SCRIPT, ".tensix/made-from"] {
        std::fs::read(Path::new(ROOT).join(path)).unwrap_or_default().hash(&mut hasher);
    }
    (chip, written).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Lines of `folder: what was said`, by the folder's last name.
fn by_name(said: &str) -> BTreeMap<String, String> {
    let line = |line: &str| {
        let (folder, said) = line.split_once(": ")?;
        let name = Path::new(folder).file_name()?.to_string_lossy().into_owned();
        Some((name, said.to_owned()))
    };
    said.lines().filter_map(line).collect()
}
