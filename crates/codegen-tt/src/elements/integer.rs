//! Exact integers as C++: whoever made the program has seen that they fit 32 bits.

use tilec_ir::int::Term;
use tilec_ir::{Atom, AtomId, IntId};

use super::value::{Class, Values};

impl Values<'_, '_> {
    /// An integer as a name or a literal.
    pub(super) fn int(&mut self, int: IntId) -> String {
        let terms = self.kernel.ints.get(int).terms();
        let (constant, others): (Vec<_>, Vec<_>) =
            terms.iter().partition(|term| term.factors.is_empty());
        // The constant is sorted first; people write it last.
        let parts: Vec<String> = others.iter().map(|term| self.term(term)).collect();
        let constant = constant.first().map_or(0, |term| term.coefficient);
        let mut text = parts.join(" + ");
        if parts.is_empty() {
            return literal(constant);
        }
        if constant != 0 {
            text += &format!(" + {}", literal(constant));
        }
        if text.contains(' ') { self.declare(Class::Whole, "at", &text) } else { text }
    }

    fn term(&mut self, term: &Term) -> String {
        let mut factors: Vec<String> = Vec::new();
        if term.coefficient != 1 {
            factors.push(literal(term.coefficient));
        }
        factors.extend(term.factors.iter().map(|&factor| self.atom(factor)));
        factors.join(" * ")
    }

    fn atom(&mut self, id: AtomId) -> String {
        let known = self.scopes.iter().rev().find_map(|scope| scope.atoms.get(&id));
        if let Some(known) = known {
            return known.clone();
        }
        let kernel = self.kernel;
        let value = match kernel.ints.atom(id) {
            Atom::Size(_) => unreachable!("all sizes are bound"),
            Atom::Var(var) => return self.var(*var),
            &Atom::Div(p, d) => {
                let [p, d] = [p, d].map(|int| self.int(int));
                self.declare(Class::Whole, "quotient", &format!("tilec::whole_quotient({p}, {d})"))
            }
            Atom::Read(tensor, index) => self.read(*tensor, index),
            Atom::Value(expr) => self.value(*expr),
        };
        self.scope().atoms.insert(id, value.clone());
        value
    }
}

/// A number as an `int32_t`.
pub(super) fn literal(value: i64) -> String {
    match value {
        _ if value == i64::from(i32::MIN) => "(-2147483647 - 1)".to_owned(),
        _ if value < 0 => format!("({value})"),
        _ => value.to_string(),
    }
}
