//! From a plan to a dataflow program: every region becomes steps of reader, compute and
//! writer on a grid of cores.
//!
//! ```text
//! plan --contract, rows, points, select--> steps over buffers in DRAM --verify--> program
//! ```
//!
//! Takes a plan whose sizes are bound. What the cores can't run, what a tile block asks
//! for in vain and what no cut fits into L1 are located diagnostics, of all regions at
//! once; a program that comes out verifies.

mod attempts;
mod contract;
mod draft;
mod elements;
mod gather;
mod points;
mod rows;
mod select;
mod vector;

use tilec_ir::dataflow::verify::{self, Limits};
use tilec_ir::dataflow::{Program, Step};
use tilec_ir::plan::{Plan, Region, RegionKind};
use tilec_ir::tensor::{Expr, ExprKind, Kernel, Reduction, Scalar, Tiling, Var};
use tilec_ir::walk::reachable;
use tilec_ir::{Atom, Diagnostic, Id, IntId, Kind};
use tilec_target::{Chip, Tensix};

use crate::route::{Rows, route};
use crate::tune::settings::{self, Given};
use crate::ungroup::ungroup;
pub use contract::left_out;
pub(crate) use draft::Draft;

/// The dataflow program of a plan. `source` is the kernel that the tile blocks name
/// equations of; blocks for other chips are not looked at.
///
/// # Errors
/// Sizes that are not bound, settings that do not fit, and what the cores can't run.
pub fn compile_dataflow(
    plan: Plan,
    source: &Kernel,
    chip: &Chip,
    tilings: &[&Tiling],
) -> Result<Program, Vec<Diagnostic>> {
    let mut diagnostics = unbound(&plan.kernel);
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let plan = select::stored(ungroup(route(plan, Rows::Apart), |_, _| false));
    let given = settings::by_region(&plan, source, chip, tilings, &mut diagnostics);
    let mut draft =
        Draft::new(without_empty_reads(without_empty_terms(without_empty_sums(plan))), chip);
    let steps = match attempts::steps(&mut draft, given) {
        Ok(steps) if diagnostics.is_empty() => steps,
        Ok(_) => return Err(diagnostics),
        Err(more) => return Err([diagnostics, more].concat()),
    };
    let program = draft.finish(steps);
    verify::diagnose(&program, &limits(chip))?;
    Ok(program)
}

/// Sums over nothing as the pointwise equations that they are: 0, and what follows.
fn without_empty_sums(mut plan: Plan) -> Plan {
    let Plan { kernel, regions, .. } = &mut plan;
    for region in regions {
        let first = &mut kernel.equations[region.covers[0]];
        let sum = &kernel.exprs[first.value];
        let ExprKind::Reduce(Reduction::Sum, vars, _) = &sum.kind else { continue };
        let empty = |&var: &Id<Var>| kernel.ints.as_constant(kernel.vars[var].range) == Some(0);
        let alone = matches!(region.kind, RegionKind::Contract(_) | RegionKind::Generic { .. });
        if sum.ty == Scalar::F32 && alone && vars.iter().any(empty) {
            let zero = Expr { kind: ExprKind::Float(0.0), ty: sum.ty, span: sum.span };
            first.value = kernel.exprs.push(zero);
            region.kind = RegionKind::Pointwise;
        }
    }
    plan
}

/// Reductions over nothing with terms that read nothing: what they read may have no elements.
fn without_empty_terms(mut plan: Plan) -> Plan {
    let Plan { kernel, regions, .. } = &mut plan;
    let reduces =
        |of: &&Region| matches!(of.kind, RegionKind::Rowwise(_) | RegionKind::Generic { .. });
    for &at in regions.iter().filter(reduces).flat_map(|region| &region.covers) {
        let value = kernel.equations[at].value;
        let ExprKind::Reduce(reduction, vars, term) = kernel.exprs[value].kind.clone() else {
            continue;
        };
        let empty = |&var: &Id<Var>| kernel.ints.as_constant(kernel.vars[var].range) == Some(0);
        let Expr { ty, span, .. } = kernel.exprs[term];
        if ty.is_float() && vars.iter().any(empty) {
            let zero = kernel.exprs.push(Expr { kind: ExprKind::Float(0.0), ty, span });
            kernel.exprs[value].kind = ExprKind::Reduce(reduction, vars, zero);
        }
    }
    plan
}

