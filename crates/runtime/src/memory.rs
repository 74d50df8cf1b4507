//! Memory of a GPU, owned, and copies to and from it.
#![allow(unsafe_code, reason = "the driver is a C library")]

use cudarc::driver::{result, sys};

use crate::device::{Device, Stream, failed};
use crate::error::Error;

/// Bytes in the memory of a GPU, freed with the value; aligned to 256.
#[derive(Debug)]
pub struct Buffer {
    device: Device,
    address: sys::CUdeviceptr,
    bytes: u64,
}

impl Buffer {
    /// Allocates; what is in it is undefined. No bytes are the address 0.
    pub fn new(device: &Device, bytes: u64) -> Result<Self, Error> {
        let _kept = device.enter_for_now()?;
        let address = if bytes == 0 { 0 } else { allocate(bytes)? };
        Ok(Self { device: device.clone(), address, bytes })
    }

    /// Allocates and copies into it.
    pub fn of(device: &Device, bytes: &[u8]) -> Result<Self, Error> {
        let buffer = Self::new(device, bytes.len() as u64)?;
        if !bytes.is_empty() {
            // SAFETY: the buffer has as many bytes, and the driver has read them all when
            // this returns.
            unsafe { result::memcpy_htod_sync(buffer.address, bytes) }
                .map_err(|e| failed("copy to the GPU", e))?;
            // What is read from pageable memory may still be on its way, in the order of
            // the null stream, which our own streams do not wait for.
            device.synchronize()?;
        }
        Ok(buffer)
    }

    /// Where it lies.
    #[must_use]
    pub fn address(&self) -> u64 {
        self.address
    }

    /// How many bytes it has.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Copies it back, after everything that was launched before.
    pub fn read(&self) -> Result<Vec<u8>, Error> {
        self.device.synchronize()?;
        let length =
            usize::try_from(self.bytes).map_err(|_| Error::OutOfMemory { bytes: self.bytes })?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).map_err(|_| Error::OutOfMemory { bytes: self.bytes })?;
        bytes.resize(length, 0);
        if length > 0 {
            // SAFETY: both sides have this many bytes, and the copy ends before this returns.
            unsafe { result::memcpy_dtoh_sync(&mut bytes, self.address) }
                .map_err(|e| failed("copy from the GPU", e))?;
        }
        Ok(bytes)
    }

    /// Sets every byte, in the order of the stream.
    pub fn fill(&self, value: u8, stream: &Stream) -> Result<(), Error> {
        self.device.enter()?;
        if self.bytes == 0 {
            return Ok(());
        }
        let length =
            usize::try_from(self.bytes).map_err(|_| Error::OutOfMemory { bytes: self.bytes })?;
        // SAFETY: the buffer has as many bytes; it outlives the work, because freeing
        // it waits for the GPU.
        unsafe { result::memset_d8_async(self.address, value, length, stream.handle) }
            .map_err(|e| failed("fill memory", e))
    }
}

impl Device {
    /// Copies memory of somebody else back, after everything that was put into the stream
    /// (a `cudaStream_t` as a number) before, which it waits for.
    ///
    /// # Safety
    /// So many bytes are at the address, in memory of this GPU, and the stream is one of
    /// this GPU's.
    pub unsafe fn read(&self, address: u64, bytes: usize, stream: u64) -> Result<Vec<u8>, Error> {
        let mut copied = vec![0; bytes];
        if bytes > 0 {
            let _kept = self.enter_for_now()?;
            // SAFETY: the caller says that the stream is alive.
            unsafe { result::stream::synchronize(stream as sys::CUstream) }
                .map_err(|e| failed("wait for the data", e))?;
            // SAFETY: the caller says so of one side, and the other has as many bytes.
            unsafe { result::memcpy_dtoh_sync(&mut copied, address) }
                .map_err(|e| failed("copy from the GPU", e))?;
        }
        Ok(copied)
    }
}

fn allocate(bytes: u64) -> Result<sys::CUdeviceptr, Error> {
    let length = usize::try_from(bytes).map_err(|_| Error::OutOfMemory { bytes })?;
    // SAFETY: the caller entered a context; the address is freed by `drop`.
    unsafe { result::malloc_sync(length) }.map_err(|error| {
        let is_full = error.0 == sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY;
        if is_full { Error::OutOfMemory { bytes } } else { failed("allocate memory", error) }
    })
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        // Whoever drops it may be working on another GPU.
        if let Ok(_kept) = self.device.enter_for_now() {
            // SAFETY: allocated by `new`, freed only here; freeing waits for the GPU. A
            // failure means that the context is lost, and its memory with it.
            let _ = unsafe { result::free_sync(self.address) };
        }
    }
}
