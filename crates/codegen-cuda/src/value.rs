//! Expressions as C++, at one point of the index variables.
//!
//! ```text
//! value(exp(x[m, n] - best[m]) / z[m])
//!     const float exp_ = expf(x[m * N + n] - best[m]);      declared: used again
//!     exp_ / z[m]                                          in place: used once, short
//! ```
//!
//! Values are `float`, `int` or `bool`. What is used once stands in place, what is
//! shared or long is declared before; declarations go to the innermost scope, whose
//! order is that of the expressions. Only what a test lets through reads memory: a
//! branch that reads is an operand of `?:` or, where it declares something, the
//! branch of an `if`.
//!
//! What two branches share is written once in each, which could double with every
//! level of them. Past [`MOST_BRANCHED`] expressions, or [`DEEPEST`] scopes, a
//! function has no more branches: all is computed, with reads clamped into range.

use std::collections::{BTreeMap, BTreeSet};

use tilec_ir::tensor::{Binary, Expr, ExprKind, Tensor};
use tilec_ir::{Atom, Id, IntId, walk};

use crate::device::Header;
use crate::function::Function;
use crate::text::{Level, Text};
use crate::types::{self, Class};

/// The longest expression that is written in place.
const MAX_INLINE: usize = 100;
/// The expressions of a function from which on it has no branches within values.
const MOST_BRANCHED: usize = 10_000;
/// The scopes within each other from which on there are no more.
const DEEPEST: usize = 48;

impl Function<'_, '_> {
    /// The value of an expression at the current place: a C++ expression of its
    /// class. Declarations that it needs are written before.
    pub(crate) fn value(&mut self, expr: Id<Expr>) -> Text {
        self.values(&[expr]).swap_remove(0)
    }

    /// The values of several expressions.
    pub(crate) fn values(&mut self, roots: &[Id<Expr>]) -> Vec<Text> {
        self.clamped |= self.written > MOST_BRANCHED || self.depth() > DEEPEST;
        let order = self.eager(roots);
        let mut uses: BTreeMap<Id<Expr>, usize> = BTreeMap::new();
        for &expr in &order {
            for operand in self.eager_operands(expr) {
                *uses.entry(operand).or_default() += 1;
            }
        }
        for expr in order {
            if self.known_expr(expr).is_none() {
                let text = self.node(expr);
                let uses = uses.get(&expr).copied().unwrap_or(0);
                let text = self.placed(expr, text, uses, roots.contains(&expr));
                self.note_expr(expr, text);
            }
        }
        let known = |expr: &Id<Expr>| self.known_expr(*expr).expect("all roots were written");
        roots.iter().map(known).collect()
    }

    /// The text in place, or the name of a declaration of it.
    fn placed(&mut self, expr: Id<Expr>, text: Text, uses: usize, root: bool) -> Text {
        self.written += 1;
        let short = text.len() <= MAX_INLINE && uses <= 1;
        if text.is_name() || short || root && uses == 0 {
            return text;
        }
        let class = Class::of(self.kernel.exprs[expr].ty);
        let base = self.base_name(expr);
        Text::atom(self.declare(class.cpp(), &base, text.to_string()))
    }

    /// What to call the value of an expression.
    fn base_name(&self, expr: Id<Expr>) -> String {
        match &self.kernel.exprs[expr].kind {
            ExprKind::Read(tensor, _) => format!("{}_value", self.cx.names.tensor(*tensor)),
            ExprKind::Unary(op, _) => format!("{op:?}").to_lowercase() + "_value",
            ExprKind::Convert(_) | ExprKind::RoundStochastic(..) => "rounded".to_owned(),
            ExprKind::Random(_) => "bits".to_owned(),
            ExprKind::Select(..) => "chosen".to_owned(),
            ExprKind::Binary(Binary::Mul, ..) => "product".to_owned(),
            ExprKind::Binary(Binary::Div, ..) => "quotient".to_owned(),
            ExprKind::Binary(Binary::Sub, ..) => "difference".to_owned(),
            ExprKind::Float(_)
            | ExprKind::Int(_)
            | ExprKind::Binary(..)
            | ExprKind::Reduce(..)
            | ExprKind::Rank { .. } => "value".to_owned(),
        }
    }

    /// What is computed for some expressions whatever the tests in them say, in
    /// order of evaluation, without what is known.
    pub(crate) fn eager(&self, roots: &[Id<Expr>]) -> Vec<Id<Expr>> {
        let mut reached: BTreeSet<_> = roots.iter().copied().collect();
        let mut open: Vec<_> = roots.to_vec();
        while let Some(expr) = open.pop() {
            if self.known_expr(expr).is_none() {
                let operands = self.eager_operands(expr);
                open.extend(operands.into_iter().filter(|&x| reached.insert(x)));
            }
        }
        reached.into_iter().collect()
    }

