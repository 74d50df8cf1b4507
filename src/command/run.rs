//! `tilec run`: a kernel on arrays from files or drawn from a seed.

use clap::Args;
use tilec::licenses::{cuda_units, licenses, tensix_units};
use tilec::{arrays, cpu, preconditions};
use tilec_ir::compare::{self, License, Verdict};
use tilec_ir::tensor::{Role, Tensor};
use tilec_ir::{Array, Diagnostic, Element, Id, Kernel, Kind, Launch, Module, launch};
use tilec_target::Chip;

use super::engine::Engine;
use super::gpu::{Gpu, Origin};
use super::tensix::{self, Host};
use super::tensors::{self, Named};
use super::{Reporter, Selection, Stop, Target, print};
use crate::command::progress::with_progress;

/// What to run, on what.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Reads an input from a .npy or .safetensors file, or takes the value of a
    /// scalar; may be repeated.
    #[arg(long, value_name = "NAME=PATH", value_parser = tensors::named)]
    input: Vec<Named>,
    /// Writes an output to a .npy or .safetensors file; may be repeated.
    #[arg(long, value_name = "NAME=PATH", value_parser = tensors::named)]
    output: Vec<Named>,
    /// Draws the inputs that are not given.
    #[arg(long, default_value_t = 0, value_parser = seed, allow_hyphen_values = true)]
    seed: u64,
    /// Compares the outputs with the interpreter's (those of other chips with the
    /// CPU's), and checks the preconditions on the data.
    #[arg(long)]
    check: bool,
    /// Reads an index that is out of range as the nearest one, instead of refusing it.
    #[arg(long, conflicts_with = "check")]
    clamp: bool,
    /// Runs so many times; the outputs must be the same bit for bit.
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Compiles for the sizes of --set alone (--target cuda); else one program
    /// serves all sizes.
    #[arg(long)]
    specialize: bool,
    /// Which GPU, counted from 0; for --target tt `emulator` (the default) or
    /// `ttnn`, the vendor's runtime on what its environment names.
    #[arg(long, value_name = "DEVICE", value_parser = device)]
    device: Option<Device>,
}

/// What `--device` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Device {
    Gpu(usize),
    Tensix(Host),
}

