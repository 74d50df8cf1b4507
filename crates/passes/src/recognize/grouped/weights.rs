//! How the operands of a grouped product lie: which indices are data, which are axes.

use tilec_ir::plan::{Axis, Contract, Operand, Read, WeightDim, Weights, widened};
use tilec_ir::tensor::{Expr, ExprKind, Tensor, Var};
use tilec_ir::walk::{direct, ints};
use tilec_ir::{Atom, Id, IntId, Kernel};

use super::vars_in;
use crate::recognize::narrow::narrowest;
use crate::recognize::scene::{Scene, bare};
use crate::recognize::uses::{Use, Uses, uses};

/// Whether an index holds a value that only the data tells.
pub(super) fn is_data(kernel: &Kernel, index: IntId) -> bool {
    let mut data = false;
    kernel.ints.visit_atoms(index, &mut |_, atom| {
        data |= matches!(atom, Atom::Read(..) | Atom::Value(_));
    });
    data
}

/// The reads of an operand itself, without those inside of indices.
pub(super) fn reads(kernel: &Kernel, root: Id<Expr>) -> Vec<(Id<Tensor>, Vec<IntId>)> {
    let kinds = own(kernel, root).into_iter().map(|expr| &kernel.exprs[expr].kind);
    let read = |kind: &ExprKind| match kind {
        ExprKind::Read(tensor, index) => Some((*tensor, index.clone())),
        ExprKind::Int(int) => match kernel.ints.as_atom(*int)? {
            Atom::Read(tensor, index) => Some((*tensor, index.clone())),
            Atom::Size(_) | Atom::Var(_) | Atom::Div(..) | Atom::Value(_) => None,
        },
        _ => None,
    };
    kinds.filter_map(read).collect()
}

/// How an operand varies other than through indices that are data.
pub(crate) fn plain(kernel: &Kernel, root: Id<Expr>) -> Uses {
    let all = uses(kernel, root);
    let mut plain = Uses::new();
    for expr in own(kernel, root) {
        let indices = match &kernel.exprs[expr].kind {
            ExprKind::Read(_, index) => index.clone(),
            _ => ints(&kernel.exprs[expr]),
        };
        let is_read = matches!(kernel.exprs[expr].kind, ExprKind::Read(..));
        for index in indices.into_iter().filter(|&index| !(is_read && is_data(kernel, index))) {
            for var in vars_in(kernel, index) {
                plain.insert(var, all.get(&var).copied().unwrap_or(Use::Each));
            }
        }
    }
    plain
}

/// An expression and its operands, without those inside of indices.
fn own(kernel: &Kernel, root: Id<Expr>) -> Vec<Id<Expr>> {
    let (mut found, mut open) = (Vec::new(), vec![root]);
    while let Some(expr) = open.pop() {
        if !found.contains(&expr) {
            open.extend(direct(&kernel.exprs[expr].kind));
            found.push(expr);
        }
    }
    found
}

/// The operand `a`, whose dimensions may be any of the rows.
pub(super) fn rows(
    kernel: &Kernel,
    expr: Id<Expr>,
    batch: &[Id<Var>],
    m: &[Id<Var>],
    k: &[Id<Var>],
) -> Operand {
    let place = |list: &[Id<Var>], var| list.iter().position(|&x| x == var);
    let axis = |&index: &IntId| {
        let var = bare(kernel, index)?;
        let (of_batch, of_rows, of_k) = (place(batch, var), place(m, var), place(k, var));
        of_batch.map(Axis::Batch).or(of_rows.map(Axis::Row)).or(of_k.map(Axis::K))
    };
    let read = match &kernel.exprs[expr].kind {
        ExprKind::Read(tensor, index) => {
            let axes: Option<Vec<_>> = index.iter().map(axis).collect();
            axes.map(|axes| Read { tensor: *tensor, axes })
        }
        _ => None,
    };
    Operand { expr, element: narrowest(kernel, expr), read }
}

/// The matrices of all groups, if they are a plain read but for the group.
pub(super) fn weights(scene: &mut Scene, contract: &Contract, group: IntId) -> Option<Weights> {
    let kernel = &mut scene.kernel;
    let stored = widened(kernel, contract.b.expr);
    let ExprKind::Read(tensor, index) = kernel.exprs[stored].kind.clone() else { return None };
    let dims = index.into_iter().map(|index| match index == group {
        true => Some(WeightDim::Group),
        false => dim(kernel, contract, index),
    });
    let dims: Vec<_> = dims.collect::<Option<_>>()?;
    let whole = dims.contains(&WeightDim::Group) && once(&dims);
    whole.then_some(Weights { tensor, dims })
}

/// Whether no axis stands twice: `w[group, f, f]` is no matrix.
fn once(dims: &[WeightDim]) -> bool {
    let axis = |dim: &WeightDim| match dim {
        WeightDim::Axis { axis, .. } => Some(*axis),
        WeightDim::Group | WeightDim::Fixed(_) => None,
    };
    let axes: Vec<_> = dims.iter().filter_map(axis).collect();
    axes.iter().enumerate().all(|(at, axis)| !axes[..at].contains(axis))
}

/// An axis from some place on, or one place.
fn dim(kernel: &mut Kernel, contract: &Contract, index: IntId) -> Option<WeightDim> {
    let vars = vars_in(kernel, index);
    let &[var] = vars.as_slice() else {
        return (vars.is_empty() && !is_data(kernel, index)).then_some(WeightDim::Fixed(index));
    };
    let place = |list: &[Id<Var>]| list.iter().position(|&own| own == var);
    let axis = place(&contract.batch).map(Axis::Batch);
    let axis = axis.or(place(&contract.n).map(Axis::Row)).or(place(&contract.k).map(Axis::K))?;
    let range = kernel.vars[var].range;
    let var = kernel.ints.of_atom(Atom::Var(var), Some(range));
    let offset = kernel.ints.sub(index, var).ok()?;
    let of_sizes = vars_in(kernel, offset).is_empty() && !is_data(kernel, offset);
    of_sizes.then_some(WeightDim::Axis { axis, offset })
}
