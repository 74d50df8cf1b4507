//! A program on a GPU. Its functions are compiled and loaded when a launch first needs
//! them; what other sizes need waits for them.
#![allow(unsafe_code, reason = "the driver is a C library")]

use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cudarc::driver::sys::{self, CUfunction_attribute_enum as Attribute};
use cudarc::driver::{DriverError, result};
use tilec_manifest::{Arch, Launch, Manifest, VERSION, sentences};

use crate::cache::Cache;
use crate::compile::Compiler;
use crate::current::Uncaptured;
use crate::device::{Device, failed};
use crate::error::Error;
use crate::ready::Prepared;

/// A program that is ready to be launched, from any thread.
#[derive(Debug)]
pub struct Program {
    pub(crate) device: Device,
    pub(crate) manifest: Manifest,
    source: String,
    arch: Arch,
    compiler: Compiler,
    cache: Cache,
    functions: Mutex<Functions>,
    /// Held while functions are compiled, so that another thread waits for them instead
    /// of doing the same.
    loading: Mutex<()>,
    /// What launches with certain sizes do, computed once; only looked up.
    pub(crate) prepared: Mutex<HashMap<Vec<i64>, Arc<Prepared>>>,
}

/// The functions that were loaded so far.
#[derive(Debug, Default)]
struct Functions {
    by_name: HashMap<String, Function>,
    modules: Vec<sys::CUmodule>,
    loading: Loading,
}

/// What loading functions has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loading {
    /// How many were loaded.
    pub functions: usize,
    /// How many of these had to be compiled, as the cache did not have them.
    pub compiled: usize,
    /// From text to functions on the GPU.
    pub took: Duration,
}

/// A function of a loaded module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function(pub(crate) sys::CUfunction);

// SAFETY: handles of modules and functions are good in every thread.
unsafe impl Send for Functions {}
// SAFETY: as above.
unsafe impl Send for Function {}
// SAFETY: as above.
unsafe impl Sync for Function {}

impl Program {
    /// An emitted source on a GPU, with the cache of the environment. Compiles nothing
    /// yet, but fails where nothing could be.
    pub fn load(device: &Device, source: &str, manifest: &Manifest) -> Result<Self, Error> {
        Self::load_with(device, source, manifest, &Cache::from_environment())
    }

    /// Like [`Program::load`], with this cache.
    pub fn load_with(
        device: &Device,
        source: &str,
        manifest: &Manifest,
        cache: &Cache,
    ) -> Result<Self, Error> {
        Ok(Self {
            arch: arch_on(manifest, device.capability)?,
            compiler: Compiler::find()?,
            device: device.clone(),
            manifest: manifest.clone(),
            source: source.to_owned(),
            cache: cache.clone(),
            functions: Mutex::default(),
            loading: Mutex::default(),
            prepared: Mutex::default(),
        })
    }

    /// The GPU that it is loaded on.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// How it is launched.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The compiler, with its version.
    #[must_use]
    pub fn compiler(&self) -> &str {
        self.compiler.version()
    }

    /// What loading its functions has taken so far.
    #[must_use]
    pub fn loading(&self) -> Loading {
        self.functions().loading
    }

    fn functions(&self) -> MutexGuard<'_, Functions> {
        self.functions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The functions of these names, which are compiled and loaded if they are not yet;
    /// also while the caller captures a graph, as that is no part of it.
    pub(crate) fn find(&self, names: &[&str]) -> Result<Vec<Function>, Error> {
        let find = || {
            let functions = self.functions();
            names.iter().map(|&name| functions.by_name.get(name).copied()).collect()
        };
        if let Some(found) = find() {
            return Ok(found);
        }
        let loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let mut missing = names.to_vec();
        missing.sort_unstable();
        missing.dedup();
        missing.retain(|&name| !self.functions().by_name.contains_key(name));
        self.load_functions(&missing)?;
        drop(loading);
        Ok(find().expect("those that were missing have been loaded"))
    }

