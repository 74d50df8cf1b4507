//! Gives reductions and orders tensors of their own.
//!
//! ```text
//! z[t, s] = exp(l[t, s] - max[r](l[t, r]))
//!     ->   z'1[t] = max[r](l[t, r])      z[t, s] = exp(l[t, s] - z'1[t])
//! ```
//!
//! The tensor has exactly the variables that the body uses, in the order in which
//! it uses them, so two reductions that mean the same share one tensor. What the
//! body owed to its surroundings (a test, a range that is not empty) goes with it
//! as a guard, unless it needs none.

use std::collections::{BTreeSet, HashMap};

use tilec_ir::diagnostic::Span;
use tilec_ir::int::TooComplex;
use tilec_ir::tensor::{Binary, Expr, ExprKind, Tensor, Unary, Var};
use tilec_ir::walk::{direct, ints};
use tilec_ir::{Atom, Id, IntId, Scalar};

use crate::builder::{Builder, Definition, Substitution, Value, local};
use crate::safe::{is_positive, is_safe, is_safe_index};

/// A reduction or an order where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Hoisted {
    pub(crate) value: Value,
    pub(crate) bound: Vec<Id<Var>>,
    pub(crate) ty: Scalar,
    pub(crate) span: Span,
}

/// What surrounds it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    /// All variables in scope.
    pub(crate) vars: Vec<Id<Var>>,
    /// Tests, outermost first, and how they come out.
    pub(crate) tests: Vec<(Id<Expr>, bool)>,
}

/// The tensors of all reductions so far.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    known: HashMap<(Vec<u64>, Value), Id<Tensor>>,
}

/// The tensor of a reduction and the indices at which it is the reduction.
/// `name` gives the tensor a name if there is none yet.
pub(crate) fn hoist(
    builder: &mut Builder,
    shared: &mut Shared,
    hoisted: &Hoisted,
    around: &Surroundings,
    names: &dyn Fn(Id<Var>) -> String,
    name: &mut dyn FnMut() -> String,
) -> Result<(Id<Tensor>, Vec<IntId>), TooComplex> {
    let guard = guard(builder, hoisted, around);
    let (free, bound) = variables(builder, hoisted, guard);
    let mut map = Substitution::new();
    let mut fresh = Vec::new();
    for (at, &var) in free.iter().chain(&bound).enumerate() {
        let range = builder.kernel.vars[var].range;
        let pooled = builder.pool(at, range);
        fresh.push(pooled);
        let pooled = builder.var(pooled);
        map.insert(var, pooled);
    }
    let value = substitute(builder, hoisted.value, &map)?;
    let guard = guard.map(|guard| builder.substitute(guard, &map)).transpose()?;
    let index = free.iter().map(|&var| builder.var(var)).collect();
    let bound_vars = fresh.split_off(free.len());
    let words = |vars: &[Id<Var>]| vars.iter().map(|v| v.index() as u64).collect::<Vec<_>>();
    let guard_word = guard.map_or(0, |guard| guard.index() as u64 + 1);
    let code = [words(&fresh), vec![u64::MAX], words(&bound_vars), vec![guard_word]].concat();
    if let Some(&tensor) = shared.known.get(&(code.clone(), value)) {
        return Ok((tensor, index));
    }
    let shape = fresh.iter().map(|&var| builder.kernel.vars[var].range).collect();
    let definition = Definition {
        vars: fresh,
        bound: bound_vars,
        guard,
        value,
        names: free.iter().chain(&bound).map(|&var| names(var)).collect(),
        span: hoisted.span,
    };
    let tensor = builder.define(local(name(), hoisted.ty, shape, hoisted.span), definition);
    shared.known.insert((code, value), tensor);
    Ok((tensor, index))
}

fn substitute(
    builder: &mut Builder,
    value: Value,
    map: &Substitution,
) -> Result<Value, TooComplex> {
    Ok(match value {
        Value::Map(expr) => Value::Map(builder.substitute(expr, map)?),
        Value::Reduce(op, body) => Value::Reduce(op, builder.substitute(body, map)?),
        Value::Rank { order, key, place } => Value::Rank {
            order,
            key: builder.substitute(key, map)?,
            place: builder.substitute_int(place, map)?,
        },
    })
}

fn root(value: Value) -> Id<Expr> {
    match value {
        Value::Map(expr) | Value::Reduce(_, expr) | Value::Rank { key: expr, .. } => expr,
    }
}

/// The free variables and the bound ones, each in the order of their use.
fn variables(
    builder: &Builder,
    hoisted: &Hoisted,
    guard: Option<Id<Expr>>,
) -> (Vec<Id<Var>>, Vec<Id<Var>>) {
    let mut order = Vec::new();
    occurrences(builder, root(hoisted.value), &mut order);
    if let Value::Rank { place, .. } = hoisted.value {
        in_int(builder, place, &mut order);
    }
    if let Some(guard) = guard {
        occurrences(builder, guard, &mut order);
    }
    // A variable that nothing uses still counts.
    order.extend(&hoisted.bound);
    let mut seen = BTreeSet::new();
    order.retain(|&var| seen.insert(var));
    order.into_iter().partition(|var| !hoisted.bound.contains(var))
}

