//! Arrays of any framework as a kernel needs them: an address, a shape, strides, an
//! element type and a device, and the object that keeps the memory alive.

use pyo3::prelude::*;
use pyo3::types::{PyComplex, PyFloat, PyInt, PyString, PyType};
use tilec_ir::Element;

use crate::failure::{Failure, Kind, Result};
use crate::framework::Framework;
use crate::{cuda_foreign, numpy, torch};

/// Where memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    Cpu,
    /// The GPU with this index, as CUDA_VISIBLE_DEVICES counts.
    Cuda(usize),
}

/// An array as its framework describes it; not yet checked against a kernel.
#[derive(Debug)]
pub(crate) struct Tensor<'py> {
    /// Keeps the memory alive.
    pub(crate) object: Bound<'py, PyAny>,
    pub(crate) framework: Framework,
    pub(crate) device: Device,
    pub(crate) element: Element,
    pub(crate) address: usize,
    pub(crate) shape: Vec<usize>,
    /// In elements.
    pub(crate) strides: Vec<isize>,
    pub(crate) writable: bool,
    /// Whether a gradient of it would be expected.
    pub(crate) requires_grad: bool,
}

impl<'py> Tensor<'py> {
    /// Reads an object that was given as the argument of this name, which holds elements
    /// of this type.
    pub(crate) fn read(name: &str, wanted: Element, object: &Bound<'py, PyAny>) -> Result<Self> {
        if let Some(tensor) = Self::read_known(name, wanted, object)? {
            return Ok(tensor);
        }
        cuda_foreign::read(name, wanted, object)?.ok_or_else(|| not_an_array(name, object))
    }

    /// The same of an array of PyTorch or NumPy; `None` of anything else.
    pub(crate) fn read_known(
        name: &str,
        wanted: Element,
        object: &Bound<'py, PyAny>,
    ) -> Result<Option<Self>> {
        match torch::read(name, wanted, object)? {
            None => numpy::read(name, wanted, object),
            read => Ok(read),
        }
    }

    /// Refuses what no kernel takes: gaps, memory that is askew or missing, gradients.
    pub(crate) fn check(&self, name: &str) -> Result<()> {
        let refuse = |kind, message| Err(Failure::of(kind, name, message));
        if self.requires_grad {
            let message = format!(
                "`{name}` requires a gradient, and kernels have none: give {name}.detach(), or \
                 call under torch.no_grad()"
            );
            return refuse(Kind::Grad, message);
        }
        if !self.is_contiguous() {
            let way = match self.framework {
                Framework::NumPy => format!("numpy.ascontiguousarray({name})"),
                Framework::Torch => format!("{name}.contiguous()"),
                Framework::Other => "a contiguous copy of it".to_owned(),
            };
            let message = format!(
                "`{name}` is not contiguous: shape {:?} with strides {:?} in elements; give {way}",
                self.shape, self.strides
            );
            return refuse(Kind::Layout, message);
        }
        if self.bytes() > 0 && !self.address.is_multiple_of(self.element.bytes()) {
            let message = format!(
                "`{name}` is misaligned: its address is no multiple of {} bytes; give a copy of it",
                self.element.bytes()
            );
            return refuse(Kind::Layout, message);
        }
        if self.bytes() > 0 && self.address == 0 {
            return refuse(
                Kind::Layout,
                format!("`{name}` has no memory: it was freed, or never made"),
            );
        }
        Ok(())
    }

    /// The bytes that its elements take.
    pub(crate) fn bytes(&self) -> usize {
        self.shape.iter().product::<usize>() * self.element.bytes()
    }

    /// Whether its elements lie in row-major order without gaps.
    pub(crate) fn is_contiguous(&self) -> bool {
        let mut expected: isize = 1;
        for (&extent, &stride) in self.shape.iter().zip(&self.strides).rev() {
            if extent == 0 {
                return true;
            }
            if extent != 1 && stride != expected {
                return false;
            }
            expected = expected.saturating_mul(isize::try_from(extent).unwrap_or(isize::MAX));
        }
        true
    }

    /// Whether some byte belongs to both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let (a, b) = (self.address, other.address);
        let (a_end, b_end) = (a + self.bytes(), b + other.bytes());
        self.device == other.device
            && a < b_end
            && b < a_end
            && self.bytes() > 0
            && other.bytes() > 0
    }
}

impl Device {
    /// As PyTorch writes it.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Cpu => "cpu".to_owned(),
            Self::Cuda(index) => format!("cuda:{index}"),
        }
    }
}

/// `list`, `jax.Array`: a type for messages.
pub(crate) fn type_name(of: &Bound<'_, PyType>) -> String {
    let name = of.fully_qualified_name().map(|name| name.to_string());
    name.unwrap_or_else(|_| "an object without a type name".to_owned())
}

/// A number or a text as Python writes it, cut where it is long; of anything else, whose
/// text might take long to make, its type.
pub(crate) fn shown(object: &Bound<'_, PyAny>) -> String {
    let is_number = object.is_instance_of::<PyInt>() || object.is_instance_of::<PyFloat>();
    let name = type_name(&object.get_type());
    if !is_number && !object.is_instance_of::<PyString>() && !object.is_instance_of::<PyComplex>() {
        return format!("an object of type {name}");
    }
    // An int of thousands of digits has no text.
    let text = object.repr().map_or_else(|_| format!("a long {name}"), |text| text.to_string());
    if text.chars().count() <= 40 { text } else { text.chars().take(40).collect::<String>() + ".." }
}

fn not_an_array(name: &str, object: &Bound<'_, PyAny>) -> Failure {
    let found = type_name(&object.get_type());
    let message = format!(
        "`{name}` is {found}, and should be an array of NumPy or PyTorch; convert it with \
         numpy.asarray or torch.as_tensor"
    );
    Failure::of(Kind::Argument, name, message)
}
