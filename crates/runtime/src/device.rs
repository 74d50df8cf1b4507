//! GPUs: opening one, and what it is.
//!
//! A [`Device`] holds the primary context of a GPU, which every library of a
//! process shares, so addresses and streams of PyTorch are ours too. Every
//! function here that calls the driver makes that context the thread's own first.
#![allow(unsafe_code, reason = "the driver is a C library")]

use std::ffi::CStr;
use std::sync::Arc;

use cudarc::driver::sys::{self, CUdevice_attribute_enum as Attribute, CUresult};
use cudarc::driver::{CudaContext, DriverError, result};

use crate::error::Error;

/// The oldest driver whose functions this build calls, as CUDA counts versions.
const OLDEST_DRIVER: i32 = 13_000;

/// An open GPU.
#[derive(Clone, Debug)]
pub struct Device {
    context: Arc<CudaContext>,
    /// What the driver calls it.
    pub name: String,
    /// Major and minor compute capability.
    pub capability: (u32, u32),
    /// How many multiprocessors it has.
    pub multiprocessors: u32,
    /// The bytes of its second-level cache.
    pub cache_bytes: u64,
}

impl Device {
    /// Whether there is a GPU with this index, counted as CUDA_VISIBLE_DEVICES says.
    pub fn check(index: usize) -> Result<(), Error> {
        check_driver()?;
        let count = count()?;
        if index < count { Ok(()) } else { Err(Error::NoDevice { index, count }) }
    }

    /// Opens the GPU with this index.
    pub fn open(index: usize) -> Result<Self, Error> {
        Self::check(index)?;
        let context = CudaContext::new(index).map_err(|e| failed("open the GPU", e))?;
        let name = context.name().map_err(|e| failed("name the GPU", e))?;
        let get = |attribute| {
            let value = context.attribute(attribute).map_err(|e| failed("describe the GPU", e))?;
            Ok::<_, Error>(u32::try_from(value).unwrap_or(0))
        };
        let capability = (
            get(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            get(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        );
        let multiprocessors = get(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?;
        let cache_bytes = get(Attribute::CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE)?.into();
        Ok(Self { context, name, capability, multiprocessors, cache_bytes })
    }

    /// Its primary context.
    pub(crate) fn context(&self) -> &CudaContext {
        &self.context
    }

    /// Makes its context the thread's own, which the driver's functions work in.
    pub(crate) fn enter(&self) -> Result<(), Error> {
        self.context.bind_to_thread().map_err(|e| failed("enter the GPU's context", e))
    }

    /// Waits until everything that was launched on it has ended, and says whether
    /// any of it failed.
    pub fn synchronize(&self) -> Result<(), Error> {
        self.enter()?;
        result::ctx::synchronize().map_err(|e| failed("run the kernel", e))
    }

    /// The bytes of its memory that are free.
    pub fn free_bytes(&self) -> Result<u64, Error> {
        let (free, _) = self.context.mem_get_info().map_err(|e| failed("measure memory", e))?;
        Ok(free as u64)
    }

    /// A stream of its own, for work that the null stream's order would hold back.
    pub fn stream(&self) -> Result<Stream, Error> {
        self.enter()?;
        let handle = result::stream::create(result::stream::StreamKind::NonBlocking)
            .map_err(|e| failed("create a stream", e))?;
        Ok(Stream { device: self.clone(), handle })
    }
}

/// An order of work on a GPU.
#[derive(Debug)]
pub struct Stream {
    device: Device,
    pub(crate) handle: sys::CUstream,
}

// SAFETY: the driver's functions take the same stream from any thread.
unsafe impl Send for Stream {}
// SAFETY: as above.
unsafe impl Sync for Stream {}

impl Stream {
    /// The handle as a number, a `cudaStream_t`.
    #[must_use]
    pub fn address(&self) -> u64 {
        self.handle as u64
    }

    /// Waits until everything in it has ended, and says whether any of it failed.
    pub fn synchronize(&self) -> Result<(), Error> {
        self.device.enter()?;
        // SAFETY: the stream lives as long as `self`.
        unsafe { result::stream::synchronize(self.handle) }.map_err(|e| failed("run the kernel", e))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.device.enter().is_ok() {
            // SAFETY: created by `Device::stream`, and destroyed only here. A failure
            // leaves a stream behind, which is all that can be done about it.
            let _ = unsafe { result::stream::destroy(self.handle) };
        }
    }
}

/// How many GPUs there are; none is not an error.
fn count() -> Result<usize, Error> {
    match result::init().and_then(|()| result::device::get_count()) {
        Ok(count) => Ok(usize::try_from(count).unwrap_or(0)),
        Err(DriverError(CUresult::CUDA_ERROR_NO_DEVICE)) => Ok(0),
        Err(DriverError(CUresult::CUDA_ERROR_STUB_LIBRARY)) => Err(Error::NoDriver),
        Err(error) => Err(failed("start", error)),
    }
}

/// The driver must be there, and know the functions that are called later: a
/// missing one would end the process.
pub(crate) fn check_driver() -> Result<(), Error> {
    // SAFETY: only opens the library by its name, which runs its initializers.
    if !unsafe { sys::is_culib_present() } {
        return Err(Error::NoDriver);
    }
    let mut found = 0;
    // SAFETY: points to an integer that outlives the call, which needs no `cuInit`.
    let asked = unsafe { sys::cuDriverGetVersion(&raw mut found) }.result();
    match asked {
        Ok(()) if found < OLDEST_DRIVER => Err(Error::OldDriver { found }),
        Ok(()) => Ok(()),
        Err(DriverError(CUresult::CUDA_ERROR_STUB_LIBRARY)) => Err(Error::NoDriver),
        Err(error) => Err(failed("say its version", error)),
    }
}

/// An error of the driver with what it was asked to do.
pub(crate) fn failed(doing: &str, error: DriverError) -> Error {
    let said = |text: Result<&CStr, DriverError>| {
        text.map_or_else(|_| "unknown".to_owned(), |t| t.to_string_lossy().into_owned())
    };
    let said = format!("{} ({})", said(error.error_string()), said(error.error_name()));
    Error::Driver { doing: doing.to_owned(), said }
}
