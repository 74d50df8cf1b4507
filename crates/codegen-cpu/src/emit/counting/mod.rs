//! Sums under a test that are linear where they look quadratic.
//!
//! ```text
//! sum[i](if i <= j then p[i] else 0)                     a running sum
//! sum[t, s](if expert[t, s] == e then 1 else 0)          one pass, an array of counts
//! sum[u](if key[u] == key[t] and u < t then 1 else 0)    a running count by key
//! ```

mod histogram;
mod running;
mod scan;

use tilec_ir::tensor::{Binary, Expr, ExprKind, Reduction, Var};
use tilec_ir::{Id, Kernel};

use super::context::Context;
use super::function::{Branch, Value};
use super::program::Program;
use super::value::Class;
use crate::plan::{Plan, Step};

/// `sum[vars](if tests[0] and tests[1] .. then value else 0)`
#[derive(Clone, Debug)]
struct Conditional {
    vars: Vec<Id<Var>>,
    tests: Vec<Id<Expr>>,
    value: Id<Expr>,
}

/// Emits a step that is one of these; returns whether it is.
pub(crate) fn emit(program: &mut Program<'_>, step: &Step) -> bool {
    if !step.guards.is_empty() || step.clamped {
        return false;
    }
    let Some(sum) = conditional(program.kernel, step) else { return false };
    running::emit(program, step, &sum)
        || histogram::emit(program, step, &sum)
        || scan::emit(program, step, &sum)
}

fn conditional(kernel: &Kernel, step: &Step) -> Option<Conditional> {
    let ExprKind::Reduce(Reduction::Sum, vars, body) = &kernel.exprs[step.value].kind else {
        return None;
    };
    let &ExprKind::Select(test, value, zero) = &kernel.exprs[*body].kind else { return None };
    let zero = &kernel.exprs[zero].kind;
    let is_zero = matches!(zero, ExprKind::Float(x) if x.to_bits() == 0)
        || matches!(zero, ExprKind::Int(int) if kernel.ints.as_constant(*int) == Some(0));
    let (mut tests, mut open) = (Vec::new(), vec![test]);
    while let Some(id) = open.pop() {
        if let ExprKind::Binary(Binary::And, a, b) = kernel.exprs[id].kind {
            open.extend([b, a]);
        } else {
            tests.push(id);
        }
    }
    is_zero.then_some(Conditional { vars: vars.clone(), tests, value })
}

impl Conditional {
    /// What is left when one test is taken care of.
    fn without(&self, test: Id<Expr>) -> Self {
        let tests = self.tests.iter().copied().filter(|&t| t != test).collect();
        Self { vars: self.vars.clone(), tests, value: self.value }
    }

    /// Whether neither the tests nor the value depend on a variable.
    fn ignores(&self, plan: &Plan, var: Id<Var>) -> bool {
        let all = self.tests.iter().chain([&self.value]);
        all.into_iter().all(|e| !plan.free[e.index()].contains(&var))
    }

    /// Begins the branch in which the tests hold.
    fn begin_tests(&self, c: &mut Context<'_>) -> Vec<Branch> {
        let mut branches = Vec::new();
        for &test in &self.tests {
            let test = c.expr(test);
            branches.push(c.f.begin_if(&test));
            c.enter();
        }
        branches
    }
}

fn end_tests(c: &mut Context<'_>, branches: Vec<Branch>) {
    for branch in branches.into_iter().rev() {
        c.leave();
        c.f.end_then(branch);
    }
}

/// Adds to a word in memory.
fn add_to(c: &mut Context<'_>, class: Class, value: &Value, base: &Value, at: &Value) {
    let ty = class.ty();
    let before = c.f.load(ty, base, at);
    let after = c.accumulate(Reduction::Sum, class, &before, value);
    c.f.store(ty, &after, base, at);
}
