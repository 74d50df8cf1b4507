//! What a step takes of the L1 memory of each core, ring by ring.
//!
//! ```text
//! a          8 x 2048 B bf16     16384 B  blocks of a
//! sums      64 x 4096 B f32     262144 B  partial sums of c
//! 2 semaphores                      32 B
//! in all                        278560 B
//! ```
//!
//! A ring takes its tiles and begins at a multiple of 32 bytes; a semaphore takes 16
//! bytes, so that a word of its own is sent. The text of the kernels is not counted: it
//! lies elsewhere.

use crate::dataflow::{Circular, Format, Step};

/// What rings begin at multiples of.
pub const RING_ALIGNMENT: u64 = 32;
/// What a semaphore takes.
pub const SEMAPHORE_BYTES: u64 = 16;

/// The bytes of a ring.
#[must_use]
pub fn ring_bytes(ring: &Circular) -> u64 {
    let bytes = u64::from(ring.tiles) * u64::from(ring.format.tile_bytes());
    bytes.next_multiple_of(RING_ALIGNMENT)
}

/// The bytes of all rings and semaphores of a step.
#[must_use]
pub fn l1_bytes(step: &Step) -> u64 {
    let rings: u64 = step.circular.iter().map(ring_bytes).sum();
    rings + step.semaphores.len() as u64 * SEMAPHORE_BYTES
}

/// One line per ring, one for the semaphores, and the sum.
#[must_use]
pub fn table(step: &Step) -> String {
    let rows: Vec<_> = step.circular.iter().map(ring_row).collect();
    let width = rows.iter().map(|row| row.0.len()).max().unwrap_or(0).max(20);
    let mut out: String = rows
        .iter()
        .map(|(left, bytes, holds)| format!("{left:<width$} {bytes:>9} B  {holds}\n"))
        .collect();
    if !step.semaphores.is_empty() {
        let count = plural(step.semaphores.len() as u64, "semaphore");
        let bytes = step.semaphores.len() as u64 * SEMAPHORE_BYTES;
        out += &format!("{count:<width$} {bytes:>9} B\n");
    }
    out + &format!("{:<width$} {:>9} B\n", "in all", l1_bytes(step))
}

/// The name and what a tile takes; the bytes; what for.
fn ring_row(ring: &Circular) -> (String, u64, &str) {
    let (tile, format) = (ring.format.tile_bytes(), format_name(ring.format));
    let left = format!("{:<10} {:>4} x {tile} B {format}", ring.name, ring.tiles);
    (left, ring_bytes(ring), &ring.holds)
}

/// "1 ring", "2 rings"
pub(crate) fn plural(count: u64, noun: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{end}")
}

/// A format in a word.
#[must_use]
pub fn format_name(format: Format) -> &'static str {
    match format {
        Format::F32 => "f32",
        Format::Bf16 => "bf16",
        Format::F16 => "f16",
        Format::Bfp8 => "bfp8",
        Format::NativeE4M3 => "native e4m3",
        Format::NativeE5M2 => "native e5m2",
        Format::Word => "words",
        Format::U16 => "u16",
        Format::Byte => "bytes",
    }
}
