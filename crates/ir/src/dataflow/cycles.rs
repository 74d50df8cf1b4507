//! How long the vector unit takes for an op on a tile: the instructions of the function
//! that an emitter calls for it, one a cycle, for all 32 vectors of the tile. They are
//! counted; a test counts those of the functions again, and of constants that take two
//! instructions to load.

use crate::dataflow::{BinaryVector, Spread, UnaryVector, Vector, WordVector};
use crate::formats::Format;

/// Cycles of an op on a tile.
#[must_use]
pub fn vector_cycles(op: &Vector) -> u64 {
    match op {
        Vector::Unary(op, ..) => unary(*op),
        Vector::Binary(op, ..) | Vector::Constant(op, ..) => binary(*op),
        Vector::MultiplyAdd(..) => 239,
        Vector::Select(..) => 271,
        Vector::Word(op, ..) => word(*op),
        Vector::RoundStochastic(format, ..) => stochastic(*format),
        Vector::Random { .. } => 43_544,
        Vector::Fill(..) | Vector::FillWord(..) => 81,
        Vector::Position { columns: true, .. } => 59,
        Vector::Position { columns: false, .. } => 80,
        Vector::Keep { columns: true, .. } => 60,
        Vector::Keep { columns: false, .. } => 89,
        Vector::Reduce { columns, by, .. } => reduce(*columns, *by),
        Vector::Broadcast(Spread::Row, _) => 71,
        Vector::Broadcast(Spread::Column, _) => 218,
        Vector::Broadcast(Spread::Element, _) => 109,
    }
}

fn unary(op: UnaryVector) -> u64 {
    match op {
        UnaryVector::Move => 111,
        UnaryVector::Negate | UnaryVector::Absolute => 143,
        UnaryVector::Exponential => 1524,
        UnaryVector::Logarithm => 1971,
        UnaryVector::SquareRoot => 1142,
        UnaryVector::ReciprocalSquareRoot => 1398,
        UnaryVector::Reciprocal => 944,
        UnaryVector::Tanh => 2288,
        UnaryVector::ErrorFunction => 2480,
        UnaryVector::Floor => 625,
        UnaryVector::Not => 271,
        UnaryVector::RoundBf16 => 436,
        UnaryVector::RoundF16 => 949,
        UnaryVector::DecodeE4M3 | UnaryVector::DecodeE5M2 => 596,
        UnaryVector::EncodeE4M3 | UnaryVector::EncodeE5M2 => 917,
        UnaryVector::FromInteger => 303,
        UnaryVector::ToInteger => 754,
        UnaryVector::Uniform => 239,
        UnaryVector::LowerHalf => 527,
        UnaryVector::UpperHalf => 495,
    }
}

fn word(op: WordVector) -> u64 {
    match op {
        WordVector::Add => 175,
        WordVector::Subtract => 207,
        WordVector::Multiply => 1519,
        WordVector::Minimum | WordVector::Maximum => 463,
        WordVector::ShiftRight => 367,
        WordVector::Equal => 303,
        WordVector::Less => 495,
        WordVector::Join => 271,
    }
}

fn stochastic(format: Format) -> u64 {
    match format {
        Format::F8E4M3 | Format::F8E5M2 => 2063,
        Format::Bf16 => 847,
        Format::F16 => 2159,
    }
}

fn binary(op: BinaryVector) -> u64 {
    match op {
        BinaryVector::Add | BinaryVector::Subtract | BinaryVector::Multiply => 209,
        BinaryVector::Divide => 1714,
        BinaryVector::Minimum | BinaryVector::Maximum => 338,
        BinaryVector::Equal | BinaryVector::NotEqual => 466,
        BinaryVector::Less | BinaryVector::AtMost => 626,
        BinaryVector::And => 369,
        BinaryVector::Or => 337,
    }
}

fn reduce(columns: bool, by: BinaryVector) -> u64 {
    let compares = matches!(by, BinaryVector::Minimum | BinaryVector::Maximum);
    match (columns, compares) {
        (true, false) => 299,
        (true, true) => 492,
        (false, false) => 195,
        (false, true) => 360,
    }
}
