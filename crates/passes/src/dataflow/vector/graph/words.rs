//! Words: integers that may pass 2^24, 32 bits in two's complement, and random bits.

use tilec_ir::Diagnostic;
use tilec_ir::dataflow::{UnaryVector, WordVector};
use tilec_ir::formats::Format;
use tilec_ir::tensor::{Binary, Expr, Scalar, Unary};
use tilec_ir::{Id, Span};

use super::{Node, NodeAt, TEST, Value, Walk, cannot};

/// What a word lies between.
const WORDS: (i64, i64) = (i32::MIN as i64, i32::MAX as i64);

impl Walk<'_, '_> {
    /// An integer as a word.
    pub(super) fn word(&mut self, x: Value) -> NodeAt {
        match self.build.graph.nodes[x.at] {
            _ if x.is_word => x.at,
            // It is exact: f32 holds the integer.
            Node::Fill(value) => self.build.push(Node::FillWord(value as i32)),
            _ => self.build.unary(UnaryVector::ToInteger, x.at),
        }
    }

    fn of_words(&mut self, op: WordVector, a: NodeAt, b: NodeAt) -> NodeAt {
        self.build.push(Node::Word(op, a, b))
    }

    /// `-x` and `abs(x)`, and `uniform`.
    pub(super) fn unary_word(&mut self, op: Unary, x: Value) -> Value {
        let x = self.word(x);
        if op == Unary::Uniform {
            return Value::float(self.build.unary(UnaryVector::Uniform, x));
        }
        let zero = self.build.push(Node::FillWord(0));
        let negated = self.of_words(WordVector::Subtract, zero, x);
        Value::word(match op {
            Unary::Abs => self.of_words(WordVector::Maximum, x, negated),
            _ => negated,
        })
    }

    /// An op on two integers of which one is a word, or whose result is.
    pub(super) fn binary_word(
        &mut self,
        op: Binary,
        a: Value,
        b: Value,
        span: Span,
    ) -> Result<Value, Diagnostic> {
        let [a, b] = [a, b].map(|x| self.word(x));
        let arithmetic = match op {
            Binary::Add => WordVector::Add,
            Binary::Sub => WordVector::Subtract,
            Binary::Mul => WordVector::Multiply,
            Binary::Min => WordVector::Minimum,
            Binary::Max => WordVector::Maximum,
            Binary::Equal => return Ok(self.relation(WordVector::Equal, a, b, false)),
            Binary::NotEqual => return Ok(self.relation(WordVector::Equal, a, b, true)),
            Binary::Less => return Ok(self.relation(WordVector::Less, a, b, false)),
            Binary::AtMost => return Ok(self.relation(WordVector::Less, b, a, true)),
            Binary::Greater => return Ok(self.relation(WordVector::Less, b, a, false)),
            Binary::AtLeast => return Ok(self.relation(WordVector::Less, a, b, true)),
            Binary::Div | Binary::Rem => return self.shifted(op, a, b, span),
            Binary::And | Binary::Or => unreachable!("tests are no words"),
        };
        Ok(Value::word(self.of_words(arithmetic, a, b)))
    }

    /// The floor of a quotient by a power of two, or its remainder.
    fn shifted(
        &mut self,
        op: Binary,
        a: NodeAt,
        d: NodeAt,
        span: Span,
    ) -> Result<Value, Diagnostic> {
        let places = match self.build.graph.nodes[d] {
            Node::FillWord(by @ 1..) if by.count_ones() == 1 => by.trailing_zeros(),
            _ => {
                return Err(cannot("this quotient of integers", span)
                    .here("beyond 2^21 it divides by powers of two only"));
            }
        };
        let places = self.build.push(Node::FillWord(places.cast_signed()));
        let floor = self.of_words(WordVector::ShiftRight, a, places);
        if op == Binary::Div {
            return Ok(Value::word(floor));
        }
        let whole = self.of_words(WordVector::Multiply, floor, d);
        Ok(Value::word(self.of_words(WordVector::Subtract, a, whole)))
    }

    fn relation(&mut self, op: WordVector, a: NodeAt, b: NodeAt, negated: bool) -> Value {
        let test = self.of_words(op, a, b);
        let test = if negated { self.build.unary(UnaryVector::Not, test) } else { test };
        Value::integer(test, TEST)
    }

    /// A conversion to a type of integers: within its range; a float toward zero, NaN as 0.
    pub(super) fn convert_to_integer(&mut self, x: Value, to: Scalar) -> Value {
        if let Some(range) = self.interval_of(to) {
            let x = if x.is_word {
                // Rounding keeps what is in range, and keeps the rest out of it.
                let at = self.build.unary(UnaryVector::FromInteger, x.at);
                Value::integer(at, WORDS)
            } else {
                x
            };
            return self.truncated(x, range);
        }
        if to == Scalar::I32 && x.interval.is_some() {
            return x;
        }
        let word = self.word(x);
        let Scalar::Idx(bound) = to else { return Value::word(word) };
        let most = self
            .build
            .kernel
            .ints
            .as_constant(bound)
            .map_or(i32::MAX, |bound| i32::try_from(bound - 1).unwrap_or(i32::MAX));
        let [least, most] = [0, most].map(|end| self.build.push(Node::FillWord(end)));
        let above = self.of_words(WordVector::Maximum, word, least);
        Value::word(self.of_words(WordVector::Minimum, above, most))
    }

    /// `random(seed, ..)`
    pub(super) fn random(&mut self, words: &[Id<Expr>]) -> Value {
        let words: Vec<_> = words.iter().map(|word| self.values[word]).collect();
        let words: Vec<_> = words.into_iter().map(|word| self.word(word)).collect();
        let (&seed, counter) = words.split_first().expect("a seed comes first");
        let counter = counter.to_vec();
        Value::word(self.build.push(Node::Random { seed, counter }))
    }

    /// `round_stochastic<TO>(x, bits)`
    pub(super) fn round_stochastic(&mut self, to: Scalar, x: Id<Expr>, bits: Id<Expr>) -> Value {
        let format = match to {
            Scalar::F8E4M3 => Format::F8E4M3,
            Scalar::F8E5M2 => Format::F8E5M2,
            Scalar::Bf16 => Format::Bf16,
            Scalar::F16 => Format::F16,
            Scalar::F32 | Scalar::I32 | Scalar::I8 | Scalar::U8 | Scalar::Bool | Scalar::Idx(_) => {
                unreachable!("values are rounded to narrow floats")
            }
        };
        let (x, bits) = (self.values[&x].at, self.values[&bits]);
        let bits = self.word(bits);
        Value::float(self.build.push(Node::RoundStochastic(format, x, bits)))
    }
}
