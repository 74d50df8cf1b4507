//! Refuses a launch whose tensors cannot fit into this machine's memory, before
//! the system would end the process for it.

use std::path::Path;

use tilec_ir::{Element, Kernel, Launch};

use super::Stop;

/// Compares the bytes of all tensors with the memory that is available.
pub(crate) fn check(kernel: &Kernel, launch: &Launch) -> Result<(), Stop> {
    let Some(available) = available() else { return Ok(()) };
    let bytes = kernel.tensors.iter().zip(&launch.shapes).map(|((_, tensor), shape)| {
        let elements: u128 = shape.iter().map(|&d| d as u128).product();
        (tensor.name.as_str(), elements.saturating_mul(Element::of(tensor.element).bytes() as u128))
    });
    let bytes: Vec<_> = bytes.collect();
    let total = bytes.iter().fold(0u128, |sum, (_, b)| sum.saturating_add(*b));
    if total <= available {
        return Ok(());
    }
    let (name, largest) = bytes.iter().max_by_key(|(_, b)| *b).copied().unwrap_or(("", 0));
    Err(Stop::Target(format!(
        "the tensors of this launch take {}, and this machine has {} available; the largest, `{name}`, takes {}",
        human(total),
        human(available),
        human(largest)
    )))
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

/// Memory that can be had without swapping, where the system tells.
fn available() -> Option<u128> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u128>().ok().map(|kilobytes| kilobytes * 1024)
}

fn human(bytes: u128) -> String {
    indicatif::HumanBytes(u64::try_from(bytes).unwrap_or(u64::MAX)).to_string()
}
