//! Cuts to kernels: the last step before emitters.
//!
//! ```text
//! Choice { when, cut } --tile--> Variant { when, Kernel { name, grid, threads, body } }
//! ```
//!
//! Nothing is chosen here. The program is checked by [`tilec_ir::tile::verify`].

pub(crate) mod pipeline;

use std::collections::BTreeSet;

use tilec_ir::plan::{Plan, Region, RegionKind};
use tilec_ir::tensor::Role;
use tilec_ir::tile::{
    Body, Bound, By, Grid, Kernel, Points, Program, Ranks, Rows, Scan, Select, Step, Stepped,
    Variant,
};
use tilec_ir::{Diagnostic, IntId};
use tilec_target::Chip;

use crate::tune::cut::{Choice, Cut, PipelineCut};
use crate::tune::product::{Licenses, Product, product};
use crate::tune::symbols::Symbols;
use crate::tune::{Tuned, stepped, too_complex};

/// Threads of a block where nothing asks for more.
const THREADS: u32 = 256;

/// The program of chosen cuts, without its workspace.
///
/// # Errors
/// Where a grid is too complex a formula of the sizes.
pub fn tile(tuned: Tuned, chip: &Chip) -> Result<Program, Vec<Diagnostic>> {
    let Tuned { mut plan, regions } = tuned;
    let (mut steps, mut diagnostics, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (at, choices) in regions.into_iter().enumerate() {
        let variants: Option<Vec<_>> = choices
            .into_iter()
            .map(|choice| variant(&mut plan, at, choice, chip, &mut names))
            .collect();
        match variants {
            Some(variants) => steps.push(Step { region: at, variants }),
            None => diagnostics.push(too_complex(&plan, at)),
        }
    }
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    Ok(Program {
        plan,
        chip: chip.name.clone(),
        arch: chip.cuda().arch.clone(),
        steps,
        workspace: Vec::new(),
    })
}

fn variant(
    plan: &mut Plan,
    at: usize,
    choice: Choice,
    chip: &Chip,
    names: &mut BTreeSet<String>,
) -> Option<Variant> {
    let Choice { when, cut, chosen_by } = choice;
    let name = unique(names, format!("{}_{}", name_of(plan, at), cut_name(&cut)));
    let (regions, region) = (&plan.regions, plan.regions[at].clone());
    let mut sizes = Symbols::new(&mut plan.kernel);
    let kernel = match cut {
        Cut::Pipeline(cut) => {
            let of = cut.dual.map_or(&region, |dual| &regions[dual.products[0]]);
            pipeline_kernel(&mut sizes, of, &cut, chip, name)?
        }
        Cut::Stepped(cut) => stepped_kernel(&mut sizes, &region, cut, chip, name)?,
        Cut::Rows(rows) => rows_kernel(&mut sizes, &region, rows, name)?,
        Cut::Scan(scan) => scan_kernel(&mut sizes, &region, scan, name)?,
        Cut::Points(points) => points_kernel(&mut sizes, &region, points, name)?,
        Cut::Select(select) => select_kernel(&mut sizes, &region, select, name)?,
        Cut::Ranks(ranks) => ranks_kernel(&mut sizes, &region, ranks, name)?,
        Cut::Within(step) => within_kernel(&mut sizes, step, name),
    };
    Some(Variant { when, chosen_by, kernel })
}

/// `gemm_fp8_c`: the kernel and the last tensor that the region stores.
fn name_of(plan: &Plan, at: usize) -> String {
    let region = &plan.regions[at];
    let tensors = region.covers.iter().map(|&at| plan.kernel.equations[at].tensor);
    let mut outputs = tensors.clone().filter(|&t| plan.kernel.tensors[t].role == Role::Output);
    let tensor = outputs.next_back().or(tensors.clone().next_back());
    let tensor = tensor.map_or("region", |tensor| plan.kernel.tensors[tensor].name.as_str());
    format!("{}_{tensor}", plan.kernel.name)
}

fn cut_name(cut: &Cut) -> String {
    match cut {
        Cut::Pipeline(cut) => {
            let [m, n, _] = cut.tile;
            let kind = match (cut.swapped, cut.dual) {
                (true, _) => "few",
                (false, None) => "wide",
                (false, Some(_)) => "dual",
            };
            let split = if cut.split > 1 { format!("_split{}", cut.split) } else { String::new() };
            format!("{kind}_{m}x{n}{split}")
        }
        Cut::Stepped(cut) => {
            let [m, n, _] = cut.tile;
            let any = if cut.vector == [1, 1] { "_any" } else { "" };
            format!("stepped_{m}x{n}{any}")
        }
        Cut::Rows(Rows { held: Some(_), threads_per_row, .. }) => format!("rows_{threads_per_row}"),
        Cut::Rows(_) => "rows_any".to_owned(),
        Cut::Scan(_) => "scan".to_owned(),
        Cut::Points(_) => "points".to_owned(),
        Cut::Select(select) => match &select.by {
            By::Warp { per_lane, .. } => format!("warp_{}", 32 * per_lane),
            By::Block(of) => match of.bound {
                Bound::Candidates => format!("select_{}", of.chunk()),
                Bound::Sample => format!("sample_{}", of.chunk()),
                Bound::Row { per_thread } => format!("hold_{}", of.threads * per_thread),
            },
            By::Parts(parts) => format!("parts_{}", parts.count),
        },
        Cut::Ranks(_) => "ranks".to_owned(),
        Cut::Within(_) => "within".to_owned(),
    }
}

/// A name that C++ leaves to us (no `__`) and that no other kernel has.
fn unique(names: &mut BTreeSet<String>, name: String) -> String {
    let mut name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    while name.contains("__") {
        name = name.replace("__", "_");
    }
    let base = name.trim_start_matches('_').to_owned();
    let numbered = (2u32..).map(|number| format!("{base}_{number}"));
    let mut candidates = std::iter::once(base.clone()).chain(numbered);
    let name = candidates.find(|name| !names.contains(name)).expect("some number is free");
    names.insert(name.clone());
    name
}

fn pipeline_kernel(
    sizes: &mut Symbols<'_>,
    region: &Region,
    cut: &PipelineCut,
    chip: &Chip,
    name: String,
) -> Option<Kernel> {
    let product = product_of(sizes, region, chip)?;
    let pipeline = pipeline::pipeline(sizes, &product, cut)?;
    let items = pipeline::items(sizes, &pipeline)?;
    let blocks = chip.cuda().multiprocessors / cut.cluster * cut.cluster * cut.per_processor;
    let grid = Grid::Persistent { items, blocks };
    Some(Kernel { name, grid, threads: cut.threads(), body: Body::Pipeline(pipeline) })
}

/// No launch of its own.
fn within_kernel(sizes: &mut Symbols<'_>, step: usize, name: String) -> Kernel {
    let grid = Grid::PerItem { items: sizes.constant(0) };
    Kernel { name, grid, threads: 32, body: Body::Within(step) }
}

/// The lengths and operands; licenses have made their choice already.
fn product_of(sizes: &mut Symbols<'_>, region: &Region, chip: &Chip) -> Option<Product> {
    let RegionKind::Contract(contract) = &region.kind else { return None };
    product(sizes, contract, chip, Licenses::default())
}

fn stepped_kernel(
    sizes: &mut Symbols<'_>,
    region: &Region,
    cut: Stepped,
    chip: &Chip,
    name: String,
) -> Option<Kernel> {
    let product = product_of(sizes, region, chip)?;
    let rows = sizes.ceil(product.m, cut.tile[0])?;
    let columns = sizes.ceil(product.n, cut.tile[1])?;
    let split = sizes.constant(cut.split);
    let items = sizes.product([rows, columns, product.batch, split])?;
    let threads = stepped::threads(&cut);
    Some(Kernel { name, grid: Grid::PerItem { items }, threads, body: Body::Stepped(cut) })
}

fn rows_kernel(
    sizes: &mut Symbols<'_>,
    region: &Region,
    rows: Rows,
    name: String,
) -> Option<Kernel> {
    let RegionKind::Rowwise(rowwise) = &region.kind else { return None };
    let mut count = sizes.ranges(&rowwise.rows)?;
    if let Some(segment) = rowwise.segment {
        let segment = u32::try_from(segment).ok()?;
        let segments = sizes.ceil(rowwise.length, segment)?;
        count = sizes.product([count, segments])?;
    }
    let items = sizes.ceil(count, rows.rows_per_block)?;
    let threads = (rows.threads_per_row * rows.rows_per_block).next_multiple_of(32);
    Some(Kernel { name, grid: Grid::PerItem { items }, threads, body: Body::Rows(rows) })
}

fn scan_kernel(
    sizes: &mut Symbols<'_>,
    region: &Region,
    scan: Scan,
    name: String,
) -> Option<Kernel> {
    let RegionKind::Scan(of) = &region.kind else { return None };
    let items = sizes.ranges(&of.rows)?;
    Some(Kernel { name, grid: Grid::PerItem { items }, threads: THREADS, body: Body::Scan(scan) })
}

fn points_kernel(
    sizes: &mut Symbols<'_>,
    region: &Region,
    points: Points,
    name: String,
) -> Option<Kernel> {
    let count = count_of(sizes, region)?;
    let per_block = THREADS / points.threads_per_point.max(1) * points.vector;
    let items = sizes.ceil(count, per_block)?;
    Some(Kernel {
        name,
        grid: Grid::PerItem { items },
        threads: THREADS,
        body: Body::Points(points),
    })
}

/// Threads of a block in which every warp has a row of its own.
const OF_WARPS: u32 = 256;

fn select_kernel(
    sizes: &mut Symbols<'_>,
    region: &Region,
    select: Select,
    name: String,
) -> Option<Kernel> {
    let RegionKind::Select(of) = &region.kind else { return None };
    let rows = sizes.ranges(&of.rows)?;
    let (items, threads) = match &select.by {
        By::Warp { .. } => (sizes.ceil(rows, OF_WARPS / 32)?, OF_WARPS),
        By::Block(candidates) => (rows, candidates.threads),
        By::Parts(parts) => (sizes.times(rows, parts.count)?, parts.part.threads),
    };
    Some(Kernel { name, grid: Grid::PerItem { items }, threads, body: Body::Select(select) })
}

fn ranks_kernel(
    sizes: &mut Symbols<'_>,
    region: &Region,
    ranks: Ranks,
    name: String,
) -> Option<Kernel> {
    let items = count_of(sizes, region)?;
    Some(Kernel { name, grid: Grid::PerItem { items }, threads: THREADS, body: Body::Ranks(ranks) })
}

/// The points of a region's equations.
fn count_of(sizes: &mut Symbols<'_>, region: &Region) -> Option<IntId> {
    let equation = &sizes.kernel.equations[*region.covers.first()?];
    let vars = equation.vars.clone();
    sizes.ranges(&vars)
}