    /// The operands that are computed whenever the expression is.
    fn eager_operands(&self, id: Id<Expr>) -> Vec<Id<Expr>> {
        let expr = &self.kernel.exprs[id];
        let lazy = |x| self.is_lazy(x);
        let mut operands = walk::direct(&expr.kind);
        match expr.kind {
            ExprKind::Select(_, a, b) if lazy(a) || lazy(b) => operands.truncate(1),
            ExprKind::Binary(Binary::And | Binary::Or, _, b) if lazy(b) => operands.truncate(1),
            ExprKind::Reduce(..) => operands.clear(),
            ExprKind::Float(_)
            | ExprKind::Int(_)
            | ExprKind::Read(..)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::Select(..)
            | ExprKind::Convert(_)
            | ExprKind::RoundStochastic(..)
            | ExprKind::Random(_)
            | ExprKind::Rank { .. } => {}
        }
        for int in walk::ints(expr) {
            self.kernel.ints.visit_atoms(int, &mut |atom, what| {
                if let Atom::Value(value) = what
                    && self.known_atom(atom).is_none()
                {
                    operands.push(*value);
                }
            });
        }
        operands
    }

    /// Whether an expression must only be computed where it is needed.
    fn is_lazy(&self, expr: Id<Expr>) -> bool {
        !self.clamped && !self.cx.is_pure(expr) && self.known_expr(expr).is_none()
    }

    /// The text of one expression whose eager operands are known.
    fn node(&mut self, id: Id<Expr>) -> Text {
        let kernel = self.kernel;
        let expr = &kernel.exprs[id];
        match &expr.kind {
            &ExprKind::Float(value) => self.float(value),
            &ExprKind::Int(int) => self.int32(int),
            ExprKind::Read(tensor, index) => {
                let index: Vec<_> = index.iter().map(|&i| self.int(i)).collect();
                self.read(*tensor, &index)
            }
            &ExprKind::Unary(op, a) => self.unary(op, a),
            &ExprKind::Binary(op @ (Binary::And | Binary::Or), a, b) => self.connect(op, a, b),
            &ExprKind::Binary(op, a, b) => self.binary(op, a, b),
            &ExprKind::Select(test, a, b) => self.select(test, a, b),
            &ExprKind::Convert(a) => self.convert(a, expr.ty),
            &ExprKind::RoundStochastic(a, bits) => self.round_stochastic(a, bits, expr.ty),
            ExprKind::Random(words) => self.random(words),
            ExprKind::Reduce(op, vars, body) => self.reduce(*op, vars, *body),
            ExprKind::Rank { .. } => panic!("an order is an equation of its own: {expr:?}"),
        }
    }

    /// The text of an operand that was written before.
    pub(crate) fn operand(&self, expr: Id<Expr>) -> Text {
        self.known_expr(expr).expect("operands are written before their users")
    }

    /// `test ? a : b`, or an `if` where a branch takes statements.
    fn select(&mut self, test: Id<Expr>, a: Id<Expr>, b: Id<Expr>) -> Text {
        let condition = self.operand(test);
        // Named before the branches name what is theirs.
        let name = self.local("chosen");
        let (first, a_text) = self.part(|f| f.value(a));
        let (second, b_text) = self.part(|f| f.value(b));
        if first.is_empty() && second.is_empty() {
            self.forget(&name);
            let [test, a, b] = [&condition, &a_text, &b_text].map(|text| text.at(Level::Or));
            return Text::new(format!("{test} ? {a} : {b}"), Level::Choice);
        }
        self.line(format!("{} {name};", Class::of(self.kernel.exprs[a].ty).cpp()));
        self.out.open(&format!("if ({condition})"));
        self.out.append(first).line(format!("{name} = {a_text};"));
        self.out.between("else");
        self.out.append(second).line(format!("{name} = {b_text};"));
        self.out.close("");
        Text::atom(name)
    }

    /// `a && b`, or an `if` where `b` takes statements.
    fn connect(&mut self, op: Binary, a: Id<Expr>, b: Id<Expr>) -> Text {
        let a = self.operand(a);
        let name = self.local("holds");
        let (part, b) = self.part(|f| f.value(b));
        let and = op == Binary::And;
        if part.is_empty() {
            self.forget(&name);
            let (level, op) = if and { (Level::And, "&&") } else { (Level::Or, "||") };
            // Compilers ask for parentheses where the two are mixed.
            let (a, b) = (a.at(if and { Level::And } else { Level::Equal }), b.at(Level::Equal));
            return Text::new(format!("{a} {op} {b}"), level);
        }
        self.line(format!("bool {name} = {a};"));
        let test = if and { name.clone() } else { format!("!{name}") };
        self.out.open(&format!("if ({test})")).append(part).line(format!("{name} = {b};"));
        self.out.close("");
        Text::atom(name)
    }

