//! Text to checked equations: lexer, parser, formatter and checks.

pub mod ast;
