//! The verifier of tile programs: what emitters may rely on.
//!
//! * Every region has a step, every step ends with a variant without conditions,
//!   and kernels have names of their own.
//! * A body suits its region; tiles are made of whole parts and instructions.
//! * Work items cover the output exactly once: tile counts are the ceilings of the
//!   lengths, clusters and splits divide into each other.
//! * Channels ([`super::channels`]): what is sent is received and released, by each
//!   reader exactly once, and never in an order that waits for itself.
//! * Shared memory and registers fit; the workspace has a place for all that is
//!   stored between steps, and no two live pieces overlap.
//!
//! It takes any program and says the first thing that is wrong.

use std::collections::BTreeSet;

use crate::int::{Atom, IntId, Ints};
use crate::plan::{Contract, RegionKind};
use crate::tensor::Kernel as Equations;
use crate::tile::{
    Accumulate, Body, Condition, Exchange, Grid, Kernel, Pipeline, Program, Put, Rows, Side,
    Stepped, Unit, Variant, channels, dual, select, workspace,
};

/// What a chip allows a block, in the words of no chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Dynamic shared memory of a block, in bytes.
    pub shared_bytes: u32,
    /// Registers of a multiprocessor, shared by the threads of a block.
    pub registers: u32,
    /// Blocks of a cluster.
    pub cluster: u32,
}

/// The most threads of a block.
const THREADS: u32 = 1024;

/// Says what is wrong with a program, if anything is.
pub fn verify(program: &Program, limits: &Limits) -> Result<(), String> {
    let mut names = BTreeSet::new();
    let regions: Vec<_> = program.steps.iter().map(|step| step.region).collect();
    let expected: Vec<_> = (0..program.plan.regions.len()).collect();
    ensure(regions == expected, || format!("steps are of the regions {regions:?}"))?;
    // What grids are compared with.
    let mut ints = program.plan.kernel.ints.clone();
    for step in &program.steps {
        let last = step.variants.last().ok_or("a step has no variant")?;
        ensure(last.when.is_empty(), || {
            format!("{}: the last variant has conditions", last.kernel.name)
        })?;
        for variant in &step.variants {
            let kernel = &variant.kernel;
            let at = |fault: String| format!("{}: {fault}", kernel.name);
            ensure(names.insert(&kernel.name), || at("the name is taken".to_owned()))?;
            ensure(is_identifier(&kernel.name), || at("it is no identifier".to_owned()))?;
            only_sizes(program, kernel, &variant.when).map_err(at)?;
            body(program, &mut ints, step.region, variant, limits).map_err(at)?;
        }
    }
    workspace::check(program)
}

/// Panics with what is wrong with a program that does not verify.
pub fn assert_valid(program: &Program, limits: &Limits) {
    if let Err(fault) = verify(program, limits) {
        panic!("the tile program does not verify: {fault}\n{}", crate::tile::print::print(program));
    }
}

pub(super) fn ensure(holds: bool, fault: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(fault()) }
}

fn is_identifier(name: &str) -> bool {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    begins && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.contains("__")
}

/// Conditions and grids are told at launch: nothing but sizes stands in them.
fn only_sizes(program: &Program, kernel: &Kernel, when: &[Condition]) -> Result<(), String> {
    let (Grid::PerItem { items } | Grid::Persistent { items, .. }) = kernel.grid;
    let mut all = vec![items];
    for condition in when {
        let (Condition::Equal(a, b) | Condition::AtMost(a, b)) = *condition;
        all.extend([a, b]);
    }
    for id in all {
        ensure(is_of_sizes(&program.plan.kernel.ints, id), || {
            "a condition or the grid holds more than sizes".to_owned()
        })?;
    }
    Ok(())
}

pub(super) fn is_of_sizes(ints: &Ints, id: IntId) -> bool {
    let mut only = true;
    ints.visit_atoms(id, &mut |_, atom| only &= matches!(atom, Atom::Size(_) | Atom::Div(..)));
    only
}

