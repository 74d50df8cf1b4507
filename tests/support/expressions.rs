//! Random expressions, by class: what a scope can read, and all that the
//! language does with it.

use super::kernels::{Class, Generator};

/// Index variables with their ranges.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) vars: Vec<(String, String)>,
}

/// A float: `bits` bounds the significant bits of an exact one.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) text: String,
    pub(crate) bits: Option<u32>,
}

/// The most bits that a sum of products keeps in f32.
const MOST_BITS: u32 = 22;

impl Scope {
    fn with(&self, var: &str, dim: &str) -> Self {
        let mut scope = self.clone();
        scope.vars.push((var.to_owned(), dim.to_owned()));
        scope
    }
}

impl Value {
    fn new(text: String, bits: Option<u32>) -> Self {
        Self { text, bits: bits.filter(|&bits| bits <= MOST_BITS) }
    }
}

impl Generator {
    fn spend(&mut self, depth: usize) -> usize {
        self.budget = self.budget.saturating_sub(1);
        if self.budget == 0 { 0 } else { depth }
    }

    pub(crate) fn float(&mut self, scope: &Scope, depth: usize) -> Value {
        let depth = self.spend(depth);
        let choice = if depth == 0 { self.random.below(4) } else { self.random.below(26) };
        match choice {
            0..=3 => self.float_atom(scope),
            4..=6 => self.float_pair(scope, depth, " + ", |a, b| a.max(b) + 1),
            7 => self.float_pair(scope, depth, " - ", |a, b| a.max(b) + 1),
            8..=10 => self.float_pair(scope, depth, " * ", |a, b| a + b),
            11 => self.float_call(scope, depth, "max"),
            12 => self.float_call(scope, depth, "min"),
            13 => self.float_call(scope, depth, "blend"),
            14 => {
                let x = self.float(scope, depth - 1);
                let name = *self.random.pick(&["abs", "-", "floor", "clamp"]);
                // What floor does to an inexact value hangs on its rounding.
                let name = if name == "floor" && x.bits.is_none() { "abs" } else { name };
                Value::new(format!("{name}({})", x.text), x.bits)
            }
            15 => self.function(scope, depth),
            16..=17 => {
                let test = self.bool(scope, depth - 1);
                let (a, b) = (self.float(scope, depth - 1), self.float(scope, depth - 1));
                let text = format!("(if {test} then {} else {})", a.text, b.text);
                Value::new(text, a.bits.zip(b.bits).map(|(a, b)| a.max(b)))
            }
            18 => {
                let x = self.exact_float(scope, depth - 1);
                let name = *self.random.pick(&["bf16", "f16", "f8e4m3", "f8e5m2"]);
                Value::new(format!("f32({name}({x}))"), Some(14))
            }
            19 => {
                let x = self.int(scope, depth - 1);
                Value::new(format!("f32({x} % 8)"), Some(5))
            }
            20 => {
                let (x, divisor) = (self.float(scope, depth - 1), self.float(scope, depth - 1));
                Value::new(format!("{} / (1 + abs({}))", x.text, divisor.text), None)
            }
            _ => self.float_reduction(scope, depth),
        }
    }

    /// A float that can be compared without looking at roundings.
    fn exact_float(&mut self, scope: &Scope, depth: usize) -> String {
        for _ in 0..4 {
            let value = self.float(scope, depth);
            if value.bits.is_some_and(|bits| bits <= 14) {
                return value.text;
            }
        }
        let read = self.read(scope, |class| matches!(class, Class::Float(Some(_))));
        read.map_or_else(|| "f32(3)".to_owned(), |(text, _)| text)
    }

    fn float_atom(&mut self, scope: &Scope) -> Value {
        if !self.random.one_in(6)
            && let Some((text, Class::Float(bits))) =
                self.read(scope, |class| matches!(class, Class::Float(_)))
        {
            return Value::new(text, bits);
        }
        match (self.random.below(4), scope.vars.last().cloned()) {
            (0, Some((var, _))) => Value::new(format!("f32({var})"), Some(6)),
            (1, Some((var, _))) => Value::new(format!("uniform(5, {var})"), None),
            (2, _) => Value::new("1.5".to_owned(), Some(4)),
            _ => Value::new("0.5".to_owned(), Some(3)),
        }
    }

