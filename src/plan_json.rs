//! A plan as JSON, for tools: see [`tilec_manifest::plan`].

use tilec_ir::plan::{EquationAt, Plan, Region, text};
use tilec_manifest::plan as json;

/// The plan as `--emit plan-json` prints it.
#[must_use]
pub fn text(plan: &Plan) -> String {
    let json = serde_json::to_string_pretty(&of(plan));
    json.expect("a plan holds only what JSON can say") + "\n"
}

fn of(plan: &Plan) -> json::Plan {
    let declined = plan.declined.iter().map(|declined| json::Declined {
        equation: made(plan, declined.equation),
        pattern: declined.pattern.to_owned(),
        reason: declined.reason.clone(),
    });
    json::Plan {
        version: json::VERSION,
        kernel: plan.kernel.name.clone(),
        sizes: plan.kernel.sizes.iter().map(|(_, size)| size.name.clone()).collect(),
        regions: plan.regions.iter().map(|region| of_region(plan, region)).collect(),
        declined: declined.collect(),
    }
}

fn of_region(plan: &Plan, region: &Region) -> json::Region {
    let found = text::lines(plan, region);
    json::Region {
        kind: region.kind.name().to_owned(),
        computes: region.covers.iter().map(|&at| made(plan, at)).collect(),
        found: found.iter().map(|line| line.trim_end().to_owned()).collect(),
    }
}

/// The tensor that an equation makes.
fn made(plan: &Plan, at: EquationAt) -> String {
    plan.kernel.tensors[plan.kernel.equations[at].tensor].name.clone()
}