fn body(
    program: &Program,
    ints: &mut Ints,
    at: usize,
    variant: &Variant,
    limits: &Limits,
) -> Result<(), String> {
    let (kernel, region) = (&variant.kernel, &program.plan.regions[at].kind);
    let threads = kernel.threads;
    ensure((1..=THREADS).contains(&threads) && threads.is_multiple_of(32), || {
        format!("{threads} threads")
    })?;
    match (&kernel.body, region) {
        (Body::Pipeline(body), RegionKind::Contract(_) | RegionKind::Rowwise(_)) => {
            dual::check(program, at, variant, body)?;
            let contract = program.contract(at, body).ok_or("it is of no contraction")?;
            pipeline(&program.plan.kernel, ints, kernel, body, contract, limits)
        }
        (&Body::Within(step), RegionKind::Contract(_)) => {
            dual::check_within(program, at, variant, step)
        }
        (Body::Stepped(body), RegionKind::Contract(contract)) => {
            stepped(&program.plan.kernel, ints, kernel, body, contract, limits)
        }
        (Body::Rows(rows), RegionKind::Rowwise(_)) => check_rows(kernel, rows),
        (Body::Scan(scan), RegionKind::Scan(_)) => {
            ensure(scan.per_thread > 0, || "a thread adds nothing up".to_owned())
        }
        (
            Body::Points(points),
            RegionKind::Pointwise | RegionKind::Combine(_) | RegionKind::Generic { .. },
        ) => {
            let shared = points.threads_per_point;
            ensure(points.vector > 0 && (shared == 1 || shared == 32 || shared == threads), || {
                format!("{shared} threads share a point")
            })
        }
        (Body::Select(body), RegionKind::Select(of)) => {
            select::check(&program.plan.kernel, ints, kernel, body, of, limits)
        }
        (Body::Ranks(ranks), RegionKind::Generic { .. }) => {
            ensure(ranks.chunk > 0, || "no keys at a time".to_owned())
        }
        (
            Body::Pipeline(_)
            | Body::Stepped(_)
            | Body::Rows(_)
            | Body::Scan(_)
            | Body::Points(_)
            | Body::Select(_)
            | Body::Ranks(_)
            | Body::Within(_),
            RegionKind::Contract(_)
            | RegionKind::Rowwise(_)
            | RegionKind::Grouped(_)
            | RegionKind::Combine(_)
            | RegionKind::Histogram(_)
            | RegionKind::Scan(_)
            | RegionKind::Select(_)
            | RegionKind::Pointwise
            | RegionKind::Generic { .. },
        ) => Err("the body is for another kind of region".to_owned()),
    }
}

fn check_rows(kernel: &Kernel, rows: &Rows) -> Result<(), String> {
    let threads = rows.threads_per_row;
    let grouped =
        if threads <= 32 { threads.is_power_of_two() } else { threads.is_multiple_of(32) };
    ensure(grouped, || format!("{threads} threads share a row"))?;
    let needed = (threads * rows.rows_per_block).next_multiple_of(32);
    ensure(rows.rows_per_block > 0 && needed == kernel.threads, || {
        format!(
            "{} rows of {threads} threads in a block of {}",
            rows.rows_per_block, kernel.threads
        )
    })?;
    ensure(rows.vector.is_power_of_two() && rows.vector <= 16, || {
        format!("{} elements are read at once", rows.vector)
    })?;
    ensure(rows.held.is_none_or(|held| held > 0 && held.is_multiple_of(rows.vector)), || {
        format!("{:?} elements are held, {} at once", rows.held, rows.vector)
    })
}

/// Products per result of one instruction of a unit, and rows of its parts.
fn granule(unit: Unit) -> [u32; 3] {
    match unit {
        Unit::Scalar => [1, 1, 1],
        Unit::Tf32 => [16, 8, 8],
        Unit::Bf16 | Unit::F16 => [16, 8, 16],
        Unit::I8 | Unit::Fp8 => [16, 8, 32],
    }
}

fn stepped(
    equations: &Equations,
    ints: &mut Ints,
    kernel: &Kernel,
    body: &Stepped,
    contract: &Contract,
    limits: &Limits,
) -> Result<(), String> {
    let (tile, part, granule) = (body.tile, body.part, granule(body.unit));
    ensure(tile.iter().chain(&part).all(|&x| x > 0), || "an empty tile".to_owned())?;
    let whole = tile[0].is_multiple_of(part[0])
        && tile[1].is_multiple_of(part[1])
        && part[0].is_multiple_of(granule[0])
        && part[1].is_multiple_of(granule[1])
        && tile[2].is_multiple_of(granule[2]);
    ensure(whole, || format!("tile {tile:?} is not made of parts {part:?} and instructions"))?;
    let parts = (tile[0] / part[0]) * (tile[1] / part[1]);
    let per_part = if body.unit == Unit::Scalar { 1 } else { 32 };
    ensure(parts * per_part == kernel.threads, || format!("{parts} parts of a block"))?;
    let promotes = body.promote.is_none_or(|every| every > 0 && every.is_multiple_of(tile[2]));
    ensure(promotes, || format!("sums are added up every {:?} of k", body.promote))?;
    ensure(contract.scales.is_empty() || body.promote.is_some(), || {
        "scales are never applied".to_owned()
    })?;
    ensure(body.stages > 0 && body.split > 0, || "no stages or no parts".to_owned())?;
    let bytes = match body.unit {
        Unit::Scalar | Unit::Tf32 => 4,
        Unit::Bf16 | Unit::F16 => 2,
        Unit::I8 | Unit::Fp8 => 1,
    };
    let shared = body.stages * (tile[0] + tile[1]) * tile[2] * bytes;
    ensure(shared <= limits.shared_bytes, || format!("{shared} bytes of shared memory"))?;
    let Grid::PerItem { items } = kernel.grid else {
        return Err("a stepped contraction takes one item per block".to_owned());
    };
    let counts = tile_counts(equations, ints, contract, tile)?;
    covers(ints, items, counts, [1, 1], body.split)
}

