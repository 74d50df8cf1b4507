//! Budgets of a step: its grid, L1, rings, semaphores, arguments and DST.

use std::collections::BTreeSet;

use crate::dataflow::budget::l1_bytes;
use crate::dataflow::{Circular, Move, Op, Step};

use super::code::Code;
use super::fault::OfStep;
use super::{Limits, MOST_ARGUMENTS, MOST_SEMAPHORES};

pub(super) fn check(step: &Step, limits: Option<&Limits>, faults: &mut OfStep<'_>) {
    let [columns, rows] = step.grid;
    if columns == 0 || rows == 0 {
        faults.say("it runs on no core");
    }
    for Circular { name, tiles, .. } in &step.circular {
        if *tiles == 0 {
            faults.say(format!("{name} has no tiles"));
        }
    }
    let Some(limits) = limits else { return };
    if columns > limits.grid[0] || rows > limits.grid[1] {
        let [most_columns, most_rows] = limits.grid;
        let most = format!("the chip has {most_columns} x {most_rows}");
        faults.say(format!("it runs on {columns} x {rows} cores, and {most}"));
    }
    memory(step, limits, faults);
    let sections = if step.full_sync { 1 } else { 2 };
    let tiles = limits.dst_tiles / if step.f32_dst { 2 } else { 1 } / sections;
    if step.dst_tiles() != tiles {
        faults.say(format!("it counts on {} tiles of DST, of {tiles}", step.dst_tiles()));
    }
}

/// Arguments of a kernel: those of its role, an address for each buffer, its place and, if
/// it reaches other cores, their coordinates.
pub(super) fn arguments(step: &Step, codes: &[Code<'_>; 3], faults: &mut OfStep<'_>) {
    for code in codes {
        let mut buffers = BTreeSet::new();
        let mut reaches = false;
        for (op, _) in code.ops() {
            let Op::Move(op) = op else { continue };
            buffers.extend(op.buffer().map(|(buffer, _)| buffer));
            reaches |= matches!(
                op,
                Move::Multicast { .. }
                    | Move::Deliver { .. }
                    | Move::SignalOne { .. }
                    | Move::SignalAll { .. }
            );
        }
        let coordinates = if reaches { step.grid.iter().sum::<u32>() as usize } else { 0 };
        let count = code.arguments.len() + buffers.len() + 2 + coordinates;
        if count > MOST_ARGUMENTS {
            let role = code.role;
            faults.say(format!("the {role} takes {count} arguments, of {MOST_ARGUMENTS} at most"));
        }
    }
}

fn memory(step: &Step, limits: &Limits, faults: &mut OfStep<'_>) {
    let (bytes, most) = (l1_bytes(step), limits.l1_bytes);
    if bytes > most {
        let over = bytes - most;
        faults.over(
            format!(
                "the circular buffers of this equation take {bytes} bytes of L1 on each core, \
                 {over} more than there are"
            ),
            "smaller blocks (`m`, `n`, `k`) or fewer `stages` in a tile block take less",
        );
    }
    let (rings, most) = (step.circular.len(), limits.rings);
    if rings > most as usize {
        faults.over(
            format!("this equation takes {rings} circular buffers, and a core has {most}"),
            "compute some of what it reads in an equation of its own, whose result it reads",
        );
    }
    let semaphores = step.semaphores.len();
    if semaphores > MOST_SEMAPHORES {
        faults.say(format!("it takes {semaphores} semaphores, of {MOST_SEMAPHORES}"));
    }
}
