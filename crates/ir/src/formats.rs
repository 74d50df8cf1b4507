//! Narrow number formats: what their bits mean, and how an f32 is rounded.
//!
//! A conversion rounds to nearest, ties to even. FP8 saturates to the largest
//! finite value, infinities included; bf16 and f16 overflow to infinity. NaN
//! stays NaN and the sign is kept. Subnormals are exact everywhere.
//!
//! ```text
//! f8e4m3   s eeee mmm    bias 7    largest 448     no infinity, NaN s1111111
//! f8e5m2   s eeeee mm    bias 15   largest 57344   as IEEE
//! ```

use half::{bf16, f16};

use crate::array::Element;
use crate::tensor::Scalar;

#[cfg(test)]
mod tests;

/// A float format narrower than f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// OCP FP8 E4M3 ("fn").
    F8E4M3,
    /// OCP FP8 E5M2.
    F8E5M2,
    /// bfloat16.
    Bf16,
    /// IEEE binary16.
    F16,
}

/// The numbers that define a format.
struct Layout {
    mantissa: u32,
    bias: i32,
    /// The largest finite value.
    largest: f32,
    saturates: bool,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::F8E4M3, Self::F8E5M2, Self::Bf16, Self::F16];

    /// The format of an element type of the language, if it is a narrow float.
    #[must_use]
    pub fn of(scalar: Scalar) -> Option<Self> {
        Self::of_element(Element::of(scalar))
    }

    /// The format of the elements of an array, if they are narrow floats.
    #[must_use]
    pub fn of_element(element: Element) -> Option<Self> {
        match element {
            Element::F8E4M3 => Some(Self::F8E4M3),
            Element::F8E5M2 => Some(Self::F8E5M2),
            Element::Bf16 => Some(Self::Bf16),
            Element::F16 => Some(Self::F16),
            Element::F32 | Element::I32 | Element::I8 | Element::U8 | Element::Bool => None,
        }
    }

    /// How many codes there are.
    #[must_use]
    pub fn codes(self) -> u32 {
        match self {
            Self::F8E4M3 | Self::F8E5M2 => 1 << 8,
            Self::Bf16 | Self::F16 => 1 << 16,
        }
    }

    /// The value of a code; of an FP8 code the low byte counts.
    #[must_use]
    pub fn decode(self, bits: u16) -> f32 {
        match self {
            Self::F8E4M3 => E4M3[usize::from(bits & 0xff)],
            Self::F8E5M2 => E5M2[usize::from(bits & 0xff)],
            Self::Bf16 => bf16::from_bits(bits).to_f32(),
            Self::F16 => f16::from_bits(bits).to_f32(),
        }
    }

    /// The code of the nearest value, saturating as the format does.
    #[must_use]
    pub fn encode(self, x: f32) -> u16 {
        match self {
            Self::F8E4M3 => encode8(x, &self.layout(), 0x7f),
            Self::F8E5M2 => encode8(x, &self.layout(), 0x7e),
            Self::Bf16 => bf16::from_f32(x).to_bits(),
            Self::F16 => f16::from_f32(x).to_bits(),
        }
    }

    /// The nearest value of the format, saturating as the format does.
    #[must_use]
    pub fn round(self, x: f32) -> f32 {
        self.decode(self.encode(x))
    }

    /// The largest finite value.
    #[must_use]
    pub fn largest(self) -> f32 {
        self.layout().largest
    }

    /// Half the distance from 1 to the next value: the largest relative error
    /// of rounding to nearest, subnormals and saturation aside.
    #[must_use]
    pub fn unit_roundoff(self) -> f64 {
        0.5f64.powi(self.layout().mantissa.cast_signed() + 1)
    }

    /// Half the smallest positive value: the largest absolute error of rounding
    /// a subnormal.
    #[must_use]
    pub fn underflow(self) -> f64 {
        let Layout { mantissa, bias, .. } = self.layout();
        0.5f64.powi(bias + mantissa.cast_signed())
    }

    /// Rounds by 32 random bits. Between neighbors lo < |x| < hi the result is
    /// hi for exactly those `random`, read as u32, that are below
    /// `(|x| - lo) / (hi - lo) * 2^32`; values of the format stay as they are.
    /// FP8 saturates like the conversion. The neighbor above the largest bf16
    /// or f16 is infinity, as far away as the next power of two; from there on
    /// everything is infinity.
    #[must_use]
    pub fn round_stochastic(self, x: f32, random: i32) -> f32 {
        let Layout { mantissa, bias, largest, saturates } = self.layout();
        let size = f64::from(x.abs());
        if x.is_nan() || x == 0.0 {
            return x;
        }
        if saturates && size >= f64::from(largest) {
            return largest.copysign(x);
        }
        // All of this is exact: f64 has the range and 53 bits.
        let quantum = 2f64.powi(exponent(size).max(1 - bias) - mantissa.cast_signed());
        let steps = size / quantum;
        let up = f64::from(random.cast_unsigned()) < steps.fract() * 2f64.powi(32);
        let rounded = (steps.floor() + f64::from(u8::from(up))) * quantum;
        let rounded = if rounded > f64::from(largest) { f32::INFINITY } else { rounded as f32 };
        rounded.copysign(x)
    }

    fn layout(self) -> Layout {
        match self {
            Self::F8E4M3 => Layout { mantissa: 3, bias: 7, largest: 448.0, saturates: true },
            Self::F8E5M2 => Layout { mantissa: 2, bias: 15, largest: 57344.0, saturates: true },
            Self::Bf16 => Layout {
                mantissa: 7,
                bias: 127,
                largest: bf16::MAX.to_f32_const(),
                saturates: false,
            },
            Self::F16 => Layout { mantissa: 10, bias: 15, largest: 65504.0, saturates: false },
        }
    }
}

