//! Brings a plan into a form that the chip's instructions take.

use tilec_ir::plan::Plan;
use tilec_target::Chip;

/// The plan with whatever derived equations the chip's instructions need.
#[must_use]
pub fn legalize(plan: Plan, _chip: &Chip) -> Plan {
    plan
}
