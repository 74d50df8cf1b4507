//! The tensor IR as text that reads like the language.
//!
//! ```text
//! kernel gemm[M, N, K](a: f32[M, K], b: f32[N, K]) -> (c: bf16[M, N])
//! {
//!     acc: f32[m < M, n < N] = sum[k < K](a[m, k] * b[n, k])
//!     c: bf16[m < M, n < N] = bf16(acc[m, n])
//! }
//! ```
//!
//! One equation a line, with its element type and the ranges of its variables.
//! What an equation uses twice, or what would make a line endless, gets a name
//! (`%7`, the handle of the expression) and a line of its own under the
//! equation. Takes any kernel, also one that does not verify.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::arena::Id;
use crate::expr_text::{Text, node};
use crate::int_text::show;
use crate::tensor::{Equation, Expr, Kernel, Role, Scalar, Tensor, Var};
use crate::walk::{operands, reachable};

/// The longest expression that is written in place.
const MAX_INLINE: usize = 240;

/// The whole kernel.
#[must_use]
pub fn print(kernel: &Kernel) -> String {
    let mut out = header(kernel);
    out += "{\n";
    for equation in &kernel.equations {
        out += &print_equation(kernel, equation);
    }
    out += "}\n";
    out
}

/// The header with its facts, up to the brace.
#[must_use]
pub fn header(kernel: &Kernel) -> String {
    let sizes = kernel.sizes.iter().map(|(_, size)| match size.default {
        Some(default) => format!("{} = {default}", size.name),
        None => size.name.clone(),
    });
    let sizes: Vec<_> = sizes.collect();
    let params = |role| {
        let params = kernel.tensors_of(role).map(|id| declaration(kernel, id));
        params.collect::<Vec<_>>().join(", ")
    };
    let (inputs, outputs) = (params(Role::Input), params(Role::Output));
    let sizes = sizes.join(", ");
    let mut out = format!("kernel {}[{sizes}]({inputs}) -> ({outputs})\n", kernel.name);
    let facts: Vec<_> = kernel.facts.iter().map(|fact| fact.text.as_str()).collect();
    if !facts.is_empty() {
        let _ = writeln!(out, "where {}", facts.join(", "));
    }
    out
}

/// One equation, and a line for everything in it that has a name of its own.
#[must_use]
pub fn print_equation(kernel: &Kernel, equation: &Equation) -> String {
    let mut named = Vec::new();
    let value = value_text(kernel, equation.value, &mut named);
    let mut out = format!("    {} = {value}\n", left_side(kernel, equation));
    for (expr, text) in named {
        let _ = writeln!(out, "        %{} = {text}", expr.index());
    }
    out
}

/// `acc: f32[m < M, n < N]`
#[must_use]
pub fn left_side(kernel: &Kernel, equation: &Equation) -> String {
    let tensor = &kernel.tensors[equation.tensor];
    let vars = binders(kernel, &equation.vars);
    let vars = if vars.is_empty() { vars } else { format!("[{vars}]") };
    format!("{}: {}{vars}", tensor.name, scalar(kernel, tensor.element))
}

/// An expression in one line, for messages; cut short where it is very long.
#[must_use]
pub fn print_expr(kernel: &Kernel, expr: Id<Expr>) -> String {
    value_text(kernel, expr, &mut Vec::new())
}

/// A type as written in the language.
#[must_use]
pub fn scalar(kernel: &Kernel, scalar: Scalar) -> String {
    match scalar {
        Scalar::F32 => "f32".to_owned(),
        Scalar::Bf16 => "bf16".to_owned(),
        Scalar::F16 => "f16".to_owned(),
        Scalar::F8E4M3 => "f8e4m3".to_owned(),
        Scalar::F8E5M2 => "f8e5m2".to_owned(),
        Scalar::I32 => "i32".to_owned(),
        Scalar::I8 => "i8".to_owned(),
        Scalar::U8 => "u8".to_owned(),
        Scalar::Bool => "bool".to_owned(),
        Scalar::Idx(bound) => format!("idx<{}>", show(kernel, bound)),
    }
}

/// `m < M, n < N`
#[must_use]
pub fn binders(kernel: &Kernel, vars: &[Id<Var>]) -> String {
    let binder = |&id: &Id<Var>| {
        let var = &kernel.vars[id];
        format!("{} < {}", var.name, show(kernel, var.range))
    };
    vars.iter().map(binder).collect::<Vec<_>>().join(", ")
}

fn declaration(kernel: &Kernel, id: Id<Tensor>) -> String {
    let tensor = &kernel.tensors[id];
    let shape: Vec<_> = tensor.shape.iter().map(|&dim| show(kernel, dim)).collect();
    let shape = if shape.is_empty() { String::new() } else { format!("[{}]", shape.join(", ")) };
    format!("{}: {}{shape}", tensor.name, scalar(kernel, tensor.element))
}

/// The text of `root`; what gets a name is added to `named`, its users first.
fn value_text(kernel: &Kernel, root: Id<Expr>, named: &mut Vec<(Id<Expr>, String)>) -> String {
    let order = reachable(kernel, root);
    let mut uses: BTreeMap<Id<Expr>, usize> = BTreeMap::new();
    for &expr in &order {
        for operand in operands(kernel, expr) {
            *uses.entry(operand).or_default() += 1;
        }
    }
    let mut texts: BTreeMap<Id<Expr>, Text> = BTreeMap::new();
    for expr in order {
        let text = node(kernel, expr, &texts);
        let shared = uses.get(&expr).is_some_and(|&n| n > 1) && !text.is_short();
        if expr != root && (shared || text.text.len() > MAX_INLINE) {
            named.push((expr, text.text));
            texts.insert(expr, Text::name(format!("%{}", expr.index())));
        } else {
            texts.insert(expr, text);
        }
    }
    named.reverse();
    texts.remove(&root).map(|text| text.text).unwrap_or_default()
}
