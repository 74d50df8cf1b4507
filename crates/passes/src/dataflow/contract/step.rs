//! A contraction as a step: rings, semaphores and three roles.

use std::collections::BTreeSet;

use tilec_ir::Diagnostic;
use tilec_ir::dataflow::{Argument, Circular, CircularAt, Op, Role, Semaphore, SemaphoreAt, Step};

use super::block::constants;
use super::cost::{passes, tile_bytes};
use super::cut::{Cut, Spread};
use super::listed::Worker;
use super::mover::Mover;
use super::multiply::Compute;
use super::names::{names, without_repeated_inits, without_unused};
use super::operand::Side;
use super::product::Product;
use super::rings::{Ring, Use, rings};
use crate::dataflow::Draft;
use crate::dataflow::draft::unique;

/// What numbers rings and semaphores got.
pub(super) struct Numbers {
    rings: Vec<Use>,
    /// By operand: the first of its two semaphores, where cores share it.
    pub(super) semaphores: [Option<SemaphoreAt>; 2],
}

impl Numbers {
    pub(super) fn ring(&self, used: Use) -> CircularAt {
        let at = self.rings.iter().position(|&other| other == used);
        at.expect("a role uses rings of its cut")
    }
}

/// The step of a cut.
pub(super) fn step(
    draft: &mut Draft<'_>,
    region: usize,
    product: &Product,
    cut: &Cut,
) -> Result<Step, Diagnostic> {
    let rings = rings(product, cut, draft.f32_ring());
    let (semaphores, numbered) = semaphores(product, cut);
    let numbers =
        Numbers { rings: rings.iter().map(|ring| ring.used).collect(), semaphores: numbered };
    let equation = draft.plan.regions[region].covers[0];
    let name = draft.step_name(region);
    let compute = Compute { kernel: &draft.plan.kernel, product, cut, numbers: &numbers, equation };
    let mover = Mover { product, cut, numbers: &numbers };
    let reader = without_unused(mover.reader());
    let writer = without_unused(mover.writer());
    let compute = without_repeated_inits(without_unused(compute.body()?));
    let mut constants = constants(product, cut);
    let used: BTreeSet<_> =
        [&reader, &compute, &writer].into_iter().flat_map(|body| names(body)).collect();
    constants.retain(|constant| used.contains(&constant.name));
    let role = |body: Vec<Op>| Role { arguments: arguments(product, cut, &body), body };
    Ok(Step {
        name,
        region,
        grid: cut.grid,
        fidelity: product.fidelity,
        f32_dst: true,
        full_sync: cut.room.full_sync,
        constants,
        circular: circular(product, &rings, &used),
        semaphores,
        reader: role(reader),
        compute: role(compute),
        writer: role(writer),
        chosen_by: cut.chosen_by.clone(),
        math_cycles: math_cycles(draft, product, cut),
        writer_cycles: 0.0,
        least_dram_bytes: least_dram_bytes(product),
    })
}

/// How many blocks each core has, where they are dealt out.
fn arguments(product: &Product, cut: &Cut, body: &[Op]) -> Vec<Argument> {
    if cut.spread != Spread::Items || !names(body).contains("blocks") {
        return Vec::new();
    }
    let (blocks, cores) = (cut.blocks(product), cut.grid[0] * cut.grid[1]);
    let values = (0..cores).map(|core| (blocks + cores - 1 - core) / cores).collect();
    vec![Argument { name: "blocks".to_owned(), values }]
}

fn semaphores(product: &Product, cut: &Cut) -> (Vec<Semaphore>, [Option<SemaphoreAt>; 2]) {
    let mut all = Vec::new();
    let numbered = [Side::A, Side::B].map(|side| {
        if cut.cores_along(side) == 1 {
            return None;
        }
        let name = &product.operands[side as usize].name;
        let first = all.len();
        for what in ["ready", "valid"] {
            all.push(Semaphore { name: format!("{name}_{what}"), initial: 0 });
        }
        Some(first)
    });
    (all, numbered)
}

/// The rings with names that differ from each other and from all numbers.
fn circular(product: &Product, rings: &[Ring], used: &BTreeSet<String>) -> Vec<Circular> {
    let mut taken = used.clone();
    let named = |ring: &Ring| {
        let (name, holds) = name(product, ring.used);
        let name = unique(&name, &taken);
        taken.insert(name.clone());
        Circular { name, format: ring.format, tiles: ring.tiles * ring.depth, holds }
    };
    rings.iter().map(named).collect()
}

/// What a ring is called, and what it holds.
fn name(product: &Product, used: Use) -> (String, String) {
    let operand = |side: Side| &product.operands[side as usize].name;
    let scales = || product.scales.as_ref().expect("a ring of scales is of a product with some");
    match used {
        Use::Operand(side) => (operand(side).clone(), format!("blocks of {}", operand(side))),
        Use::Raw(side, at) => {
            let name = format!("{}_raw", operand(side));
            let name = if at == 0 { name } else { format!("{name}_{at}") };
            (name, format!("tiles that {} is made from", operand(side)))
        }
        Use::Made(side) => {
            (format!("{}_made", operand(side)), format!("blocks of {} to be sent", operand(side)))
        }
        Use::Scale(at) => {
            let name = scales().inputs[at].name.clone();
            let holds = format!("tiles of {name}");
            (name, holds)
        }
        Use::Sums => ("sums".to_owned(), "partial sums".to_owned()),
        Use::List(Worker::Reader) => ("work".to_owned(), "what this core does".to_owned()),
        Use::List(Worker::Compute) => ("work_of_compute".to_owned(), "a copy of work".to_owned()),
        Use::List(Worker::Writer) => ("work_of_writer".to_owned(), "a copy of work".to_owned()),
        Use::Table(0) => ("groups".to_owned(), "the group of every tile of rows".to_owned()),
        Use::Table(_) => ("filled".to_owned(), "the rows of every tile".to_owned()),
        Use::Input(at) => {
            let name = product.finish.inputs[at].name.clone();
            let holds = format!("tiles of {name}");
            (name, holds)
        }
        Use::Output(at) => {
            let name = product.finish.stored[at].name.clone();
            let holds = format!("tiles of {name}");
            (name, holds)
        }
    }
}

/// Cycles of the matrix unit on the busiest core, and what every core would take if the
/// products that are needed were shared evenly.
fn math_cycles(draft: &Draft<'_>, product: &Product, cut: &Cut) -> [f64; 2] {
    let [m, n, k] = product.tiles().map(f64::from);
    let passes = product.pieces() * passes(product.fidelity);
    let each = f64::from(draft.tensix().tile_product_cycles * passes);
    let [rows, columns, _] = cut.block.map(f64::from);
    let most = f64::from(cut.most_blocks(product)) * rows * columns * k;
    let cores = f64::from(cut.grid[0] * cut.grid[1]);
    let mean = f64::from(product.batches) * m * n * k / cores;
    [most * each, mean * each]
}

/// Every operand read once, every result written once; of tiles that tables tell, all that there
/// may be.
fn least_dram_bytes(product: &Product) -> u64 {
    let [m, n, k] = product.tiles().map(u64::from);
    let batches = u64::from(product.batches);
    let [a, b] = [Side::A, Side::B].map(|side| tile_bytes(&product.operands[side as usize]));
    let stored: u32 = product.finish.stored.iter().map(|one| one.format.tile_bytes()).sum();
    let matrices = product.listed.map_or(batches, |listed| batches.min(listed.groups.into()));
    let of_rows = m * k * u64::from(a) + m * n * u64::from(stored);
    batches * of_rows + matrices * k * n * u64::from(b)
}
