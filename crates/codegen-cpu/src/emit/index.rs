//! Exact integers as i64 instructions.

use tilec_ir::{Atom, AtomId, IntId};

use super::context::Context;
use super::function::Value;

impl Context<'_> {
    /// The value of an integer at the current point.
    pub(crate) fn int(&mut self, int: IntId) -> Value {
        if let Some(known) = self.known_int(int) {
            return known;
        }
        let kernel = self.kernel;
        let mut sum: Option<Value> = None;
        for term in kernel.ints.get(int).terms() {
            let mut product: Option<Value> = None;
            for &factor in &term.factors {
                let value = self.atom(factor);
                product = Some(match product {
                    Some(before) => self.f.mul(&before, &value),
                    None => value,
                });
            }
            let value = match (product, term.coefficient) {
                (Some(product), 1) => product,
                (Some(product), coefficient) => self.f.mul(&product, &coefficient.into()),
                (None, constant) => constant.into(),
            };
            sum = Some(match sum {
                Some(before) => self.f.add(&before, &value),
                None => value,
            });
        }
        let value = sum.unwrap_or_else(|| 0.into());
        self.note_int(int, &value);
        value
    }

    /// The value of an integer as i32, which a launch has checked it to fit.
    pub(crate) fn int32(&mut self, int: IntId) -> Value {
        let value = self.int(int);
        self.f.def(format_args!("trunc i64 {value} to i32"))
    }

    pub(crate) fn atom(&mut self, id: AtomId) -> Value {
        if let Some(known) = self.known_atom(id) {
            return known;
        }
        let kernel = self.kernel;
        let value = match kernel.ints.atom(id) {
            Atom::Size(size) => return Value::new(format_args!("%n{}", size.index())),
            Atom::Var(var) => return self.var(*var),
            &Atom::Div(p, d) => self.floor_div(p, d),
            Atom::Read(tensor, index) => {
                let index: Vec<_> = index.iter().map(|&i| self.int(i)).collect();
                let value = self.read(tensor.index(), &index);
                self.f.def(format_args!("sext i32 {value} to i64"))
            }
            Atom::Value(expr) => {
                let value = self.expr(*expr);
                self.f.def(format_args!("sext i32 {value} to i64"))
            }
        };
        self.bind_atom(id, &value);
        value
    }

    fn floor_div(&mut self, p: IntId, d: IntId) -> Value {
        let constant = self.kernel.ints.as_constant(d);
        let p = self.int(p);
        if let Some(d) = constant.filter(|d| d.count_ones() == 1 && *d > 0) {
            return self.f.def(format_args!("ashr i64 {p}, {}", d.trailing_zeros()));
        }
        let d = self.int(d);
        // Known to be positive only under the tests around it.
        let d = if constant.is_some() { d } else { self.f.max(&d, &1.into()) };
        let quotient = self.f.def(format_args!("sdiv i64 {p}, {d}"));
        let back = self.f.mul(&quotient, &d);
        let above = self.f.def(format_args!("icmp sgt i64 {back}, {p}"));
        let one = self.f.def(format_args!("zext i1 {above} to i64"));
        self.f.sub(&quotient, &one)
    }
}
