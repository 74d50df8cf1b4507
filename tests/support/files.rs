//! Finding the programs that tests are made of, and the snapshots they left.

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

/// Fails when a folder of snapshots holds one that no test takes any more.
#[allow(dead_code, reason = "some of the tests that share this file take no snapshots")]
pub(crate) fn assert_no_stale_snapshots(folder: &str, taken: &[String]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(folder);
    let entries = std::fs::read_dir(folder).expect("the folder exists and is readable");
    let names = entries.map(|entry| entry.expect("the folder is readable").file_name());
    let stale: Vec<_> = names
        .filter_map(|name| name.to_string_lossy().strip_suffix(".snap").map(str::to_owned))
        .filter(|name| !taken.contains(name))
        .collect();
    assert!(stale.is_empty(), "snapshots of nothing, to be deleted: {stale:?}");
}
