//! Finding the programs that tests are made of.

use std::path::{Path, PathBuf};

/// All `.tile` files below a folder of the project, sorted.
pub(crate) fn tile_files(folder: &str) -> Vec<PathBuf> {
    let mut found = vec![];
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).expect("the folder exists and is readable");
        for path in entries.map(|entry| entry.expect("the folder is readable").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "tile") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