fn pipeline(
    equations: &Equations,
    ints: &mut Ints,
    kernel: &Kernel,
    body: &Pipeline,
    contract: &Contract,
    limits: &Limits,
) -> Result<(), String> {
    shape(kernel, body, contract)?;
    clusters(body, limits)?;
    channels::check(body)?;
    budgets(body, kernel, limits)?;
    let Grid::Persistent { items, blocks } = kernel.grid else {
        return Err("a pipeline is persistent".to_owned());
    };
    ensure(blocks > 0 && blocks.is_multiple_of(body.cluster), || {
        format!("{blocks} blocks in clusters of {}", body.cluster)
    })?;
    let [m, _, k] = body.tile;
    let counts = tile_counts(equations, ints, contract, [m, body.output_columns(), k])?;
    ensure(counts == body.tiles, || "the tile counts are not those of the lengths".to_owned())?;
    let sharers = body.sharers();
    let together = match body.multicast {
        Some(Side::B) => [sharers, 1],
        Some(Side::A) => [1, sharers],
        None => [1, 1],
    };
    let split = if body.exchange == Exchange::Workspace { body.split } else { 1 };
    covers(ints, items, counts, together, split)
}

/// Tiles of whole instructions, shared out among the instances.
fn shape(kernel: &Kernel, body: &Pipeline, contract: &Contract) -> Result<(), String> {
    let [m, n, k] = body.tile;
    let instruction = body.instruction;
    let (rows, columns) = if body.swapped { (n, m) } else { (m, n) };
    let whole = [instruction.rows, instruction.columns, instruction.depth].iter().all(|&x| x > 0)
        && rows > 0
        && columns > 0
        && k > 0
        && rows.is_multiple_of(instruction.rows)
        && columns.is_multiple_of(instruction.columns)
        && k.is_multiple_of(instruction.depth);
    ensure(whole, || format!("tile {:?} is not made of {instruction:?}", body.tile))?;
    ensure(instruction.columns.is_multiple_of(8) && instruction.columns <= 256, || {
        format!("no instruction has {} columns", instruction.columns)
    })?;
    let (instances, groups) = (body.instances(), rows / instruction.rows);
    let shared =
        instances > 0 && (groups.is_multiple_of(instances) || instances.is_multiple_of(groups));
    ensure(shared, || format!("{instances} instances for {groups} groups of rows"))?;
    let threads: u32 = body.roles.iter().map(|role| 32 * role.warps * role.instances).sum();
    ensure(threads == kernel.threads, || format!("roles of {threads} threads"))?;
    let elements = [contract.a.element, contract.b.element];
    ensure(instruction.elements == elements, || "the instruction is of other types".to_owned())?;
    let (adds, scales) = (body.partials > 0, !contract.scales.is_empty());
    let fits = match body.accumulate {
        Accumulate::InPlace => !adds && !scales,
        Accumulate::Promote(every) => adds && !scales && divides(instruction.depth, every),
        Accumulate::Scale(every) => {
            let blocks =
                contract.scales.iter().all(|scale| scale.block % i64::from(every.max(1)) == 0);
            adds && scales && blocks && divides(instruction.depth, every)
        }
    };
    ensure(fits, || format!("{:?} with {} partial sums", body.accumulate, body.partials))
}

fn divides(d: u32, x: u32) -> bool {
    x > 0 && x.is_multiple_of(d)
}

fn clusters(body: &Pipeline, limits: &Limits) -> Result<(), String> {
    let Pipeline { cluster, split, exchange, multicast, .. } = *body;
    ensure((1..=limits.cluster).contains(&cluster), || format!("a cluster of {cluster}"))?;
    let meets = match exchange {
        Exchange::None => split == 1,
        Exchange::Cluster => split > 1 && cluster.is_multiple_of(split),
        Exchange::Workspace => split > 1,
    };
    ensure(meets, || format!("{split} parts meet by {exchange:?} in a cluster of {cluster}"))?;
    let sharers = body.sharers();
    ensure(multicast.is_some() == (sharers > 1), || {
        format!("{sharers} blocks share {multicast:?}")
    })?;
    let rows = match multicast {
        Some(Side::A) => body.tile[0],
        Some(Side::B) => body.tile[1],
        None => return Ok(()),
    };
    ensure(rows.is_multiple_of(8 * sharers), || {
        format!("{rows} rows are loaded by {sharers} blocks")
    })
}

