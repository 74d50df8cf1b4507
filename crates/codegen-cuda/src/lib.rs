//! tilec-codegen-cuda.
