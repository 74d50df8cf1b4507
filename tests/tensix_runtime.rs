//! What is emitted for Tensix is accepted by the vendor's own runtime, on mock devices: it
//! compiles and links the five programs of a core, places circular buffers in L1, and
//! takes arguments and semaphores. Nothing runs there; that is the emulator's part.
//!
//! What `scripts/setup-tensix.sh` installs is needed. What a chip's programs came to is
//! remembered under `target/tensix-runtime`, by a hash of all that the runtime was given.

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

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Files and kernels: products of each type, with epilogues and scales, and rows.
const PROGRAMS: [(&str, &str); 8] = [
    ("examples/gemm_fp8/gemm_fp8.tile", "gemm_fp8"),
    ("examples/batched_gemm/batched_gemm.tile", "batched_gemm"),
    ("examples/rmsnorm/rmsnorm.tile", "rmsnorm"),
    ("examples/softmax/softmax.tile", "softmax"),
    ("tests/cases/spellings/bias_gelu/plain.tile", "linear"),
    ("tests/cases/idioms/block_quantize.tile", "block_quantize"),
    ("tests/cases/contract/types.tile", "gemm_bf16"),
    ("tests/cases/contract/types.tile", "gemm_bf16_f8"),
];

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
    let mut cases: Vec<(String, Case)> = PROGRAMS
        .iter()
        .map(|(file, kernel)| ((*kernel).to_owned(), tensix_cases::of(file, kernel, chip)))
        .collect();
    for Broken { name, edit, .. } in &BROKEN {
        let (file, kernel) = PROGRAMS[0];
        let mut case = tensix_cases::of(file, kernel, chip);
        edit(&mut case);
        cases.push(((*name).to_owned(), case));
    }
    let said = run(&python, chip, &cases);
    let of = |name: &str| said.get(name).map_or("nothing was said", String::as_str);
    for (_, name) in PROGRAMS {
        assert_eq!(of(name), "ok", "{name} on {chip}");
    }
    for Broken { name, says, .. } in &BROKEN {
        assert!(of(name).contains(says), "{name} on {chip}: {}", of(name));
    }
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

/// What the runtime says of each case, by its name.
fn run(python: &Path, chip: &str, cases: &[(String, Case)]) -> BTreeMap<String, String> {
    let memory = Path::new(ROOT).join("target/tensix-runtime");
    let folder = memory.join(chip);
    let written: Vec<_> =
        cases.iter().map(|(name, case)| write(&folder.join(name), case)).collect();
    let script = Path::new(ROOT).join("tests/host/tensix_runtime.py");
    let key = key(&script, chip, &written);
    let remembered = memory.join(key);
    if let Ok(said) = std::fs::read_to_string(&remembered) {
        return by_name(&said);
    }
    let mut command = Command::new(python);
    command.arg(&script).args(cases.iter().map(|(name, _)| folder.join(name)));
    command.current_dir(&folder).env("TT_METAL_CACHE", memory.join("cache"));
    command.env("TT_METAL_SLOW_DISPATCH_MODE", "1").env("TT_METAL_DISABLE_SFPLOADMACRO", "1");
    command.env("TT_METAL_LOGS_PATH", &folder).env("TT_LOGGER_LEVEL", "error");
    let device = Path::new(ROOT).join("scripts/tensix").join(format!("{chip}.yaml"));
    command.env("TT_METAL_MOCK_CLUSTER_DESC_PATH", device).env_remove("TT_METAL_SIMULATOR");
    let output = command.output().expect("Python starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "the runtime ended with {}:\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::write(remembered, &said).expect("target can be written to");
    by_name(&said)
}

/// Writes a case into a folder of its own; gives what was written.
fn write(folder: &Path, case: &Case) -> Vec<(String, Vec<u8>)> {
    let files = tilec::tensix::files(&case.emitted);
    for (name, bytes) in &files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("it is below a folder"))
            .expect("target can be written to");
        std::fs::write(path, bytes).expect("target can be written to");
    }
    files
}

fn key(script: &Path, chip: &str, written: &[Vec<(String, Vec<u8>)>]) -> String {
    let mut hasher = DefaultHasher::new();
    let installed = Path::new(ROOT).join(".tensix/made-from");
    for path in [script, &installed] {
        std::fs::read(path).unwrap_or_default().hash(&mut hasher);
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
