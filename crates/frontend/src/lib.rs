//! Text to checked equations: lexer, parser, formatter and checks.

pub mod ast;
pub mod check;
pub mod format;
pub mod lexer;
pub mod parse;
pub mod report;

pub use format::format;
pub use parse::{LARGEST_SOURCE_BYTES, parse};

pub use check::{Checked, check};
