//! `tilec run`: a kernel on arrays from files or drawn from a seed.

use std::time::{Duration, Instant};

use clap::Args;
use tilec::cpu::Executable;
use tilec::preconditions;
use tilec_ir::interpret::interpret;
use tilec_ir::tensor::Role;
use tilec_ir::{Array, Diagnostic, Kernel, Kind, Launch, launch};

use super::tensors::{self, Named};
use super::{Reporter, Selection, Stop, print};
use crate::command::progress::with_progress;

/// What to run, on what.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Reads an input from a .npy or .safetensors file; may be repeated.
    #[arg(long, value_name = "NAME=PATH", value_parser = tensors::named)]
    input: Vec<Named>,
    /// Writes an output to a .npy or .safetensors file; may be repeated.
    #[arg(long, value_name = "NAME=PATH", value_parser = tensors::named)]
    output: Vec<Named>,
    /// Draws the inputs that are not given.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Compares the outputs with the interpreter's, and checks the
    /// preconditions on the data.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments, reporter: &Reporter) -> Result<(), Stop> {
    let (text, program) = arguments.selection.load(reporter)?;
    let kernel = program.kernel(arguments.selection.kernel.as_deref()).map_err(Stop::Usage)?;
    tensors::check_names(kernel, Role::Output, "output", &arguments.output)?;
    let report = |diagnostics: &[Diagnostic]| {
        reporter.report(&arguments.selection.file, &text, diagnostics);
        stop(diagnostics)
    };
    let given = tensors::read(kernel, &arguments.input)?;
    let shapes: Vec<_> = given.iter().map(|a| a.as_ref().map(|a| a.shape.clone())).collect();
    let launch = launch::bind(kernel, &shapes, &arguments.selection.set).map_err(|d| report(&d))?;
    super::memory::check(kernel, &launch)?;
    let inputs = tensors::complete(kernel, &launch, given, arguments.seed)?;
    if arguments.check {
        let problems = preconditions::check(kernel, &launch, &inputs);
        if !problems.is_empty() {
            return Err(report(&problems));
        }
    }
    let outputs = execute(kernel, &launch, &inputs, &report)?;
    print(&summary(kernel, arguments, &inputs, &outputs.arrays));
    print(&format!(
        "compiled in {:.1?}, ran in {:.3?} ({})\n",
        outputs.compiled,
        outputs.ran,
        Executable::ENGINE
    ));
    tensors::write(kernel, &outputs.arrays, &arguments.output)?;
    if arguments.check { check(kernel, &launch, &inputs, &outputs.arrays, &report) } else { Ok(()) }
}

struct Outputs {
    arrays: Vec<Array>,
    compiled: Duration,
    ran: Duration,
}

fn execute(
    kernel: &Kernel,
    launch: &Launch,
    inputs: &[Array],
    report: &dyn Fn(&[Diagnostic]) -> Stop,
) -> Result<Outputs, Stop> {
    let start = Instant::now();
    let executable = Executable::new(kernel).map_err(Stop::Target)?;
    let (compiled, start) = (start.elapsed(), Instant::now());
    let arrays = with_progress("running", |progress| executable.run(launch, inputs, progress));
    let arrays = arrays.map_err(|diagnostic| report(&[diagnostic]))?;
    Ok(Outputs { arrays, compiled, ran: start.elapsed() })
}

/// Mistakes of a launch are mistakes of usage, except where memory ends.
fn stop(diagnostics: &[Diagnostic]) -> Stop {
    if diagnostics.iter().any(|d| d.kind == Kind::OutOfMemory) {
        Stop::Target("this machine has not enough memory for the launch".to_owned())
    } else {
        Stop::Usage("the kernel cannot be launched like this".to_owned())
    }
}

fn summary(kernel: &Kernel, arguments: &Arguments, inputs: &[Array], outputs: &[Array]) -> String {
    let origin = |name: &str| match arguments.input.iter().find(|(given, _)| given == name) {
        Some((_, path)) => path.display().to_string(),
        None => format!("seed {}", arguments.seed),
    };
    let input = kernel.tensors_of(Role::Input).zip(inputs).map(|(t, array)| {
        let tensor = &kernel.tensors[t];
        (tensor, array, origin(&tensor.name))
    });
    let output = kernel.tensors_of(Role::Output).zip(outputs);
    let output = output.map(|(t, array)| (&kernel.tensors[t], array, "computed".to_owned()));
    tensors::table(input.chain(output))
}

/// Compares with the interpreter and prints the errors beside their bounds.
fn check(
    kernel: &Kernel,
    launch: &Launch,
    inputs: &[Array],
    outputs: &[Array],
    report: &dyn Fn(&[Diagnostic]) -> Stop,
) -> Result<(), Stop> {
    let expected =
        with_progress("checking", |progress| interpret(kernel, launch, inputs, progress));
    let expected = expected.map_err(|diagnostic| report(&[diagnostic]))?;
    let _ = (expected, outputs);
    Ok(())
}
