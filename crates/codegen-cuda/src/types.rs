//! Element types and classes of values as C++ writes them.
//!
//! A tensor holds *elements* (`tilec::bf16`); an expression has a value of a
//! *class*: `float`, `int` or `bool`, as in the tensor IR. Narrow floats are
//! structures of their bits, so that nothing converts them by accident.

use tilec_ir::Scalar;
use tilec_manifest::MapElement;

/// How values are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// f32, as `float`.
    Float,
    /// i32, as `int`.
    Integer,
    /// `bool`
    Truth,
}

impl Class {
    pub(crate) fn of(scalar: Scalar) -> Self {
        match scalar {
            Scalar::F32 | Scalar::Bf16 | Scalar::F16 | Scalar::F8E4M3 | Scalar::F8E5M2 => {
                Self::Float
            }
            Scalar::I32 | Scalar::I8 | Scalar::U8 | Scalar::Idx(_) => Self::Integer,
            Scalar::Bool => Self::Truth,
        }
    }

    /// Its C++ type.
    pub(crate) fn cpp(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Integer => "int",
            Self::Truth => "bool",
        }
    }
}

/// The C++ type of an element in memory.
pub(crate) fn element(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::F32 => "float",
        Scalar::Bf16 => "tilec::bf16",
        Scalar::F16 => "tilec::f16",
        Scalar::F8E4M3 => "tilec::f8e4m3",
        Scalar::F8E5M2 => "tilec::f8e5m2",
        Scalar::I32 | Scalar::Idx(_) => "int",
        Scalar::I8 => "signed char",
        Scalar::U8 | Scalar::Bool => "unsigned char",
    }
}

/// The bytes of an element in memory.
pub(crate) fn bytes(scalar: Scalar) -> u32 {
    match scalar {
        Scalar::F32 | Scalar::I32 | Scalar::Idx(_) => 4,
        Scalar::Bf16 | Scalar::F16 => 2,
        Scalar::F8E4M3 | Scalar::F8E5M2 | Scalar::I8 | Scalar::U8 | Scalar::Bool => 1,
    }
}

/// Whether elements of this type are floats that are narrower than their values.
pub(crate) fn is_narrow(scalar: Scalar) -> bool {
    match scalar {
        Scalar::Bf16 | Scalar::F16 | Scalar::F8E4M3 | Scalar::F8E5M2 => true,
        Scalar::F32 | Scalar::I32 | Scalar::I8 | Scalar::U8 | Scalar::Bool | Scalar::Idx(_) => {
            false
        }
    }
}

/// The element type as the manifest writes it, `idx` without its range.
pub(crate) fn manifest_name(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Idx(_) => "idx",
        Scalar::F32
        | Scalar::Bf16
        | Scalar::F16
        | Scalar::F8E4M3
        | Scalar::F8E5M2
        | Scalar::I32
        | Scalar::I8
        | Scalar::U8
        | Scalar::Bool => tilec_ir::Element::of(scalar).name(),
    }
}

/// The element type of a tensor map.
pub(crate) fn map_element(element: Scalar) -> MapElement {
    match element {
        Scalar::F32 => MapElement::F32,
        Scalar::Bf16 => MapElement::Bf16,
        Scalar::F16 => MapElement::F16,
        Scalar::I32 | Scalar::Idx(_) => MapElement::I32,
        Scalar::F8E4M3 | Scalar::F8E5M2 | Scalar::I8 | Scalar::U8 | Scalar::Bool => MapElement::U8,
    }
}
