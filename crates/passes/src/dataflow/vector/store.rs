//! How elements lie in circular buffers.

use tilec_ir::dataflow::{BinaryVector, Format, UnaryVector};
use tilec_ir::tensor::{Kernel, Scalar, Tensor};
use tilec_ir::{Diagnostic, Kind};

use super::Leaf;

/// Integers up to here are exact in f32.
pub(super) const EXACT: i64 = 1 << 24;

/// The format of elements in DRAM and in circular buffers; `f32_ring` is that of f32.
pub(crate) fn format_of(element: Scalar, f32_ring: Format) -> Format {
    match element {
        Scalar::F32 => f32_ring,
        Scalar::Bf16 => Format::Bf16,
        Scalar::F16 => Format::F16,
        Scalar::F8E4M3 | Scalar::F8E5M2 | Scalar::I8 | Scalar::U8 | Scalar::Bool => Format::Byte,
        Scalar::I32 | Scalar::Idx(_) => Format::Word,
    }
}

/// A ring from which a leaf is copied to DST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ring {
    pub(crate) format: Format,
    /// How many pages hold a tile: two, where words come in halves.
    pub(crate) pages: u32,
}

/// The ring for a leaf, which may need two pages.
pub(crate) fn rings_of(kernel: &Kernel, leaf: &Leaf, f32_ring: Format) -> Ring {
    match format_of(kernel.tensors[leaf.tensor].element, f32_ring) {
        Format::Word if f32_ring != Format::Word => Ring { format: Format::U16, pages: 2 },
        format => Ring { format, pages: 1 },
    }
}

/// The format of a ring from which a leaf is copied to DST.
///
/// # Errors
/// A type whose elements can't come to DST as they are.
pub(crate) fn ring_of(
    kernel: &Kernel,
    leaf: &Leaf,
    f32_ring: Format,
) -> Result<Format, Diagnostic> {
    let Tensor { name, element, .. } = &kernel.tensors[leaf.tensor];
    let format = format_of(*element, f32_ring);
    if format == Format::Word && f32_ring != Format::Word {
        let message = format!("this chip can't compute with the 32-bit integers of `{name}` here");
        return Err(Diagnostic::new(Kind::NotExpressible, leaf.span, message)
            .here("it copies integers of 16 bits; it puts halves together where no product is")
            .help("--chip blackhole_p150 copies them; --target cuda and --target cpu run it too"));
    }
    Ok(format)
}

/// What makes an f32 of an element that was copied to DST.
pub(super) fn decoded(kernel: &Kernel, element: Scalar) -> Option<UnaryVector> {
    match element {
        Scalar::F32 | Scalar::Bf16 | Scalar::F16 => None,
        _ if is_word(kernel, element) => None,
        Scalar::F8E4M3 => Some(UnaryVector::DecodeE4M3),
        Scalar::F8E5M2 => Some(UnaryVector::DecodeE5M2),
        Scalar::I8 | Scalar::U8 | Scalar::Bool | Scalar::I32 | Scalar::Idx(_) => {
            Some(UnaryVector::FromInteger)
        }
    }
}

/// Whether elements are words: some of their values are not exact in f32.
pub(super) fn is_word(kernel: &Kernel, element: Scalar) -> bool {
    match element {
        Scalar::I32 => true,
        Scalar::Idx(bound) => kernel.ints.as_constant(bound).is_none_or(|bound| bound > EXACT),
        Scalar::F32
        | Scalar::Bf16
        | Scalar::F16
        | Scalar::F8E4M3
        | Scalar::F8E5M2
        | Scalar::I8
        | Scalar::U8
        | Scalar::Bool => false,
    }
}

/// Whether both sides of an op may change places.
pub(super) fn commutes(op: BinaryVector) -> bool {
    match op {
        BinaryVector::Add
        | BinaryVector::Multiply
        | BinaryVector::Minimum
        | BinaryVector::Maximum
        | BinaryVector::Equal
        | BinaryVector::NotEqual
        | BinaryVector::And
        | BinaryVector::Or => true,
        BinaryVector::Subtract
        | BinaryVector::Divide
        | BinaryVector::Less
        | BinaryVector::AtMost => false,
    }
}
