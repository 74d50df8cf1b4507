//! The verifier of the tensor IR: what every pass may rely on.
//!
//! * Operands come before their users, equations after all they read.
//! * Every tensor but the inputs has one equation; its variables are as many as
//!   its dimensions, and their ranges are provably those dimensions.
//! * Every variable is bound once, and used only where it is bound.
//! * Reads have as many indices as dimensions; types meet.
//!
//! It takes any kernel and says the first thing that is wrong. That accesses
//! are in range is the checker's proof and is not repeated.

mod types;

use std::collections::{BTreeMap, BTreeSet};

use crate::arena::Id;
use crate::facts::Facts;
use crate::int::{Atom, IntId};
use crate::print::print;
use crate::tensor::{Equation, Expr, ExprKind, FactKind, Kernel, Role, Scalar, Tensor, Var};
use crate::walk::{bound, direct, ints, operands, reachable, reads};

/// Says what is wrong with a kernel, if anything is.
pub fn verify(kernel: &Kernel) -> Result<(), String> {
    declarations(kernel)?;
    for (id, expr) in kernel.exprs.iter() {
        shape_of_expr(kernel, id, expr)?;
        types::check(kernel, id)?;
    }
    equations(kernel)?;
    scopes(kernel)
}

/// Panics with the listing of a kernel that does not verify.
pub fn assert_valid(kernel: &Kernel) {
    if let Err(fault) = verify(kernel) {
        panic!("the IR does not verify: {fault}\n{}", print(kernel));
    }
}

fn ensure(holds: bool, fault: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(fault()) }
}

/// Shapes, ranges, element types and facts are made of sizes alone.
fn declarations(kernel: &Kernel) -> Result<(), String> {
    let index_bound = |ty| if let Scalar::Idx(bound) = ty { Some(bound) } else { None };
    for (_, tensor) in kernel.tensors.iter() {
        let ints = tensor.shape.iter().copied().chain(index_bound(tensor.element));
        only_sizes(kernel, ints, &tensor.name)?;
    }
    for (_, var) in kernel.vars.iter() {
        only_sizes(kernel, [var.range], &var.name)?;
    }
    for (_, expr) in kernel.exprs.iter() {
        only_sizes(kernel, index_bound(expr.ty), "a type")?;
    }
    for fact in &kernel.facts {
        match fact.kind {
            FactKind::Equal(a, b) | FactKind::AtMost(a, b) | FactKind::Less(a, b) => {
                only_sizes(kernel, [a, b], &fact.text)?;
            }
            FactKind::Sorted(tensor) | FactKind::Finite(tensor) => {
                let known = tensor.index() < kernel.tensors.len();
                ensure(known, || format!("`{}` is about an unknown tensor", fact.text))?;
            }
        }
    }
    Ok(())
}

fn only_sizes(
    kernel: &Kernel,
    ids: impl IntoIterator<Item = IntId>,
    what: &str,
) -> Result<(), String> {
    for id in ids {
        let mut fault = None;
        kernel.ints.visit_atoms(id, &mut |_, atom| match atom {
            Atom::Size(size) if size.index() < kernel.sizes.len() => {}
            Atom::Div(..) => {}
            Atom::Size(_) | Atom::Var(_) | Atom::Read(..) | Atom::Value(_) => {
                fault = Some(format!("{what}: a size holds {atom:?}"));
            }
        });
        fault.map_or(Ok(()), Err)?;
    }
    Ok(())
}

/// Handles in range, operands before users, as many indices as dimensions.
fn shape_of_expr(kernel: &Kernel, id: Id<Expr>, expr: &Expr) -> Result<(), String> {
    let at = || format!("%{}", id.index());
    for operand in direct(&expr.kind) {
        ensure(operand < id, || format!("{}: operand {operand:?} comes later", at()))?;
    }
    for var in bound(&expr.kind) {
        ensure(var.index() < kernel.vars.len(), || format!("{}: unknown variable", at()))?;
    }
    if let ExprKind::Read(tensor, index) = &expr.kind {
        rank(kernel, *tensor, index.len())?;
    }
    for int in ints(expr) {
        let mut fault = Ok(());
        kernel.ints.visit_atoms(int, &mut |_, atom| {
            let result = self::atom(kernel, id, atom);
            if fault.is_ok() {
                fault = result;
            }
        });
        fault?;
    }
    Ok(())
}

fn atom(kernel: &Kernel, user: Id<Expr>, atom: &Atom) -> Result<(), String> {
    let at = || format!("%{}", user.index());
    match atom {
        Atom::Size(size) => {
            ensure(size.index() < kernel.sizes.len(), || format!("{}: unknown size", at()))
        }
        Atom::Var(var) => {
            ensure(var.index() < kernel.vars.len(), || format!("{}: unknown variable", at()))
        }
        Atom::Div(..) => Ok(()),
        Atom::Read(tensor, index) => {
            rank(kernel, *tensor, index.len())?;
            let tensor = &kernel.tensors[*tensor];
            ensure(tensor.element.is_integer(), || {
                format!("{}: an index reads `{}`, which holds no integers", at(), tensor.name)
            })
        }
        Atom::Value(value) => {
            ensure(*value < user, || format!("{}: value {value:?} comes later", at()))?;
            ensure(kernel.exprs[*value].ty.is_integer(), || {
                format!("{}: an index holds a value that is no integer", at())
            })
        }
    }
}

