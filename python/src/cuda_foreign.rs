//! Arrays of other frameworks on a GPU, without copies: through DLPack's exchange API,
//! DLPack's capsules, or the CUDA array interface, whichever an array offers first.
//!
//! Sources: `dlpack.h` of DLPack 1; "CUDA Array Interface (Version 3)" of Numba's
//! documentation. Whatever keeps the memory alive is the array that the caller holds.
#![allow(unsafe_code, reason = "DLPack is a C interface")]

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict};
use tilec_ir::Element;

use crate::cuda_exchange::{CUDA, DlTensor, DlType, Exchange};
use crate::cuda_program::failure;
use crate::cuda_torch;
use crate::failure::{Failure, Kind, Result};
use crate::framework::Framework;
use crate::tensor::{Device, Tensor, type_name};

/// `CU_STREAM_LEGACY`, the default stream: DLPack and the CUDA array interface say 1
/// where the driver also takes 0.
const LEGACY: u64 = 1;

/// Describes an array of another framework that is on a GPU; `None` where the object is
/// nothing like that.
pub(crate) fn read<'py>(
    name: &str,
    wanted: Element,
    object: &Bound<'py, PyAny>,
) -> Result<Option<Tensor<'py>>> {
    let py = object.py();
    if let Some(exchange) = Exchange::of(&object.get_type()) {
        let shown = exchange.show(object)?;
        return described(name, wanted, object, &shown, true).map(Some);
    }
    if object.hasattr(intern!(py, "__cuda_array_interface__"))? {
        return interface(name, wanted, object).map(Some);
    }
    if object.hasattr(intern!(py, "__dlpack__"))? {
        return capsule(name, wanted, object).map(Some);
    }
    Ok(None)
}

/// The stream in which an array's last work is: its framework's current one.
pub(crate) fn stream(object: &Bound<'_, PyAny>, device: i32) -> Result<u64> {
    let py = object.py();
    if let Some(exchange) = Exchange::of(&object.get_type()) {
        return Ok(exchange.stream(py, device)?);
    }
    if let Ok(interface) = object.getattr(intern!(py, "__cuda_array_interface__"))
        && let Ok(interface) = interface.cast::<PyDict>()
        && let Some(stream) = interface.get_item(intern!(py, "stream"))?
        && !stream.is_none()
    {
        return Ok(stream.extract()?);
    }
    Ok(cuda_torch::current_stream(py, device)?)
}

fn capsule<'py>(name: &str, wanted: Element, object: &Bound<'py, PyAny>) -> Result<Tensor<'py>> {
    let py = object.py();
    let at = object.call_method0(intern!(py, "__dlpack_device__"))?;
    let (kind, index): (i32, i32) = at.extract()?;
    if kind != CUDA {
        return Err(not_on_a_gpu(name, object));
    }
    check_device(name, index)?;
    // The array's framework makes what comes next in this stream wait for its own work.
    let stream = match cuda_torch::current_stream(py, index)? {
        0 => LEGACY,
        stream => stream,
    };
    let keywords = PyDict::new(py);
    keywords.set_item(intern!(py, "stream"), stream)?;
    let export = object.getattr(intern!(py, "__dlpack__"))?;
    keywords.set_item(intern!(py, "max_version"), (1, 0))?;
    let capsule = export.call((), Some(&keywords)).or_else(|error| {
        if !error.is_instance_of::<pyo3::exceptions::PyTypeError>(py) {
            return Err(error);
        }
        // Before DLPack 1 there was no version to ask for.
        keywords.del_item(intern!(py, "max_version"))?;
        export.call((), Some(&keywords))
    })?;
    let capsule = capsule.cast_into::<PyCapsule>().map_err(PyErr::from)?;
    let (tensor, writable) = inside(&capsule)?;
    // The device is the array's own word; a capsule of another one is taken at its.
    let mut shown = tensor;
    shown.device.index = index;
    described(name, wanted, object, &shown, writable)
}

/// Frameworks fail in many ways where they are asked about a GPU that is not there.
fn check_device(name: &str, index: i32) -> Result<()> {
    let found = tilec_runtime::Device::check(usize::try_from(index).unwrap_or(usize::MAX));
    let Err(error) = found else { return Ok(()) };
    if matches!(error, tilec_runtime::Error::NoDevice { .. }) {
        let message = format!("`{name}` is on cuda:{index}: {error}");
        return Err(Failure::of(Kind::Device, name, message));
    }
    Err(failure(error))
}

/// The tensor in a capsule, which stays the capsule's: it gives the tensor back when it
/// is dropped. The array that made it keeps the memory.
fn inside(capsule: &Bound<'_, PyCapsule>) -> Result<(DlTensor, bool)> {
    /// `DLManagedTensorVersioned` up to the tensor.
    #[repr(C)]
    struct Versioned {
        major: u32,
        minor: u32,
        manager: *const u8,
        deleter: *const u8,
        flags: u64,
        tensor: DlTensor,
    }
    const READ_ONLY: u64 = 1;
    if let Ok(pointer) = capsule.pointer_checked(Some(c"dltensor")) {
        // SAFETY: a capsule of this name holds a `DLManagedTensor`, which begins with
        // its tensor.
        return Ok((unsafe { *pointer.as_ptr().cast::<DlTensor>() }, true));
    }
    let pointer = capsule.pointer_checked(Some(c"dltensor_versioned"))?;
    // SAFETY: a capsule of this name holds a `DLManagedTensorVersioned`, whose head is
    // alike in all versions.
    let held = unsafe { &*pointer.as_ptr().cast::<Versioned>() };
    if held.major != 1 {
        let message = format!("DLPack {}.{} is not known here", held.major, held.minor);
        return Err(Failure::new(Kind::Argument, message));
    }
    Ok((held.tensor, held.flags & READ_ONLY == 0))
}

