//! Expressions as instructions, at one point of the index variables.
//!
//! Floats are `float`, integers `i32`, truth values `i1`. No instruction here
//! is undefined for any value of its operands, so that what cannot touch memory
//! is computed without branches.

use tilec_ir::Id;
use tilec_ir::tensor::{Binary, Expr, ExprKind, Reduction, Scalar, Unary};

use super::context::Context;
use super::function::Value;

/// The size of a function from which on it has no branches within expressions.
const MOST_BRANCHED: usize = 10_000;

/// How values are held: f32, i32 or bool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Float,
    Integer,
    Truth,
}

impl Class {
    pub(crate) fn of(scalar: Scalar) -> Self {
        if scalar.is_float() {
            Self::Float
        } else if scalar == Scalar::Bool {
            Self::Truth
        } else {
            Self::Integer
        }
    }

    /// As a type of LLVM.
    pub(crate) fn ty(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Integer => "i32",
            Self::Truth => "i1",
        }
    }
}

impl Context<'_> {
    pub(crate) fn class(&self, id: Id<Expr>) -> Class {
        Class::of(self.kernel.exprs[id].ty)
    }

    /// The value of an expression at the current point.
    pub(crate) fn expr(&mut self, id: Id<Expr>) -> Value {
        if let Some(known) = self.known_expr(id) {
            return known;
        }
        let plan = self.plan;
        let value = match plan.hoisted.get(&id) {
            Some((buffer, vars)) => {
                let index: Vec<_> = vars.iter().map(|&v| self.var(v)).collect();
                self.read(*buffer, &index)
            }
            None => self.compute(id),
        };
        self.note_expr(id, &value);
        value
    }

    /// The value of an expression that is not taken from a buffer.
    pub(crate) fn compute(&mut self, id: Id<Expr>) -> Value {
        let kernel = self.kernel;
        let expr = &kernel.exprs[id];
        match &expr.kind {
            &ExprKind::Float(value) => value.into(),
            &ExprKind::Int(int) => self.int32(int),
            ExprKind::Read(tensor, index) => {
                let index: Vec<_> = index.iter().map(|&i| self.int(i)).collect();
                self.read(tensor.index(), &index)
            }
            &ExprKind::Unary(op, a) => self.unary(op, a),
            &ExprKind::Binary(op @ (Binary::And | Binary::Or), a, b) => self.connect(op, a, b),
            &ExprKind::Binary(op, a, b) => {
                let class = self.class(a);
                let (a, b) = (self.expr(a), self.expr(b));
                self.binary(op, class, &a, &b)
            }
            &ExprKind::Select(test, a, b) => self.select(test, a, b),
            &ExprKind::Convert(a) => {
                let value = self.expr(a);
                self.convert(Class::of(kernel.exprs[a].ty), expr.ty, &value)
            }
            &ExprKind::RoundStochastic(a, bits) => {
                let (a, bits) = (self.expr(a), self.expr(bits));
                self.round_stochastic(expr.ty, &a, &bits)
            }
            ExprKind::Random(words) => {
                let words: Vec<_> = words.iter().map(|&w| self.expr(w)).collect();
                self.random(&words)
            }
            ExprKind::Reduce(op, vars, body) => self.reduce(*op, vars, *body),
            ExprKind::Rank { .. } => unreachable!("an argsort is a step of its own"),
        }
    }

    fn unary(&mut self, op: Unary, a: Id<Expr>) -> Value {
        let class = self.class(a);
        let a = self.expr(a);
        let text = match (op, class) {
            (Unary::Neg, Class::Float) => format!("fneg float {a}"),
            (Unary::Neg, _) => format!("sub i32 0, {a}"),
            (Unary::Not, _) => format!("xor i1 {a}, true"),
            (Unary::Abs, Class::Float) => format!("call float @llvm.fabs.f32(float {a})"),
            (Unary::Abs, _) => format!("call i32 @llvm.abs.i32(i32 {a}, i1 false)"),
            (Unary::Sqrt, _) => format!("call float @llvm.sqrt.f32(float {a})"),
            (Unary::Floor, _) => format!("call float @llvm.floor.f32(float {a})"),
            (Unary::Exp, _) => format!("call float @tile.exp(float {a})"),
            (Unary::Log, _) => format!("call float @tile.log(float {a})"),
            (Unary::Tanh, _) => format!("call float @tile.tanh(float {a})"),
            (Unary::Erf, _) => format!("call float @tile.erf(float {a})"),
            (Unary::Rsqrt, _) => {
                let root = self.f.def(format_args!("call float @llvm.sqrt.f32(float {a})"));
                format!("fdiv float 1.0, {root}")
            }
            (Unary::Uniform, _) => {
                let upper = self.f.def(format_args!("lshr i32 {a}, 8"));
                let float = self.f.def(format_args!("uitofp i32 {upper} to float"));
                format!("fmul float {float}, {}", Value::from(1.0 / 16_777_216.0))
            }
        };
        self.f.def(text)
    }

    pub(crate) fn binary(&mut self, op: Binary, class: Class, a: &Value, b: &Value) -> Value {
        let text = match class {
            Class::Float => float_operation(op),
            Class::Integer if op == Binary::Div => return self.floor_quotient(a, b).0,
            Class::Integer if op == Binary::Rem => return self.floor_quotient(a, b).1,
            Class::Integer => integer_operation(op),
            Class::Truth if op == Binary::Equal => "icmp eq i1",
            Class::Truth => "xor i1",
        };
        match text.strip_prefix("call ") {
            Some(name) => {
                let ty = class.ty();
                self.f.def(format_args!("call {ty} @{name}({ty} {a}, {ty} {b})"))
            }
            None => self.f.def(format_args!("{text} {a}, {b}")),
        }
    }

    /// Floor division and its remainder, of any operands.
    fn floor_quotient(&mut self, a: &Value, b: &Value) -> (Value, Value) {
        // In 64 bits the smallest i32 divided by -1 has a value to wrap.
        let zero = self.f.def(format_args!("icmp eq i32 {b}, 0"));
        let b = self.f.def(format_args!("select i1 {zero}, i32 1, i32 {b}"));
        let wide = [a, &b].map(|x| self.f.def(format_args!("sext i32 {x} to i64")));
        let [a, b] = wide;
        let quotient = self.f.def(format_args!("sdiv i64 {a}, {b}"));
        let remainder = self.f.def(format_args!("srem i64 {a}, {b}"));
        let signs = self.f.def(format_args!("xor i64 {remainder}, {b}"));
        let apart = self.f.def(format_args!("icmp slt i64 {signs}, 0"));
        let some = self.f.def(format_args!("icmp ne i64 {remainder}, 0"));
        let down = self.f.def(format_args!("and i1 {apart}, {some}"));
        let one = self.f.def(format_args!("zext i1 {down} to i64"));
        let quotient = self.f.sub(&quotient, &one);
        let add = self.f.def(format_args!("select i1 {down}, i64 {b}, i64 0"));
        let remainder = self.f.add(&remainder, &add);
        let narrow =
            [quotient, remainder].map(|x| self.f.def(format_args!("trunc i64 {x} to i32")));
        let [quotient, remainder] = narrow;
        (quotient, remainder)
    }

    /// `and`, `or`: the right side is evaluated only where it matters, if it
    /// could touch memory that is not there.
    fn connect(&mut self, op: Binary, a: Id<Expr>, b: Id<Expr>) -> Value {
        let a = self.expr(a);
        let and = op == Binary::And;
        if self.is_free_of_memory(b) {
            let b = self.expr(b);
            return self.f.def(format_args!("{} i1 {a}, {b}", if and { "and" } else { "or" }));
        }
        let test = if and { a } else { self.f.def(format_args!("xor i1 {a}, true")) };
        let mut branch = self.f.begin_if(&test);
        self.enter();
        let b = self.expr(b);
        self.leave();
        self.f.begin_else(&mut branch, &[b]);
        let skipped = Value::new(if and { "false" } else { "true" });
        self.f.end_if(branch, &["i1"], &[skipped]).swap_remove(0)
    }

    fn select(&mut self, test: Id<Expr>, a: Id<Expr>, b: Id<Expr>) -> Value {
        let ty = self.class(a).ty();
        let test = self.expr(test);
        if [a, b].into_iter().all(|x| self.is_free_of_memory(x)) {
            let (a, b) = (self.expr(a), self.expr(b));
            return self.f.def(format_args!("select i1 {test}, {ty} {a}, {ty} {b}"));
        }
        let mut branch = self.f.begin_if(&test);
        self.enter();
        let a = self.expr(a);
        self.leave();
        self.f.begin_else(&mut branch, &[a]);
        self.enter();
        let b = self.expr(b);
        self.leave();
        self.f.end_if(branch, &[ty], &[b]).swap_remove(0)
    }

    /// Whether an expression may be computed where it is not needed.
    fn is_free_of_memory(&mut self, id: Id<Expr>) -> bool {
        // What branches share is written once for each, which doubles with
        // every level. Past this size all is computed, once, with reads clamped.
        self.clamped |= self.f.size() > MOST_BRANCHED;
        self.clamped || self.known_expr(id).is_some() || self.plan.pure[id.index()]
    }

    /// A reduction in the midst of an expression: loops in place.
    fn reduce(
        &mut self,
        op: Reduction,
        vars: &[Id<tilec_ir::tensor::Var>],
        body: Id<Expr>,
    ) -> Value {
        let class = self.class(body);
        let first = identity(op, class);
        let (loops, carried) = self.begin_vars(vars, &[(class.ty(), first)]);
        let value = self.expr(body);
        let value = self.accumulate(op, class, &carried[0], &value);
        self.end_vars(loops, vec![value]).swap_remove(0)
    }

    /// One step of a reduction.
    pub(crate) fn accumulate(
        &mut self,
        op: Reduction,
        class: Class,
        a: &Value,
        b: &Value,
    ) -> Value {
        match (op, class) {
            // Float sums may be taken in any order; nothing else may.
            (Reduction::Sum, Class::Float) => {
                self.f.def(format_args!("fadd reassoc contract float {a}, {b}"))
            }
            (Reduction::Sum, _) => self.binary(Binary::Add, class, a, b),
            (Reduction::Prod, _) => self.binary(Binary::Mul, class, a, b),
            (Reduction::Max, _) => self.binary(Binary::Max, class, a, b),
            (Reduction::Min, _) => self.binary(Binary::Min, class, a, b),
        }
    }
}

