//! Calls whose shapes were seen before, on tensors of PyTorch: the way that must cost
//! next to nothing.
//!
//! ```text
//! tensors --exchange API--> shapes --remembered--> launch --addresses--> GPU
//! ```
//!
//! Nothing here explains anything: whatever is not plainly right, or new, is left to
//! the ordinary way, which checks everything and says what is wrong. What is accepted
//! passes the same checks: type, rank, shape, device, layout, alignment, gradients,
//! and memory that outputs share with others. One is left out: a storage that was made
//! smaller than the tensors in it, which PyTorch's own operators trust as well.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString, PyTuple};
use tilec_ir::Element;
use tilec_manifest::{Argument, Manifest};
use tilec_runtime::{Prepared, Program, Value};

use crate::cuda_exchange::{CUDA, DlType};
use crate::cuda_torch::{self, Torch};
use crate::scalar;

/// The most tensors, and dimensions and sizes of all of them, that this way takes.
const TENSORS: usize = 16;
const DIMENSIONS: usize = 48;

/// What a kernel expects of its arguments, in the order of the manifest.
#[derive(Debug)]
pub(crate) struct Signature {
    arguments: Vec<Expected>,
    inputs: usize,
    /// The size parameters that a call can tell by name.
    sizes: Vec<String>,
}

#[derive(Debug)]
struct Expected {
    element: DlType,
    /// Of a number that is passed by value.
    scalar: Option<Element>,
    rank: usize,
    alignment: u64,
    /// Its elements may be those of a view that is negated when it is read.
    may_be_negated: bool,
}

/// A launch that was made before.
#[derive(Debug)]
pub(crate) struct Remembered {
    pub(crate) program: Arc<Program>,
    pub(crate) prepared: Arc<Prepared>,
    /// In the order of the manifest.
    pub(crate) outputs: Vec<Output>,
}

/// An output of a remembered launch.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) shape: Vec<i64>,
    /// The arguments of `torch.empty` that make it.
    pub(crate) arguments: Py<PyTuple>,
    pub(crate) keywords: Py<PyDict>,
}

/// A call, ready to be launched.
#[derive(Debug)]
pub(crate) struct Ready<'py> {
    pub(crate) launch: Arc<Remembered>,
    pub(crate) addresses: Addresses,
    /// What the caller gets.
    pub(crate) result: Bound<'py, PyAny>,
}

/// The arguments of a launch, in the order of the manifest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    all: [Value; TENSORS],
    count: usize,
    pub(crate) device: i32,
}

impl Addresses {
    pub(crate) fn as_slice(&self) -> &[Value] {
        &self.all[..self.count]
    }
}

impl Signature {
    /// `None` where a kernel has too many arguments.
    pub(crate) fn of(manifest: &Manifest) -> Option<Self> {
        let arguments = &manifest.arguments;
        let inputs = arguments.iter().filter(|argument| !argument.output).count();
        let shapes: usize = arguments.iter().map(|argument| argument.shape.len()).sum();
        let dimensions = shapes + manifest.sizes.len();
        if arguments.len() > TENSORS || dimensions > DIMENSIONS || inputs == 0 {
            return None;
        }
        let expected = |argument: &Argument| {
            let element = cuda_torch::element(&argument.element)?;
            Some(Expected {
                element: cuda_torch::dlpack_type(element),
                scalar: (argument.shape.is_empty() && !argument.output).then_some(element),
                rank: argument.shape.len(),
                alignment: u64::from(argument.alignment.max(1)),
                may_be_negated: matches!(element, Element::F32 | Element::F16),
            })
        };
        let arguments = arguments.iter().map(expected).collect::<Option<_>>()?;
        let sizes = manifest.sizes.iter().map(|size| size.name.clone()).collect();
        Some(Self { arguments, inputs, sizes })
    }

    /// The sizes that a call gives by name, -1 for the others, and no numbers where it gives
    /// none; `None` where anything else is given by name.
    pub(crate) fn named(&self, named: Option<&Bound<'_, PyDict>>) -> Option<Vec<i64>> {
        let Some(named) = named else { return Some(Vec::new()) };
        let mut values = vec![-1; self.sizes.len()];
        for (name, value) in named {
            let name = name.cast::<PyString>().ok()?.to_str().ok()?;
            let at = self.sizes.iter().position(|size| size == name)?;
            let value = value.cast_exact::<PyInt>().ok()?.extract().ok()?;
            values[at] = Some(value).filter(|&value: &i64| value >= 0)?;
        }
        Some(values)
    }

