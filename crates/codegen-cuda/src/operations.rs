//! The operations of expressions as C++.
//!
//! Operators stand for themselves where C++ means the same (`a + b` of floats); the
//! others are functions of `device/scalar.cuh`. No operation is undefined for any
//! value of its operands. Nothing is contracted that the language does not let be:
//! only a sum multiplies and adds in one step, by `fmaf`; emitted code is compiled
//! with `-fmad=false`.

use tilec_ir::Id;
use tilec_ir::Scalar;
use tilec_ir::tensor::{Binary, Expr, ExprKind, Reduction, Unary, Var};

use crate::device::Header;
use crate::function::Function;
use crate::text::{Level, Text};
use crate::types::Class;

impl Function<'_, '_> {
    pub(crate) fn class(&self, expr: Id<Expr>) -> Class {
        Class::of(self.kernel.exprs[expr].ty)
    }

    pub(crate) fn float(&mut self, value: f32) -> Text {
        if value.is_finite() {
            return Text::number(format!("{value:?}f"));
        }
        self.need(Header::Scalar);
        let name = if value.is_nan() { "tilec::nan()" } else { "tilec::infinity()" };
        if value == f32::NEG_INFINITY {
            return Text::new(format!("-{name}"), Level::Sign);
        }
        Text::atom(name)
    }

    pub(crate) fn unary(&mut self, op: Unary, a: Id<Expr>) -> Text {
        let class = self.class(a);
        let a = self.operand(a);
        let name = match (op, class) {
            (Unary::Neg, Class::Float) => {
                let operand = a.at(Level::Atom);
                return Text::new(format!("-{operand}"), Level::Sign);
            }
            (Unary::Not, _) => return Text::new(format!("!{}", a.at(Level::Atom)), Level::Sign),
            (Unary::Abs, Class::Float) => "fabsf",
            (Unary::Sqrt, _) => "sqrtf",
            (Unary::Rsqrt, _) => "tilec::rsqrt",
            (Unary::Floor, _) => "floorf",
            (Unary::Exp, _) => "expf",
            (Unary::Log, _) => "logf",
            (Unary::Tanh, _) => "tanhf",
            (Unary::Erf, _) => "erff",
            (Unary::Neg, _) => "tilec::negate",
            (Unary::Abs, _) => "tilec::abs",
            (Unary::Uniform, _) => {
                self.need(Header::Philox);
                "tilec::uniform"
            }
        };
        self.need(Header::Scalar);
        Text::call(name, &[&a])
    }

    pub(crate) fn binary(&mut self, op: Binary, a: Id<Expr>, b: Id<Expr>) -> Text {
        let class = self.class(a);
        if op == Binary::Div
            && let Some(divisor) = self.divisors.get(&b)
        {
            return Text::call("tilec::quotient", &[&self.operand(a), &Text::atom(divisor)]);
        }
        let (a, b) = (self.operand(a), self.operand(b));
        self.combine(op, class, &a, &b)
    }

    /// `op(a, b)` of two values of a class.
    pub(crate) fn combine(&mut self, op: Binary, class: Class, a: &Text, b: &Text) -> Text {
        let float = class == Class::Float;
        let infix = match op {
            Binary::Add if float => Some((Level::Sum, "+")),
            Binary::Sub if float => Some((Level::Sum, "-")),
            Binary::Mul if float => Some((Level::Product, "*")),
            Binary::Div if float => Some((Level::Product, "/")),
            Binary::Equal => Some((Level::Equal, "==")),
            Binary::NotEqual => Some((Level::Equal, "!=")),
            Binary::Less => Some((Level::Compare, "<")),
            Binary::AtMost => Some((Level::Compare, "<=")),
            Binary::Greater => Some((Level::Compare, ">")),
            Binary::AtLeast => Some((Level::Compare, ">=")),
            Binary::And => Some((Level::And, "&&")),
            Binary::Or => Some((Level::Or, "||")),
            Binary::Add
            | Binary::Sub
            | Binary::Mul
            | Binary::Div
            | Binary::Rem
            | Binary::Min
            | Binary::Max => None,
        };
        if let Some((level, op)) = infix {
            return Text::binary(level, a, op, b);
        }
        self.need(Header::Scalar);
        let name = match op {
            Binary::Add => "tilec::add",
            Binary::Sub => "tilec::subtract",
            Binary::Mul => "tilec::multiply",
            Binary::Div => "tilec::divide",
            Binary::Rem => "tilec::remainder",
            Binary::Min => "tilec::minimum",
            Binary::Max => "tilec::maximum",
            Binary::Equal
            | Binary::NotEqual
            | Binary::Less
            | Binary::AtMost
            | Binary::Greater
            | Binary::AtLeast
            | Binary::And
            | Binary::Or => unreachable!("written as operators"),
        };
        Text::call(name, &[a, b])
    }

