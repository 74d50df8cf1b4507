//! Budgets of a step: its grid, L1, rings, semaphores, arguments and DST.

use crate::dataflow::budget::{l1_bytes, plural};
use crate::dataflow::{Circular, Step};

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
    for (name, role) in step.roles() {
        let count = role.arguments.len();
        if count > MOST_ARGUMENTS {
            let found = plural(count as u64, "argument");
            faults.say(format!("the {name} takes {found}, of {MOST_ARGUMENTS} at most"));
        }
    }
}

fn memory(step: &Step, limits: &Limits, faults: &mut OfStep<'_>) {
    let (bytes, most) = (l1_bytes(step), limits.l1_bytes);
    if bytes > most {
        let over = bytes - most;
        faults.over(
            format!("its circular buffers take {bytes} bytes of L1 on each core, {over} more than there are"),
            "smaller blocks (`m`, `n`, `k`) or fewer `stages` in a tile block take less",
        );
    }
    let (rings, most) = (step.circular.len(), limits.rings);
    if rings > most as usize {
        faults.over(
            format!("it takes {rings} circular buffers, and a core has {most}"),
            "compute some of what it reads in an equation of its own, of another step",
        );
    }
    let semaphores = step.semaphores.len();
    if semaphores > MOST_SEMAPHORES {
        faults.say(format!("it takes {semaphores} semaphores, of {MOST_SEMAPHORES}"));
    }
}