    /// The call, if such a one was made before and everything is plainly right.
    /// `remembered` finds the launch by the GPU, the dimensions of all inputs and the sizes
    /// that were given by name.
    pub(crate) fn ready<'py>(
        &self,
        torch: &Torch,
        remembered: impl FnOnce(&[i64]) -> Option<Arc<Remembered>>,
        (tensors, named): (&Bound<'py, PyTuple>, &[i64]),
        out: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Ready<'py>>> {
        if tensors.len() != self.inputs || torch.carries_forward(tensors.py()) {
            return Ok(None);
        }
        let mut seen = Seen::new(torch, &self.arguments);
        for (given, expected) in tensors.iter_borrowed().zip(&self.arguments) {
            let taken = match expected.scalar {
                Some(element) => seen.take_number(element, &given).is_some(),
                None => seen.take(&given)?.is_some(),
            };
            if !taken {
                return Ok(None);
            }
        }
        seen.dimensions[0] = seen.device.into();
        // Those of outputs take the place of the sizes, which nobody asks for again.
        let end = seen.filled + named.len();
        seen.dimensions[seen.filled..end].copy_from_slice(named);
        let Some(launch) = remembered(&seen.dimensions[..end]) else {
            return Ok(None);
        };
        let result = match out {
            Some(out) => seen.given(&launch, out)?,
            None => seen.allocate(tensors.py(), &launch)?,
        };
        let Some(result) = result else { return Ok(None) };
        Ok((!seen.outputs_overlap(&launch, self.inputs)).then(|| {
            let addresses = Addresses { all: seen.values, count: seen.count, device: seen.device };
            Ready { launch, addresses, result }
        }))
    }
}

/// The tensors of a call so far, in the order of the manifest.
struct Seen<'a> {
    torch: &'a Torch,
    expected: &'a [Expected],
    device: i32,
    values: [Value; TENSORS],
    count: usize,
    /// After a place for the GPU, those of all tensors.
    dimensions: [i64; DIMENSIONS + 1],
    filled: usize,
}

impl<'a> Seen<'a> {
    fn new(torch: &'a Torch, expected: &'a [Expected]) -> Self {
        Self {
            torch,
            expected,
            device: -1,
            values: [Value::Address(0); TENSORS],
            count: 0,
            dimensions: [0; DIMENSIONS + 1],
            filled: 1,
        }
    }

    /// Takes the next tensor and gives where its dimensions begin; `None` where it is
    /// not plainly right.
    fn take(&mut self, object: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
        let expected = &self.expected[self.count];
        if !self.torch.is_plain_tensor(object) {
            return Ok(None);
        }
        // What has no memory is refused by the ordinary way, in words.
        let Ok(shown) = self.torch.exchange.show(object) else { return Ok(None) };
        let dimensions = shown.dimensions();
        let address = shown.address();
        if shown.device.kind != CUDA
            || (self.device >= 0 && shown.device.index != self.device)
            || shown.element != expected.element
            || dimensions.len() != expected.rank
            || !shown.is_contiguous()
            || !address.is_multiple_of(expected.alignment)
            || (address == 0 && !dimensions.contains(&0))
            || self.torch.wants_gradient(object)?
            || (expected.may_be_negated && self.torch.is_negated(object)?)
        {
            return Ok(None);
        }
        let start = self.filled;
        self.filled += dimensions.len();
        self.dimensions[start..self.filled].copy_from_slice(dimensions);
        self.device = shown.device.index;
        self.values[self.count] = Value::Address(address);
        self.count += 1;
        Ok(Some(start))
    }

    /// Takes a number that is passed by value.
    fn take_number(&mut self, element: Element, object: &Bound<'_, PyAny>) -> Option<()> {
        let is_plain = object.is_exact_instance_of::<PyFloat>()
            || object.is_exact_instance_of::<PyInt>()
            || object.is_exact_instance_of::<PyBool>();
        // The name is for messages, which the ordinary way says.
        let number = is_plain.then(|| scalar::read("", element, object))?.ok()?;
        self.values[self.count] = Value::Scalar(number.bytes);
        self.count += 1;
        Some(())
    }

    /// The outputs that the caller gave: one, or a tuple of all.
    fn given<'py>(
        &mut self,
        launch: &Remembered,
        out: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        if let [output] = launch.outputs.as_slice() {
            return Ok(self.output(output, out)?.then(|| out.clone()));
        }
        let Ok(outs) = out.cast_exact::<PyTuple>() else { return Ok(None) };
        if outs.len() != launch.outputs.len() {
            return Ok(None);
        }
        for (output, out) in launch.outputs.iter().zip(outs.iter_borrowed()) {
            if !self.output(output, &out)? {
                return Ok(None);
            }
        }
        Ok(Some(out.clone()))
    }

    fn output(&mut self, output: &Output, object: &Bound<'_, PyAny>) -> PyResult<bool> {
        let taken = self.take(object)?;
        Ok(taken.is_some_and(|start| self.dimensions[start..self.filled] == output.shape[..]))
    }

    fn allocate<'py>(
        &mut self,
        py: Python<'py>,
        launch: &Remembered,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        if let [output] = launch.outputs.as_slice() {
            let made = self.torch.empty(py, output)?;
            return Ok(self.output(output, &made)?.then_some(made));
        }
        let made = launch.outputs.iter().map(|output| self.torch.empty(py, output));
        let made = PyTuple::new(py, made.collect::<PyResult<Vec<_>>>()?)?.into_any();
        self.given(launch, &made)
    }

    /// Whether an output shares a byte with anything else.
    fn outputs_overlap(&self, launch: &Remembered, inputs: usize) -> bool {
        let range = |at: usize| match self.values[at] {
            Value::Address(address) => (address, address + launch.prepared.argument_bytes()[at]),
            Value::Scalar(_) => (0, 0),
        };
        (inputs..self.count).any(|output| {
            let (start, end) = range(output);
            (0..output).any(|other| {
                let (from, to) = range(other);
                start < to && from < end
            })
        })
    }
}
