//! Which two regions are the products of a dual contraction, or why a region is of none.

use tilec_ir::plan::{Contract, EquationAt, Plan, RegionKind, Scale, Sorted, Varies};
use tilec_ir::tensor::{Expr, ExprKind, Role, Tensor, Var};
use tilec_ir::walk::{reachable, reads};
use tilec_ir::{Atom, Facts, Id, IntId};

use super::rows;

use crate::builder::assume;
use crate::recognize::{Renaming, alike};

/// Two products and the region that reads both sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    /// In the order of their regions.
    pub(super) products: [usize; 2],
    /// The second product with its epilogue, or rows by segments.
    pub(super) end: usize,
    /// How the rows of the products are sorted, where those of the end are not.
    pub(super) sorted: Option<Sorted>,
}

/// The pair that a region is of.
///
/// # Errors
/// What stands against it, as a sentence that names the tensor.
pub(super) fn of(plan: &mut Plan, at: usize) -> Result<Pair, String> {
    let end = ending(plan, at)?;
    let others = others(plan, end)?;
    if end != at && !others.contains(&at) {
        return Err(format!("`{}` is made of other products", result(plan, end)));
    }
    let (products, sorted) = match (&plan.regions[end].kind, &others[..]) {
        (RegionKind::Rowwise(_), &[first, second]) => {
            let products = [first, second];
            let sorted = rows::ends(plan, products, end)?;
            (products, sorted)
        }
        (_, &[first]) => {
            ends_alone(plan, first, end)?;
            at_one_point(plan, first, end)?;
            ([first, end], None)
        }
        _ => return Err(made_of(plan, end, others.len())),
    };
    share_rows(plan, products[0], products[1])?;
    Ok(Pair { products, end, sorted })
}

/// "is made of 3 products, not of two"
fn made_of(plan: &Plan, end: usize, others: usize) -> String {
    let rows = matches!(plan.regions[end].kind, RegionKind::Rowwise(_));
    let name = result(plan, end);
    match if rows { others } else { others + 1 } {
        0 => format!("`{name}` is made of no product"),
        1 => format!("`{name}` is made of one product alone"),
        count => format!("`{name}` is made of {count} products, not of two"),
    }
}

pub(super) fn contract(plan: &Plan, at: usize) -> Option<&Contract> {
    let RegionKind::Contract(contract) = &plan.regions[at].kind else { return None };
    Some(contract)
}

/// The tensor of a region's sum.
pub(super) fn sum(plan: &Plan, at: usize) -> Id<Tensor> {
    plan.kernel.equations[plan.regions[at].covers[0]].tensor
}

pub(super) fn name(plan: &Plan, tensor: Id<Tensor>) -> &str {
    &plan.kernel.tensors[tensor].name
}

/// The name of what a region's epilogue makes last.
pub(super) fn result(plan: &Plan, at: usize) -> String {
    let last = plan.regions[at].covers.last().copied().unwrap_or_default();
    name(plan, plan.kernel.equations[last].tensor).to_owned()
}

pub(super) fn read_by(plan: &Plan, equation: EquationAt, tensor: Id<Tensor>) -> bool {
    let kernel = &plan.kernel;
    let all = reachable(kernel, kernel.equations[equation].value);
    all.into_iter().any(|expr| reads(kernel, expr).contains(&tensor))
}

