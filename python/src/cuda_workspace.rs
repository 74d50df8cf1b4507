//! Scratch memory of launches: one piece per GPU and stream, kept, so that a repeated
//! launch allocates nothing.
//!
//! Launches of one stream run one after the other, so they can share a piece; it only
//! grows. What a graph captures gets memory of its own from PyTorch, which keeps a
//! graph's memory apart: two graphs that run at once must not share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tilec_runtime::{Buffer, Device, Workspace, is_capturing};

use crate::cuda::On;
use crate::cuda_program::failure;
use crate::failure::{Failure, Kind, Result};

/// Streams whose memory is kept; past so many, all is given back.
const STREAMS: usize = 64;

/// The pieces of one kernel.
#[derive(Debug, Default)]
pub(crate) struct Workspaces(Mutex<Vec<Piece>>);

#[derive(Debug)]
struct Piece {
    device: i32,
    stream: u64,
    at: Workspace,
    #[expect(dead_code, reason = "held for its end, which frees the piece")]
    memory: Memory,
}

/// Memory for the next launch, kept at least until this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) at: Workspace,
    memory: Memory,
}

/// What frees a piece when it is dropped, after what was launched before.
#[derive(Debug)]
#[expect(dead_code, reason = "held for their end alone")]
enum Memory {
    /// A tensor of PyTorch, whose allocator knows the order of streams.
    Torch(Py<PyAny>),
    /// The driver's; freeing it waits for the GPU.
    Driver(Buffer),
    /// It belongs to somebody else.
    Kept,
}

impl Held {
    fn kept(at: Workspace) -> Self {
        Self { at, memory: Memory::Kept }
    }
}

impl Workspaces {
    /// Memory of so many bytes for the launch that comes next in a stream.
    pub(crate) fn get(&self, py: Python<'_>, bytes: u64, device: &Device, on: On) -> Result<Held> {
        if bytes == 0 {
            return Ok(Held::kept(Workspace { address: 0, bytes: 0 }));
        }
        let _context = device.enter_for_now().map_err(failure)?;
        #[allow(unsafe_code, reason = "the stream is the framework's current one")]
        // SAFETY: the framework has just named it as its current stream on this GPU.
        let capturing = unsafe { is_capturing(on.stream) }.map_err(failure)?;
        if capturing {
            return captured(py, bytes, on);
        }
        let found = self.lock().iter().find(|piece| piece.is_for(on, bytes)).map(|piece| piece.at);
        if let Some(at) = found {
            return Ok(Held::kept(at));
        }
        let Held { at, memory } = if on.has_torch {
            of_torch(py, bytes, on)?
        } else {
            let buffer = Buffer::new(device, bytes).map_err(failure)?;
            let at = Workspace { address: buffer.address(), bytes };
            Held { at, memory: Memory::Driver(buffer) }
        };
        // Dropped when the lock is not held: freeing may run code of Python.
        let _replaced = self.put(Piece { device: on.device, stream: on.stream, at, memory });
        Ok(Held::kept(at))
    }

    fn put(&self, piece: Piece) -> Vec<Piece> {
        let mut all = self.lock();
        let same = |other: &Piece| other.device == piece.device && other.stream == piece.stream;
        let replaced = match all.iter().position(same) {
            Some(at) => vec![all.swap_remove(at)],
            None if all.len() >= STREAMS => std::mem::take(&mut *all),
            None => vec![],
        };
        all.push(piece);
        replaced
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Piece>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Piece {
    fn is_for(&self, on: On, bytes: u64) -> bool {
        self.device == on.device && self.stream == on.stream && self.at.bytes >= bytes
    }
}

/// Memory of the graph that is being captured: PyTorch takes it from the graph's own
/// pool, and gives it back to that pool in the order of the stream.
fn captured(py: Python<'_>, bytes: u64, on: On) -> Result<Held> {
    if on.has_torch {
        return of_torch(py, bytes, on);
    }
    Err(Failure::new(
        Kind::Device,
        "this kernel needs scratch memory, which cannot be allocated while its stream is being \
         captured in a graph; pass tensors of PyTorch, whose allocator knows graphs",
    ))
}

fn of_torch(py: Python<'_>, bytes: u64, on: On) -> Result<Held> {
    let torch = py.import(intern!(py, "torch"))?;
    let options = PyDict::new(py);
    options.set_item(intern!(py, "dtype"), torch.getattr(intern!(py, "uint8"))?)?;
    options.set_item(intern!(py, "device"), format!("cuda:{}", on.device))?;
    let tensor = torch.call_method(intern!(py, "empty"), (bytes,), Some(&options))?;
    let address = tensor.call_method0(intern!(py, "data_ptr"))?.extract()?;
    Ok(Held { at: Workspace { address, bytes }, memory: Memory::Torch(tensor.unbind()) })
}
