//! What runs a kernel for `tilec run`: this machine's processor, a GPU or Tensix cores.

use std::time::{Duration, Instant};

use tilec::cpu::Executable;
use tilec_ir::{Array, Diagnostic, Kernel, Launch};
use tilec_target::Chip;

use super::Stop;
use super::gpu::{Gpu, Loaded, OnGpu, Origin};
use super::tensix::{Host, OnTensix};
use crate::command::progress::with_progress;

/// Bytes that no output keeps by chance, a different one for each run: what is
/// not written then differs from run to run. The first is NaN in every float.
const POISONS: [u8; 4] = [0xff, 0x5a, 0x00, 0xa5];

/// A kernel that is ready to run, and how long its last run took.
#[derive(Debug)]
pub(crate) struct Engine {
    place: Place,
    runs: usize,
    ran: Duration,
}

#[derive(Debug)]
enum Place {
    Cpu { executable: Box<Executable>, compiling: Duration },
    Gpu(Box<(Loaded, OnGpu)>),
    Tensix(Box<OnTensix>),
}

impl Engine {
    /// Compiles for this machine's processor.
    pub(crate) fn on_cpu(kernel: &Kernel) -> Result<Self, Stop> {
        let start = Instant::now();
        let executable = Box::new(Executable::new(kernel).map_err(Stop::Target)?);
        let place = Place::Cpu { executable, compiling: start.elapsed() };
        Ok(Self { place, runs: 0, ran: Duration::ZERO })
    }

    /// Compiles for a GPU with these sizes bound, and copies the inputs there.
    pub(crate) fn on_gpu(
        gpu: &Gpu,
        kernel: &Kernel,
        bound: &[(String, i64)],
        origin: Origin<'_>,
        launch: &Launch,
        inputs: &[Array],
    ) -> Result<Self, Stop> {
        let loaded = gpu.load(kernel, bound, origin)?;
        let on = loaded.place(kernel, launch, inputs)?;
        Ok(Self { place: Place::Gpu(Box::new((loaded, on))), runs: 0, ran: Duration::ZERO })
    }

    /// Compiles for Tensix cores with the sizes of the launch bound.
    pub(crate) fn on_tensix(
        host: Host,
        chip: &'static Chip,
        kernel: &Kernel,
        origin: Origin<'_>,
        launch: &Launch,
    ) -> Result<Self, Stop> {
        let place = OnTensix::new(host, chip, kernel, origin, launch)?;
        Ok(Self { place: Place::Tensix(Box::new(place)), runs: 0, ran: Duration::ZERO })
    }

    /// Runs once; gives the outputs in the order of the kernel's.
    pub(crate) fn run(
        &mut self,
        kernel: &Kernel,
        launch: &Launch,
        inputs: &[Array],
        report: &dyn Fn(&[Diagnostic]) -> Stop,
    ) -> Result<Vec<Array>, Stop> {
        let poison = POISONS[self.runs % POISONS.len()];
        let (arrays, ran) = match &self.place {
            Place::Cpu { executable, .. } => {
                let start = Instant::now();
                let arrays =
                    with_progress("running", |progress| executable.run(launch, inputs, progress));
                (arrays.map_err(|diagnostic| report(&[diagnostic]))?, start.elapsed())
            }
            Place::Gpu(at) => at.0.run(kernel, launch, &at.1, poison)?,
            Place::Tensix(place) => place.run(kernel, launch, inputs)?,
        };
        self.runs += 1;
        self.ran = ran;
        Ok(arrays)
    }

    /// How long compiling and the last run took, for people.
    pub(crate) fn times(&self) -> String {
        let ran = self.ran;
        match &self.place {
            Place::Gpu(at) => format!("{}, ran in {ran:.3?}\n", at.0.compiled()),
            Place::Tensix(place) => format!("{}, ran in {ran:.3?}\n", place.compiled()),
            Place::Cpu { compiling, .. } if cfg!(feature = "llvm") => {
                format!("compiled in {compiling:.1?}, ran in {ran:.3?}\n")
            }
            Place::Cpu { .. } => format!("ran in {ran:.3?} by the interpreter\n"),
        }
    }
}
