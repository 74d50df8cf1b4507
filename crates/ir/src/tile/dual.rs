//! Dual contractions: two products of one operand that one step computes.
//!
//! ```text
//! step 3: gate      when K % 8 == 0   within step 4        always   a kernel of its own
//! step 4: up, h     when K % 8 == 0   a dual contraction   always   a kernel that reads gate
//! ```
//!
//! Both steps decide by the same conditions, so that a launch takes either the dual
//! contraction or what stands behind it in each step.

use crate::plan::{Contract, RegionKind};
use crate::tile::verify::ensure;
use crate::tile::{Body, Dual, Pipeline, Program, Variant};

impl Program {
    /// The last step that may compute what the region of a step says: a later one, where the
    /// region is a product of a dual contraction.
    #[must_use]
    pub fn latest(&self, step: usize) -> usize {
        let within = self.steps[step].variants.iter().filter_map(within);
        within.max().unwrap_or(step)
    }

    /// Whether another step computes what the region of a step says, whatever the sizes.
    #[must_use]
    pub fn is_elsewhere(&self, step: usize) -> bool {
        self.steps[step].variants.iter().all(|variant| within(variant).is_some())
    }

    /// The contraction that tells the axes of a pipeline: of a dual one, the first product's.
    #[must_use]
    pub fn contract(&self, region: usize, pipeline: &Pipeline) -> Option<&Contract> {
        let region = pipeline.dual.map_or(region, |dual| dual.products[0]);
        let RegionKind::Contract(contract) = &self.plan.regions.get(region)?.kind else {
            return None;
        };
        Some(contract)
    }
}

fn within(variant: &Variant) -> Option<usize> {
    let Body::Within(step) = variant.kernel.body else { return None };
    Some(step)
}

/// Whether the products of a dual contraction fit together, and the first one waits for it.
pub(super) fn check(
    program: &Program,
    at: usize,
    variant: &Variant,
    body: &Pipeline,
) -> Result<(), String> {
    let Some(Dual { products: [first, second], .. }) = body.dual else { return Ok(()) };
    ensure(first < second && second <= at, || "a dual contraction of other steps".to_owned())?;
    let waits = |step: usize| {
        let mut variants = program.steps[step].variants.iter();
        variants.any(|other| within(other) == Some(at) && other.when == variant.when)
    };
    ensure(waits(first) && (second == at || waits(second)), || {
        "a product is computed anyway".to_owned()
    })?;
    let product = |region: usize| {
        let RegionKind::Contract(contract) = &program.plan.regions[region].kind else {
            return Err("a dual contraction of something else than products".to_owned());
        };
        Ok(contract)
    };
    let (first, second) = (product(first)?, product(second)?);
    let vars = &program.plan.kernel.vars;
    let axes = |of: &Contract| {
        let lengths = |axis: &[_]| axis.iter().map(|&var| vars[var].range).collect::<Vec<_>>();
        [lengths(&of.batch), lengths(&of.m), lengths(&of.n), lengths(&of.k)]
    };
    ensure(axes(first) == axes(second), || "products of other lengths".to_owned())?;
    let elements = |of: &Contract| [of.a.element, of.b.element, of.accumulator];
    ensure(elements(first) == elements(second), || "products of other types".to_owned())?;
    let ends = if let RegionKind::Rowwise(rowwise) = &program.plan.regions[at].kind {
        let columns = Some(i64::from(body.output_columns()));
        second.epilogue.is_empty() && rowwise.segment == columns
    } else {
        second.epilogue.len() == 1 && !second.stored
    };
    ensure(first.epilogue.is_empty() && ends, || {
        "a dual contraction stores one result".to_owned()
    })?;
    let whole = !body.swapped && body.cluster == 1 && body.tile[1].is_multiple_of(16);
    ensure(whole, || "a tile that has no two sides".to_owned())
}

/// Whether the step that a variant leaves its region to has a dual contraction of it.
pub(super) fn check_within(
    program: &Program,
    at: usize,
    variant: &Variant,
    step: usize,
) -> Result<(), String> {
    let of = program.steps.get(step).ok_or("it is within no step")?;
    let there = of.variants.iter().any(|other| {
        let Body::Pipeline(pipeline) = &other.kernel.body else { return false };
        pipeline.dual.is_some_and(|dual| dual.products.contains(&at)) && other.when == variant.when
    });
    ensure(there, || format!("step {step} does not compute it"))
}
