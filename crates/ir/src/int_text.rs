//! Integers as one writes them in the language, for messages and printers.
//!
//! ```text
//! C*L + -1*S*floor(j / S) + j     j % S + C * L
//! floor((K + 127) / 128)          ceil(K / 128)
//! ```
//!
//! Very large polynomials are cut short with `..`.

use crate::arena::Id;
use crate::int::{Atom, AtomId, IntId, Ints, Term};
use crate::poly::Poly;
use crate::tensor::{Expr, ExprKind, Kernel, Reduction};

/// `id` as written in the language, with the names of `kernel`.
#[must_use]
pub fn show(kernel: &Kernel, id: IntId) -> String {
    show_with(kernel, id, 48, &|_| None)
}

/// [`show`] with the text that the caller gives of the values inside, and with
/// room for `atoms` atoms before it is cut short.
pub(crate) fn show_with(
    kernel: &Kernel,
    id: IntId,
    atoms: usize,
    value: &dyn Fn(Id<Expr>) -> Option<String>,
) -> String {
    let mut writer = Writer { kernel, atoms_left: atoms, value };
    writer.poly(&Poly::of(&kernel.ints, id)).text
}

/// Every size that `id` holds with its value: `K = 64, M = 3`. Empty if none.
#[must_use]
pub fn show_sizes(kernel: &Kernel, ids: &[IntId], sizes: &[i64]) -> String {
    let mut held = Vec::new();
    let mut visit = |_: AtomId, atom: &Atom| {
        if let Atom::Size(size) = atom {
            held.push(*size);
        }
    };
    ids.iter().for_each(|&id| kernel.ints.visit_atoms(id, &mut visit));
    held.sort_unstable();
    held.dedup();
    let values = held.into_iter().filter_map(|size| {
        let value = sizes.get(size.index())?;
        Some(format!("{} = {value}", kernel.sizes[size].name))
    });
    values.collect::<Vec<_>>().join(", ")
}

struct Writer<'a> {
    kernel: &'a Kernel,
    atoms_left: usize,
    value: &'a dyn Fn(Id<Expr>) -> Option<String>,
}

/// How tightly a text holds together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Sum,
    Product,
    Atom,
}

struct Text {
    text: String,
    binding: Binding,
}

/// One summand: `negative` is its sign, `product` says what is multiplied.
struct Summand {
    negative: bool,
    degree: usize,
    text: Text,
}

impl Text {
    fn atom(text: impl Into<String>) -> Self {
        Self { text: text.into(), binding: Binding::Atom }
    }

    /// In parentheses where it would fall apart under `outer`.
    fn within(self, outer: Binding) -> String {
        if self.binding < outer { format!("({})", self.text) } else { self.text }
    }
}

