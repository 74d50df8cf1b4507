//! Runs emitted programs on NVIDIA GPUs, following their manifest as the emitted C
//! launcher does.
//!
//! ```text
//! sizes --resolve, once per sizes--> launches --addresses--> GPU
//!                                       | functions that none has needed before
//!                                       cache, or NVRTC, or nvcc --> cubin --load--> GPU
//! ```
//!
//! The driver and NVRTC are loaded when a [`Device`] is opened and a [`Program`]
//! loaded: a machine without them gets an [`Error`] that says so, and anything that
//! links this crate runs there. Nothing here chooses a tile or changes a source.

mod cache;
mod compile;
mod current;
mod device;
mod error;
mod launch;
mod load;
mod map;
mod memory;
mod ready;
pub mod resolve;
pub mod time;

pub use cache::{Cache, Key};
pub use compile::{Compiler, Cubin};
pub use current::{Kept, Uncaptured, device_of, is_capturing, keep};
pub use device::{Device, Stream};
pub use error::Error;
pub use launch::{Given, Value, Workspace};
pub use load::{Loading, Program};
pub use memory::Buffer;
pub use ready::Prepared;
