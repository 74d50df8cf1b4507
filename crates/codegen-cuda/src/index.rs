//! Exact integers as C++: `long long` arithmetic that a launch has checked to fit.

use tilec_ir::int::Term;
use tilec_ir::{Atom, AtomId, IntId, Scalar};

use crate::device::Header;
use crate::function::Function;
use crate::text::{Level, Text};

/// The longest quotient that is written in place.
const MAX_QUOTIENT: usize = 28;

impl Function<'_, '_> {
    /// The value of an integer at the current place, of type `long long` (a
    /// literal or a bound variable may be an `int`).
    pub(crate) fn int(&mut self, int: IntId) -> Text {
        let kernel = self.kernel;
        let terms = kernel.ints.get(int).terms();
        let mut sum: Option<Text> = None;
        // The constant is sorted first; people write it last.
        for term in terms.iter().filter(|t| !t.factors.is_empty()) {
            let negative = term.coefficient < 0 && sum.is_some();
            let product = self.term(term, negative);
            let op = if negative { "-" } else { "+" };
            sum = Some(match sum {
                Some(sum) => Text::binary(Level::Sum, &sum, op, &product),
                None => product,
            });
        }
        let constant = terms.iter().find(|t| t.factors.is_empty()).map_or(0, |t| t.coefficient);
        match sum {
            None => literal(constant),
            Some(sum) if constant == 0 => sum,
            Some(sum) if constant < 0 && constant != i64::MIN => {
                Text::binary(Level::Sum, &sum, "-", &literal(-constant))
            }
            Some(sum) => Text::binary(Level::Sum, &sum, "+", &literal(constant)),
        }
    }

    /// A term; where `negated`, the negative of it.
    fn term(&mut self, term: &Term, negated: bool) -> Text {
        let factors: Vec<_> = term.factors.iter().map(|&factor| self.atom(factor)).collect();
        let product = factors
            .into_iter()
            .reduce(|a, b| Text::binary(Level::Product, &a, "*", &b))
            .expect("the constant term is written elsewhere");
        let coefficient = if negated { term.coefficient.wrapping_neg() } else { term.coefficient };
        match coefficient {
            1 => product,
            -1 => Text::new(format!("-{}", product.at(Level::Sign)), Level::Sign),
            other => Text::binary(Level::Product, &product, "*", &literal(other)),
        }
    }

    /// The value of an integer as an `int`, which a launch has checked it to fit.
    pub(crate) fn int32(&mut self, int: IntId) -> Text {
        if let Some(value) = self.kernel.ints.as_constant(int) {
            return literal(value);
        }
        let value = self.int(int);
        Text::call("int", &[&value])
    }

    fn atom(&mut self, id: AtomId) -> Text {
        if let Some(known) = self.known_atom(id) {
            return known;
        }
        let kernel = self.kernel;
        let value = match kernel.ints.atom(id) {
            Atom::Size(size) => Text::atom(self.size(*size)),
            Atom::Var(var) => return Text::name(self.var(*var)),
            &Atom::Div(p, d) => self.quotient(p, d),
            Atom::Read(tensor, index) => {
                let at: Vec<_> = index.iter().map(|&i| self.int(i)).collect();
                let value = self.read(*tensor, &at);
                let name = self.cx.names.tensor(*tensor).to_owned();
                let plain = at.iter().filter(|i| i.is_name()).map(|i| format!("_{i}"));
                let base = name + &plain.collect::<String>();
                Text::atom(self.declare("long long", &base, value.to_string()))
            }
            Atom::Value(expr) => {
                let value = self.value(*expr);
                Text::atom(self.declare("long long", "index", value.to_string()))
            }
        };
        self.note_atom(id, value.clone());
        value
    }

    /// `floor(p / d)`
    fn quotient(&mut self, p: IntId, d: IntId) -> Text {
        let constant = self.kernel.ints.as_constant(d).filter(|&d| d > 0);
        let plain = constant.is_some() && self.is_not_negative(p);
        // Dividing 64 bits is a call, around which registers are put aside.
        let narrow = self.is_int(p) && self.is_int(d);
        let (p, d) = (self.int(p), self.int(d));
        let value = if plain {
            Text::binary(Level::Product, &p, "/", &d)
        } else {
            self.need(Header::Index);
            let function = if narrow { "tilec::floor_div_int" } else { "tilec::floor_div" };
            Text::call(function, &[&p, &d])
        };
        if value.len() <= MAX_QUOTIENT {
            return value;
        }
        Text::atom(self.declare("long long", "quotient", value.to_string()))
    }

    /// Whether an integer is within 32 bits because it is a size, or an element as it
    /// lies in memory.
    fn is_int(&self, int: IntId) -> bool {
        let ints = &self.kernel.ints;
        let is_int = |&id: &AtomId| matches!(ints.atom(id), Atom::Size(_) | Atom::Read(..));
        match ints.get(int).terms() {
            [Term { coefficient: 1, factors }] if factors.len() == 1 => factors.iter().all(is_int),
            _ => ints.as_constant(int).is_some_and(|value| i32::try_from(value).is_ok()),
        }
    }

    /// Whether an integer is at least 0 because all it is made of is.
    fn is_not_negative(&self, int: IntId) -> bool {
        let ints = &self.kernel.ints;
        let natural = |&id: &AtomId| match ints.atom(id) {
            Atom::Size(_) | Atom::Var(_) => true,
            // Divisions nest no deeper than the source does.
            Atom::Div(p, _) => self.is_not_negative(*p),
            Atom::Read(tensor, _) => {
                matches!(self.kernel.tensors[*tensor].element, Scalar::Idx(_) | Scalar::U8)
            }
            Atom::Value(_) => ints.bound(id).is_some(),
        };
        let mut terms = ints.get(int).terms().iter();
        terms.all(|term| term.coefficient >= 0 && term.factors.iter().all(natural))
    }
}

/// A number as C++; one that is no `int` says that it is a `long long`.
pub(crate) fn literal(value: i64) -> Text {
    if i32::try_from(value).is_err() {
        if value == i64::MIN {
            return Text::atom("(-9223372036854775807ll - 1)");
        }
        return Text::number(format!("{value}ll"));
    }
    if value == i64::from(i32::MIN) {
        return Text::atom("(-2147483647 - 1)");
    }
    Text::number(value.to_string())
}
