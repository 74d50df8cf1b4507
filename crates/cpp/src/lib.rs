//! The one writer of readable C and C++, for headers and kernels alike.
//!
//! [`Writer`] keeps the indentation and sets comments beside declarations in one
//! column; [`Names`] makes names that C and C++ accept and that nothing else has;
//! [`Source`] says for a comment where in the program something stands.
//! It writes what it is told: what is said, and in which order, is the emitter's.

mod names;
mod source;
mod writer;

pub use names::{Names, comment, legal};
pub use source::Source;
pub use writer::{Declaration, Writer};
