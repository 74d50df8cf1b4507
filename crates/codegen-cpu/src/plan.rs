//! Which buffers there are and in which steps they are filled.
//!
//! Equations stay in their order. A reduction or an argsort inside an
//! expression becomes a step of its own, over the variables that it uses, so
//! that it is computed once per value and not once per reader:
//!
//! ```text
//! y[m, n] = exp(x[m, n]) / sum[k](exp(x[m, k]))
//!     h0[m]   = sum[k](exp(x[m, k]))
//!     y[m, n] = exp(x[m, n]) / h0[m]
//! ```
//!
//! What stands under an `if` keeps the tests around it as guards where these
//! use no other variables; else its reads are clamped into range (`clamped`).

use std::collections::{BTreeMap, BTreeSet};

use tilec_ir::tensor::{Binary, Expr, ExprKind, Scalar, Tensor, Var};
use tilec_ir::walk::{self, bound};
use tilec_ir::{Atom, Id, IntId, Kernel};

/// Where values are kept: the tensors of the kernel, then what was hoisted.
#[derive(Clone, Debug)]
pub(crate) struct Buffer {
    pub(crate) element: Scalar,
    pub(crate) shape: Vec<IntId>,
}

/// Fills one buffer.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Position in [`Plan::buffers`].
    pub(crate) buffer: usize,
    pub(crate) vars: Vec<Id<Var>>,
    pub(crate) value: Id<Expr>,
    /// Where one does not hold, the element is never read.
    pub(crate) guards: Vec<Guard>,
    /// Reads may be out of range for elements that are never read.
    pub(crate) clamped: bool,
    /// Variables around the value, besides its own: what it reads is proved to
    /// exist only where each of them has a value.
    pub(crate) around: Vec<Id<Var>>,
}

/// A test, and what it must give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    pub(crate) test: Id<Expr>,
    pub(crate) holds: bool,
}

/// A kernel as steps.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) buffers: Vec<Buffer>,
    pub(crate) steps: Vec<Step>,
    /// By hoisted expression: its buffer and the variables that index it.
    pub(crate) hoisted: BTreeMap<Id<Expr>, (usize, Vec<Id<Var>>)>,
    /// By expression: the variables that its value depends on, sorted.
    pub(crate) free: Vec<Vec<Id<Var>>>,
    /// By expression: whether computing it reads no tensor and loops nowhere,
    /// so that it may be computed where it is not needed.
    pub(crate) pure: Vec<bool>,
}

/// How an expression is used within one equation.
#[derive(Clone, Debug, Default)]
struct Use {
    guards: Vec<Guard>,
    /// Under a reduction that is not hoisted with it.
    reduced: Vec<Id<Var>>,
    /// Those of `reduced` that every use is under.
    around: Vec<Id<Var>>,
}

/// The steps of a kernel.
pub(crate) fn plan(kernel: &Kernel) -> Plan {
    let buffer = |t: &Tensor| Buffer { element: t.element, shape: t.shape.clone() };
    let mut plan = Plan {
        buffers: kernel.tensors.iter().map(|(_, t)| buffer(t)).collect(),
        steps: Vec::new(),
        hoisted: BTreeMap::new(),
        free: free_variables(kernel),
        pure: Vec::new(),
    };
    for equation in &kernel.equations {
        for (id, used) in &uses(kernel, equation.value) {
            let id = *id;
            let inner = id != equation.value && !plan.hoisted.contains_key(&id);
            if inner && is_hoisted(kernel, &plan.free, id, &equation.vars, used) {
                plan.hoist(kernel, id, &equation.vars, used);
            }
        }
        plan.steps.push(Step {
            buffer: equation.tensor.index(),
            vars: equation.vars.clone(),
            value: equation.value,
            guards: Vec::new(),
            clamped: false,
            around: Vec::new(),
        });
    }
    plan.pure = pure_expressions(kernel, &plan);
    plan
}

