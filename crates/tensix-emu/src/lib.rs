//! Runs emitted Tensix kernels on the host: their C++ text itself, not a model of it.
//!
//! ```text
//! reader.cpp, compute.cpp, writer.cpp --the host's c++--> shared objects (cached)
//! program.json, pages of buffers --------> engine process --> pages, counters or a Failure
//! ```
//!
//! The headers under `include/` have the names and parameters of tt-metal's, and check
//! every call; `engine/` runs each kernel of each core as a fiber. What is wrong with a
//! kernel is a [`Failure`] with its file and line, never a hang: the engine is a process of
//! its own. [`tilize`] and [`untilize`] turn arrays into pages and back. Cycles are not
//! modeled.

mod build;
mod cxx;
mod failure;
mod layout;
mod pages;
mod plan;
mod run;
mod sources;

pub use failure::{Failure, Kind};
pub use pages::{tilize, untilize};
pub use run::{Counters, Options, Outcome, run};
