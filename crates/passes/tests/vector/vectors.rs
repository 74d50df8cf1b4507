//! Ops of the vector unit, from their descriptions.

use tilec_ir::dataflow::{BinaryVector, Spread, UnaryVector, WordVector};
use tilec_ir::{Format, philox};

use crate::tile::Tile;

pub(crate) fn unary(op: UnaryVector, bits: u32) -> u32 {
    let x = f32::from_bits(bits);
    let exact = |f: fn(f64) -> f64| (f(x.into()) as f32).to_bits();
    let code = |format: Format| u32::from(format.encode(x));
    let value = |format: Format| format.decode(u16::try_from(bits).expect("a code")).to_bits();
    match op {
        UnaryVector::Move => bits,
        UnaryVector::Negate => (-x).to_bits(),
        UnaryVector::Absolute => x.abs().to_bits(),
        UnaryVector::Exponential => exact(f64::exp),
        UnaryVector::Logarithm => exact(f64::ln),
        UnaryVector::SquareRoot => exact(f64::sqrt),
        UnaryVector::ReciprocalSquareRoot => exact(|x| 1.0 / x.sqrt()),
        UnaryVector::Reciprocal => (1.0 / x).to_bits(),
        UnaryVector::Tanh => exact(f64::tanh),
        UnaryVector::ErrorFunction => exact(libm::erf),
        UnaryVector::Floor => x.floor().to_bits(),
        UnaryVector::Not => f32::from(u8::from(x == 0.0)).to_bits(),
        UnaryVector::RoundBf16 => Format::Bf16.round(x).to_bits(),
        UnaryVector::RoundF16 => Format::F16.round(x).to_bits(),
        UnaryVector::DecodeE4M3 => value(Format::F8E4M3),
        UnaryVector::DecodeE5M2 => value(Format::F8E5M2),
        UnaryVector::EncodeE4M3 => code(Format::F8E4M3),
        UnaryVector::EncodeE5M2 => code(Format::F8E5M2),
        UnaryVector::FromInteger => (bits.cast_signed() as f32).to_bits(),
        UnaryVector::ToInteger => (x as i32).cast_unsigned(),
        UnaryVector::Uniform => philox::uniform(bits.cast_signed()).to_bits(),
        UnaryVector::LowerHalf => bits & 0xffff,
        UnaryVector::UpperHalf => bits >> 16,
    }
}

pub(crate) fn word(op: WordVector, a: u32, b: u32) -> u32 {
    let (x, y) = (a.cast_signed(), b.cast_signed());
    let test = |holds: bool| f32::from(u8::from(holds)).to_bits();
    match op {
        WordVector::Add => a.wrapping_add(b),
        WordVector::Subtract => a.wrapping_sub(b),
        WordVector::Multiply => a.wrapping_mul(b),
        WordVector::Minimum => x.min(y).cast_unsigned(),
        WordVector::Maximum => x.max(y).cast_unsigned(),
        WordVector::ShiftRight => (x >> b).cast_unsigned(),
        WordVector::Equal => test(x == y),
        WordVector::Less => test(x < y),
        WordVector::Join => a & 0xffff | b << 16,
    }
}

pub(crate) fn round_stochastic(format: Format, x: u32, random: u32) -> u32 {
    format.round_stochastic(f32::from_bits(x), random.cast_signed()).to_bits()
}

pub(crate) fn binary(op: BinaryVector, a: f32, b: f32) -> f32 {
    let test = |holds: bool| f32::from(u8::from(holds));
    match op {
        BinaryVector::Add => a + b,
        BinaryVector::Subtract => a - b,
        BinaryVector::Multiply => a * b,
        BinaryVector::Divide => a / b,
        BinaryVector::Minimum => -maximum(-a, -b),
        BinaryVector::Maximum => maximum(a, b),
        BinaryVector::Equal => test(a == b),
        BinaryVector::NotEqual => test(a != b),
        BinaryVector::Less => test(a < b),
        BinaryVector::AtMost => test(a <= b),
        BinaryVector::And => test(a != 0.0 && b != 0.0),
        BinaryVector::Or => test(a != 0.0 || b != 0.0),
    }
}

/// NaN if either is; -0 below +0.
fn maximum(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        return f32::NAN;
    }
    if a > b || (a == b && a.is_sign_positive()) { a } else { b }
}

pub(crate) fn keep(tile: &Tile, columns: bool, count: u32, fill: f32) -> Tile {
    let place = |at: usize| if columns { at % 32 } else { at / 32 };
    let pick = |at: usize| if place(at) < count as usize { tile.0[at] } else { fill.to_bits() };
    Tile(std::array::from_fn(pick))
}

pub(crate) fn reduce(tile: &Tile, columns: bool, by: BinaryVector) -> Tile {
    let element = |line: usize, at: usize| {
        let (row, column) = if columns { (line, at) } else { (at, line) };
        f32::from_bits(tile.0[row * 32 + column])
    };
    let line = |line: usize| {
        (1..32).fold(element(line, 0), |value, at| binary(by, value, element(line, at)))
    };
    let lines: Vec<_> = (0..32).map(|at| line(at).to_bits()).collect();
    Tile(std::array::from_fn(|at| lines[if columns { at / 32 } else { at % 32 }]))
}

pub(crate) fn broadcast(tile: &Tile, spread: Spread) -> Tile {
    Tile(std::array::from_fn(|at| match spread {
        Spread::Row => tile.0[at % 32],
        Spread::Column => tile.0[at / 32 * 32],
        Spread::Element => tile.0[0],
    }))
}
