//! The target cpu: a kernel run in place on the arrays of the caller.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use tilec::cpu::Executable;
use tilec_ir::{Kernel as Ir, Launch};

use crate::call::{self, Call, Given, Input};
use crate::data;
use crate::failure::{Failure, Kind, Result};
use crate::kernel::Parts;
use crate::memory;
use crate::tensor::Device;

/// A kernel as code for this machine.
#[derive(Debug)]
pub(crate) struct Cpu {
    executable: Executable,
}

impl Cpu {
    pub(crate) fn new(kernel: &Ir) -> Result<Self> {
        let executable = Executable::new(kernel);
        let executable = executable.map_err(|said| Failure::new(Kind::Internal, said))?;
        Ok(Self { executable })
    }

    /// LLVM's text, before optimization; `None` where the interpreter runs.
    pub(crate) fn source(&self) -> Option<String> {
        self.executable.llvm_ir()
    }

    /// Runs the kernel while other threads of the interpreter go on.
    pub(crate) fn call<'py>(&self, given: Given<'_, 'py>) -> Result<Bound<'py, PyAny>> {
        let py = given.tensors.py();
        let on_cpu = |device| device == Device::Cpu;
        let bound = call::bind(given, on_cpu)?;
        data::check(given.parts, &bound, |tensor| Ok(Some(memory::bytes(tensor).to_vec())))?;
        let Call { inputs, mut outputs, launch } = bound;
        let launch = compiled_launch(given.parts, launch);
        let from: Vec<&[u8]> = inputs.iter().map(input_bytes).collect();
        let mut to: Vec<&mut [u8]> = outputs.iter_mut().map(memory::bytes_mut).collect();
        let pool = pool(py)?;
        let ran = py.detach(|| pool.install(|| self.executable.run_on(&launch, &from, &mut to)));
        ran.map_err(|mistake| Failure::launch(&[mistake]))?;
        call::returned(py, &outputs)
    }
}

fn input_bytes<'a>(input: &'a Input<'_>) -> &'a [u8] {
    match input {
        Input::Tensor(tensor) => memory::bytes(tensor),
        Input::Scalar(scalar) => memory::of_scalar(scalar),
    }
}

/// The launch of the kernel whose fixed sizes are constants: it has only the others.
fn compiled_launch(parts: &Parts, launch: Launch) -> Launch {
    let fixed = |name: &str| parts.bound.iter().any(|(bound, _)| bound == name);
    let sizes = parts.kernel.sizes.iter().zip(&launch.sizes);
    let sizes = sizes.filter(|((_, size), _)| !fixed(&size.name)).map(|(_, value)| *value);
    Launch { sizes: sizes.collect(), ..launch }
}

/// The threads that kernels run on. A process that was forked has none of its parent's
/// threads, so it gets a pool of its own; the parent's is left as it is.
///
/// The lock is only taken by who holds the interpreter's, as every fork does, so no
/// process is born with it locked.
fn pool(_: Python<'_>) -> Result<&'static ThreadPool> {
    static POOL: Mutex<Option<(u32, &'static ThreadPool)>> = Mutex::new(None);
    let process = std::process::id();
    let mut held = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((owner, pool)) = *held
        && owner == process
    {
        return Ok(pool);
    }
    let pool = ThreadPoolBuilder::new().thread_name(|at| format!("tilec-{at}")).build();
    let pool = pool.map_err(|error| {
        Failure::new(Kind::Memory, format!("no threads to run kernels on: {error}"))
    })?;
    let pool: &'static ThreadPool = Box::leak(Box::new(pool));
    *held = Some((process, pool));
    Ok(pool)
}
