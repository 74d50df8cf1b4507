//! The driver of tilec: one straight pipeline from text to text and
//! diagnostics. Nothing here reads a file or prints; `main.rs` does.

pub mod arrays;
pub mod bench;
pub mod cpu;
pub mod cuda;
pub mod explain;
pub mod gpu;
pub mod licenses;
pub mod phases;
pub mod preconditions;
pub mod program;
pub mod render;
pub mod stage;
pub mod tensix;
pub mod tune;
