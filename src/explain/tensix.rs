//! What the programs for a chip of Tensix cores do, step by step: the cores that work,
//! what bounds each step, and how far its traffic is from the least. The last part of
//! `tilec explain --target tt`.
//!
//! ```text
//! steps of gemm on wormhole_n150, times by the chip's table:
//!   c: 8 x 8 cores, all busy; HiFi4; by model
//!     math      2208768 cycles (2097152 matrix, 111616 vector), 1.00 of the mean core's  2208.8 us  rules
//!     DRAM    134217728 bytes, 1.33 of the least                                          466.0 us
//!     network  14680064 bytes at the busiest core, 838860800 in all                       229.4 us
//!     L1 of 1393312 B on each core
//!       a          64 x 2048 B bf16    131072 B  blocks of a
//!       ..
//! ```
//!
//! Bytes, products and ops are counted by running the program's roles. Where a writer
//! computes, a line says how long. Times are what the chip could do at best: nothing of
//! them is measured, and what runs side by side may wait for each other.

use std::fmt::Write;

use tilec_ir::dataflow::verify::{Traffic, traffic};
use tilec_ir::dataflow::{Fidelity, Program, Step, budget};
use tilec_target::{Chip, Tensix};

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
        put(out, format!("    {name:<8} {amount:>12} {says:<62} {micro:>10.1} us{rules}"));
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

fn bounds(step: &Step, traffic: &Traffic, chip: &Chip) -> Vec<Bound> {
    let tensix = chip.tensix();
    let hertz = tensix.clock_hz as f64;
    let dram = traffic.dram_read + traffic.dram_written;
    let least = ratio(dram as f64, step.least_dram_bytes as f64);
    let ports = 2.0 * f64::from(tensix.noc_bytes_per_cycle);
    let math = Cycles::of(step, traffic, tensix);
    let mean = ratio(math.most as f64, math.mean);
    let Cycles { matrix, vector, .. } = math;
    let mut bounds = vec![
        Bound {
            name: "math",
            amount: math.most,
            says: format!("cycles ({matrix} matrix, {vector} vector), {mean} of the mean core's"),
            seconds: math.most as f64 / hertz,
        },
        Bound {
            name: "DRAM",
            amount: dram,
            says: format!("bytes, {least} of the least"),
            seconds: dram as f64 / chip.memory.bytes_per_second as f64,
        },
        Bound {
            name: "network",
            amount: traffic.noc_of_core,
            says: format!("bytes at the busiest core, {} in all", traffic.noc),
            seconds: traffic.noc_of_core as f64 / (ports * hertz),
        },
    ];
    if step.writer_cycles > 0.0 {
        bounds.push(Bound {
            name: "writer",
            amount: step.writer_cycles as u64,
            says: "cycles of the busiest core's processor that writes, by a model".to_owned(),
            seconds: step.writer_cycles / hertz,
        });
    }
    bounds
}

/// Cycles of the busiest core's math thread, which feeds both units, and of the mean core's:
/// what is needed, shared out evenly.
struct Cycles {
    matrix: u64,
    vector: u64,
    most: u64,
    mean: f64,
}

impl Cycles {
    fn of(step: &Step, traffic: &Traffic, tensix: &Tensix) -> Self {
        let passes = match step.fidelity {
            Fidelity::LoFi => 1,
            Fidelity::HiFi2 => 2,
            Fidelity::HiFi3 => 3,
            Fidelity::HiFi4 => 4,
        };
        let each = tensix.tile_product_cycles * passes;
        let Traffic { products, vector_cycles, .. } = traffic;
        let (matrix, vector) = (products.most * u64::from(each), vector_cycles.most);
        // Products beyond the edge of a matrix are none of the mean core's.
        let [_, needed] = step.math_cycles;
        let needed = if products.most > 0 { needed } else { 0.0 };
        let mean = needed + vector_cycles.mean;
        Self { matrix, vector, most: matrix + vector, mean }
    }
}

/// "1.25"; nothing by nothing is 1.
fn ratio(a: f64, b: f64) -> String {
    if b > 0.0 { format!("{:.2}", a / b) } else { "1.00".to_owned() }
}

fn put(out: &mut String, text: String) {
    writeln!(out, "{}", text.trim_end()).expect("a String takes all text");
}