/// The region that reads a product's sum: itself, if it has an epilogue.
fn ending(plan: &Plan, at: usize) -> Result<usize, String> {
    if matches!(plan.regions[at].kind, RegionKind::Rowwise(_)) {
        return Ok(at);
    }
    let own = contract(plan, at).ok_or("it is no product")?;
    if !own.epilogue.is_empty() {
        return Ok(at);
    }
    let tensor = sum(plan, at);
    let own = name(plan, tensor);
    let readers = plan.regions.iter().enumerate().filter(|(_, region)| {
        region.covers.iter().any(|&equation| read_by(plan, equation, tensor))
    });
    let readers: Vec<_> = readers.map(|(at, _)| at).collect();
    match readers[..] {
        [] => Err(format!("nothing is made of `{own}` and another sum")),
        [reader] if contract(plan, reader).is_some_and(|of| !of.epilogue.is_empty()) => Ok(reader),
        [reader] if matches!(plan.regions[reader].kind, RegionKind::Rowwise(_)) => Ok(reader),
        [reader] => Err(format!(
            "`{own}` is read by `{}`, which is not the end of a product",
            result(plan, reader)
        )),
        [..] => {
            let all: Vec<_> = readers.iter().map(|&at| format!("`{}`", result(plan, at))).collect();
            Err(format!("`{own}` is read by {}", all.join(" and ")))
        }
    }
}

/// The products whose sums what stands at the end of a region reads, without its own.
fn others(plan: &Plan, end: usize) -> Result<Vec<usize>, String> {
    let covers = &plan.regions[end].covers;
    let ending = contract(plan, end).map_or(&covers[..], |contract| &contract.epilogue);
    let is_read = |at: &usize| {
        *at != end
            && contract(plan, *at).is_some()
            && ending.iter().any(|&equation| read_by(plan, equation, sum(plan, *at)))
    };
    let found: Vec<_> = (0..plan.regions.len()).filter(is_read).collect();
    let own = usize::from(contract(plan, end).is_some());
    if found.len() + own == 2 { Ok(found) } else { Err(made_of(plan, end, found.len())) }
}

/// Whether the sums end in one equation and are needed nowhere else.
fn ends_alone(plan: &Plan, first: usize, second: usize) -> Result<(), String> {
    let [one, two] = [first, second].map(|at| contract(plan, at));
    let (Some(one), Some(two)) = (one, two) else { return Err("it is no product".to_owned()) };
    let [end] = two.epilogue[..] else {
        let made = two.epilogue.iter().map(|&at| plan.kernel.equations[at].tensor);
        let all: Vec<_> = made.map(|tensor| format!("`{}`", name(plan, tensor))).collect();
        return Err(format!("{} are made of the two sums, not one result", all.join(" and ")));
    };
    let stored = [(first, !one.epilogue.is_empty()), (second, two.stored)];
    for (at, stored) in stored {
        let tensor = sum(plan, at);
        let local = plan.kernel.tensors[tensor].role == Role::Local;
        let elsewhere = (0..plan.kernel.equations.len())
            .any(|equation| equation != end && read_by(plan, equation, tensor));
        if stored || !local || elsewhere {
            let name = name(plan, tensor);
            return Err(format!("`{name}` is needed elsewhere too, and would have to be stored"));
        }
    }
    let tensor = plan.kernel.equations[end].tensor;
    if !plan.kernel.tensors[tensor].element.is_float() {
        return Err(format!("`{}` does not hold floats", name(plan, tensor)));
    }
    Ok(())
}

/// Whether the end reads both sums at one point: row by row and column by column of each.
fn at_one_point(plan: &Plan, first: usize, second: usize) -> Result<(), String> {
    let kernel = &plan.kernel;
    let end = plan.regions[second].covers.last().copied().unwrap_or_default();
    let mut known: Option<Vec<(Id<Var>, usize)>> = None;
    for expr in reachable(kernel, kernel.equations[end].value) {
        let ExprKind::Read(tensor, index) = &kernel.exprs[expr].kind else { continue };
        let of = [first, second].into_iter().find(|&at| sum(plan, at) == *tensor);
        let Some(of) = of else { continue };
        let here = point(plan, of, index);
        let same = known.is_none() || known == here;
        known = here;
        if !same || known.is_none() {
            let names = [first, second].map(|at| format!("`{}`", name(plan, sum(plan, at))));
            return Err(format!(
                "`{}` reads {} at two points",
                result(plan, second),
                names.join(" and ")
            ));
        }
    }
    Ok(())
}

