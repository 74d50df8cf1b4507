//! A lock that other processes see, with a limit to patience.
//!
//! It is the system's lock on an open file, which ends with its holder: a holder
//! that was killed leaves no lock behind. One that hangs, or a file system without
//! locks, costs waiting or compiling twice, never a failure.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long another process may take to compile before it is not waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// Holds the lock until the file is dropped; `None` where it cannot be had.
pub(super) fn hold(path: &Path, patience: Duration) -> Option<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path).ok()?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(TryLockError::WouldBlock) if start.elapsed() < patience => {
                std::thread::sleep(PAUSE)
            }
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => return None,
        }
    }
}