impl Writer<'_> {
    fn ints(&self) -> &Ints {
        &self.kernel.ints
    }

    fn poly(&mut self, poly: &Poly) -> Text {
        let (remainders, rest) = take_remainders(self.ints(), poly);
        let mut summands: Vec<_> = remainders
            .into_iter()
            .map(|(k, n, d)| {
                let remainder = self.fraction(n, "%", d);
                self.summand(&k, Some(remainder))
            })
            .collect();
        summands.extend(rest.terms().iter().map(|term| self.summand(term, None)));
        // As people write them: products first, the constant last.
        summands.sort_by_key(|s| std::cmp::Reverse((s.degree > 0, !s.negative, s.degree)));
        join(summands)
    }

    /// `term`, times `first` if there is one.
    fn summand(&mut self, term: &Term, first: Option<Text>) -> Summand {
        let (divisions, plain): (Vec<_>, Vec<_>) = term
            .factors
            .iter()
            .partition(|&&atom| matches!(self.kernel.ints.atom(atom), Atom::Div(..)));
        let degree = term.factors.len() + usize::from(first.is_some());
        let coefficient = term.coefficient.unsigned_abs();
        let mut factors: Vec<Text> = first.into_iter().collect();
        factors.extend(divisions.into_iter().map(|&atom| self.atom(atom)));
        let number = (coefficient != 1 || degree == 0).then(|| Text::atom(coefficient.to_string()));
        // `128 * i`, but `j / S * 2`, which needs no parentheses.
        let (before, after) = if factors.is_empty() { (number, None) } else { (None, number) };
        factors.extend(before);
        factors.extend(plain.into_iter().map(|&atom| self.atom(atom)));
        factors.extend(after);
        Summand { negative: term.coefficient < 0, degree, text: multiply(factors) }
    }

    fn atom(&mut self, atom: AtomId) -> Text {
        if self.atoms_left == 0 {
            return Text::atom("..");
        }
        self.atoms_left -= 1;
        let kernel = self.kernel;
        match self.ints().atom(atom).clone() {
            Atom::Size(size) => Text::atom(&kernel.sizes[size].name),
            Atom::Var(var) => Text::atom(&kernel.vars[var].name),
            Atom::Read(tensor, index) => {
                let name = kernel.tensors[tensor].name.clone();
                Text::atom(if index.is_empty() { name } else { name + &self.list(&index) })
            }
            Atom::Value(expr) => self.value(expr),
            Atom::Div(n, d) => match ceiling(self.ints(), n, d) {
                Some(above) => {
                    let above = self.poly(&above).within(Binding::Product);
                    let below = self.int(d).within(Binding::Atom);
                    Text::atom(format!("ceil({above} / {below})"))
                }
                None => self.fraction(n, "/", d),
            },
        }
    }

    fn int(&mut self, id: IntId) -> Text {
        self.poly(&Poly::of(self.ints(), id))
    }

    fn fraction(&mut self, n: IntId, operator: &str, d: IntId) -> Text {
        let (n, d) = (self.int(n).within(Binding::Product), self.int(d).within(Binding::Atom));
        Text { text: format!("{n} {operator} {d}"), binding: Binding::Product }
    }

    fn list(&mut self, index: &[IntId]) -> String {
        let texts: Vec<_> = index.iter().map(|&i| self.int(i).text).collect();
        format!("[{}]", texts.join(", "))
    }

    fn value(&mut self, expr: Id<Expr>) -> Text {
        if let Some(text) = (self.value)(expr) {
            return Text::atom(text);
        }
        let kernel = self.kernel;
        let expr = &kernel.exprs[expr];
        Text::atom(match &expr.kind {
            ExprKind::Rank { var, place, .. } => {
                let name = &kernel.vars[*var].name;
                format!("argsort[{name}](..)[{}]", self.int(*place).text)
            }
            ExprKind::Reduce(reduction, ..) => format!("{}(..)", name_of(*reduction)),
            ExprKind::Read(tensor, index) => {
                kernel.tensors[*tensor].name.clone() + &self.list(index)
            }
            ExprKind::Int(id) => return self.int(*id),
            ExprKind::Convert(_) => {
                format!("{}(..)", if expr.ty.is_integer() { "idx" } else { "f32" })
            }
            ExprKind::Float(_)
            | ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::Select(..)
            | ExprKind::RoundStochastic(..)
            | ExprKind::Random(_) => "(..)".to_owned(),
        })
    }
}

fn name_of(reduction: Reduction) -> &'static str {
    match reduction {
        Reduction::Sum => "sum",
        Reduction::Prod => "prod",
        Reduction::Max => "max",
        Reduction::Min => "min",
    }
}

/// `n - d + 1`, if that is what one writes as `ceil((n - d + 1) / d)`.
fn ceiling(ints: &Ints, n: IntId, d: IntId) -> Option<Poly> {
    let d = ints.as_constant(d)?;
    let n = Poly::of(ints, n);
    (d > 1 && n.constant_term() == d - 1).then(|| n.plus_constant(1 - d))?
}

