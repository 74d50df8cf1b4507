//! The CPU backend against the interpreter, plain loops and C programs.
#![cfg(feature = "llvm")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod agree;
mod by_hand;
mod documented;
mod far;
mod linear;
mod math;
mod object;
mod select;
mod support;
