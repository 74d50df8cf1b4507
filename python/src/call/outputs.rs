//! The outputs of a call: those that the caller gives, which must fit and lie apart, and
//! the others, which are allocated as arrays of the inputs' framework.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use tilec::memory;
use tilec_ir::tensor::{Role, Tensor as Declared};
use tilec_ir::{Element, Id, Kernel, Launch};

use super::Input;
use super::common::Common;
use crate::failure::{Failure, Kind, Result};
use crate::framework::Framework;
use crate::tensor::{Device, Tensor, shown};
use crate::{numpy, torch};

/// The outputs that the caller gives, in the order of the kernel's.
pub(super) fn read<'py>(
    kernel: &Kernel,
    out: Option<&Bound<'py, PyAny>>,
) -> Result<Vec<Option<Tensor<'py>>>> {
    let outputs: Vec<_> = kernel.tensors_of(Role::Output).map(|id| &kernel.tensors[id]).collect();
    let objects = match out {
        None => vec![None; outputs.len()],
        Some(out) => spread(&outputs, out)?,
    };
    let read = |(declared, object): (&Declared, Option<Bound<'py, PyAny>>)| {
        let Some(object) = object.filter(|object| !object.is_none()) else { return Ok(None) };
        let tensor = Tensor::read(&declared.name, Element::of(declared.element), &object)?;
        tensor.check(&declared.name)?;
        if tensor.writable {
            return Ok(Some(tensor));
        }
        let message = format!("the output `{0}` is read-only; give a copy of it", declared.name);
        Err(Failure::of(Kind::Layout, &declared.name, message))
    };
    outputs.into_iter().zip(objects).map(read).collect()
}

/// One array, or several in order or by name, as one object for each output.
fn spread<'py>(
    outputs: &[&Declared],
    out: &Bound<'py, PyAny>,
) -> Result<Vec<Option<Bound<'py, PyAny>>>> {
    let names: Vec<_> = outputs.iter().map(|output| output.name.as_str()).collect();
    let refuse = |message| Err(Failure::of(Kind::Argument, "out", message));
    if let Ok(by_name) = out.cast::<PyDict>() {
        let mut objects = vec![None; names.len()];
        for (name, object) in by_name {
            let at = name.extract::<String>().ok();
            let at = at.and_then(|name| names.iter().position(|output| *output == name));
            let Some(at) = at else {
                let (found, all) = (shown(&name), names.join(", "));
                return refuse(format!("`out` names {found}, and the outputs are {all}"));
            };
            objects[at] = Some(object);
        }
        return Ok(objects);
    }
    let several: Option<Vec<_>> = if let Ok(tuple) = out.cast::<PyTuple>() {
        Some(tuple.iter().collect())
    } else {
        out.cast::<PyList>().ok().map(|list| list.iter().collect())
    };
    let objects = several.unwrap_or_else(|| vec![out.clone()]);
    if objects.len() != names.len() {
        let (found, all) = (objects.len(), names.join(", "));
        return refuse(format!(
            "`out` holds {found} arrays, and there are {} outputs: {all}",
            names.len()
        ));
    }
    Ok(objects.into_iter().map(Some).collect())
}

/// Checks the outputs that are given and allocates the others.
pub(super) fn complete<'py>(
    py: Python<'py>,
    kernel: &Kernel,
    launch: &Launch,
    outs: Vec<Option<Tensor<'py>>>,
    common: &Common,
) -> Result<Vec<Tensor<'py>>> {
    let (_, framework, device) =
        common.first.clone().unwrap_or((String::new(), Framework::NumPy, Device::Cpu));
    if device == Device::Cpu {
        let made = |role| match role {
            Role::Input => false,
            Role::Output => outs.iter().any(Option::is_none),
            Role::Local => true,
        };
        memory::check(kernel, launch, made).map_err(|said| Failure::new(Kind::Memory, said))?;
    }
    let one = |(id, out): (Id<Declared>, Option<Tensor<'py>>)| {
        let declared = &kernel.tensors[id];
        let shape = &launch.shapes[id.index()];
        match out {
            Some(tensor) => check_shape(declared, tensor, shape),
            None => allocate(py, declared, shape, framework, device),
        }
    };
    kernel.tensors_of(Role::Output).zip(outs).map(one).collect()
}

fn check_shape<'py>(
    declared: &Declared,
    tensor: Tensor<'py>,
    shape: &[usize],
) -> Result<Tensor<'py>> {
    if tensor.shape == shape {
        return Ok(tensor);
    }
    let (name, found) = (&declared.name, &tensor.shape);
    let kind = if found.len() == shape.len() { Kind::Size } else { Kind::Rank };
    let message = format!(
        "the output `{name}` has shape {found:?}, and these inputs make {shape:?}: give one of that \
         shape, or leave it out"
    );
    Err(Failure::of(kind, name, message))
}

fn allocate<'py>(
    py: Python<'py>,
    declared: &Declared,
    shape: &[usize],
    framework: Framework,
    device: Device,
) -> Result<Tensor<'py>> {
    let element = Element::of(declared.element);
    let object = match framework {
        Framework::NumPy => numpy::allocate(py, &declared.name, element, shape),
        Framework::Torch => torch::allocate(py, element, shape, device),
        Framework::Other => Err(unmade(&declared.name, shape)),
    };
    Tensor::read(&declared.name, element, &object?)
}

/// An output of a framework that is only known by the arrays that it gives.
fn unmade(name: &str, shape: &[usize]) -> Failure {
    let message = format!(
        "the output `{name}` is not given, and only arrays of NumPy and PyTorch are made here: \
         give one of shape {shape:?} with `out`"
    );
    Failure::of(Kind::Argument, name, message)
}

/// An output must not lie where an input or another output is: what the kernel reads would
/// depend on what it has already written.
pub(super) fn check_overlaps(
    kernel: &Kernel,
    inputs: &[Input<'_>],
    outputs: &[Tensor<'_>],
) -> Result<()> {
    let name = |id: Id<Declared>| &kernel.tensors[id].name;
    let outputs: Vec<_> = kernel.tensors_of(Role::Output).zip(outputs).collect();
    let inputs = kernel.tensors_of(Role::Input).zip(inputs).filter_map(|(id, input)| match input {
        Input::Tensor(tensor) => Some((id, tensor)),
        Input::Scalar(_) => None,
    });
    let others: Vec<_> = inputs.chain(outputs.iter().copied()).collect();
    for (id, output) in outputs {
        let other = others.iter().find(|(other, tensor)| *other != id && tensor.overlaps(output));
        if let Some((other, _)) = other {
            let message = format!(
                "the output `{}` shares memory with `{}`: give it memory of its own",
                name(id),
                name(*other)
            );
            return Err(Failure::of(Kind::Layout, name(id), message));
        }
    }
    Ok(())
}