    fn float_pair(
        &mut self,
        scope: &Scope,
        depth: usize,
        operator: &str,
        bits: fn(u32, u32) -> u32,
    ) -> Value {
        let (a, b) = (self.float(scope, depth - 1), self.float(scope, depth - 1));
        let bits = a.bits.zip(b.bits).map(|(a, b)| bits(a, b));
        Value::new(format!("({}{operator}{})", a.text, b.text), bits)
    }

    fn float_call(&mut self, scope: &Scope, depth: usize, name: &str) -> Value {
        let (a, b) = (self.float(scope, depth - 1), self.float(scope, depth - 1));
        let bits = a.bits.zip(b.bits).map(|(a, b)| a.max(b) + if name == "blend" { 2 } else { 0 });
        Value::new(format!("{name}({}, {})", a.text, b.text), bits)
    }

    fn function(&mut self, scope: &Scope, depth: usize) -> Value {
        let x = self.float(scope, depth - 1).text;
        let text = match self.random.below(9) {
            0 => format!("exp(clamp({x}))"),
            1 => format!("log(1 + abs({x}))"),
            2 => format!("sqrt(abs({x}))"),
            3 => format!("rsqrt(1 + abs({x}))"),
            4 => format!("tanh({x})"),
            5 => format!("erf({x})"),
            6 => format!("silu(clamp({x}))"),
            7 => format!("gelu(clamp({x}))"),
            _ => format!("sigmoid(clamp({x}))"),
        };
        Value::new(text, None)
    }

    fn float_reduction(&mut self, scope: &Scope, depth: usize) -> Value {
        let op = *self.random.pick(&["sum", "sum", "sum", "max", "min", "prod"]);
        let (binders, inner) = self.binders(scope);
        let body = match self.random.below(3) {
            0 => self.float_pair(&inner, depth, " * ", |a, b| a + b),
            1 => self.scan(&inner, depth),
            _ => self.float(&inner, depth - 1),
        };
        let (body, bits) = match op {
            // A product of many stays within f32, but not exact.
            "prod" => (format!("clamp({}) * 0.5", body.text), None),
            // Up to 2^10 summands.
            "sum" => (body.text, body.bits.map(|bits| bits + 10)),
            _ => (body.text, body.bits),
        };
        self.regroups |= matches!(op, "sum" | "prod");
        // Over an empty range the largest is -inf.
        if self.finite && matches!(op, "max" | "min") {
            return Value::new(format!("clamp({op}[{binders}]({body}))"), bits);
        }
        Value::new(format!("{op}[{binders}]({body})"), bits)
    }

    /// Only the first so many: `if j <= i then x[j] else 0`.
    fn scan(&mut self, scope: &Scope, depth: usize) -> Value {
        let x = self.float(scope, depth - 1);
        let ((a, _), (b, _)) =
            (self.random.pick(&scope.vars).clone(), self.random.pick(&scope.vars).clone());
        Value::new(format!("(if {a} <= {b} then {} else 0)", x.text), x.bits)
    }

    fn binders(&mut self, scope: &Scope) -> (String, Scope) {
        let count = if self.random.one_in(4) { 2 } else { 1 };
        let (mut binders, mut inner) = (Vec::new(), scope.clone());
        for _ in 0..count {
            let (var, dim) = (self.var(), self.dim());
            binders.push(format!("{var} < {dim}"));
            inner = inner.with(&var, &dim);
        }
        (binders.join(", "), inner)
    }

