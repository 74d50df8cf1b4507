//! What is close to a grouped product: a row of one tensor and a matrix that data chooses,
//! and then something else than one product that is added up.

use tilec_ir::plan::EquationAt;
use tilec_ir::tensor::{Expr, Reduction, Var};
use tilec_ir::{Id, IntId};

use super::weights::{is_data, reads};
use super::{Found, Sides, vars_in};
use crate::products::Product;
use crate::recognize::Outcome;
use crate::recognize::close::{not_a_product, not_added};
use crate::recognize::contract::{Weighed, adds_up, is_fine, too_many, weigh};
use crate::recognize::scene::Scene;

/// A reduction that is no sum.
pub(super) fn reduced(
    scene: &Scene,
    at: EquationAt,
    op: Reduction,
    reduced: &[Id<Var>],
    body: Id<Expr>,
) -> Outcome<Found> {
    if meets(scene, at, body, reduced) { Err(not_added(scene, op, body)) } else { Ok(None) }
}

/// Several products, one of which would be grouped.
pub(super) fn several(
    scene: &Scene,
    at: EquationAt,
    terms: &[Product],
    reduced: &[Id<Var>],
) -> Outcome<Found> {
    let close = |term: &&Product| {
        let weighed = term.factors.iter().map(|&factor| weigh(scene, factor));
        let fine = weighed.filter(|w| reduced.iter().any(|&var| is_fine(&w.uses, var)));
        let fine: Result<[Weighed; 2], _> = fine.collect::<Vec<_>>().try_into();
        fine.is_ok_and(|[a, b]| Sides::of(scene, at, a, b).is_some())
    };
    let found = terms.iter().rfind(close);
    found.map_or(Ok(None), |term| Err(adds_up(scene, terms, term, reduced)))
}

/// One factor that holds both operands, or a third one.
pub(super) fn other(
    scene: &Scene,
    at: EquationAt,
    fine: &[Weighed],
    reduced: &[Id<Var>],
) -> Outcome<Found> {
    if let Some(both) = fine.iter().find(|w| meets(scene, at, w.factor.expr, reduced)) {
        return Err(not_a_product(scene, both.factor.expr));
    }
    let pairs = fine.iter().enumerate().flat_map(|(at, a)| fine[..at].iter().map(move |b| (a, b)));
    let mut pairs = pairs
        .into_iter()
        .filter(|(a, b)| Sides::of(scene, at, (*a).clone(), (*b).clone()).is_some());
    if pairs.next().is_some() { Err(too_many(scene, fine, reduced)) } else { Ok(None) }
}

/// Whether a row and a matrix that data chooses meet in one expression.
fn meets(scene: &Scene, at: EquationAt, body: Id<Expr>, reduced: &[Id<Var>]) -> bool {
    let kernel = &scene.kernel;
    let own = &kernel.equations[at].vars;
    let along = |index: &[IntId]| {
        let plain = index.iter().filter(|&&index| !is_data(kernel, index));
        let vars: Vec<_> = plain.flat_map(|&index| vars_in(kernel, index)).collect();
        reduced.iter().any(|var| vars.contains(var)).then_some(vars)
    };
    let reads = reads(kernel, body);
    let matrix = |(_, index): &&(_, Vec<IntId>)| {
        let chosen = index.iter().any(|&index| {
            is_data(kernel, index) && vars_in(kernel, index).iter().any(|var| own.contains(var))
        });
        chosen && along(index).is_some_and(|vars| vars.iter().any(|var| own.contains(var)))
    };
    let Some(found) = reads.iter().find(matrix) else { return false };
    reads.iter().any(|other| other != found && along(&other.1).is_some())
}
