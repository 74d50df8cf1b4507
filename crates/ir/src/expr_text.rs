//! One expression as text, given the texts of its operands, with parentheses
//! only where the grammar needs them.
//!
//! Takes operands that were printed before and never descends itself, so depth
//! is no concern here; [`crate::print`] decides what stands in place and what
//! gets a name.

use std::collections::BTreeMap;

use crate::arena::Id;
use crate::int_text::show_with;
use crate::print::{binders, scalar};
use crate::tensor::{Binary, Expr, ExprKind, Kernel, Order, Reduction, Unary};

/// How tightly a text holds together, after the grammar of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Binding {
    Select,
    Or,
    And,
    Not,
    Compare,
    Sum,
    Product,
    Negated,
    Atom,
}

/// A printed expression.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) text: String,
    binding: Binding,
}

impl Text {
    pub(crate) fn name(text: String) -> Self {
        Self { text, binding: Binding::Atom }
    }

    /// Whether it says more than a name, in hardly more room.
    pub(crate) fn is_short(&self) -> bool {
        self.text.len() <= 24
    }

    fn within(&self, outer: Binding) -> String {
        if self.binding < outer { format!("({})", self.text) } else { self.text.clone() }
    }
}

/// The text of `expr`.
pub(crate) fn node(kernel: &Kernel, expr: Id<Expr>, texts: &BTreeMap<Id<Expr>, Text>) -> Text {
    let expr = &kernel.exprs[expr];
    let plain = |x: &Id<Expr>| texts.get(x).map_or_else(|| "?".to_owned(), |t| t.text.clone());
    let within = |x: &Id<Expr>, outer| texts.get(x).map_or("?".to_owned(), |t| t.within(outer));
    let value = |x| texts.get(&x).map(|t| t.within(Binding::Atom));
    let int = |id| show_with(kernel, id, 400, &value);
    let ints = |ids: &[_]| ids.iter().map(|&id| int(id)).collect::<Vec<_>>().join(", ");
    let list = |ids: &[Id<Expr>]| ids.iter().map(plain).collect::<Vec<_>>().join(", ");
    match &expr.kind {
        ExprKind::Float(x) => float(*x),
        ExprKind::Int(id) => {
            let simple = kernel.ints.get(*id).as_atom().is_some();
            let text = int(*id);
            // A quotient is one atom, but not one word.
            let binding =
                if simple && !text.contains(" / ") { Binding::Atom } else { Binding::Sum };
            let number = text.bytes().all(|b| b.is_ascii_digit());
            Text { text, binding: if number { Binding::Atom } else { binding } }
        }
        ExprKind::Read(tensor, index) if index.is_empty() => {
            Text::name(kernel.tensors[*tensor].name.clone())
        }
        ExprKind::Read(tensor, index) => {
            Text::name(format!("{}[{}]", kernel.tensors[*tensor].name, ints(index)))
        }
        ExprKind::Unary(Unary::Neg, x) => {
            Text { text: format!("-{}", within(x, Binding::Atom)), binding: Binding::Negated }
        }
        ExprKind::Unary(Unary::Not, x) => {
            Text { text: format!("not {}", within(x, Binding::Compare)), binding: Binding::Not }
        }
        ExprKind::Unary(unary, x) => Text::name(format!("{}({})", unary.name(), plain(x))),
        ExprKind::Binary(binary @ (Binary::Min | Binary::Max), a, b) => {
            Text::name(format!("{}({}, {})", binary.symbol(), plain(a), plain(b)))
        }
        ExprKind::Binary(binary, a, b) => {
            let (binding, left, right) = sides(*binary);
            let text = format!("{} {} {}", within(a, left), binary.symbol(), within(b, right));
            Text { text, binding }
        }
        ExprKind::Select(test, a, b) => {
            let (test, a, b) = (within(test, Binding::Or), within(a, Binding::Or), plain(b));
            Text { text: format!("if {test} then {a} else {b}"), binding: Binding::Select }
        }
        ExprKind::Convert(x) => Text::name(format!("{}({})", scalar(kernel, expr.ty), plain(x))),
        ExprKind::RoundStochastic(x, bits) => {
            let ty = scalar(kernel, expr.ty);
            Text::name(format!("round_stochastic<{ty}>({}, {})", plain(x), plain(bits)))
        }
        ExprKind::Random(words) => Text::name(format!("random({})", list(words))),
        ExprKind::Reduce(reduction, vars, x) => {
            Text::name(format!("{}[{}]({})", reduction.name(), binders(kernel, vars), plain(x)))
        }
        ExprKind::Rank { var, order, key, place } => {
            let binder = binders(kernel, &[*var]);
            let (key, place) = (plain(key), int(*place));
            Text::name(format!("argsort[{binder} {}]({key})[{place}]", order.name()))
        }
    }
}

fn float(x: f32) -> Text {
    let text = if x.is_nan() { "nan".to_owned() } else { format!("{x:?}") };
    let binding = if x.is_sign_negative() { Binding::Negated } else { Binding::Atom };
    Text { text, binding }
}

/// How tightly the whole and its sides hold together.
fn sides(binary: Binary) -> (Binding, Binding, Binding) {
    match binary {
        Binary::Add | Binary::Sub => (Binding::Sum, Binding::Sum, Binding::Product),
        Binary::Mul | Binary::Div | Binary::Rem => {
            (Binding::Product, Binding::Product, Binding::Negated)
        }
        Binary::Min | Binary::Max => (Binding::Atom, Binding::Select, Binding::Select),
        Binary::Equal
        | Binary::NotEqual
        | Binary::Less
        | Binary::AtMost
        | Binary::Greater
        | Binary::AtLeast => (Binding::Compare, Binding::Sum, Binding::Sum),
        Binary::And => (Binding::And, Binding::And, Binding::Not),
        Binary::Or => (Binding::Or, Binding::Or, Binding::And),
    }
}

impl Unary {
    /// As written in the language.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Neg => "-",
            Self::Not => "not",
            Self::Abs => "abs",
            Self::Exp => "exp",
            Self::Log => "log",
            Self::Sqrt => "sqrt",
            Self::Rsqrt => "rsqrt",
            Self::Tanh => "tanh",
            Self::Erf => "erf",
            Self::Floor => "floor",
            Self::Uniform => "uniform",
        }
    }
}

impl Binary {
    /// As written in the language.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Rem => "%",
            Self::Min => "min",
            Self::Max => "max",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::And => "and",
            Self::Or => "or",
        }
    }
}

impl Reduction {
    /// As written in the language.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Prod => "prod",
            Self::Max => "max",
            Self::Min => "min",
        }
    }
}

impl Order {
    /// As written in the language.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }
}
