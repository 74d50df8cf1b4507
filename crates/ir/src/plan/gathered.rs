//! Operands that are plain but for the place in the batch at which they begin, which data
//! tells: the matrix of a tile's group.
//!
//! ```text
//! w[group[b], n, k]     rows n and k lie as in any matrix; where it begins is told by b
//! ```

use crate::arena::Id;
use crate::int::{Atom, IntId};
use crate::plan::{Contract, Operand};
use crate::tensor::{ExprKind, Kernel, Tensor, Var};
use crate::walk::vars_of_int;

/// What a dimension of a gathered operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The rows.
    Row,
    /// The reduced axis.
    K,
    /// An index of the batch's variables alone.
    Batch(IntId),
}

impl Contract {
    /// How an operand with these rows lies, if it is gathered in its batch and in nothing
    /// else; its dimensions, outermost first.
    #[must_use]
    pub fn gathered(
        &self,
        kernel: &Kernel,
        operand: &Operand,
        rows: &[Id<Var>],
    ) -> Option<(Id<Tensor>, Vec<Told>)> {
        let ExprKind::Read(tensor, index) = &kernel.exprs[operand.expr].kind else { return None };
        let (&[row], &[k]) = (rows, self.k.as_slice()) else { return None };
        if operand.read.is_some() || !index.iter().any(|&index| reads(kernel, index)) {
            return None;
        }
        let told = |&index: &IntId| match kernel.ints.as_atom(index) {
            Some(Atom::Var(var)) if *var == row => Some(Told::Row),
            Some(Atom::Var(var)) if *var == k => Some(Told::K),
            _ => self.of_batch(kernel, index).then_some(Told::Batch(index)),
        };
        let dims: Vec<_> = index.iter().map(told).collect::<Option<_>>()?;
        let once = |wanted: Told| dims.iter().filter(|&&dim| dim == wanted).count() == 1;
        (once(Told::Row) && once(Told::K)).then_some((*tensor, dims))
    }

    /// Whether an index is of the batch's variables alone, and plainly written.
    fn of_batch(&self, kernel: &Kernel, index: IntId) -> bool {
        let mut plain = true;
        kernel.ints.visit_atoms(index, &mut |_, atom| plain &= !matches!(atom, Atom::Value(_)));
        plain && vars_of_int(&kernel.ints, index).iter().all(|var| self.batch.contains(var))
    }
}

/// Whether an index is read from a tensor.
fn reads(kernel: &Kernel, index: IntId) -> bool {
    let mut found = false;
    kernel.ints.visit_atoms(index, &mut |_, atom| found |= matches!(atom, Atom::Read(..)));
    found
}
