//! In which order the points of a sum are stored, and which of its variables
//! may be one axis.
//!
//! ```text
//! acc[m, n] = sum[k](..)   c[n, m] = bf16(acc[m, n])      the layout is n, m
//! y[b, s, d] = sum[k](x[b, s, k] * w[d, k])               b, s are one axis
//! ```

use tilec_ir::plan::EquationAt;
use tilec_ir::tensor::{Equation, Role, Tensor, Var};
use tilec_ir::{Id, IntId, Kernel};

use super::scene::{Scene, accesses, bare};
use crate::canonical::Body;

/// The orders in which the results of a sum are stored, as variables of the sum;
/// the one that decides comes first.
pub(crate) fn layouts(scene: &Scene, at: EquationAt) -> Vec<Vec<Id<Var>>> {
    let kernel = &scene.kernel;
    let sum = &kernel.equations[at];
    let mut found = Vec::new();
    if kernel.tensors[sum.tensor].role == Role::Output {
        found.push(sum.vars.clone());
    }
    let maps = scene.readers[sum.tensor.index()]
        .iter()
        .filter(|&&reader| matches!(scene.stated[reader].body, Body::Map(_)));
    found.extend(maps.filter_map(|&reader| order_in(kernel, sum, &kernel.equations[reader])));
    if found.is_empty() {
        found.push(sum.vars.clone());
    }
    found
}

/// The variables of the sum in the order of the reader's dimensions, if the
/// reader reads it at the same points.
fn order_in(kernel: &Kernel, sum: &Equation, reader: &Equation) -> Option<Vec<Id<Var>>> {
    let index = same_points(kernel, sum.tensor, reader)?;
    let place = |var: &Id<Var>| {
        let dim = index.iter().position(|&i| bare(kernel, i) == Some(*var))?;
        Some(sum.vars[dim])
    };
    reader.vars.iter().map(place).collect()
}

/// How `reader` reads `tensor`, if it does so only at one place, which is its own
/// point with the variables in some order.
pub(crate) fn same_points(
    kernel: &Kernel,
    tensor: Id<Tensor>,
    reader: &Equation,
) -> Option<Vec<IntId>> {
    let mut found: Option<Vec<IntId>> = None;
    for access in accesses(kernel, reader.value).into_iter().filter(|a| a.tensor == tensor) {
        if !access.value || found.as_ref().is_some_and(|index| *index != access.index) {
            return None;
        }
        found = Some(access.index);
    }
    let index = found?;
    let mut vars: Vec<_> = index.iter().map(|&i| bare(kernel, i)).collect::<Option<Vec<_>>>()?;
    let mut own = reader.vars.clone();
    vars.sort_unstable();
    own.sort_unstable();
    (vars == own).then_some(index)
}

/// The longest run of `order` that ends with `last` and is adjacent, in this
/// order, in every list.
pub(crate) fn flattened(order: &[Id<Var>], last: Id<Var>, lists: &[Vec<Id<Var>>]) -> Vec<Id<Var>> {
    let Some(end) = order.iter().position(|&var| var == last) else { return vec![last] };
    let mut start = end;
    while start > 0 && lists.iter().all(|list| follows(list, order[start - 1], order[start])) {
        start -= 1;
    }
    order[start..=end].to_vec()
}

/// Whether `b` comes right after `a`.
pub(crate) fn follows(list: &[Id<Var>], a: Id<Var>, b: Id<Var>) -> bool {
    list.windows(2).any(|pair| pair == [a, b])
}
