//! Tensors of PyTorch: reading one without copying, and allocating one.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use tilec_ir::Element;

use crate::failure::{Failure, Kind, Result};
use crate::framework::{self, ELEMENTS, Framework, element_name, wrong_element};
use crate::tensor::{Device, Tensor};

/// What is asked of PyTorch at every call, looked up once.
struct Torch {
    module: Py<PyAny>,
    tensor: Py<PyType>,
    strided: Py<PyAny>,
    /// Takes a tensor and the gradient that is carried forward with it apart, where this
    /// PyTorch carries gradients forward.
    unpack_dual: Option<Py<PyAny>>,
    /// `torch.float32` and so on; each exists once, so they are compared by identity.
    elements: Vec<(Element, Py<PyAny>)>,
}

static TORCH: PyOnceLock<Torch> = PyOnceLock::new();

/// PyTorch, if the program has imported it: else no object is a tensor of it.
fn imported(py: Python<'_>) -> Result<Option<&Torch>> {
    framework::once(py, &TORCH, "torch", |module| {
        let tensor = module.getattr("Tensor")?.cast_into::<PyType>()?.unbind();
        let strided = module.getattr("strided")?.unbind();
        let forward = module.getattr("autograd").and_then(|it| it.getattr("forward_ad"));
        let unpack_dual = forward.and_then(|it| it.getattr("unpack_dual")).ok().map(Bound::unbind);
        // A type that this PyTorch is too old for is no type of its tensors.
        let elements = ELEMENTS
            .iter()
            .filter_map(|(element, name)| Some((*element, module.getattr(*name).ok()?.unbind())));
        let elements = elements.collect();
        Ok(Torch { module: module.unbind(), tensor, strided, unpack_dual, elements })
    })
}

/// Describes a tensor; `name` is the argument that it is given for. `None` where the object is
/// no such thing.
pub(crate) fn read<'py>(
    name: &str,
    wanted: Element,
    object: &Bound<'py, PyAny>,
) -> Result<Option<Tensor<'py>>> {
    let py = object.py();
    let Some(torch) = imported(py)? else { return Ok(None) };
    if !object.is_instance(torch.tensor.bind(py))? {
        return Ok(None);
    }
    let device = device(name, object)?;
    check_layout(torch, name, object)?;
    check_element(torch, name, wanted, &object.getattr(intern!(py, "dtype"))?)?;
    let strides = object.call_method0(intern!(py, "stride"))?.extract()?;
    let address = object.call_method0(intern!(py, "data_ptr")).and_then(|a| a.extract());
    let address = address.map_err(|error| {
        let message = format!("`{name}` has no memory that a kernel could read: {error}");
        Failure::of(Kind::Layout, name, message)
    })?;
    let tensor = Tensor {
        object: object.clone(),
        framework: Framework::Torch,
        device,
        element: wanted,
        address,
        shape: object.getattr(intern!(py, "shape"))?.extract()?,
        strides,
        writable: true,
        requires_grad: requires_grad(torch, object)?,
    };
    check_storage(name, &tensor)?;
    Ok(Some(tensor))
}

fn device(name: &str, object: &Bound<'_, PyAny>) -> Result<Device> {
    let py = object.py();
    let device = object.getattr(intern!(py, "device"))?;
    let kind: String = device.getattr(intern!(py, "type"))?.extract()?;
    match kind.as_str() {
        "cpu" => Ok(Device::Cpu),
        "cuda" => Ok(Device::Cuda(device.getattr(intern!(py, "index"))?.extract()?)),
        _ => {
            let message = format!("`{name}` is on {device}; kernels run on cpu and cuda");
            Err(Failure::of(Kind::Device, name, message))
        }
    }
}

fn check_layout(torch: &Torch, name: &str, object: &Bound<'_, PyAny>) -> Result<()> {
    let py = object.py();
    let layout = object.getattr(intern!(py, "layout"))?;
    if !layout.is(&torch.strided) {
        let message = format!("`{name}` is laid out as {layout}; give {name}.to_dense()");
        return Err(Failure::of(Kind::Layout, name, message));
    }
    if object.call_method0(intern!(py, "is_neg"))?.extract()? {
        let message = format!(
            "`{name}` is a negated view, whose memory is not negated; give {name}.resolve_neg()"
        );
        return Err(Failure::of(Kind::Layout, name, message));
    }
    Ok(())
}

fn check_element(
    torch: &Torch,
    name: &str,
    wanted: Element,
    dtype: &Bound<'_, PyAny>,
) -> Result<()> {
    let known = torch.elements.iter().find(|(element, _)| *element == wanted);
    if known.is_some_and(|(_, known)| dtype.is(known)) {
        return Ok(());
    }
    Err(wrong_element(name, &dtype.to_string(), wanted, Framework::Torch))
}

/// A storage can be made smaller than the tensors in it believe.
fn check_storage(name: &str, tensor: &Tensor<'_>) -> Result<()> {
    let py = tensor.object.py();
    let storage = tensor.object.call_method0(intern!(py, "untyped_storage"))?;
    let held: usize = storage.call_method0(intern!(py, "nbytes"))?.extract()?;
    let offset: usize = tensor.object.call_method0(intern!(py, "storage_offset"))?.extract()?;
    let needed = tensor.bytes() + offset * tensor.element.bytes();
    // Strides of anything but row-major order are refused later.
    if tensor.bytes() == 0 || !tensor.is_contiguous() || needed <= held {
        return Ok(());
    }
    let message = format!("`{name}` needs {needed} bytes of its storage, which has {held}");
    Err(Failure::of(Kind::Layout, name, message))
}

/// As the operators of PyTorch see it: not where gradients are switched off, and also
/// where one is carried forward with the tensor.
fn requires_grad(torch: &Torch, object: &Bound<'_, PyAny>) -> Result<bool> {
    let py = object.py();
    if let Some(unpack_dual) = &torch.unpack_dual {
        let dual = unpack_dual.bind(py).call1((object,))?;
        if !dual.getattr(intern!(py, "tangent"))?.is_none() {
            return Ok(true);
        }
    }
    if !object.getattr(intern!(py, "requires_grad"))?.extract()? {
        return Ok(false);
    }
    let module = torch.module.bind(py);
    Ok(module.call_method0(intern!(py, "is_grad_enabled"))?.extract()?)
}

/// A tensor with arbitrary contents.
pub(crate) fn allocate<'py>(
    py: Python<'py>,
    element: Element,
    shape: &[usize],
    device: Device,
) -> Result<Bound<'py, PyAny>> {
    let torch = imported(py)?.expect("its tensors are given");
    let dtype = torch.elements.iter().find(|(other, _)| *other == element);
    let (_, dtype) = dtype.ok_or_else(|| {
        let message = format!("this PyTorch has no {}; update it", element_name(element));
        Failure::new(Kind::DType, message)
    })?;
    let options = PyDict::new(py);
    options.set_item(intern!(py, "dtype"), dtype)?;
    options.set_item(intern!(py, "device"), device.name())?;
    let module = torch.module.bind(py);
    let shape = PyTuple::new(py, shape)?;
    Ok(module.call_method(intern!(py, "empty"), (shape,), Some(&options))?)
}
