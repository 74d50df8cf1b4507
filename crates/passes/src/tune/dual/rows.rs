//! Rows by segments that are made of two sums: what a product in FP8 with a scale for each
//! 128 numbers is prepared with.
//!
//! ```text
//! peak[m, g] = max[i < 128](abs(h(m, g * 128 + i)))     a maximum along each segment
//! scale[m, g] = peak[m, g] / 448                        numbers per segment
//! q[m, f]     = f8e4m3(h(m, f) / scale[m, f / 128])     one result
//! ```
//!
//! Where rows were sorted by group, sums lie by tiles and are read by the place of a row.

use tilec_ir::plan::{Part, Plan, RegionKind, Sorted};
use tilec_ir::tensor::{Binary, Expr, ExprKind, Reduction, Role, Tensor, Unary, Var};
use tilec_ir::walk::reachable;
use tilec_ir::{Atom, Id, IntId, Kernel, Scalar};

use super::pair::{contract, name, read_by, result, sum};
use crate::builder::index_bound;

/// Whether rows can be made where two sums are; how the rows of these are sorted.
pub(super) fn ends(
    plan: &mut Plan,
    products: [usize; 2],
    end: usize,
) -> Result<Option<Sorted>, String> {
    parts_fit(plan, end)?;
    let mut found: Vec<Option<Sorted>> = Vec::new();
    for product in products {
        let tensor = sum(plan, product);
        let local = plan.kernel.tensors[tensor].role == Role::Local;
        let covers = &plan.regions[end].covers;
        let elsewhere = (0..plan.kernel.equations.len())
            .any(|at| !covers.contains(&at) && read_by(plan, at, tensor));
        let ends = contract(plan, product).is_some_and(|of| of.epilogue.is_empty());
        if !local || elsewhere || !ends {
            let name = name(plan, tensor);
            return Err(format!("`{name}` is needed elsewhere too, and would have to be stored"));
        }
        found.push(read_at_rows(plan, product, end)?);
    }
    let [first, second] = found[..] else { return Err("there are two sums".to_owned()) };
    if first != second {
        return Err(format!("`{}` finds the rows of two sums in two ways", result(plan, end)));
    }
    Ok(first)
}

/// The columns of a segment, where the end is rows.
pub(super) fn segment(plan: &Plan, end: usize) -> Option<i64> {
    let RegionKind::Rowwise(rowwise) = &plan.regions[end].kind else { return None };
    rowwise.segment
}

/// Whether rows are made by exact quotients or roots, which are calls.
pub(super) fn divides(plan: &Plan, end: usize) -> bool {
    let kernel = &plan.kernel;
    let covers = plan.regions[end].covers.iter();
    covers.flat_map(|&at| reachable(kernel, kernel.equations[at].value)).any(|expr| {
        let Expr { kind, ty, .. } = &kernel.exprs[expr];
        matches!(kind, ExprKind::Unary(Unary::Sqrt, _))
            || matches!(kind, ExprKind::Binary(Binary::Div, ..)) && *ty == Scalar::F32
    })
}

/// Whether the parts are one maximum, numbers per segment, and one result.
fn parts_fit(plan: &Plan, end: usize) -> Result<(), String> {
    let RegionKind::Rowwise(rowwise) = &plan.regions[end].kind else {
        return Err("it is made of no rows".to_owned());
    };
    let (kernel, result) = (&plan.kernel, result(plan, end));
    if rowwise.segment.is_none() {
        return Err(format!("`{result}` is made of whole rows, and a tile has a part of each"));
    }
    let (mut maxima, mut maps) = (Vec::new(), Vec::new());
    for (part, &at) in rowwise.parts.iter().zip(&plan.regions[end].covers) {
        let equation = &kernel.equations[at];
        match part {
            Part::Reduction { stored, .. } => {
                let is_maximum = matches!(
                    kernel.exprs[equation.value].kind,
                    ExprKind::Reduce(Reduction::Max, ..)
                );
                if *stored || !is_maximum {
                    let name = name(plan, equation.tensor);
                    return Err(format!("`{name}` is no maximum that only `{result}` needs"));
                }
                maxima.push(equation.tensor);
            }
            Part::PerRow { stored, .. } => {
                if !stored {
                    return Err(format!("`{result}` needs more than maxima of its segments"));
                }
            }
            Part::Map { .. } => maps.push(equation.tensor),
        }
    }
    let (&[maximum], &[map]) = (&maxima[..], &maps[..]) else {
        return Err(format!("`{result}` is not one result by one maximum of each segment"));
    };
    // Nothing but the maximum is known of a segment.
    let covers = &plan.regions[end].covers;
    let made = covers.iter().map(|&at| kernel.equations[at].tensor).filter(|&of| of != maximum);
    let mut made = made.into_iter();
    let reads = made.any(|tensor| covers.iter().any(|&at| read_by(plan, at, tensor)));
    let reads_itself = covers
        .iter()
        .any(|&at| kernel.equations[at].tensor == maximum && read_by(plan, at, maximum));
    if reads || reads_itself || !kernel.tensors[map].element.is_float() {
        return Err(format!("`{result}` is not made of the sums and their maximum alone"));
    }
    Ok(())
}

