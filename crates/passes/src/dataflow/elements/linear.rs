//! Sums of integers that one pass makes for all elements of a row or a column: into bins, and
//! running ones.

use tilec_ir::dataflow::{Bins, Made, Running};
use tilec_ir::plan::EquationAt;
use tilec_ir::tensor::{Binary, Equation, Expr, ExprKind, Kernel, Reduction, Scalar, Var};
use tilec_ir::walk::{ints, reachable, vars_of_int};
use tilec_ir::{Atom, Id};

/// How an equation is computed: in one pass where its form allows it.
pub(super) fn made(kernel: &Kernel, at: EquationAt) -> Made {
    let equation = &kernel.equations[at];
    let sum = match &kernel.exprs[equation.value].kind {
        ExprKind::Reduce(Reduction::Sum, vars, term) => Some((vars.as_slice(), *term)),
        _ => None,
    };
    let words = kernel.tensors[equation.tensor].element == Scalar::I32;
    let Some((vars, term)) = sum.filter(|_| words) else { return Made::Equation(at) };
    if let Some(running) = running(kernel, equation, vars, term) {
        return Made::Running(at, running);
    }
    bins(kernel, equation, term).map_or(Made::Equation(at), |bins| Made::Bins(at, bins))
}

/// The dimension of a variable, if it is one of the last two, which are sides of a page.
fn side(equation: &Equation, var: Id<Var>) -> Option<usize> {
    let dim = equation.vars.iter().position(|&other| other == var)?;
    (dim + 2 >= equation.vars.len()).then_some(dim)
}

fn bins(kernel: &Kernel, equation: &Equation, term: Id<Expr>) -> Option<Bins> {
    let (tests, weight) = tests(kernel, term);
    let found = tests.iter().enumerate().find_map(|(at, &test)| {
        let ExprKind::Binary(Binary::Equal, a, b) = kernel.exprs[test].kind else { return None };
        let compared = |bin: Id<Expr>, key: Id<Expr>| {
            let var = var(kernel, bin)?;
            let dim = side(equation, var)?;
            let others = tests.iter().filter(|&&other| other != test);
            let free = others.chain([&key, &weight]).all(|&x| !depends(kernel, x, var));
            free.then_some((at, dim, key))
        };
        compared(a, b).or_else(|| compared(b, a))
    });
    let (at, dim, key) = found?;
    Some(Bins { dim, tests, at, key, weight })
}

fn running(
    kernel: &Kernel,
    equation: &Equation,
    vars: &[Id<Var>],
    term: Id<Expr>,
) -> Option<Running> {
    let (tests, value) = tests(kernel, term);
    let (&[from], &[test]) = (vars, tests.as_slice()) else { return None };
    let ExprKind::Binary(op, a, b) = kernel.exprs[test].kind else { return None };
    let (a, b) = (var(kernel, a)?, var(kernel, b)?);
    let (first, to, exclusive) = match op {
        Binary::Less => (a, b, true),
        Binary::AtMost => (a, b, false),
        Binary::Greater => (b, a, true),
        Binary::AtLeast => (b, a, false),
        _ => return None,
    };
    let dim = side(equation, to)?;
    (first == from && !depends(kernel, value, to)).then_some(Running {
        dim,
        from,
        exclusive,
        value,
    })
}

/// The tests of `if .. then value else 0`, within each other or connected, and the value.
fn tests(kernel: &Kernel, term: Id<Expr>) -> (Vec<Id<Expr>>, Id<Expr>) {
    let (mut tests, mut value) = (Vec::new(), term);
    while let ExprKind::Select(test, then, otherwise) = kernel.exprs[value].kind {
        let ExprKind::Int(zero) = kernel.exprs[otherwise].kind else { break };
        if kernel.ints.as_constant(zero) != Some(0) {
            break;
        }
        let mut open = vec![test];
        while let Some(test) = open.pop() {
            match kernel.exprs[test].kind {
                ExprKind::Binary(Binary::And, a, b) => open.extend([b, a]),
                _ => tests.push(test),
            }
        }
        value = then;
    }
    (tests, value)
}

fn var(kernel: &Kernel, expr: Id<Expr>) -> Option<Id<Var>> {
    let ExprKind::Int(int) = kernel.exprs[expr].kind else { return None };
    match kernel.ints.as_atom(int) {
        Some(Atom::Var(var)) => Some(*var),
        _ => None,
    }
}

fn depends(kernel: &Kernel, expr: Id<Expr>, var: Id<Var>) -> bool {
    let mut all = reachable(kernel, expr).into_iter().flat_map(|x| ints(&kernel.exprs[x]));
    all.any(|int| vars_of_int(&kernel.ints, int).contains(&var))
}
