//! tilec-cpp.
