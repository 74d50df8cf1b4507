//! The target cuda: a kernel as CUDA C++ for a chip, and its launches on arrays that are
//! on a GPU.
//!
//! ```text
//! call --shapes seen before--> cuda_fast ----------------------------> launch
//!      \-else--> call::bind (every check, in words) --> remember it --> launch
//! ```
//!
//! A launch is put into the framework's current stream and nothing waits for it. The
//! interpreter's lock is held from the choice of scratch memory to the launch, so that
//! launches of several threads that share a stream don't mix.
#![allow(unsafe_code, reason = "launching trusts addresses; they are checked here")]

use pyo3::prelude::*;
use tilec::cuda::Cuda as Emitter;
use tilec::gpu;
use tilec::preconditions;
use tilec::stage::Compilation;
use tilec_codegen_cuda::Source as Comments;
use tilec_ir::Module;
use tilec_runtime::{Device, Prepared, Program, Value, is_capturing};
use tilec_target::Chip;

use crate::call::{self, Call, Given, Input};
use crate::cuda_fast::{Ready, Remembered, Signature};
use crate::cuda_foreign;
use crate::cuda_program::{Programs, failure};
use crate::cuda_remember::Memory;
use crate::cuda_torch::{self, Torch};
use crate::cuda_workspace::Workspaces;
use crate::data::{self, Check};
use crate::failure::{Failure, Kind, Result};
use crate::framework::Framework;
use crate::kernel::Parts;
use crate::load::{Source, refuse};
use crate::tensor::{self, Tensor};

/// A kernel as CUDA C++.
#[derive(Debug)]
pub(crate) struct Cuda {
    chip: &'static Chip,
    programs: Programs,
    /// Of kernels that the quick way takes.
    signature: Option<Signature>,
    remembered: Memory,
    workspaces: Workspaces,
}

impl Cuda {
    /// Emits a kernel for the chip of this name, or for that of the first GPU.
    pub(crate) fn new(
        compilation: &Compilation<'_>,
        module: &Module,
        source: &Source,
        (chip, check): (Option<&str>, Check),
    ) -> Result<Self> {
        let chip = match chip {
            Some(name) => tilec_target::chip(name).expect("the name has been checked"),
            None => chip_of(&Device::open(0).map_err(failure)?)?,
        };
        let comments = Comments { file: source.file(), text: &source.text };
        let emitter = Emitter::of(module, compilation.name(), chip, comments);
        let emitter = emitter.expect("the kernel was found in this module");
        let emitted = compilation.cuda(&emitter).map_err(|mistakes| refuse(source, mistakes))?;
        let kernel = compilation.specialized();
        let mut indices = preconditions::indices(kernel).into_iter();
        let looks =
            check == Check::Everything || indices.any(|id| kernel.tensors[id].shape.is_empty());
        Ok(Self {
            chip,
            // The quick way looks at no values.
            signature: (!looks).then(|| Signature::of(&emitted.manifest)).flatten(),
            programs: Programs::new(emitted),
            remembered: Memory::default(),
            workspaces: Workspaces::default(),
        })
    }

    /// The chip that tiles were chosen for.
    pub(crate) fn chip(&self) -> &str {
        &self.chip.name
    }

    /// CUDA C++.
    pub(crate) fn source(&self) -> &str {
        &self.programs.emitted.source
    }

    /// How its functions are launched, as JSON.
    pub(crate) fn manifest(&self) -> String {
        let json = serde_json::to_string(&self.programs.emitted.manifest);
        json.expect("a manifest holds only what JSON can say")
    }

    /// Where it is loaded: the GPU, the compiler, and how many functions it loaded and had
    /// to compile.
    pub(crate) fn loaded(&self) -> Vec<(i32, String, usize, usize)> {
        self.programs.loaded()
    }

