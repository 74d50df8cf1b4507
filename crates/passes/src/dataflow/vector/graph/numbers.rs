//! Integers as f32 tiles: exact while they stay below 2^24; else they are words.
//!
//! ```text
//! floor(p / d)  =  floor((p + 1/2) * (1 / d))
//! ```
//!
//! The quotient of the right side is at least `1 / (2 d)` away from every integer, and off
//! by at most `2^-23` of itself: with `p` below 2^21 the floor is right.

use tilec_ir::dataflow::{BinaryVector, UnaryVector};
use tilec_ir::tensor::{Binary, Scalar, Var};
use tilec_ir::{Atom, AtomId, Diagnostic, Id, IntId, Span};

use super::{Node, Value, Walk, cannot};
use crate::dataflow::vector::integer::{Along, Lines, TILE, Terms, multiplied};
use crate::dataflow::vector::store::EXACT;

/// Quotients of integers below are exact; see above.
const DIVISIBLE: i64 = 1 << 21;

impl Walk<'_, '_> {
    fn lines(&self) -> Lines<'_> {
        Lines::new(self.build.kernel, self.axes)
    }

    /// A polynomial.
    pub(super) fn integer(&mut self, id: IntId, span: Span) -> Result<Value, Diagnostic> {
        let terms = Terms::of(self.build.kernel, id);
        if let Some(constant) = self.build.kernel.ints.as_constant(id) {
            return self.number(constant, span);
        }
        let known = self.lines().interval(&terms).filter(|&known| known.0 >= 0 && exact(known));
        if let (Some(known), Some(index)) = (known, self.lines().index(&terms)) {
            return Ok(Value::integer(self.build.push(Node::Scalar(index)), known));
        }
        let mut sum: Option<Value> = None;
        for (factors, &coefficient) in &terms.0 {
            let mut product = self.number(coefficient, span)?;
            for &factor in factors {
                let factor = self.atom(factor, span)?;
                product = self.combine(Binary::Mul, product, factor, span)?;
            }
            sum = Some(match sum {
                None => product,
                Some(sum) => self.combine(Binary::Add, sum, product, span)?,
            });
        }
        sum.map_or_else(|| self.number(0, span), Ok)
    }

    fn number(&mut self, value: i64, span: Span) -> Result<Value, Diagnostic> {
        if exact((value, value)) {
            let at = self.build.push(Node::Fill(value as f32));
            return Ok(Value::integer(at, (value, value)));
        }
        let word = i32::try_from(value).map_err(|_| cannot("this integer", span))?;
        Ok(Value::word(self.build.push(Node::FillWord(word))))
    }

    fn combine(&mut self, op: Binary, a: Value, b: Value, span: Span) -> Result<Value, Diagnostic> {
        let one = |value: Value| value.interval == Some((1, 1));
        match op {
            Binary::Mul if one(a) => return Ok(b),
            Binary::Mul if one(b) => return Ok(a),
            _ => {}
        }
        let found = a.interval.zip(b.interval).and_then(|(a, b)| interval(op, a, b));
        let Some(interval) = found else { return self.binary_word(op, a, b, span) };
        let op = if op == Binary::Mul { BinaryVector::Multiply } else { BinaryVector::Add };
        Ok(Value::integer(self.build.binary(op, a.at, b.at), interval))
    }

    fn atom(&mut self, atom: AtomId, span: Span) -> Result<Value, Diagnostic> {
        let terms = Terms([(vec![atom], 1)].into());
        let interval = self.lines().interval(&terms).filter(|&interval| exact(interval));
        if let (Some(interval), Some(index)) = (interval, self.lines().index(&terms)) {
            let at = self.build.push(Node::Scalar(index));
            return Ok(Value::integer(at, interval));
        }
        match self.build.kernel.ints.atom(atom).clone() {
            Atom::Var(var) => self.var(var, span),
            Atom::Div(p, d) => {
                let p = self.integer(p, span)?;
                let d = self.integer(d, span)?;
                self.quotient(Binary::Div, p, d, span)
            }
            Atom::Read(tensor, index) => self.read(tensor, &index, span),
            Atom::Value(expr) => Ok(self.values[&expr]),
            Atom::Size(_) => unreachable!("sizes are bound before a program is made"),
        }
    }

    /// A variable that runs along a side.
    fn var(&mut self, var: Id<Var>, span: Span) -> Result<Value, Diagnostic> {
        let lines = self.lines();
        let (columns, at, inside) =
            lines.place(var).expect("a variable that is no batch variable runs along a side");
        let side = if columns { &self.axes.columns } else { &self.axes.rows };
        let (range, outermost) = (lines.range(var), at == 0);
        let all = side.iter().fold(1i64, |all, &var| all.saturating_mul(lines.range(var)));
        let base = Along::tile(columns) * u32::try_from(TILE).expect("a tile is small");
        // The last tile may be longer than the axis.
        let last = all.saturating_add(TILE);
        small((0, last), span)?;
        let at = self.build.push(Node::Position { columns, base });
        let mut value = Value::integer(at, (0, last));
        let inside = self.number(inside, span)?;
        value = self.quotient(Binary::Div, value, inside, span)?;
        if !outermost {
            let range = self.number(range, span)?;
            value = self.quotient(Binary::Rem, value, range, span)?;
        }
        Ok(value)
    }

    /// The floor of a quotient, or its remainder.
    pub(super) fn quotient(
        &mut self,
        op: Binary,
        p: Value,
        d: Value,
        span: Span,
    ) -> Result<Value, Diagnostic> {
        let (Some(of), Some((least, most))) = (p.interval, d.interval) else {
            return Err(cannot("this quotient of integers", span));
        };
        if (least, most) == (1, 1) && op == Binary::Div {
            return Ok(p);
        }
        if least < 1 || of.0 <= -DIVISIBLE || of.1 >= DIVISIBLE || most >= DIVISIBLE {
            return Err(cannot("this quotient of integers", span)
                .here("in f32 it is exact for numbers below 2^21 and positive divisors only"));
        }
        let half = self.build.push(Node::Constant(BinaryVector::Add, p.at, 0.5));
        let ratio = if least == most {
            self.build.push(Node::Constant(BinaryVector::Multiply, half, 1.0 / least as f32))
        } else {
            self.build.push(Node::Binary(BinaryVector::Divide, half, d.at))
        };
        let floor = self.build.unary(UnaryVector::Floor, ratio);
        let bounds = [of.0.div_euclid(least), of.0.div_euclid(most)];
        let tops = [of.1.div_euclid(least), of.1.div_euclid(most)];
        let bounds = (bounds[0].min(bounds[1]), tops[0].max(tops[1]));
        if op == Binary::Div {
            return Ok(Value::integer(floor, bounds));
        }
        let whole = self.build.binary(BinaryVector::Multiply, floor, d.at);
        let at = self.build.binary(BinaryVector::Subtract, p.at, whole);
        Ok(Value::integer(at, (0, most - 1)))
    }

    /// Between which numbers the elements of a type lie, if all of them are exact.
    pub(super) fn interval_of(&self, element: Scalar) -> Option<(i64, i64)> {
        match element {
            Scalar::I8 => Some((-128, 127)),
            Scalar::U8 => Some((0, 255)),
            Scalar::Bool => Some((0, 1)),
            Scalar::Idx(bound) => {
                let bound = self.build.kernel.ints.as_constant(bound)?;
                (bound <= EXACT).then_some((0, bound.max(1) - 1))
            }
            Scalar::I32
            | Scalar::F32
            | Scalar::Bf16
            | Scalar::F16
            | Scalar::F8E4M3
            | Scalar::F8E5M2 => None,
        }
    }

    /// A value as an integer within two numbers; a float toward zero, NaN as 0.
    pub(super) fn truncated(&mut self, x: Value, (low, high): (i64, i64)) -> Value {
        let mut at = x.at;
        if x.interval.is_none() {
            let integer = self.build.unary(UnaryVector::ToInteger, at);
            let value = self.build.unary(UnaryVector::FromInteger, integer);
            let number = self.build.push(Node::Binary(BinaryVector::Equal, at, at));
            let zero = self.build.push(Node::Fill(0.0));
            at = self.build.push(Node::Select([number, value, zero]));
        }
        if x.interval.is_none_or(|from| from.0 < low) {
            at = self.build.push(Node::Constant(BinaryVector::Maximum, at, low as f32));
        }
        if x.interval.is_none_or(|from| from.1 > high) {
            at = self.build.push(Node::Constant(BinaryVector::Minimum, at, high as f32));
        }
        let (least, most) = x.interval.unwrap_or((low, high));
        Value::integer(at, (least.clamp(low, high), most.clamp(low, high)))
    }
}