/// `sum of k * (n % d)`, and the rest of the polynomial: `-S * (j / S) + j` is `j % S`.
fn take_remainders(ints: &Ints, poly: &Poly) -> (Vec<(Term, IntId, IntId)>, Poly) {
    let (mut remainders, mut rest) = (Vec::new(), poly.clone());
    for atom in poly.atoms() {
        let &Atom::Div(n, d) = ints.atom(atom) else { continue };
        let taken = split_remainder(ints, &rest, atom, n, d);
        if let Some((k, left)) = taken.filter(|(_, left)| left.terms().len() < rest.terms().len()) {
            remainders.push((k, n, d));
            rest = left;
        }
    }
    (remainders, rest)
}

/// `(k, r)` with `poly = k * (n - d * atom) + r`, for a `k` of one term.
pub(crate) fn split_remainder(
    ints: &Ints,
    poly: &Poly,
    atom: AtomId,
    n: IntId,
    d: IntId,
) -> Option<(Term, Poly)> {
    let (with, without) = poly.split(atom);
    let k = with.exact_quotient(&Poly::of(ints, d))?.negated()?;
    let [only] = k.terms() else { return None };
    let left = without.plus(&k.times(&Poly::of(ints, n))?, -1)?;
    Some((only.clone(), left))
}

fn multiply(factors: Vec<Text>) -> Text {
    let single = factors.len() == 1;
    let mut text = String::new();
    let mut binding = Binding::Product;
    for (at, factor) in factors.into_iter().enumerate() {
        if single {
            binding = factor.binding;
        }
        if at > 0 {
            text += " * ";
        }
        // Products read from the left, so only the first may hold a division.
        text += &factor.within(if at == 0 { Binding::Product } else { Binding::Atom });
    }
    Text { text, binding }
}

fn join(summands: Vec<Summand>) -> Text {
    let mut text = String::new();
    let mut binding = Binding::Sum;
    if let [only] = summands.as_slice()
        && !only.negative
    {
        binding = only.text.binding;
    }
    for summand in summands {
        text += match (text.is_empty(), summand.negative) {
            (true, false) => "",
            (true, true) => "-",
            (false, false) => " + ",
            (false, true) => " - ",
        };
        text += &summand.text.within(Binding::Product);
    }
    if text.is_empty() { Text::atom("0") } else { Text { text, binding } }
}

#[cfg(test)]
mod tests {
    use super::show;
    use crate::testing::Scope;

    #[test]
    fn writes_integers_as_in_the_source() {
        for (source, expected) in [
            ("0", "0"),
            ("0 - 7", "-7"),
            ("M", "M"),
            ("M - 1", "M - 1"),
            ("1 - M", "-M + 1"),
            ("2 * F", "2 * F"),
            ("F * 2 + 1", "2 * F + 1"),
            ("c * L + l", "c * L + l"),
            ("l + c * L", "c * L + l"),
            ("L * C * L", "C * L * L"),
            ("m / 128", "m / 128"),
            ("(m + 1) / 128", "(m + 1) / 128"),
            ("m * n / K", "m * n / K"),
            ("m / (K * L)", "m / (K * L)"),
            ("m / 128 * 2", "m / 128 * 2"),
            ("ceil(K / 128)", "ceil(K / 128)"),
            ("ceil((K + L) / 128) + 1", "ceil((K + L) / 128) + 1"),
            ("ceil((K * L) / 128)", "ceil(K * L / 128)"),
            ("m % 128", "m % 128"),
            ("m % L + n", "m % L + n"),
            ("(m + n) % L", "(m + n) % L"),
            ("m % L * 3", "m % L * 3"),
            ("m / S * L + n % S", "m / S * L + n % S"),
            ("K % 128", "K % 128"),
            ("m / L * (n / L)", "m / L * (n / L)"),
        ] {
            let mut scope = Scope::new("m < M, n < N, k < K, c < C, l < L", "");
            let int = scope.int(source);
            assert_eq!(show(&scope.kernel(), int), expected, "{source}");
        }
    }
}
