//! tilec-passes.
