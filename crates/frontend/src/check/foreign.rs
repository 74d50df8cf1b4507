//! Functions of other languages: what to write instead of one that there is
//! not, by its name and its number of arguments.

use super::calls::BUILTINS;
use tilec_ir::nearest;

/// The way out of an unknown function.
pub(super) fn suggestion<'n>(
    name: &str,
    arguments: usize,
    known: impl Iterator<Item = &'n str>,
) -> String {
    let built_in = BUILTINS.iter().map(|&(name, _)| name);
    if let Some(instead) = element_wise(name) {
        return instead.to_owned();
    }
    if let Some(equation) = whole_tensor(name) {
        return format!(
            "whole tensors are computed by equations: {equation}; more stand in `docs/language.md`, Recipes"
        );
    }
    match nearest(name, built_in.chain(known)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("define it: `fn {name}({}) = ..`", parameters(arguments)),
    }
}

/// Functions of one element.
fn element_wise(name: &str) -> Option<&'static str> {
    Some(match name {
        "pow" | "powf" | "powi" | "power" => {
            "there is no power function: write `x * x`, or `exp(y * log(x))`"
        }
        "cos" | "sin" | "tan" | "acos" | "asin" | "atan" | "atan2" | "cosh" | "sinh" => {
            "there are no trigonometric functions: pass a table of their values as an input (there are `exp`, `log`, `sqrt`, `rsqrt`, `tanh`, `erf`, `floor` and `abs`)"
        }
        "square" => "write `x * x`",
        "exp2" => "write `exp(x * 0.6931472)`",
        "log2" => "write `log(x) * 1.442695`",
        "ceil" => "write `-floor(-x)`; in sizes there is `ceil(N / 128)`",
        "round" => "write `floor(x + 0.5)`",
        "relu6" => "write `min(relu(x), 6.0)`",
        "clamp" | "clip" => "write `min(max(x, lo), hi)`",
        "swish" => "`silu` is the same",
        "maximum" | "fmax" => "write `max(a, b)`",
        "minimum" | "fmin" => "write `min(a, b)`",
        "select" | "cond" => "write `if test then a else b`",
        "float" => "write `f32(x)`",
        "int" => "write `i32(x)`",
        _ => return None,
    })
}

/// Functions of whole tensors, as equations.
fn whole_tensor(name: &str) -> Option<&'static str> {
    Some(match name {
        "softmax" | "log_softmax" | "logsumexp" => {
            "`z[m, n] = exp(x[m, n] - top[m])` and `y[m, n] = z[m, n] / sum[j](z[m, j])`, where `top[m] = max[n](x[m, n])`"
        }
        "matmul" | "dot" | "gemm" | "mm" | "bmm" | "einsum" | "linear" => {
            "`c[m, n] = sum[k](a[m, k] * b[k, n])`"
        }
        "layernorm" | "layer_norm" | "rmsnorm" | "rms_norm" | "norm" => {
            "`r[m] = rsqrt(sum[n](x[m, n] * x[m, n]) / f32(N) + 1e-6)` and `y[m, n] = x[m, n] * r[m]`"
        }
        "mean" | "average" | "avg" => "`y[m] = sum[n](x[m, n]) / f32(N)`",
        "transpose" | "permute" => "`y[n, m] = x[m, n]`",
        "topk" | "top_k" | "sort" => {
            "`index[m, s < S] = argsort[n desc](x[m, n])[s]` and `value[m, s] = x[m, index[m, s]]`"
        }
        "cumsum" => "`y[j] = sum[i](if i <= j then x[i] else 0)`",
        "conv" | "conv1d" | "conv2d" => "`y[n] = sum[i < 3](x[n + i] * w[i])`",
        "attention" => "`s[q, k] = sum[d](a[q, d] * b[k, d])`, a softmax, and a second sum",
        _ => return None,
    })
}

/// So many parameters.
fn parameters(count: usize) -> String {
    let names = ["x", "y", "z", "w"];
    match count {
        0 | 1 => "x".to_owned(),
        2..=4 => names[..count].join(", "),
        _ => (1..=count).map(|at| format!("x{at}")).collect::<Vec<_>>().join(", "),
    }
}
