//! A sum by key: every value is added where its key says.
//!
//! ```text
//! count[e] = sum[t](if key[t] == e then x[t] else 0)
//!     count = 0 ..;  for each t: count[key[t]] += x[t]
//! ```

use tilec_ir::tensor::{Binary, Expr, ExprKind, Var};
use tilec_ir::{Atom, Id, Kernel};

use super::{Conditional, end_tests};
use crate::emit::context::Context;
use crate::emit::function::Value;
use crate::emit::loops::{cost_of, write_step};
use crate::emit::program::{Program, Task, Work};
use crate::emit::value::{Class, identity};
use crate::plan::{Plan, Step};
use tilec_ir::tensor::Reduction;

/// A sum by key.
struct Histogram {
    /// The variable of the output that the key is compared with.
    place: Id<Var>,
    key: Id<Expr>,
    rest: Conditional,
    /// The other variables of the output.
    rows: Vec<Id<Var>>,
}

pub(super) fn emit(program: &mut Program<'_>, step: &Step, sum: &Conditional) -> bool {
    let (kernel, plan) = (program.kernel, program.plan);
    let found = sum.tests.iter().find_map(|&test| matches(kernel, plan, step, sum, test));
    let Some(found) = found else { return false };
    program.phase(
        Vec::new(),
        |c| {
            let units = c.count(&found.rows);
            let vars = found.rows.iter().chain(&sum.vars);
            let ranges: Vec<_> = vars.map(|&v| kernel.vars[v].range).collect();
            Work { units, cost: cost_of(c, 8, &ranges) }
        },
        |c, task| rows(c, step, &found, task),
    );
    true
}

fn matches(
    kernel: &Kernel,
    plan: &Plan,
    step: &Step,
    sum: &Conditional,
    test: Id<Expr>,
) -> Option<Histogram> {
    let ExprKind::Binary(Binary::Equal, a, b) = kernel.exprs[test].kind else { return None };
    let rest = sum.without(test);
    [(a, b), (b, a)].into_iter().find_map(|(key, place)| {
        let place = bare_variable(kernel, place).filter(|v| step.vars.contains(v))?;
        let is_integer = kernel.exprs[key].ty.is_integer();
        let free = &plan.free[key.index()];
        let varies = sum.vars.iter().any(|v| free.contains(v));
        let rows = step.vars.iter().copied().filter(|&v| v != place).collect();
        let fits = is_integer && varies && !free.contains(&place) && rest.ignores(plan, place);
        fits.then(|| Histogram { place, key, rest: rest.clone(), rows })
    })
}

fn bare_variable(kernel: &Kernel, expr: Id<Expr>) -> Option<Id<Var>> {
    let ExprKind::Int(int) = kernel.exprs[expr].kind else { return None };
    match kernel.ints.as_atom(int) {
        Some(&Atom::Var(var)) => Some(var),
        _ => None,
    }
}

fn rows(c: &mut Context<'_>, step: &Step, found: &Histogram, task: &Task) {
    let class = c.class(step.value);
    let units = c.f.begin_loop((&task.begin, &task.end, &1.into()), &[]);
    c.enter();
    c.bind_flat(&found.rows, &units.index);
    let clear = c.begin_var(found.place, &[]);
    write_step(c, step, &identity(Reduction::Sum, class));
    c.leave();
    c.f.end_loop(clear, &[]);
    // The key and the other tests may rest on each other: read them anyway.
    c.clamped = !found.rest.tests.is_empty();
    let (loops, _) = c.begin_vars(&found.rest.vars, &[]);
    let tests = found.rest.begin_tests(c);
    let key = c.expr(found.key);
    let key = c.f.def(format_args!("sext i32 {key} to i64"));
    let range = c.int(c.kernel.vars[found.place].range);
    let inside = c.f.def(format_args!("icmp ult i64 {key}, {range}"));
    let branch = c.f.begin_if(&inside);
    c.enter();
    c.bind(found.place, &key);
    add_one(c, step, found.rest.value, class);
    c.leave();
    c.f.end_then(branch);
    end_tests(c, tests);
    c.end_vars(loops, Vec::new());
    c.leave();
    c.f.end_loop(units, &[]);
}

/// Adds a value to the element of the step at the current point.
fn add_one(c: &mut Context<'_>, step: &Step, value: Id<Expr>, class: Class) {
    let value = c.expr(value);
    let index: Vec<Value> = step.vars.iter().map(|&v| c.var(v)).collect();
    let before = c.read(step.buffer, &index);
    let after = c.accumulate(Reduction::Sum, class, &before, &value);
    c.write(step.buffer, &after, &index);
}
