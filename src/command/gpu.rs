//! Kernels on a GPU: opening it, loading a program on it, and runs on arrays.

use std::path::Path;
use std::time::{Duration, Instant};

use tilec::arrays;
use tilec::cuda::Cuda;
use tilec::gpu::{self, Argument};
use tilec::stage::Compilation;
use tilec_codegen_cuda::{Emitted, Source};
use tilec_ir::tensor::Role;
use tilec_ir::{Array, Diagnostic, Element, Kernel, Kind, Launch, Module};
use tilec_runtime::{Buffer, Device, Error, Given, Loading, Program, Stream};
use tilec_target::Chip;

use super::{Reporter, Stop};

/// The chip that is compiled for where neither `--chip` nor a GPU says another.
const DEFAULT_CHIP: &str = "h200";

/// An open GPU and the table that kernels for it are compiled by.
#[derive(Debug)]
pub(crate) struct Gpu {
    pub(crate) device: Device,
    pub(crate) chip: &'static Chip,
}

/// Where a kernel comes from, for messages about it.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) file: &'a Path,
    pub(crate) text: &'a str,
    pub(crate) module: &'a Module,
    pub(crate) reporter: &'a Reporter,
}

impl Gpu {
    /// Opens the GPU with this index.
    pub(crate) fn open(index: usize, chip: Option<&str>) -> Result<Self, Stop> {
        let device = Device::open(index).map_err(stop)?;
        let fits = || gpu::chip_for(&device.name, device.capability, device.multiprocessors);
        let chip = chip.map_or_else(fits, tilec_target::chip).ok_or_else(|| {
            let (major, minor) = device.capability;
            Stop::Target(format!(
                "no chip table fits this GPU, {} of compute capability {major}.{minor}; name one with --chip",
                device.name
            ))
        })?;
        Ok(Self { device, chip })
    }

    /// Emits a kernel for the GPU with these sizes bound, and loads it.
    pub(crate) fn load(
        &self,
        kernel: &Kernel,
        bound: &[(String, i64)],
        origin: Origin<'_>,
    ) -> Result<Loaded, Stop> {
        let start = Instant::now();
        let compilation = Compilation::new(kernel, bound).map_err(|diagnostics| {
            origin.reporter.report(origin.file, origin.text, &diagnostics);
            Stop::Launch
        })?;
        let (cuda, cut) = cut(&compilation, self.chip, origin)?;
        let emitted = cuda.emit(&cut);
        Loaded::new(&self.device, &emitted, start.elapsed()).map_err(stop)
    }
}

impl<'a> Origin<'a> {
    /// What a kernel of the module is compiled for CUDA with: its tile blocks, and the
    /// text for comments.
    pub(crate) fn cuda(self, kernel: &str, chip: &'a Chip) -> Cuda<'a> {
        Cuda::of(self.module, kernel, chip, self.source())
            .expect("the kernel was found in this module")
    }

    /// Its file without folders, and its text, for comments.
    pub(crate) fn source(self) -> Source<'a> {
        let file = self.file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Source { file, text: self.text }
    }

    /// Reports why a kernel is not compiled for a chip: mistakes in tile blocks are the
    /// program's, sizes those of the launch, everything else is what the target cannot do.
    pub(crate) fn refuse(self, diagnostics: &[Diagnostic]) -> Stop {
        self.reporter.report(self.file, self.text, diagnostics);
        let is_setting = |d: &Diagnostic| {
            matches!(d.kind, Kind::UnknownRegion | Kind::UnknownSetting | Kind::BadSetting)
        };
        if diagnostics.iter().any(is_setting) {
            Stop::Program
        } else if diagnostics.iter().any(|d| d.kind == Kind::UnboundSize) {
            Stop::Launch
        } else {
            Stop::Unsupported
        }
    }
}

/// Cuts a kernel for a chip, reporting why not.
pub(crate) fn cut<'a>(
    compilation: &Compilation<'_>,
    chip: &'a Chip,
    origin: Origin<'a>,
) -> Result<(Cuda<'a>, tilec_ir::tile::Program), Stop> {
    let cuda = origin.cuda(compilation.name(), chip);
    let program = compilation.program(&cuda).map_err(|diagnostics| origin.refuse(&diagnostics))?;
    Ok((cuda, program))
}

/// The chip that `--chip` names, or the default.
pub(crate) fn chip(name: Option<&str>) -> &'static Chip {
    let chip = tilec_target::chip(name.unwrap_or(DEFAULT_CHIP));
    chip.expect("the name has been checked, and the default has a table")
}

/// What failed on the GPU: a launch that is refused is a mistake of usage.
pub(crate) fn stop(error: Error) -> Stop {
    match error {
        Error::Refused(_) => Stop::Usage(error.to_string()),
        Error::NoDriver
        | Error::OldDriver { .. }
        | Error::NoDevice { .. }
        | Error::Capability(_)
        | Error::NoCompiler
        | Error::Compile { .. }
        | Error::OutOfMemory { .. }
        | Error::Driver { .. }
        | Error::Manifest(_) => Stop::Target(error.to_string()),
    }
}

/// A program on a GPU.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) program: Program,
    pub(crate) stream: Stream,
    /// From equations to text.
    pub(crate) emitting: Duration,
}

