//! The verifier of plans: what tilings and emitters may rely on.
//!
//! * The kernel verifies, and every equation is in exactly one region.
//! * Regions come after those whose results they read; what a region covers is in
//!   the order of the kernel.
//! * The axes of a contraction divide the variables of its sum; a plain operand
//!   lies as its axes say; an epilogue reads the sum at its own points.
//! * The parts of a rowwise region use up the variables of their equations.

use crate::arena::Id;
use crate::plan::{
    Axis, Contract, EquationAt, Operand, Part, Plan, Region, RegionKind, Rowwise, Scan,
};
use crate::tensor::{Equation, ExprKind, Reduction, Scalar, Var};
use crate::walk::{reachable, reads};

/// Says what is wrong with a plan, if anything is.
pub fn verify(plan: &Plan) -> Result<(), String> {
    crate::verify::verify(&plan.kernel)?;
    once(plan)?;
    in_order(plan)?;
    for region in &plan.regions {
        let fault = of_region(plan, region).err();
        let name = || &plan.kernel.tensors[plan.kernel.equations[region.covers[0]].tensor].name;
        ensure(fault.is_none(), || {
            format!("the region of {}: {}", name(), fault.unwrap_or_default())
        })?;
    }
    Ok(())
}

/// Panics with the listing of a plan that does not verify.
pub fn assert_valid(plan: &Plan) {
    if let Err(fault) = verify(plan) {
        panic!("the plan does not verify: {fault}\n{}", crate::print::print(&plan.kernel));
    }
}

fn ensure(holds: bool, fault: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(fault()) }
}

fn once(plan: &Plan) -> Result<(), String> {
    let mut covered = vec![0; plan.kernel.equations.len()];
    for region in &plan.regions {
        ensure(!region.covers.is_empty(), || "a region covers nothing".to_owned())?;
        ensure(region.covers.is_sorted(), || "a region is out of order".to_owned())?;
        for &at in &region.covers {
            let count = covered.get_mut(at).ok_or("a region covers what is not there")?;
            *count += 1;
        }
    }
    let wrong = covered.iter().position(|&count| count != 1);
    ensure(wrong.is_none(), || format!("equation {wrong:?} is not in exactly one region"))
}

fn in_order(plan: &Plan) -> Result<(), String> {
    let kernel = &plan.kernel;
    let mut made = vec![true; kernel.tensors.len()];
    for equation in &kernel.equations {
        made[equation.tensor.index()] = false;
    }
    for &at in plan.regions.iter().flat_map(|region| &region.covers) {
        let equation = &kernel.equations[at];
        let all = reachable(kernel, equation.value).into_iter().flat_map(|x| reads(kernel, x));
        let missing = all.into_iter().find(|tensor| !made[tensor.index()]);
        ensure(missing.is_none(), || {
            let name = &kernel.tensors[equation.tensor].name;
            format!("{name} comes before what it reads")
        })?;
        made[equation.tensor.index()] = true;
    }
    Ok(())
}

fn of_region(plan: &Plan, region: &Region) -> Result<(), String> {
    let first = &plan.kernel.equations[region.covers[0]];
    match &region.kind {
        RegionKind::Contract(contract) => of_contract(plan, region, contract),
        RegionKind::Rowwise(rowwise) => of_rowwise(plan, region, rowwise),
        RegionKind::Scan(scan) => of_scan(region, first, scan),
        RegionKind::Pointwise => {
            let reduces = region.covers.iter().any(|&at| reduces(plan, at));
            ensure(!reduces, || "a pointwise equation reduces".to_owned())
        }
        RegionKind::Generic { .. } => {
            ensure(region.covers.len() == 1, || "loops are of one equation".to_owned())
        }
    }
}

fn reduces(plan: &Plan, at: EquationAt) -> bool {
    let value = plan.kernel.equations[at].value;
    reachable(&plan.kernel, value).into_iter().any(|expr| {
        matches!(plan.kernel.exprs[expr].kind, ExprKind::Reduce(..) | ExprKind::Rank { .. })
    })
}

