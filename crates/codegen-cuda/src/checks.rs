//! What must hold of the sizes of every launch: the facts of the kernel, and that
//! every tensor and every exact integer can exist, as in `tilec_ir::launch`. Sizes and
//! the dimensions of arguments are checked by whoever launches.

mod overflow;

use tilec_ir::tensor::{FactKind, Role, Tensor};
use tilec_ir::{Kernel, Scalar, show};
use tilec_manifest::{Check, Condition, Formula, Relation};

use crate::formula::formula;

/// The largest dimension: an index must fit i32.
const MAX_DIMENSION: i64 = i32::MAX as i64;

/// The checks of a kernel, in the order of its source.
pub(crate) fn checks(kernel: &Kernel) -> Vec<Check> {
    let mut checks = Vec::new();
    facts(kernel, &mut checks);
    for (_, tensor) in kernel.tensors.iter() {
        dimensions(kernel, tensor, &mut checks);
    }
    checks.extend(overflow::checks(kernel));
    let mut seen: Vec<Check> = Vec::new();
    checks.retain(|check| {
        let fresh = !is_always(&check.condition)
            && !seen.iter().any(|other| other.condition == check.condition);
        if fresh {
            seen.push(check.clone());
        }
        fresh
    });
    checks
}

fn facts(kernel: &Kernel, checks: &mut Vec<Check>) {
    for fact in &kernel.facts {
        let (a, relation, b) = match fact.kind {
            FactKind::Equal(a, b) => (a, Relation::Equal, b),
            FactKind::AtMost(a, b) => (a, Relation::AtMost, b),
            FactKind::Less(a, b) => (a, Relation::Less, b),
            // Properties of values are preconditions.
            FactKind::Sorted(_) | FactKind::Finite(_) => continue,
        };
        let (left, right) = (formula(kernel, a), formula(kernel, b));
        let condition = Condition { left, relation, right };
        checks.push(Check { condition, message: format!("`{}` does not hold", fact.text) });
    }
}

fn dimensions(kernel: &Kernel, tensor: &Tensor, checks: &mut Vec<Check>) {
    let local = tensor.role == Role::Local;
    for (at, &size) in tensor.shape.iter().enumerate().filter(|_| local) {
        let what = format!("dimension {} of `{}`, `{}`,", at + 1, tensor.name, show(kernel, size));
        range(&what, &formula(kernel, size), checks);
    }
    if let Scalar::Idx(bound) = tensor.element {
        let what =
            format!("the bound `{}` of the indices in `{}`", show(kernel, bound), tensor.name);
        range(&what, &formula(kernel, bound), checks);
        if tensor.role == Role::Input {
            some_index(kernel, tensor, &formula(kernel, bound), checks);
        }
    }
}

/// An input of indices below 0 can only be empty.
fn some_index(kernel: &Kernel, tensor: &Tensor, bound: &Formula, checks: &mut Vec<Check>) {
    use tilec_manifest::Operator;
    // min(1, elements) <= bound
    let count = crate::formula::product(kernel, tensor.shape.iter().copied());
    let some = Formula::apply(Operator::Min, 1.into(), count);
    let condition = Condition { left: some, relation: Relation::AtMost, right: bound.clone() };
    let message =
        format!("`{}` has elements, but there is no index that they could be", tensor.name);
    checks.push(Check { condition, message });
}

fn range(what: &str, value: &Formula, checks: &mut Vec<Check>) {
    let mut push = |left: Formula, right: Formula, message: String| {
        let condition = Condition { left, relation: Relation::AtMost, right };
        checks.push(Check { condition, message });
    };
    push(0.into(), value.clone(), format!("{what} is negative"));
    push(value.clone(), MAX_DIMENSION.into(), format!("{what} is over {MAX_DIMENSION}"));
}

/// Whether a condition over numbers holds.
fn is_always(condition: &Condition) -> bool {
    condition.holds(&|_| None) == Some(true)
}
