//! Python numbers as scalar inputs.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt};
use tilec_ir::{Array, Element};

use crate::failure::{Failure, Kind, Result};
use crate::tensor::shown;

/// A scalar as a kernel reads it: its bytes, from the first.
#[derive(Clone, Copy, Debug)]
#[repr(align(4))]
pub(crate) struct Scalar {
    pub(crate) bytes: [u8; 4],
    pub(crate) length: usize,
}

/// Reads a number: an int or a float for a float (rounded as the language rounds), an int
/// for an integer, a bool for a bool. Scalars of NumPy are numbers too.
pub(crate) fn read(name: &str, wanted: Element, object: &Bound<'_, PyAny>) -> Result<Scalar> {
    let number = plain(object)?;
    let mut array = Array::zeros(wanted, &[]).expect("one element can be had");
    match wanted {
        Element::Bool => array.set_bool(0, boolean(name, &number)?),
        Element::I32 | Element::I8 | Element::U8 => {
            array.set_i32(0, integer(name, wanted, &number)?)
        }
        Element::F32 | Element::Bf16 | Element::F16 | Element::F8E4M3 | Element::F8E5M2 => {
            array.set_f32(0, float(name, wanted, &number)?);
        }
    }
    let held = tilec::arrays::to_bytes(&array.data);
    let mut bytes = [0; 4];
    bytes[..held.len()].copy_from_slice(&held);
    Ok(Scalar { bytes, length: held.len() })
}

/// The number that a scalar of NumPy holds.
fn plain<'py>(object: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
    if object.is_instance_of::<PyFloat>() || object.is_instance_of::<PyInt>() {
        return Ok(object.clone());
    }
    let of_numpy = object.get_type().module().is_ok_and(|module| module == "numpy");
    if of_numpy && object.hasattr("item")? {
        return Ok(object.call_method0("item")?);
    }
    Ok(object.clone())
}

fn boolean(name: &str, number: &Bound<'_, PyAny>) -> Result<bool> {
    let value = number.cast::<PyBool>();
    value
        .map(|value| value.is_true())
        .map_err(|_| wrong(name, Element::Bool, "True or False", number))
}

fn integer(name: &str, wanted: Element, number: &Bound<'_, PyAny>) -> Result<i32> {
    if number.is_instance_of::<PyBool>() || !number.is_instance_of::<PyInt>() {
        return Err(wrong(name, wanted, "an int", number));
    }
    let (low, high) = if wanted == Element::I8 {
        (i32::from(i8::MIN), i32::from(i8::MAX))
    } else if wanted == Element::U8 {
        (0, i32::from(u8::MAX))
    } else {
        (i32::MIN, i32::MAX)
    };
    let value = number.extract::<i32>().ok().filter(|value| (low..=high).contains(value));
    value.ok_or_else(|| {
        let message = format!("`{name}` is {}: it should be in {low} ..= {high}", shown(number));
        Failure::of(Kind::Argument, name, message)
    })
}

fn float(name: &str, wanted: Element, number: &Bound<'_, PyAny>) -> Result<f32> {
    let is_int = number.is_instance_of::<PyInt>() && !number.is_instance_of::<PyBool>();
    if !is_int && !number.is_instance_of::<PyFloat>() {
        return Err(wrong(name, wanted, "a float", number));
    }
    let value = number.extract::<f64>().unwrap_or(f64::INFINITY);
    let rounded = value as f32;
    let was_infinite = number.is_instance_of::<PyFloat>() && value.is_infinite();
    if rounded.is_infinite() && !was_infinite {
        let message = format!("`{name}` is {}, which is beyond the range of f32", shown(number));
        return Err(Failure::of(Kind::Argument, name, message));
    }
    Ok(rounded)
}

fn wrong(name: &str, wanted: Element, expected: &str, found: &Bound<'_, PyAny>) -> Failure {
    let message = format!(
        "`{name}` is a scalar of type {}: give {expected}, not {}",
        wanted.name(),
        shown(found)
    );
    Failure::of(Kind::DType, name, message)
}