    /// The value of an element, given its indices.
    pub(crate) fn read(&mut self, tensor: Id<Tensor>, index: &[Text]) -> Text {
        let at: Vec<_> = index.iter().map(ToString::to_string).collect();
        if let Some(held) = self.held(tensor, &at) {
            return held;
        }
        let element = self.element(tensor, index);
        self.decode(tensor, element)
    }

    /// An element as it lies in memory, to be read.
    fn element(&mut self, tensor: Id<Tensor>, index: &[Text]) -> Text {
        use tilec_ir::tensor::Role;
        let declared = &self.kernel.tensors[tensor];
        if declared.shape.is_empty() && declared.role == Role::Input {
            return Text::atom(self.scalar(tensor));
        }
        let pointer = self.pointer(tensor, crate::params::Access::Read);
        if !self.clamped {
            let offset = self.offset(&declared.shape, index);
            return Text::atom(format!("{pointer}[{offset}]"));
        }
        self.need(Header::Index);
        let clamp = |f: &mut Self, (&size, index): (&IntId, &Text)| {
            let size = f.int(size);
            Text::call("tilec::clamp_offset", &[index, &size])
        };
        let pairs: Vec<_> = declared.shape.iter().zip(index).collect();
        let index: Vec<_> = pairs.into_iter().map(|pair| clamp(self, pair)).collect();
        let offset = self.offset(&declared.shape, &index);
        let count = self.count(&declared.shape);
        Text::atom(format!("tilec::any_element({pointer}, {offset}, {count})"))
    }

    /// The value of an element that was read.
    pub(crate) fn decode(&mut self, tensor: Id<Tensor>, element: Text) -> Text {
        use tilec_ir::Scalar;
        use tilec_ir::tensor::Role;
        let declared = &self.kernel.tensors[tensor];
        match declared.element {
            Scalar::F32 | Scalar::I32 | Scalar::I8 | Scalar::U8 => element,
            Scalar::Bf16 | Scalar::F16 | Scalar::F8E4M3 | Scalar::F8E5M2 => {
                self.need(Header::Convert);
                Text::call("tilec::to_float", &[&element])
            }
            Scalar::Bool => Text::new(format!("{} != 0", element.at(Level::Compare)), Level::Equal),
            Scalar::Idx(bound) if declared.role == Role::Input => {
                self.need(Header::Index);
                let bound = self.int32(bound);
                Text::call("tilec::clamp_index", &[&element, &bound])
            }
            Scalar::Idx(_) => element,
        }
    }

    /// Where an element lies, counted in elements.
    pub(crate) fn offset(&mut self, shape: &[IntId], index: &[Text]) -> Text {
        let mut offset: Option<Text> = None;
        for (&size, index) in shape.iter().zip(index) {
            offset = Some(match offset {
                Some(before) => {
                    let size = self.int(size);
                    let row = Text::binary(Level::Product, &before, "*", &size);
                    Text::sum(&row, index)
                }
                None => index.clone(),
            });
        }
        offset.unwrap_or_else(|| Text::atom("0"))
    }

    /// The product of some sizes.
    pub(crate) fn count(&mut self, sizes: &[IntId]) -> Text {
        let sizes: Vec<_> = sizes.iter().map(|&size| self.int(size)).collect();
        let product = sizes.into_iter().reduce(|a, b| Text::binary(Level::Product, &a, "*", &b));
        product.unwrap_or_else(|| Text::atom("1"))
    }

    /// `tensor[index] = value`, rounded to the element type where the value is wider.
    pub(crate) fn store(&mut self, tensor: Id<Tensor>, index: &[Text], value: Id<Expr>) {
        let encoded = self.encoded(tensor, value);
        self.store_encoded(tensor, index, &encoded);
    }

    /// `tensor[index] = element`
    pub(crate) fn store_encoded(&mut self, tensor: Id<Tensor>, index: &[Text], element: &Text) {
        let shape = &self.kernel.tensors[tensor].shape;
        let offset = self.offset(shape, index);
        let pointer = self.pointer(tensor, crate::params::Access::Write);
        self.line(format!("{pointer}[{offset}] = {element};"));
    }

    /// The float that is rounded to an element of a tensor of narrow floats.
    pub(crate) fn wide(&mut self, tensor: Id<Tensor>, value: Id<Expr>) -> Text {
        let element = self.kernel.tensors[tensor].element;
        if let ExprKind::Convert(wide) = self.kernel.exprs[value].kind
            && self.kernel.exprs[value].ty == element
            && self.known_expr(value).is_none()
        {
            let wide_text = self.value(wide);
            return self.as_float(wide, wide_text);
        }
        self.value(value)
    }

    /// The value of an expression as an element of a tensor.
    pub(crate) fn encoded(&mut self, tensor: Id<Tensor>, value: Id<Expr>) -> Text {
        let element = self.kernel.tensors[tensor].element;
        // Rounding and encoding are one step.
        if types::is_narrow(element) {
            let wide = self.wide(tensor, value);
            return self.encode(element, &wide);
        }
        let text = self.value(value);
        self.encode(element, &text)
    }
}
