//! The one writer of readable C and C++, for headers and kernels alike.
//!
//! [`Writer`] keeps the indentation and sets comments beside declarations in one
//! column; [`Names`] makes names that C and C++ accept and that nothing else has.
//! It writes what it is told: what is said, and in which order, is the emitter's.

mod names;
mod writer;

pub use names::{Names, comment};
pub use writer::{Declaration, Writer};
