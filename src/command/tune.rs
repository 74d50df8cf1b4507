//! `tilec tune`: tries settings on a GPU, and writes the best as a tile block.

mod search;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use tilec::stage::Compilation;
use tilec::{bench, tune};
use tilec_ir::launch;
use tilec_ir::tensor::Role;

use super::gpu::{Gpu, Origin};
use super::{Reporter, Selection, Stop, Target, print, sizes};
use search::{Search, Tuned};

/// What to tune, for which sizes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Tunes for these sizes, besides those of --set; with several, for what is best
    /// over all of them.
    #[arg(long, value_name = "NAME=INT,..", value_parser = sizes::several)]
    sizes: Vec<sizes::Several>,
    /// Draws the inputs.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Launches that count for each candidate.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    repeat: u32,
    /// Tries at most so many candidates for an equation.
    #[arg(long, value_name = "CANDIDATES", default_value_t = 200)]
    most: usize,
    /// Writes the tile block to a file instead of printing it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Writes the times of tiles for many rows as a measured table of the chip.
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// Which GPU, counted from 0.
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    device: usize,
}

pub(crate) fn run(arguments: &Arguments, reporter: &Reporter) -> Result<(), Stop> {
    let selection = &arguments.selection;
    let (text, program) = selection.load(reporter)?;
    let kernel = program.kernel(selection.kernel.as_deref()).map_err(Stop::Usage)?;
    if selection.target != Target::Cuda {
        return Err(Stop::Usage("tune measures GPUs: --target cuda".to_owned()));
    }
    let gpu = Gpu::open(arguments.device, selection.chip.as_deref())?;
    let origin = Origin { file: &selection.file, text: &text, module: &program.module, reporter };
    let rows = sizes::rows(&selection.set, &arguments.sizes);
    let inputs = vec![None; kernel.tensors_of(Role::Input).count()];
    let launches = rows.iter().map(|set| {
        let launch = launch::bind(kernel, &inputs, set).map_err(|diagnostics| {
            reporter.report(&selection.file, &text, &diagnostics);
            Stop::Launch
        })?;
        super::memory::check(kernel, &launch)?;
        Ok(launch)
    });
    let launches = launches.collect::<Result<Vec<_>, Stop>>()?;
    let compilation = Compilation::new(kernel, &[]).map_err(|d| origin.refuse(&d))?;
    let search = Search {
        gpu: &gpu,
        origin,
        kernel,
        compilation: &compilation,
        launches: &launches,
        repeats: arguments.repeat as usize,
        most: arguments.most,
        seed: arguments.seed,
    };
    let tuned = search.run()?;
    let comment = comment(&gpu, arguments.repeat, &tuned);
    let block = tune::block(&kernel.name, &gpu.chip.name, &comment, &tuned.settings);
    match &arguments.output {
        _ if tuned.settings.is_empty() => {
            print("nothing that was tried is faster than what is chosen without a tile block\n");
        }
        None => print(&block),
        Some(path) => write(path, &block)?,
    }
    match &arguments.table {
        None => Ok(()),
        Some(path) => {
            let line = format!(
                "Measured with `tilec tune` on {}, {}.",
                gpu.device.name,
                bench::date(SystemTime::now())
            );
            write(path, &tune::table(&gpu.chip.name, &[line], &tuned.samples))
        }
    }
}

/// What was measured, above the tile block.
fn comment(gpu: &Gpu, repeats: u32, tuned: &Tuned) -> Vec<String> {
    let date = bench::date(SystemTime::now());
    let mut lines = vec![format!(
        "Tuned on {}, {date}: medians of {repeats} launches, before -> after.",
        gpu.device.name
    )];
    let micro = |seconds: Option<f64>| {
        seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{:.1} us", seconds * 1e6))
    };
    for ((label, before), after) in tuned.labels.iter().zip(&tuned.before).zip(&tuned.after) {
        lines.push(format!("{label}: {} -> {}", micro(*before), micro(*after)));
    }
    lines
}

fn write(path: &Path, text: &str) -> Result<(), Stop> {
    std::fs::write(path, text)
        .map_err(|e| Stop::Usage(format!("`{}` cannot be written: {e}", path.display())))?;
    print(&format!("wrote {}\n", path.display()));
    Ok(())
}
