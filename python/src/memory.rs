//! The one place that is `unsafe`: the memory of arrays as bytes.

#![allow(unsafe_code, reason = "arrays of Python are memory at an address")]

use crate::scalar::Scalar;
use crate::tensor::{Device, Tensor};

/// The bytes of a contiguous array on the CPU.
///
/// Other threads of the interpreter may write to an array while a kernel reads it; then
/// which values the kernel saw is as open as it is for NumPy's own functions.
pub(crate) fn bytes<'a>(tensor: &'a Tensor<'_>) -> &'a [u8] {
    check(tensor);
    if tensor.bytes() == 0 {
        return &[];
    }
    // SAFETY: the framework says that so many bytes are at this address; the object keeps
    // them alive, and is borrowed for as long.
    unsafe { std::slice::from_raw_parts(pointer(tensor), tensor.bytes()) }
}

/// The bytes of a contiguous, writable array on the CPU, which overlaps no other one of
/// the call.
pub(crate) fn bytes_mut<'a>(tensor: &'a mut Tensor<'_>) -> &'a mut [u8] {
    check(tensor);
    assert!(tensor.writable, "an output can be written");
    if tensor.bytes() == 0 {
        return &mut [];
    }
    // SAFETY: as above; nothing else of the call is at these bytes, which was checked.
    unsafe { std::slice::from_raw_parts_mut(pointer(tensor).cast_mut(), tensor.bytes()) }
}

/// The bytes of a scalar, which lie as a kernel reads them.
pub(crate) fn of_scalar(scalar: &Scalar) -> &[u8] {
    &scalar.bytes[..scalar.length]
}

fn check(tensor: &Tensor<'_>) {
    assert!(tensor.device == Device::Cpu && tensor.is_contiguous(), "the array was checked");
    assert!(tensor.address != 0 || tensor.bytes() == 0, "the array has memory");
}

fn pointer(tensor: &Tensor<'_>) -> *const u8 {
    std::ptr::with_exposed_provenance(tensor.address)
}
