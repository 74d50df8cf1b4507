//! Where a CUDA toolkit may lie, beyond what the loader and PATH search.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The roots of toolkits, in the order in which they are searched.
pub(super) fn roots() -> Vec<PathBuf> {
    let named = ["CUDA_HOME", "CUDA_PATH"].iter().filter_map(std::env::var_os);
    let usual = ["/usr/local/cuda", "/opt/cuda"].map(OsString::from);
    named.chain(usual).filter(|root| !root.is_empty()).map(PathBuf::from).collect()
}

/// The first file of a folder below a root, of which the name starts like this;
/// names are tried in order, so that the choice does not depend on the disk.
pub(super) fn library(root: &Path, name: &str) -> Option<PathBuf> {
    let folders = ["lib64", "lib", "targets/x86_64-linux/lib"].map(|folder| root.join(folder));
    folders.iter().find_map(|folder| {
        let entries = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
        let named = |path: &PathBuf| {
            path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name))
        };
        let mut found: Vec<_> = entries.map(|entry| entry.path()).filter(named).collect();
        found.sort();
        found.into_iter().next()
    })
}

/// A program in `bin` of a root, or in a folder of PATH.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let bins = roots().into_iter().map(|root| root.join("bin"));
    let mut places = bins.chain(std::env::split_paths(&path)).map(|folder| folder.join(name));
    places.find(|place| place.is_file())
}
