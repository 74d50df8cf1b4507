//! Operations and conversions: of floats and of small integers in f32; words are elsewhere.

use tilec_ir::dataflow::{BinaryVector, UnaryVector};
use tilec_ir::tensor::{Binary, Expr, Scalar, Unary};
use tilec_ir::{Diagnostic, Id, Span};

use super::{TEST, Value, Walk, cannot, numbers};

impl Walk<'_, '_> {
    pub(super) fn unary(&mut self, op: Unary, x: Value) -> Value {
        if op == Unary::Uniform || x.is_word {
            return self.unary_word(op, x);
        }
        let interval = x.interval.map(|(low, high)| match op {
            Unary::Not => TEST,
            Unary::Abs => (0, high.max(-low)),
            _ => (-high, -low),
        });
        let op = match op {
            Unary::Neg => UnaryVector::Negate,
            Unary::Not => UnaryVector::Not,
            Unary::Abs => UnaryVector::Absolute,
            Unary::Exp => UnaryVector::Exponential,
            Unary::Log => UnaryVector::Logarithm,
            Unary::Sqrt => UnaryVector::SquareRoot,
            Unary::Rsqrt => UnaryVector::ReciprocalSquareRoot,
            Unary::Tanh => UnaryVector::Tanh,
            Unary::Erf => UnaryVector::ErrorFunction,
            Unary::Floor => UnaryVector::Floor,
            Unary::Uniform => unreachable!("it takes a word"),
        };
        Value { at: self.build.unary(op, x.at), interval, is_word: false }
    }

    pub(super) fn binary(
        &mut self,
        op: Binary,
        operands: [Id<Expr>; 2],
        relation: bool,
        span: Span,
    ) -> Result<Value, Diagnostic> {
        let [a, b] = operands.map(|x| self.values[&x]);
        let (op, a, b) = match op {
            Binary::Greater => (Binary::Less, b, a),
            Binary::AtLeast => (Binary::AtMost, b, a),
            _ => (op, a, b),
        };
        if a.is_word || b.is_word {
            return self.binary_word(op, a, b, span);
        }
        let interval = match a.interval.zip(b.interval) {
            Some(_) if matches!(op, Binary::Div | Binary::Rem) => {
                return self.quotient(op, a, b, span);
            }
            _ if relation => Some(TEST),
            Some((x, y)) => match numbers::interval(op, x, y) {
                None => return self.binary_word(op, a, b, span),
                exact => exact,
            },
            None => None,
        };
        let op = match op {
            Binary::Add => BinaryVector::Add,
            Binary::Sub => BinaryVector::Subtract,
            Binary::Mul => BinaryVector::Multiply,
            Binary::Div => BinaryVector::Divide,
            Binary::Min => BinaryVector::Minimum,
            Binary::Max => BinaryVector::Maximum,
            Binary::Equal => BinaryVector::Equal,
            Binary::NotEqual => BinaryVector::NotEqual,
            Binary::Less | Binary::Greater => BinaryVector::Less,
            Binary::AtMost | Binary::AtLeast => BinaryVector::AtMost,
            Binary::And => BinaryVector::And,
            Binary::Or => BinaryVector::Or,
            Binary::Rem => return Err(cannot("this remainder", span)),
        };
        Ok(Value { at: self.build.binary(op, a.at, b.at), interval, is_word: false })
    }

    pub(super) fn convert(&mut self, x: Value, to: Scalar) -> Value {
        if to.is_integer() {
            return self.convert_to_integer(x, to);
        }
        let x = if x.is_word { self.build.unary(UnaryVector::FromInteger, x.at) } else { x.at };
        Value::float(match to {
            Scalar::Bf16 => self.build.unary(UnaryVector::RoundBf16, x),
            Scalar::F16 => self.build.unary(UnaryVector::RoundF16, x),
            Scalar::F8E4M3 => {
                let code = self.build.unary(UnaryVector::EncodeE4M3, x);
                self.build.unary(UnaryVector::DecodeE4M3, code)
            }
            Scalar::F8E5M2 => {
                let code = self.build.unary(UnaryVector::EncodeE5M2, x);
                self.build.unary(UnaryVector::DecodeE5M2, code)
            }
            Scalar::F32 | Scalar::Bool | Scalar::I32 | Scalar::I8 | Scalar::U8 | Scalar::Idx(_) => {
                x
            }
        })
    }
}