/// What runs a kernel.
#[derive(Debug)]
enum Place {
    Cpu,
    Gpu(Gpu),
    Tensix(Host, &'static Chip),
}

pub(crate) fn run(arguments: &Arguments, reporter: &Reporter) -> Result<(), Stop> {
    let selection = &arguments.selection;
    let (text, program) = selection.load(reporter)?;
    let kernel = program.kernel(selection.kernel.as_deref()).map_err(Stop::Usage)?;
    // Before anything is computed, so that no result is lost for want of a place.
    let wanted = tensors::destinations(kernel, &arguments.output)?;
    let origin = Origin { file: &selection.file, text: &text, module: &program.module, reporter };
    let place = arguments.place()?;
    let (launch, inputs) = prepare(arguments, kernel, origin)?;
    // A comparison also needs what the target picked where keys nearly tie.
    let picks = if arguments.check { local_picks(kernel) } else { vec![] };
    let exposed = compare::expose(kernel, &picks);
    let bound = if arguments.specialize { selection.set.as_slice() } else { &[] };
    let mut engine = match &place {
        Place::Cpu => Engine::on_cpu(&exposed)?,
        Place::Gpu(gpu) => Engine::on_gpu(gpu, &exposed, bound, origin, &launch, &inputs)?,
        Place::Tensix(host, chip) => Engine::on_tensix(*host, chip, &exposed, origin, &launch)?,
    };
    let report = |diagnostics: &[Diagnostic]| report(origin, diagnostics);
    let mut outputs = engine.run(&exposed, &launch, &inputs, &report)?;
    for run in 2..=arguments.repeat {
        let again = engine.run(&exposed, &launch, &inputs, &report)?;
        same(&exposed, run, &outputs, &again)?;
    }
    let picked = outputs.split_off(kernel.tensors_of(Role::Output).count());
    print(&summary(kernel, arguments, &inputs, &outputs));
    print(&engine.times());
    tensors::write(kernel, &outputs, &wanted)?;
    if !arguments.check {
        return Ok(());
    }
    let picked: Vec<_> = picks.into_iter().zip(picked).collect();
    let licenses = place.licenses(&program.module, kernel, &launch);
    let verdicts = verdicts(licenses, kernel, &launch, &inputs, &outputs, &picked);
    judge(kernel, &verdicts.map_err(|diagnostic| report(&[diagnostic]))?)
}

impl Arguments {
    /// What is asked for; a GPU is opened before inputs are read or drawn.
    fn place(&self) -> Result<Place, Stop> {
        let chip = self.selection.chip.as_deref();
        match (self.selection.target, self.device) {
            (Target::Cpu | Target::Tt, _) if self.specialize => {
                Err(Stop::Usage("--specialize is for --target cuda".to_owned()))
            }
            (Target::Cpu | Target::Cuda, Some(Device::Tensix(_))) => {
                Err(Stop::Usage("--device emulator and ttnn are for --target tt".to_owned()))
            }
            (Target::Tt, Some(Device::Gpu(_))) => {
                Err(Stop::Usage("--device is emulator or ttnn for --target tt".to_owned()))
            }
            (Target::Cpu, _) => Ok(Place::Cpu),
            (Target::Cuda, None) => Gpu::open(0, chip).map(Place::Gpu),
            (Target::Cuda, Some(Device::Gpu(index))) => Gpu::open(index, chip).map(Place::Gpu),
            (Target::Tt, None) => Ok(Place::Tensix(Host::Emulator, tensix::chip(chip))),
            (Target::Tt, Some(Device::Tensix(host))) => Ok(Place::Tensix(host, tensix::chip(chip))),
        }
    }
}

impl Place {
    /// What its results are allowed beside those of the CPU; `None` compares with the
    /// interpreter.
    fn licenses(
        &self,
        module: &Module,
        kernel: &Kernel,
        launch: &Launch,
    ) -> Option<Vec<(Id<Tensor>, License)>> {
        match self {
            Self::Cpu => None,
            Self::Gpu(gpu) => {
                let mut all = licenses(module, kernel, &gpu.chip.name);
                all.extend(cuda_units(kernel, gpu.chip));
                Some(all)
            }
            Self::Tensix(_, chip) => {
                let mut all = licenses(module, kernel, &chip.name);
                all.extend(tensix_units(kernel, launch, chip.tensix()));
                Some(all)
            }
        }
    }
}

/// Parses a device.
fn device(text: &str) -> Result<Device, String> {
    match text {
        "emulator" => Ok(Device::Tensix(Host::Emulator)),
        "ttnn" => Ok(Device::Tensix(Host::Ttnn)),
        _ => text.parse().map(Device::Gpu).map_err(|_| {
            format!("`{text}` is neither the number of a GPU nor `emulator` nor `ttnn`")
        }),
    }
}

fn report(origin: Origin<'_>, diagnostics: &[Diagnostic]) -> Stop {
    origin.reporter.report(origin.file, origin.text, diagnostics);
    stop(diagnostics)
}

/// The sizes of the launch and its inputs, read or drawn, and checked.
fn prepare(
    arguments: &Arguments,
    kernel: &Kernel,
    origin: Origin<'_>,
) -> Result<(Launch, Vec<Array>), Stop> {
    let given = tensors::read(kernel, &arguments.input)?;
    let shapes: Vec<_> = given.iter().map(|a| a.as_ref().map(|a| a.shape.clone())).collect();
    let launch = launch::bind(kernel, &shapes, &arguments.selection.set);
    let launch = launch.map_err(|diagnostics| report(origin, &diagnostics))?;
    super::memory::check(kernel, &launch)?;
    let inputs = tensors::complete(kernel, &launch, given, arguments.seed)?;
    let problems = problems(arguments, kernel, &launch, &inputs);
    if problems.is_empty() { Ok((launch, inputs)) } else { Err(report(origin, &problems)) }
}

/// What is wrong with the data: with indices always, with the rest where that is asked for.
fn problems(
    arguments: &Arguments,
    kernel: &Kernel,
    launch: &Launch,
    inputs: &[Array],
) -> Vec<Diagnostic> {
    if arguments.check {
        return preconditions::check(kernel, launch, inputs);
    }
    let looked_at = if arguments.clamp { vec![] } else { preconditions::indices(kernel) };
    let arrays = kernel.tensors_of(Role::Input).zip(inputs);
    let arrays: Vec<_> = arrays.filter(|(id, _)| looked_at.contains(id)).collect();
    preconditions::check_some(kernel, launch, &arrays)
}

/// The outputs of a target beside the interpreter's; those of other chips, which may use
/// licenses, beside the CPU's.
fn verdicts(
    licenses: Option<Vec<(Id<Tensor>, License)>>,
    kernel: &Kernel,
    launch: &Launch,
    inputs: &[Array],
    outputs: &[Array],
    picked: &[(Id<Tensor>, Array)],
) -> Result<Vec<Verdict>, Diagnostic> {
    with_progress("checking", |progress| match licenses {
        None => compare::check(kernel, launch, inputs, outputs, picked, progress),
        Some(licenses) => {
            let cpu = |kernel: &_, launch: &_, inputs: &_, given: &_| {
                cpu::compute(kernel, launch, inputs, given, progress)
            };
            compare::check_with(&cpu, kernel, launch, inputs, outputs, picked, &licenses)
        }
    })
}

/// The picks by rounded keys that are not outputs anyway.
fn local_picks(kernel: &Kernel) -> Vec<Id<Tensor>> {
    let picks = compare::uncertain_picks(kernel).into_iter();
    picks.filter(|&tensor| kernel.tensors[tensor].role == Role::Local).collect()
}

/// Parses a seed.
fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is not an integer from 0 to {}", u64::MAX))
}

