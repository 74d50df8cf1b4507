//! Arrays of NumPy: reading one without copying, and allocating one.
//!
//! An array is read through NumPy's own `__array_interface__`, taken from the type
//! `numpy.ndarray` itself, so that no subclass can tell something else. FP8 and bf16 are
//! types of the package ml_dtypes.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use tilec_ir::Element;

use crate::failure::{Failure, Kind, Result};
use crate::framework::{self, Framework, element_name, is_of_ml_dtypes, wrong_element};
use crate::tensor::{Device, Tensor};

/// `numpy.ndarray` and its getter of `__array_interface__`, once NumPy is imported.
struct NumPy {
    array: Py<PyType>,
    interface: Py<PyAny>,
}

static NUMPY: PyOnceLock<NumPy> = PyOnceLock::new();

/// NumPy, if the program has imported it: else no object is an array of it.
fn imported(py: Python<'_>) -> Result<Option<&NumPy>> {
    framework::once(py, &NUMPY, "numpy", |module| {
        let array = module.getattr("ndarray")?.cast_into::<PyType>()?;
        let interface = array.getattr("__array_interface__")?.getattr("__get__")?.unbind();
        Ok(NumPy { array: array.unbind(), interface })
    })
}

/// Describes an array; `name` is the argument that it is given for. `None` where the object is
/// no such thing.
pub(crate) fn read<'py>(
    name: &str,
    wanted: Element,
    object: &Bound<'py, PyAny>,
) -> Result<Option<Tensor<'py>>> {
    let py = object.py();
    let Some(numpy) = imported(py)? else { return Ok(None) };
    if !object.is_instance(numpy.array.bind(py))? {
        return Ok(None);
    }
    let interface = numpy.interface.bind(py).call1((object,))?.cast_into::<PyDict>();
    let interface = interface.map_err(PyErr::from)?;
    let item = |key| {
        let value = interface.get_item(key)?;
        value.ok_or_else(|| Failure::new(Kind::Internal, "NumPy's array interface has changed"))
    };
    let element = wanted;
    check_element(name, wanted, &object.getattr(intern!(py, "dtype"))?)?;
    let (address, read_only): (usize, bool) = item("data")?.extract()?;
    let shape: Vec<usize> = item("shape")?.extract()?;
    let strides = item("strides")?;
    let strides = if strides.is_none() {
        contiguous(&shape)
    } else {
        in_elements(name, element, &strides.extract::<Vec<isize>>()?, &shape)?
    };
    Ok(Some(Tensor {
        object: object.clone(),
        framework: Framework::NumPy,
        device: Device::Cpu,
        element,
        address,
        shape,
        strides,
        writable: !read_only,
        requires_grad: false,
    }))
}

/// Strides of row-major order, in elements.
pub(crate) fn contiguous(shape: &[usize]) -> Vec<isize> {
    let mut next = 1isize;
    let mut strides: Vec<_> = shape
        .iter()
        .rev()
        .map(|&extent| {
            let stride = next;
            next = next.saturating_mul(isize::try_from(extent).unwrap_or(isize::MAX));
            stride
        })
        .collect();
    strides.reverse();
    strides
}

/// Fields of records have strides that are no whole elements.
fn in_elements(
    name: &str,
    element: Element,
    strides: &[isize],
    shape: &[usize],
) -> Result<Vec<isize>> {
    let bytes = element.bytes().cast_signed();
    if strides.iter().zip(shape).any(|(stride, &extent)| extent > 1 && stride % bytes != 0) {
        let message = format!(
            "`{name}` is not contiguous: its elements lie between others; \
             give numpy.ascontiguousarray({name})"
        );
        return Err(Failure::of(Kind::Layout, name, message));
    }
    Ok(strides.iter().map(|stride| stride / bytes).collect())
}

fn check_element(name: &str, wanted: Element, dtype: &Bound<'_, PyAny>) -> Result<()> {
    let py = dtype.py();
    let called: String = dtype.getattr(intern!(py, "name"))?.extract()?;
    if called != element_name(wanted) {
        return Err(wrong_element(name, &called, wanted, Framework::NumPy));
    }
    if dtype.getattr(intern!(py, "isnative"))?.extract()? {
        return Ok(());
    }
    let message = format!(
        "`{name}` holds {called} in another byte order than this machine's; convert it with \
         {name}.astype(numpy.{called})"
    );
    Err(Failure::of(Kind::DType, name, message))
}

/// An array with arbitrary contents, for the output of this name.
pub(crate) fn allocate<'py>(
    py: Python<'py>,
    output: &str,
    element: Element,
    shape: &[usize],
) -> Result<Bound<'py, PyAny>> {
    let module = if is_of_ml_dtypes(element) { "ml_dtypes" } else { "numpy" };
    let types = py.import(module).map_err(|_| {
        let message = format!(
            "the output `{output}` is {}, which NumPy has through the package ml_dtypes: \
             pip install ml_dtypes",
            element.name()
        );
        Failure::of(Kind::DType, output, message)
    })?;
    let dtype = if element == Element::Bool { "bool_" } else { element_name(element) };
    let shape = PyTuple::new(py, shape)?;
    Ok(py.import("numpy")?.call_method1("empty", (shape, types.getattr(dtype)?))?)
}