fn rank(kernel: &Kernel, tensor: Id<Tensor>, count: usize) -> Result<(), String> {
    ensure(tensor.index() < kernel.tensors.len(), || format!("unknown tensor {tensor:?}"))?;
    let tensor = &kernel.tensors[tensor];
    ensure(tensor.shape.len() == count, || {
        format!("`{}` has {} dimensions, read with {count}", tensor.name, tensor.shape.len())
    })
}

/// Each tensor but the inputs defined once, after all that its equation reads.
fn equations(kernel: &Kernel) -> Result<(), String> {
    let inputs = kernel.tensors_of(Role::Input);
    let mut defined: BTreeSet<_> = inputs.collect();
    let mut read: Vec<Option<Vec<Id<Tensor>>>> = vec![None; kernel.exprs.len()];
    let mut facts = None;
    for equation in &kernel.equations {
        let name = &kernel.tensors[equation.tensor].name;
        for expr in reachable(kernel, equation.value) {
            let tensors = read[expr.index()].get_or_insert_with(|| reads(kernel, expr));
            for tensor in tensors {
                let other = &kernel.tensors[*tensor].name;
                ensure(defined.contains(tensor), || format!("`{name}` reads `{other}` too early"))?;
            }
        }
        let first = defined.insert(equation.tensor);
        ensure(first, || format!("`{name}` is an input or has two equations"))?;
        ranges(kernel, equation, &mut facts)?;
        types::equation(kernel, equation)?;
    }
    let missing = kernel.tensors.iter().find(|(id, _)| !defined.contains(id));
    missing.map_or(Ok(()), |(_, tensor)| Err(format!("`{}` has no equation", tensor.name)))
}

/// The ranges of the variables are the shape of the tensor.
fn ranges(
    kernel: &Kernel,
    equation: &Equation,
    facts: &mut Option<(Facts, Box<crate::Ints>)>,
) -> Result<(), String> {
    let tensor = &kernel.tensors[equation.tensor];
    ensure(tensor.shape.len() == equation.vars.len(), || {
        format!("`{}`: {} variables", tensor.name, equation.vars.len())
    })?;
    for (&var, &dim) in equation.vars.iter().zip(&tensor.shape) {
        let range = kernel.vars[var].range;
        if range == dim {
            continue;
        }
        let (facts, ints) = facts.get_or_insert_with(|| known(kernel));
        ensure(facts.equal(ints, range, dim), || {
            format!("`{}`: the range of `{}` is no dimension", tensor.name, kernel.vars[var].name)
        })?;
    }
    Ok(())
}

/// What the `where` clause says.
fn known(kernel: &Kernel) -> (Facts, Box<crate::Ints>) {
    let (mut facts, mut ints) = (Facts::default(), Box::new(kernel.ints.clone()));
    for fact in &kernel.facts {
        match fact.kind {
            FactKind::Equal(a, b) => facts.assume_equal(&mut ints, a, b),
            FactKind::AtMost(a, b) => facts.assume_at_most(&mut ints, a, b),
            FactKind::Less(a, b) => facts.assume_less(&mut ints, a, b),
            FactKind::Sorted(_) | FactKind::Finite(_) => {}
        }
    }
    (facts, ints)
}

/// Every variable bound once and used in scope.
fn scopes(kernel: &Kernel) -> Result<(), String> {
    let mut binders = BTreeSet::new();
    let mut bind = |var: Id<Var>| {
        let name = &kernel.vars[var].name;
        ensure(binders.insert(var), || format!("variable `{name}` {var:?} is bound twice"))
    };
    let mut used = BTreeSet::new();
    for equation in &kernel.equations {
        equation.vars.iter().try_for_each(|&var| bind(var))?;
        let free = free_vars(kernel, equation.value, &mut used)?;
        let stray = free.iter().find(|var| !equation.vars.contains(var));
        stray.map_or(Ok(()), |&var| {
            let (name, tensor) = (&kernel.vars[var].name, &kernel.tensors[equation.tensor].name);
            Err(format!("`{tensor}` uses variable `{name}` {var:?} out of scope"))
        })?;
    }
    for expr in used {
        bound(&kernel.exprs[expr].kind).iter().try_for_each(|&var| bind(var))?;
    }
    Ok(())
}

/// The variables that stand in an expression without being bound there; adds
/// what it reaches to `used`.
fn free_vars(
    kernel: &Kernel,
    root: Id<Expr>,
    used: &mut BTreeSet<Id<Expr>>,
) -> Result<BTreeSet<Id<Var>>, String> {
    let mut free: BTreeMap<Id<Expr>, BTreeSet<Id<Var>>> = BTreeMap::new();
    for expr in reachable(kernel, root) {
        used.insert(expr);
        let mut vars = BTreeSet::new();
        for operand in operands(kernel, expr) {
            vars.extend(&free[&operand]);
        }
        for var in bound(&kernel.exprs[expr].kind) {
            vars.remove(var);
        }
        let own = ints(&kernel.exprs[expr]);
        own.iter().for_each(|&int| vars.extend(crate::walk::vars_of_int(&kernel.ints, int)));
        if let ExprKind::Rank { var, .. } = kernel.exprs[expr].kind {
            ensure(!vars.contains(&var), || {
                format!("%{}: the place of an order uses its variable", expr.index())
            })?;
        }
        free.insert(expr, vars);
    }
    Ok(free.remove(&root).unwrap_or_default())
}
