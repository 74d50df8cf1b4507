//! Launches that were made before, by the GPU, the shapes of their inputs and
//! the sizes that were given by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use tilec_runtime::{Prepared, Program};

use crate::call::{Call, Input};
use crate::cuda_fast::{Output, Remembered};
use crate::failure::Result;
use crate::tensor::Tensor;

/// Launches that are remembered; past so many, all are forgotten.
const MOST: usize = 4096;

/// What was launched before.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The last one, which is mostly the next one too.
    last: Option<(Vec<i64>, Arc<Remembered>)>,
    all: HashMap<Vec<i64>, Arc<Remembered>>,
}

impl Memory {
    /// The launch of this GPU, these dimensions of inputs and sizes, one after the other.
    pub(crate) fn find(&self, key: &[i64]) -> Option<Arc<Remembered>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, launch)) = &kept.last
            && of == key
        {
            return Some(Arc::clone(launch));
        }
        let (of, launch) = kept.all.get_key_value(key)?;
        let found = (of.clone(), Arc::clone(launch));
        kept.last = Some(found.clone());
        Some(found.1)
    }

    /// Remembers the launch of a call whose inputs are all tensors, and which gave these
    /// sizes by name.
    pub(crate) fn keep(&self, device: i32, call: &Call<'_>, named: &[i64], launch: Remembered) {
        let dimensions = call.inputs.iter().flat_map(|input| match input {
            Input::Tensor(tensor) => tensor.shape.as_slice(),
            Input::Scalar(_) => &[],
        });
        let dimensions = dimensions.map(|&size| i64::try_from(size).unwrap_or(i64::MAX));
        let dimensions = std::iter::once(i64::from(device)).chain(dimensions);
        let key: Vec<_> = dimensions.chain(named.iter().copied()).collect();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.all.len() >= MOST {
            kept.all.clear();
        }
        kept.all.insert(key, Arc::new(launch));
    }
}

impl Remembered {
    /// The launch that made these outputs.
    pub(crate) fn new(
        py: Python<'_>,
        program: Arc<Program>,
        prepared: Arc<Prepared>,
        outputs: &[Tensor<'_>],
    ) -> Result<Self> {
        let output = |tensor: &Tensor<'_>| {
            let shape: Vec<_> =
                tensor.shape.iter().map(|&size| i64::try_from(size).unwrap_or(i64::MAX)).collect();
            let keywords = PyDict::new(py);
            for name in [intern!(py, "dtype"), intern!(py, "device")] {
                keywords.set_item(name, tensor.object.getattr(name)?)?;
            }
            let arguments = PyTuple::new(py, [PyTuple::new(py, &shape)?])?.unbind();
            Ok(Output { shape, arguments, keywords: keywords.unbind() })
        };
        let outputs = outputs.iter().map(output).collect::<Result<_>>()?;
        Ok(Self { program, prepared, outputs })
    }
}
