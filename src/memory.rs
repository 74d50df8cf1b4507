//! Refuses a launch whose tensors cannot fit into this machine's memory, before
//! the system would end the process for it.

use tilec_ir::tensor::Role;
use tilec_ir::{Element, Kernel, Launch};

/// So few bytes that asking the system would take longer than a small kernel runs.
const ALWAYS_THERE: u128 = 16 << 20;

/// Compares the bytes of the tensors that are yet to be made with the memory that is
/// available. The error is a sentence.
pub fn check(kernel: &Kernel, launch: &Launch, made: impl Fn(Role) -> bool) -> Result<(), String> {
    let tensors = kernel.tensors.iter().zip(&launch.shapes);
    let bytes = tensors.filter(|((_, tensor), _)| made(tensor.role)).map(|((_, tensor), shape)| {
        let elements: u128 = shape.iter().map(|&d| d as u128).product();
        (tensor.name.as_str(), elements.saturating_mul(Element::of(tensor.element).bytes() as u128))
    });
    let bytes: Vec<_> = bytes.collect();
    let total = bytes.iter().fold(0u128, |sum, (_, b)| sum.saturating_add(*b));
    let Some(available) = (total > ALWAYS_THERE).then(available).flatten() else { return Ok(()) };
    if total <= available {
        return Ok(());
    }
    let (name, largest) = bytes.iter().max_by_key(|(_, b)| *b).copied().unwrap_or(("", 0));
    Err(format!(
        "the tensors of this launch take {}, and this machine has {} available; the largest, `{name}`, takes {}",
        human(total),
        human(available),
        human(largest)
    ))
}

/// The bytes of memory that can be had without swapping, where the system tells.
#[must_use]
pub fn available() -> Option<u128> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u128>().ok().map(|kilobytes| kilobytes * 1024)
}

/// Bytes for people, such as `1.50 GiB`.
#[must_use]
pub fn human(bytes: u128) -> String {
    indicatif::HumanBytes(u64::try_from(bytes).unwrap_or(u64::MAX)).to_string()
}
