//! What is known of the groups of rows: nothing, that they ascend, that offsets tell
//! them, or that each has room of its own.

use tilec_ir::plan::{Axis, Contract, EquationAt, Form, GroupedProduct};
use tilec_ir::tensor::{Binary, ExprKind, FactKind, Reduction, Tensor, Var};
use tilec_ir::walk::reachable;
use tilec_ir::{Atom, Id, IntId, Kernel, Scalar};

use super::Found;
use super::weights::weights;
use crate::recognize::scene::{Scene, bare, tensors_read};
use crate::recognize::uses::uses;

/// The form of rows whose group is data.
pub(super) fn form(scene: &mut Scene, group: IntId, rows: &[Id<Var>]) -> Form {
    let Some(&first) = rows.first() else { return Form::Unsorted };
    match scene.kernel.ints.as_atom(group).cloned() {
        Some(Atom::Read(tensor, index)) => {
            let ascends =
                scene.kernel.facts.iter().any(|fact| fact.kind == FactKind::Sorted(tensor));
            match index.as_slice() {
                // The first of the row variables counts whole runs of rows.
                [row] if ascends && bare(&scene.kernel, *row) == Some(first) => Form::Contiguous,
                _ => Form::Unsorted,
            }
        }
        Some(Atom::Value(value)) => offsets(scene, value, first).unwrap_or(Form::Unsorted),
        Some(Atom::Size(_) | Atom::Var(_) | Atom::Div(..)) | None => Form::Unsorted,
    }
}

/// `idx<E>(sum[e < E](if offset[e + 1] <= r then 1 else 0))`, where the sum is a tensor.
fn offsets(scene: &mut Scene, value: Id<tilec_ir::tensor::Expr>, row: Id<Var>) -> Option<Form> {
    let ExprKind::Convert(count) = scene.kernel.exprs[value].kind else { return None };
    let Scalar::Idx(groups) = scene.kernel.exprs[value].ty else { return None };
    let (tensor, index) = read(&scene.kernel, count)?;
    let [at] = index.as_slice() else { return None };
    if bare(&scene.kernel, *at) != Some(row) {
        return None;
    }
    let writer = scene.writer[tensor.index()]?;
    let equation = scene.kernel.equations[writer].clone();
    let ExprKind::Reduce(Reduction::Sum, vars, body) = &scene.kernel.exprs[equation.value].kind
    else {
        return None;
    };
    let (&[e], body, &[own]) = (vars.as_slice(), *body, equation.vars.as_slice()) else {
        return None;
    };
    let range = scene.kernel.vars[e].range;
    let offset = ends_before(&mut scene.kernel, body, e, own)?;
    scene.equal(range, groups).then_some(Form::Offsets { offset })
}

/// The tensor of `if offset[e + 1] <= r then 1 else 0`.
fn ends_before(
    kernel: &mut Kernel,
    body: Id<tilec_ir::tensor::Expr>,
    e: Id<Var>,
    r: Id<Var>,
) -> Option<Id<Tensor>> {
    let ExprKind::Select(test, one, zero) = kernel.exprs[body].kind else { return None };
    let constant = |expr: Id<_>| match kernel.exprs[expr].kind {
        ExprKind::Int(int) => kernel.ints.as_constant(int),
        _ => None,
    };
    if (constant(one), constant(zero)) != (Some(1), Some(0)) {
        return None;
    }
    let ExprKind::Binary(Binary::AtMost, end, row) = kernel.exprs[test].kind else { return None };
    let (tensor, index) = read(kernel, end)?;
    let is_row =
        matches!(kernel.exprs[row].kind, ExprKind::Int(int) if bare(kernel, int) == Some(r));
    let range = kernel.vars[e].range;
    let e = kernel.ints.of_atom(Atom::Var(e), Some(range));
    let one = kernel.ints.constant(1);
    let next = kernel.ints.add(e, one).ok()?;
    (is_row && index == [next]).then_some(tensor)
}

/// What an integer reads, if it is nothing but a read.
fn read(kernel: &Kernel, expr: Id<tilec_ir::tensor::Expr>) -> Option<(Id<Tensor>, Vec<IntId>)> {
    match &kernel.exprs[expr].kind {
        ExprKind::Read(tensor, index) => Some((*tensor, index.clone())),
        ExprKind::Int(int) => match kernel.ints.as_atom(*int)? {
            Atom::Read(tensor, index) => Some((*tensor, index.clone())),
            Atom::Size(_) | Atom::Var(_) | Atom::Div(..) | Atom::Value(_) => None,
        },
        _ => None,
    }
}

/// A contraction of which the first rows of each group are needed.
pub(crate) fn masked(scene: &mut Scene, at: EquationAt, contract: &Contract) -> Option<Found> {
    let kernel = &scene.kernel;
    let ExprKind::Binary(Binary::Less, row, count) = kernel.exprs[contract.guard?].kind else {
        return None;
    };
    let ExprKind::Int(int) = kernel.exprs[row].kind else { return None };
    let row = bare(kernel, int).filter(|row| contract.m.as_slice() == [*row])?;
    let counted = uses(kernel, count);
    let read = contract.b.read.as_ref()?;
    // The innermost variable of the batch that tells both the matrix and the count.
    let is_group = |at: &usize| {
        let var = contract.batch[*at];
        counted.contains_key(&var) && read.axes.contains(&Axis::Batch(*at))
    };
    let var = contract.batch[(0..contract.batch.len()).rev().find(is_group)?];
    let of_groups = counted.keys().all(|var| contract.batch.contains(var));
    let from_data = !tensors_read(kernel, count).is_empty();
    let pointwise = reachable(kernel, count)
        .into_iter()
        .all(|expr| tilec_ir::walk::bound(&kernel.exprs[expr].kind).is_empty());
    if !of_groups || !from_data || !pointwise {
        return None;
    }
    let groups = kernel.vars[var].range;
    let group = scene.kernel.ints.of_atom(Atom::Var(var), Some(groups));
    let weights = weights(scene, contract, group);
    let contract = contract.clone();
    let product = GroupedProduct { equation: at, contract, group, weights };
    Some(Found { form: Form::Masked { row, count }, groups, product })
}
