//! A dataflow program as text: its buffers, and for every step the grid, what L1 holds,
//! and the three roles.
//!
//! ```text
//! dataflow double on wormhole_n150 (wormhole)
//!
//! buffers
//!   x           bf16, 64 x 64 in 4 pages; input x, rows 0, columns 1
//!
//! step double: 2 x 1 cores  by hand
//!   math        HiFi4, 32-bit DST of 4 tiles
//!   ..
//!   reader
//!     first       0 2
//!     for tile in 0 .. TILES
//!       reserve x 1
//!       read x[first + tile] -> x 0
//!       read barrier
//!       push x 1
//! ```
//!
//! Rings, buffers and semaphores go by their names. Defaults (half sync, an initial 0)
//! are left out. Takes any program, also one that does not verify.

mod math;
mod moves;
mod rank;
mod role;
#[cfg(test)]
mod tests;
mod work;

use crate::dataflow::budget::{format_name, plural, table};
use crate::dataflow::{Buffer, Program, Step};
use crate::plan::Plan;
use crate::tensor::Role;

pub use role::op_text;

/// The whole program.
#[must_use]
pub fn print(program: &Program) -> String {
    let Program { plan, chip, arch, buffers, steps } = program;
    let mut out = format!("dataflow {} on {chip} ({arch})\n", plan.kernel.name);
    if !buffers.is_empty() {
        out += "\nbuffers\n";
    }
    for buffer in buffers {
        out += &field(&buffer.name, &buffer_text(plan, buffer));
    }
    for step in steps {
        out += &print_step(program, step);
    }
    out
}

/// One step.
#[must_use]
pub fn print_step(program: &Program, step: &Step) -> String {
    let [columns, rows] = step.grid;
    let mut out =
        format!("\nstep {}: {columns} x {rows} cores  by {}\n", step.name, step.chosen_by);
    out += &field("math", &math_text(step));
    if !step.constants.is_empty() {
        out += "  constants\n";
    }
    for constant in &step.constants {
        let value = format!("= {}", constant.value);
        out += &line(&format!("    {:<13} {value:<7} {}", constant.name, constant.says));
    }
    out += "  L1\n";
    for row in table(step).lines() {
        out += &line(&format!("    {row}"));
    }
    if !step.semaphores.is_empty() {
        out += "  semaphores\n";
    }
    for semaphore in &step.semaphores {
        let initial =
            if semaphore.initial == 0 { String::new() } else { format!(" {}", semaphore.initial) };
        out += &line(&format!("    {}{initial}", semaphore.name));
    }
    for (name, role) in step.roles() {
        out += &role::print_role(program, step, name, role);
    }
    out
}

fn math_text(step: &Step) -> String {
    let bits = if step.f32_dst { 32 } else { 16 };
    let sync = if step.full_sync { ", full sync" } else { "" };
    let mut out =
        format!("{:?}, {bits}-bit DST of {} tiles{sync}", step.fidelity, step.dst_tiles());
    let [most, mean] = step.math_cycles;
    if most > 0.0 {
        out += &format!("; {most:.0} cycles on the busiest core, {mean:.0} on average");
    }
    out
}

/// `bf16, 2 of 64 x 64 in 8 pages; input x, batch 0, rows 1, columns 2`
fn buffer_text(plan: &Plan, buffer: &Buffer) -> String {
    let [batch, rows, columns] = buffer.extent;
    let batch = if batch == 1 { String::new() } else { format!("{batch} of ") };
    let (format, pages) = (format_name(buffer.format), buffer.pages());
    let pages = plural(pages, "page");
    let mut out = format!("{format}, {batch}{rows} x {columns} in {pages}; ");
    out += &tensor_text(plan, buffer);
    let orders = [("batch", &buffer.batch), ("rows", &buffer.rows), ("columns", &buffer.columns)];
    for (name, dimensions) in orders {
        if !dimensions.is_empty() {
            let list: Vec<_> = dimensions.iter().map(ToString::to_string).collect();
            out += &format!(", {name} {}", list.join(" "));
        }
    }
    out
}

/// `input x`
fn tensor_text(plan: &Plan, buffer: &Buffer) -> String {
    if buffer.tensor.index() >= plan.kernel.tensors.len() {
        return "of no tensor".to_owned();
    }
    let tensor = &plan.kernel.tensors[buffer.tensor];
    let role = match tensor.role {
        Role::Input => "input",
        Role::Output => "output",
        Role::Local => "local",
    };
    format!("{role} {}", tensor.name)
}

fn field(name: &str, text: &str) -> String {
    line(&format!("  {name:<11} {text}"))
}

/// A line without spaces at its end.
fn line(text: &str) -> String {
    format!("{}\n", text.trim_end())
}
