//! The least that a grouped region must do: useful operations, and bytes that must be
//! read, as formulas over sizes.
//!
//! ```text
//! useful  4 * D * F * S * T FLOP
//! weights 4 * D * F bytes of every group that has a row, once; of all groups 4 * D * E * F
//! ```

use super::entry;
use crate::arena::Id;
use crate::array::Element;
use crate::int::{IntId, TooComplex};
use crate::int_text::show;
use crate::plan::{Axis, Contract, Form, Grouped, GroupedProduct, Plan, WeightDim};
use crate::tensor::{Kernel, Scalar, Var};

/// The lines, without what is too long a formula.
pub(super) fn of_grouped(plan: &Plan, grouped: &Grouped) -> Vec<String> {
    // Formulas are built in a kernel of their own: text changes no plan.
    let mut kernel = plan.kernel.clone();
    let mut lines = Vec::new();
    if let Ok(operations) = total(&mut kernel, grouped, operations) {
        let unit = if is_float(grouped) { "FLOP" } else { "integer operations" };
        let most = if matches!(grouped.form, Form::Masked { .. }) { "at most " } else { "" };
        lines.push(entry("useful", &format!("{most}{} {unit}", show(&kernel, operations))));
    }
    let bytes = total(&mut kernel, grouped, weight_bytes);
    if let Ok(bytes) = bytes
        && let Ok(all) = kernel.ints.mul(bytes, grouped.groups)
    {
        let (each, all) = (show(&kernel, bytes), show(&kernel, all));
        let text = format!("{each} bytes of every group that has a row, once; of all groups {all}");
        lines.push(entry("weights", &text));
    }
    lines
}

fn is_float(grouped: &Grouped) -> bool {
    grouped.products[0].contract.accumulator == Scalar::F32
}

type Formula = fn(&mut Kernel, &GroupedProduct) -> Result<IntId, TooComplex>;

/// The sum over all products.
fn total(kernel: &mut Kernel, grouped: &Grouped, of: Formula) -> Result<IntId, TooComplex> {
    let zero = kernel.ints.constant(0);
    grouped.products.iter().try_fold(zero, |sum, product| {
        let one = of(kernel, product)?;
        kernel.ints.add(sum, one)
    })
}

/// A multiplication and an addition for each row, column and element of `k`.
fn operations(kernel: &mut Kernel, product: &GroupedProduct) -> Result<IntId, TooComplex> {
    let contract = &product.contract;
    let axes = [&contract.batch, &contract.m, &contract.n, &contract.k];
    let two = kernel.ints.constant(2);
    axes.into_iter().flatten().try_fold(two, |count, &var| {
        let range = kernel.vars[var].range;
        kernel.ints.mul(count, range)
    })
}

/// The matrix of one group.
fn weight_bytes(kernel: &mut Kernel, product: &GroupedProduct) -> Result<IntId, TooComplex> {
    let contract = &product.contract;
    let element = match &product.weights {
        Some(weights) => kernel.tensors[weights.tensor].element,
        None => contract.b.element,
    };
    let element = Element::of(element).bytes();
    let element = i64::try_from(element).map_err(|_| TooComplex)?;
    let bytes = kernel.ints.constant(element);
    let vars = match &product.weights {
        Some(weights) => {
            weights.dims.iter().filter_map(|&dim| weights_var(contract, dim)).collect()
        }
        None => [contract.batch.as_slice(), &contract.n, &contract.k].concat(),
    };
    vars.into_iter().try_fold(bytes, |bytes, var| {
        let range = kernel.vars[var].range;
        kernel.ints.mul(bytes, range)
    })
}

/// The variable along a dimension of the matrices, if it is not the same for a whole group.
fn weights_var(contract: &Contract, dim: WeightDim) -> Option<Id<Var>> {
    match dim {
        WeightDim::Group | WeightDim::Fixed(_) => None,
        WeightDim::Axis { axis: Axis::Batch(at), .. } => Some(contract.batch[at]),
        WeightDim::Axis { axis: Axis::Row(at), .. } => Some(contract.n[at]),
        WeightDim::Axis { axis: Axis::K(at), .. } => Some(contract.k[at]),
    }
}