/// Runs must agree in every bit.
fn same(kernel: &Kernel, run: u32, first: &[Array], again: &[Array]) -> Result<(), Stop> {
    let pairs = kernel.tensors_of(Role::Output).zip(first.iter().zip(again));
    for (tensor, (first, again)) in pairs {
        let (first, again) = (arrays::to_bytes(&first.data), arrays::to_bytes(&again.data));
        if let Some(byte) = first.iter().zip(&again).position(|(a, b)| a != b) {
            let tensor = &kernel.tensors[tensor];
            let at = byte / Element::of(tensor.element).bytes();
            print(&format!(
                "run {run} differs from the first in `{}`, first at element {at}, counted from 0 in \
                 row-major order\n",
                tensor.name
            ));
            return Err(Stop::Difference);
        }
    }
    Ok(())
}

/// Mistakes of a launch are mistakes of usage, except where memory ends.
fn stop(diagnostics: &[Diagnostic]) -> Stop {
    if diagnostics.iter().any(|d| d.kind == Kind::OutOfMemory) {
        Stop::Memory
    } else {
        Stop::Launch
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

/// Prints the errors beside their bounds; stops at a difference.
fn judge(kernel: &Kernel, verdicts: &[Verdict]) -> Result<(), Stop> {
    let mut table = tensors::new_table(&[
        "checked",
        "mismatches",
        "worst row",
        "bound",
        "calc_diff",
        "bound",
        "",
    ]);
    for verdict in verdicts {
        let (difference, tolerance) = (&verdict.difference, &verdict.tolerance);
        table.add_row([
            kernel.tensors[verdict.tensor].name.clone(),
            difference.mismatches.to_string(),
            format!("{:.2e}", difference.worst_row_error),
            format!("{:.2e}", tolerance.row),
            format!("{:.2e}", difference.calc_diff),
            format!("{:.2e}", tolerance.calc_diff()),
            if verdict.passes() { "agrees" } else { "DIFFERS" }.to_owned(),
        ]);
    }
    print(&format!("{table}\n"));
    let different: Vec<_> = verdicts.iter().filter(|verdict| !verdict.passes()).collect();
    for verdict in &different {
        print(&format!("`{}` {}\n", kernel.tensors[verdict.tensor].name, where_different(verdict)));
    }
    if different.is_empty() { Ok(()) } else { Err(Stop::Difference) }
}

/// Where a tensor differs, by the first measure that is past its bound.
fn where_different(verdict: &Verdict) -> String {
    let (difference, tolerance) = (&verdict.difference, &verdict.tolerance);
    if let Some(at) = difference.first_mismatch {
        format!("differs first at element {at}, counted from 0 in row-major order")
    } else if difference.worst_row_error > tolerance.row {
        format!("differs most in row {}, counted from 0", difference.worst_row)
    } else if difference.worst_element_error > tolerance.element() {
        let (error, bound) = (difference.worst_element_error, tolerance.element());
        let at = difference.worst_element;
        format!("differs most at element {at}: by {error:.2e}, and the bound is {bound:.2e}")
    } else {
        "differs as a whole".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilec::program::Program;
    use tilec_ir::compare::{Difference, Tolerance};

    /// What is said of a difference, and the exit code.
    fn judged(difference: Difference) -> (String, Option<u8>) {
        let program = Program::check("kernel k[N](x: f32[N]) -> (y: f32[N]) { y[i] = x[i] }");
        let kernel = program.kernel(None).expect("there is one kernel");
        let tensor = kernel.tensors_of(Role::Output).next().expect("it has an output");
        let verdict = Verdict { tensor, difference, tolerance: Tolerance { row: 0.01, step: 0.0 } };
        let said = where_different(&verdict);
        (said, judge(kernel, &[verdict]).err().map(|stop| stop.code()))
    }

    #[test]
    fn a_difference_is_exit_code_4_and_is_located() {
        let fine = Difference { elements: 9, ..Difference::default() };
        let check = |difference: Difference, says: &str| {
            let (said, code) = judged(difference);
            assert_eq!(code, Some(4), "{difference:?}");
            assert!(said.contains(says), "{said}");
        };
        assert_eq!(judged(fine).1, None);
        check(Difference { mismatches: 1, first_mismatch: Some(7), ..fine }, "first at element 7");
        check(Difference { worst_row_error: 0.02, worst_row: 3, ..fine }, "row 3");
        check(Difference { worst_element_error: 0.5, worst_element: 5, ..fine }, "element 5: by 5");
        check(Difference { calc_diff: 0.5, ..fine }, "as a whole");
        check(Difference { worst_row_error: f64::NAN, ..fine }, "as a whole");
    }
}
