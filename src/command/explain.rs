//! `tilec explain FILE [--target T] [--chip C]`

use std::path::PathBuf;

use clap::Args;

use super::{Reporter, Stop, Target, check_chip, gpu, load, print};

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
    let (text, program) = load(&arguments.file, reporter)?;
    let only = arguments.kernel.as_deref();
    if only.is_some() {
        program.kernel(only).map_err(Stop::Usage)?;
    }
    print(&tilec::explain::explain(&program.module, only, arguments.chip.as_deref()));
    let chip = arguments.chip.as_deref().and_then(tilec_target::chip);
    let family = chip.map(|chip| chip.family().target());
    let target = arguments.target.map(Target::name).or(family);
    match target {
        Some("cuda") => {
            let chip = gpu::chip(arguments.chip.as_deref());
            let regions = tilec::explain::regions(&program.module, &text, only, chip);
            let regions = regions.map_err(|diagnostics| {
                reporter.report(&arguments.file, &text, &diagnostics);
                Stop::Program
            })?;
            print(&regions);
            Ok(())
        }
        Some("tt") => {
            Err(Stop::Target("regions and tilings for the target tt come later".to_owned()))
        }
        _ => Ok(()),
    }
}
