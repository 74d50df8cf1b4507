//! A program on a GPU: compiled, loaded, its functions found.
#![allow(unsafe_code, reason = "the driver is a C library")]

use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::sync::{Arc, Mutex};

use cudarc::driver::sys::{self, CUfunction_attribute_enum as Attribute};
use cudarc::driver::{DriverError, result};
use tilec_manifest::{Arch, Launch, Manifest, VERSION, sentences};

use crate::cache::Cache;
use crate::compile::{Compiler, Cubin};
use crate::device::{Device, failed};
use crate::error::Error;
use crate::ready::Prepared;

/// A program that is ready to be launched, from any thread.
#[derive(Debug)]
pub struct Program {
    pub(crate) device: Device,
    pub(crate) manifest: Manifest,
    pub(crate) functions: HashMap<String, Function>,
    /// What launches with certain sizes do, computed once; only looked up.
    pub(crate) prepared: Mutex<HashMap<Vec<i64>, Arc<Prepared>>>,
    module: sys::CUmodule,
    /// The compiler, with its version.
    pub compiler: String,
    /// Whether it was compiled before.
    pub cached: bool,
}

/// A function of a loaded module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function(pub(crate) sys::CUfunction);

// SAFETY: handles of modules and functions are good in every thread.
unsafe impl Send for Program {}
// SAFETY: as above, and what changes is behind a lock.
unsafe impl Sync for Program {}
// SAFETY: as above.
unsafe impl Send for Function {}
// SAFETY: as above.
unsafe impl Sync for Function {}

impl Program {
    /// Compiles an emitted source, unless the cache of the environment has it, and
    /// loads it.
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
        let arch = arch_on(manifest, device.capability)?;
        let Cubin { bytes, compiler, cached } = Compiler::find()?.compile(source, arch, cache)?;
        device.enter()?;
        // SAFETY: the driver reads a cubin's length from its own head; the bytes come
        // from a compiler, and the cache checks that they are unchanged.
        let module = unsafe { result::module::load_data(bytes.as_ptr().cast::<c_void>()) }
            .map_err(|e| failed("load the compiled program", e))?;
        let mut program = Self {
            device: device.clone(),
            manifest: manifest.clone(),
            functions: HashMap::new(),
            prepared: Mutex::default(),
            module,
            compiler,
            cached,
        };
        program.find_functions()?;
        Ok(program)
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

    fn find_functions(&mut self) -> Result<(), Error> {
        let steps = self.manifest.steps.iter();
        let variants = steps.flat_map(|step| &step.variants);
        for launch in variants.flat_map(|variant| &variant.launches) {
            let found = self.functions.get(&launch.function).copied();
            let function = found.map_or_else(|| find(self.module, &launch.function), Ok)?;
            self.functions.insert(launch.function.clone(), function);
            allow(function, launch).map_err(|e| failed("prepare a function", e))?;
        }
        Ok(())
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

fn find(module: sys::CUmodule, name: &str) -> Result<Function, Error> {
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
            // SAFETY: loaded by `load_with`, unloaded only here, and nothing runs.
            let _ = unsafe { result::module::unload(self.module) };
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
