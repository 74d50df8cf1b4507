//! The subcommands, one file each, and what they share: reading sources,
//! printing, and the reasons to stop.

pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod compile;
mod engine;
pub(crate) mod explain;
pub(crate) mod fmt;
mod gpu;
mod memory;
mod progress;
pub(crate) mod run;
mod sizes;
mod source;
mod tensix;
mod tensors;
pub(crate) mod tune;

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use tilec::program::Program;
use tilec::render;
use tilec_ir::Diagnostic;

pub(crate) use source::read as read_source;

/// Why a command ends without success, and the exit code that says so.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The program has errors, already reported: 1.
    Program,
    /// The command line, or a file or array that it names, is wrong: 2.
    Usage(String),
    /// The kernel cannot be launched like this, already reported: 2.
    Launch,
    /// The target or the device can't: 3.
    Target(String),
    /// The target can't express the kernel, already reported: 3.
    Unsupported,
    /// There is not enough memory, already reported: 3.
    Memory,
    /// `--check` found a difference, already reported: 4.
    Difference,
}

impl Stop {
    fn code(&self) -> u8 {
        match self {
            Self::Program => 1,
            Self::Usage(_) | Self::Launch => 2,
            Self::Target(_) | Self::Unsupported | Self::Memory => 3,
            Self::Difference => 4,
        }
    }
}

/// Where mistakes go: text or JSON, on standard error.
#[derive(Debug)]
pub(crate) struct Reporter {
    json: bool,
    color: bool,
}

impl Reporter {
    pub(crate) fn new(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { json, color: wanted && std::io::stderr().is_terminal() }
    }

    /// Reports the mistakes found in a source.
    pub(crate) fn report(&self, path: &Path, text: &str, diagnostics: &[Diagnostic]) {
        let name = path.to_string_lossy();
        let rendered = if self.json {
            render::json(&name, text, diagnostics)
        } else {
            render::text(&name, text, diagnostics, self.color)
        };
        eprint_all(&rendered);
    }

    /// Reports why the command stops.
    pub(crate) fn stop(&self, stop: &Stop) -> ExitCode {
        if let Stop::Usage(message) | Stop::Target(message) = stop {
            let line = if self.json {
                serde_json::json!({ "severity": "error", "message": message }).to_string()
            } else {
                format!("error: {message}")
            };
            eprint_all(&(line + "\n"));
        }
        ExitCode::from(stop.code())
    }
}

/// Which kernel, for which target, with which sizes.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// The .tile file.
    pub(crate) file: std::path::PathBuf,
    /// Which kernel of the file; not needed if it has one.
    #[arg(long)]
    pub(crate) kernel: Option<String>,
    /// What to compile for.
    #[arg(long, value_enum)]
    pub(crate) target: Target,
    /// A chip of the target; see `tilec targets`.
    #[arg(long)]
    pub(crate) chip: Option<String>,
    /// Binds a size parameter; may be repeated.
    #[arg(long, value_name = "NAME=INT", value_parser = sizes::one)]
    pub(crate) set: Vec<(String, i64)>,
}

/// What code is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// This machine's processor.
    Cpu,
    /// NVIDIA GPUs.
    Cuda,
    /// Tenstorrent Tensix.
    Tt,
}

impl Target {
    /// The target's name on the command line and in the chip tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Tt => "tt",
        }
    }
}

impl Selection {
    /// Reads and checks the file, reporting what is wrong, and checks target and chip.
    pub(crate) fn load(&self, reporter: &Reporter) -> Result<(String, Program), Stop> {
        check_chip(Some(self.target), self.chip.as_deref())?;
        load(&self.file, reporter)
    }
}

/// Checks that a chip exists and belongs to the target, if one is given.
pub(crate) fn check_chip(target: Option<Target>, chip: Option<&str>) -> Result<(), Stop> {
    let Some(name) = chip else { return Ok(()) };
    let Some(chip) = tilec_target::chip(name) else {
        let known: Vec<_> = tilec_target::chips().iter().map(|chip| chip.name.as_str()).collect();
        return Err(Stop::Usage(format!(
            "no chip is called `{name}`; the known chips are {}",
            known.join(", ")
        )));
    };
    match target {
        Some(target) if chip.family().target() != target.name() => Err(Stop::Usage(format!(
            "the chip {name} belongs to --target {}, not to --target {}",
            chip.family().target(),
            target.name()
        ))),
        _ => Ok(()),
    }
}

/// Reads and checks a file and reports what is wrong with it.
pub(crate) fn load(path: &Path, reporter: &Reporter) -> Result<(String, Program), Stop> {
    let text = read_source(path, reporter)?;
    let program = Program::check(&text);
    reporter.report(path, &text, &program.diagnostics);
    if program.has_errors() { Err(Stop::Program) } else { Ok((text, program)) }
}

/// `tilec targets [NAME]`
pub(crate) fn targets(name: Option<&str>) -> Result<(), Stop> {
    if name == Some(Target::Cpu.name()) {
        print("cpu is this machine's processor: a target without chips to choose from\n");
        return Ok(());
    }
    check_chip(None, name)?;
    match name.and_then(tilec_target::chip) {
        Some(chip) => print(&tilec_target::describe(chip)),
        None => print(&tilec_target::describe_all()),
    }
    Ok(())
}

/// `tilec phases`
pub(crate) fn phases() -> Result<(), Stop> {
    print(&tilec::phases::checklist());
    Ok(())
}

/// Prints to standard output; a closed pipe is the reader's choice, not an error.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprint_all(&format!("error: standard output cannot be written: {error}\n"));
            std::process::exit(Stop::Usage(String::new()).code().into());
        }
        Ok(()) | Err(_) => {}
    }
}

fn eprint_all(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
