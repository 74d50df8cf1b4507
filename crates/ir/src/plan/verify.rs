//! The verifier of plans: what tilings and emitters may rely on.
//!
//! * The kernel verifies, and every equation is in exactly one region.
//! * Regions come after those whose results they read; what a region covers is in
//!   the order of the kernel.
//! * The axes of a contraction divide the variables of its sum; a plain operand
//!   lies as its axes say; an epilogue reads the sum at its own points.
//! * The parts of a rowwise region use up the variables of their equations.
//! * Products of one grouped region have the same rows, whose group is of these alone, and
//!   read nothing that the region makes; matrices of groups lie as their dimensions say.
//! * The key of a selection is pointwise, of its rows and its column alone; what is
//!   gathered reads nothing else of the region than the index.

mod grouped;

use crate::arena::Id;
use crate::int::{Atom, IntId};
use crate::plan::{
    Axis, Contract, EquationAt, Gathered, Operand, Part, Plan, Region, RegionKind, Rowwise, Scan,
    Select,
};
use crate::tensor::{Equation, Expr, ExprKind, Reduction, Scalar, Tensor, Var};
use crate::walk::{bound, ints, reachable, reads, vars_of_int};

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
        RegionKind::Grouped(of) => grouped::of_grouped(plan, region, of),
        RegionKind::Combine(combine) => grouped::of_combine(plan, region, first, combine),
        RegionKind::Histogram(of) => grouped::of_histogram(plan, region, first, of),
        RegionKind::Rowwise(rowwise) => of_rowwise(plan, region, rowwise),
        RegionKind::Scan(scan) => of_scan(region, first, scan),
        RegionKind::Select(select) => of_select(plan, region, first, select),
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
    of_axes(plan, &plan.kernel.equations[region.covers[0]], contract)?;
    ensure(region.covers[1..] == contract.epilogue, || "the epilogue is not covered".to_owned())?;
    of_filled(plan, region, contract)?;
    of_operand(plan, contract, &contract.b, &contract.n)
}

/// Rows that are left out are of no output.
fn of_filled(plan: &Plan, region: &Region, contract: &Contract) -> Result<(), String> {
    let Some(filled) = contract.filled else { return Ok(()) };
    let kernel = &plan.kernel;
    let of_batch = contract.m.len() == 1 && only(plan, filled, &contract.batch).is_ok();
    ensure(of_batch, || "the rows that there are vary along them".to_owned())?;
    let of_output = |&at: &EquationAt| {
        kernel.tensors[kernel.equations[at].tensor].role == crate::tensor::Role::Output
    };
    ensure(!region.covers.iter().any(of_output), || "an output lacks rows".to_owned())
}

