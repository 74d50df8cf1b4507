//! Grouped products as products of tiles, each of one group, for chips whose kernels
//! multiply tiles.
//!
//! ```text
//! up[t, s, f] = sum[d](x[t, d] * w[expert[t, s], f, d])
//!     ->  up'rows[b, i, d]  = x[row[b, i] / S, d]                    rows of one group
//!         up'tiles[b, i, f] = sum[d](up'rows[b, i, d] * w[group[b], f, d])
//!         up[t, s, f]       = up'tiles[place[t, s] / 64, place[t, s] % 64, f]
//! ```
//!
//! Rows are sorted by group, each group is filled up to whole tiles, and every tile knows
//! its group ([`tables`]). All of this is equations: the plan still says what it means, and
//! neither atomics nor the order of blocks have a part in the result. How many tiles there
//! are is a formula of sizes; those that no group needs hold no row.
//!
//! Takes a plan that verifies; gives one that verifies and means the same. Products with
//! scales, of a batch or with matrices that lie otherwise stay as they are.

mod draft;
mod tables;

use tilec_ir::int::TooComplex;
use tilec_ir::plan::{
    Axis, Contract, EquationAt, Form, Grouped, GroupedProduct, Operand, Plan, Read, Region,
    RegionKind, WeightDim, verify, widened,
};
use tilec_ir::tensor::{Expr, Tensor};
use tilec_ir::{Id, IntId};

use crate::counted::points;
use draft::Draft;
use tables::Tables;

/// The plan with its grouped products by tiles.
pub(crate) fn route(mut plan: Plan) -> Plan {
    let mut known = Vec::new();
    let mut regions = Vec::new();
    for region in std::mem::take(&mut plan.regions) {
        let RegionKind::Grouped(grouped) = &region.kind else {
            regions.push(region);
            continue;
        };
        let before = (plan.kernel.clone(), known.clone());
        match by_tiles(&mut plan, &region, grouped, &mut known) {
            Some(Ok(more)) => regions.extend(more),
            Some(Err(TooComplex)) | None => {
                (plan.kernel, known) = before;
                regions.push(region);
            }
        }
    }
    plan.regions = regions;
    draft::renumber(&mut plan);
    verify::assert_valid(&plan);
    plan
}

/// Whether tiles can take a product.
fn fits(product: &GroupedProduct) -> bool {
    let contract = &product.contract;
    // Rows are gathered whether their sum is needed or not.
    let anywhere = contract.guard.is_none() || contract.a.read.is_some();
    contract.batch.is_empty() && contract.scales.is_empty() && product.weights.is_some() && anywhere
}

fn by_tiles(
    plan: &mut Plan,
    region: &Region,
    grouped: &Grouped,
    known: &mut Vec<Tables>,
) -> Option<Result<Vec<Region>, TooComplex>> {
    let masked = matches!(grouped.form, Form::Masked { .. });
    if masked || !grouped.products.iter().all(fits) {
        return None;
    }
    Some(tiles(plan, region, grouped, known))
}

fn tiles(
    plan: &mut Plan,
    region: &Region,
    grouped: &Grouped,
    known: &mut Vec<Tables>,
) -> Result<Vec<Region>, TooComplex> {
    let first = &grouped.products[0];
    let sum = plan.kernel.equations[first.equation].clone();
    let name = plan.kernel.tensors[sum.tensor].name.clone();
    let mut draft = Draft::new(&mut plan.kernel, name, sum.span);
    let tables = match known.iter().find(|tables| tables.are_of(&mut draft, grouped)) {
        Some(tables) => tables.clone(),
        None => {
            let tables = Tables::new(&mut draft, grouped)?;
            known.push(tables.clone());
            tables
        }
    };
    let rows = rows(&mut draft, &tables, first)?;
    let mut back = Vec::new();
    for product in &grouped.products {
        let tiles = multiply(&mut draft, &tables, rows, product)?;
        back.push((product.equation, scatter(&mut draft, &tables, product, tiles)?));
    }
    let mut regions = draft.regions;
    for (at, value) in back {
        plan.kernel.equations[at].value = value;
        regions.push(Region { covers: vec![at], kind: RegionKind::Pointwise });
    }
    let after = points(plan, &grouped.epilogue).into_iter();
    regions.extend(after.map(|covers| Region { covers, kind: RegionKind::Pointwise }));
    debug_assert!(region.covers.iter().all(|at| is_covered(&regions, *at)));
    Ok(regions)
}

