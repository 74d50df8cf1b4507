//! The inputs of a call: which object is given for which, by position and by name, and
//! each as a tensor or a number.

use pyo3::prelude::*;
use pyo3::types::PyDictMethods;
use tilec_ir::tensor::{Role, Tensor as Declared};
use tilec_ir::{Element, Kernel, nearest};

use super::{Given, Input};
use crate::failure::{Failure, Kind, Result};
use crate::tensor::Tensor;
use crate::{load, scalar};

type Assigned<'py> = (Vec<Bound<'py, PyAny>>, Vec<(String, i64)>);

/// The object of every input, and the sizes that are given by name or fixed.
pub(super) fn assign<'py>(given: Given<'_, 'py>) -> Result<Assigned<'py>> {
    let (parts, kernel) = (given.parts, &given.parts.kernel);
    let names: Vec<_> =
        kernel.tensors_of(Role::Input).map(|id| kernel.tensors[id].name.as_str()).collect();
    if given.tensors.len() > names.len() {
        let message = format!(
            "{} inputs are given, and {} takes {}: {}",
            given.tensors.len(),
            kernel.name,
            names.len(),
            names.join(", ")
        );
        return Err(Failure::new(Kind::Argument, message));
    }
    let mut objects: Vec<_> = given.tensors.iter().map(Some).collect();
    objects.resize(names.len(), None);
    let mut set = parts.bound.clone();
    for (name, value) in given.named.into_iter().flat_map(PyDictMethods::iter) {
        let name: String = name.extract()?;
        if let Some(at) = names.iter().position(|input| *input == name) {
            if objects[at].replace(value).is_some() {
                let message = format!("`{name}` is given by position and by name");
                return Err(Failure::of(Kind::Argument, &name, message));
            }
        } else if kernel.sizes.iter().any(|(_, size)| size.name == name) {
            set.push(load::size(&name, &value)?);
        } else {
            return Err(unknown(kernel, &names, &name));
        }
    }
    let missing = |(object, name): (Option<_>, &&str)| {
        object.ok_or_else(|| {
            let message =
                format!("`{name}` is missing: {} takes {}", kernel.name, names.join(", "));
            Failure::of(Kind::Argument, name, message)
        })
    };
    let objects = objects.into_iter().zip(&names).map(missing).collect::<Result<_>>()?;
    Ok((objects, set))
}

/// Reads them, in the order of the kernel's inputs.
pub(super) fn read<'py>(
    kernel: &Kernel,
    objects: Vec<Bound<'py, PyAny>>,
) -> Result<Vec<Input<'py>>> {
    let inputs = kernel.tensors_of(Role::Input).zip(objects);
    inputs.map(|(id, object)| input(&kernel.tensors[id], &object)).collect()
}

fn unknown(kernel: &Kernel, inputs: &[&str], name: &str) -> Failure {
    let sizes = kernel.sizes.iter().map(|(_, size)| size.name.as_str());
    let all: Vec<_> = inputs.iter().copied().chain(sizes).collect();
    let way = match nearest(name, all.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has {}", all.join(", ")),
    };
    let message = format!("{} has no input and no size `{name}`; {way}", kernel.name);
    Failure::of(Kind::Argument, name, message)
}

fn input<'py>(declared: &Declared, object: &Bound<'py, PyAny>) -> Result<Input<'py>> {
    let element = Element::of(declared.element);
    let tensor = match Tensor::read_known(&declared.name, element, object)? {
        Some(tensor) => tensor,
        None if declared.shape.is_empty() => {
            return scalar::read(&declared.name, element, object).map(Input::Scalar);
        }
        None => Tensor::read(&declared.name, element, object)?,
    };
    tensor.check(&declared.name)?;
    Ok(Input::Tensor(tensor))
}
