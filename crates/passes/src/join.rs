//! Reduced variables that walk one axis together become one.
//!
//! ```text
//! sum[g < G, i < 128](s[g] * x[g * 128 + i])        ->  sum[k < G * 128](s[k / 128] * x[k])
//! sum[k < ceil(K / 128) * 128](if k < K then p ..)  ->  sum[k < K](p)
//! ```
//!
//! The first is exact where `i` has the constant range that `g` is multiplied
//! with and stands nowhere by itself: `(g, i)` and `k` number the same elements.
//! The second leaves out terms that are zero. Both only for sums, whose order is
//! free; a range takes the form of the dimension that it indexes, if they are equal.

use tilec_ir::tensor::{Binary, ExprKind, Var};
use tilec_ir::walk::{ints, reachable, vars_of_int};
use tilec_ir::{Atom, Id, IntId, Ints, tensor::Expr};

use crate::builder::{Builder, Substitution};
use crate::products::{Factor, Product, products};
use crate::sums::MERGED;
use crate::translate::Translator;

/// The most variables that are tried in pairs.
const MAX_VARS: usize = 6;

/// Joins what can be joined in the body of a sum.
pub(crate) fn join(
    translator: &mut Translator<'_>,
    bound: &mut Vec<Id<Var>>,
    terms: &mut Vec<Product>,
) {
    if bound.len() > MAX_VARS {
        return;
    }
    while join_pair(translator, bound, terms).is_some() || clip(translator, bound, terms).is_some()
    {
    }
}

/// Replaces one pair of variables; `None` if there is none.
fn join_pair(
    translator: &mut Translator<'_>,
    bound: &mut Vec<Id<Var>>,
    terms: &mut [Product],
) -> Option<()> {
    let pairs = bound.iter().flat_map(|&outer| bound.iter().map(move |&inner| (outer, inner)));
    let (outer, inner) = pairs
        .filter(|(outer, inner)| outer != inner)
        .find(|&(outer, inner)| walks_one_axis(&translator.builder, terms, outer, inner))?;
    let builder = &mut translator.builder;
    let length = builder.kernel.vars[inner].range;
    let range = builder.kernel.ints.mul(builder.kernel.vars[outer].range, length).ok()?;
    let name = translator.names.get(&inner).cloned()?;
    let own = fresh(translator, range, name.clone());
    replace(&mut translator.builder, terms, outer, inner, own)?;
    // The range is known by another form once it is seen what it indexes.
    let own = match dimension(&mut translator.builder, terms, own) {
        Some(range) => rename(translator, terms, own, range, name)?,
        None => own,
    };
    bound.retain(|&var| var != outer && var != inner);
    bound.push(own);
    Some(())
}

fn fresh(translator: &mut Translator<'_>, range: IntId, name: String) -> Id<Var> {
    let own = translator.builder.pool(MERGED + translator.fresh, range);
    translator.fresh += 1;
    translator.names.insert(own, name);
    own
}

/// Whether `inner` only stands in `outer * length + inner`.
fn walks_one_axis(builder: &Builder, terms: &[Product], outer: Id<Var>, inner: Id<Var>) -> bool {
    let kernel = &builder.kernel;
    let Some(length) = kernel.ints.as_constant(kernel.vars[inner].range) else { return false };
    let mut met = false;
    let factors = terms.iter().flat_map(|term| &term.factors);
    for factor in factors.filter(|factor| builder.vars_of(factor.expr).contains(&inner)) {
        for expr in reachable(kernel, factor.expr) {
            for int in ints(&kernel.exprs[expr]) {
                if !together(&kernel.ints, int, outer, inner, length, &mut met) {
                    return false;
                }
            }
        }
    }
    met && length > 1
}

/// Whether every polynomial in `root` that holds `inner` holds `outer` with it.
fn together(
    ints: &Ints,
    root: IntId,
    outer: Id<Var>,
    inner: Id<Var>,
    length: i64,
    met: &mut bool,
) -> bool {
    let mut open = vec![root];
    while let Some(int) = open.pop() {
        let terms = ints.get(int).terms();
        let of = |var: Id<Var>| {
            let holds = move |f: &tilec_ir::AtomId| *ints.atom(*f) == Atom::Var(var);
            terms.iter().filter(move |term| term.factors.iter().any(holds)).collect::<Vec<_>>()
        };
        let (of_inner, of_outer) = (of(inner), of(outer));
        match (of_inner.as_slice(), of_outer.as_slice()) {
            ([], _) => {}
            ([i], [g]) if i.factors.len() == 1 && g.factors.len() == 1 => {
                if i.coefficient.checked_mul(length) != Some(g.coefficient) {
                    return false;
                }
                *met = true;
            }
            _ => return false,
        }
        for &factor in terms.iter().flat_map(|term| &term.factors) {
            match ints.atom(factor) {
                Atom::Div(p, d) => open.extend([*p, *d]),
                Atom::Read(_, index) => open.extend(index),
                Atom::Size(_) | Atom::Var(_) | Atom::Value(_) => {}
            }
        }
    }
    true
}

