//! The verifier of dataflow programs: it runs them, token by token.
//!
//! All sizes are bound, so nothing is estimated. First each step is held to what can be
//! seen without running it: budgets (L1, rings, arguments), names, formats, who produces
//! and who consumes a ring. Then all roles of all cores run together on rings of the
//! given capacity, with semaphores and multicasts but without the values of tiles:
//!
//! ```text
//! core 0, 0   reader --a(2 of 8)--> compute --c(0 of 2)--> writer      whoever can go on
//! core 1, 0   reader --a(4 of 8)--> compute --c(1 of 2)--> writer      goes on
//! ```
//!
//! A program that passes ends on every core; pushes and pops nothing too many; wraps its
//! rings exactly; reads only what was written (pages, DST, DRAM) and waited for; and
//! writes every page of every result once. What cores tell each other through semaphores
//! is in order under every schedule, not only under the one that was run: see `signals`. So is
//! what rings do, since each has one producer and one consumer.
//!
//! The ops of the compute role between two rings' ops are run once for every state that
//! they begin in, whatever the core; so the work grows with pages, not with products.

mod capacity;
mod code;
mod counts;
mod deadlock;
mod elements;
mod fault;
mod formats;
mod learnt;
mod machine;
mod math;
mod moves;
mod multicast;
mod names;
mod pages;
mod rank;
mod rings;
mod rows;
mod sides;
mod signals;
mod state;
#[cfg(test)]
mod tests;
mod work;

use crate::dataflow::{Program, print};
use crate::diagnostic::Diagnostic;

pub use counts::{Share, Traffic};
pub use fault::Fault;

use code::Code;
use fault::Faults;
use machine::Machine;
use pages::Pages;

/// The most run-time arguments of a kernel, addresses and coordinates included.
pub const MOST_ARGUMENTS: usize = 341;
/// The most semaphores of a step.
pub const MOST_SEMAPHORES: usize = 16;

/// What a chip has, of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of L1 that rings may take.
    pub l1_bytes: u64,
    /// Bytes of DRAM.
    pub dram_bytes: u64,
    /// The most rings.
    pub rings: u32,
    /// 16-bit tiles of both sections of DST.
    pub dst_tiles: u32,
    /// Columns and rows of its cores.
    pub grid: [u32; 2],
    /// Whether 32-bit words reach DST unchanged.
    pub words_to_dst: bool,
    /// Whether it has an e4m3 of its own.
    pub native_e4m3: bool,
}

/// Says what is wrong with a program, if anything is. Of what only shows when a step is
/// run, the first fault of each step.
///
/// # Errors
/// All faults, in the order of steps.
pub fn verify(program: &Program, limits: &Limits) -> Result<(), Vec<Fault>> {
    run(program, Some(limits)).map(|_| ())
}

/// As [`verify`], but only what a tile block or a program can ask too much of comes back.
///
/// # Errors
/// Budgets that are exceeded, each with its table.
///
/// # Panics
/// On any other fault, with the listing: whoever made the program is mistaken.
pub fn diagnose(program: &Program, limits: &Limits) -> Result<(), Vec<Diagnostic>> {
    let Err(faults) = verify(program, limits) else { return Ok(()) };
    if let Some(fault) = faults.iter().find(|fault| fault.budget.is_none()) {
        panic!("the dataflow program does not verify: {fault}\n{}", print::print(program));
    }
    Err(faults.iter().map(|fault| fault.diagnostic(&program.plan.kernel)).collect())
}

/// What each step moves and computes, counted while it runs.
///
/// # Panics
/// If the program does not verify.
#[must_use]
pub fn traffic(program: &Program) -> Vec<Traffic> {
    match run(program, None) {
        Ok(traffic) => traffic,
        Err(faults) => panic!("only verified programs are counted: {}", faults[0]),
    }
}

fn run(program: &Program, limits: Option<&Limits>) -> Result<Vec<Traffic>, Vec<Fault>> {
    run_in_order(program, limits, |tasks| (0..tasks).collect())
}

/// As [`run`], where so many tasks take turns in this order: any gives the same answer.
fn run_in_order(
    program: &Program,
    limits: Option<&Limits>,
    mut order: impl FnMut(usize) -> Vec<usize>,
) -> Result<Vec<Traffic>, Vec<Fault>> {
    let mut faults = Faults::default();
    pages::check(program, limits, &mut faults);
    if faults.count() > 0 {
        return faults.done().map(|()| Vec::new());
    }
    let mut pages = Pages::new(program);
    let mut traffic = Vec::new();
    for (at, step) in program.steps.iter().enumerate() {
        let earlier = faults.count();
        capacity::check(step, limits, &mut faults.of(program, step));
        names::check(program, step, &mut faults.of(program, step));
        if faults.count() > earlier {
            continue;
        }
        let codes = step.roles().map(|(name, role)| Code::new(step, name, role));
        formats::check(program, step, &codes, limits, &mut faults.of(program, step));
        capacity::arguments(step, &codes, &mut faults.of(program, step));
        sides::check(step, &codes, &mut faults.of(program, step));
        learnt::check(step, &mut faults.of(program, step));
        if faults.count() > earlier {
            continue;
        }
        let machine = Machine::new(program, step, at, &codes, &mut pages);
        let order = order(machine.tasks.len());
        match machine.run(order) {
            Ok(counts) => traffic.push(counts.traffic(step)),
            Err(fault) => faults.of(program, step).add(*fault),
        }
    }
    if faults.count() == 0 {
        pages.complete(program, &mut faults);
    }
    faults.done().map(|()| traffic)
}
