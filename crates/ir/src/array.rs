//! Run-time arrays: an element type, a shape and the elements in row-major
//! order. Narrow floats are kept as bit patterns, and read and written as the
//! f32 with their value.

use crate::formats::Format;
use crate::tensor::Scalar;

#[cfg(test)]
mod tests;

/// The element type of an array; an `idx<N>` tensor is an I32 array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// IEEE binary32.
    F32,
    /// bfloat16.
    Bf16,
    /// IEEE binary16.
    F16,
    /// OCP FP8 E4M3.
    F8E4M3,
    /// OCP FP8 E5M2.
    F8E5M2,
    /// 32-bit two's complement.
    I32,
    /// 8-bit two's complement.
    I8,
    /// 8-bit unsigned.
    U8,
    /// One byte, 0 or 1.
    Bool,
}

/// The elements, by storage width.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// f32
    F32(Vec<f32>),
    /// i32 and idx
    I32(Vec<i32>),
    /// bf16 and f16 bit patterns
    B16(Vec<u16>),
    /// FP8 bit patterns, i8 as its bits, u8, bool
    B8(Vec<u8>),
}

/// A tensor's contents, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Element type.
    pub element: Element,
    /// Dimensions; none for a scalar, which has one element.
    pub shape: Vec<usize>,
    /// As many elements as the shape says, in the storage of the element type.
    pub data: Data,
}

impl Element {
    /// The storage of an element type of the language.
    #[must_use]
    pub fn of(scalar: Scalar) -> Self {
        match scalar {
            Scalar::F32 => Self::F32,
            Scalar::Bf16 => Self::Bf16,
            Scalar::F16 => Self::F16,
            Scalar::F8E4M3 => Self::F8E4M3,
            Scalar::F8E5M2 => Self::F8E5M2,
            Scalar::I32 | Scalar::Idx(_) => Self::I32,
            Scalar::I8 => Self::I8,
            Scalar::U8 => Self::U8,
            Scalar::Bool => Self::Bool,
        }
    }

    /// Bytes of one element.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 | Self::I32 => 4,
            Self::Bf16 | Self::F16 => 2,
            Self::F8E4M3 | Self::F8E5M2 | Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// As written in the language.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
            Self::F8E4M3 => "f8e4m3",
            Self::F8E5M2 => "f8e5m2",
            Self::I32 => "i32",
            Self::I8 => "i8",
            Self::U8 => "u8",
            Self::Bool => "bool",
        }
    }
}

impl Data {
    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(x) => x.len(),
            Self::I32(x) => x.len(),
            Self::B16(x) => x.len(),
            Self::B8(x) => x.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Array {
    /// An array of zeros, or `None` if its bytes can't be allocated.
    #[must_use]
    pub fn zeros(element: Element, shape: &[usize]) -> Option<Self> {
        let count = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d))?;
        let data = match element {
            Element::F32 => Data::F32(zeros(count)?),
            Element::I32 => Data::I32(zeros(count)?),
            Element::Bf16 | Element::F16 => Data::B16(zeros(count)?),
            Element::F8E4M3 | Element::F8E5M2 | Element::I8 | Element::U8 | Element::Bool => {
                Data::B8(zeros(count)?)
            }
        };
        Some(Self { element, shape: shape.to_vec(), data })
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The element at a position in row-major order as an f32: the value of a
    /// float; of an integer the nearest f32; of a bool 0 or 1.
    ///
    /// # Panics
    /// Past the end, as all of these.
    #[must_use]
    pub fn get_f32(&self, at: usize) -> f32 {
        match (&self.data, Format::of_element(self.element)) {
            (Data::F32(x), _) => x[at],
            (Data::B16(x), Some(format)) => format.decode(x[at]),
            (Data::B8(x), Some(format)) => format.decode(u16::from(x[at])),
            (Data::I32(_) | Data::B16(_) | Data::B8(_), _) => self.get_i32(at) as f32,
        }
    }

    /// The element as an i32: the value of an integer or a bool, a float
    /// truncated and saturated.
    #[must_use]
    pub fn get_i32(&self, at: usize) -> i32 {
        match (&self.data, self.element) {
            (Data::I32(x), _) => x[at],
            (Data::B8(x), Element::I8) => i32::from(x[at].cast_signed()),
            (Data::B8(x), Element::U8) => i32::from(x[at]),
            (Data::B8(x), Element::Bool) => i32::from(x[at] != 0),
            (Data::F32(_) | Data::B16(_) | Data::B8(_), _) => self.get_f32(at) as i32,
        }
    }

    /// The element as a bool: whether it is not zero.
    #[must_use]
    pub fn get_bool(&self, at: usize) -> bool {
        match &self.data {
            Data::B8(x) if self.element == Element::Bool => x[at] != 0,
            Data::F32(_) | Data::I32(_) | Data::B16(_) | Data::B8(_) => self.get_f32(at) != 0.0,
        }
    }

    /// Sets an element from an f32, converted as the language converts.
    pub fn set_f32(&mut self, at: usize, value: f32) {
        let format = Format::of_element(self.element);
        match (&mut self.data, format) {
            (Data::F32(x), _) => x[at] = value,
            (Data::B16(x), Some(format)) => x[at] = format.encode(value),
            (Data::B8(x), Some(format)) => x[at] = low_byte(format.encode(value)),
            (Data::I32(_) | Data::B16(_) | Data::B8(_), _) => self.set_i32(at, value as i32),
        }
    }

    /// Sets an element from an i32, converted as the language converts.
    pub fn set_i32(&mut self, at: usize, value: i32) {
        match (&mut self.data, self.element) {
            (Data::I32(x), _) => x[at] = value,
            (Data::B8(x), Element::I8) => {
                x[at] = (value.clamp(-128, 127) as i8).cast_unsigned();
            }
            (Data::B8(x), Element::U8) => x[at] = value.clamp(0, 255) as u8,
            (Data::B8(x), Element::Bool) => x[at] = u8::from(value != 0),
            (Data::F32(_) | Data::B16(_) | Data::B8(_), _) => self.set_f32(at, value as f32),
        }
    }

    /// Sets an element to 0 or 1.
    pub fn set_bool(&mut self, at: usize, value: bool) {
        self.set_i32(at, i32::from(value));
    }
}

fn low_byte(code: u16) -> u8 {
    u8::try_from(code).expect("an FP8 code has eight bits")
}

fn zeros<T: Clone + Default>(count: usize) -> Option<Vec<T>> {
    let mut elements = Vec::new();
    elements.try_reserve_exact(count).ok()?;
    elements.resize(count, T::default());
    Some(elements)
}