/// Elementwise equations without reads of what has no elements: a test keeps these from being
/// read wherever there is a point.
fn without_empty_reads(mut plan: Plan) -> Plan {
    let Plan { kernel, regions, .. } = &mut plan;
    let pointwise = regions.iter().filter(|region| matches!(region.kind, RegionKind::Pointwise));
    for &at in pointwise.flat_map(|region| &region.covers) {
        for expr in reachable(kernel, kernel.equations[at].value) {
            let Expr { kind: ExprKind::Read(tensor, _), ty, .. } = &kernel.exprs[expr] else {
                continue;
            };
            let empty = |&length: &IntId| kernel.ints.as_constant(length) == Some(0);
            if ty.is_float() && kernel.tensors[*tensor].shape.iter().any(empty) {
                kernel.exprs[expr].kind = ExprKind::Float(0.0);
            }
        }
    }
    plan
}

/// The steps of a region that computes with tiles.
fn in_tiles(draft: &mut Draft, at: usize, given: &Given<'_>) -> Result<Vec<Step>, Vec<Diagnostic>> {
    match draft.plan.regions[at].kind.clone() {
        RegionKind::Contract(contract) => contract::steps(draft, at, &contract, given),
        RegionKind::Pointwise => points::steps(draft, at),
        RegionKind::Rowwise(rowwise) => rows::steps(draft, at, &rowwise),
        RegionKind::Generic { why } => rows::fold(draft, at, &why),
        RegionKind::Select(select) => select::steps(draft, at, &select),
        RegionKind::Grouped(_) | RegionKind::Combine(_) | RegionKind::Histogram(_) => {
            unreachable!("these were taken apart")
        }
        RegionKind::Scan(_) => Err(vec![rows::no_scan(draft, at)]),
    }
}

/// The sizes that shapes and ranges still hold.
fn unbound(kernel: &Kernel) -> Vec<Diagnostic> {
    let shapes = kernel.tensors.iter().flat_map(|(_, tensor)| tensor.shape.clone());
    let ranges = kernel.vars.iter().map(|(_, var)| var.range);
    let mut sizes = Vec::new();
    for int in shapes.chain(ranges) {
        collect_sizes(kernel, int, &mut sizes);
    }
    sizes.sort_unstable();
    sizes.dedup();
    let unbound = |size| {
        let size = &kernel.sizes[size];
        let message = format!("the size {} is not bound", size.name);
        Diagnostic::new(Kind::UnboundSize, size.span, message)
            .help(format!("Tensix programs are made for one size each: --set {}=..", size.name))
    };
    sizes.into_iter().map(unbound).collect()
}

fn collect_sizes(
    kernel: &Kernel,
    int: IntId,
    sizes: &mut Vec<tilec_ir::Id<tilec_ir::tensor::Size>>,
) {
    kernel.ints.visit_atoms(int, &mut |_, atom| {
        if let Atom::Size(size) = atom {
            sizes.push(*size);
        }
    });
}

/// What the verifier holds a program to.
fn limits(chip: &Chip) -> Limits {
    let Tensix { l1_bytes, circular_buffers, dst_tiles, columns, rows, .. } = *chip.tensix();
    Limits {
        l1_bytes: l1_bytes.into(),
        dram_bytes: chip.memory.bytes,
        rings: circular_buffers,
        dst_tiles,
        grid: [columns, rows],
        words_to_dst: chip.tensix().words_to_dst,
        native_e4m3: chip.tensix().native_e4m3,
    }
}