/// Registers that one thread can have.
const MOST_REGISTERS: u32 = 255;

fn budgets(body: &Pipeline, kernel: &Kernel, limits: &Limits) -> Result<(), String> {
    let slots: u32 = body.channels.iter().map(|channel| channel.depth * channel.slot_bytes).sum();
    let depths = body.channels.iter().map(|channel| channel.depth).sum();
    let needed = slots + body.staging_bytes + Pipeline::barrier_bytes(depths);
    ensure(needed == body.shared_bytes && needed <= limits.shared_bytes, || {
        format!("{needed} bytes of shared memory, {} asked for", body.shared_bytes)
    })?;
    // With swapped operands the sums of a whole tile meet there.
    let [m, n, _] = body.tile;
    let least = match body.put {
        Put::Rows if body.swapped => body.sharing_rows() * m * n * 4,
        Put::Rows => 16 * 128,
        // Two of 16 rows of 128 bytes for each warp.
        Put::Boxes => body.instances() * 4 * 2 * 16 * 128,
    };
    ensure(body.put == Put::Rows || !body.swapped && n >= 64, || {
        "a tile that is not as wide as its boxes".to_owned()
    })?;
    ensure(body.staging_bytes >= least, || {
        format!("{} bytes for results that take {least}", body.staging_bytes)
    })?;
    let given = limits.registers / kernel.threads / 8 * 8;
    let wanted = |registers: Option<u32>| registers.unwrap_or(given);
    let all: u32 = body
        .roles
        .iter()
        .map(|role| 32 * role.warps * role.instances * wanted(role.registers))
        .sum();
    ensure(all <= limits.registers, || format!("{all} registers"))?;
    let asked = body.roles.iter().filter_map(|role| role.registers);
    ensure(
        asked
            .clone()
            .all(|count| (24..=MOST_REGISTERS).contains(&count) && count.is_multiple_of(8)),
        || "a role asks for registers that none can have".to_owned(),
    )?;
    let (instances, rows) = (body.instances().max(1), body.instruction_side());
    let groups = (rows / body.instruction.rows).div_ceil(instances);
    let columns = if body.swapped { body.tile[0] } else { body.tile[1] };
    let sums = groups * columns / 2 + body.partials * body.instruction.columns / 2;
    let compute = body.roles.iter().filter(|role| role.kind == crate::tile::RoleKind::Compute);
    for role in compute {
        ensure(sums < wanted(role.registers).min(MOST_REGISTERS), || {
            format!("{sums} registers of sums for each thread")
        })?;
    }
    Ok(())
}

/// Tiles along `m` and `n`, and batches.
fn tile_counts(
    equations: &Equations,
    ints: &mut Ints,
    contract: &Contract,
    tile: [u32; 3],
) -> Result<[IntId; 3], String> {
    let mut count = |vars: &[crate::Id<crate::tensor::Var>], tile: u32| {
        let mut length = ints.constant(1);
        for &var in vars {
            length = ints.mul(length, equations.vars[var].range).ok()?;
        }
        let tile = ints.constant(tile.into());
        ints.ceil_div(length, tile).ok()
    };
    let counts =
        [count(&contract.m, tile[0]), count(&contract.n, tile[1]), count(&contract.batch, 1)];
    let [Some(m), Some(n), Some(batch)] = counts else {
        return Err("the tile counts are too complex".to_owned());
    };
    Ok([m, n, batch])
}

/// Whether as many items as there are take every tile once.
fn covers(
    ints: &mut Ints,
    items: IntId,
    [m, n, batch]: [IntId; 3],
    together: [u32; 2],
    split: u32,
) -> Result<(), String> {
    let mut expected = || {
        let [rows, columns] = together.map(|count| ints.constant(count.into()));
        let (m, n) = (ints.ceil_div(m, rows).ok()?, ints.ceil_div(n, columns).ok()?);
        let split = ints.constant(split.into());
        let tiles = ints.mul(m, n).ok()?;
        let tiles = ints.mul(tiles, batch).ok()?;
        ints.mul(tiles, split).ok()
    };
    ensure(expected() == Some(items), || "work items do not cover the output once".to_owned())
}
