//! A loaded kernel as Python sees it.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use tilec_ir::{Kernel as Ir, Module, print};

use crate::call;
use crate::cpu::Cpu;
use crate::cuda::Cuda;
use crate::data::Check;
use crate::failure::{Result, detached, guarded};
use crate::load::Source;

/// What a kernel is compiled for, and the code.
#[derive(Debug)]
pub(crate) enum Target {
    Cpu(Cpu),
    Cuda(Cuda),
}

/// What loading makes.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) source: Source,
    pub(crate) module: Module,
    /// As it is written; calls are checked against it, so messages speak of it.
    pub(crate) kernel: Ir,
    /// The sizes that are constants in what was compiled.
    pub(crate) bound: Vec<(String, i64)>,
    pub(crate) plan: String,
    /// What calls check of the values of inputs.
    pub(crate) check: Check,
    pub(crate) target: Target,
}

/// A compiled kernel. `load` makes it.
#[pyclass(module = "tilec", frozen)]
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) parts: Parts,
}

impl Kernel {
    pub(crate) fn new(parts: Parts) -> Self {
        Self { parts }
    }
}

#[pymethods]
impl Kernel {
    /// Run the kernel.
    ///
    /// Args:
    ///     *tensors: the inputs in the order of the declaration: arrays of its types and
    ///         ranks, C-contiguous, all of NumPy or all of PyTorch; Python numbers for
    ///         scalars.
    ///     out: where the outputs go: an array, a tuple of arrays in the order of the
    ///         declaration, or a dict by name. What is missing is allocated.
    ///     **named: inputs by name, and sizes that no input tells.
    ///
    /// Returns:
    ///     The output, or a tuple of the outputs, as arrays of the caller's framework; those
    ///     given with `out` are returned themselves.
    ///
    /// Raises:
    ///     ArgumentError, DTypeError, RankError, SizeError, DeviceError, LayoutError,
    ///     DataError, GradError, OutOfMemoryError, DriverError: each names the argument.
    #[pyo3(signature = (*tensors, out=None, **named))]
    fn __call__<'py>(
        &self,
        tensors: &Bound<'py, PyTuple>,
        out: Option<&Bound<'py, PyAny>>,
        named: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        guarded(|| {
            let given = call::Given { parts: &self.parts, tensors, out, named };
            match &self.parts.target {
                Target::Cpu(cpu) => cpu.call(given),
                Target::Cuda(cuda) => cuda.call(given),
            }
        })
    }

    /// Say what the compiler makes of the kernel: where its sizes come from, the facts
    /// that it rests on, its canonical equations, and, for CUDA, its regions and tiles.
    fn explain(&self, py: Python<'_>) -> PyResult<String> {
        guarded(|| detached(py, || self.explained()))
    }

    /// The kernel's name.
    #[getter]
    fn name(&self) -> &str {
        &self.parts.kernel.name
    }

    /// `"cpu"` or `"cuda"`.
    #[getter]
    fn target(&self) -> &str {
        self.parts.target.name()
    }

    /// The chip that tiles were chosen for; `None` on the CPU.
    #[getter]
    fn chip(&self) -> Option<&str> {
        match &self.parts.target {
            Target::Cpu(_) => None,
            Target::Cuda(cuda) => Some(cuda.chip()),
        }
    }

    /// The text of the program.
    #[getter]
    fn text(&self) -> &str {
        &self.parts.source.text
    }

    /// The emitted code: CUDA C++, or LLVM's text for the CPU (`None` in a build without
    /// LLVM, which interprets).
    #[getter]
    fn source(&self) -> Option<String> {
        match &self.parts.target {
            Target::Cpu(cpu) => cpu.source(),
            Target::Cuda(cuda) => Some(cuda.source().to_owned()),
        }
    }

    /// What the recognizers found: the regions of the kernel, as text.
    #[getter]
    fn plan(&self) -> &str {
        &self.parts.plan
    }

    /// How the emitted functions are launched, as a dict; `None` on the CPU.
    #[getter]
    fn manifest<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Target::Cuda(cuda) = &self.parts.target else { return Ok(None) };
        let json = cuda.manifest();
        py.import("json")?.call_method1("loads", (json,)).map(Some)
    }

    /// The GPUs that the kernel was called on: for each its index, the compiler of its code,
    /// how many functions calls have needed so far, and how many of these had to be
    /// compiled, as the cache lacked them. Empty on the CPU.
    #[getter]
    fn loaded(&self) -> Vec<(i32, String, usize, usize)> {
        match &self.parts.target {
            Target::Cpu(_) => Vec::new(),
            Target::Cuda(cuda) => cuda.loaded(),
        }
    }

    /// The size parameters by name: the number that one is fixed to, or `None` where the
    /// call tells it.
    #[getter]
    fn sizes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let sizes = PyDict::new(py);
        for (_, size) in self.parts.kernel.sizes.iter() {
            let fixed = self.parts.bound.iter().find(|(name, _)| *name == size.name);
            sizes.set_item(&size.name, fixed.map(|(_, value)| *value))?;
        }
        Ok(sizes)
    }

    fn __repr__(&self) -> String {
        let header = print::header(&self.parts.kernel);
        let signature = header.trim_end().trim_start_matches("kernel ").replace('\n', " ");
        let mut text = format!("<tilec.Kernel {signature}");
        for (at, (name, value)) in self.parts.bound.iter().enumerate() {
            let before = if at == 0 { " with" } else { "," };
            write!(text, "{before} {name} = {value}").expect("a String takes all text");
        }
        format!("{text} on {}>", self.parts.target.place())
    }
}

impl Kernel {
    fn explained(&self) -> Result<String> {
        let Parts { source, module, kernel, target, .. } = &self.parts;
        let only = Some(kernel.name.as_str());
        let mut text = tilec::explain::explain(module, only, self.chip());
        if let Target::Cuda(cuda) = target {
            let chip = tilec_target::chip(cuda.chip()).expect("the kernel was made for it");
            let regions = tilec::explain::regions(module, &source.text, only, chip);
            text += &regions.map_err(|mistakes| source.refuse(mistakes))?;
        }
        Ok(text)
    }
}

impl Target {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Cpu(_) => "cpu",
            Self::Cuda(_) => "cuda",
        }
    }

    /// `cpu`, or `cuda (h200)`.
    fn place(&self) -> String {
        match self {
            Self::Cpu(_) => "cpu".to_owned(),
            Self::Cuda(cuda) => format!("cuda ({})", cuda.chip()),
        }
    }
}

/// Tells someone who waits at a terminal what took so long.
pub(crate) fn announce(kernel: &str, target: &Target, took: Duration) {
    let how = match target {
        Target::Cpu(_) => "compiled",
        Target::Cuda(_) => "emitted",
    };
    say(&format!("tilec: {how} {kernel} for {} in {took:.2?}", target.place()));
}

/// A line on standard error, if that is a terminal and `TILEC_QUIET` is not set.
pub(crate) fn say(line: &str) {
    let quiet = std::env::var_os("TILEC_QUIET").is_some_and(|value| !value.is_empty());
    let mut out = std::io::stderr();
    if !quiet && out.is_terminal() {
        // Nobody is there to be told that nobody can be told.
        let _ = writeln!(out, "{line}");
    }
}
