//! What the programs for a chip of Tensix cores do, step by step: the cores that work,
//! what bounds each step, and how far its traffic is from the least. The last part of
//! `tilec explain --target tt`.
//!
//! ```text
//! steps of gemm on wormhole_n150, times by the chip's table:
//!   c: 8 x 8 cores, all busy; HiFi4; by model
//!     math         2097152 cycles on the busiest core, 1.00 of the mean      2097.2 us  rules
//!     DRAM       100663296 bytes, 1.00 of the least                           349.5 us
//!     network     13631488 bytes at the busiest core                          213.0 us
//!     L1 of 1393312 B on each core
//!       a          64 x 2048 B bf16    131072 B  blocks of a
//!       ..
//! ```
//!
//! Bytes and tiles are counted by running the program's roles, not estimated; times are
//! what the chip could do at best, and nothing of them is measured.

use std::fmt::Write;

use tilec_ir::dataflow::verify::{Share, Traffic, traffic};
use tilec_ir::dataflow::{Program, Step, budget};
use tilec_target::Chip;

/// The steps of a program for a chip.
#[must_use]
pub fn tensix(program: &Program, chip: &Chip) -> String {
    let kernel = &program.plan.kernel;
    let mut out =
        format!("\nsteps of {} on {}, times by the chip's table:\n", kernel.name, chip.name);
    for (step, traffic) in program.steps.iter().zip(traffic(program)) {
        step_text(&mut out, step, &traffic, chip);
    }
    out
}

fn step_text(out: &mut String, step: &Step, traffic: &Traffic, chip: &Chip) {
    let [columns, rows] = step.grid;
    let busy = match traffic.busy_cores {
        busy if busy == step.cores() => "all busy".to_owned(),
        busy => format!("{busy} of them busy"),
    };
    let (name, fidelity, chosen) = (&step.name, step.fidelity, &step.chosen_by);
    put(out, format!("  {name}: {columns} x {rows} cores, {busy}; {fidelity:?}; by {chosen}"));
    let bounds = bounds(step, traffic, chip);
    let most = bounds.iter().map(|bound| bound.seconds).fold(0.0, f64::max);
    let first = bounds.iter().position(|bound| bound.seconds == most);
    for (at, bound) in bounds.iter().enumerate() {
        let rules = if first == Some(at) { "  rules" } else { "" };
        let Bound { name, amount, says, seconds } = bound;
        let micro = seconds * 1e6;
        put(out, format!("    {name:<8} {amount:>12} {says:<50} {micro:>10.1} us{rules}"));
    }
    put(out, format!("    L1 of {} B on each core", chip.tensix().l1_bytes));
    for row in budget::table(step).lines() {
        put(out, format!("      {row}"));
    }
}

/// What takes time, at the rate of the chip's table.
struct Bound {
    name: &'static str,
    amount: u64,
    /// Of what, and how it is shared out.
    says: String,
    seconds: f64,
}

fn bounds(step: &Step, traffic: &Traffic, chip: &Chip) -> [Bound; 3] {
    let tensix = chip.tensix();
    let hertz = tensix.clock_hz as f64;
    let dram = traffic.dram_read + traffic.dram_written;
    let [cycles, _] = step.math_cycles;
    let ports = 2.0 * f64::from(tensix.noc_bytes_per_cycle);
    [
        Bound {
            name: "math",
            amount: cycles as u64,
            says: format!("cycles on the busiest core, {}", evenness(step, traffic)),
            seconds: cycles / hertz,
        },
        Bound {
            name: "DRAM",
            amount: dram,
            says: format!(
                "bytes, {} of the least",
                ratio(dram as f64, step.least_dram_bytes as f64)
            ),
            seconds: dram as f64 / chip.memory.bytes_per_second as f64,
        },
        Bound {
            name: "network",
            amount: traffic.noc_of_core,
            says: format!("bytes at the busiest core, {} in all", traffic.noc),
            seconds: traffic.noc_of_core as f64 / (ports * hertz),
        },
    ]
}

/// The busiest core against the average one: by cycles or, where none are known, by what
/// was counted.
fn evenness(step: &Step, traffic: &Traffic) -> String {
    let [most, mean] = step.math_cycles;
    let Share { most: counted, mean: counted_mean } = match traffic.products.most {
        0 => traffic.packs,
        _ => traffic.products,
    };
    let (most, mean) = if mean > 0.0 { (most, mean) } else { (counted as f64, counted_mean) };
    format!("{} of the mean", ratio(most, mean))
}

/// "1.25"; nothing by nothing is 1.
fn ratio(a: f64, b: f64) -> String {
    if b > 0.0 { format!("{:.2}", a / b) } else { "1.00".to_owned() }
}

fn put(out: &mut String, text: String) {
    writeln!(out, "{}", text.trim_end()).expect("a String takes all text");
}