impl Plan {
    fn hoist(&mut self, kernel: &Kernel, id: Id<Expr>, order: &[Id<Var>], used: &Use) {
        let free = &self.free[id.index()];
        // In the order of the equation, so that inner variables stay inner.
        let rank = |v: &Id<Var>| (order.iter().position(|x| x == v).unwrap_or(order.len()), *v);
        let mut vars = free.clone();
        vars.sort_by_key(rank);
        let usable =
            |g: &Guard| g.test < id && self.free[g.test.index()].iter().all(|v| free.contains(v));
        let guards: Vec<_> = used.guards.iter().copied().filter(usable).collect();
        let clamped = guards.len() < used.guards.len();
        let mut around = [order, &used.around].concat();
        around.retain(|v| !vars.contains(v));
        let shape = vars.iter().map(|&v| kernel.vars[v].range).collect();
        let buffer = self.buffers.len();
        self.buffers.push(Buffer { element: kernel.exprs[id].ty, shape });
        self.hoisted.insert(id, (buffer, vars.clone()));
        self.steps.push(Step { buffer, vars, value: id, guards, clamped, around });
    }
}

/// Whether an inner reduction is worth a buffer: always, unless every value of
/// it is used once, inside another reduction.
fn is_hoisted(
    kernel: &Kernel,
    free: &[Vec<Id<Var>>],
    id: Id<Expr>,
    outer: &[Id<Var>],
    used: &Use,
) -> bool {
    let once = |v: &Id<Var>| free[id.index()].contains(v);
    match &kernel.exprs[id].kind {
        ExprKind::Rank { .. } => true,
        ExprKind::Reduce(..) => {
            used.reduced.is_empty() || !used.reduced.iter().chain(outer).all(once)
        }
        ExprKind::Float(_)
        | ExprKind::Int(_)
        | ExprKind::Read(..)
        | ExprKind::Unary(..)
        | ExprKind::Binary(..)
        | ExprKind::Select(..)
        | ExprKind::Convert(_)
        | ExprKind::RoundStochastic(..)
        | ExprKind::Random(_) => false,
    }
}

/// What an expression is made of directly.
#[derive(Debug, Default)]
pub(crate) struct Operands {
    pub(crate) exprs: Vec<Id<Expr>>,
    pub(crate) ints: Vec<IntId>,
}

pub(crate) fn operands(kind: &ExprKind) -> Operands {
    let (exprs, ints) = match kind {
        ExprKind::Float(_) => (vec![], vec![]),
        ExprKind::Int(int) => (vec![], vec![*int]),
        ExprKind::Read(_, index) => (vec![], index.clone()),
        ExprKind::Unary(_, a) | ExprKind::Convert(a) | ExprKind::Reduce(_, _, a) => {
            (vec![*a], vec![])
        }
        ExprKind::Binary(_, a, b) | ExprKind::RoundStochastic(a, b) => (vec![*a, *b], vec![]),
        ExprKind::Select(test, a, b) => (vec![*test, *a, *b], vec![]),
        ExprKind::Random(words) => (words.clone(), vec![]),
        ExprKind::Rank { key, place, .. } => (vec![*key], vec![*place]),
    };
    Operands { exprs, ints }
}

fn pure_expressions(kernel: &Kernel, plan: &Plan) -> Vec<bool> {
    let mut pure: Vec<bool> = Vec::new();
    for (id, expr) in kernel.exprs.iter() {
        let loops = matches!(expr.kind, ExprKind::Read(..) | ExprKind::Reduce(..));
        let operands = operands(&expr.kind);
        let mut is_pure = !loops && operands.exprs.iter().all(|e| pure[e.index()]);
        for &int in &operands.ints {
            kernel.ints.visit_atoms(int, &mut |_, atom| match atom {
                Atom::Read(..) => is_pure = false,
                Atom::Value(e) => is_pure &= pure[e.index()],
                Atom::Size(_) | Atom::Var(_) | Atom::Div(..) => {}
            });
        }
        pure.push(is_pure || plan.hoisted.contains_key(&id));
    }
    pure
}