fn of_contract(plan: &Plan, region: &Region, contract: &Contract) -> Result<(), String> {
    let sum = &plan.kernel.equations[region.covers[0]];
    let Contract { batch, m, n, k, .. } = contract;
    let axes: Vec<_> = batch.iter().chain(m).chain(n).copied().collect();
    ensure(same(&axes, &sum.vars), || "the axes are not the variables".to_owned())?;
    ensure(!n.is_empty() && !k.is_empty(), || "there is no n or no k".to_owned())?;
    let reduced = reachable(&plan.kernel, sum.value).into_iter().any(|expr| {
        matches!(&plan.kernel.exprs[expr].kind,
            ExprKind::Reduce(Reduction::Sum, vars, _) if same(vars, k))
    });
    ensure(reduced, || "k is not what is reduced".to_owned())?;
    ensure(region.covers[1..] == contract.epilogue, || "the epilogue is not covered".to_owned())?;
    let known = matches!(contract.accumulator, Scalar::F32 | Scalar::I32);
    ensure(known, || "sums are f32 or i32".to_owned())?;
    ensure(contract.scales.iter().all(|scale| scale.block >= 1), || "an empty block".to_owned())?;
    of_operand(plan, contract, &contract.a, m)?;
    of_operand(plan, contract, &contract.b, n)
}

fn of_operand(
    plan: &Plan,
    contract: &Contract,
    operand: &Operand,
    rows: &[Id<Var>],
) -> Result<(), String> {
    let Some(read) = &operand.read else { return Ok(()) };
    let ExprKind::Read(tensor, index) = &plan.kernel.exprs[operand.expr].kind else {
        return Err("an operand is no plain read".to_owned());
    };
    let var = |axis: &Axis| match *axis {
        Axis::Batch(at) => contract.batch.get(at),
        Axis::Row(at) => rows.get(at),
        Axis::K(at) => contract.k.get(at),
    };
    let atom = |var: &Id<Var>| crate::int::Atom::Var(*var);
    let lies = read.tensor == *tensor
        && read.axes.len() == index.len()
        && read.axes.iter().zip(index).all(|(axis, &index)| {
            var(axis).is_some_and(|v| plan.kernel.ints.as_atom(index) == Some(&atom(v)))
        });
    ensure(lies, || "an operand lies otherwise".to_owned())
}

fn of_rowwise(plan: &Plan, region: &Region, rowwise: &Rowwise) -> Result<(), String> {
    ensure(rowwise.parts.len() == region.covers.len(), || "a part is missing".to_owned())?;
    for (part, &at) in rowwise.parts.iter().zip(&region.covers) {
        let equation = &plan.kernel.equations[at];
        let own = part_vars(part);
        ensure(same(&own, &equation.vars), || "a part has other variables".to_owned())?;
        let is_reduction = matches!(part, Part::Reduction { .. });
        ensure(is_reduction == reduces(plan, at), || "a part is something else".to_owned())?;
        ensure(part_rows(part).len() == rowwise.rows.len(), || "rows differ".to_owned())?;
    }
    Ok(())
}

/// The variables of the equation of a part.
fn part_vars(part: &Part) -> Vec<Id<Var>> {
    let (rows, other) = match part {
        Part::Reduction { rows, segment, .. } | Part::PerRow { rows, segment, .. } => {
            (rows, *segment)
        }
        Part::Map { rows, column, .. } => (rows, Some(*column)),
    };
    rows.iter().copied().chain(other).collect()
}

fn part_rows(part: &Part) -> &[Id<Var>] {
    match part {
        Part::Reduction { rows, .. } | Part::PerRow { rows, .. } | Part::Map { rows, .. } => rows,
    }
}

fn of_scan(region: &Region, equation: &Equation, scan: &Scan) -> Result<(), String> {
    ensure(region.covers.len() == 1, || "a running sum is one equation".to_owned())?;
    let own: Vec<_> = scan.rows.iter().copied().chain([scan.to]).collect();
    ensure(same(&own, &equation.vars), || "a running sum has other variables".to_owned())
}

/// Whether two lists hold the same, each once.
fn same(a: &[Id<Var>], b: &[Id<Var>]) -> bool {
    let sorted = |list: &[Id<Var>]| {
        let mut list = list.to_vec();
        list.sort_unstable();
        list
    };
    let (a, b) = (sorted(a), sorted(b));
    a == b && a.windows(2).all(|pair| pair[0] != pair[1])
}
