//! Grouped products, combined rows and histograms as text.

use super::{all_or, entry, equation, of_product, operand};
use crate::arena::Id;
use crate::int_text::show;
use crate::plan::{Combine, Form, Grouped, GroupedProduct, Histogram, Plan};
use crate::print::{binders, print_expr, scalar};
use crate::tensor::{Expr, ExprKind, Kernel, Scalar};

pub(super) fn of_grouped(plan: &Plan, grouped: &Grouped) -> Vec<String> {
    let kernel = &plan.kernel;
    let first = &grouped.products[0].contract;
    let groups = show(kernel, grouped.groups);
    let batch = Some(&first.batch).filter(|batch| !batch.is_empty());
    let mut lines: Vec<_> =
        batch.into_iter().map(|batch| entry("batch", &binders(kernel, batch))).collect();
    lines.extend([
        entry("rows", &binders(kernel, &first.m)),
        entry("group", &format!("{} of {groups}", group(kernel, grouped))),
        entry("form", &form(plan, grouped.form)),
        entry("k", &binders(kernel, &first.k)),
        entry("a", &operand(plan, &first.a)),
    ]);
    for product in &grouped.products {
        let sum = &kernel.equations[product.equation];
        lines.push(entry("sum", &kernel.tensors[sum.tensor].name));
        lines.push(entry("  n", &binders(kernel, &product.contract.n)));
        let b = operand_of_group(plan, product.contract.b.expr, product.weights.is_some());
        lines
            .push(entry("  b", &format!("{:<6}  {b}", scalar(kernel, product.contract.b.element))));
        lines.extend(
            of_product(plan, &product.contract).into_iter().map(|line| format!("  {line}")),
        );
    }
    lines.extend(super::work::of_grouped(plan, grouped));
    lines.extend(grouped.epilogue.iter().flat_map(|&at| equation(plan, "then", at)));
    lines
}

/// A group may hold the value of an expression, which only expressions print.
fn group(kernel: &Kernel, grouped: &Grouped) -> String {
    let mut kernel = kernel.clone();
    let GroupedProduct { contract, group, .. } = &grouped.products[0];
    let span = kernel.exprs[contract.b.expr].span;
    let kind = ExprKind::Int(*group);
    let expr = kernel.exprs.push(Expr { kind, ty: Scalar::I32, span });
    print_expr(&kernel, expr)
}

fn operand_of_group(plan: &Plan, expr: Id<Expr>, plain: bool) -> String {
    let how = if plain { "" } else { ", computed" };
    format!("{}{how}", print_expr(&plan.kernel, expr))
}

fn form(plan: &Plan, form: Form) -> String {
    let kernel = &plan.kernel;
    match form {
        Form::Unsorted => "unsorted: rows of a group stand anywhere".to_owned(),
        Form::Contiguous => "contiguous: groups ascend with the rows".to_owned(),
        Form::Offsets { offset } => {
            let name = &kernel.tensors[offset].name;
            format!("offsets: the group is how many {name}[e + 1] are at most the row")
        }
        Form::Masked { row, count } => {
            let (row, count) = (&kernel.vars[row].name, print_expr(kernel, count));
            format!("masked: only where {row} < {count}")
        }
    }
}

pub(super) fn of_combine(plan: &Plan, combine: &Combine) -> Vec<String> {
    let kernel = &plan.kernel;
    let mut lines = vec![
        entry("rows", &all_or(&binders(kernel, &combine.rows), "one")),
        entry("columns", &all_or(&binders(kernel, &combine.columns), "one")),
        entry("slots", &format!("{}, in this order", binders(kernel, &combine.slots))),
        entry("value", &print_expr(kernel, combine.value)),
    ];
    for weight in &combine.weights {
        let text = print_expr(kernel, weight.expr);
        let text = if weight.inverse { format!("1 / ({text})") } else { text };
        lines.push(entry("weight", &text));
    }
    lines.push(entry("sum", if combine.stored { "stored" } else { "not stored" }));
    lines.extend(combine.epilogue.iter().flat_map(|&at| equation(plan, "then", at)));
    lines
}

pub(super) fn of_histogram(plan: &Plan, histogram: &Histogram) -> Vec<String> {
    let kernel = &plan.kernel;
    let mut lines = Vec::new();
    if !histogram.rows.is_empty() {
        lines.push(entry("rows", &binders(kernel, &histogram.rows)));
    }
    lines.push(entry("bins", &binders(kernel, &[histogram.bin])));
    lines.push(entry("over", &binders(kernel, &histogram.over)));
    lines.push(entry("key", &print_expr(kernel, histogram.key)));
    lines.push(entry("adds", &print_expr(kernel, histogram.value)));
    lines
}
