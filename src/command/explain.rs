//! `tilec explain FILE [--target T] [--chip C]`

use std::path::PathBuf;

use clap::Args;

use super::{Reporter, Stop, Target, check_chip, load, print};

/// What to explain.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The .tile file.
    file: PathBuf,
    /// Only this kernel of the file.
    #[arg(long)]
    kernel: Option<String>,
    /// For which target.
    #[arg(long, value_enum)]
    target: Option<Target>,
    /// Only tile blocks for this chip.
    #[arg(long)]
    chip: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, reporter: &Reporter) -> Result<(), Stop> {
    check_chip(arguments.target, arguments.chip.as_deref())?;
    let (_, program) = load(&arguments.file, reporter)?;
    let only = arguments.kernel.as_deref();
    if only.is_some() {
        program.kernel(only).map_err(Stop::Usage)?;
    }
    print(&tilec::explain::explain(&program.module, only, arguments.chip.as_deref()));
    match arguments.target {
        None | Some(Target::Cpu) => Ok(()),
        Some(target @ (Target::Cuda | Target::Tt)) => Err(Stop::Target(format!(
            "regions and tilings for the target {} come later",
            target.name()
        ))),
    }
}
