//! Loops over points: one thread, one warp or one block for each point of the
//! equations of a region, and a reduction inside where the equation is one.

use tilec_ir::tensor::Equation;
use tilec_ir::tile::{Body, Points, Step, Variant};
use tilec_manifest::Launch;

use crate::context::Context;
use crate::device::Header;
use crate::function::{Function, Shape};
use crate::text::Text;

pub(crate) fn emit(cx: &mut Context<'_>, step: &Step, variant: &Variant) -> Vec<Launch> {
    let Body::Points(points) = &variant.kernel.body else {
        unreachable!("called for loops over points")
    };
    let (equations, threads) = (cx.equations(step), variant.kernel.threads);
    let grid = cx.grid(&variant.kernel);
    let mut f = cx.begin(&variant.kernel.name);
    one_thread(&mut f, &equations, points, threads);
    vec![f.finish(Shape { grid, threads, cluster: 1, shared_bytes: 0, resident: None })]
}

fn one_thread(f: &mut Function<'_, '_>, equations: &[&Equation], _points: &Points, threads: u32) {
    f.need(Header::Index);
    let shape: Vec<_> = equations[0].vars.iter().map(|&v| f.kernel.vars[v].range).collect();
    let count = f.count(&shape);
    let (count, point) = (f.declare("long long", "points", count.to_string()), f.local("point"));
    let first = format!("{point} = blockIdx.x * {threads}ll + threadIdx.x");
    let step = format!("{point} += gridDim.x * {threads}ll");
    f.open(&format!("for (long long {first}; {point} < {count}; {step})"));
    let names = decompose(f, &equations[0].vars, &point);
    for equation in equations {
        f.cite(equation);
        for (&var, name) in equation.vars.iter().zip(&names) {
            f.bind(var, name.clone());
        }
        let index: Vec<_> = names.iter().cloned().map(Text::atom).collect();
        f.store(equation.tensor, &index, equation.value);
    }
    f.close();
}

/// Declares the variables of the point at a position in row-major order; returns
/// their names.
pub(crate) fn decompose(
    f: &mut Function<'_, '_>,
    vars: &[tilec_ir::Id<tilec_ir::tensor::Var>],
    position: &str,
) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = position.to_owned();
    for (at, &var) in vars.iter().enumerate().rev() {
        let declared = &f.kernel.vars[var];
        if at == 0 {
            names.push(f.declare("long long", &declared.name, &rest));
        } else {
            let range = f.int(declared.range);
            let quotient =
                f.declare("long long", "rest", format!("tilec::divide_index({rest}, {range})"));
            let digit = format!("{rest} - {quotient} * {}", range.at(crate::text::Level::Sign));
            names.push(f.declare("long long", &declared.name, digit));
            rest = quotient;
        }
    }
    names.reverse();
    names
}