/// The floor of the binary logarithm of a positive normal f64.
fn exponent(x: f64) -> i32 {
    let biased = i32::try_from(x.to_bits() >> 52 & 0x7ff).expect("eleven bits fit an i32");
    biased - 1023
}

static E4M3: [f32; 256] = table(3, 7, false);
static E5M2: [f32; 256] = table(2, 15, true);

const fn table(mantissa: u32, bias: u32, ieee: bool) -> [f32; 256] {
    let mut values = [0.0; 256];
    let mut code = 0;
    while code < 256 {
        values[code as usize] = f32::from_bits(decode8(code, mantissa, bias, ieee));
        code += 1;
    }
    values
}

/// The bits of the f32 with the value of an FP8 code.
const fn decode8(code: u32, mantissa: u32, bias: u32, ieee: bool) -> u32 {
    let sign = (code & 0x80) << 24;
    let size = code & 0x7f;
    let top = 0x7f >> mantissa << mantissa;
    if ieee && size == top {
        return sign | 0x7f80_0000;
    }
    if ieee && size > top || !ieee && size == 0x7f {
        return sign | 0x7fc0_0000;
    }
    if size >> mantissa != 0 {
        return sign | ((size << (23 - mantissa)) + ((127 - bias) << 23));
    }
    // A subnormal, as a small whole number of the smallest value.
    let unit = f32::from_bits((128 - bias - mantissa) << 23);
    sign | (size as f32 * unit).to_bits()
}

fn encode8(x: f32, layout: &Layout, nan: u16) -> u16 {
    let &Layout { mantissa, bias, largest, .. } = layout;
    let sign = if x.is_sign_negative() { 0x80 } else { 0 };
    let size = x.abs();
    let code = if size.is_nan() {
        u32::from(nan)
    } else {
        // What lies above the largest value saturates to it.
        let bits = size.min(largest).to_bits();
        let rebias = (127 - bias).cast_unsigned();
        if bits >> 23 > rebias {
            let shift = 23 - mantissa;
            let even = bits >> shift & 1;
            ((bits + (1 << (shift - 1)) - 1 + even) >> shift) - (rebias << mantissa)
        } else {
            // Scaling up by a power of two is exact.
            let scaled = size * 2f32.powi(bias - 1 + mantissa.cast_signed());
            scaled.round_ties_even() as u32
        }
    };
    sign | u16::try_from(code).expect("an FP8 code has eight bits")
}
