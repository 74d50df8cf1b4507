//! An emitted program on the GPUs of the machine. Its functions are compiled and loaded
//! when a call first needs them, once per GPU.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use tilec_codegen_cuda::Emitted;
use tilec_runtime::{Compiler, Device, Error, Loading, Prepared, Program, Uncaptured};

use crate::failure::{Failure, Kind, Result, detached};
use crate::kernel::say;

/// A program and where it is loaded.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) emitted: Emitted,
    loaded: Mutex<Vec<(i32, Arc<Program>)>>,
    /// Held while one is loaded, so that another thread waits instead of doing the same.
    loading: Mutex<()>,
}

impl Programs {
    pub(crate) fn new(emitted: Emitted) -> Self {
        Self { emitted, loaded: Mutex::default(), loading: Mutex::default() }
    }

    /// The program on a GPU.
    pub(crate) fn on(&self, py: Python<'_>, device: i32) -> Result<Arc<Program>> {
        if let Some(program) = self.find(device) {
            return Ok(program);
        }
        let toolkits = toolkits(py);
        detached(py, || {
            let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(program) = self.find(device) {
                return Ok(program);
            }
            let program = Arc::new(load(&self.emitted, device, &toolkits).map_err(failure)?);
            // A graph that captured a launch may outlive the kernel, and refers to the
            // functions without holding them: what was loaded stays loaded.
            std::mem::forget(Arc::clone(&program));
            self.lock().push((device, Arc::clone(&program)));
            Ok(program)
        })
    }

    /// What a launch with these sizes, in the order of the manifest, needs.
    pub(crate) fn prepare(
        &self,
        py: Python<'_>,
        program: &Program,
        sizes: &[i64],
    ) -> Result<Arc<Prepared>> {
        if let Some(prepared) = program.prepared(sizes) {
            return Ok(prepared);
        }
        detached(py, || {
            let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
            let before = program.loading();
            let prepared = program.prepare(sizes).map_err(failure)?;
            self.announce(program, before);
            Ok(prepared)
        })
    }

    /// Tells someone who waits at a terminal what took so long.
    fn announce(&self, program: &Program, before: Loading) {
        let Loading { functions, compiled, took } = program.loading();
        if functions > before.functions {
            let how = if compiled > before.compiled { "compiled" } else { "loaded from the cache" };
            let (kernel, took) = (&self.emitted.manifest.kernel, took - before.took);
            say(&format!("tilec: {how} {kernel} in {took:.2?} ({})", program.compiler()));
        }
    }

    /// Where it is loaded: the GPU, the compiler, and how many functions it loaded and had
    /// to compile.
    pub(crate) fn loaded(&self) -> Vec<(i32, String, usize, usize)> {
        let one = |(on, program): &(i32, Arc<Program>)| {
            let Loading { functions, compiled, .. } = program.loading();
            (*on, program.compiler().to_owned(), functions, compiled)
        };
        self.lock().iter().map(one).collect()
    }

    fn find(&self, device: i32) -> Option<Arc<Program>> {
        let all = self.lock();
        all.iter().find(|(on, _)| *on == device).map(|(_, program)| Arc::clone(program))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(i32, Arc<Program>)>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Loads a program, also while the caller captures a graph: what is done here is no
/// part of it.
fn load(
    emitted: &Emitted,
    device: i32,
    toolkits: &[PathBuf],
) -> std::result::Result<Program, Error> {
    let index = usize::try_from(device).unwrap_or(usize::MAX);
    let device = Device::open(index)?;
    let _uncaptured = Uncaptured::begin()?;
    if let Err(error) = Compiler::find() {
        toolkits.iter().find_map(|folder| Compiler::find_in(folder).ok()).ok_or(error)?;
    }
    Program::load(&device, &emitted.source, &emitted.manifest)
}

/// Where PyTorch's packages keep NVRTC: the folders of the package `nvidia`.
fn toolkits(py: Python<'_>) -> Vec<PathBuf> {
    let folders = || -> PyResult<Vec<PathBuf>> {
        let found = py.import("importlib.util")?.call_method1("find_spec", ("nvidia",))?;
        if found.is_none() {
            return Ok(vec![]);
        }
        let folders = found.getattr("submodule_search_locations")?.try_iter()?;
        folders.map(|folder| folder?.extract::<PathBuf>()).collect()
    };
    // Whatever is wrong with that package, NVRTC may still be elsewhere.
    let folders = folders().unwrap_or_default();
    folders.iter().flat_map(|folder| ["cu13", "cuda_nvrtc"].map(|name| folder.join(name))).collect()
}

/// What failed on a GPU as an exception.
pub(crate) fn failure(error: Error) -> Failure {
    let kind = match &error {
        Error::Refused(_) => Kind::Size,
        Error::NoDevice { count, .. } if *count > 0 => Kind::Device,
        Error::OutOfMemory { .. } => Kind::Memory,
        Error::Capability(_) => Kind::Chip,
        Error::Manifest(_) => Kind::Internal,
        Error::NoDriver
        | Error::OldDriver { .. }
        | Error::NoDevice { .. }
        | Error::NoCompiler
        | Error::Compile { .. }
        | Error::Driver { .. } => Kind::Driver,
    };
    Failure::new(
        kind,
        error
            .to_string()
            .replace("--target cuda", "target \"cuda\"")
            .replace("--target cpu", "target \"cpu\""),
    )
}
