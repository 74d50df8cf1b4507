//! Finds what the equations of a kernel are, and divides them into regions.
//!
//! ```text
//! acc[m, n] = sum[k](a[m, k] * b[n, k])     a contraction
//! c[m, n]   = bf16(acc[m, n] + bias[n])     its epilogue
//! ```
//!
//! Recognizers are plain functions, tried in order, most specific first: combined rows,
//! grouped contraction, contraction, histogram, scan, selection, rowwise, pointwise, and
//! loops for the rest. They read the
//! canonical equations, never names or spellings. What comes close to a pattern
//! and is not one is declined with a sentence that names what stands against it.
//! Orders that were written apart are brought together first ([`orders`]), and sums over
//! slots taken apart ([`slots`]).
//! [`crate::fuse`] then joins equations into regions.
//!
//! Takes a canonical kernel; gives a plan that verifies and means the same.

mod axes;
mod close;
mod combine;
mod contract;
mod copy;
mod derive;
pub(crate) mod grouped;
mod histogram;
mod layout;
mod narrow;
mod orders;
mod row_range;
mod rowwise;
mod scales;
mod scan;
pub(crate) mod scene;
mod select;
mod slots;
pub(crate) mod uses;

pub(crate) use copy::{Renaming, alike, copy};
pub(crate) use derive::unique;
pub(crate) use layout::same_points;
pub(crate) use rowwise::{Along, Piece, row_read};

use tilec_ir::diagnostic::Span;
use tilec_ir::plan::{
    Combine, Contract, Declined, EquationAt, Histogram, Plan, Scan, Select, verify,
};

use crate::canonical::{Body, Canonical};
use crate::fuse::fuse;
use scene::Scene;

/// What one equation is.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// A matrix product.
    Contract(Box<Contract>),
    /// A grouped product, without what shares its rows.
    Grouped(Box<grouped::Found>),
    /// Rows of slots that are added up.
    Combine(Combine),
    /// A histogram.
    Histogram(Histogram),
    /// A running sum.
    Scan(Scan),
    /// A selection, without what is gathered.
    Select(Box<Select>),
    /// A reduction along a row.
    Row(Piece),
    /// No reduction at all.
    Pointwise,
    /// None of these, and why.
    Generic(String),
}

/// Why an equation is not what it is close to.
#[derive(Clone, Debug)]
pub(crate) struct Reason {
    /// A sentence that names the factor.
    pub(crate) text: String,
    /// Where it stands.
    pub(crate) span: Span,
}

/// The pattern if it is there, `None` if it is nothing like it.
pub(crate) type Outcome<T> = Result<Option<T>, Reason>;

/// The plan of a kernel.
#[must_use]
pub fn recognize(canonical: &Canonical) -> Plan {
    let orders = orders::together(canonical);
    let mut scene = Scene::of(derive::derive(&slots::apart(&orders.canonical)));
    let mut declined = Vec::new();
    let mut found: Vec<_> =
        (0..scene.stated.len()).map(|at| find(&mut scene, at, &mut declined)).collect();
    for (at, found) in found.iter_mut().enumerate() {
        if let Found::Select(select) = found {
            select.stages = orders.stages(&mut scene, at);
        }
    }
    declined.extend(orders.close.into_iter().filter_map(|close| {
        let equation = scene.writer[close.tensor.index()]?;
        let Reason { text: reason, span } = close.reason;
        Some(Declined { equation, pattern: close.pattern, reason, span })
    }));
    let plan = fuse(scene, found, declined);
    verify::assert_valid(&plan);
    plan
}

fn find(scene: &mut Scene, at: EquationAt, declined: &mut Vec<Declined>) -> Found {
    if let Body::Map(_) = scene.stated[at].body {
        return Found::Pointwise;
    }
    let mut why = None;
    let mut decline = |pattern, reason: Reason| {
        why.get_or_insert_with(|| reason.text.clone());
        declined.push(Declined { equation: at, pattern, reason: reason.text, span: reason.span });
    };
    if let Some(combine) = combine::combine(scene, at) {
        return Found::Combine(combine);
    }
    match product(scene, at) {
        Ok(Some(found)) => return found,
        Ok(None) => {}
        Err((pattern, reason)) => decline(pattern, reason),
    }
    if let Some(histogram) = histogram::histogram(scene, at) {
        return Found::Histogram(histogram);
    }
    match scan::scan(scene, at) {
        Ok(Some(scan)) => return Found::Scan(scan),
        Ok(None) => {}
        Err(reason) => decline("scan", reason),
    }
    match select::select(scene, at) {
        Ok(Some(select)) => return Found::Select(Box::new(select)),
        Ok(None) => {}
        Err(reason) => decline("selection", reason),
    }
    match rowwise::reduction(scene, at) {
        Ok(Some(piece)) => return Found::Row(piece),
        Ok(None) => {}
        // What is close to something better is told about that alone.
        Err(reason) if why.is_none() => {
            declined.push(Declined {
                equation: at,
                pattern: "rowwise",
                reason: reason.text.clone(),
                span: reason.span,
            });
            why = Some(reason.text);
        }
        Err(_) => {}
    }
    Found::Generic(why.unwrap_or_else(|| general(scene, at)))
}

/// A product with one matrix or with one for each group; what is close to the second is
/// told about that alone.
fn product(scene: &mut Scene, at: EquationAt) -> Result<Option<Found>, (&'static str, Reason)> {
    let found = grouped::grouped(scene, at).map_err(|reason| ("grouped contraction", reason))?;
    if let Some(found) = found {
        return Ok(Some(Found::Grouped(Box::new(found))));
    }
    let found = contract::contract(scene, at).map_err(|reason| ("contraction", reason))?;
    let Some(contract) = found else { return Ok(None) };
    Ok(Some(match grouped::masked(scene, at, &contract) {
        Some(found) => Found::Grouped(Box::new(found)),
        None => Found::Contract(Box::new(contract)),
    }))
}

/// Why an equation runs as loops that is close to nothing.
fn general(scene: &Scene, at: EquationAt) -> String {
    match &scene.stated[at].body {
        Body::Rank { var, .. } => {
            let name = &scene.kernel.vars[*var].name;
            format!("a selection by rank over `{name}`: each key is compared with all others")
        }
        Body::Sum { .. } | Body::Reduce { .. } | Body::Map(_) => {
            "no tensor is reduced along its innermost dimension, row by row".to_owned()
        }
    }
}
