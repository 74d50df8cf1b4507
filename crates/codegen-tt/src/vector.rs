//! Ops of the vector unit as calls of the device headers' functions, whose names these are.

use tilec_ir::dataflow::{BinaryVector, Spread, UnaryVector, Vector, WordVector};
use tilec_ir::formats::Format;

use crate::names::KernelNames;

/// `tilec::add<0, 1, 2>();`
pub(crate) fn call(op: &Vector, names: &mut KernelNames) -> String {
    let (tiles, argument) = arguments(op, names);
    format!("tilec::{}<{tiles}>({argument});", function(op))
}

/// What is given as template arguments, and as an argument.
fn arguments(op: &Vector, names: &mut KernelNames) -> (String, String) {
    let tiles = match op {
        Vector::Unary(_, a, out) => format!("{a}, {out}"),
        Vector::Binary(_, a, b, out)
        | Vector::Word(_, a, b, out)
        | Vector::RoundStochastic(_, a, b, out) => format!("{a}, {b}, {out}"),
        Vector::Random { seed, counter: [a, b, c, d] } => format!("{seed}, {a}, {b}, {c}, {d}"),
        Vector::Constant(_, a, constant, out) => format!("{a}, {}, {out}", bits(*constant)),
        Vector::MultiplyAdd([a, b, c], out) | Vector::Select([a, b, c], out) => {
            format!("{a}, {b}, {c}, {out}")
        }
        Vector::Fill(value, out) => format!("{}, {out}", bits(*value)),
        Vector::FillWord(value, out) => format!("/* {value} */ {value:#010x}, {out}"),
        Vector::Position { base, dst, .. } => return (dst.to_string(), names.index(base)),
        Vector::Keep { count, fill, dst, .. } => {
            return (format!("{dst}, {}", bits(*fill)), names.index(count));
        }
        Vector::Reduce { dst, .. } | Vector::Broadcast(_, dst) => dst.to_string(),
    };
    (tiles, String::new())
}

/// The bits of an f32, with its value beside.
fn bits(value: f32) -> String {
    format!("/* {value:?} */ {:#010x}", value.to_bits())
}

/// The function that does it.
pub(crate) fn function(op: &Vector) -> String {
    match op {
        Vector::Unary(op, ..) => unary(*op).to_owned(),
        Vector::Binary(op, ..) => binary(*op).to_owned(),
        Vector::Constant(op, ..) => format!("{}_constant", binary(*op)),
        Vector::MultiplyAdd(..) => "multiply_add".to_owned(),
        Vector::Select(..) => "select".to_owned(),
        Vector::Word(op, ..) => word(*op).to_owned(),
        Vector::RoundStochastic(format, ..) => format!("round_stochastic_{}", narrow(*format)),
        Vector::Random { .. } => "random".to_owned(),
        Vector::Fill(..) | Vector::FillWord(..) => "fill".to_owned(),
        Vector::Position { columns: true, .. } => "column_index".to_owned(),
        Vector::Position { columns: false, .. } => "row_index".to_owned(),
        Vector::Keep { columns: true, .. } => "keep_columns".to_owned(),
        Vector::Keep { columns: false, .. } => "keep_rows".to_owned(),
        Vector::Reduce { columns: true, by, .. } => format!("reduce_columns_{}", binary(*by)),
        Vector::Reduce { columns: false, by, .. } => format!("reduce_rows_{}", binary(*by)),
        Vector::Broadcast(Spread::Row, _) => "broadcast_row".to_owned(),
        Vector::Broadcast(Spread::Column, _) => "broadcast_column".to_owned(),
        Vector::Broadcast(Spread::Element, _) => "broadcast_element".to_owned(),
    }
}

fn unary(op: UnaryVector) -> &'static str {
    match op {
        UnaryVector::Move => "move",
        UnaryVector::Negate => "negate",
        UnaryVector::Absolute => "absolute",
        UnaryVector::Exponential => "exponential",
        UnaryVector::Logarithm => "logarithm",
        UnaryVector::SquareRoot => "square_root",
        UnaryVector::ReciprocalSquareRoot => "reciprocal_square_root",
        UnaryVector::Reciprocal => "reciprocal",
        UnaryVector::Tanh => "hyperbolic_tangent",
        UnaryVector::ErrorFunction => "error_function",
        UnaryVector::Floor => "floor",
        UnaryVector::Not => "logical_not",
        UnaryVector::RoundBf16 => "round_bf16",
        UnaryVector::RoundF16 => "round_f16",
        UnaryVector::DecodeE4M3 => "decode_e4m3",
        UnaryVector::DecodeE5M2 => "decode_e5m2",
        UnaryVector::EncodeE4M3 => "encode_e4m3",
        UnaryVector::EncodeE5M2 => "encode_e5m2",
        UnaryVector::FromInteger => "from_integer",
        UnaryVector::ToInteger => "to_integer",
        UnaryVector::Uniform => "uniform",
        UnaryVector::LowerHalf => "lower_half",
        UnaryVector::UpperHalf => "upper_half",
    }
}

fn word(op: WordVector) -> &'static str {
    match op {
        WordVector::Add => "add_words",
        WordVector::Subtract => "subtract_words",
        WordVector::Multiply => "multiply_words",
        WordVector::Minimum => "minimum_words",
        WordVector::Maximum => "maximum_words",
        WordVector::ShiftRight => "shift_words_right",
        WordVector::Equal => "equal_words",
        WordVector::Less => "less_words",
        WordVector::Join => "join_words",
    }
}

fn narrow(format: Format) -> &'static str {
    match format {
        Format::F8E4M3 => "e4m3",
        Format::F8E5M2 => "e5m2",
        Format::Bf16 => "bf16",
        Format::F16 => "f16",
    }
}

fn binary(op: BinaryVector) -> &'static str {
    match op {
        BinaryVector::Add => "add",
        BinaryVector::Subtract => "subtract",
        BinaryVector::Multiply => "multiply",
        BinaryVector::Divide => "divide",
        BinaryVector::Minimum => "minimum",
        BinaryVector::Maximum => "maximum",
        BinaryVector::Equal => "equal",
        BinaryVector::NotEqual => "not_equal",
        BinaryVector::Less => "less",
        BinaryVector::AtMost => "at_most",
        BinaryVector::And => "logical_and",
        BinaryVector::Or => "logical_or",
    }
}
