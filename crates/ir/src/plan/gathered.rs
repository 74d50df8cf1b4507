//! Operands that are plain but for the place at which they begin, which data tells: the
//! matrix of a tile's group, and the rows of the tile.
//!
//! ```text
//! w[group[b], n, k]     rows n and k lie as in any matrix; where it begins is told by b
//! x[begin[b] + m, k]    the same, but that it begins within the dimension of its rows
//! ```

use crate::arena::Id;
use crate::int::{Atom, AtomId, IntId};
use crate::plan::{Contract, Operand};
use crate::tensor::{ExprKind, Kernel, Tensor, Var};
use crate::walk::vars_of_int;

/// What a dimension of a gathered operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The rows.
    Row,
    /// The rows, from some row on that the batch's variables tell: this index of a row, which
    /// is where they begin for row 0.
    RowFrom(IntId),
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
            _ if self.is_row_from(kernel, index, row) => Some(Told::RowFrom(index)),
            _ => self.of_batch(kernel, index).then_some(Told::Batch(index)),
        };
        let dims: Vec<_> = index.iter().map(told).collect::<Option<_>>()?;
        let once = |wanted: fn(&Told) -> bool| dims.iter().filter(|dim| wanted(dim)).count() == 1;
        let is_row = |dim: &Told| matches!(dim, Told::Row | Told::RowFrom(_));
        (once(is_row) && once(|dim| *dim == Told::K)).then_some((*tensor, dims))
    }

    /// Whether an index is a row plus something that is plainly of the batch's variables.
    fn is_row_from(&self, kernel: &Kernel, index: IntId, row: Id<Var>) -> bool {
        let ints = &kernel.ints;
        let is_row = |atom: AtomId| matches!(ints.atom(atom), Atom::Var(var) if *var == row);
        let of_batch = |atom: AtomId| match ints.atom(atom) {
            Atom::Size(_) => true,
            Atom::Var(var) => self.batch.contains(var),
            Atom::Read(_, index) => index.iter().all(|&index| self.of_batch(kernel, index)),
            Atom::Div(..) | Atom::Value(_) => false,
        };
        let (own, others): (Vec<_>, Vec<_>) = ints.get(index).terms().iter().partition(
            |term| matches!(term.factors[..], [atom] if is_row(atom) && term.coefficient == 1),
        );
        own.len() == 1 && others.iter().flat_map(|term| &term.factors).all(|&atom| of_batch(atom))
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
