//! What holds of grouped products, combined rows and histograms.

use super::{ensure, of_axes, only, reduces, same};
use crate::arena::Id;
use crate::int::{Atom, IntId};
use crate::plan::{
    Axis, Combine, Contract, EquationAt, Form, Grouped, GroupedProduct, Histogram, Plan, Region,
    WeightDim, widened,
};
use crate::tensor::{Equation, ExprKind, Tensor, Var};
use crate::walk::{reachable, reads, vars_of_int};

pub(super) fn of_grouped(plan: &Plan, region: &Region, grouped: &Grouped) -> Result<(), String> {
    let mut covered = [grouped.equations(), grouped.epilogue.clone()].concat();
    covered.sort_unstable();
    ensure(region.covers == covered, || "it covers something else".to_owned())?;
    let first = grouped.products.first().ok_or("there is no product")?;
    ensure(grouped.equations().is_sorted(), || "products are out of order".to_owned())?;
    for product in &grouped.products {
        ensure(alike(plan, first, product), || "products have different rows".to_owned())?;
        of_product(plan, region, product)?;
    }
    if let Form::Masked { row, count } = grouped.form {
        let contract = &first.contract;
        let rows = [contract.batch.as_slice(), &contract.m].concat();
        let others: Vec<_> = rows.iter().copied().filter(|&var| var != row).collect();
        ensure(others.len() < rows.len(), || "the masked row is none".to_owned())?;
        ensure(grouped.products.len() == 1, || "masked products share nothing".to_owned())?;
        only(plan, count, &others)?;
    }
    let summed = grouped.epilogue.iter().any(|&at| reduces(plan, at));
    ensure(!summed, || "an epilogue reduces".to_owned())
}

/// Whether the rows and the reduced axes of two products have the same lengths.
fn alike(plan: &Plan, a: &GroupedProduct, b: &GroupedProduct) -> bool {
    let ranges = |list: &[Id<Var>]| -> Vec<IntId> {
        list.iter().map(|&var| plan.kernel.vars[var].range).collect()
    };
    let of =
        |contract: &Contract| [ranges(&contract.batch), ranges(&contract.m), ranges(&contract.k)];
    of(&a.contract) == of(&b.contract)
}

fn of_product(plan: &Plan, region: &Region, product: &GroupedProduct) -> Result<(), String> {
    let kernel = &plan.kernel;
    let contract = &product.contract;
    let sum = &kernel.equations[product.equation];
    of_axes(plan, sum, contract)?;
    ensure(contract.epilogue.is_empty(), || "a product has an epilogue of its own".to_owned())?;
    let rows = [contract.batch.as_slice(), &contract.m].concat();
    let own = vars_of_int(&kernel.ints, product.group).into_iter().all(|var| rows.contains(&var));
    ensure(own, || "the group is not of the row alone".to_owned())?;
    let read = reachable(kernel, sum.value).into_iter().flat_map(|expr| reads(kernel, expr));
    let stray = read.into_iter().any(|tensor| makes(plan, region, tensor));
    ensure(!stray, || "a product reads what its region makes".to_owned())?;
    of_weights(plan, product)
}

fn makes(plan: &Plan, region: &Region, tensor: Id<Tensor>) -> bool {
    region.covers.iter().any(|&at: &EquationAt| plan.kernel.equations[at].tensor == tensor)
}

/// The matrices lie as their dimensions say.
fn of_weights(plan: &Plan, product: &GroupedProduct) -> Result<(), String> {
    let (kernel, contract) = (&plan.kernel, &product.contract);
    let Some(weights) = &product.weights else { return Ok(()) };
    let stored = widened(kernel, contract.b.expr);
    let ExprKind::Read(tensor, index) = &kernel.exprs[stored].kind else {
        return Err("the matrices are no plain read".to_owned());
    };
    let stands = |dim: &WeightDim, index: IntId| match *dim {
        WeightDim::Group => index == product.group,
        WeightDim::Fixed(place) => index == place,
        WeightDim::Axis { axis, offset } => {
            let var = match axis {
                Axis::Batch(at) => contract.batch.get(at),
                Axis::Row(at) => contract.n.get(at),
                Axis::K(at) => contract.k.get(at),
            };
            var.is_some_and(|&var| is_sum(plan, index, var, offset))
        }
    };
    let lies = weights.tensor == *tensor
        && weights.dims.len() == index.len()
        && weights.dims.contains(&WeightDim::Group)
        && weights.dims.iter().zip(index).all(|(dim, &index)| stands(dim, index));
    ensure(lies, || "the matrices lie otherwise".to_owned())
}

/// Whether `index` is `var + offset`, where nothing may be added to a kernel to ask.
fn is_sum(plan: &Plan, index: IntId, var: Id<Var>, offset: IntId) -> bool {
    let ints = &plan.kernel.ints;
    let is_var = |term: &&crate::int::Term| match term.factors.as_slice() {
        [atom] => term.coefficient == 1 && *ints.atom(*atom) == Atom::Var(var),
        _ => false,
    };
    let terms = ints.get(index).terms();
    let rest = terms.iter().filter(|term| !is_var(term));
    terms.iter().filter(is_var).count() == 1 && rest.eq(ints.get(offset).terms())
}

pub(super) fn of_combine(
    plan: &Plan,
    region: &Region,
    sum: &Equation,
    combine: &Combine,
) -> Result<(), String> {
    let Combine { rows, columns, slots, .. } = combine;
    let own = [rows.as_slice(), columns].concat();
    ensure(same(&own, &sum.vars), || "combined rows have other variables".to_owned())?;
    ensure(!slots.is_empty(), || "there are no slots".to_owned())?;
    ensure(slots.iter().all(|slot| !own.contains(slot)), || "a slot is bound".to_owned())?;
    only(plan, combine.value, &[own.as_slice(), slots].concat())?;
    let of_rows = [rows.as_slice(), slots].concat();
    combine.weights.iter().try_for_each(|weight| only(plan, weight.expr, &of_rows))?;
    ensure(region.covers[1..] == combine.epilogue, || "the epilogue is not covered".to_owned())
}

pub(super) fn of_histogram(
    plan: &Plan,
    region: &Region,
    counts: &Equation,
    histogram: &Histogram,
) -> Result<(), String> {
    let Histogram { rows, bin, over, key, value } = histogram;
    ensure(region.covers.len() == 1, || "a histogram is one equation".to_owned())?;
    let own = [rows.as_slice(), &[*bin]].concat();
    ensure(same(&own, &counts.vars), || "a histogram has other variables".to_owned())?;
    let elements = [rows.as_slice(), over].concat();
    only(plan, *key, &elements)?;
    only(plan, *value, &elements)
}
