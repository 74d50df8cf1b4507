//! Random kernels that are well typed by construction, as text.
//!
//! Every value knows whether it is computed exactly: inputs are small multiples
//! of 1/2 (or special values), and as long as sums and products of them keep
//! within 22 bits, no order of summation changes a bit. Only exact values are
//! compared, sorted or turned into integers, so that no result hangs on a
//! rounding; what is inexact ends in outputs that are compared within bounds.

use std::fmt::Write;

use super::expressions::{Scope, Value};
use super::random::Random;

/// A tensor that equations can read.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) class: Class,
    pub(crate) dims: Vec<String>,
}

/// What reading a tensor gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// A float of so many bits, or an inexact one.
    Float(Option<u32>),
    Int,
    Bool,
    /// An index below a size.
    Index(String),
}

/// A kernel and what a test must know of it.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) text: String,
    /// The least value of each size.
    pub(crate) sizes: Vec<(String, usize)>,
    /// Names of outputs that are not exact.
    pub(crate) inexact: Vec<String>,
    /// Whether it adds or multiplies up floats, so that infinities may meet in
    /// another order.
    pub(crate) regroups: bool,
    /// Whether everything is finite if the inputs are.
    pub(crate) finite: bool,
}

/// A kernel under construction.
#[derive(Debug)]
pub(crate) struct Generator {
    pub(crate) random: Random,
    pub(crate) tensors: Vec<Tensor>,
    inputs: Vec<String>,
    equations: Vec<String>,
    pub(crate) sizes: Vec<(String, usize)>,
    pub(crate) regroups: bool,
    pub(crate) finite: bool,
    pub(crate) budget: usize,
    vars: usize,
}

const FUNCTIONS: &str =
    "fn blend(x, y) = 0.5 * x + max(y, x)\nfn clamp(x) = min(max(x, -4), 4)\n\n";

/// The kernel of a seed.
pub(crate) fn generate(seed: u64) -> Program {
    let mut generator = Generator::new(seed);
    for at in 0..3 + generator.random.below(4) {
        generator.input(at);
    }
    let count = 1 + generator.random.below(5);
    for at in 0..count {
        generator.equation(at);
    }
    generator.finish()
}

impl Generator {
    fn new(seed: u64) -> Self {
        let sizes = ["M", "N", "K"].map(|name| (name.to_owned(), 0)).to_vec();
        let mut random = Random::new(seed);
        let finite = !random.one_in(4);
        Self {
            random,
            finite,
            tensors: Vec::new(),
            inputs: Vec::new(),
            equations: Vec::new(),
            sizes,
            regroups: false,
            budget: 0,
            vars: 0,
        }
    }

    /// From here on the size is at least `least`.
    pub(crate) fn at_least(&mut self, size: &str, least: usize) -> bool {
        let known = self.sizes.iter_mut().find(|(name, _)| name == size);
        known.map(|(_, value)| *value = (*value).max(least)).is_some()
    }

    pub(crate) fn dim(&mut self) -> String {
        let dims = ["M", "N", "K", "M", "N", "K", "3", "ceil(K / 4)", "2 * M"];
        (*self.random.pick(&dims)).to_owned()
    }

    pub(crate) fn var(&mut self) -> String {
        self.vars += 1;
        format!("v{}", self.vars)
    }

    fn input(&mut self, at: usize) {
        let name = format!("in{at}");
        let rank = *self.random.pick(&[0, 1, 1, 2, 2, 2, 3]);
        let dims: Vec<_> = (0..rank).map(|_| self.dim()).collect();
        let kinds = [
            "f32", "f32", "f32", "bf16", "f16", "f8e4m3", "f8e5m2", "i32", "i8", "u8", "bool",
            "idx",
        ];
        let mut kind = (*self.random.pick(&kinds)).to_owned();
        let class = match kind.as_str() {
            "i32" | "i8" | "u8" => Class::Int,
            "bool" => Class::Bool,
            "idx" => {
                let bound = self.random.pick(&["M", "N", "K", "3"]).to_string();
                kind = format!("idx<{bound}>");
                Class::Index(bound)
            }
            _ => Class::Float(Some(5)),
        };
        let shape = if dims.is_empty() { String::new() } else { format!("[{}]", dims.join(", ")) };
        self.inputs.push(format!("{name}: {kind}{shape}"));
        self.tensors.push(Tensor { name, class, dims });
    }

