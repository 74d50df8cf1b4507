//! Elements of arrays: their bytes, and their values as f32.

use half::{bf16, f16};

/// How an element lies in an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F32,
    Bf16,
    F16,
    E4M3,
    E5M2,
    I32,
    I8,
    /// Also truth values.
    U8,
    /// The halves of words.
    U16,
}

impl Element {
    /// By the name of the language.
    ///
    /// # Panics
    /// If there is no such type.
    pub(super) fn of(name: &str) -> Self {
        match name {
            "f32" => Self::F32,
            "bf16" => Self::Bf16,
            "f16" => Self::F16,
            "f8e4m3" => Self::E4M3,
            "f8e5m2" => Self::E5M2,
            "i32" | "idx" => Self::I32,
            "i8" => Self::I8,
            "u8" | "bool" => Self::U8,
            _ => panic!("`{name}` is no element type"),
        }
    }

    pub(super) fn bytes(self) -> usize {
        match self {
            Self::F32 | Self::I32 => 4,
            Self::Bf16 | Self::F16 | Self::U16 => 2,
            Self::E4M3 | Self::E5M2 | Self::I8 | Self::U8 => 1,
        }
    }

    /// The bits of an element, sign-extended if it is a signed integer.
    pub(super) fn read(self, bytes: &[u8], at: usize) -> u32 {
        let from = at * self.bytes();
        match (self, self.bytes()) {
            (Self::I8, _) => i32::from(bytes[from].cast_signed()).cast_unsigned(),
            (_, 1) => bytes[from].into(),
            (_, 2) => u16::from_le_bytes([bytes[from], bytes[from + 1]]).into(),
            _ => u32::from_le_bytes(std::array::from_fn(|byte| bytes[from + byte])),
        }
    }

    /// Keeps the low bits of those given.
    pub(super) fn write(self, bytes: &mut [u8], at: usize, bits: u32) {
        let width = self.bytes();
        bytes[at * width..][..width].copy_from_slice(&bits.to_le_bytes()[..width]);
    }

    /// The value of these bits; an integer is converted.
    pub(super) fn value(self, bits: u32) -> f32 {
        let [low, next, ..] = bits.to_le_bytes();
        let half = u16::from_le_bytes([low, next]);
        match self {
            Self::F32 => f32::from_bits(bits),
            Self::Bf16 => bf16::from_bits(half).to_f32(),
            Self::F16 => f16::from_bits(half).to_f32(),
            Self::E4M3 => e4m3(low),
            Self::E5M2 => f16::from_bits(u16::from(low) << 8).to_f32(),
            Self::I32 | Self::I8 | Self::U8 | Self::U16 => bits.cast_signed() as f32,
        }
    }

    /// The bits of the nearest element; FP8 has only what it can hold exactly, else NaN.
    pub(super) fn bits(self, value: f32) -> u32 {
        match self {
            Self::F32 => value.to_bits(),
            Self::Bf16 => bf16::from_f32(value).to_bits().into(),
            Self::F16 => f16::from_f32(value).to_bits().into(),
            Self::E4M3 | Self::E5M2 => {
                let same = |code: &u32| self.value(*code).to_bits() == value.to_bits();
                (0..256).find(same).unwrap_or(0x7f)
            }
            Self::I32 | Self::I8 | Self::U8 | Self::U16 => (value as i32).cast_unsigned(),
        }
    }

    pub(super) fn is_float(self) -> bool {
        match self {
            Self::F32 | Self::Bf16 | Self::F16 | Self::E4M3 | Self::E5M2 => true,
            Self::I32 | Self::I8 | Self::U8 | Self::U16 => false,
        }
    }
}

/// The value of an e4m3 code (OCP 8-bit floating point: bias 7, no infinities).
fn e4m3(code: u8) -> f32 {
    let (exponent, fraction) = (i32::from(code >> 3 & 15), f32::from(code & 7));
    let magnitude = match (exponent, code & 7) {
        (15, 7) => f32::NAN,
        (0, _) => fraction / 512.0,
        _ => (8.0 + fraction) * 2f32.powi(exponent - 10),
    };
    if code >> 7 == 1 { -magnitude } else { magnitude }
}
