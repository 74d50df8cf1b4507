//! Tensor maps: the descriptions that a GPU's copies of boxes work from.
#![allow(unsafe_code, reason = "the driver is a C library")]

use std::ffi::c_void;

use cudarc::driver::sys;
use tilec_manifest::{MapElement, Swizzle, sentences};

use crate::error::Error;
use crate::resolve::ResolvedMap;

/// Encodes the map of a tensor that lies at this address.
pub(crate) fn encode(map: &ResolvedMap, address: u64) -> Result<sys::CUtensorMap, Error> {
    let mut encoded = sys::CUtensorMap { opaque: [0; 16] };
    let rank = map.sizes.len();
    let steps = [1u32; 5];
    // SAFETY: `sizes`, `tile` and `steps` have at least `rank` elements and `strides`
    // has `rank - 1`, as `resolve` makes sure; all outlive the call, which only writes
    // to `encoded` and does not follow the address.
    let result = unsafe {
        sys::cuTensorMapEncodeTiled(
            &raw mut encoded,
            element(map.element),
            u32::try_from(rank).expect("a map has at most five dimensions"),
            address as *mut c_void,
            map.sizes.as_ptr(),
            map.strides.as_ptr(),
            map.tile.as_ptr(),
            steps.as_ptr(),
            sys::CUtensorMapInterleave::CU_TENSOR_MAP_INTERLEAVE_NONE,
            swizzle(map.swizzle),
            sys::CUtensorMapL2promotion::CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
            sys::CUtensorMapFloatOOBfill::CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE,
        )
    };
    let refused = |code: u32| Error::Refused(sentences::tensor_map(&map.name, code));
    result.result().map_err(|error| refused(error.0 as u32))?;
    Ok(encoded)
}

/// An encoded map for a tensor that lies elsewhere.
pub(crate) fn at(
    mut encoded: sys::CUtensorMap,
    map: &ResolvedMap,
    address: u64,
) -> Result<sys::CUtensorMap, Error> {
    // SAFETY: the map was encoded by the driver, which writes to it alone and does not
    // follow the address.
    let result =
        unsafe { sys::cuTensorMapReplaceAddress(&raw mut encoded, address as *mut c_void) };
    let refused = |code: u32| Error::Refused(sentences::tensor_map(&map.name, code));
    result.result().map_err(|error| refused(error.0 as u32))?;
    Ok(encoded)
}

fn element(element: MapElement) -> sys::CUtensorMapDataType {
    use sys::CUtensorMapDataType as Type;
    match element {
        MapElement::U8 => Type::CU_TENSOR_MAP_DATA_TYPE_UINT8,
        MapElement::F16 => Type::CU_TENSOR_MAP_DATA_TYPE_FLOAT16,
        MapElement::Bf16 => Type::CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
        MapElement::F32 => Type::CU_TENSOR_MAP_DATA_TYPE_FLOAT32,
        MapElement::I32 => Type::CU_TENSOR_MAP_DATA_TYPE_INT32,
    }
}

fn swizzle(swizzle: Swizzle) -> sys::CUtensorMapSwizzle {
    match swizzle {
        Swizzle::None => sys::CUtensorMapSwizzle::CU_TENSOR_MAP_SWIZZLE_NONE,
        Swizzle::B32 => sys::CUtensorMapSwizzle::CU_TENSOR_MAP_SWIZZLE_32B,
        Swizzle::B64 => sys::CUtensorMapSwizzle::CU_TENSOR_MAP_SWIZZLE_64B,
        Swizzle::B128 => sys::CUtensorMapSwizzle::CU_TENSOR_MAP_SWIZZLE_128B,
    }
}