fn free_variables(kernel: &Kernel) -> Vec<Vec<Id<Var>>> {
    let mut free: Vec<Vec<Id<Var>>> = Vec::new();
    for (_, expr) in kernel.exprs.iter() {
        let operands = operands(&expr.kind);
        let mut vars = Vec::new();
        operands.ints.iter().for_each(|&int| int_variables(kernel, &free, int, &mut vars));
        operands.exprs.iter().for_each(|e| vars.extend_from_slice(&free[e.index()]));
        vars.retain(|v| !bound(&expr.kind).contains(v));
        vars.sort_unstable();
        vars.dedup();
        free.push(vars);
    }
    free
}

/// Adds the variables that an integer depends on.
pub(crate) fn int_variables(
    kernel: &Kernel,
    free: &[Vec<Id<Var>>],
    int: IntId,
    vars: &mut Vec<Id<Var>>,
) {
    kernel.ints.visit_atoms(int, &mut |_, atom| match atom {
        Atom::Var(v) => vars.push(*v),
        Atom::Value(e) => vars.extend_from_slice(&free[e.index()]),
        Atom::Size(_) | Atom::Div(..) | Atom::Read(..) => {}
    });
}

/// How each expression below `root` is used. Users come after their operands
/// in the arena, so going down from the root, all users of each come before it.
fn uses(kernel: &Kernel, root: Id<Expr>) -> BTreeMap<Id<Expr>, Use> {
    let mut open = BTreeMap::from([(root, Use::default())]);
    let mut uses = BTreeMap::new();
    while let Some((id, used)) = open.pop_last() {
        let kind = &kernel.exprs[id].kind;
        let under = |vars: &[Id<Var>]| [vars, bound(kind)].concat();
        let inside = Use {
            guards: used.guards.clone(),
            reduced: under(&used.reduced),
            around: under(&used.around),
        };
        let Operands { exprs, ints } = operands(kind);
        for (n, operand) in exprs.iter().enumerate() {
            let mut inside = inside.clone();
            inside.guards.extend(guard_of(kind, n));
            note(&mut open, *operand, &inside);
        }
        for int in ints {
            kernel.ints.visit_atoms(int, &mut |_, atom| {
                if let Atom::Value(e) = atom {
                    note(&mut open, *e, &inside);
                }
            });
        }
        uses.insert(id, used);
    }
    uses
}

/// The guard that the n-th operand stands under.
fn guard_of(kind: &ExprKind, n: usize) -> Option<Guard> {
    match (kind, n) {
        (&ExprKind::Select(test, ..), 1 | 2) => Some(Guard { test, holds: n == 1 }),
        (&ExprKind::Binary(Binary::And, test, _), 1) => Some(Guard { test, holds: true }),
        (&ExprKind::Binary(Binary::Or, test, _), 1) => Some(Guard { test, holds: false }),
        _ => None,
    }
}

/// Notes one more use of an expression.
fn note(open: &mut BTreeMap<Id<Expr>, Use>, id: Id<Expr>, one: &Use) {
    let used = open
        .entry(id)
        .and_modify(|used| {
            let common = used.guards.iter().zip(&one.guards).take_while(|(a, b)| a == b).count();
            used.guards.truncate(common);
            used.around.retain(|v| one.around.contains(v));
        })
        .or_insert_with(|| Use { reduced: Vec::new(), ..one.clone() });
    used.reduced.extend_from_slice(&one.reduced);
    used.reduced.sort_unstable();
    used.reduced.dedup();
}

/// All expressions below `root`, itself included, in evaluation order; what was
/// hoisted is not looked into.
pub(crate) fn below(kernel: &Kernel, plan: &Plan, root: Id<Expr>) -> Vec<Id<Expr>> {
    let mut found = BTreeSet::from([root]);
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        if id == root || !plan.hoisted.contains_key(&id) {
            let inner = walk::operands(kernel, id);
            open.extend(inner.into_iter().filter(|&e| found.insert(e)));
        }
    }
    found.into_iter().collect()
}