    /// Launches the kernel and gives its outputs.
    pub(crate) fn call<'py>(&self, given: Given<'_, 'py>) -> Result<Bound<'py, PyAny>> {
        let torch = Torch::get(given.tensors.py())?;
        let named = self.signature.as_ref().and_then(|signature| signature.named(given.named));
        if let (Some(signature), Some(torch), Some(named)) = (&self.signature, torch, &named) {
            let find = |key: &[i64]| self.remembered.find(key);
            let inputs = (given.tensors, named.as_slice());
            if let Some(ready) = signature.ready(torch, find, inputs, given.out)? {
                return self.again(torch, ready);
            }
        }
        self.first(given, named)
    }

    /// A launch that was made before, on other addresses.
    fn again<'py>(&self, torch: &Torch, ready: Ready<'py>) -> Result<Bound<'py, PyAny>> {
        let Ready { launch, addresses, result } = ready;
        let py = result.py();
        let stream = torch.exchange.stream(py, addresses.device)?;
        let on = On { device: addresses.device, stream, has_torch: true };
        self.launch(py, (&launch.program, &launch.prepared), addresses.as_slice(), on)?;
        Ok(result)
    }

    /// A launch of which everything is checked in words. It is remembered with what it gave
    /// by name, if that was sizes.
    fn first<'py>(
        &self,
        given: Given<'_, 'py>,
        named: Option<Vec<i64>>,
    ) -> Result<Bound<'py, PyAny>> {
        let (py, parts) = (given.tensors.py(), given.parts);
        let on_gpu = |device| matches!(device, tensor::Device::Cuda(_));
        let bound = call::bind(given, on_gpu)?;
        let (device, framework) = place(parts, &bound)?;
        let values = self.values(&bound)?;
        let program = self.programs.on(py, device)?;
        let sizes = gpu::sizes(program.manifest(), &parts.kernel, &bound.launch);
        let prepared = self.programs.prepare(py, &program, &sizes)?;
        let on = on(py, &bound, device, framework)?;
        data::check(parts, &bound, |tensor| self.look(py, parts, &program, tensor, on))?;
        self.launch(py, (&program, &prepared), &values, on)?;
        if let (Some(named), true) = (named, on.has_torch) {
            let launch = Remembered::new(py, program, prepared, &bound.outputs)?;
            self.remembered.keep(device, &bound, &named, launch);
        }
        call::returned(py, &bound.outputs)
    }

    /// The bytes of an input, where the caller asked for all checks.
    fn look(
        &self,
        py: Python<'_>,
        parts: &Parts,
        program: &Program,
        tensor: &Tensor<'_>,
        on: On,
    ) -> Result<Option<Vec<u8>>> {
        if parts.check != Check::Everything {
            return Ok(None);
        }
        let _context = program.device().enter_for_now().map_err(failure)?;
        // SAFETY: the framework has just named it as its current stream on this GPU.
        if unsafe { is_capturing(on.stream) }.map_err(failure)? {
            let message = "values can't be checked while a graph is captured: load the kernel \
                           without check=True for that";
            return Err(Failure::new(Kind::Data, message));
        }
        let (address, bytes) = (tensor.address as u64, tensor.bytes());
        let device = program.device();
        // SAFETY: `call::bind` has checked the array, which the caller holds.
        let read = py.detach(|| unsafe { device.read(address, bytes, on.stream) });
        read.map(Some).map_err(failure)
    }

    /// The arguments in the order of the manifest, aligned as the code needs them.
    fn values(&self, call: &Call<'_>) -> Result<Vec<Value>> {
        let inputs = call.inputs.iter().map(|input| match input {
            Input::Tensor(tensor) => Ok(tensor),
            Input::Scalar(scalar) => Err(Value::Scalar(scalar.bytes)),
        });
        let all = inputs.chain(call.outputs.iter().map(Ok));
        let arguments = &self.programs.emitted.manifest.arguments;
        let value = |(argument, given): (&tilec_manifest::Argument, _)| match given {
            Err(scalar) => Ok(scalar),
            Ok(tensor) => address(argument, tensor),
        };
        arguments.iter().zip(all).map(value).collect()
    }

    fn launch(
        &self,
        py: Python<'_>,
        (program, prepared): (&Program, &Prepared),
        values: &[Value],
        on: On,
    ) -> Result<()> {
        let bytes = prepared.workspace_bytes();
        let held = self.workspaces.get(py, bytes, program.device(), on)?;
        // SAFETY: `call::bind` or the quick way has checked that every address is of an
        // array on this GPU that has the elements that the kernel's sizes say; the
        // caller holds it, and its framework gives memory back in the order of the
        // stream, which is the framework's own.
        let launched = unsafe { program.launch(prepared, values, held.at, on.stream) };
        launched.map_err(failure)
    }
}

