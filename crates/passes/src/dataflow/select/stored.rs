//! Computed keys, and what selections pick, as tensors of their own.
//!
//! ```text
//! expert[t, s] = argsort[e desc](sigmoid(x[t, e]) + bias[e])[s]
//! weight[t, s] = sigmoid(x[t, expert[t, s]])
//!     ->  expert'key[t, e] = sigmoid(x[t, e]) + bias[e]
//!         expert[t, s]     = argsort[e desc](expert'key[t, e])[s]
//!         expert'x[t, s]   = x[t, expert[t, s]]
//!         weight[t, s]     = sigmoid(expert'x[t, s])
//! ```
//!
//! Cores select and gather elements as they lie in memory, and compute with tiles. Takes a
//! plan that verifies; gives one that verifies and means the same. What it can't part stays.

use std::collections::BTreeMap;

use tilec_ir::diagnostic::Span;
use tilec_ir::plan::{EquationAt, Gathered, Plan, Region, RegionKind, Select, verify};
use tilec_ir::tensor::{Equation, Expr, ExprKind, Kernel, Role, Scalar, Tensor, Var};
use tilec_ir::walk::{reachable, reads};
use tilec_ir::{Atom, Facts, Id, IntId};

use super::operands::{is_plain, read};
use crate::builder::local;
use crate::recognize::{Renaming, copy, unique};

/// The plan with keys and picks stored.
pub(crate) fn stored(mut plan: Plan) -> Plan {
    let mut at = 0;
    while at < plan.regions.len() {
        if matches!(plan.regions[at].kind, RegionKind::Select(_)) {
            at += key(&mut plan, at);
            at += picks(&mut plan, at);
        }
        at += 1;
    }
    verify::assert_valid(&plan);
    plan
}

fn select_of(plan: &mut Plan, region: usize) -> &mut Select {
    let RegionKind::Select(select) = &mut plan.regions[region].kind else {
        unreachable!("it was seen to be a selection")
    };
    select
}

/// Stores the key of a selection, if it is computed; how many regions come before it then.
fn key(plan: &mut Plan, region: usize) -> usize {
    let select = select_of(plan, region).clone();
    let kernel = &mut plan.kernel;
    let plain = read(kernel, select.key).is_some() && select.limit.is_none();
    let Expr { ty, span, .. } = kernel.exprs[select.key];
    let element = if ty.is_float() { Scalar::F32 } else { Scalar::I32 };
    if plain || select.guard.is_some() || ty != element {
        return 0;
    }
    let order_at = plan.regions[region].covers[0];
    let rank = plan.kernel.exprs[plan.kernel.equations[order_at].value].clone();
    let ExprKind::Rank { var, order, place, .. } = rank.kind else { return 0 };
    let kernel = &mut plan.kernel;
    let vars = [select.rows.as_slice(), &[select.column]].concat();
    let (renaming, fresh) = renamed(kernel, &vars);
    let Ok(value) = copy(kernel, &Facts::default(), select.key, &renaming) else { return 0 };
    let tensor = tensor(&mut plan.kernel, order_at, "key", element, &fresh, span);
    let index = own(&mut plan.kernel, &vars);
    let kind = ExprKind::Read(tensor, index);
    let stored = plan.kernel.exprs.push(Expr { kind, ty, span });
    let kind = ExprKind::Rank { var, order, key: stored, place };
    plan.kernel.equations[order_at].value = plan.kernel.exprs.push(Expr { kind, ..rank });
    let select = select_of(plan, region);
    (select.key, select.limit) = (stored, None);
    insert(plan, order_at, Equation { tensor, vars: fresh, value, span });
    let made = Region { covers: vec![order_at], kind: RegionKind::Pointwise };
    plan.regions.insert(region, made);
    1
}

