//! tilec-target.
