//! Loops over points: one thread, one warp or one block for each point of the
//! equations of a region, and a reduction inside where the equation is one.
//!
//! Points are numbered in row-major order; a function takes them in strides of its
//! grid, so that any grid computes all of them. The equations of a region have the
//! same points, and read each other only at the same one.

mod several;
mod shared;
mod single;

use tilec_ir::tensor::{Expr, ExprKind, Reduction, Var};
use tilec_ir::tile::{Body, Step, Variant};
use tilec_ir::{Id, Kernel};
use tilec_manifest::Launch;

use crate::context::Context;
use crate::device::Header;
use crate::function::{Function, Shape};
use crate::text::Level;

pub(crate) fn emit(cx: &mut Context<'_>, step: &Step, variant: &Variant) -> Vec<Launch> {
    let Body::Points(points) = &variant.kernel.body else {
        unreachable!("called for loops over points")
    };
    let (equations, threads) = (cx.equations(step), variant.kernel.threads);
    let grid = cx.grid(&variant.kernel);
    let mut f = cx.begin(&variant.kernel.name);
    let reduction = match equations.as_slice() {
        [equation] if points.threads_per_point > 1 => reduction(&f, equation.value),
        _ => None,
    };
    match reduction {
        Some(reduction) => {
            let group = shared::Group::of(points.threads_per_point, threads);
            shared::write(&mut f, equations[0], &reduction, group);
        }
        None if points.vector > 1 && !equations[0].vars.is_empty() => {
            several::write(&mut f, &equations, points.vector, threads);
        }
        None => single::write(&mut f, &equations, threads),
    }
    vec![f.finish(Shape { grid, threads, cluster: 1, shared_bytes: 0, resident: None })]
}

/// An equation that is a reduction, perhaps where a test holds.
#[derive(Clone, Debug)]
struct Reduced {
    guard: Option<Guard>,
    op: Reduction,
    vars: Vec<Id<Var>>,
    body: Id<Expr>,
}

fn reduction(f: &Function<'_, '_>, value: Id<Expr>) -> Option<Reduced> {
    let (guard, value) = guarded(f.kernel, value);
    let ExprKind::Reduce(op, vars, body) = &f.kernel.exprs[value].kind else { return None };
    Some(Reduced { guard, op: *op, vars: vars.clone(), body: *body })
}

/// A test, and the value where it does not hold.
pub(crate) type Guard = (Id<Expr>, Id<Expr>);

/// `if test then value else other` taken apart: the guard, and the value.
pub(crate) fn guarded(kernel: &Kernel, value: Id<Expr>) -> (Option<Guard>, Id<Expr>) {
    if let ExprKind::Select(test, then, other) = kernel.exprs[value].kind {
        return (Some((test, other)), then);
    }
    (None, value)
}

/// Declares how many points some variables have; returns its name.
pub(crate) fn declare_count(f: &mut Function<'_, '_>, vars: &[Id<Var>], base: &str) -> String {
    let ranges: Vec<_> = vars.iter().map(|&v| f.kernel.vars[v].range).collect();
    let count = f.count(&ranges);
    f.declare("long long", base, count.to_string())
}

/// Declares and binds the variables of the point at a position in row-major order;
/// returns their names.
pub(crate) fn decompose(f: &mut Function<'_, '_>, vars: &[Id<Var>], position: &str) -> Vec<String> {
    decompose_as(f, "const long long", vars, position)
}

/// A variable that perhaps nothing uses.
const PERHAPS: &str = "[[maybe_unused]] const long long";

/// The same with variables of this C++ type.
fn decompose_as(
    f: &mut Function<'_, '_>,
    ty: &str,
    vars: &[Id<Var>],
    position: &str,
) -> Vec<String> {
    f.need(Header::Index);
    let mut names = Vec::new();
    let mut rest = position.to_owned();
    for (at, &var) in vars.iter().enumerate().rev() {
        let declared = &f.kernel.vars[var];
        let name = if at == 0 {
            declare_as(f, ty, &declared.name, &rest)
        } else {
            let range = f.int(declared.range);
            let divided = format!("tilec::divide_index({rest}, {range})");
            let quotient = f.declare("long long", "rest", divided);
            let digit = format!("{rest} - {quotient} * {}", range.at(Level::Sign));
            rest = quotient;
            declare_as(f, ty, &declared.name, &digit)
        };
        f.bind(var, name.clone());
        names.push(name);
    }
    names.reverse();
    names
}

/// `TY NAME = VALUE;`
fn declare_as(f: &mut Function<'_, '_>, ty: &str, base: &str, value: &str) -> String {
    let name = f.local(base);
    f.line(format!("{ty} {name} = {value};"));
    name
}
