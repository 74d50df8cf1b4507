//! The command line. Exit codes: 0 fine, 1 the program has errors, 2 usage,
//! 3 the target or device can't, 4 `--check` found a difference.

mod command;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use command::Reporter;

/// A program is many small trees and texts: with the system's allocator, a fourth of the time
/// in which one is emitted goes into getting and giving back their memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A compiler for a small tile language: equations in, kernels out.
#[derive(Debug, Parser)]
#[command(name = "tilec", version, about, max_term_width = 100)]
struct Cli {
    /// How mistakes are printed.
    #[arg(long, global = true, value_enum, default_value_t = MessageFormat::Human)]
    message_format: MessageFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum MessageFormat {
    /// Source lines with the places marked; colors on a terminal.
    Human,
    /// One JSON object a line, for editors.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Report what is wrong with programs.
    Check {
        /// The .tile files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Lay programs out in the one canonical way.
    Fmt {
        /// Change nothing; fail if something would change.
        #[arg(long)]
        check: bool,
        /// The .tile files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Say what the compiler makes of a program.
    Explain(command::explain::Arguments),
    /// List the chips, or describe one.
    Targets {
        /// A chip's name.
        name: Option<String>,
    },
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Compile a kernel to files.
    Compile(command::compile::Arguments),
    /// Run a kernel on arrays.
    Run(command::run::Arguments),
    /// Measure a kernel on a GPU.
    Bench(command::bench::Arguments),
    /// Find the fastest settings on a GPU, and write them as a tile block.
    Tune(command::tune::Arguments),
    /// Print the checklist of capabilities, phase by phase.
    Phases,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let reporter = Reporter::new(cli.message_format == MessageFormat::Json);
    let result = match &cli.command {
        Command::Check { files } => command::check::run(files, &reporter),
        Command::Fmt { check, files } => command::fmt::run(*check, files, &reporter),
        Command::Explain(arguments) => command::explain::run(arguments, &reporter),
        Command::Targets { name } => command::targets(name.as_deref()),
        Command::Completions { shell } => {
            command::print(&completions(*shell));
            Ok(())
        }
        Command::Compile(arguments) => command::compile::run(arguments, &reporter),
        Command::Run(arguments) => command::run::run(arguments, &reporter),
        Command::Bench(arguments) => command::bench::run(arguments, &reporter),
        Command::Tune(arguments) => command::tune::run(arguments, &reporter),
        Command::Phases => command::phases(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => reporter.stop(&stop),
    }
}

fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tilec", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