fn described<'py>(
    name: &str,
    wanted: Element,
    object: &Bound<'py, PyAny>,
    shown: &DlTensor,
    writable: bool,
) -> Result<Tensor<'py>> {
    if shown.device.kind != CUDA {
        return Err(not_on_a_gpu(name, object));
    }
    if shown.element != cuda_torch::dlpack_type(wanted) {
        let DlType { code, bits, lanes } = shown.element;
        let found = format!("elements of DLPack's type {code} with {bits} bits and {lanes} lanes");
        return Err(wrong_element(name, &found, wanted));
    }
    let shape: Vec<_> = shown.dimensions().iter().map(|&size| usize::try_from(size)).collect();
    let shape = shape.into_iter().collect::<std::result::Result<Vec<_>, _>>();
    let shape = shape.map_err(|_| strange(name, "a negative dimension"))?;
    let strides = shown.strides().map_or_else(
        || crate::numpy::contiguous(&shape),
        |strides| strides.iter().map(|&s| isize::try_from(s).unwrap_or(isize::MAX)).collect(),
    );
    Ok(Tensor {
        object: object.clone(),
        framework: Framework::Other,
        device: Device::Cuda(usize::try_from(shown.device.index).unwrap_or(usize::MAX)),
        element: wanted,
        address: usize::try_from(shown.address()).unwrap_or(usize::MAX),
        shape,
        strides,
        writable,
        requires_grad: false,
    })
}

fn interface<'py>(name: &str, wanted: Element, object: &Bound<'py, PyAny>) -> Result<Tensor<'py>> {
    let py = object.py();
    let interface = object.getattr(intern!(py, "__cuda_array_interface__"))?;
    let interface = interface.cast_into::<PyDict>().map_err(PyErr::from)?;
    let get = |key: &str| {
        let found = interface.get_item(key)?;
        found.ok_or_else(|| strange(name, &format!("a CUDA array interface without `{key}`")))
    };
    let typestr: String = get("typestr")?.extract()?;
    if !typestrs(wanted).contains(&typestr.as_str()) {
        return Err(wrong_element(name, &format!("elements of type {typestr}"), wanted));
    }
    let (address, read_only): (usize, bool) = get("data")?.extract()?;
    let shape: Vec<usize> = get("shape")?.extract()?;
    let bytes = wanted.bytes().cast_signed();
    let strides = match interface.get_item("strides")? {
        Some(strides) if !strides.is_none() => {
            let strides: Vec<isize> = strides.extract()?;
            if strides.len() != shape.len() || strides.iter().any(|stride| stride % bytes != 0) {
                return Err(strange(name, "strides that are no whole elements"));
            }
            strides.iter().map(|stride| stride / bytes).collect()
        }
        _ => crate::numpy::contiguous(&shape),
    };
    Ok(Tensor {
        object: object.clone(),
        framework: Framework::Other,
        device: Device::Cuda(device_of(object, address)?),
        element: wanted,
        address,
        shape,
        strides,
        writable: !read_only,
        requires_grad: false,
    })
}

/// The interface doesn't name the GPU; the driver knows it by the address.
fn device_of(object: &Bound<'_, PyAny>, address: usize) -> Result<usize> {
    let py = object.py();
    if let Ok(device) = object.call_method0(intern!(py, "__dlpack_device__")) {
        return Ok(device.extract::<(i32, usize)>()?.1);
    }
    tilec_runtime::device_of(address as u64).map_err(failure)
}

fn typestrs(element: Element) -> &'static [&'static str] {
    match element {
        Element::F32 => &["<f4"],
        Element::F16 => &["<f2"],
        Element::I32 => &["<i4"],
        Element::I8 => &["|i1"],
        Element::U8 => &["|u1"],
        Element::Bool => &["|b1"],
        // The interface has no types for these.
        Element::Bf16 | Element::F8E4M3 | Element::F8E5M2 => &[],
    }
}

fn wrong_element(name: &str, found: &str, wanted: Element) -> Failure {
    let message = format!(
        "`{name}` holds {found}, and the kernel declares it {}; convert it, or pass a tensor of \
         PyTorch",
        wanted.name()
    );
    Failure::of(Kind::DType, name, message)
}

fn strange(name: &str, what: &str) -> Failure {
    Failure::of(Kind::Layout, name, format!("`{name}` says that it has {what}; give a copy of it"))
}

fn not_on_a_gpu(name: &str, object: &Bound<'_, PyAny>) -> Failure {
    let message = format!(
        "`{name}` is {}, and not on a GPU; convert it with numpy.asarray or torch.as_tensor",
        type_name(&object.get_type())
    );
    Failure::of(Kind::Argument, name, message)
}
