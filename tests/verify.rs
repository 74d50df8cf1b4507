//! The verifier finds what is wrong: a good kernel, broken in one way at a time.

use tilec_ir::tensor::{Binary, ExprKind, Role};
use tilec_ir::{Atom, Id, Kernel, Scalar, print, verify};

const TEXT: &str = "kernel k[M, N](x: f32[M, N], p: idx<N>[M]) -> (y: f32[M], i: idx<N>[M])\nwhere 1 <= N\n{
    s[m] = sum[n](x[m, n] * x[m, n])\n    i[m] = argmax[n](x[m, n])\n    y[m] = s[m] + x[m, p[m]]\n}\n";

fn good() -> Kernel {
    tilec_frontend::check(TEXT).module.kernels.remove(0)
}

/// `fault` must be part of what the verifier says.
#[track_caller]
fn check(fault: &str, break_it: impl Fn(&mut Kernel)) {
    let mut kernel = good();
    assert_eq!(verify::verify(&kernel), Ok(()));
    break_it(&mut kernel);
    let found = verify::verify(&kernel).expect_err("it is broken");
    assert!(found.contains(fault), "{found}");
}

fn first(kernel: &Kernel, wanted: fn(&ExprKind) -> bool) -> Id<tilec_ir::tensor::Expr> {
    kernel.exprs.iter().find(|(_, expr)| wanted(&expr.kind)).expect("there is one").0
}

#[test]
fn broken_kernels_are_found() {
    check("too early", |kernel| kernel.equations.reverse());
    check("two equations", |kernel| {
        let again = kernel.equations[0].clone();
        kernel.equations.push(again);
    });
    check("has no equation", |kernel| {
        kernel.equations.retain(|e| kernel.tensors[e.tensor].name != "i");
    });
    check("variables", |kernel| kernel.equations[0].vars.clear());
    check("bound twice", |kernel| {
        let vars = kernel.equations[0].vars.clone();
        kernel.equations[1].vars = vars;
    });
    check("out of scope", |kernel| {
        let fresh = kernel.vars[kernel.equations[0].vars[0]].clone();
        kernel.equations[0].vars = vec![kernel.vars.push(fresh)];
    });
    check("no dimension", |kernel| {
        let inputs: Vec<_> = kernel.tensors_of(Role::Input).collect();
        let other = kernel.tensors[inputs[0]].shape[1];
        let var = kernel.equations[0].vars[0];
        kernel.vars[var].range = other;
    });
    check("read with", |kernel| {
        let read = first(kernel, |kind| matches!(kind, ExprKind::Read(..)));
        let ExprKind::Read(tensor, _) = kernel.exprs[read].kind else { panic!("it is a read") };
        kernel.exprs[read].kind = ExprKind::Read(tensor, Vec::new());
    });
    check("comes later", |kernel| {
        let add = first(kernel, |kind| matches!(kind, ExprKind::Binary(..)));
        kernel.exprs[add].kind = ExprKind::Binary(Binary::Add, add, add);
    });
    check("types", |kernel| {
        let add = first(kernel, |kind| matches!(kind, ExprKind::Binary(..)));
        kernel.exprs[add].ty = Scalar::Bool;
    });
    check("stored as", |kernel| {
        let output = kernel.tensors_of(Role::Output).next().expect("there is one");
        kernel.tensors[output].element = Scalar::F8E4M3;
    });
    check("a size holds", |kernel| {
        let var = kernel.equations[0].vars[0];
        let int = kernel.ints.of_atom(Atom::Var(var), None);
        kernel.vars[var].range = int;
    });
}

#[test]
fn printing_reads_like_the_language() {
    let text = print::print(&good());
    for line in [
        "kernel k[M, N](x: f32[M, N], p: idx<N>[M]) -> (y: f32[M], i: idx<N>[M])",
        "where 1 <= N",
        "    s: f32[m < M] = sum[n < N](x[m, n] * x[m, n])",
        "    i: idx<N>[m < M] = argsort[n < N desc](x[m, n])[0]",
        "    y: f32[m < M] = s[m] + x[m, p[m]]",
    ] {
        assert!(text.lines().any(|found| found == line), "no line `{line}` in\n{text}");
    }
}