    fn equation(&mut self, at: usize) {
        let rank = *self.random.pick(&[0, 1, 1, 2, 2, 2]);
        let mut scope = Scope::default();
        for _ in 0..rank {
            let dim = self.dim();
            let var = self.var();
            scope.vars.push((var, dim));
        }
        self.budget = 14;
        let (mut value, class) = match self.random.below(10) {
            0..=4 => self.float_equation(&scope),
            5..=6 => (self.int(&scope, 4), Class::Int),
            7 => (self.bool(&scope, 3), Class::Bool),
            _ => self.selection(&scope),
        };
        let binders: Vec<_> = scope.vars.iter().map(|(v, d)| format!("{v} < {d}")).collect();
        let left =
            if binders.is_empty() { String::new() } else { format!("[{}]", binders.join(", ")) };
        let name = format!("t{at}");
        if let Class::Index(bound) = &class
            && self.random.one_in(3)
            && self.at_least(bound, 1)
        {
            value = format!("idx<{bound}>({value} + 1)");
        }
        self.equations.push(format!("{name}{left} = {value}"));
        let dims = scope.vars.into_iter().map(|(_, dim)| dim).collect();
        self.tensors.push(Tensor { name, class, dims });
    }

    /// Sometimes rounded to a narrow type, which keeps exact values exact.
    fn float_equation(&mut self, scope: &Scope) -> (String, Class) {
        let Value { text, bits } = self.float(scope, 4);
        let narrow = *self.random.pick(&["", "", "", "bf16", "f16", "f8e4m3", "f8e5m2"]);
        let stochastic = self.random.one_in(4);
        if narrow.is_empty() || bits.is_none_or(|bits| bits > 14) {
            return (text, Class::Float(bits));
        }
        let bits = Class::Float(Some(14));
        if stochastic {
            let index = self.int(scope, 1);
            return (format!("round_stochastic<{narrow}>({text}, random(7, {index}))"), bits);
        }
        (format!("{narrow}({text})"), bits)
    }

    /// Outputs are the last equations and some of the others.
    fn finish(self) -> Program {
        let mut random = self.random;
        let (mut outputs, mut copies, mut inexact) = (Vec::new(), String::new(), Vec::new());
        let computed: Vec<_> = self.tensors.iter().filter(|t| t.name.starts_with('t')).collect();
        for (at, tensor) in computed.iter().enumerate() {
            if at + 1 < computed.len() && random.one_in(3) {
                continue;
            }
            let name = format!("out{at}");
            let vars: Vec<_> = (0..tensor.dims.len()).map(|v| format!("o{v}")).collect();
            let index =
                if vars.is_empty() { String::new() } else { format!("[{}]", vars.join(", ")) };
            let binders = vars.iter().zip(&tensor.dims).map(|(v, d)| format!("{v} < {d}"));
            let binders: Vec<_> = binders.collect();
            let left =
                if vars.is_empty() { String::new() } else { format!("[{}]", binders.join(", ")) };
            let shape = if vars.is_empty() {
                String::new()
            } else {
                format!("[{}]", tensor.dims.join(", "))
            };
            let ty = match &tensor.class {
                Class::Float(bits) => {
                    if bits.is_none() {
                        inexact.push(name.clone());
                    }
                    "f32".to_owned()
                }
                Class::Int => "i32".to_owned(),
                Class::Bool => "bool".to_owned(),
                Class::Index(bound) => format!("idx<{bound}>"),
            };
            outputs.push(format!("{name}: {ty}{shape}"));
            let _ = writeln!(copies, "    {name}{left} = {}{index}", tensor.name);
        }
        let facts = self.sizes.iter().filter(|(_, least)| *least > 0);
        let facts: Vec<_> = facts.map(|(name, least)| format!("{least} <= {name}")).collect();
        let mut text = FUNCTIONS.to_owned();
        let sizes: Vec<_> = self.sizes.iter().map(|(name, _)| format!("{name} = 4")).collect();
        let _ = writeln!(
            text,
            "kernel random_kernel[{}](\n    {},\n) -> (\n    {},\n)",
            sizes.join(", "),
            self.inputs.join(",\n    "),
            outputs.join(",\n    ")
        );
        if !facts.is_empty() {
            let _ = writeln!(text, "where {}", facts.join(", "));
        }
        let _ = writeln!(text, "{{\n    {}\n{copies}}}", self.equations.join("\n    "));
        Program { text, sizes: self.sizes, inexact, regroups: self.regroups, finite: self.finite }
    }
}
