//! Kernels on Tensix cores: cutting them for a chip, and runs in the emulator or through
//! the vendor's runtime.

mod ttnn;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tilec::arrays;
use tilec::stage::Compilation;
use tilec::tensix::Tensix;
use tilec_codegen_tt::Emitted;
use tilec_ir::dataflow::Program;
use tilec_ir::tensor::Role;
use tilec_ir::{Array, Element, Kernel, Launch};
use tilec_manifest::tensix::{self, Buffer};
use tilec_target::Chip;
use tilec_tensix_emu::{Failure, Options, Outcome, tilize, untilize};

use super::gpu::Origin;
use super::{Stop, print};

/// The chip that is compiled for where `--chip` doesn't say another.
const DEFAULT_CHIP: &str = "wormhole_n150";

/// The chip that `--chip` names, or the default.
pub(crate) fn chip(name: Option<&str>) -> &'static Chip {
    let chip = tilec_target::chip(name.unwrap_or(DEFAULT_CHIP));
    chip.expect("the name has been checked, and the default has a table")
}

/// Cuts a kernel for a chip, reporting why not. `sizes` are those that are bound.
pub(crate) fn cut<'a>(
    compilation: &Compilation<'_>,
    chip: &'a Chip,
    sizes: Vec<(String, i64)>,
    origin: Origin<'a>,
) -> Result<(Tensix<'a>, Program), Stop> {
    let tensix = Tensix::of(origin.module, compilation.name(), chip, origin.source(), sizes)
        .expect("the kernel was found in this module");
    let program = compilation.dataflow(&tensix).map_err(|found| origin.refuse(&found))?;
    Ok((tensix, program))
}

/// What runs the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// The emulator: the kernels' text itself, on this machine.
    Emulator,
    /// `run.py` with the vendor's runtime, on the device or simulator that its
    /// environment names.
    Ttnn,
}

/// A kernel that is ready to run.
#[derive(Debug)]
pub(crate) struct OnTensix {
    host: Host,
    emitted: Emitted,
    emitting: Duration,
}

impl OnTensix {
    /// Compiles for the sizes of a launch.
    pub(crate) fn new(
        host: Host,
        chip: &Chip,
        kernel: &Kernel,
        origin: Origin<'_>,
        launch: &Launch,
    ) -> Result<Self, Stop> {
        let start = Instant::now();
        let value = |(id, size): (_, &tilec_ir::tensor::Size)| (size.name.clone(), launch.size(id));
        let sizes: Vec<_> = kernel.sizes.iter().map(value).collect();
        let compilation = Compilation::new(kernel, &sizes).map_err(|diagnostics| {
            origin.reporter.report(origin.file, origin.text, &diagnostics);
            Stop::Launch
        })?;
        let (tensix, program) = cut(&compilation, chip, sizes, origin)?;
        let emitted = tensix.emit(&program);
        Ok(Self { host, emitted, emitting: start.elapsed() })
    }

    /// Runs once; gives the outputs in the order of the kernel's, and how long it took,
    /// with compiling the kernels where that was not done before.
    pub(crate) fn run(
        &self,
        kernel: &Kernel,
        launch: &Launch,
        inputs: &[Array],
    ) -> Result<(Vec<Array>, Duration), Stop> {
        let start = Instant::now();
        let outputs = match self.host {
            Host::Emulator => self.emulate(kernel, launch, inputs)?,
            Host::Ttnn => ttnn::run(&self.emitted, kernel, inputs)?,
        };
        Ok((outputs, start.elapsed()))
    }

    /// How long compiling took, for people.
    pub(crate) fn compiled(&self) -> String {
        let place = match self.host {
            Host::Emulator => "in the emulator",
            Host::Ttnn => "through ttnn",
        };
        format!("emitted in {:.1?}, {place}", self.emitting)
    }

    fn emulate(
        &self,
        kernel: &Kernel,
        launch: &Launch,
        inputs: &[Array],
    ) -> Result<Vec<Array>, Stop> {
        let programs = &self.emitted.programs;
        let texts: BTreeMap<_, _> = self.emitted.kernels.iter().cloned().collect();
        let position = |buffer: &Buffer| {
            let tensor = |id| kernel.tensors[id].name == buffer.tensor;
            kernel.tensors_of(Role::Input).position(tensor).expect("a buffer's tensor is known")
        };
        let given = programs.buffers.iter().filter(|b| b.role == tensix::Role::Input);
        let pages = given.map(|buffer| {
            let bytes = arrays::to_bytes(&inputs[position(buffer)].data);
            (buffer.name.clone(), tilize(buffer, &bytes))
        });
        let options = Options::default();
        let outcome = tilec_tensix_emu::run(programs, &texts, &pages.collect(), &options);
        let outcome = outcome.map_err(|failure| failed(&failure))?;
        print(&wrong_sums(&outcome));
        let output = |id| {
            let tensor = &kernel.tensors[id];
            let buffer = programs.buffers.iter().find(|b| b.tensor == tensor.name);
            let buffer = buffer.expect("every output has a buffer");
            let bytes = untilize(buffer, &outcome.outputs[&buffer.name]);
            let element = Element::of(tensor.element);
            let data = arrays::from_bytes(element, &bytes);
            Array { element, shape: launch.shapes[id.index()].clone(), data }
        };
        Ok(kernel.tensors_of(Role::Output).map(output).collect())
    }
}

/// A verified program doesn't fail, so that this is the host's fault or the compiler's.
fn failed(failure: &Failure) -> Stop {
    Stop::Target(failure.to_string())
}

/// What the chip itself would get wrong in silence, for people.
fn wrong_sums(outcome: &Outcome) -> String {
    match outcome.counters.iter().flatten().map(|core| core.wrong_sums).sum::<u64>() {
        0 => String::new(),
        count => format!(
            "warning: this chip's matrix unit adds up wrongly where a sum is -1 unit in the last \
             place, and {count} were; blackhole_p150 does not (docs/tensix-numerics.md)\n"
        ),
    }
}