    pub(crate) fn int(&mut self, scope: &Scope, depth: usize) -> String {
        let depth = self.spend(depth);
        let choice = if depth == 0 { self.random.below(4) } else { self.random.below(17) };
        match choice {
            0..=3 => self.int_atom(scope),
            4..=7 => {
                let operator = *self.random.pick(&["+", "-", "*"]);
                let (a, b) = (self.int(scope, depth - 1), self.int(scope, depth - 1));
                format!("({a} {operator} {b})")
            }
            8 => {
                let operator = *self.random.pick(&["/", "%"]);
                format!("({} {operator} {})", self.int(scope, depth - 1), 2 + self.random.below(6))
            }
            9 => {
                let name = *self.random.pick(&["min", "max"]);
                format!("{name}({}, {})", self.int(scope, depth - 1), self.int(scope, depth - 1))
            }
            10 => format!("abs({})", self.int(scope, depth - 1)),
            11 => format!("i32({})", self.exact_float(scope, depth - 1)),
            12 => {
                let test = self.bool(scope, depth - 1);
                let (a, b) = (self.int(scope, depth - 1), self.int(scope, depth - 1));
                format!("(if {test} then {a} else {b})")
            }
            13 => format!("random({}, {})", self.int(scope, 0), self.int(scope, 0)),
            14 => self.zero_points(scope, depth),
            15 => self.histogram(scope),
            _ => {
                let op = *self.random.pick(&["sum", "max", "min", "prod"]);
                let (binders, inner) = self.binders(scope);
                format!("{op}[{binders}]({})", self.int(&inner, depth - 1))
            }
        }
    }

    fn zero_points(&mut self, scope: &Scope, depth: usize) -> String {
        let (binders, inner) = self.binders(scope);
        let (a, b) = (self.int(&inner, depth - 1), self.int(&inner, depth - 1));
        let (za, zb) = (self.int(scope, 0), self.int(scope, 0));
        format!("sum[{binders}](({a} - {za}) * ({b} - {zb}))")
    }

    fn histogram(&mut self, scope: &Scope) -> String {
        let (binders, inner) = self.binders(scope);
        let (a, b) = (self.int(&inner, 1), self.int(scope, 0));
        format!("sum[{binders}](if {a} == {b} then 1 else 0)")
    }

    fn int_atom(&mut self, scope: &Scope) -> String {
        if !self.random.one_in(4)
            && let Some((text, _)) =
                self.read(scope, |class| matches!(class, Class::Int | Class::Index(_)))
        {
            return text;
        }
        match (self.random.below(3), scope.vars.is_empty()) {
            (0 | 1, false) => self.random.pick(&scope.vars).0.clone(),
            (2, _) => (*self.random.pick(&["M", "N", "K"])).to_owned(),
            _ => format!("i32({})", self.random.below(9)),
        }
    }

    pub(crate) fn bool(&mut self, scope: &Scope, depth: usize) -> String {
        let depth = self.spend(depth);
        let choice = if depth == 0 { self.random.below(2) } else { self.random.below(7) };
        match choice {
            0 => match self.read(scope, |class| *class == Class::Bool) {
                Some((text, _)) => text,
                None => format!("{} < 2", self.int_atom(scope)),
            },
            1 | 2 => {
                let operator = *self.random.pick(&["<", "<=", ">", ">=", "==", "!="]);
                format!("{} {operator} {}", self.int(scope, depth.min(1)), self.int_atom(scope))
            }
            3 => {
                let operator = *self.random.pick(&["<", "<=", ">", ">=", "==", "!="]);
                let (a, b) =
                    (self.exact_float(scope, depth - 1), self.exact_float(scope, depth - 1));
                format!("{a} {operator} {b}")
            }
            4 => format!("(not ({}))", self.bool(scope, depth - 1)),
            _ => {
                let operator = *self.random.pick(&["and", "or"]);
                format!(
                    "(({}) {operator} ({}))",
                    self.bool(scope, depth - 1),
                    self.bool(scope, depth - 1)
                )
            }
        }
    }

