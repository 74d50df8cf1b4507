//! `tilec explain FILE [--target T] [--chip C] [--set N=..]`

use std::path::PathBuf;

use clap::Args;
use tilec::stage::Compilation;
use tilec::tensix::bound;
use tilec_ir::Kernel;

use super::gpu::{self, Origin};
use super::{Reporter, Stop, Target, check_chip, load, print, sizes, tensix};

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
    /// Binds a size parameter (--target tt, whose programs are made for one size);
    /// may be repeated.
    #[arg(long, value_name = "NAME=INT", value_parser = sizes::one)]
    set: Vec<(String, i64)>,
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
            let origin =
                Origin { file: &arguments.file, text: &text, module: &program.module, reporter };
            let kernels = program.module.kernels.iter();
            kernels
                .filter(|kernel| only.is_none_or(|only| only == kernel.name))
                .try_for_each(|kernel| steps(arguments, kernel, origin))
        }
        _ => Ok(()),
    }
}

/// What was found in a kernel, and what its programs for Tensix cores do.
fn steps(arguments: &Arguments, kernel: &Kernel, origin: Origin<'_>) -> Result<(), Stop> {
    let sizes = bound(kernel, &arguments.set);
    let compilation = Compilation::new(kernel, &sizes).map_err(|diagnostics| {
        origin.reporter.report(origin.file, origin.text, &diagnostics);
        Stop::Launch
    })?;
    print(&tilec::explain::found(&compilation.plan(), origin.text));
    let chip = tensix::chip(arguments.chip.as_deref());
    let (_, program) = tensix::cut(&compilation, chip, sizes, origin)?;
    print(&tilec::explain::tensix(&program, chip));
    Ok(())
}
