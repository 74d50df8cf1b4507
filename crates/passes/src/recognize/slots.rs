//! Takes sums over slots apart into grouped products and what adds these up.
//!
//! ```text
//! out[t, d] = sum[s, f](weight[t, s] * h[t, s, f] * w[expert[t, s], d, f])
//!     ->  out'slots[t, s, d] = sum[f](h[t, s, f] * w[expert[t, s], d, f])
//!         out[t, d]          = sum[s](weight[t, s] * out'slots[t, s, d])
//! ```
//!
//! The canonical form merges the two, since each row is read once, however they were
//! written. But a row with its group is what goes through a matrix, and the slots of a
//! token have different groups. Factors of one product may be regrouped like this, floats
//! by the license of the language and integers because they wrap; nothing moves across a
//! conversion. Only what then is a grouped product is taken apart.

use tilec_ir::plan::EquationAt;
use tilec_ir::tensor::{Binary, Equation, Expr, ExprKind, Reduction, Var};
use tilec_ir::{Atom, Facts, Id, Kernel, Scalar};

use super::contract::is_fine;
use super::copy::{Renaming, copy};
use super::derive::unique;
use super::grouped::{grouped, plain, slots};
use super::scene::Scene;
use super::uses::{Uses, uses};
use crate::builder::local;
use crate::canonical::{Body, Canonical};
use crate::products::Factor;

/// A sum that is two.
#[derive(Clone, Debug)]
struct Apart {
    /// Variables of the rows, then of the slots, then of the columns.
    vars: Vec<Id<Var>>,
    slots: Vec<Id<Var>>,
    reduced: Vec<Id<Var>>,
    inside: Vec<Factor>,
    outside: Vec<Factor>,
    guard: Option<Id<Expr>>,
}

/// The same equations, each row of a group with a product of its own.
pub(crate) fn apart(canonical: &Canonical) -> Canonical {
    let scene = Scene::of(canonical.clone());
    let mut wanted: Vec<_> = (0..scene.stated.len()).map(|at| wanted(&scene, at)).collect();
    if wanted.iter().all(Option::is_none) {
        return canonical.clone();
    }
    let (trial, sums) = split(&scene, &wanted);
    let mut trial = Scene::of(trial);
    for (at, sum) in sums.into_iter().enumerate() {
        let found = sum.is_some_and(|sum| matches!(grouped(&mut trial, sum), Ok(Some(_))));
        if !found {
            wanted[at] = None;
        }
    }
    split(&scene, &wanted).0
}

/// How a sum is taken apart, if one of its factors is chosen slot by slot.
fn wanted(scene: &Scene, at: EquationAt) -> Option<Apart> {
    let kernel = &scene.kernel;
    let Body::Sum { vars: all, terms } = &scene.stated[at].body else { return None };
    let [product] = terms.as_slice() else { return None };
    if !product.coefficient.is_one() || product.factors.len() < 2 {
        return None;
    }
    let chosen = |factor: &&Factor| {
        let (found, used) = (slots(kernel, factor.expr, all), uses(kernel, factor.expr));
        let varies = all.iter().any(|&var| !found.contains(&var) && is_fine(&used, var));
        // Rows may be scaled by group too, but have elements for every slot.
        let plain = plain(kernel, factor.expr);
        !found.is_empty() && varies && !found.iter().any(|slot| plain.contains_key(slot))
    };
    let matrix = product.factors.iter().find(chosen)?;
    let slots = slots(kernel, matrix.expr, all);
    let reduced: Vec<_> = all.iter().copied().filter(|var| !slots.contains(var)).collect();
    let varies = |factor: &&Factor| {
        let used = uses(kernel, factor.expr);
        reduced.iter().any(|var| used.contains_key(var))
    };
    let (inside, outside): (Vec<_>, Vec<_>) = product.factors.iter().partition(varies);
    let guard = scene.stated[at].guard;
    let apart = Apart { vars: Vec::new(), slots, reduced, inside, outside, guard };
    let vars = vars(scene, at, &apart, matrix);
    Some(Apart { vars, ..apart })
}

/// The variables that the inner sum has: columns are those of the matrix alone.
fn vars(scene: &Scene, at: EquationAt, apart: &Apart, matrix: &Factor) -> Vec<Id<Var>> {
    let kernel = &scene.kernel;
    let plain = plain(kernel, matrix.expr);
    let used: Vec<_> = apart.inside.iter().map(|f| (f, uses(kernel, f.expr))).collect();
    let fine = |of: &Uses| apart.reduced.iter().any(|&var| is_fine(of, var));
    let rows: Vec<_> = used.iter().filter(|(f, of)| *f != matrix && fine(of)).collect();
    let column =
        |var: &Id<Var>| plain.contains_key(var) && !rows.iter().any(|(_, of)| of.contains_key(var));
    let tested = apart.guard.map(|guard| uses(kernel, guard)).unwrap_or_default();
    let own = kernel.equations[at].vars.iter().copied();
    let own = own
        .filter(|var| tested.contains_key(var) || used.iter().any(|(_, of)| of.contains_key(var)));
    let (columns, rows): (Vec<_>, Vec<_>) = own.partition(column);
    [rows.as_slice(), &apart.slots, &columns].concat()
}

