//! How an expression depends on each index variable.
//!
//! ```text
//! s[m, k / 128]      m: each       k: blocks of 128
//! w[group[r], k]     r: gathered   k: each
//! ```

use std::collections::BTreeMap;

use tilec_ir::tensor::{Expr, ExprKind, Tensor, Var};
use tilec_ir::walk::{ints, reachable, vars_of_int};
use tilec_ir::{Atom, Id, IntId, Kernel};

/// How a value depends on a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Only from one block of so many to the next: through `v / c`.
    Blocks(i64),
    /// From element to element.
    Each,
    /// Through an index that is read from this tensor.
    Gathered(Id<Tensor>),
}

/// The variables of a value; those that are not there do not matter to it.
pub(crate) type Uses = BTreeMap<Id<Var>, Use>;

/// How `root` depends on its variables.
pub(crate) fn uses(kernel: &Kernel, root: Id<Expr>) -> Uses {
    let mut uses = Uses::new();
    let mut values = Vec::new();
    for expr in reachable(kernel, root) {
        let index = matches!(kernel.exprs[expr].kind, ExprKind::Read(..));
        for int in ints(&kernel.exprs[expr]) {
            of_int(kernel, int, index, &mut uses, &mut values);
        }
    }
    // Values inside of indices were walked as expressions too; that they are
    // indices makes them gathers.
    for (value, tensor) in values {
        for expr in reachable(kernel, value) {
            for var in
                ints(&kernel.exprs[expr]).into_iter().flat_map(|i| vars_of_int(&kernel.ints, i))
            {
                add(&mut uses, var, Use::Gathered(tensor));
            }
        }
    }
    uses
}

fn of_int(
    kernel: &Kernel,
    root: IntId,
    index: bool,
    uses: &mut Uses,
    values: &mut Vec<(Id<Expr>, Id<Tensor>)>,
) {
    let mut open = vec![(root, None)];
    while let Some((int, gather)) = open.pop() {
        let terms = kernel.ints.get(int).terms();
        for &factor in terms.iter().flat_map(|term| &term.factors) {
            match kernel.ints.atom(factor) {
                Atom::Size(_) => {}
                Atom::Var(var) => add(uses, *var, gather.map_or(Use::Each, Use::Gathered)),
                Atom::Div(p, d) => match (block(kernel, *p, *d), gather) {
                    (Some((var, length)), None) => add(uses, var, Use::Blocks(length)),
                    _ => open.extend([(*p, gather), (*d, gather)]),
                },
                Atom::Read(tensor, inner) => {
                    let gather = gather.or(index.then_some(*tensor));
                    open.extend(inner.iter().map(|&i| (i, gather)));
                }
                Atom::Value(value) => {
                    if let Some(tensor) =
                        gather.or_else(|| index.then(|| first_read(kernel, *value))?)
                    {
                        values.push((*value, tensor));
                    }
                }
            }
        }
    }
}

fn first_read(kernel: &Kernel, value: Id<Expr>) -> Option<Id<Tensor>> {
    reachable(kernel, value)
        .into_iter()
        .find_map(|e| tilec_ir::walk::reads(kernel, e).first().copied())
}

/// `(v, c)` of `v / c`.
pub(crate) fn block(kernel: &Kernel, p: IntId, d: IntId) -> Option<(Id<Var>, i64)> {
    let length = kernel.ints.as_constant(d)?;
    match kernel.ints.as_atom(p)? {
        Atom::Var(var) => Some((*var, length)),
        Atom::Size(_) | Atom::Div(..) | Atom::Read(..) | Atom::Value(_) => None,
    }
}

fn add(uses: &mut Uses, var: Id<Var>, new: Use) {
    let joined = match (uses.get(&var).copied(), new) {
        (None, new) => new,
        (Some(Use::Gathered(tensor)), _) | (_, Use::Gathered(tensor)) => Use::Gathered(tensor),
        (Some(Use::Each), _) | (_, Use::Each) => Use::Each,
        (Some(Use::Blocks(a)), Use::Blocks(b)) => Use::Blocks(gcd(a, b)),
    };
    uses.insert(var, joined);
}

/// The greatest common divisor of two positive numbers.
pub(crate) fn gcd(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
