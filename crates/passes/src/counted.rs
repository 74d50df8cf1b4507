//! Selections as orders by counting, for targets that have nothing better.
//!
//! ```text
//! selection  index, value  ->  loops      index    each key is compared with all others
//!                              pointwise  value    all over the same points together
//! ```
//!
//! Takes a plan that verifies; gives one that verifies, means the same, and holds no
//! selection for which `keep` says no.

use tilec_ir::plan::{EquationAt, Plan, Region, RegionKind, Select, verify};

/// The plan without the selections that are not to be kept.
pub(crate) fn count(mut plan: Plan, keep: impl Fn(&Plan, &Region, &Select) -> bool) -> Plan {
    let regions = std::mem::take(&mut plan.regions);
    plan.regions = regions.into_iter().flat_map(|region| apart(&plan, region, &keep)).collect();
    verify::assert_valid(&plan);
    plan
}

/// The order, and what is gathered, as regions of their own.
fn apart(
    plan: &Plan,
    region: Region,
    keep: &impl Fn(&Plan, &Region, &Select) -> bool,
) -> Vec<Region> {
    let RegionKind::Select(select) = &region.kind else { return vec![region] };
    if keep(plan, &region, select) {
        return vec![region];
    }
    let along = &plan.kernel.vars[select.column].name;
    let why = format!("a selection by rank over `{along}`: each key is compared with all others");
    let order = Region { covers: vec![region.covers[0]], kind: RegionKind::Generic { why } };
    let points = points(plan, &region.covers[1..]).into_iter();
    let points = points.map(|covers| Region { covers, kind: RegionKind::Pointwise });
    std::iter::once(order).chain(points).collect()
}

/// Equations over the same points, together.
pub(crate) fn points(plan: &Plan, equations: &[EquationAt]) -> Vec<Vec<EquationAt>> {
    let kernel = &plan.kernel;
    let ranges = |at: EquationAt| {
        let vars = kernel.equations[at].vars.iter();
        vars.map(|&var| kernel.vars[var].range).collect::<Vec<_>>()
    };
    let mut together: Vec<Vec<EquationAt>> = Vec::new();
    for &at in equations {
        match together.iter_mut().find(|covers| ranges(covers[0]) == ranges(at)) {
            Some(covers) => covers.push(at),
            None => together.push(vec![at]),
        }
    }
    together
}