/// The equations with these sums apart, and by equation where its inner sum is.
fn split(scene: &Scene, wanted: &[Option<Apart>]) -> (Canonical, Vec<Option<EquationAt>>) {
    let mut kernel = scene.kernel.clone();
    let equations = std::mem::take(&mut kernel.equations);
    let mut sums = Vec::new();
    for (equation, wanted) in equations.into_iter().zip(wanted) {
        let made =
            wanted.as_ref().and_then(|apart| two(&mut kernel, &scene.facts, &equation, apart));
        sums.push(made.is_some().then_some(kernel.equations.len()));
        match made {
            Some([inner, outer]) => kernel.equations.extend([inner, outer]),
            None => kernel.equations.push(equation),
        }
    }
    (Canonical::of(kernel), sums)
}

/// The inner and the outer sum; `None` where an index is too complex.
fn two(
    kernel: &mut Kernel,
    facts: &Facts,
    equation: &Equation,
    apart: &Apart,
) -> Option<[Equation; 2]> {
    let span = equation.span;
    let mut renaming = Renaming::default();
    let mut fresh = |kernel: &mut Kernel, var: Id<Var>| {
        let own = kernel.vars[var].clone();
        let range = own.range;
        let own = kernel.vars.push(own);
        renaming.vars.insert(var, kernel.ints.of_atom(Atom::Var(own), Some(range)));
        own
    };
    let vars: Vec<_> = apart.vars.iter().map(|&var| fresh(kernel, var)).collect();
    let reduced: Vec<_> = apart.reduced.iter().map(|&var| fresh(kernel, var)).collect();
    let body = product(kernel, None, &apart.inside)?;
    let body = copy(kernel, facts, body, &renaming).ok()?;
    let ty = kernel.exprs[body].ty;
    let sum =
        kernel.exprs.push(Expr { kind: ExprKind::Reduce(Reduction::Sum, reduced, body), ty, span });
    let guard = apart.guard.map(|guard| copy(kernel, facts, guard, &renaming)).transpose().ok()?;
    let value = guarded(kernel, guard, sum);
    let shape = vars.iter().map(|&var| kernel.vars[var].range).collect();
    let name = format!("{}'slots", kernel.tensors[equation.tensor].name);
    let tensor = local(unique(&kernel.tensors, name), ty, shape, span);
    let tensor = kernel.tensors.push(tensor);
    let index = apart.vars.iter().map(|&var| {
        let range = kernel.vars[var].range;
        kernel.ints.of_atom(Atom::Var(var), Some(range))
    });
    let index = index.collect();
    let read = kernel.exprs.push(Expr { kind: ExprKind::Read(tensor, index), ty, span });
    let body = product(kernel, Some(read), &apart.outside)?;
    let kind = ExprKind::Reduce(Reduction::Sum, apart.slots.clone(), body);
    let outer = kernel.exprs.push(Expr { kind, ty, span });
    let outer = guarded(kernel, apart.guard, outer);
    let inner = Equation { tensor, vars, value, span };
    Some([inner, Equation { value: outer, ..equation.clone() }])
}

/// The product of factors, of which the first does not divide.
fn product(kernel: &mut Kernel, first: Option<Id<Expr>>, factors: &[Factor]) -> Option<Id<Expr>> {
    let mut value = first;
    let (divisors, others): (Vec<&Factor>, Vec<_>) = factors.iter().partition(|f| f.inverse);
    for factor in others.into_iter().chain(divisors) {
        value = match value {
            None if factor.inverse => return None,
            None => Some(factor.expr),
            Some(value) => {
                let op = if factor.inverse { Binary::Div } else { Binary::Mul };
                let Expr { ty, span, .. } = kernel.exprs[value];
                let ty = if ty.is_float() { Scalar::F32 } else { Scalar::I32 };
                let kind = ExprKind::Binary(op, value, factor.expr);
                Some(kernel.exprs.push(Expr { kind, ty, span }))
            }
        };
    }
    value
}

/// A sum, and 0 where it is not needed.
pub(super) fn guarded(kernel: &mut Kernel, guard: Option<Id<Expr>>, sum: Id<Expr>) -> Id<Expr> {
    let Some(guard) = guard else { return sum };
    let Expr { ty, span, .. } = kernel.exprs[sum];
    let zero = match ty.is_float() {
        true => ExprKind::Float(0.0),
        false => ExprKind::Int(kernel.ints.constant(0)),
    };
    let zero = kernel.exprs.push(Expr { kind: zero, ty, span });
    kernel.exprs.push(Expr { kind: ExprKind::Select(guard, sum, zero), ty, span })
}
