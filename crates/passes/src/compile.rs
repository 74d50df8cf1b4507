//! From a plan to a tile program, one pass after another.

use tilec_ir::Diagnostic;
use tilec_ir::plan::Plan;
use tilec_ir::tensor::{Kernel, Tiling};
use tilec_ir::tile::{Program, verify};
use tilec_target::Chip;

use crate::counted::count;
use crate::route::{Rows, route};
use crate::tune::select::is_searched;
use crate::ungroup::{adds_up_at_points, ungroup};
use crate::{allocate, legalize, tile, tune};

/// The tile program of a plan. `source` is the kernel that the tile blocks name
/// equations of; blocks for other chips are not looked at.
///
/// # Errors
/// Settings that do not fit, and sizes too complex to launch with.
pub fn compile_plan(
    plan: Plan,
    source: &Kernel,
    chip: &Chip,
    tilings: &[&Tiling],
) -> Result<Program, Vec<Diagnostic>> {
    let plan = ungroup(route(plan, Rows::Sorted), adds_up_at_points);
    let plan = legalize(count(plan, is_searched), chip);
    let tuned = tune(plan, source, chip, tilings)?;
    let mut program = tile(tuned, chip)?;
    allocate(&mut program)?;
    verify::assert_valid(&program, &limits(chip));
    Ok(program)
}

/// What the verifier holds a program to.
fn limits(chip: &Chip) -> verify::Limits {
    let cuda = chip.cuda();
    verify::Limits {
        shared_bytes: cuda.shared_bytes_per_block,
        registers: cuda.registers_per_multiprocessor,
        cluster: cuda.max_cluster,
    }
}