/// The axes of a sum of products, and its operand `a`.
fn of_axes(plan: &Plan, sum: &Equation, contract: &Contract) -> Result<(), String> {
    let Contract { batch, m, n, k, .. } = contract;
    let axes: Vec<_> = batch.iter().chain(m).chain(n).copied().collect();
    ensure(same(&axes, &sum.vars), || "the axes are not the variables".to_owned())?;
    ensure(!n.is_empty() && !k.is_empty(), || "there is no n or no k".to_owned())?;
    let reduced = reachable(&plan.kernel, sum.value).into_iter().any(|expr| {
        matches!(&plan.kernel.exprs[expr].kind,
            ExprKind::Reduce(Reduction::Sum, vars, _) if same(vars, k))
    });
    ensure(reduced, || "k is not what is reduced".to_owned())?;
    let known = matches!(contract.accumulator, Scalar::F32 | Scalar::I32);
    ensure(known, || "sums are f32 or i32".to_owned())?;
    ensure(contract.scales.iter().all(|scale| scale.block >= 1), || "an empty block".to_owned())?;
    of_operand(plan, contract, &contract.a, m)
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
    let atom = |var: &Id<Var>| Atom::Var(*var);
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

fn of_select(
    plan: &Plan,
    region: &Region,
    equation: &Equation,
    select: &Select,
) -> Result<(), String> {
    let kernel = &plan.kernel;
    let Select { rows, place, column, .. } = select;
    let own: Vec<_> = rows.iter().copied().chain(*place).collect();
    ensure(same(&own, &equation.vars), || "a selection has other variables".to_owned())?;
    ensure(!own.contains(column), || "the column is bound".to_owned())?;
    ensure(kernel.vars[*column].range == select.length, || "another length".to_owned())?;
    let one = kernel.ints.as_constant(select.count) == Some(1);
    let counted = place.map_or(one, |place| kernel.vars[place].range == select.count);
    ensure(counted, || "the count is not that of the places".to_owned())?;
    let sizes = vars_of_int(&kernel.ints, select.first).is_empty();
    ensure(sizes, || "the first place is of sizes".to_owned())?;
    only(plan, select.key, &[rows.as_slice(), &[*column]].concat())?;
    select.limit.map_or(Ok(()), |limit| only(plan, limit, rows))?;
    select.guard.map_or(Ok(()), |guard| only(plan, guard, rows))?;
    let others = select.gathered.iter().map(|one| one.equation);
    let covered = region.covers[1..].iter().copied().eq(others);
    ensure(covered, || "what is gathered is not covered".to_owned())?;
    select.gathered.iter().try_for_each(|one| of_gathered(plan, region, select, one))
}

/// An expression is pointwise and of these variables.
fn only(plan: &Plan, expr: Id<Expr>, vars: &[Id<Var>]) -> Result<(), String> {
    let kernel = &plan.kernel;
    for expr in reachable(kernel, expr) {
        ensure(bound(&kernel.exprs[expr].kind).is_empty(), || "a key reduces".to_owned())?;
        let mut used = ints(&kernel.exprs[expr]).into_iter();
        let own = used.all(|int| vars_of_int(&kernel.ints, int).iter().all(|v| vars.contains(v)));
        ensure(own, || "a key has other variables".to_owned())?;
    }
    Ok(())
}

fn of_gathered(
    plan: &Plan,
    region: &Region,
    select: &Select,
    gathered: &Gathered,
) -> Result<(), String> {
    let kernel = &plan.kernel;
    let equation = &kernel.equations[gathered.equation];
    let own: Vec<_> = gathered.rows.iter().copied().chain(gathered.place).collect();
    ensure(same(&own, &equation.vars), || "what is gathered has other variables".to_owned())?;
    let range = |var: Id<Var>| kernel.vars[var].range;
    let alike = gathered.rows.len() == select.rows.len()
        && gathered.place.is_some() == select.place.is_some()
        && gathered.place.is_none_or(|place| range(place) == select.count);
    ensure(alike, || "what is gathered has other rows or places".to_owned())?;
    ensure(!reduces(plan, gathered.equation), || "what is gathered reduces".to_owned())?;
    let inside = |tensor: &Id<Tensor>| {
        region.covers[1..].iter().any(|&at| kernel.equations[at].tensor == *tensor)
    };
    let all = reachable(kernel, equation.value).into_iter().flat_map(|expr| reads(kernel, expr));
    let stray = all.into_iter().any(|tensor| inside(&tensor));
    ensure(!stray, || "what is gathered reads more than the index".to_owned())?;
    let index = &kernel.equations[region.covers[0]];
    let stands = |var: &Id<Var>| match select.rows.iter().position(|row| row == var) {
        Some(row) => Some(gathered.rows[row]),
        None => gathered.place,
    };
    let point: Option<Vec<_>> = index.vars.iter().map(stands).collect();
    let elsewhere = elsewhere(plan, equation.value, index.tensor, &point.unwrap_or_default());
    ensure(!elsewhere, || "what is gathered reads the index at other points".to_owned())
}

/// Whether a value reads an integer tensor at any other point than this.
fn elsewhere(plan: &Plan, value: Id<Expr>, tensor: Id<Tensor>, point: &[Id<Var>]) -> bool {
    let kernel = &plan.kernel;
    let is_var = |(&at, &var): (&IntId, &Id<Var>)| kernel.ints.as_atom(at) == Some(&Atom::Var(var));
    let mut elsewhere = false;
    for int in reachable(kernel, value).into_iter().flat_map(|expr| ints(&kernel.exprs[expr])) {
        kernel.ints.visit_atoms(int, &mut |_, atom| {
            if let Atom::Read(of, index) = atom {
                elsewhere |= *of == tensor && !index.iter().zip(point).all(is_var);
            }
        });
    }
    elsewhere
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
