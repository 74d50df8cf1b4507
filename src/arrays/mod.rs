//! Array files as bytes: `.npy` and `.safetensors`, in and out. Pure functions
//! over bytes; reading and writing files is the command line's.

pub mod draw;
pub mod npy;
pub mod safetensors;

use tilec_ir::{Array, Data, Element};

/// A file format for arrays, told by the file name's ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// NumPy's: one array a file. FP8 and bf16 as uint8 and uint16 bit patterns.
    Npy,
    /// Named arrays, with FP8 and bf16 as types of their own.
    Safetensors,
}

impl Format {
    /// The format that a path's ending names.
    pub fn of(path: &std::path::Path) -> Result<Self, String> {
        match path.extension().and_then(|e| e.to_str()) {
            Some("npy") => Ok(Self::Npy),
            Some("safetensors") => Ok(Self::Safetensors),
            _ => Err(format!("`{}` should end in .npy or .safetensors", path.display())),
        }
    }
}

/// Reads the array `name` as elements of type `wanted`. The error is a sentence
/// without its subject, to be put behind the file's name.
pub fn decode(format: Format, bytes: &[u8], name: &str, wanted: Element) -> Result<Array, String> {
    match format {
        Format::Npy => npy::decode(bytes, wanted),
        Format::Safetensors => safetensors::decode(bytes, name, wanted),
    }
}

/// The elements as little-endian bytes.
#[must_use]
pub fn to_bytes(data: &Data) -> Vec<u8> {
    match data {
        Data::F32(x) => words(x, f32::to_le_bytes),
        Data::I32(x) => words(x, i32::to_le_bytes),
        Data::B16(x) => words(x, u16::to_le_bytes),
        Data::B8(x) => x.clone(),
    }
}

/// In place of a chain of iterators, which is much slower for large arrays.
fn words<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    let mut all = vec![0; values.len() * N];
    for (to, &value) in all.as_chunks_mut::<N>().0.iter_mut().zip(values) {
        *to = bytes(value);
    }
    all
}

/// Elements from little-endian bytes; their number is right.
#[must_use]
pub fn from_bytes(element: Element, bytes: &[u8]) -> Data {
    let (words, _) = bytes.as_chunks();
    match element {
        Element::F32 => Data::F32(words.iter().map(|&word| f32::from_le_bytes(word)).collect()),
        Element::I32 => Data::I32(words.iter().map(|&word| i32::from_le_bytes(word)).collect()),
        Element::Bf16 | Element::F16 => {
            Data::B16(bytes.as_chunks().0.iter().map(|&b| u16::from_le_bytes(b)).collect())
        }
        Element::F8E4M3 | Element::F8E5M2 | Element::I8 | Element::U8 => Data::B8(bytes.to_vec()),
        Element::Bool => Data::B8(bytes.iter().map(|&b| u8::from(b != 0)).collect()),
    }
}
