//! From the arguments of a call to checked tensors: by position and by name, with their
//! types, layouts, devices and sizes as the kernel declares them, and the outputs
//! allocated where the caller gives none.

mod common;
mod inputs;
mod outputs;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use tilec_ir::tensor::Role;
use tilec_ir::{Kernel, Launch, launch};

use crate::failure::{Failure, Result};
use crate::kernel::Parts;
use crate::scalar::Scalar;
use crate::tensor::{Device, Tensor};
use common::Common;

/// A call: the kernel, and the arguments as they were passed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a, 'py> {
    pub(crate) parts: &'a Parts,
    pub(crate) tensors: &'a Bound<'py, PyTuple>,
    pub(crate) out: Option<&'a Bound<'py, PyAny>>,
    pub(crate) named: Option<&'a Bound<'py, PyDict>>,
}

/// An input.
#[derive(Debug)]
pub(crate) enum Input<'py> {
    Tensor(Tensor<'py>),
    /// A number that was given for a tensor without dimensions.
    Scalar(Scalar),
}

/// Arguments that fit the kernel.
#[derive(Debug)]
pub(crate) struct Call<'py> {
    /// In the order of the kernel's inputs.
    pub(crate) inputs: Vec<Input<'py>>,
    /// In the order of the kernel's outputs; no two overlap, and none an input.
    pub(crate) outputs: Vec<Tensor<'py>>,
    /// Of the kernel as it is written.
    pub(crate) launch: Launch,
}

/// Checks the arguments, and allocates the outputs that are not given. All arrays must be
/// on one device, and the target must run there.
pub(crate) fn bind<'py>(
    given: Given<'_, 'py>,
    runs_on: impl Fn(Device) -> bool,
) -> Result<Call<'py>> {
    let parts = given.parts;
    let kernel = &parts.kernel;
    let (objects, set) = inputs::assign(given)?;
    let inputs = inputs::read(kernel, objects)?;
    let outs = outputs::read(kernel, given.out)?;
    let mut common = Common::default();
    for (id, input) in kernel.tensors_of(Role::Input).zip(&inputs) {
        if let Input::Tensor(tensor) = input {
            common.add(&kernel.tensors[id].name, tensor, parts, &runs_on)?;
        }
    }
    for (id, out) in kernel.tensors_of(Role::Output).zip(&outs) {
        if let Some(tensor) = out {
            common.add(&kernel.tensors[id].name, tensor, parts, &runs_on)?;
        }
    }
    let launch = sizes(kernel, &inputs, &set)?;
    let outputs = outputs::complete(given.tensors.py(), kernel, &launch, outs, &common)?;
    outputs::check_overlaps(kernel, &inputs, &outputs)?;
    Ok(Call { inputs, outputs, launch })
}

/// What a call gives back: the output, or a tuple of them.
pub(crate) fn returned<'py>(py: Python<'py>, outputs: &[Tensor<'py>]) -> Result<Bound<'py, PyAny>> {
    match outputs {
        [only] => Ok(only.object.clone()),
        all => Ok(PyTuple::new(py, all.iter().map(|tensor| &tensor.object))?.into_any()),
    }
}

fn sizes(kernel: &Kernel, inputs: &[Input<'_>], set: &[(String, i64)]) -> Result<Launch> {
    let shape = |input: &Input<'_>| match input {
        Input::Tensor(tensor) => Some(tensor.shape.clone()),
        Input::Scalar(_) => Some(Vec::new()),
    };
    let shapes: Vec<_> = inputs.iter().map(shape).collect();
    launch::bind(kernel, &shapes, set).map_err(|mistakes| Failure::of_launch(kernel, &mistakes))
}