fn is_covered(regions: &[Region], at: EquationAt) -> bool {
    regions.iter().any(|region| region.covers.contains(&at))
}

/// The rows of all tiles, zeros where a tile has fewer.
fn rows(
    draft: &mut Draft<'_>,
    tables: &Tables,
    product: &GroupedProduct,
) -> Result<Id<Tensor>, TooComplex> {
    let contract = &product.contract;
    let [tile, row] = tables.point(draft);
    let k: Vec<_> = contract.k.iter().map(|&var| draft.like(var)).collect();
    let mut renaming = tables.rows_at(draft, &contract.m, tile, row)?;
    for (&old, &own) in contract.k.iter().zip(&k) {
        let at = draft.at(own);
        renaming.vars.insert(old, at);
    }
    let value = draft.copy(contract.a.expr, &renaming)?;
    let zero = draft.zero(value);
    let test = tables.holds(draft, tile, row);
    let value = draft.select(test, value, zero);
    let element = contract.a.element;
    let value = draft.narrow(value, element);
    let vars = [vec![tile, row], k].concat();
    Ok(draft.points("rows", element, vars, value))
}

/// The products of all tiles with the matrices of their groups.
fn multiply(
    draft: &mut Draft<'_>,
    tables: &Tables,
    rows: Id<Tensor>,
    product: &GroupedProduct,
) -> Result<Id<Tensor>, TooComplex> {
    let old = &product.contract;
    let [tile, row] = tables.point(draft);
    let n: Vec<_> = old.n.iter().map(|&var| draft.like(var)).collect();
    let k: Vec<_> = old.k.iter().map(|&var| draft.like(var)).collect();
    let index = [tile, row].iter().chain(&k).map(|&var| draft.at(var)).collect();
    let a = draft.read(rows, index);
    let guard = tables.is_used(draft, tile);
    let weights = product.weights.as_ref().expect("only plain matrices are taken");
    let mut index = Vec::new();
    for &dim in &weights.dims {
        index.push(match dim {
            WeightDim::Group => tables.group_at(draft, tile),
            WeightDim::Fixed(place) => place,
            WeightDim::Axis { axis: Axis::Row(at), offset } => draft.after(n[at], offset)?,
            WeightDim::Axis { axis: Axis::K(at) | Axis::Batch(at), offset } => {
                draft.after(k[at], offset)?
            }
        });
    }
    let b = draft.read(weights.tensor, index);
    let b = draft.widen(b, old.b.expr, widened(draft.kernel, old.b.expr));
    let axes = [Axis::Batch(0), Axis::Row(0)].into_iter().chain((0..k.len()).map(Axis::K));
    let read = Some(Read { tensor: rows, axes: axes.collect() });
    let contract = Contract {
        batch: vec![tile],
        m: vec![row],
        n: n.clone(),
        k,
        a: Operand { expr: a, element: old.a.element, read },
        b: Operand { expr: b, element: old.b.element, read: None },
        scales: Vec::new(),
        coefficient: old.coefficient,
        accumulator: old.accumulator,
        guard: Some(guard),
        epilogue: Vec::new(),
        stored: true,
    };
    Ok(draft.product("tiles", [vec![tile, row], n].concat(), contract))
}

/// The sums where they belong.
fn scatter(
    draft: &mut Draft<'_>,
    tables: &Tables,
    product: &GroupedProduct,
    tiles: Id<Tensor>,
) -> Result<Id<Expr>, TooComplex> {
    let contract = &product.contract;
    let mut index: Vec<IntId> = tables.place_of(draft, &contract.m)?.to_vec();
    index.extend(contract.n.iter().map(|&var| draft.at(var)));
    let value = draft.read(tiles, index);
    let Some(guard) = contract.guard else { return Ok(value) };
    let zero = draft.zero(value);
    Ok(draft.select(guard, value, zero))
}
