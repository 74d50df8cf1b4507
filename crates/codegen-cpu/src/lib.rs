//! tensor IR to machine code, through LLVM.
//!
//! [`compile`] turns a checked kernel into code that serves all sizes. It
//! compiles the equations as they stand and knows nothing of plans and tiles,
//! so that it can tell whether those are right.
//!
//! ```text
//! equations --plan--> steps --emit--> LLVM text --O2--> code in memory or object file
//! ```
//!
//! Without the feature `llvm` this crate is empty; callers use the interpreter
//! of `tilec-ir` instead.

#[cfg(feature = "llvm")]
mod emit;
#[cfg(feature = "llvm")]
mod header;
#[cfg(feature = "llvm")]
mod jit;
#[cfg(feature = "llvm")]
mod llvm;
#[cfg(feature = "llvm")]
mod plan;
#[cfg(feature = "llvm")]
mod run;

#[cfg(feature = "llvm")]
pub use header::header;
#[cfg(feature = "llvm")]
pub use run::{Compiled, compile};
