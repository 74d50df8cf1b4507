//! What a kernel presumes of the values of its inputs, checked on the data of a call.
//!
//! Indices that are in the memory of the CPU are checked unless the caller asked for
//! nothing; all that is presumed, also of arrays on a GPU, where the caller asked for
//! it: the call then waits for the GPU.

use pyo3::prelude::*;
use pyo3::types::PyBool;
use tilec::{arrays, preconditions};
use tilec_ir::tensor::{Role, Tensor as Declared};
use tilec_ir::{Array, Data, Element, Id};

use crate::call::{Call, Input};
use crate::failure::{Failure, Kind, Result};
use crate::kernel::Parts;
use crate::memory;
use crate::tensor::{Tensor, shown};

/// What is checked of the values of inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// Everything that the kernel presumes.
    Everything,
    /// That indices are in range, where looking waits for nothing.
    Indices,
    Nothing,
}

impl Check {
    /// What the argument `check` of `load` says.
    pub(crate) fn of(asked: Option<&Bound<'_, PyAny>>) -> Result<Self> {
        let Some(asked) = asked else { return Ok(Self::Indices) };
        match asked.cast::<PyBool>() {
            Ok(asked) if asked.is_true() => Ok(Self::Everything),
            Ok(_) => Ok(Self::Nothing),
            Err(_) => {
                let message = format!("`check` is True, False or None, not {}", shown(asked));
                Err(Failure::of(Kind::Argument, "check", message))
            }
        }
    }

    /// The inputs of which values are looked at.
    pub(crate) fn subjects(self, parts: &Parts) -> Vec<Id<Declared>> {
        match self {
            Self::Everything => preconditions::subjects(&parts.kernel),
            Self::Indices => preconditions::indices(&parts.kernel),
            Self::Nothing => Vec::new(),
        }
    }
}

/// Checks the inputs of a call, of which `read` gives the bytes of arrays; `None` passes
/// one over.
pub(crate) fn check<'py>(
    parts: &Parts,
    call: &Call<'py>,
    read: impl Fn(&Tensor<'py>) -> Result<Option<Vec<u8>>>,
) -> Result<()> {
    let subjects = parts.check.subjects(parts);
    if subjects.is_empty() {
        return Ok(());
    }
    let mut looked_at = Vec::new();
    for (id, input) in parts.kernel.tensors_of(Role::Input).zip(&call.inputs) {
        if !subjects.contains(&id) {
            continue;
        }
        let bytes = match input {
            Input::Tensor(tensor) => read(tensor)?,
            Input::Scalar(scalar) => Some(memory::of_scalar(scalar).to_vec()),
        };
        if let Some(bytes) = bytes {
            let element = Element::of(parts.kernel.tensors[id].element);
            let data: Data = arrays::from_bytes(element, &bytes);
            let shape = call.launch.shapes[id.index()].clone();
            looked_at.push((id, Array { element, shape, data }));
        }
    }
    let arrays: Vec<_> = looked_at.iter().map(|(id, array)| (*id, array)).collect();
    let mistakes = preconditions::check_some(&parts.kernel, &call.launch, &arrays);
    if mistakes.is_empty() { Ok(()) } else { Err(Failure::of_data(&parts.kernel, &mistakes)) }
}