/// What a reduction of nothing gives.
pub(crate) fn identity(op: Reduction, class: Class) -> Value {
    match (op, class) {
        (Reduction::Sum, Class::Float) => 0.0.into(),
        (Reduction::Prod, Class::Float) => 1.0.into(),
        (Reduction::Max, Class::Float) => f32::NEG_INFINITY.into(),
        (Reduction::Min, Class::Float) => f32::INFINITY.into(),
        (Reduction::Sum, _) => 0.into(),
        (Reduction::Prod, _) => 1.into(),
        (Reduction::Max, _) => i64::from(i32::MIN).into(),
        (Reduction::Min, _) => i64::from(i32::MAX).into(),
    }
}

fn float_operation(op: Binary) -> &'static str {
    match op {
        Binary::Add => "fadd float",
        Binary::Sub => "fsub float",
        Binary::Mul => "fmul contract float",
        Binary::Div => "fdiv float",
        Binary::Min => "call llvm.minimum.f32",
        Binary::Max => "call llvm.maximum.f32",
        Binary::Equal => "fcmp oeq float",
        Binary::NotEqual => "fcmp une float",
        Binary::Less => "fcmp olt float",
        Binary::AtMost => "fcmp ole float",
        Binary::Greater => "fcmp ogt float",
        Binary::AtLeast => "fcmp oge float",
        Binary::Rem | Binary::And | Binary::Or => unreachable!("not an operation on floats"),
    }
}

fn integer_operation(op: Binary) -> &'static str {
    match op {
        Binary::Add => "add i32",
        Binary::Sub => "sub i32",
        Binary::Mul => "mul i32",
        Binary::Min => "call llvm.smin.i32",
        Binary::Max => "call llvm.smax.i32",
        Binary::Equal => "icmp eq i32",
        Binary::NotEqual => "icmp ne i32",
        Binary::Less => "icmp slt i32",
        Binary::AtMost => "icmp sle i32",
        Binary::Greater => "icmp sgt i32",
        Binary::AtLeast => "icmp sge i32",
        Binary::Div | Binary::Rem | Binary::And | Binary::Or => {
            unreachable!("not an instruction on integers")
        }
    }
}
