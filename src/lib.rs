//! The driver of tilec: one straight pipeline from text to text and
//! diagnostics. Nothing here prints; only [`source`] and [`memory`] ask the system
//! for anything: a file's text, and how much memory there is.

pub mod arrays;
pub mod bench;
pub mod cpu;
pub mod cuda;
pub mod explain;
pub mod gpu;
mod json;
pub mod licenses;
pub mod memory;
pub mod phases;
pub mod plan_json;
pub mod preconditions;
pub mod program;
pub mod render;
pub mod source;
pub mod stage;
pub mod tensix;
pub mod tune;
