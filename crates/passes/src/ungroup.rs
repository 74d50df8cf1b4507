//! Grouped products, combined rows and histograms as loops, for targets that have nothing
//! better for them.
//!
//! ```text
//! grouped contraction  gate, up, h  ->  loops gate, loops up, pointwise h
//! combine              sum, out     ->  loops sum, pointwise out
//! masked products                   ->  a contraction that is only needed in places
//! ```
//!
//! Takes a plan that verifies; gives one that verifies, means the same, and holds none of
//! these regions for which `keep` says no.

use tilec_ir::Atom;
use tilec_ir::plan::{Contract, EquationAt, Form, Grouped, Plan, Region, RegionKind, verify};
use tilec_ir::tensor::{Equation, ExprKind};
use tilec_ir::walk::reachable;

use crate::counted::points;

/// The plan without the regions that are not to be kept.
pub(crate) fn ungroup(mut plan: Plan, keep: impl Fn(&Plan, &Region) -> bool) -> Plan {
    let regions = std::mem::take(&mut plan.regions);
    let apart =
        |region: Region| if keep(&plan, &region) { vec![region] } else { apart(&plan, region) };
    plan.regions = regions.into_iter().flat_map(apart).collect();
    verify::assert_valid(&plan);
    plan
}

/// Whether a region adds rows up, and all that follows reads the sum at its own point.
pub(crate) fn adds_up_at_points(plan: &Plan, region: &Region) -> bool {
    let RegionKind::Combine(combine) = &region.kind else { return false };
    let kernel = &plan.kernel;
    let tensors: Vec<_> = region.covers.iter().map(|&at| kernel.equations[at].tensor).collect();
    let at_own_point = |&at: &EquationAt| {
        let Equation { vars, value, .. } = &kernel.equations[at];
        reachable(kernel, *value).into_iter().all(|expr| match &kernel.exprs[expr].kind {
            ExprKind::Read(tensor, index) if tensors.contains(tensor) => {
                let at = |(&index, &var)| kernel.ints.as_atom(index) == Some(&Atom::Var(var));
                index.len() == vars.len() && index.iter().zip(vars).all(at)
            }
            _ => true,
        })
    };
    combine.epilogue.iter().all(at_own_point)
}

fn apart(plan: &Plan, region: Region) -> Vec<Region> {
    match region.kind {
        RegionKind::Grouped(grouped) => match masked(&grouped) {
            Some(contract) => {
                vec![Region { covers: region.covers, kind: RegionKind::Contract(contract) }]
            }
            None => loops(
                plan,
                &region.covers,
                &grouped.equations(),
                "each row has a matrix of its own",
            ),
        },
        RegionKind::Combine(_) => {
            let why = "rows are added up slot by slot, in their order";
            loops(plan, &region.covers, &region.covers[..1], why)
        }
        RegionKind::Histogram(_) => {
            let why = "each bin goes through all that may fall into it";
            loops(plan, &region.covers, &region.covers, why)
        }
        RegionKind::Contract(_)
        | RegionKind::Rowwise(_)
        | RegionKind::Scan(_)
        | RegionKind::Select(_)
        | RegionKind::Pointwise
        | RegionKind::Generic { .. } => vec![region],
    }
}

/// The contraction that a masked product is: its groups are one of the batch's variables.
fn masked(grouped: &Grouped) -> Option<Contract> {
    let Form::Masked { .. } = grouped.form else { return None };
    let contract = grouped.products[0].contract.clone();
    Some(Contract { epilogue: grouped.epilogue.clone(), ..contract })
}

/// The sums each for itself, and after them their epilogue, by the points that it is over.
fn loops(plan: &Plan, covers: &[EquationAt], sums: &[EquationAt], why: &str) -> Vec<Region> {
    let generic = |&at: &EquationAt| {
        let kind = RegionKind::Generic { why: why.to_owned() };
        Region { covers: vec![at], kind }
    };
    let after: Vec<_> = covers.iter().copied().filter(|at| !sums.contains(at)).collect();
    let after = points(plan, &after).into_iter();
    let after = after.map(|covers| Region { covers, kind: RegionKind::Pointwise });
    sums.iter().map(generic).chain(after).collect()
}
