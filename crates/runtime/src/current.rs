//! What belongs to the calling thread: the context that the driver's functions work
//! in, and whether work is being captured into a graph.
//!
//! Frameworks keep the thread's device in its current context. Whoever is called by
//! one leaves that context as it was found.
#![allow(unsafe_code, reason = "the driver is a C library")]

use std::ffi::c_void;

use cudarc::driver::DriverError;
use cudarc::driver::sys::{self, CUpointer_attribute, CUstreamCaptureMode, CUstreamCaptureStatus};

use crate::device::{Device, failed};
use crate::error::Error;

/// Keeps the thread's context: the one that was current becomes so again when this
/// is dropped.
#[derive(Debug)]
pub struct Kept {
    /// What to go back to; `None` where nothing was changed.
    previous: Option<sys::CUcontext>,
}

impl Device {
    /// Makes this GPU's context the thread's own until the result is dropped.
    pub fn enter_for_now(&self) -> Result<Kept, Error> {
        let current = current()?;
        if current == self.context().cu_ctx() {
            return Ok(Kept { previous: None });
        }
        let kept = Kept { previous: Some(current) };
        self.enter()?;
        Ok(kept)
    }
}

/// Keeps the thread's context whatever is opened or loaded until the result is
/// dropped. Needs a driver.
pub fn keep() -> Result<Kept, Error> {
    crate::device::check_driver()?;
    cudarc::driver::result::init().map_err(|e| failed("start", e))?;
    Ok(Kept { previous: Some(current()?) })
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(previous) = self.previous {
            // SAFETY: it was current before, or null, which is no context. A failure
            // means that it was destroyed meanwhile, and there is nothing to go back to.
            let _ = unsafe { sys::cuCtxSetCurrent(previous) };
        }
    }
}

fn current() -> Result<sys::CUcontext, Error> {
    let mut current = std::ptr::null_mut();
    // SAFETY: points to a handle that outlives the call.
    check("name the current context", unsafe { sys::cuCtxGetCurrent(&raw mut current) })?;
    Ok(current)
}

/// Whether what is put into this stream (a `cudaStream_t` as a number) is captured
/// into a graph instead of run.
///
/// # Safety
/// The stream is one of the thread's current context.
pub unsafe fn is_capturing(stream: u64) -> Result<bool, Error> {
    let mut status = CUstreamCaptureStatus::CU_STREAM_CAPTURE_STATUS_NONE;
    // SAFETY: the caller says that the stream is alive.
    let asked = unsafe { sys::cuStreamIsCapturing(stream as sys::CUstream, &raw mut status) };
    check("ask whether the stream is being captured", asked)?;
    Ok(status != CUstreamCaptureStatus::CU_STREAM_CAPTURE_STATUS_NONE)
}

/// The GPU on which memory lies, by an address in it.
pub fn device_of(address: u64) -> Result<usize, Error> {
    crate::device::check_driver()?;
    let mut index: i32 = -1;
    let asked = CUpointer_attribute::CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL;
    // SAFETY: the attribute is an integer, which outlives the call; the driver looks the
    // address up and does not follow it.
    let found =
        unsafe { sys::cuPointerGetAttribute((&raw mut index).cast::<c_void>(), asked, address) };
    check("say on which GPU an address is", found)?;
    usize::try_from(index).map_err(|_| Error::Refused("the memory is on no GPU".to_owned()))
}

/// Lets the thread load programs and allocate while one of its streams is being
/// captured, until it is dropped. What it does so is not part of the graph.
#[derive(Debug)]
pub struct Uncaptured {
    previous: CUstreamCaptureMode,
}

impl Uncaptured {
    /// Begins it.
    pub fn begin() -> Result<Self, Error> {
        let mut previous = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        // SAFETY: points to a mode that outlives the call, which exchanges it.
        let exchanged = unsafe { sys::cuThreadExchangeStreamCaptureMode(&raw mut previous) };
        check("leave the graph that is being captured", exchanged)?;
        Ok(Self { previous })
    }
}

impl Drop for Uncaptured {
    fn drop(&mut self) {
        // SAFETY: as in `begin`; exchanging a valid mode does not fail.
        let _ = unsafe { sys::cuThreadExchangeStreamCaptureMode(&raw mut self.previous) };
    }
}

fn check(doing: &str, result: sys::CUresult) -> Result<(), Error> {
    result.result().map_err(|error: DriverError| failed(doing, error))
}
