//! From the arguments of a call to checked tensors: by position and by name, with their
//! types, layouts, devices and sizes as the kernel declares them, and the outputs
//! allocated where the caller gives none.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use tilec::memory;
use tilec_ir::tensor::{Role, Tensor as Declared};
use tilec_ir::{Element, Id, Kernel, Launch, launch, nearest};

use crate::failure::{Failure, Kind, Result};
use crate::kernel::Parts;
use crate::load;
use crate::scalar::{self, Scalar};
use crate::tensor::{Device, Framework, Tensor, shown};
use crate::{numpy, torch};

/// The arguments as they were passed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a, 'py> {
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
    py: Python<'py>,
    parts: &Parts,
    given: Given<'_, 'py>,
    runs_on: impl Fn(Device) -> bool,
) -> Result<Call<'py>> {
    let kernel = &parts.kernel;
    let (objects, set) = assign(parts, given)?;
    let inputs = kernel.tensors_of(Role::Input).zip(objects);
    let inputs = inputs.map(|(id, object)| input(&kernel.tensors[id], &object));
    let inputs = inputs.collect::<Result<Vec<_>>>()?;
    let outs = outs(kernel, given.out)?;
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
    let outputs = complete(py, kernel, &launch, outs, &common)?;
    check_overlaps(kernel, &inputs, &outputs)?;
    Ok(Call { inputs, outputs, launch })
}

/// What a call gives back: the output, or a tuple of them.
pub(crate) fn returned<'py>(py: Python<'py>, outputs: &[Tensor<'py>]) -> Result<Bound<'py, PyAny>> {
    match outputs {
        [only] => Ok(only.object.clone()),
        all => Ok(PyTuple::new(py, all.iter().map(|tensor| &tensor.object))?.into_any()),
    }
}

type Assigned<'py> = (Vec<Bound<'py, PyAny>>, Vec<(String, i64)>);

/// The object of every input, and the sizes that are given by name or fixed.
fn assign<'py>(parts: &Parts, given: Given<'_, 'py>) -> Result<Assigned<'py>> {
    let kernel = &parts.kernel;
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
    let is_array = numpy::is_array(object)? || torch::is_tensor(object)?;
    if declared.shape.is_empty() && !is_array {
        return scalar::read(&declared.name, element, object).map(Input::Scalar);
    }
    let tensor = Tensor::read(&declared.name, element, object)?;
    tensor.check(&declared.name)?;
    Ok(Input::Tensor(tensor))
}

/// The outputs that the caller gives, in the order of the kernel's.
fn outs<'py>(kernel: &Kernel, out: Option<&Bound<'py, PyAny>>) -> Result<Vec<Option<Tensor<'py>>>> {
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

/// What all arrays of a call have in common.
#[derive(Debug, Default)]
struct Common {
    first: Option<(String, Framework, Device)>,
}

impl Common {
    fn add(
        &mut self,
        name: &str,
        tensor: &Tensor<'_>,
        parts: &Parts,
        runs_on: &impl Fn(Device) -> bool,
    ) -> Result<()> {
        if !runs_on(tensor.device) {
            let message = format!(
                "`{name}` is on {}, and {} was loaded for {}: move it there, or load the kernel \
                 with another target",
                tensor.device.name(),
                parts.kernel.name,
                parts.target.name()
            );
            return Err(Failure::of(Kind::Device, name, message));
        }
        let Some((first, framework, device)) = &self.first else {
            self.first = Some((name.to_owned(), tensor.framework, tensor.device));
            return Ok(());
        };
        if *framework != tensor.framework {
            let (one, other) = (framework.name(), tensor.framework.name());
            let message = format!(
                "`{first}` is an array of {one} and `{name}` one of {other}: give arrays of one \
                 framework"
            );
            return Err(Failure::of(Kind::Argument, name, message));
        }
        if *device != tensor.device {
            let (one, other) = (device.name(), tensor.device.name());
            let message =
                format!("`{first}` is on {one} and `{name}` on {other}: move one of them");
            return Err(Failure::of(Kind::Device, name, message));
        }
        Ok(())
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

/// Checks the outputs that are given and allocates the others.
fn complete<'py>(
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
fn check_overlaps(kernel: &Kernel, inputs: &[Input<'_>], outputs: &[Tensor<'_>]) -> Result<()> {
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