/// Between which numbers the result of an operation on integers lies, if it is exact in f32.
pub(super) fn interval(op: Binary, a: (i64, i64), b: (i64, i64)) -> Option<(i64, i64)> {
    let found = match op {
        Binary::Add => a.0.checked_add(b.0).zip(a.1.checked_add(b.1)),
        Binary::Sub => a.0.checked_sub(b.1).zip(a.1.checked_sub(b.0)),
        Binary::Mul => multiplied(a, b),
        Binary::Min => Some((a.0.min(b.0), a.1.min(b.1))),
        Binary::Max => Some((a.0.max(b.0), a.1.max(b.1))),
        Binary::Equal
        | Binary::NotEqual
        | Binary::Less
        | Binary::AtMost
        | Binary::Greater
        | Binary::AtLeast
        | Binary::And
        | Binary::Or => Some((0, 1)),
        Binary::Div | Binary::Rem => None,
    };
    found.filter(|&found| exact(found))
}

/// Whether integers between two numbers are exact in f32.
fn exact((low, high): (i64, i64)) -> bool {
    -EXACT <= low && high <= EXACT
}

/// That they are.
fn small(interval: (i64, i64), span: Span) -> Result<(), Diagnostic> {
    if exact(interval) {
        return Ok(());
    }
    Err(cannot("this integer", span)
        .here("it may pass 2^24, where tiles of f32 stop to be exact for integers"))
}
