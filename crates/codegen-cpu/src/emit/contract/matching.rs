//! Which sums of products are contractions.
//!
//! The factors of the product fall into two groups: those that vary with the
//! rows of the result and those that vary with its columns. A group may have
//! any number of factors; all of them are multiplied while it is packed.
//!
//! ```text
//! sum[k](a[m, k] * sa[m, k / 128] * b[n, k])     left {a, sa}, right {b}
//! sum[k](x[t, k] * w[expert[t, s], n, k])        rows t, s; right by expert
//! sum[s, k](h[t, s, k] * w[expert[t, s], n, k])  the same, added up over s
//! ```

use tilec_ir::tensor::{Binary, Expr, ExprKind, Reduction, Var};
use tilec_ir::{AtomId, Id, IntId, Kernel};

use super::gather;
use crate::plan::{Plan, Step};

/// A sum of products whose factors fall into two groups.
#[derive(Debug)]
pub(super) struct Contraction {
    /// Variables of both groups that are not summed over.
    pub(super) batch: Vec<Id<Var>>,
    pub(super) rows: Vec<Id<Var>>,
    pub(super) columns: Vec<Id<Var>>,
    pub(super) summed: Vec<Id<Var>>,
    /// Those of `rows` that results are added up over.
    pub(super) slots: Vec<Id<Var>>,
    pub(super) left: Vec<Id<Expr>>,
    pub(super) right: Vec<Id<Expr>>,
    /// Factors of rows and columns that are not summed over.
    pub(super) after: Vec<Id<Expr>>,
    /// An index of the right group that depends on the row only through this
    /// integer: the atom and its exclusive bound.
    pub(super) bucket: Option<(AtomId, IntId)>,
}

type Vars = Vec<Id<Var>>;

/// A factor with the variables that it depends on.
struct Factor {
    expr: Id<Expr>,
    summed: bool,
    /// Without those summed over.
    vars: Vars,
}

pub(super) fn matches(kernel: &Kernel, plan: &Plan, step: &Step) -> Option<Contraction> {
    let (summed, exprs) = sum_of_products(kernel, plan, step.value)?;
    let found = plain(step, &factors(plan, &exprs, &summed));
    let found = found.map(|found| Contraction { summed: summed.clone(), ..found });
    let contraction = found.or_else(|| bucketed(kernel, plan, step, &exprs, &summed))?;
    let by_row = |v: &Id<Var>| contraction.batch.contains(v) || contraction.rows.contains(v);
    let guards_by_row = step.guards.iter().all(|g| plan.free[g.test.index()].iter().all(by_row));
    guards_by_row.then_some(contraction)
}

fn factors(plan: &Plan, exprs: &[Id<Expr>], summed: &[Id<Var>]) -> Vec<Factor> {
    exprs.iter().map(|&e| factor(&plan.free[e.index()], e, summed)).collect()
}

fn factor(free: &[Id<Var>], expr: Id<Expr>, summed: &[Id<Var>]) -> Factor {
    let vars: Vars = free.iter().copied().filter(|v| !summed.contains(v)).collect();
    Factor { expr, summed: vars.len() < free.len(), vars }
}

/// The variables and factors of a sum, nested sums merged where these are
/// contractions too: `sum[g](s[m, g] * sum[k](a[m, g, k] * b[n, g, k]))`.
fn sum_of_products(kernel: &Kernel, plan: &Plan, root: Id<Expr>) -> Option<(Vars, Vec<Id<Expr>>)> {
    let ExprKind::Reduce(Reduction::Sum, vars, body) = &kernel.exprs[root].kind else {
        return None;
    };
    let (mut summed, mut factors, mut open) = (vars.clone(), Vec::new(), vec![*body]);
    while let Some(id) = open.pop() {
        if let Some((a, b)) = product(kernel, plan, id) {
            open.extend([b, a]);
            continue;
        }
        if let ExprKind::Reduce(Reduction::Sum, vars, body) = &kernel.exprs[id].kind
            && !plan.hoisted.contains_key(&id)
            // A variable has one value at a time.
            && !vars.iter().any(|v| summed.contains(v))
            && is_two_sided(kernel, plan, vars, *body)
        {
            summed.extend(vars);
            open.push(*body);
            continue;
        }
        factors.push(id);
    }
    Some((summed, factors))
}

/// The operands of a product that is computed in place.
fn product(kernel: &Kernel, plan: &Plan, id: Id<Expr>) -> Option<(Id<Expr>, Id<Expr>)> {
    let ExprKind::Binary(Binary::Mul, a, b) = kernel.exprs[id].kind else { return None };
    (!plan.hoisted.contains_key(&id)).then_some((a, b))
}