    /// The value of an operand as a `float`, converted if it is none.
    pub(crate) fn as_float(&mut self, from: Id<Expr>, value: Text) -> Text {
        match self.class(from) {
            Class::Float => value,
            Class::Integer => Text::call("float", &[&value]),
            Class::Truth => {
                Text::new(format!("{} ? 1.0f : 0.0f", value.at(Level::Or)), Level::Choice)
            }
        }
    }

    pub(crate) fn convert(&mut self, from: Id<Expr>, to: Scalar) -> Text {
        let value = self.operand(from);
        let class = self.class(from);
        match to {
            Scalar::F32 => self.as_float(from, value),
            Scalar::Bf16 | Scalar::F16 | Scalar::F8E4M3 | Scalar::F8E5M2 => {
                let wide = self.as_float(from, value);
                let encoded = self.encode(to, &wide);
                Text::call("tilec::to_float", &[&encoded])
            }
            Scalar::Bool => match class {
                Class::Truth => value,
                Class::Float | Class::Integer => {
                    Text::new(format!("{} != 0", value.at(Level::Compare)), Level::Equal)
                }
            },
            Scalar::I32 => self.as_int(class, value),
            Scalar::I8 => self.clamped_int(class, value, ("-128", "127")),
            Scalar::U8 => self.clamped_int(class, value, ("0", "255")),
            Scalar::Idx(bound) => {
                let value = self.as_int(class, value);
                self.need(Header::Index);
                let bound = self.int32(bound);
                Text::call("tilec::clamp_index", &[&value, &bound])
            }
        }
    }

    fn as_int(&mut self, class: Class, value: Text) -> Text {
        match class {
            Class::Integer => value,
            Class::Truth => Text::call("int", &[&value]),
            Class::Float => {
                self.need(Header::Scalar);
                Text::call("tilec::to_int", &[&value])
            }
        }
    }

    fn clamped_int(&mut self, class: Class, value: Text, (low, high): (&str, &str)) -> Text {
        let value = self.as_int(class, value);
        self.need(Header::Scalar);
        Text::call("tilec::clamp", &[&value, &Text::atom(low), &Text::atom(high)])
    }

    /// A value of the class of an element type as an element.
    pub(crate) fn encode(&mut self, element: Scalar, value: &Text) -> Text {
        let name = match element {
            Scalar::F32 | Scalar::I32 | Scalar::Idx(_) => return value.clone(),
            Scalar::I8 => return Text::call("static_cast<signed char>", &[value]),
            Scalar::U8 => return Text::call("static_cast<unsigned char>", &[value]),
            Scalar::Bool => {
                return Text::new(format!("{} ? 1 : 0", value.at(Level::Or)), Level::Choice);
            }
            Scalar::Bf16 => "tilec::to_bf16",
            Scalar::F16 => "tilec::to_f16",
            Scalar::F8E4M3 => "tilec::to_f8e4m3",
            Scalar::F8E5M2 => "tilec::to_f8e5m2",
        };
        self.need(Header::Convert);
        Text::call(name, &[value])
    }

