//! `.safetensors`: named arrays, with FP8 and bf16 as types of their own.

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use tilec_ir::{Array, Element};

use super::{from_bytes, to_bytes};

/// Reads the array `name`, or the only one of the file, as elements of type
/// `wanted`; bit patterns in U8 and U16 are taken for FP8, bf16 and f16.
pub fn decode(bytes: &[u8], name: &str, wanted: Element) -> Result<Array, String> {
    let file =
        SafeTensors::deserialize(bytes).map_err(|e| format!("is not a .safetensors file: {e}"))?;
    let view = match (file.tensor(name), file.tensors().as_slice()) {
        (Ok(view), _) => view,
        (Err(_), [_]) => file.tensors().remove(0).1,
        (Err(_), _) => {
            let names: Vec<_> = file.names().into_iter().map(|n| format!("`{n}`")).collect();
            return Err(format!("holds no tensor `{name}`, only {}", names.join(", ")));
        }
    };
    let bits = match wanted {
        Element::Bf16 | Element::F16 => Some(Dtype::U16),
        Element::F8E4M3 | Element::F8E5M2 => Some(Dtype::U8),
        Element::F32 | Element::I32 | Element::I8 | Element::U8 | Element::Bool => None,
    };
    if view.dtype() != dtype(wanted) && Some(view.dtype()) != bits {
        return Err(format!(
            "holds {:?}, but {} ({:?}) is needed",
            view.dtype(),
            wanted.name(),
            dtype(wanted)
        ));
    }
    Ok(Array {
        element: wanted,
        shape: view.shape().to_vec(),
        data: from_bytes(wanted, view.data()),
    })
}

/// Writes named arrays.
#[must_use]
pub fn encode(arrays: &[(&str, &Array)]) -> Vec<u8> {
    let bytes: Vec<_> = arrays.iter().map(|(_, array)| to_bytes(&array.data)).collect();
    let views = arrays.iter().zip(&bytes).map(|((name, array), bytes)| {
        let view = TensorView::new(dtype(array.element), array.shape.clone(), bytes);
        (*name, view.expect("an array has as many elements as its shape says"))
    });
    safetensors::serialize(views, None).expect("names and shapes are valid")
}

fn dtype(element: Element) -> Dtype {
    match element {
        Element::F32 => Dtype::F32,
        Element::Bf16 => Dtype::BF16,
        Element::F16 => Dtype::F16,
        Element::F8E4M3 => Dtype::F8_E4M3,
        Element::F8E5M2 => Dtype::F8_E5M2,
        Element::I32 => Dtype::I32,
        Element::I8 => Dtype::I8,
        Element::U8 => Dtype::U8,
        Element::Bool => Dtype::BOOL,
    }
}
