//! Where things are on the emulated chip: rings in L1, buffers in DRAM, cores on the NoC.

use tilec_manifest::tensix::{CircularBuffer, Programs};

/// Bytes of L1 that circular buffers can have.
pub(crate) const L1_BYTES: u64 = 1_499_136;

/// The offset of the first ring; below are semaphores.
const RINGS_START: u32 = 0x2000;

/// Bytes that nobody may touch between rings, which the chip doesn't have: an access
/// beyond the end of a ring is then in none.
const GAP: u32 = 64;

/// The offset of each ring in L1, in order.
pub(crate) fn ring_offsets(rings: &[CircularBuffer]) -> Vec<u32> {
    let mut next = RINGS_START;
    let place = |ring: &CircularBuffer| {
        let offset = next;
        next += ring.pages * ring.format.tile_bytes() + GAP;
        offset
    };
    rings.iter().map(place).collect()
}

/// A number that stands for a buffer's DRAM address. Kernels only hand it to accessors.
pub(crate) fn address(programs: &Programs, buffer: &str) -> Option<u32> {
    let at = programs.buffers.iter().position(|b| b.name == buffer)?;
    u32::try_from(at).ok()?.checked_mul(0x1_0000)?.checked_add(0x40_0000)
}

/// The NoC x coordinate of a column of cores; the engine's `noc_x` says the same.
pub(crate) fn noc_x(programs: &Programs, column: u32) -> u32 {
    match (programs.arch == "wormhole", column) {
        (true, _) => 18 + column,
        (false, 0..7) => 1 + column,
        // Two columns of the chip are no workers.
        (false, _) => 3 + column,
    }
}

/// The NoC y coordinate of a row of cores.
pub(crate) fn noc_y(programs: &Programs, row: u32) -> u32 {
    if programs.arch == "wormhole" { 18 + row } else { 2 + row }
}
