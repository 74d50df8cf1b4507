//! Launches with certain sizes, computed but for their addresses.
//!
//! A [`Prepared`] holds everything that a repeated launch would compute again: the
//! grid, the values of its parameters and its tensor maps, of which a launch fills in
//! the addresses alone. Starting one allocates nothing and waits for nothing, so it
//! can be captured in a graph.
#![allow(unsafe_code, reason = "the driver is a C library")]

use std::ffi::c_void;
use std::sync::OnceLock;

use cudarc::driver::sys;

use crate::device::failed;
use crate::error::Error;
use crate::launch::{Value, Workspace};
use crate::load::{Function, Program};
use crate::map;
use crate::resolve::{Passed, Place, Resolved, ResolvedLaunch, ResolvedMap, resolve};

/// The parameters of a launch that lie on the stack; a launch with more allocates.
const USUAL: usize = 20;

/// A parameter's value: 16 words, so that a tensor map fits.
type Word = sys::CUtensorMap;

const ZERO: Word = sys::CUtensorMap { opaque: [0; 16] };

/// Everything that launches with certain sizes need but addresses.
#[derive(Debug)]
pub struct Prepared {
    resolved: Resolved,
    starts: Vec<Start>,
}

/// One launch: what is constant in it, and what is filled in.
#[derive(Debug)]
struct Start {
    function: Function,
    /// Maps are encoded by the first launch and only moved by later ones.
    maps: Vec<OnceLock<Word>>,
}

impl Prepared {
    /// Computes it for these sizes, in the order of the manifest, and loads the functions
    /// that it needs.
    pub(crate) fn new(program: &Program, sizes: &[i64]) -> Result<Self, Error> {
        let resolved = resolve(&program.manifest, sizes)?;
        let names: Vec<_> = resolved.launches.iter().map(|l| l.function.as_str()).collect();
        let functions = program.find(&names)?;
        let start = |(launch, function): (&ResolvedLaunch, Function)| {
            let maps = launch.parameters.iter().map(|_| OnceLock::new()).collect();
            Start { function, maps }
        };
        let starts = resolved.launches.iter().zip(functions).map(start).collect();
        Ok(Self { resolved, starts })
    }

    /// The bytes of scratch memory that a launch needs.
    #[must_use]
    pub fn workspace_bytes(&self) -> u64 {
        self.resolved.workspace_bytes
    }

    /// The bytes of each argument, in the order of the manifest.
    #[must_use]
    pub fn argument_bytes(&self) -> &[u64] {
        &self.resolved.argument_bytes
    }

    /// Starts every launch, in order. The context is current, and the addresses have
    /// been checked.
    pub(crate) fn start(
        &self,
        given: &[Value],
        workspace: Workspace,
        stream: u64,
    ) -> Result<(), Error> {
        let launches = self.resolved.launches.iter().zip(&self.starts);
        launches.into_iter().try_for_each(|(launch, start)| {
            if launch.parameters.len() <= USUAL {
                start.run(launch, &mut [ZERO; USUAL], given, workspace, stream)
            } else {
                let mut values = vec![ZERO; launch.parameters.len()];
                start.run(launch, &mut values, given, workspace, stream)
            }
        })
    }
}

impl Start {
    fn run(
        &self,
        launch: &ResolvedLaunch,
        values: &mut [Word],
        given: &[Value],
        workspace: Workspace,
        stream: u64,
    ) -> Result<(), Error> {
        let address = |place| at(place, given, workspace);
        for ((value, parameter), map) in values.iter_mut().zip(&launch.parameters).zip(&self.maps) {
            match parameter {
                Passed::Address(place) => value.opaque[0] = address(*place),
                Passed::Size(size) => value.opaque[0] = size.cast_unsigned(),
                Passed::Scalar(position) => value.opaque[0] = scalar(given[*position]),
                Passed::Map(None) => {}
                Passed::Map(Some(resolved)) => {
                    *value = moved(map, resolved, address(resolved.base))?;
                }
            }
        }
        call(launch, self.function, values, stream)
    }
}

fn at(place: Place, given: &[Value], workspace: Workspace) -> u64 {
    match place {
        Place::Workspace(offset) => workspace.address + offset,
        Place::Argument(position) => match given[position] {
            Value::Address(address) => address,
            Value::Scalar(_) => 0,
        },
    }
}

fn scalar(value: Value) -> u64 {
    match value {
        Value::Scalar([a, b, c, d]) => u64::from_le_bytes([a, b, c, d, 0, 0, 0, 0]),
        Value::Address(_) => 0,
    }
}

/// The map with this address, encoded unless a launch did so before.
fn moved(first: &OnceLock<Word>, map: &ResolvedMap, address: u64) -> Result<Word, Error> {
    if let Some(encoded) = first.get() {
        return map::at(*encoded, map, address);
    }
    let encoded = map::encode(map, address)?;
    first.get_or_init(|| encoded);
    Ok(encoded)
}

fn call(
    launch: &ResolvedLaunch,
    function: Function,
    values: &mut [Word],
    stream: u64,
) -> Result<(), Error> {
    let address = |value: &mut Word| std::ptr::from_mut(value).cast::<c_void>();
    let mut few = [std::ptr::null_mut(); USUAL];
    let mut many = Vec::new();
    let addresses: &mut [*mut c_void] = if values.len() <= USUAL {
        few.iter_mut().zip(values).for_each(|(to, value)| *to = address(value));
        &mut few
    } else {
        many.extend(values.iter_mut().map(address));
        &mut many
    };
    let (mut attribute, attributes) = cluster(launch.cluster);
    let config = sys::CUlaunchConfig {
        gridDimX: launch.grid[0],
        gridDimY: launch.grid[1],
        gridDimZ: launch.grid[2],
        blockDimX: launch.block[0],
        blockDimY: launch.block[1],
        blockDimZ: launch.block[2],
        sharedMemBytes: launch.shared_bytes,
        hStream: stream as sys::CUstream,
        attrs: &raw mut attribute,
        numAttrs: attributes,
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

/// The attribute that asks for clusters, and how many attributes that makes.
fn cluster([x, y, z]: [u32; 3]) -> (sys::CUlaunchAttribute, u32) {
    let dimensions = sys::CUlaunchAttributeValue_union__bindgen_ty_1 { x, y, z };
    let attribute = sys::CUlaunchAttribute {
        id: sys::CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION,
        pad: [0; 4],
        value: sys::CUlaunchAttributeValue { clusterDim: dimensions },
    };
    (attribute, u32::from([x, y, z] != [1, 1, 1]))
}
