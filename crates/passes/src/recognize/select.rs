//! Selections: `index[r, s] = argsort[n desc](key[r, n])[first + s]`.
//!
//! The key may be any pointwise expression of the row and the element. What is wanted is
//! a run of places, from a first one that only sizes tell.

use tilec_ir::int::Term;
use tilec_ir::int_text::show;
use tilec_ir::plan::{EquationAt, Select};
use tilec_ir::tensor::{Expr, ExprKind, Order, Unary, Var};
use tilec_ir::{Atom, Id, IntId, Kernel};

use super::row_range::limited;
use super::scene::Scene;
use super::uses::uses;
use super::{Outcome, Reason};
use crate::canonical::Body;

/// The selection that an equation is.
pub(crate) fn select(scene: &mut Scene, at: EquationAt) -> Outcome<Select> {
    let Body::Rank { var, order, key, place } = scene.stated[at].body else { return Ok(None) };
    let (order, key) = straight(&scene.kernel, order, key);
    let equation = &scene.kernel.equations[at];
    let (vars, span) = (equation.vars.clone(), equation.span);
    let refuse = |text: String| Err(Reason { text, span });
    let Run { first, place, count } = match run(scene, at, place) {
        Ok(run) => run,
        Err(text) => return refuse(text),
    };
    let rows: Vec<_> = vars.into_iter().filter(|&var| Some(var) != place).collect();
    if let Some(place) = place.filter(|place| uses(&scene.kernel, key).contains_key(place)) {
        let (key, place) = (scene.quote(key), scene.name(place));
        return refuse(format!("its key {key} changes with the place {place}: no row is ordered"));
    }
    let guard = scene.stated[at].guard;
    let tested = guard.map(|guard| uses(&scene.kernel, guard)).unwrap_or_default();
    if let Some(place) = place.filter(|place| tested.contains_key(place)) {
        let place = scene.name(place);
        return refuse(format!("which of its places {place} are needed is a test of each place"));
    }
    let limited = limited(&mut scene.kernel, var, order, key);
    let (limit, key) = limited.map_or((None, key), |found| (Some(found.limit), found.key));
    Ok(Some(Select {
        rows,
        place,
        first,
        count,
        column: var,
        length: scene.kernel.vars[var].range,
        order,
        key,
        limit,
        guard,
        gathered: Vec::new(),
        stages: Vec::new(),
        stored: true,
    }))
}

/// The other order of `x`, for the order of `-x`: NaN comes last in both, and -0 equals
/// +0. Integers may wrap.
pub(super) fn straight(kernel: &Kernel, order: Order, key: Id<Expr>) -> (Order, Id<Expr>) {
    let (mut order, mut key) = (order, key);
    while let Expr { kind: ExprKind::Unary(Unary::Neg, x), ty, .. } = kernel.exprs[key]
        && ty.is_float()
    {
        key = x;
        order = match order {
            Order::Ascending => Order::Descending,
            Order::Descending => Order::Ascending,
        };
    }
    (order, key)
}

/// The places that are wanted.
struct Run {
    first: IntId,
    place: Option<Id<Var>>,
    count: IntId,
}

/// `first + s` with a variable `s` of the equation, or one place that sizes tell.
fn run(scene: &mut Scene, at: EquationAt, wanted: IntId) -> Result<Run, String> {
    let kernel = &mut scene.kernel;
    let vars = &kernel.equations[at].vars;
    let place = vars.iter().copied().find(|&var| is_term(kernel, wanted, var));
    let (first, count) = match place {
        None => (wanted, kernel.ints.constant(1)),
        Some(place) => {
            let range = kernel.vars[place].range;
            let var = kernel.ints.of_atom(Atom::Var(place), Some(range));
            let first = kernel.ints.sub(wanted, var).map_err(|_| "its place is too complex")?;
            (first, range)
        }
    };
    if !of_sizes(&scene.kernel, first) {
        let place = show(&scene.kernel, wanted);
        return Err(format!("its place `{place}` is no run of places: `s`, `p + s` or one of all"));
    }
    Ok(Run { first, place, count })
}

/// Whether a variable is a term of a place: `place - var` does not hold it.
fn is_term(kernel: &Kernel, place: IntId, var: Id<Var>) -> bool {
    let terms = kernel.ints.get(place).terms();
    let is_it = |term: &Term| match term.factors.as_slice() {
        [atom] => *kernel.ints.atom(*atom) == Atom::Var(var) && term.coefficient == 1,
        _ => false,
    };
    terms.iter().any(is_it)
}

/// Whether an integer is made of sizes alone.
fn of_sizes(kernel: &Kernel, int: IntId) -> bool {
    let mut only = true;
    kernel.ints.visit_atoms(int, &mut |_, atom| {
        only &= matches!(atom, Atom::Size(_) | Atom::Div(..));
    });
    only
}