/// How the end finds the rows of a sum: at its own, or by their places.
fn read_at_rows(plan: &mut Plan, product: usize, end: usize) -> Result<Option<Sorted>, String> {
    let tensor = sum(plan, product);
    let refused = format!("`{}` reads `{}` at other points", result(plan, end), name(plan, tensor));
    let RegionKind::Rowwise(rowwise) = plan.regions[end].kind.clone() else { return Err(refused) };
    let mut found: Option<Option<Sorted>> = None;
    for (part, at) in rowwise.parts.iter().zip(plan.regions[end].covers.clone()) {
        let (rows, column) = match part {
            Part::Reduction { rows, segment, column, .. } => (rows, (*segment, Some(*column))),
            Part::Map { rows, column, .. } => (rows, (None, Some(*column))),
            Part::PerRow { rows, .. } => (rows, (None, None)),
        };
        for expr in reachable(&plan.kernel, plan.kernel.equations[at].value) {
            let ExprKind::Read(of, index) = plan.kernel.exprs[expr].kind.clone() else { continue };
            if of != tensor {
                continue;
            }
            let here = at_column(&mut plan.kernel, &index, column, rowwise.segment)
                .and_then(|lead| at_rows(plan, product, lead, rows));
            match (here, found) {
                (Some(here), None) => found = Some(here),
                (Some(here), Some(before)) if here == before => {}
                _ => return Err(refused),
            }
        }
    }
    found.ok_or(refused)
}

/// The indices before the last, if that is the column of a part.
fn at_column<'i>(
    kernel: &mut Kernel,
    index: &'i [IntId],
    column: (Option<Id<Var>>, Option<Id<Var>>),
    segment: Option<i64>,
) -> Option<&'i [IntId]> {
    let (&last, lead) = index.split_last()?;
    let at = |kernel: &mut Kernel, var: Id<Var>| {
        let range = kernel.vars[var].range;
        kernel.ints.of_atom(Atom::Var(var), Some(range))
    };
    let own = at(kernel, column.1?);
    let wanted = match column.0 {
        None => own,
        Some(of) => {
            let (of, length) = (at(kernel, of), kernel.ints.constant(segment?));
            let first = kernel.ints.mul(of, length).ok()?;
            kernel.ints.add(first, own).ok()?
        }
    };
    (wanted == last).then_some(lead)
}

/// Whether these indices are those rows, or the tile and its row where they stand.
fn at_rows(
    plan: &mut Plan,
    product: usize,
    lead: &[IntId],
    rows: &[Id<Var>],
) -> Option<Option<Sorted>> {
    let of = contract(plan, product)?.clone();
    let own = &plan.kernel.equations[plan.regions[product].covers[0]].vars;
    let in_order = own.iter().eq(of.batch.iter().chain(&of.m).chain(&of.n)) && of.n.len() == 1;
    let ints = &mut plan.kernel.ints;
    let is_var = |(&at, &row): (&IntId, &Id<Var>)| ints.as_atom(at) == Some(&Atom::Var(row));
    let same = lead.len() == rows.len() && lead.iter().zip(rows).all(is_var);
    let ranges = of.batch.iter().chain(&of.m).map(|&var| plan.kernel.vars[var].range);
    if in_order && same && ranges.eq(rows.iter().map(|&var| plan.kernel.vars[var].range)) {
        return Some(None);
    }
    let (&[tile, row], &[m], 1) = (lead, &of.m[..], of.batch.len()) else { return None };
    let height = plan.kernel.vars[m].range;
    let ints = &mut plan.kernel.ints;
    let mut number = ints.constant(0);
    for &var in rows {
        let range = plan.kernel.vars[var].range;
        let at = ints.of_atom(Atom::Var(var), Some(range));
        number = ints.mul(number, range).ok()?;
        number = ints.add(number, at).ok()?;
    }
    let sorted = plan.sorted.iter().find(|sorted| {
        let bound = index_bound(plan.kernel.tensors[sorted.place].element);
        let place = ints.of_atom(Atom::Read(sorted.place, vec![number]), bound);
        ints.div(place, height).ok() == Some(tile) && ints.rem(place, height).ok() == Some(row)
    });
    (in_order && sorted.is_some()).then(|| sorted.copied())
}

/// Which row, by its number, a row of a tile is: what stands at its place of the sorted rows.
pub(super) fn number(plan: &mut Plan, product: usize, sorted: Sorted) -> Option<IntId> {
    let of = contract(plan, product)?.clone();
    let (&[tile], &[row]) = (&of.batch[..], &of.m[..]) else { return None };
    let kernel = &mut plan.kernel;
    let at = |kernel: &mut Kernel, var: Id<Var>| {
        let range = kernel.vars[var].range;
        kernel.ints.of_atom(Atom::Var(var), Some(range))
    };
    let (tile, row) = (at(kernel, tile), at(kernel, row));
    let begin = element(kernel, sorted.begin, tile);
    let place = kernel.ints.add(begin, row).ok()?;
    let place = clamped(kernel, place, sorted.rows);
    let number = element(kernel, sorted.order, place);
    Some(clamped(kernel, number, sorted.rows))
}

/// An element of a table as an index.
fn element(kernel: &mut Kernel, tensor: Id<Tensor>, at: IntId) -> IntId {
    let bound = index_bound(kernel.tensors[tensor].element);
    kernel.ints.of_atom(Atom::Read(tensor, vec![at]), bound)
}

/// An integer clamped into 0 .. length - 1.
fn clamped(kernel: &mut Kernel, value: IntId, length: IntId) -> IntId {
    let span = kernel.equations.first().map(|equation| equation.span).unwrap_or_default();
    let kind = ExprKind::Int(value);
    let value = kernel.exprs.push(Expr { kind, ty: Scalar::I32, span });
    let kind = ExprKind::Convert(value);
    let value = kernel.exprs.push(Expr { kind, ty: Scalar::Idx(length), span });
    kernel.ints.of_atom(Atom::Value(value), Some(length))
}