/// Whether two factors of a product each have variables that the other lacks,
/// not counting those that only choose a bucket.
fn is_two_sided(kernel: &Kernel, plan: &Plan, summed: &[Id<Var>], body: Id<Expr>) -> bool {
    let (mut sides, mut open): (Vec<Vars>, _) = (Vec::new(), vec![body]);
    while let Some(id) = open.pop() {
        if let Some((a, b)) = product(kernel, plan, id) {
            open.extend([b, a]);
            continue;
        }
        let gathers = gather::gathers(kernel, plan, id);
        let gathered = gathers.first().and_then(|&(atom, _)| gather::vars(kernel, plan, id, atom));
        let free = gathered.as_ref().unwrap_or(&plan.free[id.index()]);
        sides.push(factor(free, id, summed).vars);
    }
    let apart = |a: &Vars, b: &Vars| !contains_all(a, b) && !contains_all(b, a);
    sides.iter().enumerate().any(|(n, a)| sides[..n].iter().any(|b| apart(a, b)))
}

fn contains_all(outer: &[Id<Var>], inner: &[Id<Var>]) -> bool {
    inner.iter().all(|v| outer.contains(v))
}

/// Two factors that are summed over and each have variables of their own.
fn plain(step: &Step, factors: &[Factor]) -> Option<Contraction> {
    let summed = || factors.iter().filter(|f| f.summed);
    let first = summed().max_by_key(|f| f.vars.len())?;
    let other = |f: &&Factor| !contains_all(&first.vars, &f.vars);
    let second = summed().filter(other).max_by_key(|f| f.vars.len())?;
    if contains_all(&second.vars, &first.vars) {
        return None;
    }
    // Columns hold the last variable, so that results are written in order.
    let last = step.vars.last()?;
    let (left, right) = if first.vars.contains(last) { (second, first) } else { (first, second) };
    split(&step.vars, factors, &left.vars, &right.vars, None)
}

fn split(
    vars: &[Id<Var>],
    factors: &[Factor],
    left: &[Id<Var>],
    right: &[Id<Var>],
    bucket: Option<(AtomId, IntId)>,
) -> Option<Contraction> {
    let pick = |keep: &dyn Fn(&Id<Var>) -> bool| -> Vars {
        vars.iter().copied().filter(|v| keep(v)).collect()
    };
    let mut found = Contraction {
        batch: pick(&|v| left.contains(v) && right.contains(v)),
        rows: pick(&|v| left.contains(v) && !right.contains(v)),
        columns: pick(&|v| !left.contains(v) && right.contains(v)),
        summed: Vec::new(),
        slots: Vec::new(),
        left: Vec::new(),
        right: Vec::new(),
        after: Vec::new(),
        bucket,
    };
    for factor in factors {
        if contains_all(left, &factor.vars) {
            found.left.push(factor.expr);
        } else if contains_all(right, &factor.vars) {
            found.right.push(factor.expr);
        } else if !factor.summed {
            found.after.push(factor.expr);
        } else {
            return None;
        }
    }
    let covered = found.batch.len() + found.rows.len() + found.columns.len() == vars.len();
    let sided = !found.rows.is_empty() && !found.columns.is_empty();
    (covered && sided && !found.right.is_empty() && !found.left.is_empty()).then_some(found)
}

/// Factors that would be free of the row but for one integer read by it. What that
/// integer varies with belongs to the row, also where it is summed over.
fn bucketed(
    kernel: &Kernel,
    plan: &Plan,
    step: &Step,
    exprs: &[Id<Expr>],
    summed: &[Id<Var>],
) -> Option<Contraction> {
    for (at, &right) in exprs.iter().enumerate() {
        for (atom, bound) in gather::gathers(kernel, plan, right) {
            let gathered = gather::variables(kernel, atom);
            let (slots, summed): (Vars, Vars) = summed.iter().partition(|v| gathered.contains(v));
            // What depends on the bucket stays in the group of the bucket.
            let opaque = exprs.iter().map(|&e| {
                let free = gather::vars(kernel, plan, e, atom);
                factor(free.as_ref().unwrap_or(&plan.free[e.index()]), e, &summed)
            });
            let factors: Vec<Factor> = opaque.collect();
            let right = &factors[at];
            let others = factors.iter().filter(|f| f.expr != right.expr && f.summed);
            let others = others.filter(|f| !contains_all(&right.vars, &f.vars));
            let left = others.max_by_key(|f| f.vars.len()).map_or(&[][..], |f| &f.vars);
            let mut rows = left.to_vec();
            rows.extend(gathered.iter().filter(|v| !left.contains(v)));
            let is_apart = right.summed
                && right.vars.iter().any(|v| !rows.contains(v))
                && !gathered.iter().any(|v| right.vars.contains(v));
            let all = [step.vars.as_slice(), &slots].concat();
            if is_apart
                && let Some(found) = split(&all, &factors, &rows, &right.vars, Some((atom, bound)))
            {
                return Some(Contraction { summed, slots, ..found });
            }
        }
    }
    None
}
