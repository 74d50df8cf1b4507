//! Runs emitted programs on NVIDIA GPUs.
mod cache;
mod error;
pub use cache::{Cache, Key};
pub use error::Error;
