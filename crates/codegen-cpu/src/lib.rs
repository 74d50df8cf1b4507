//! tilec-codegen-cpu.
