//! Reads that tiles can't say, as equations of their own before the region that has them.
//!
//! ```text
//! y[t, f] = w[expert[t], f] * x[t]
//!     ->  y'w[t, f] = w[expert[t], f]          element by element, all bits as they are
//!         y[t, f]   = y'w[t, f] * x[t]         tiles
//! ```
//!
//! Takes a plan and a region that tiles can't run; the plan still means the same. An index that
//! only a test keeps in range is held to it: what is read there is not used.

use std::collections::BTreeSet;

use tilec_ir::plan::{Plan, Region, RegionKind};
use tilec_ir::tensor::{Equation, Expr, ExprKind, Kernel, Scalar, Tensor, Var};
use tilec_ir::walk::{bound, reachable, vars_of_int};
use tilec_ir::{Atom, Facts, Id, IntId};

use super::elements::is_within;
use super::select::insert;
use crate::builder::{index_bound, local};
use crate::recognize::{Renaming, copy, unique};

/// Which reads are taken out of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// Those at an index that is data.
    Gathered,
    /// All but those at variables, each its own.
    Odd,
}

/// Takes reads out of a region; how many regions come before it then.
pub(super) fn apart(plan: &mut Plan, region: usize, which: Reads) -> usize {
    let mut made = 0;
    for expr in found(plan, region, which) {
        made += usize::from(hoist(plan, region + made, expr).is_some());
    }
    made
}

/// A read of a tensor, as a float or an integer.
fn read(kernel: &Kernel, expr: Id<Expr>) -> Option<(Id<Tensor>, Vec<IntId>)> {
    match &kernel.exprs[expr].kind {
        ExprKind::Read(tensor, index) => Some((*tensor, index.clone())),
        ExprKind::Int(int) => match kernel.ints.as_atom(*int) {
            Some(Atom::Read(tensor, index)) => Some((*tensor, index.clone())),
            _ => None,
        },
        _ => None,
    }
}

/// The reads of a region that nothing else shares.
fn found(plan: &Plan, region: usize, which: Reads) -> Vec<Id<Expr>> {
    let kernel = &plan.kernel;
    let covers = &plan.regions[region].covers;
    let of = |at: usize| reachable(kernel, kernel.equations[at].value);
    let own: BTreeSet<_> = covers.iter().flat_map(|&at| of(at)).collect();
    let others = (0..kernel.equations.len()).filter(|at| !covers.contains(at));
    let shared: BTreeSet<_> = others.flat_map(of).collect();
    let made: Vec<_> = covers.iter().map(|&at| kernel.equations[at].tensor).collect();
    let is_taken = |expr: &Id<Expr>| {
        read(kernel, *expr).is_some_and(|(tensor, index)| {
            let odd = match which {
                Reads::Gathered => index.iter().any(|&int| is_gathered(kernel, int)),
                Reads::Odd => !is_plain(kernel, &index),
            };
            odd && !made.contains(&tensor)
        })
    };
    own.difference(&shared).copied().filter(is_taken).collect()
}

fn is_gathered(kernel: &Kernel, int: IntId) -> bool {
    let mut found = false;
    kernel.ints.visit_atoms(int, &mut |_, atom| {
        found |= matches!(atom, Atom::Read(..) | Atom::Value(_));
    });
    found
}

/// Whether each dimension is read at a variable of its own.
fn is_plain(kernel: &Kernel, index: &[IntId]) -> bool {
    let vars: Vec<_> = index.iter().map(|&int| kernel.ints.as_atom(int)).collect();
    let is_var = |atom: &Option<&Atom>| matches!(atom, Some(Atom::Var(_)));
    vars.iter().all(is_var)
        && vars.iter().collect::<std::collections::HashSet<_>>().len() == vars.len()
}

