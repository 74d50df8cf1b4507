//! Takes a kernel to its canonical form, defined in [`crate::canonical`].
//!
//! Needs a verified kernel; gives one that verifies, has the same inputs,
//! outputs, sizes and facts, and computes the same: exactly, but for sums of
//! floats, whose factors are regrouped as the language allows. Takes time linear
//! in the size of the kernel, whatever its equations look like.
//!
//! Two rounds: the first inlines and gives every reduction a tensor; then it is
//! known which sums have a single reader, and the second merges those.

use std::collections::BTreeSet;

use tilec_ir::tensor::{ExprKind, Reduction, Role};
use tilec_ir::{Id, Kernel, tensor::Tensor};

use crate::canonical::Canonical;
use crate::emit::{emit, uses};
use crate::translate::translate;

/// The canonical form of a kernel.
#[must_use]
pub fn normalize(kernel: &Kernel) -> Canonical {
    let first = emit(&translate(kernel, None).builder);
    let merge = mergeable(&first);
    if merge.is_empty() {
        return Canonical::of(first);
    }
    let second = emit(&translate(&first, Some(&merge)).builder);
    Canonical::of(second)
}

/// The canonical form of a kernel that is canonical but for the order of its equations,
/// those that nothing needs, and pointwise ones that can be inlined.
pub(crate) fn again(kernel: &Kernel) -> Canonical {
    Canonical::of(emit(&translate(kernel, Some(&BTreeSet::new())).builder))
}

/// Sums that only another sum reads, and only once.
fn mergeable(kernel: &Kernel) -> BTreeSet<Id<Tensor>> {
    let uses = uses(kernel);
    let mut read_by_sums = BTreeSet::new();
    let mut sums = BTreeSet::new();
    for equation in &kernel.equations {
        if let ExprKind::Reduce(Reduction::Sum, _, body) = kernel.exprs[equation.value].kind {
            sums.insert(equation.tensor);
            for expr in tilec_ir::walk::reachable(kernel, body) {
                if let ExprKind::Read(tensor, _) = kernel.exprs[expr].kind {
                    read_by_sums.insert(tensor);
                }
            }
        }
    }
    let once = |tensor: &Id<Tensor>| {
        uses[tensor.index()] == 1 && kernel.tensors[*tensor].role == Role::Local
    };
    sums.intersection(&read_by_sums).copied().filter(once).collect()
}
