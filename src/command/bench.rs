//! `tilec bench`: how long a kernel takes on a GPU, beside what the chip can do.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use tilec::bench::{self, Report, Row};
use tilec::stage::Compilation;
use tilec_ir::{Kernel, Launch, launch};
use tilec_runtime::time::{Method, measure};

use super::gpu::{self, Gpu, Loaded, Origin};
use super::{Reporter, Selection, Stop, Target, print, sizes, tensors};
use crate::command::progress::with_progress;

/// What to measure, and where to write it.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Measures with these sizes, besides those of --set; may be repeated.
    #[arg(long, value_name = "NAME=INT,..", value_parser = sizes::several)]
    sizes: Vec<sizes::Several>,
    /// Draws the inputs.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Launches that count.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    repeat: u32,
    /// Launches before the first that counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    warm_up: u32,
    /// Writes the measurements as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draws the share of what the chip can do as bars.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Compiles for the sizes of --set alone; else one program serves all sizes.
    #[arg(long)]
    specialize: bool,
    /// Which GPU, counted from 0.
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    device: usize,
}

impl Arguments {
    fn method(&self) -> Method {
        let (warm_up, repeats) = (self.warm_up as usize, self.repeat as usize);
        Method { warm_up, repeats, ..Method::default() }
    }
}

pub(crate) fn run(arguments: &Arguments, reporter: &Reporter) -> Result<(), Stop> {
    let selection = &arguments.selection;
    let (text, program) = selection.load(reporter)?;
    let kernel = program.kernel(selection.kernel.as_deref()).map_err(Stop::Usage)?;
    if selection.target != Target::Cuda {
        return Err(Stop::Usage(
            "bench measures GPUs: --target cuda; `tilec run` prints a time on every target"
                .to_owned(),
        ));
    }
    let gpu = Gpu::open(arguments.device, selection.chip.as_deref())?;
    let origin = Origin { file: &selection.file, text: &text, module: &program.module, reporter };
    // Sizes are checked before anything is compiled.
    let rows = sizes::rows(&selection.set, &arguments.sizes)
        .into_iter()
        .map(|set| bind(kernel, &set, origin));
    let launches = rows.collect::<Result<Vec<_>, _>>()?;
    let bound = if arguments.specialize { selection.set.as_slice() } else { &[] };
    let loaded = gpu.load(kernel, bound, origin)?;
    let plan = Compilation::new(kernel, &[]).map_err(|d| origin.refuse(&d))?.plan();
    let mut rows = Vec::new();
    for launch in &launches {
        let times = time(arguments, kernel, &loaded, launch)?;
        let work = bench::work(kernel, &plan, launch);
        let sizes = kernel.sizes.iter().map(|(id, size)| (size.name.clone(), launch.size(id)));
        rows.push(Row {
            sizes: sizes.collect(),
            median_seconds: times.median(),
            shortest_seconds: times.shortest(),
            longest_seconds: times.longest(),
            bytes: work.bytes,
            operations: work.total_operations(),
            bound_seconds: work.bound_seconds(gpu.chip),
        });
    }
    let method = arguments.method();
    let report = Report {
        format: Report::format(),
        date: bench::date(SystemTime::now()),
        command: std::env::args().collect(),
        device: gpu.device.name.clone(),
        chip: gpu.chip.name.clone(),
        compiler: loaded.program.compiler().to_owned(),
        kernel: kernel.name.clone(),
        warm_up: method.warm_up,
        repeats: method.repeats,
        flush_bytes: method.flush_bytes,
        rows,
    };
    print(&table(&report, &loaded));
    write(arguments, &report)
}

fn bind(kernel: &Kernel, set: &[(String, i64)], origin: Origin<'_>) -> Result<Launch, Stop> {
    let inputs = vec![None; kernel.tensors_of(tilec_ir::tensor::Role::Input).count()];
    let launch = launch::bind(kernel, &inputs, set).map_err(|diagnostics| {
        origin.reporter.report(origin.file, origin.text, &diagnostics);
        Stop::Launch
    })?;
    super::memory::check(kernel, &launch)?;
    Ok(launch)
}

/// Times one set of sizes on random data.
fn time(
    arguments: &Arguments,
    kernel: &Kernel,
    loaded: &Loaded,
    launch: &Launch,
) -> Result<tilec_runtime::time::Times, Stop> {
    let missing = vec![None; kernel.tensors_of(tilec_ir::tensor::Role::Input).count()];
    let inputs = tensors::complete(kernel, launch, missing, arguments.seed)?;
    let on = loaded.place(kernel, launch, &inputs)?;
    drop(inputs);
    let device = loaded.program.device();
    with_progress("measuring", |_| {
        measure(device, &loaded.stream, arguments.method(), || loaded.launch(&on))
    })
    .map_err(gpu::stop)
}

fn table(report: &Report, loaded: &Loaded) -> String {
    let mut table = tensors::new_table(&[
        "sizes", "median", "shortest", "longest", "GB/s", "TFLOP/s", "bound", "share",
    ]);
    let micro = |seconds: f64| format!("{:.1} us", seconds * 1e6);
    for row in &report.rows {
        table.add_row([
            row.label(),
            micro(row.median_seconds),
            micro(row.shortest_seconds),
            micro(row.longest_seconds),
            format!("{:.0}", row.bandwidth() / 1e9),
            if row.operations > 0.0 { format!("{:.1}", row.rate() / 1e12) } else { "-".to_owned() },
            micro(row.bound_seconds),
            format!("{:.0} %", row.share() * 100.0),
        ]);
    }
    format!(
        "{} on {}, tiles for {}, {}\n{table}\nmedian of {} launches, {} MiB written before each; \
         the bound is what {} needs at least by its table\n",
        report.kernel,
        report.device,
        report.chip,
        loaded.compiled(),
        report.repeats,
        report.flush_bytes >> 20,
        report.chip
    )
}

fn write(arguments: &Arguments, report: &Report) -> Result<(), Stop> {
    let write = |path: &Path, text: String| {
        std::fs::write(path, text)
            .map_err(|e| Stop::Usage(format!("`{}` cannot be written: {e}", path.display())))
    };
    if let Some(path) = &arguments.json {
        write(path, report.json())?;
    }
    if let Some(path) = &arguments.svg {
        let svg = bench::plot(report);
        write(path, svg.map_err(|e| Stop::Usage(format!("the plot cannot be drawn: {e}")))?)?;
    }
    Ok(())
}
