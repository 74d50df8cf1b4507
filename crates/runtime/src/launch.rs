//! Launching a program: the checks of its C launcher, then one call of the driver
//! per launch. Allocates nothing on the GPU and waits for nothing, so launches can
//! be captured in a graph.
#![allow(unsafe_code, reason = "the driver is a C library")]

use std::ffi::c_void;
use std::sync::{Arc, PoisonError};

use cudarc::driver::sys;
use tilec_manifest::sentences;

use crate::device::{Stream, failed};
use crate::error::Error;
use crate::load::{Function, Program};
use crate::map;
use crate::memory::Buffer;
use crate::resolve::{Passed, Place, Resolved, ResolvedLaunch, resolve};

/// Sizes whose launches are remembered; past so many, all are forgotten.
const REMEMBERED: usize = 4096;

/// An argument, in the order of the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// The address of a tensor.
    Address(u64),
    /// A scalar input: its bytes, from the first.
    Scalar([u8; 4]),
}

/// Scratch memory of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Where it lies; a multiple of 256.
    pub address: u64,
    /// How many bytes it has.
    pub bytes: u64,
}

/// A launch with certain sizes, computed but for addresses.
#[derive(Debug)]
pub(crate) struct Prepared {
    resolved: Resolved,
    functions: Vec<Function>,
}

impl Program {
    /// The bytes of scratch memory that a launch with these sizes needs.
    pub fn workspace_bytes(&self, sizes: &[i64]) -> Result<u64, Error> {
        Ok(self.prepared(sizes)?.resolved.workspace_bytes)
    }

    /// The bytes of each argument of a launch with these sizes.
    pub fn argument_bytes(&self, sizes: &[i64]) -> Result<Vec<u64>, Error> {
        Ok(self.prepared(sizes)?.resolved.argument_bytes.clone())
    }