/// `outer = own / length`, `inner = own % length` in every factor, or nothing.
fn replace(
    builder: &mut Builder,
    terms: &mut [Product],
    outer: Id<Var>,
    inner: Id<Var>,
    own: Id<Var>,
) -> Option<()> {
    let length = builder.kernel.vars[inner].range;
    let own = builder.var(own);
    let block = builder.facts.div(&mut builder.kernel.ints, own, length).ok()?;
    let start = builder.kernel.ints.mul(block, length).ok()?;
    let rest = builder.kernel.ints.sub(own, start).ok()?;
    substitute(builder, terms, &Substitution::from([(outer, block), (inner, rest)]))
}

fn substitute(builder: &mut Builder, terms: &mut [Product], map: &Substitution) -> Option<()> {
    let mut replaced = terms.to_vec();
    for factor in replaced.iter_mut().flat_map(|term| &mut term.factors) {
        factor.expr = builder.substitute(factor.expr, map).ok()?;
    }
    terms.clone_from_slice(&replaced);
    Some(())
}

/// The same terms with a variable of another range.
fn rename(
    translator: &mut Translator<'_>,
    terms: &mut [Product],
    old: Id<Var>,
    range: IntId,
    name: String,
) -> Option<Id<Var>> {
    let own = fresh(translator, range, name);
    let int = translator.builder.var(own);
    substitute(&mut translator.builder, terms, &Substitution::from([(old, int)]))?;
    Some(own)
}

/// A dimension that a variable indexes by itself and that is equal to its range.
fn dimension(builder: &mut Builder, terms: &[Product], var: Id<Var>) -> Option<IntId> {
    let int = builder.var(var);
    let range = builder.kernel.vars[var].range;
    let mut dims = Vec::new();
    for factor in terms.iter().flat_map(|term| &term.factors) {
        for expr in reachable(&builder.kernel, factor.expr) {
            if let ExprKind::Read(tensor, index) = &builder.kernel.exprs[expr].kind {
                let shape = &builder.kernel.tensors[*tensor].shape;
                let here = index.iter().zip(shape).filter(|(index, _)| **index == int);
                dims.extend(here.map(|(_, &dim)| dim));
            }
        }
    }
    let equal = |dim: &IntId| builder.facts.equal(&mut builder.kernel.ints, *dim, range);
    dims.into_iter().filter(|&dim| dim != range).find(equal)
}

/// Ends a sum where a test ends it.
fn clip(
    translator: &mut Translator<'_>,
    bound: &mut [Id<Var>],
    terms: &mut Vec<Product>,
) -> Option<()> {
    let [term] = terms.as_slice() else { return None };
    let builder = &mut translator.builder;
    let factors = term.factors.iter().enumerate();
    let mut ends = factors.filter_map(|(at, &factor)| Some((at, end(builder, bound, factor)?)));
    let (at, (var, range, value)) = ends.next()?;
    drop(ends);
    let mut rest = term.factors.clone();
    rest.remove(at);
    let coefficient = term.coefficient;
    let mut inner = products(&builder.kernel, value);
    for product in &mut inner {
        product.coefficient = product.coefficient.times(coefficient);
        product.factors.extend(&rest);
    }
    let name = translator.names.get(&var).cloned()?;
    let own = rename(translator, &mut inner, var, range, name)?;
    *terms = inner;
    let place = bound.iter().position(|&other| other == var)?;
    bound[place] = own;
    Some(())
}

/// `(k, X, p)` of a factor `if k < X then p else 0` where X is in the range of k.
fn end(
    builder: &mut Builder,
    bound: &[Id<Var>],
    factor: Factor,
) -> Option<(Id<Var>, IntId, Id<Expr>)> {
    let ExprKind::Select(test, value, other) = builder.kernel.exprs[factor.expr].kind else {
        return None;
    };
    let ExprKind::Binary(op, a, b) = builder.kernel.exprs[test].kind else { return None };
    let (&ExprKind::Int(a), &ExprKind::Int(b)) =
        (&builder.kernel.exprs[a].kind, &builder.kernel.exprs[b].kind)
    else {
        return None;
    };
    let &Atom::Var(var) = builder.kernel.ints.as_atom(a)? else { return None };
    let one = builder.kernel.ints.constant(1);
    let last = match op {
        Binary::Less => b,
        Binary::AtMost => builder.kernel.ints.add(b, one).ok()?,
        _ => return None,
    };
    let zero = match builder.kernel.exprs[other].kind {
        ExprKind::Float(x) => x == 0.0,
        ExprKind::Int(id) => builder.kernel.ints.as_constant(id) == Some(0),
        _ => false,
    };
    if factor.inverse || !zero || !bound.contains(&var) || !is_size(builder, last) {
        return None;
    }
    let range = builder.kernel.vars[var].range;
    let ints = &mut builder.kernel.ints;
    let inside = builder.facts.not_negative(ints, last) && builder.facts.at_most(ints, last, range);
    inside.then_some((var, last, value))
}

fn is_size(builder: &Builder, id: IntId) -> bool {
    let ints = &builder.kernel.ints;
    let mut sizes = vars_of_int(ints, id).is_empty();
    ints.visit_atoms(id, &mut |_, atom| {
        sizes &= !matches!(atom, Atom::Read(..) | Atom::Value(_));
    });
    sizes
}
