//! Runs emitted Tensix kernels on the host: their C++ text itself, not a model of it.
//!
//! ```text
//! reader.cpp, compute.cpp, writer.cpp --the host's c++--> shared objects (cached)
//! program.json, pages of buffers --------> engine process --> pages, counters or a Failure
//! ```
//!
//! The headers under `include/` have the names and parameters of tt-metal's, and check
//! every call; `engine/` runs each kernel of each core as a fiber. A fault of a kernel is
//! a [`Failure`] with the kernel's file and line, never a hang.
