//! What is said of a launch that is refused.
//!
//! The C launcher and the runtime refuse for the same reasons in the same words.
//! A runtime passes what it found; an emitter of C passes `%s` and `%lld`, so that
//! the sentence is a format of `printf`. What a [`crate::Check`] says is its own.

use std::fmt::Display;

/// The largest size or dimension: indices are 32-bit integers.
pub const LARGEST_SIZE: i64 = i32::MAX as i64;

/// What the address of the workspace is a multiple of, in bytes.
pub const WORKSPACE_ALIGNMENT: u64 = 256;

/// The most blocks of a grid per dimension.
pub const LARGEST_GRID: [i64; 3] = [i32::MAX as i64, 65_535, 65_535];

/// The largest cluster that every chip with clusters has; a larger one is asked
/// for by attribute.
pub const PORTABLE_CLUSTER: u32 = 8;

/// Dynamic shared memory in bytes that needs no attribute.
pub const PLAIN_SHARED_BYTES: u32 = 48 * 1024;

/// A size is negative or too large.
pub fn size(name: impl Display, value: impl Display) -> String {
    format!("the size {name} is {value}, and sizes are from 0 to {LARGEST_SIZE}")
}

/// A dimension, counted from 0, is negative or too large.
pub fn dimension(tensor: impl Display, at: impl Display, value: impl Display) -> String {
    format!("dimension {at} of {tensor} is {value}, and dimensions are from 0 to {LARGEST_SIZE}")
}

/// A tensor's bytes do not fit into 64 bits.
pub fn elements(tensor: impl Display) -> String {
    format!("{tensor} has more bytes than 64-bit addresses reach")
}

/// An address is missing.
pub fn null(tensor: impl Display) -> String {
    format!("the address of {tensor} is null")
}

/// An address is not aligned.
pub fn misaligned(tensor: impl Display, bytes: impl Display) -> String {
    format!("the address of {tensor} is not a multiple of {bytes} bytes")
}

/// The workspace is too small.
pub fn workspace(given: impl Display, needed: impl Display) -> String {
    format!("the workspace has {given} bytes, and this launch needs {needed}")
}

/// A grid has more blocks than a device takes.
pub fn grid(function: impl Display) -> String {
    format!("{function} needs more blocks than a grid can have; launch smaller sizes")
}

/// A number that a launch needs leaves 64 bits.
pub fn overflow(function: impl Display) -> String {
    format!("a number that {function} needs does not fit into 64 bits; launch smaller sizes")
}

/// The device cannot run what was compiled.
pub fn capability(arch: impl Display, major: impl Display, minor: impl Display) -> String {
    format!(
        "this kernel is compiled for {arch}, and the device has compute capability {major}.{minor}"
    )
}

/// The driver refuses a tensor map.
pub fn tensor_map(tensor: impl Display, code: impl Display) -> String {
    format!("the driver refuses the tensor map of {tensor} (error {code})")
}