    fn load_functions(&self, names: &[&str]) -> Result<(), Error> {
        let start = Instant::now();
        let compiler = &self.compiler;
        let cubins = compiler.compile_functions(&self.source, names, self.arch, &self.cache)?;
        let _kept = self.device.enter_for_now()?;
        let _uncaptured = Uncaptured::begin()?;
        for (&name, cubin) in names.iter().zip(&cubins) {
            // SAFETY: the driver reads a cubin's length from its own head; the bytes come
            // from a compiler, and the cache checks that they are unchanged.
            let module =
                unsafe { result::module::load_data(cubin.bytes.as_ptr().cast::<c_void>()) }
                    .map_err(|e| failed("load the compiled program", e))?;
            let mut functions = self.functions();
            functions.modules.push(module);
            let function = named(module, name)?;
            self.allow(name, function).map_err(|e| failed("prepare a function", e))?;
            functions.by_name.insert(name.to_owned(), function);
            functions.loading.functions += 1;
            functions.loading.compiled += usize::from(!cubin.cached);
        }
        self.functions().loading.took += start.elapsed();
        Ok(())
    }

    /// Asks for what any launch of the function needs beyond the ordinary.
    fn allow(&self, name: &str, function: Function) -> Result<(), DriverError> {
        let variants = self.manifest.steps.iter().flat_map(|step| &step.variants);
        let launches = variants.flat_map(|variant| &variant.launches);
        launches.filter(|launch| launch.function == name).try_for_each(|l| allow(function, l))
    }
}

/// What to compile for: the manifest's architecture, or the GPU's own where that is
/// newer and the source allows it.
fn arch_on(manifest: &Manifest, (major, minor): (u32, u32)) -> Result<Arch, Error> {
    if manifest.version != VERSION {
        let version = manifest.version;
        return Err(Error::Manifest(format!(
            "its version is {version}, and this is for {VERSION}"
        )));
    }
    let arch = Arch::parse(&manifest.arch)
        .ok_or_else(|| Error::Manifest(format!("`{}` is no architecture", manifest.arch)))?;
    let refused = || Error::Capability(sentences::capability(&manifest.arch, major, minor));
    arch.on(major, minor).ok_or_else(refused)
}

fn named(module: sys::CUmodule, name: &str) -> Result<Function, Error> {
    let missing = || Error::Manifest(format!("the source has no function `{name}`"));
    let name = CString::new(name).map_err(|_| missing())?;
    // SAFETY: the module was loaded by the caller and is not unloaded before its program.
    unsafe { result::module::get_function(module, name) }.map(Function).map_err(|_| missing())
}

/// Asks for what a launch of the function needs beyond the ordinary. Shared memory
/// only grows, since several launches may share a function.
fn allow(function: Function, launch: &Launch) -> Result<(), DriverError> {
    let set = |attribute, value| {
        // SAFETY: the function was found in a module that is loaded.
        unsafe { result::function::set_function_attribute(function.0, attribute, value) }
    };
    let shared = Attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    if launch.shared_bytes > sentences::PLAIN_SHARED_BYTES {
        // SAFETY: as above.
        let allowed = unsafe { result::function::get_function_attribute(function.0, shared) }?;
        set(shared, allowed.max(launch.shared_bytes.cast_signed()))?;
    }
    if launch.cluster.iter().product::<u32>() > sentences::PORTABLE_CLUSTER {
        set(Attribute::CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 1)?;
    }
    Ok(())
}

impl Drop for Program {
    fn drop(&mut self) {
        // Whoever drops it may be working on another GPU.
        let kept = self.device.enter_for_now();
        if kept.is_ok() && self.device.synchronize().is_ok() {
            for module in self.functions().modules.drain(..) {
                // SAFETY: loaded by `load_functions`, unloaded only here, and nothing runs.
                let _ = unsafe { result::module::unload(module) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_compiled_for_what_runs_them() {
        let manifest = |version, arch: &str| Manifest {
            version,
            kernel: "k".to_owned(),
            chip: "h200".to_owned(),
            arch: arch.to_owned(),
            source_sha256: String::new(),
            sizes: vec![],
            arguments: vec![],
            checks: vec![],
            workspace_bytes: 0.into(),
            steps: vec![],
        };
        let check = |version, arch, capability, expected: &str| {
            let found = arch_on(&manifest(version, arch), capability);
            let text = found.map_or_else(|error| error.to_string(), |arch| arch.to_string());
            assert!(text.contains(expected), "{text}");
        };
        check(VERSION, "sm_90a", (9, 0), "sm_90a");
        check(VERSION, "sm_80", (9, 0), "sm_90");
        check(
            VERSION,
            "sm_90a",
            (8, 0),
            "compiled for sm_90a, and the device has compute capability 8.0",
        );
        check(VERSION + 1, "sm_90a", (9, 0), "version");
        check(VERSION, "gfx90a", (9, 0), "`gfx90a` is no architecture");
    }
}
