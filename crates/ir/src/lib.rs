//! What every part of tilec agrees on: spans and diagnostics, exact integers
//! (sizes and index expressions) with the facts that are known of them, the
//! tensor IR, run-time arrays, number formats, and the reference interpreter.
//!
//! Nothing here knows a chip by name, reads a file or prints to a terminal.

pub mod arena;
pub mod array;
pub mod compare;
pub mod dataflow;
pub mod diagnostic;
mod expr_text;
pub mod facts;
pub mod formats;
pub mod int;
pub mod int_text;
pub mod interpret;
pub mod launch;
pub mod nearest;
pub mod philox;
pub mod plan;
mod poly;
pub mod print;
pub mod tensor;
#[cfg(test)]
mod testing;
pub mod tile;
pub mod verify;
pub mod walk;

pub use arena::{Arena, Id};
pub use array::{Array, Data, Element};
pub use diagnostic::{Diagnostic, Kind, Severity, Span};
pub use facts::Facts;
pub use formats::Format;
pub use int::{Atom, AtomId, IntId, Ints};
pub use int_text::show;
pub use launch::Launch;
pub use nearest::nearest;
pub use tensor::{Kernel, Module, Scalar};
