//! Refuses what cannot fit into this machine's memory, before the system would end
//! the process for it.

use std::path::Path;

use tilec::memory::{self, available, human};
use tilec_ir::{Kernel, Launch};

use super::Stop;

/// Compares the bytes of all tensors with the memory that is available.
pub(crate) fn check(kernel: &Kernel, launch: &Launch) -> Result<(), Stop> {
    memory::check(kernel, launch, |_| true).map_err(Stop::Target)
}

/// Refuses an array file whose bytes and elements cannot both be held.
pub(crate) fn check_file(path: &Path, name: &str) -> Result<(), Stop> {
    let (Some(available), Ok(file)) = (available(), std::fs::metadata(path)) else { return Ok(()) };
    if u128::from(file.len()) * 2 <= available {
        return Ok(());
    }
    Err(Stop::Target(format!(
        "`{}`, given for `{name}`, has {}, and reading it takes twice that; this machine has {} available",
        path.display(),
        human(file.len().into()),
        human(available)
    )))
}
