//! Tests that take minutes try a share of what there is; with `TILEC_EVERY` set, as
//! `.ci/run` sets it, they try more of it, or everything.

/// Whether everything is to be tried.
pub(crate) fn asked() -> bool {
    std::env::var_os("TILEC_EVERY").is_some_and(|value| !value.is_empty())
}