/// Stores what a read reads, in the order of the variables that tell it.
fn hoist(plan: &mut Plan, region: usize, expr: Id<Expr>) -> Option<()> {
    let (tensor, _) = read(&plan.kernel, expr)?;
    let vars = variables(plan, region, expr);
    let element = plan.kernel.tensors[tensor].element;
    let Expr { ty, span, .. } = plan.kernel.exprs[expr];
    let kernel = &mut plan.kernel;
    let fresh: Vec<_> =
        vars.iter().map(|&var| kernel.vars.push(kernel.vars[var].clone())).collect();
    let (own, points) = (ints(kernel, &vars), ints(kernel, &fresh));
    let renaming = Renaming { vars: vars.into_iter().zip(points).collect(), ..Renaming::default() };
    let moved = copy(kernel, &Facts::default(), expr, &renaming).ok()?;
    let (_, at) = read(kernel, moved)?;
    let at = at.into_iter().enumerate();
    let at = at.map(|(dim, int)| within(kernel, (tensor, dim), int)).collect::<Option<Vec<_>>>()?;
    // What it is computed from comes before it.
    let kind = reading(kernel, tensor, at, element);
    let mut value = kernel.exprs.push(Expr { kind, ty, span });
    if ty != element && ty.is_float() {
        let kind = ExprKind::Convert(value);
        value = kernel.exprs.push(Expr { kind, ty: element, span });
    }
    let position = plan.regions[region].covers[0];
    let (last, of) = (plan.kernel.equations[position].tensor, &plan.kernel.tensors);
    let name = unique(of, format!("{}'{}", of[last].name, of[tensor].name));
    let kernel = &mut plan.kernel;
    let shape = fresh.iter().map(|&var| kernel.vars[var].range).collect();
    let stored = kernel.tensors.push(local(name, element, shape, span));
    kernel.exprs[expr].kind = reading(kernel, stored, own, element);
    insert(plan, position, Equation { tensor: stored, vars: fresh, value, span });
    let made = Region { covers: vec![position], kind: RegionKind::Pointwise };
    plan.regions.insert(region, made);
    Some(())
}

/// A read as an expression: elements of an index type are exact integers.
fn reading(
    kernel: &mut Kernel,
    tensor: Id<Tensor>,
    index: Vec<IntId>,
    element: Scalar,
) -> ExprKind {
    match element {
        Scalar::Idx(_) => {
            let bound = index_bound(element);
            ExprKind::Int(kernel.ints.of_atom(Atom::Read(tensor, index), bound))
        }
        _ => ExprKind::Read(tensor, index),
    }
}

/// The variables of an index that the region binds, those of its equations first, in their order.
fn variables(plan: &Plan, region: usize, expr: Id<Expr>) -> Vec<Id<Var>> {
    let kernel = &plan.kernel;
    let inside = reachable(kernel, expr);
    let bound_inside: Vec<_> =
        inside.iter().flat_map(|&x| bound(&kernel.exprs[x].kind).to_vec()).collect();
    let used: BTreeSet<_> = inside
        .iter()
        .flat_map(|&x| tilec_ir::walk::ints(&kernel.exprs[x]))
        .flat_map(|int| vars_of_int(&kernel.ints, int))
        .filter(|var| !bound_inside.contains(var))
        .collect();
    let covers = &plan.regions[region].covers;
    let mut order: Vec<Id<Var>> =
        covers.iter().flat_map(|&at| kernel.equations[at].vars.clone()).collect();
    for &at in covers {
        for x in reachable(kernel, kernel.equations[at].value) {
            order.extend(bound(&kernel.exprs[x].kind));
        }
    }
    let mut vars = Vec::new();
    for var in order.into_iter().filter(|var| used.contains(var)) {
        if !vars.contains(&var) {
            vars.push(var);
        }
    }
    vars
}

fn ints(kernel: &mut Kernel, vars: &[Id<Var>]) -> Vec<IntId> {
    let int = |&var: &Id<Var>| {
        let range = kernel.vars[var].range;
        kernel.ints.of_atom(Atom::Var(var), Some(range))
    };
    vars.iter().map(int).collect()
}

/// An index that stays within a dimension: itself where it does anyway. `None` where the
/// dimension has no elements.
fn within(kernel: &mut Kernel, (tensor, dim): (Id<Tensor>, usize), int: IntId) -> Option<IntId> {
    let length = kernel.tensors[tensor].shape[dim];
    let elements = kernel.ints.as_constant(length).filter(|&length| length > 0)?;
    if is_within(kernel, int, elements) {
        return Some(int);
    }
    let span = kernel.tensors[tensor].span;
    let value = kernel.exprs.push(Expr { kind: ExprKind::Int(int), ty: Scalar::I32, span });
    let (kind, ty) = (ExprKind::Convert(value), Scalar::Idx(length));
    let clamped = kernel.exprs.push(Expr { kind, ty, span });
    Some(kernel.ints.of_atom(Atom::Value(clamped), Some(length)))
}