    /// An index by its place in an order, of a key that is exact.
    pub(crate) fn selection(&mut self, scope: &Scope) -> (String, Class) {
        let dim = (*self.random.pick(&["M", "N", "K"])).to_owned();
        let var = self.var();
        let inner = scope.with(&var, &dim);
        let key =
            if self.random.one_in(3) { self.int(&inner, 2) } else { self.exact_float(&inner, 2) };
        let order = *self.random.pick(&["asc", "desc"]);
        let place = scope.vars.iter().find(|(_, range)| *range == dim).map(|(var, _)| var.clone());
        let class = Class::Index(dim.clone());
        let text = match place {
            Some(place) if !self.random.one_in(4) => {
                format!("argsort[{var} < {dim} {order}]({key})[{place}]")
            }
            _ => {
                let place = self.random.below(2);
                self.at_least(&dim, place + 1);
                if place == 0 {
                    format!("argmax[{var} < {dim}]({key})")
                } else {
                    format!("argsort[{var} < {dim} {order}]({key})[{place}]")
                }
            }
        };
        (text, class)
    }

    /// An element of some tensor of a class, in range by construction.
    fn read(&mut self, scope: &Scope, wanted: fn(&Class) -> bool) -> Option<(String, Class)> {
        let fitting: Vec<_> = self.tensors.iter().filter(|t| wanted(&t.class)).cloned().collect();
        for _ in 0..6 {
            if fitting.is_empty() {
                return None;
            }
            let tensor = self.random.pick(&fitting).clone();
            let (mut index, mut tests) = (Vec::new(), Vec::new());
            for dim in &tensor.dims {
                index.push(self.index(scope, dim, &mut tests));
            }
            let Some(index) = index.into_iter().collect::<Option<Vec<_>>>() else { continue };
            let text = match index.is_empty() {
                true => tensor.name.clone(),
                false => format!("{}[{}]", tensor.name, index.join(", ")),
            };
            if tests.is_empty() {
                return Some((text, tensor.class));
            }
            let other = if tensor.class == Class::Bool { "1 == 0 * M" } else { "0" };
            let is_index = matches!(tensor.class, Class::Index(_));
            let class = if is_index { Class::Int } else { tensor.class };
            return Some((format!("(if {} then {text} else {other})", tests.join(" and ")), class));
        }
        None
    }

    /// An index that is below `dim`, perhaps only under a test.
    fn index(&mut self, scope: &Scope, dim: &str, tests: &mut Vec<String>) -> Option<String> {
        let mut found = Vec::new();
        // An expression has no ceil.
        let size = dim.replace("ceil(K / 4)", "(K + 3) / 4");
        for (var, range) in &scope.vars {
            if range == dim {
                found.push((var.clone(), None));
                found.push((var.clone(), None));
                found.push((format!("{var} - 1"), Some(format!("1 <= {var}"))));
                found.push((format!("{var} + 1"), Some(format!("{var} + 1 < {size}"))));
                found.push((format!("{size} - 1 - {var}"), None));
            } else if dim == "ceil(K / 4)" && range == "K" {
                found.push((format!("{var} / 4"), None));
            } else if dim == "2 * M" && range == "M" {
                found.push((format!("M + {var}"), None));
            } else if dim == "3" {
                found.push((format!("{var} % 3"), None));
            } else if range == "2 * M" && dim == "M" {
                found.push((format!("{var} / 2"), None));
            } else if self.random.one_in(6) {
                found.push((var.clone(), Some(format!("{var} < {size}"))));
            }
        }
        for tensor in self.tensors.clone() {
            if tensor.class == Class::Index(dim.to_owned()) && self.random.one_in(2) {
                let position = |d: &String| {
                    scope.vars.iter().find(|(_, range)| range == d).map(|(var, _)| var.clone())
                };
                if let Some(inner) = tensor.dims.iter().map(position).collect::<Option<Vec<_>>>() {
                    let brackets = if inner.is_empty() {
                        String::new()
                    } else {
                        format!("[{}]", inner.join(", "))
                    };
                    found.push((format!("{}{brackets}", tensor.name), None));
                }
            }
        }
        if dim == "3" {
            found.push((self.random.below(3).to_string(), None));
        }
        if found.is_empty() {
            return None;
        }
        let (text, test) = self.random.pick(&found).clone();
        tests.extend(test);
        Some(text)
    }
}
