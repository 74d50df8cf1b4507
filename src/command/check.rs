//! `tilec check FILE..`

use std::path::PathBuf;

use super::{Reporter, Stop, load};

pub(crate) fn run(files: &[PathBuf], reporter: &Reporter) -> Result<(), Stop> {
    // Every file is checked before the first reason to stop is given.
    let results: Vec<_> = files.iter().map(|file| load(file, reporter)).collect();
    results.into_iter().try_for_each(|result| result.map(|_| ()))
}