    /// Launches on buffers, which are large enough or the launch is refused.
    pub fn launch_on(
        &self,
        sizes: &[i64],
        arguments: &[Given<'_>],
        workspace: &Buffer,
        stream: &Stream,
    ) -> Result<(), Error> {
        let prepared = self.prepared(sizes)?;
        let needed = &prepared.resolved.argument_bytes;
        for ((given, needed), argument) in
            arguments.iter().zip(needed).zip(&self.manifest.arguments)
        {
            if let Given::Buffer(buffer) = given
                && buffer.bytes() < *needed
            {
                return Err(Error::Refused(format!(
                    "{} has {} bytes, and this launch needs {needed}",
                    argument.name,
                    buffer.bytes()
                )));
            }
        }
        let values: Vec<_> = arguments.iter().map(Given::value).collect();
        let workspace = Workspace { address: workspace.address(), bytes: workspace.bytes() };
        // SAFETY: buffers are as large as needed, and freeing one waits for the GPU.
        unsafe { self.launch(sizes, &values, workspace, stream.address()) }
    }

    /// Launches in the order of a stream (a `cudaStream_t` as a number).
    ///
    /// # Safety
    /// Addresses are in memory that the GPU reaches, hold as many bytes as the
    /// manifest says, and stay valid until the work has ended; the stream is one of
    /// this GPU's.
    pub unsafe fn launch(
        &self,
        sizes: &[i64],
        arguments: &[Value],
        workspace: Workspace,
        stream: u64,
    ) -> Result<(), Error> {
        let prepared = self.prepared(sizes)?;
        self.check(&prepared.resolved, arguments, workspace)?;
        self.device.enter()?;
        let resolved = &prepared.resolved.launches;
        for (launch, function) in resolved.iter().zip(&prepared.functions) {
            let parameters = Parameters::new(launch, arguments, workspace)?;
            start(launch, *function, parameters, stream as sys::CUstream)?;
        }
        Ok(())
    }

    fn prepared(&self, sizes: &[i64]) -> Result<Arc<Prepared>, Error> {
        let lock = || self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = lock().get(sizes) {
            return Ok(Arc::clone(prepared));
        }
        let prepared = Arc::new(prepare(self, sizes)?);
        let mut all = lock();
        if all.len() >= REMEMBERED {
            all.clear();
        }
        all.insert(sizes.to_vec(), Arc::clone(&prepared));
        Ok(prepared)
    }

    /// The checks of addresses, in the words of the C launcher.
    fn check(
        &self,
        resolved: &Resolved,
        given: &[Value],
        workspace: Workspace,
    ) -> Result<(), Error> {
        let arguments = &self.manifest.arguments;
        let refuse = |sentence| Err(Error::Refused(sentence));
        if given.len() != arguments.len() {
            return refuse(format!(
                "{} arguments are given, and {} has {}",
                given.len(),
                self.manifest.kernel,
                arguments.len()
            ));
        }
        for ((argument, value), bytes) in arguments.iter().zip(given).zip(&resolved.argument_bytes)
        {
            let is_scalar = argument.shape.is_empty() && !argument.output;
            match value {
                Value::Scalar(_) if is_scalar => {}
                Value::Address(_) if is_scalar => {
                    return refuse(format!("{} is a scalar, passed by value", argument.name));
                }
                Value::Scalar(_) => {
                    return refuse(format!("{} is a tensor, passed by its address", argument.name));
                }
                Value::Address(0) if *bytes > 0 => return refuse(sentences::null(&argument.name)),
                Value::Address(address) if address % u64::from(argument.alignment.max(1)) != 0 => {
                    return refuse(sentences::misaligned(&argument.name, argument.alignment));
                }
                Value::Address(_) => {}
            }
        }
        check_workspace(resolved.workspace_bytes, workspace)
    }
}

fn check_workspace(needed: u64, given: Workspace) -> Result<(), Error> {
    let refuse = |sentence| Err(Error::Refused(sentence));
    if needed == 0 {
        return Ok(());
    }
    if given.bytes < needed {
        return refuse(sentences::workspace(given.bytes, needed));
    }
    if given.address == 0 {
        return refuse(sentences::null("the workspace"));
    }
    if !given.address.is_multiple_of(sentences::WORKSPACE_ALIGNMENT) {
        return refuse(sentences::misaligned("the workspace", sentences::WORKSPACE_ALIGNMENT));
    }
    Ok(())
}

fn prepare(program: &Program, sizes: &[i64]) -> Result<Prepared, Error> {
    let resolved = resolve(&program.manifest, sizes)?;
    let find = |launch: &ResolvedLaunch| program.functions.get(&launch.function).copied();
    let functions = resolved.launches.iter().map(find).collect::<Option<_>>();
    let functions = functions.expect("loading has found every function of the manifest");
    Ok(Prepared { resolved, functions })
}

/// The values of a launch's parameters, and the addresses of these values.
struct Parameters {
    /// 16 words each, so that a tensor map fits and every address stays where it is.
    values: Vec<sys::CUtensorMap>,
}

impl Parameters {
    fn new(launch: &ResolvedLaunch, given: &[Value], workspace: Workspace) -> Result<Self, Error> {
        let at = |place: Place| match place {
            Place::Workspace(offset) => workspace.address + offset,
            Place::Argument(position) => match given[position] {
                Value::Address(address) => address,
                Value::Scalar(_) => 0,
            },
        };
        let word = |word: u64| {
            let mut opaque = [0; 16];
            opaque[0] = word;
            sys::CUtensorMap { opaque }
        };
        let value = |parameter: &Passed| match parameter {
            Passed::Address(place) => Ok(word(at(*place))),
            Passed::Size(size) => Ok(word(size.cast_unsigned())),
            Passed::Scalar(position) => Ok(word(match given[*position] {
                Value::Scalar([a, b, c, d]) => u64::from_le_bytes([a, b, c, d, 0, 0, 0, 0]),
                Value::Address(_) => 0,
            })),
            Passed::Map(None) => Ok(word(0)),
            Passed::Map(Some(map)) => map::encode(map, at(map.base)),
        };
        let values = launch.parameters.iter().map(value).collect::<Result<_, _>>()?;
        Ok(Self { values })
    }
}

fn start(
    launch: &ResolvedLaunch,
    function: Function,
    mut parameters: Parameters,
    stream: sys::CUstream,
) -> Result<(), Error> {
    let address = |value: &mut sys::CUtensorMap| std::ptr::from_mut(value).cast::<c_void>();
    let mut addresses: Vec<_> = parameters.values.iter_mut().map(address).collect();
    let mut attributes = cluster_attribute(launch.cluster);
    let config = sys::CUlaunchConfig {
        gridDimX: launch.grid[0],
        gridDimY: launch.grid[1],
        gridDimZ: launch.grid[2],
        blockDimX: launch.block[0],
        blockDimY: launch.block[1],
        blockDimZ: launch.block[2],
        sharedMemBytes: launch.shared_bytes,
        hStream: stream,
        attrs: attributes.as_mut_ptr(),
        numAttrs: u32::try_from(attributes.len()).expect("there is at most one"),
    };
    // SAFETY: the function belongs to a loaded module; every parameter's value is as
    // long as the manifest, which was emitted with the function, says, and the driver
    // copies them before it returns.
    let launched = unsafe {
        sys::cuLaunchKernelEx(
            &raw const config,
            function.0,
            addresses.as_mut_ptr(),
            std::ptr::null_mut(),
        )
    };
    launched.result().map_err(|e| failed(&format!("launch {}", launch.function), e))
}

fn cluster_attribute([x, y, z]: [u32; 3]) -> Vec<sys::CUlaunchAttribute> {
    if [x, y, z] == [1, 1, 1] {
        return vec![];
    }
    let dimensions = sys::CUlaunchAttributeValue_union__bindgen_ty_1 { x, y, z };
    vec![sys::CUlaunchAttribute {
        id: sys::CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION,
        pad: [0; 4],
        value: sys::CUlaunchAttributeValue { clusterDim: dimensions },
    }]
}

/// An argument of [`Program::launch_on`].
#[derive(Clone, Copy, Debug)]
pub enum Given<'a> {
    /// A tensor.
    Buffer(&'a Buffer),
    /// A scalar input: its bytes, from the first.
    Scalar([u8; 4]),
}

impl Given<'_> {
    fn value(&self) -> Value {
        match self {
            Self::Buffer(buffer) => Value::Address(buffer.address()),
            Self::Scalar(bytes) => Value::Scalar(*bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_is_checked_where_it_is_needed() {
        let check = |needed, address, bytes, expected: Option<String>| {
            let refused = check_workspace(needed, Workspace { address, bytes }).err();
            assert_eq!(refused.map(|error| error.to_string()), expected);
        };
        check(0, 0, 0, None);
        check(512, 0x1000, 512, None);
        check(512, 0x1000, 511, Some(sentences::workspace(511, 512)));
        check(512, 0, 512, Some(sentences::null("the workspace")));
        check(512, 0x1010, 512, Some(sentences::misaligned("the workspace", 256)));
    }
}
