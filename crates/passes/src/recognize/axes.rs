//! Which variables of a contraction are rows, columns, batch and reduced, in
//! which order, and how the operands lie in these terms.

use tilec_ir::plan::{Axis, EquationAt, Operand, Read};
use tilec_ir::tensor::{Expr, ExprKind, Var};
use tilec_ir::{Id, Kernel};

use super::contract::Weighed;
use super::layout::{flattened, follows, layouts};
use super::narrow::narrowest;
use super::scene::{Scene, bare};

/// The operands, told apart, with the layouts of the result.
#[derive(Debug)]
pub(crate) struct Sides {
    a: Weighed,
    b: Weighed,
    layouts: Vec<Vec<Id<Var>>>,
}

/// The axes of a contraction.
#[derive(Debug)]
pub(crate) struct Axes {
    pub(crate) batch: Vec<Id<Var>>,
    pub(crate) m: Vec<Id<Var>>,
    pub(crate) n: Vec<Id<Var>>,
    pub(crate) k: Vec<Id<Var>>,
    pub(crate) a: Operand,
    pub(crate) b: Operand,
}

impl Sides {
    /// `None` if no variable belongs to one operand alone.
    pub(crate) fn of(scene: &Scene, at: EquationAt, pair: [Weighed; 2]) -> Option<Self> {
        let layouts = layouts(scene, at);
        let [first, second] = pair;
        let own = |w: &Weighed, other: &Weighed, var: &Id<Var>| {
            w.uses.contains_key(var) && !other.uses.contains_key(var)
        };
        let inner = layouts[0].iter().rev();
        let of_first = inner.clone().position(|var| own(&first, &second, var));
        let of_second = inner.clone().position(|var| own(&second, &first, var));
        let (a, b) = match (of_first, of_second) {
            (None, None) => return None,
            (Some(x), Some(y)) if x > y => (first, second),
            (Some(_), _) => (second, first),
            (None, Some(_)) => (first, second),
        };
        Some(Self { a, b, layouts })
    }

    /// The variables of the result that only one side uses, in layout order.
    fn own(&self, side: &Weighed, other: &Weighed) -> Vec<Id<Var>> {
        let own = |var: &Id<Var>| side.uses.contains_key(var) && !other.uses.contains_key(var);
        self.layouts[0].iter().copied().filter(own).collect()
    }

    /// The rows of a side: the innermost of its own variables, and what can be
    /// flattened with it.
    fn rows(&self, kernel: &Kernel, side: &Weighed, other: &Weighed) -> Vec<Id<Var>> {
        let own = self.own(side, other);
        let Some(&last) = own.last() else { return Vec::new() };
        let mut lists = self.layouts.clone();
        lists.extend(dims(kernel, side.factor.expr));
        flattened(&own, last, &lists)
    }
}

/// The axes of the sum at `at`.
pub(crate) fn axes(scene: &Scene, at: EquationAt, reduced: &[Id<Var>], sides: &Sides) -> Axes {
    let kernel = &scene.kernel;
    let m = sides.rows(kernel, &sides.a, &sides.b);
    let n = sides.rows(kernel, &sides.b, &sides.a);
    let in_layout = sides.layouts[0].iter().copied();
    let batch: Vec<_> = in_layout.filter(|var| !m.contains(var) && !n.contains(var)).collect();
    debug_assert_eq!(batch.len() + m.len() + n.len(), kernel.equations[at].vars.len());
    let k = reduced_order(kernel, reduced, sides);
    let operand = |side: &Weighed, rows: &[Id<Var>]| {
        let expr = side.factor.expr;
        Operand {
            expr,
            element: narrowest(kernel, expr),
            read: read(kernel, expr, &batch, rows, &k),
        }
    };
    let (a, b) = (operand(&sides.a, &m), operand(&sides.b, &n));
    Axes { batch, m, n, k, a, b }
}

/// The reduced variables in the order in which an operand holds them.
fn reduced_order(kernel: &Kernel, reduced: &[Id<Var>], sides: &Sides) -> Vec<Id<Var>> {
    let dims = [&sides.a, &sides.b].into_iter().find_map(|side| dims(kernel, side.factor.expr));
    match dims {
        Some(dims) => dims.into_iter().filter(|var| reduced.contains(var)).collect(),
        None => reduced.to_vec(),
    }
}

/// The dimensions of a plain read, each a variable of its own.
fn dims(kernel: &Kernel, expr: Id<Expr>) -> Option<Vec<Id<Var>>> {
    let ExprKind::Read(_, index) = &kernel.exprs[expr].kind else { return None };
    let dims: Vec<_> = index.iter().map(|&i| bare(kernel, i)).collect::<Option<_>>()?;
    let twice = dims.iter().enumerate().any(|(at, var)| dims[..at].contains(var));
    (!twice).then_some(dims)
}

/// Where an operand lies, if flattened axes are adjacent there.
fn read(
    kernel: &Kernel,
    expr: Id<Expr>,
    batch: &[Id<Var>],
    rows: &[Id<Var>],
    k: &[Id<Var>],
) -> Option<Read> {
    let ExprKind::Read(tensor, _) = kernel.exprs[expr].kind else { return None };
    let dims = dims(kernel, expr)?;
    let adjacent = |axis: &[Id<Var>]| axis.windows(2).all(|pair| follows(&dims, pair[0], pair[1]));
    if !adjacent(rows) || !adjacent(k) {
        return None;
    }
    let place = |list: &[Id<Var>], var| list.iter().position(|&x| x == var);
    let axis = |&var: &Id<Var>| {
        let (of_batch, of_rows, of_k) = (place(batch, var), place(rows, var), place(k, var));
        of_batch.map(Axis::Batch).or(of_rows.map(Axis::Row)).or(of_k.map(Axis::K))
    };
    let axes = dims.iter().map(axis).collect::<Option<_>>()?;
    Some(Read { tensor, axes })
}