/// Where a launch goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct On {
    pub(crate) device: i32,
    /// A `cudaStream_t` as a number.
    pub(crate) stream: u64,
    /// Whether the arrays are PyTorch's, and so scratch memory too.
    pub(crate) has_torch: bool,
}

/// The GPU and the framework of a call's arrays.
fn place(parts: &Parts, call: &Call<'_>) -> Result<(i32, Framework)> {
    let first = call.outputs.iter().find_map(|tensor| match tensor.device {
        tensor::Device::Cuda(index) => Some((i32::try_from(index).ok()?, tensor.framework)),
        tensor::Device::Cpu => None,
    });
    first.ok_or_else(|| {
        let message = format!(
            "no argument of {} says on which GPU it should run: give `out`, on that GPU",
            parts.kernel.name
        );
        Failure::of(Kind::Device, "out", message)
    })
}

/// The stream that the arrays of a call are in order with.
fn on(py: Python<'_>, call: &Call<'_>, device: i32, framework: Framework) -> Result<On> {
    if framework == Framework::Torch {
        let stream = cuda_torch::current_stream(py, device)?;
        return Ok(On { device, stream, has_torch: true });
    }
    let inputs = call.inputs.iter().filter_map(|input| match input {
        Input::Tensor(tensor) => Some(tensor),
        Input::Scalar(_) => None,
    });
    let mut common = None;
    for tensor in inputs.chain(&call.outputs) {
        let stream = cuda_foreign::stream(&tensor.object, device)?;
        if *common.get_or_insert(stream) != stream {
            let message = "the arrays are in the order of different streams: make one stream \
                           current and give arrays of it";
            return Err(Failure::new(Kind::Device, message));
        }
    }
    Ok(On { device, stream: common.unwrap_or(0), has_torch: false })
}

fn address(argument: &tilec_manifest::Argument, tensor: &Tensor<'_>) -> Result<Value> {
    let name = &argument.name;
    if argument.shape.is_empty() && !argument.output {
        let message = format!(
            "`{name}` is a scalar, which is passed by value, and it is in the memory of a GPU: \
             give {name}.item(), or declare it with a dimension, as `{name}: {}[1]`",
            argument.element
        );
        return Err(Failure::of(Kind::Device, name, message));
    }
    let alignment = u64::from(argument.alignment.max(1));
    let address = tensor.address as u64;
    if address.is_multiple_of(alignment) {
        return Ok(Value::Address(address));
    }
    let message = format!(
        "`{name}` is misaligned: its address is no multiple of {alignment} bytes; give {name}.clone()"
    );
    Err(Failure::of(Kind::Layout, name, message))
}

fn chip_of(device: &Device) -> Result<&'static Chip> {
    let chip = gpu::chip_for(&device.name, device.capability, device.multiprocessors);
    chip.ok_or_else(|| {
        let (major, minor) = device.capability;
        let message = format!(
            "no chip table fits this GPU, {} of compute capability {major}.{minor}; name one with \
             the keyword `chip`",
            device.name
        );
        Failure::of(Kind::Chip, "chip", message)
    })
}