/// The arrays of a launch in the GPU's memory.
#[derive(Debug)]
pub(crate) struct OnGpu {
    sizes: Vec<i64>,
    arguments: Vec<Place>,
    workspace: Buffer,
}

#[derive(Debug)]
enum Place {
    Tensor(Buffer),
    Scalar([u8; 4]),
    Output(usize, Buffer),
}

impl Place {
    fn given(&self) -> Given<'_> {
        match self {
            Self::Tensor(buffer) | Self::Output(_, buffer) => Given::Buffer(buffer),
            Self::Scalar(bytes) => Given::Scalar(*bytes),
        }
    }
}

impl Loaded {
    /// Of what took so long to emit. Functions are compiled when they are needed.
    pub(crate) fn new(
        device: &Device,
        emitted: &Emitted,
        emitting: Duration,
    ) -> Result<Self, Error> {
        let program = Program::load(device, &emitted.source, &emitted.manifest)?;
        let stream = device.stream()?;
        Ok(Self { program, stream, emitting })
    }

    /// Compiles what this launch needs.
    pub(crate) fn prepare(&self, kernel: &Kernel, launch: &Launch) -> Result<(), Error> {
        let sizes = gpu::sizes(self.program.manifest(), kernel, launch);
        self.program.prepare(&sizes).map(drop)
    }

    /// Allocates everything that a launch needs, and copies its inputs.
    pub(crate) fn place(
        &self,
        kernel: &Kernel,
        launch: &Launch,
        inputs: &[Array],
    ) -> Result<OnGpu, Stop> {
        let manifest = self.program.manifest();
        let device = self.program.device();
        let sizes = gpu::sizes(manifest, kernel, launch);
        let bytes = self.program.argument_bytes(&sizes).map_err(stop)?;
        let arguments = gpu::arguments(manifest, kernel, inputs).into_iter().zip(bytes);
        let place = |(argument, bytes)| match argument {
            Argument::Scalar(bytes) => Ok(Place::Scalar(bytes)),
            Argument::Input(bytes) => Buffer::of(device, &bytes).map(Place::Tensor),
            Argument::Output(at) => Buffer::new(device, bytes).map(|b| Place::Output(at, b)),
        };
        let arguments = arguments.map(place).collect::<Result<_, _>>().map_err(stop)?;
        let workspace = self.program.workspace_bytes(&sizes).map_err(stop)?;
        let workspace = Buffer::new(device, workspace).map_err(stop)?;
        Ok(OnGpu { sizes, arguments, workspace })
    }

    /// Puts one launch into the stream.
    pub(crate) fn launch(&self, on: &OnGpu) -> Result<(), Error> {
        let arguments: Vec<_> = on.arguments.iter().map(Place::given).collect();
        self.program.launch_on(&on.sizes, &arguments, &on.workspace, &self.stream)
    }

    /// Runs on memory that holds `poison` wherever the kernel must write before
    /// anything reads. Gives the outputs, and the time from launch to end.
    pub(crate) fn run(
        &self,
        kernel: &Kernel,
        launch: &Launch,
        on: &OnGpu,
        poison: u8,
    ) -> Result<(Vec<Array>, Duration), Stop> {
        on.workspace.fill(poison, &self.stream).map_err(stop)?;
        for (_, buffer) in on.outputs() {
            buffer.fill(poison, &self.stream).map_err(stop)?;
        }
        self.stream.synchronize().map_err(stop)?;
        let start = Instant::now();
        self.launch(on).and_then(|()| self.stream.synchronize()).map_err(stop)?;
        let ran = start.elapsed();
        let mut outputs: Vec<_> = on.outputs().collect();
        outputs.sort_by_key(|(at, _)| *at);
        let arrays = kernel.tensors_of(Role::Output).zip(outputs).map(|(id, (_, buffer))| {
            let element = Element::of(kernel.tensors[id].element);
            let data = arrays::from_bytes(element, &buffer.read()?);
            Ok(Array { element, shape: launch.shapes[id.index()].clone(), data })
        });
        let arrays = arrays.collect::<Result<_, Error>>().map_err(stop)?;
        Ok((arrays, ran))
    }

    /// How long compiling took and by whom, for people.
    pub(crate) fn compiled(&self) -> String {
        let Loading { functions, compiled, took } = self.program.loading();
        let how = if compiled == 0 { "loaded from the cache" } else { "compiled" };
        let s = if functions == 1 { "" } else { "s" };
        format!(
            "emitted in {:.1?}, {how} ({functions} function{s}) in {took:.1?} ({})",
            self.emitting,
            self.program.compiler()
        )
    }
}

impl OnGpu {
    /// Makes room for what another program of the same kernel needs beside the
    /// arguments.
    pub(crate) fn fit(&mut self, loaded: &Loaded) -> Result<(), Error> {
        let needed = loaded.program.workspace_bytes(&self.sizes)?;
        if needed > self.workspace.bytes() {
            self.workspace = Buffer::new(loaded.program.device(), needed)?;
        }
        Ok(())
    }

    fn outputs(&self) -> impl Iterator<Item = (usize, &Buffer)> {
        self.arguments.iter().filter_map(|place| match place {
            Place::Output(at, buffer) => Some((*at, buffer)),
            Place::Tensor(_) | Place::Scalar(_) => None,
        })
    }
}