/// Stores what others read at a selection's index; how many regions come after it then.
fn picks(plan: &mut Plan, region: usize) -> usize {
    let order_at = plan.regions[region].covers[0];
    let mut made: BTreeMap<(Id<Tensor>, Dims), Id<Tensor>> = BTreeMap::new();
    let equations = plan.kernel.equations.len();
    let mut next = order_at + 1;
    let picks: Vec<_> = (0..equations).flat_map(|at| found(plan, region, at)).collect();
    for pick in picks {
        let known = made.get(&(pick.tensor, pick.dims.clone())).copied();
        let tensor = known.unwrap_or_else(|| {
            let tensor = gather(plan, region, &pick, next);
            next += 1;
            made.insert((pick.tensor, pick.dims.clone()), tensor);
            tensor
        });
        plan.kernel.exprs[pick.expr].kind = ExprKind::Read(tensor, pick.point);
    }
    parted(plan, region)
}

/// By dimension of a tensor: which variable of the index tells it; `None` is the index itself.
type Dims = Vec<Option<usize>>;

/// A read at a selection's index.
struct Pick {
    expr: Id<Expr>,
    tensor: Id<Tensor>,
    dims: Dims,
    /// Where the index is read.
    point: Vec<IntId>,
}

/// What an equation reads at the index of a selection, but for what the selection gathers.
fn found(plan: &Plan, region: usize, at: EquationAt) -> Vec<Pick> {
    let kernel = &plan.kernel;
    let Region { covers, .. } = &plan.regions[region];
    let value = kernel.equations[at].value;
    let gathers = covers[1..].contains(&at) && is_plain(kernel, at);
    if at <= covers[0] || gathers {
        return Vec::new();
    }
    let pick = |expr| pick(plan, region, expr);
    reachable(kernel, value).into_iter().filter_map(pick).collect()
}

fn pick(plan: &Plan, region: usize, expr: Id<Expr>) -> Option<Pick> {
    let kernel = &plan.kernel;
    let order = kernel.equations[plan.regions[region].covers[0]].tensor;
    let ExprKind::Read(tensor, index) = &kernel.exprs[expr].kind else { return None };
    let atom = |id: &IntId| kernel.ints.as_atom(*id);
    let point = index.iter().find_map(|id| match atom(id) {
        Some(Atom::Read(of, point)) if *of == order => Some(point.clone()),
        _ => None,
    })?;
    let bare = point.iter().all(|id| matches!(atom(id), Some(Atom::Var(_))));
    let dims: Option<Vec<_>> = index
        .iter()
        .map(|id| match atom(id) {
            Some(Atom::Read(of, other)) => (*of == order && *other == point).then_some(None),
            _ => point.iter().position(|other| other == id).map(Some),
        })
        .collect();
    let dims = dims.filter(|dims| dims.iter().filter(|dim| dim.is_none()).count() == 1)?;
    let there = kernel.tensors[*tensor].role == Role::Input || {
        let before = plan.regions[..region].iter().flat_map(|region| &region.covers);
        let first = plan.regions[region].covers[0];
        before.into_iter().any(|&at| at < first && kernel.equations[at].tensor == *tensor)
    };
    (bare && there).then_some(Pick { expr, tensor: *tensor, dims, point })
}

/// The tensor of a pick, which the selection gathers; its equation gets this position.
fn gather(plan: &mut Plan, region: usize, pick: &Pick, at: EquationAt) -> Id<Tensor> {
    let order_at = plan.regions[region].covers[0];
    let select = select_of(plan, region).clone();
    let Equation { tensor: order, vars, .. } = plan.kernel.equations[order_at].clone();
    let kernel = &mut plan.kernel;
    let (_, fresh) = renamed(kernel, &vars);
    let point = own(kernel, &fresh);
    let bound = Some(select.length);
    let picked = kernel.ints.of_atom(Atom::Read(order, point.clone()), bound);
    let index = pick.dims.iter().map(|dim| dim.map_or(picked, |at| point[at])).collect();
    let Expr { ty, span, .. } = kernel.exprs[pick.expr];
    let element = kernel.tensors[pick.tensor].element;
    let at_index = Expr { kind: ExprKind::Read(pick.tensor, index), ty, span };
    let mut value = kernel.exprs.push(at_index);
    if ty != element {
        value = kernel.exprs.push(Expr { kind: ExprKind::Convert(value), ty: element, span });
    }
    let name = kernel.tensors[pick.tensor].name.clone();
    let tensor = tensor(kernel, order_at, &name, element, &fresh, span);
    let stands = |var: Id<Var>| fresh[vars.iter().position(|&own| own == var).expect("its own")];
    let rows = select.rows.iter().map(|&var| stands(var)).collect();
    let place = select.place.map(stands);
    insert(plan, at, Equation { tensor, vars: fresh.clone(), value, span });
    let select = select_of(plan, region);
    select.gathered.push(Gathered { equation: at, rows, place });
    select.gathered.sort_by_key(|gathered| gathered.equation);
    plan.regions[region].covers.push(at);
    plan.regions[region].covers.sort_unstable();
    tensor
}

