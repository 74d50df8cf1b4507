//! A running sum by key: what came before with the same key.
//!
//! ```text
//! pos[t] = sum[u](if key[u] == key[t] and u < t then x[u] else 0)
//!     sums = 0 ..;  for each t: pos[t] = sums[key[t]]; sums[key[t]] += x[t]
//! ```

use tilec_ir::tensor::{Binary, Expr, ExprKind, Var};
use tilec_ir::{Atom, Id, IntId, Ints, Kernel};

use super::{Conditional, add_to, end_tests};
use crate::emit::context::Context;
use crate::emit::function::Value;
use crate::emit::loops::{cost_of, write_step};
use crate::emit::program::{Bytes, Program, Task, Work};
use crate::emit::value::identity;
use crate::plan::{Plan, Step};
use tilec_ir::tensor::Reduction;

/// A running sum by key.
struct Running {
    key: IntId,
    /// The exclusive bound of the key.
    keys: IntId,
    /// Whether an element counts itself.
    inclusive: bool,
    rest: Conditional,
    /// The variables of the output before those that run.
    rows: Vec<Id<Var>>,
    /// The variables of the output that run, one for each that is summed over.
    run: Vec<Id<Var>>,
}

pub(super) fn emit(program: &mut Program<'_>, step: &Step, sum: &Conditional) -> bool {
    let (kernel, plan) = (program.kernel, program.plan);
    let Some(found) = matches(kernel, plan, step, sum) else { return false };
    program.phase(
        // One more, which stands in where there are no keys.
        vec![
            Bytes::Elements { shape: vec![found.keys], bytes: 4 },
            Bytes::Elements { shape: Vec::new(), bytes: 4 },
        ],
        |c| {
            let units = c.count(&found.rows);
            let ranges: Vec<_> = step.vars.iter().map(|&v| kernel.vars[v].range).collect();
            Work { units, cost: cost_of(c, 8, &ranges) }
        },
        |c, task| rows(c, step, &found, task),
    );
    true
}

fn matches(kernel: &Kernel, plan: &Plan, step: &Step, sum: &Conditional) -> Option<Running> {
    let split = step.vars.len().checked_sub(sum.vars.len())?;
    let (rows, run) = step.vars.split_at(split);
    let mut ints = kernel.ints.clone();
    let turn = |from: IntId, ints: &mut Ints| renamed(ints, from, &sum.vars, run);
    let same_range =
        sum.vars.iter().zip(run).all(|(&a, &b)| kernel.vars[a].range == kernel.vars[b].range);
    let [first, second] = sum.tests.as_slice() else { return None };
    let mut found = None;
    for (equal, order) in [(first, second), (second, first)] {
        let (ExprKind::Binary(Binary::Equal, a, b), ExprKind::Binary(op, p, q)) =
            (&kernel.exprs[*equal].kind, &kernel.exprs[*order].kind)
        else {
            continue;
        };
        let inclusive = matches!(op, Binary::AtMost | Binary::AtLeast);
        let (p, q) = if matches!(op, Binary::Less | Binary::AtMost) {
            (p, q)
        } else if matches!(op, Binary::Greater | Binary::AtLeast) {
            (q, p)
        } else {
            continue;
        };
        let [Some(a), Some(b), Some(p), Some(q)] = [a, b, p, q].map(|e| int_of(kernel, *e)) else {
            continue;
        };
        let flat = flat_index(kernel, &mut ints, &sum.vars)?;
        if p != flat || turn(p, &mut ints) != Some(q) {
            continue;
        }
        let key = [(a, b), (b, a)].into_iter().find(|(x, y)| turn(*x, &mut ints) == Some(*y));
        found = found.or(key.map(|(key, _)| (key, inclusive)));
    }
    let (key, inclusive) = found?;
    let keys = kernel.ints.bound(kernel.ints.get(key).as_atom()?)?;
    let rest = Conditional { vars: sum.vars.clone(), tests: Vec::new(), value: sum.value };
    let ignores = run.iter().all(|&v| rest.ignores(plan, v));
    let (rows, run) = (rows.to_vec(), run.to_vec());
    (same_range && ignores).then_some(Running { key, keys, inclusive, rest, rows, run })
}

fn int_of(kernel: &Kernel, expr: Id<Expr>) -> Option<IntId> {
    let ExprKind::Int(int) = kernel.exprs[expr].kind else { return None };
    Some(int)
}

/// The position of `vars` in the order that nested loops over them take.
fn flat_index(kernel: &Kernel, ints: &mut Ints, vars: &[Id<Var>]) -> Option<IntId> {
    let mut flat = ints.constant(0);
    for &var in vars {
        let range = kernel.vars[var].range;
        let digit = ints.of_atom(Atom::Var(var), Some(range));
        flat = ints.mul(flat, range).ok()?;
        flat = ints.add(flat, digit).ok()?;
    }
    Some(flat)
}

/// An integer with variables renamed, as far as that is plain: sums and
/// products of variables, sizes, and reads by such.
fn renamed(ints: &mut Ints, int: IntId, from: &[Id<Var>], to: &[Id<Var>]) -> Option<IntId> {
    let mut sum = ints.constant(0);
    for term in ints.get(int).terms().to_vec() {
        let mut product = ints.constant(term.coefficient);
        for factor in term.factors {
            let bound = ints.bound(factor);
            let atom = match ints.atom(factor).clone() {
                Atom::Var(v) => Atom::Var(from.iter().position(|&x| x == v).map_or(v, |n| to[n])),
                Atom::Read(tensor, index) => {
                    let index = index.iter().map(|&i| renamed(ints, i, from, to));
                    Atom::Read(tensor, index.collect::<Option<_>>()?)
                }
                Atom::Size(size) => Atom::Size(size),
                Atom::Div(..) | Atom::Value(_) => return None,
            };
            let value = ints.of_atom(atom, bound);
            product = ints.mul(product, value).ok()?;
        }
        sum = ints.add(sum, product).ok()?;
    }
    Some(sum)
}

fn rows(c: &mut Context<'_>, step: &Step, found: &Running, task: &Task) {
    // Every element is looked at, also where no other one asks for it.
    c.clamped = true;
    let class = c.class(step.value);
    let sums = &task.scratch;
    let units = c.f.begin_loop((&task.begin, &task.end, &1.into()), &[]);
    c.enter();
    c.bind_flat(&found.rows, &units.index);
    let keys = c.int(found.keys);
    let clear = c.f.begin_count(&keys);
    c.f.store(class.ty(), &identity(Reduction::Sum, class), sums, &clear.index);
    c.f.end_loop(clear, &[]);
    let (loops, _) = c.begin_vars(&found.run, &[]);
    for (entered, &var) in loops.iter().zip(&found.rest.vars) {
        c.bind(var, &entered.index);
    }
    let key = c.int(found.key);
    // A key that no other element asks for may be anything.
    let last = c.f.sub(&keys, &1.into());
    let key = c.f.min(&key, &last);
    let key = c.f.max(&key, &0.into());
    let write = |c: &mut Context<'_>| {
        let value: Value = c.f.load(class.ty(), sums, &key);
        write_step(c, step, &value);
    };
    if !found.inclusive {
        write(c);
    }
    let tests = found.rest.begin_tests(c);
    let value = c.expr(found.rest.value);
    add_to(c, class, &value, sums, &key);
    end_tests(c, tests);
    if found.inclusive {
        write(c);
    }
    c.end_vars(loops, Vec::new());
    c.leave();
    c.f.end_loop(units, &[]);
}
