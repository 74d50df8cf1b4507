//! Frameworks whose arrays kernels take: their modules, which nothing here imports, and
//! their names for element types.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use tilec_ir::Element;

use crate::failure::{Failure, Kind, Result};

/// Whose array it is, and so who allocates the outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framework {
    NumPy,
    Torch,
    /// Arrays on a GPU that speak DLPack or the CUDA array interface.
    Other,
}

impl Framework {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NumPy => "NumPy",
            Self::Torch => "PyTorch",
            Self::Other => "another framework",
        }
    }
}

/// What is looked up in a framework's module, once, if the program has imported it: else no
/// object is its array.
pub(crate) fn once<'a, 'py, T>(
    py: Python<'py>,
    known: &'a PyOnceLock<T>,
    module: &str,
    look_up: impl FnOnce(Bound<'py, PyAny>) -> PyResult<T>,
) -> Result<Option<&'a T>> {
    if let Some(found) = known.get(py) {
        return Ok(Some(found));
    }
    let Some(module) = imported(py, module)? else { return Ok(None) };
    Ok(Some(known.get_or_try_init(py, || look_up(module))?))
}

/// A module, if the program has imported it.
fn imported<'py>(py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let modules = py.import(intern!(py, "sys"))?.getattr(intern!(py, "modules"))?;
    let module = modules.call_method1(intern!(py, "get"), (name,))?;
    Ok((!module.is_none()).then_some(module))
}

/// Element types by their names in PyTorch, in NumPy and in ml_dtypes, which agree.
pub(crate) const ELEMENTS: [(Element, &str); 9] = [
    (Element::F32, "float32"),
    (Element::Bf16, "bfloat16"),
    (Element::F16, "float16"),
    (Element::F8E4M3, "float8_e4m3fn"),
    (Element::F8E5M2, "float8_e5m2"),
    (Element::I32, "int32"),
    (Element::I8, "int8"),
    (Element::U8, "uint8"),
    (Element::Bool, "bool"),
];

/// The name of an element type.
pub(crate) fn element_name(element: Element) -> &'static str {
    let named = ELEMENTS.iter().find(|(other, _)| *other == element);
    named.expect("every element type is listed").1
}

/// Whether NumPy has the type through the package ml_dtypes.
pub(crate) fn is_of_ml_dtypes(element: Element) -> bool {
    matches!(element, Element::Bf16 | Element::F8E4M3 | Element::F8E5M2)
}

/// Elements of another type than the kernel declares, in the framework's words.
pub(crate) fn wrong_element(
    name: &str,
    found: &str,
    wanted: Element,
    framework: Framework,
) -> Failure {
    let called = element_name(wanted);
    let way = match framework {
        Framework::Torch => format!("{name}.to(torch.{called})"),
        Framework::NumPy if is_of_ml_dtypes(wanted) => format!("{name}.astype(ml_dtypes.{called})"),
        Framework::NumPy => format!("{name}.astype(numpy.{called})"),
        Framework::Other => "its framework".to_owned(),
    };
    let message = format!(
        "`{name}` holds {found}, and the kernel declares it {}; convert it with {way}",
        wanted.name()
    );
    Failure::of(Kind::DType, name, message)
}