/// Which axis of a sum each variable of a point is, sorted; `None` where an index is not a
/// variable.
fn point(plan: &Plan, of: usize, index: &[IntId]) -> Option<Vec<(Id<Var>, usize)>> {
    let (kernel, contract) = (&plan.kernel, contract(plan, of)?);
    let axes = [&contract.batch[..], &contract.m, &contract.n].concat();
    let own = &kernel.equations[plan.regions[of].covers[0]].vars;
    let mut point = Vec::new();
    for (&at, var) in index.iter().zip(own) {
        let Some(&Atom::Var(here)) = kernel.ints.as_atom(at) else { return None };
        point.push((here, axes.iter().position(|axis| axis == var)?));
    }
    point.sort_unstable();
    Some(point)
}

/// Whether both products have the same lengths, rows and factors of rows.
fn share_rows(plan: &mut Plan, first: usize, second: usize) -> Result<(), String> {
    let [a, b] = [first, second].map(|at| sum(plan, at));
    let names = [a, b].map(|tensor| format!("`{}`", name(plan, tensor)));
    let [one, two] = [first, second].map(|at| contract(plan, at).cloned());
    let (Some(one), Some(two)) = (one, two) else { return Err("it is no product".to_owned()) };
    let Some(renaming) = renaming(plan, &one, &two) else {
        return Err(format!("{} have other lengths", names.join(" and ")));
    };
    let mut facts = Facts::default();
    for fact in plan.kernel.facts.clone() {
        assume(&mut facts, &mut plan.kernel.ints, fact.kind);
    }
    let mut same =
        |of: Id<Expr>, as_in: Id<Expr>| alike(&mut plan.kernel, &facts, of, as_in, &renaming);
    let filled = match (one.filled, two.filled) {
        (None, None) => true,
        (Some(own), Some(other)) => same(other, own),
        (Some(_), None) | (None, Some(_)) => false,
    };
    let element = one.a.element == two.a.element && one.accumulator == two.accumulator;
    if !filled || !element || !same(two.a.expr, one.a.expr) {
        return Err(format!("{} are products of other rows", names.join(" and ")));
    }
    if one.b.element != two.b.element {
        return Err(format!("{} multiply by other types", names.join(" and ")));
    }
    let (own, others) = (of_rows(&one), of_rows(&two));
    let fits = own.len() == others.len()
        && own.iter().zip(&others).all(|(own, other)| {
            own.inverse == other.inverse && own.block == other.block && same(other.expr, own.expr)
        });
    let blocks =
        |of: &Contract| of.scales.iter().map(|scale| (scale.n, scale.block)).collect::<Vec<_>>();
    if !fits || blocks(&one) != blocks(&two) {
        return Err(format!("{} have other scales", names.join(" and ")));
    }
    Ok(())
}

/// Scales that do not vary along the columns.
fn of_rows(contract: &Contract) -> Vec<Scale> {
    contract.scales.iter().filter(|scale| scale.n == Varies::No).cloned().collect()
}

/// The variables of the first product for those of the second, if ranges are the same.
fn renaming(plan: &mut Plan, one: &Contract, two: &Contract) -> Option<Renaming> {
    let axes = |of: &Contract| -> [Vec<Id<Var>>; 4] {
        [of.batch.clone(), of.m.clone(), of.n.clone(), of.k.clone()]
    };
    let mut renaming = Renaming::default();
    for (own, other) in axes(one).into_iter().zip(axes(two)) {
        if own.len() != other.len() {
            return None;
        }
        for (own, other) in own.into_iter().zip(other) {
            let range = plan.kernel.vars[own].range;
            if range != plan.kernel.vars[other].range {
                return None;
            }
            let at = plan.kernel.ints.of_atom(Atom::Var(own), Some(range));
            renaming.vars.insert(other, at);
        }
    }
    Some(renaming)
}
