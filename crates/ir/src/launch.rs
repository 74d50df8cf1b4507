//! Sizes of one launch: bound by name, solved from the shapes of the inputs,
//! or by default, in this order of precedence; then checked.
//!
//! A launch that is accepted keeps every promise that the proofs of the checker
//! rest on: facts hold, sizes and dimensions are in 0 ..= 2^31 - 1, and no exact
//! integer leaves i32 at these sizes. Whether the tensors fit into memory is for
//! whoever allocates them.

mod check;
mod interval;
mod messages;
mod overflow;
mod solve;
#[cfg(test)]
mod tests;

use crate::arena::Id;
use crate::diagnostic::Diagnostic;
use crate::tensor::{Kernel, Size};

pub use messages::teller;
pub use solve::tellers;

/// The sizes of one launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The value of every size parameter, in the order of `kernel.sizes`.
    pub sizes: Vec<i64>,
    /// The shape of every tensor, in the order of `kernel.tensors`.
    pub shapes: Vec<Vec<usize>>,
}

impl Launch {
    /// The value of a size parameter.
    #[must_use]
    pub fn size(&self, size: Id<Size>) -> i64 {
        self.sizes[size.index()]
    }
}

/// Solves the sizes from what is bound by name and from the shapes of the
/// inputs that are given, in the order of the kernel's inputs. The shapes of
/// inputs that are not given follow from the sizes.
pub fn bind(
    kernel: &Kernel,
    inputs: &[Option<Vec<usize>>],
    set: &[(String, i64)],
) -> Result<Launch, Vec<Diagnostic>> {
    let sizes = solve::sizes(kernel, inputs, set)?;
    check::facts(kernel, &sizes)?;
    let shapes = check::shapes(kernel, &sizes)?;
    overflow::check(kernel, &sizes)?;
    Ok(Launch { sizes, shapes })
}