/// The variables of an expression in the order in which they are written, but
/// those of a test after those of its branches.
fn occurrences(builder: &Builder, root: Id<Expr>, order: &mut Vec<Id<Var>>) {
    let mut reached = BTreeSet::new();
    let mut open = vec![root];
    while let Some(expr) = open.pop() {
        if !reached.insert(expr) {
            continue;
        }
        let kind = &builder.kernel.exprs[expr].kind;
        for int in ints(&builder.kernel.exprs[expr]) {
            in_int(builder, int, order);
        }
        match *kind {
            ExprKind::Select(test, a, b) => open.extend([test, b, a]),
            _ => open.extend(direct(kind).into_iter().rev()),
        }
    }
}

/// In an order that does not depend on which variable came first.
fn in_int(builder: &Builder, int: IntId, order: &mut Vec<Id<Var>>) {
    let kernel = &builder.kernel;
    let mut atoms = Vec::new();
    for term in kernel.ints.get(int).terms() {
        for &factor in &term.factors {
            let code = builder.blind.of_atom(factor);
            let key = (std::cmp::Reverse(term.factors.len()), term.coefficient, code);
            atoms.push((key, factor));
        }
    }
    atoms.sort_by_key(|(key, _)| *key);
    for (_, atom) in atoms {
        match kernel.ints.atom(atom) {
            Atom::Var(var) => order.push(*var),
            // Indices nest no deeper than an inlined expression may grow.
            Atom::Div(p, d) => [*p, *d].into_iter().for_each(|x| in_int(builder, x, order)),
            Atom::Read(_, index) => index.iter().for_each(|&x| in_int(builder, x, order)),
            Atom::Value(expr) => order.extend(builder.vars_of(*expr)),
            Atom::Size(_) => {}
        }
    }
}

/// The test under which the value is needed, if it may not be evaluated anywhere.
fn guard(builder: &mut Builder, hoisted: &Hoisted, around: &Surroundings) -> Option<Id<Expr>> {
    let mut free = builder.vars_of(root(hoisted.value)).to_vec();
    if let Value::Rank { place, .. } = hoisted.value {
        in_int(builder, place, &mut free);
    }
    let mut tests = around.tests.clone();
    let beyond = tests.iter().any(|(test, _)| {
        builder.vars_of(*test).iter().any(|var| !free.contains(var) || hoisted.bound.contains(var))
    });
    if beyond && is_safe_value(builder, hoisted) {
        tests.clear();
    }
    for (test, _) in &tests {
        free.extend(builder.vars_of(*test));
    }
    let mut dropped: Vec<IntId> = Vec::new();
    for &var in &around.vars {
        let range = builder.kernel.vars[var].range;
        if !free.contains(&var) && !dropped.contains(&range) && !is_positive(builder, range) {
            dropped.push(range);
        }
    }
    if !dropped.is_empty() && is_safe_value(builder, hoisted) {
        dropped.clear();
    }
    conjunction(builder, &dropped, &tests, hoisted.span)
}

fn is_safe_value(builder: &mut Builder, hoisted: &Hoisted) -> bool {
    let in_place = match hoisted.value {
        Value::Rank { place, .. } => {
            let range = builder.kernel.vars[hoisted.bound[0]].range;
            is_safe_index(builder, place, range)
        }
        Value::Map(_) | Value::Reduce(..) => true,
    };
    in_place && is_safe(builder, root(hoisted.value))
}

/// `1 <= dropped and .. and test and not test and ..`
fn conjunction(
    builder: &mut Builder,
    dropped: &[IntId],
    tests: &[(Id<Expr>, bool)],
    span: Span,
) -> Option<Id<Expr>> {
    let ty = Scalar::Bool;
    let mut parts = Vec::new();
    for &range in dropped {
        let one = builder.kernel.ints.constant(1);
        let one = builder.make(Expr { kind: ExprKind::Int(one), ty: Scalar::I32, span });
        let range = builder.make(Expr { kind: ExprKind::Int(range), ty: Scalar::I32, span });
        let kind = ExprKind::Binary(Binary::AtMost, one, range);
        parts.push(builder.make(Expr { kind, ty, span }));
    }
    for &(test, outcome) in tests {
        let kind = ExprKind::Unary(Unary::Not, test);
        parts.push(if outcome { test } else { builder.make(Expr { kind, ty, span }) });
    }
    let mut whole = None;
    for part in parts {
        whole = Some(match whole {
            None => part,
            Some(left) => {
                builder.make(Expr { kind: ExprKind::Binary(Binary::And, left, part), ty, span })
            }
        });
    }
    whole
}