/// What a selection gathered and computed is pointwise after it; how many regions that makes.
fn parted(plan: &mut Plan, region: usize) -> usize {
    let covers = plan.regions[region].covers.clone();
    let (plain, computed): (Vec<_>, Vec<_>) =
        covers[1..].iter().copied().partition(|&at| is_plain(&plan.kernel, at));
    let order = plan.kernel.equations[covers[0]].tensor;
    let others = (0..plan.kernel.equations.len()).filter(|at| !plain.contains(at));
    let is_read = others.into_iter().any(|at| {
        let all = reachable(&plan.kernel, plan.kernel.equations[at].value);
        all.into_iter().any(|expr| reads(&plan.kernel, expr).contains(&order))
    });
    let stored = is_read || plan.kernel.tensors[order].role == Role::Output;
    let select = select_of(plan, region);
    select.stored = stored;
    select.gathered.retain(|gathered| plain.contains(&gathered.equation));
    plan.regions[region].covers.retain(|at| !computed.contains(at));
    for (after, &at) in computed.iter().enumerate() {
        let made = Region { covers: vec![at], kind: RegionKind::Pointwise };
        plan.regions.insert(region + 1 + after, made);
    }
    computed.len()
}

/// New variables for some, and what makes one of the other.
fn renamed(kernel: &mut Kernel, vars: &[Id<Var>]) -> (Renaming, Vec<Id<Var>>) {
    let fresh: Vec<_> = vars
        .iter()
        .map(|&var| {
            let var = kernel.vars[var].clone();
            kernel.vars.push(var)
        })
        .collect();
    let ints = own(kernel, &fresh);
    (Renaming { vars: vars.iter().copied().zip(ints).collect(), ..Renaming::default() }, fresh)
}

/// Variables as integers.
fn own(kernel: &mut Kernel, vars: &[Id<Var>]) -> Vec<IntId> {
    let int = |&var: &Id<Var>| {
        let range = kernel.vars[var].range;
        kernel.ints.of_atom(Atom::Var(var), Some(range))
    };
    vars.iter().map(int).collect()
}

/// A local tensor named after the index of a selection.
fn tensor(
    kernel: &mut Kernel,
    order_at: EquationAt,
    suffix: &str,
    element: Scalar,
    vars: &[Id<Var>],
    span: Span,
) -> Id<Tensor> {
    let order = &kernel.tensors[kernel.equations[order_at].tensor].name;
    let name = unique(&kernel.tensors, format!("{order}'{suffix}"));
    let shape = vars.iter().map(|&var| kernel.vars[var].range).collect();
    kernel.tensors.push(local(name, element, shape, span))
}

/// Puts an equation at a position; those from there on move up.
pub(in crate::dataflow) fn insert(plan: &mut Plan, position: EquationAt, equation: Equation) {
    plan.kernel.equations.insert(position, equation);
    let moved = |at: &mut EquationAt| *at += usize::from(*at >= position);
    for region in &mut plan.regions {
        region.covers.iter_mut().for_each(moved);
        match &mut region.kind {
            RegionKind::Contract(contract) => contract.epilogue.iter_mut().for_each(moved),
            RegionKind::Select(select) => {
                select.gathered.iter_mut().for_each(|gathered| moved(&mut gathered.equation));
            }
            RegionKind::Rowwise(_)
            | RegionKind::Scan(_)
            | RegionKind::Pointwise
            | RegionKind::Generic { .. } => {}
            RegionKind::Grouped(_) | RegionKind::Combine(_) | RegionKind::Histogram(_) => {
                unreachable!("these were taken apart")
            }
        }
    }
}
