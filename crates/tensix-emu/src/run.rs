//! Runs programs in the engine, a process of its own, and reads what it reports.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tilec_manifest::tensix::{Programs, Role};
use tilec_runtime::Cache;

use crate::build::{self, Kernel};
use crate::cxx::{self, Compiler, host};
use crate::failure::{Failure, Kind};
use crate::plan;

/// How programs are run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that cores are spread over; 1 runs everything in the same order each time.
    pub threads: usize,
    /// How long all programs may take. A deadlock is found without it.
    pub limit: Duration,
    /// Where compiled kernels are kept.
    pub cache: Cache,
}

impl Default for Options {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { threads, limit: Duration::from_secs(600), cache: Cache::from_environment() }
    }
}

/// What a run gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The pages of each output, by the buffer's name.
    pub outputs: BTreeMap<String, Vec<u8>>,
    /// What each core did: program by program, row by row.
    pub counters: Vec<Vec<Counters>>,
}

/// What a core did in a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counters {
    /// Bytes that it read from DRAM.
    pub dram_read_bytes: u64,
    /// Bytes that it wrote to DRAM.
    pub dram_written_bytes: u64,
    /// Bytes that it sent to single cores.
    pub noc_bytes: u64,
    /// Bytes that it multicast, counted once per multicast.
    pub multicast_bytes: u64,
    /// Products of two 32x32 tiles that it computed.
    pub tile_products: u64,
    /// Sums that its matrix unit got wrong, as Wormhole's does: -1 unit in the last place comes
    /// out as -2^27 units.
    pub wrong_sums: u64,
}

/// The engine's report.json.
#[derive(Deserialize)]
struct Report {
    failure: Option<Fault>,
    programs: Vec<Vec<Counters>>,
}

#[derive(Deserialize)]
struct Fault {
    kind: Kind,
    program: String,
    file: String,
    line: u32,
    core: [u32; 2],
    sentence: String,
}

/// Runs all programs: `texts` are the kernels by the files that `programs` names, `inputs`
/// the pages of each input buffer.
///
/// # Errors
/// Where the three don't fit together, a kernel doesn't compile, or one does something
/// wrong: the failure names its file and line.
pub fn run(
    programs: &Programs,
    texts: &BTreeMap<String, String>,
    inputs: &BTreeMap<String, Vec<u8>>,
    options: &Options,
) -> Result<Outcome, Failure> {
    plan::check(programs, texts, inputs)?;
    let compiler = cxx::find()?;
    let folder = tempfile::tempdir().map_err(|error| host(&std::env::temp_dir(), &error))?;
    let libraries = compile(programs, texts, &compiler, options, folder.path())?;
    let plan =
        plan::plan(programs, &libraries, options.threads.max(1), options.limit.as_secs_f64());
    write(folder.path(), "plan.txt", plan.as_bytes())?;
    for buffer in programs.buffers.iter().filter(|buffer| buffer.role == Role::Input) {
        write(folder.path(), &format!("{}.pages", buffer.name), &inputs[&buffer.name])?;
    }
    let report = call_engine(folder.path(), options.limit)?;
    match report.failure {
        Some(fault) => Err(fault.into()),
        None => Ok(Outcome {
            outputs: read_outputs(programs, folder.path())?,
            counters: report.programs,
        }),
    }
}

/// Compiles the engine and every kernel into the folder; paths of the kernels' objects.
fn compile(
    programs: &Programs,
    texts: &BTreeMap<String, String>,
    compiler: &Compiler,
    options: &Options,
    folder: &Path,
) -> Result<Vec<[String; 3]>, Failure> {
    let kernel_of = |program: usize, role: usize| {
        let program = &programs.programs[program];
        let file = &plan::kernels(program)[role].file;
        let preamble = plan::preamble(programs, program, role);
        Kernel { program: &program.name, file, preamble, text: &texts[file] }
    };
    let count = programs.programs.len() * 3;
    let engine = std::thread::scope(|scope| {
        let engine = scope.spawn(|| build::engine(compiler, &options.cache));
        let workers: Vec<_> = (0..options.threads.clamp(1, count.max(1)))
            .map(|first| {
                scope.spawn(move || {
                    (first..count).step_by(options.threads.max(1)).try_for_each(|at| {
                        let kernel = kernel_of(at / 3, at % 3);
                        let bytes = build::kernel(compiler, &options.cache, &kernel)?;
                        write(folder, &format!("kernel{at}.so"), &bytes)
                    })
                })
            })
            .collect();
        let made = workers.into_iter().map(|worker| worker.join().expect("compiling cannot panic"));
        made.collect::<Result<Vec<()>, Failure>>()?;
        engine.join().expect("compiling cannot panic")
    })?;
    write(folder, "engine", &engine)?;
    let path = |at: usize| folder.join(format!("kernel{at}.so")).display().to_string();
    Ok((0..programs.programs.len())
        .map(|p| [path(3 * p), path(3 * p + 1), path(3 * p + 2)])
        .collect())
}

fn call_engine(folder: &Path, limit: Duration) -> Result<Report, Failure> {
    let path = folder.join("engine");
    make_executable(&path).map_err(|error| host(&path, &error))?;
    let mut process = start(&path, folder).map_err(|error| host(&path, &error))?;
    // The engine ends itself when its time is up; this is for one that can't.
    wait(&mut process, limit + Duration::from_secs(10));
    let text = std::fs::read_to_string(folder.join("report.json")).unwrap_or_default();
    serde_json::from_str(&text).map_err(|_| {
        let said = std::fs::read_to_string(folder.join("said.txt")).unwrap_or_default();
        let said = if said.is_empty() { "it reported nothing".to_owned() } else { said };
        Failure::before(Kind::Host, "", format!("the emulator stopped: {}", said.trim()))
    })
}

fn start(path: &Path, folder: &Path) -> std::io::Result<Child> {
    let said = std::fs::File::create(folder.join("said.txt"))?;
    let begin = Instant::now();
    loop {
        let mut command = Command::new(path);
        command.arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said.try_clone()?);
        match command.spawn() {
            // A process that another thread starts holds our files until it is itself.
            Err(error)
                if error.kind() == ErrorKind::ExecutableFileBusy
                    && begin.elapsed() < Duration::from_secs(5) =>
            {
                std::thread::sleep(Duration::from_millis(2));
            }
            other => return other,
        }
    }
}

fn wait(process: &mut Child, limit: Duration) {
    let begin = Instant::now();
    while let Ok(None) = process.try_wait() {
        if begin.elapsed() > limit {
            let _ = process.kill();
        }
        std::thread::sleep(Duration::from_millis(2).max(begin.elapsed() / 100));
    }
}

#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> std::io::Result<()> {
    Err(std::io::Error::new(ErrorKind::Unsupported, "the emulator runs on Unix only"))
}

fn read_outputs(programs: &Programs, folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let outputs = programs.buffers.iter().filter(|buffer| buffer.role == Role::Output);
    outputs
        .map(|buffer| {
            let path = folder.join(format!("{}.pages", buffer.name));
            let bytes = std::fs::read(&path).map_err(|error| host(&path, &error))?;
            Ok((buffer.name.clone(), bytes))
        })
        .collect()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let path = folder.join(name);
    std::fs::write(&path, bytes).map_err(|error| host(&path, &error))
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let Fault { kind, program, file, line, core, sentence } = fault;
        Self { kind, program, file, line, core: Some(core), sentence }
    }
}