    pub(crate) fn round_stochastic(&mut self, a: Id<Expr>, bits: Id<Expr>, to: Scalar) -> Text {
        let (a, bits) = (self.operand(a), self.operand(bits));
        let format = match to {
            Scalar::Bf16 => "bf16",
            Scalar::F16 => "f16",
            Scalar::F8E4M3 => "f8e4m3",
            Scalar::F8E5M2 => "f8e5m2",
            Scalar::F32 | Scalar::I32 | Scalar::I8 | Scalar::U8 | Scalar::Bool | Scalar::Idx(_) => {
                return a;
            }
        };
        self.need(Header::Philox);
        Text::call(&format!("tilec::round_stochastic<tilec::{format}>"), &[&a, &bits])
    }

    /// The first word of Philox4x32-10: the seed, then the counter.
    pub(crate) fn random(&mut self, words: &[Id<Expr>]) -> Text {
        self.need(Header::Philox);
        let mut words: Vec<_> = words.iter().map(|&word| self.operand(word)).collect();
        words.resize(5, Text::atom("0"));
        Text::call("tilec::random", &words.iter().collect::<Vec<_>>())
    }

    /// A reduction in place: loops around its body.
    pub(crate) fn reduce(&mut self, op: Reduction, vars: &[Id<Var>], body: Id<Expr>) -> Text {
        let class = self.class(body);
        let total = self.begin_total(op, class);
        for &var in vars {
            self.open_var(var);
        }
        self.add_to(&total, op, body);
        for _ in vars {
            self.close();
        }
        Text::atom(total)
    }

    /// Declares what a reduction begins with; returns its name.
    pub(crate) fn begin_total(&mut self, op: Reduction, class: Class) -> String {
        let name = self.local(match op {
            Reduction::Sum => "sum",
            Reduction::Prod => "product",
            Reduction::Max => "largest",
            Reduction::Min => "smallest",
        });
        let first = self.identity(op, class);
        self.line(format!("{} {name} = {first};", class.cpp()));
        name
    }

    /// What a reduction of nothing gives.
    pub(crate) fn identity(&mut self, op: Reduction, class: Class) -> Text {
        match (op, class) {
            (Reduction::Sum, Class::Float) => Text::atom("0.0f"),
            (Reduction::Prod, Class::Float) => Text::atom("1.0f"),
            (Reduction::Max, Class::Float) => self.float(f32::NEG_INFINITY),
            (Reduction::Min, Class::Float) => self.float(f32::INFINITY),
            (Reduction::Sum, _) => Text::atom("0"),
            (Reduction::Prod, _) => Text::atom("1"),
            (Reduction::Max, _) => crate::index::literal(i32::MIN.into()),
            (Reduction::Min, _) => crate::index::literal(i32::MAX.into()),
        }
    }

    /// `for (long long k = 0; k < K; ++k) {`, with the variable bound.
    pub(crate) fn open_var(&mut self, var: Id<Var>) {
        let declared = &self.kernel.vars[var];
        let range = self.int(declared.range);
        let name = self.local(&declared.name);
        self.open(&format!("for (long long {name} = 0; {name} < {range}; ++{name})"));
        self.bind(var, name);
    }

    /// `total = op(total, body)`; a product is added to a float sum in one step.
    pub(crate) fn add_to(&mut self, total: &str, op: Reduction, body: Id<Expr>) {
        let class = self.class(body);
        let name = Text::atom(total);
        let fused = op == Reduction::Sum && class == Class::Float;
        let value = if let ExprKind::Binary(Binary::Mul, a, b) = self.kernel.exprs[body].kind
            && fused
        {
            let factors = self.values(&[a, b]);
            Text::call("fmaf", &[&factors[0], &factors[1], &name])
        } else {
            let value = self.value(body);
            self.combine(step(op), class, &name, &value)
        };
        self.line(format!("{total} = {value};"));
    }
}

/// The operation by which a reduction goes on.
pub(crate) fn step(op: Reduction) -> Binary {
    match op {
        Reduction::Sum => Binary::Add,
        Reduction::Prod => Binary::Mul,
        Reduction::Max => Binary::Max,
        Reduction::Min => Binary::Min,
    }
}
