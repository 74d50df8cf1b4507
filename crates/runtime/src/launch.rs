//! Launching a program: the checks of its C launcher, then one call of the driver
//! per launch. Allocates nothing on the GPU and waits for nothing, so launches can
//! be captured in a graph. Whoever launches the same sizes again and again keeps what
//! [`Program::prepare`] gives.
#![allow(unsafe_code, reason = "the driver is a C library")]

use std::sync::{Arc, PoisonError};

use tilec_manifest::sentences;

use crate::device::Stream;
use crate::error::Error;
use crate::load::Program;
use crate::memory::Buffer;
use crate::ready::Prepared;

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

impl Program {
    /// The bytes of scratch memory that a launch with these sizes needs.
    pub fn workspace_bytes(&self, sizes: &[i64]) -> Result<u64, Error> {
        Ok(self.prepare(sizes)?.workspace_bytes())
    }

    /// The bytes of each argument of a launch with these sizes.
    pub fn argument_bytes(&self, sizes: &[i64]) -> Result<Vec<u64>, Error> {
        Ok(self.prepare(sizes)?.argument_bytes().to_vec())
    }

    /// Launches on buffers, which are large enough or the launch is refused.
    pub fn launch_on(
        &self,
        sizes: &[i64],
        arguments: &[Given<'_>],
        workspace: &Buffer,
        stream: &Stream,
    ) -> Result<(), Error> {
        let prepared = self.prepare(sizes)?;
        let needed = prepared.argument_bytes();
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
        unsafe { self.launch(&prepared, &values, workspace, stream.address()) }
    }

    /// Launches in the order of a stream (a `cudaStream_t` as a number).
    ///
    /// # Safety
    /// `prepared` is of this program. Addresses are in memory that the GPU reaches, hold as many bytes as the
    /// manifest says, and stay valid until the work has ended; the stream is one of
    /// this GPU's.
    pub unsafe fn launch(
        &self,
        prepared: &Prepared,
        arguments: &[Value],
        workspace: Workspace,
        stream: u64,
    ) -> Result<(), Error> {
        self.check(prepared, arguments, workspace)?;
        let _kept = self.device.enter_for_now()?;
        prepared.start(arguments, workspace, stream)
    }

    /// What launches with these sizes, in the order of the manifest, need but
    /// addresses; computed once. The first time, functions that no launch before has
    /// needed are compiled, which takes up to seconds where the cache lacks them.
    pub fn prepare(&self, sizes: &[i64]) -> Result<Arc<Prepared>, Error> {
        if let Some(prepared) = self.prepared(sizes) {
            return Ok(prepared);
        }
        let prepared = Arc::new(Prepared::new(self, sizes)?);
        let mut all = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED {
            all.clear();
        }
        all.insert(sizes.to_vec(), Arc::clone(&prepared));
        Ok(prepared)
    }

    /// What [`Program::prepare`] gave before for these sizes.
    #[must_use]
    pub fn prepared(&self, sizes: &[i64]) -> Option<Arc<Prepared>> {
        let all = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(sizes).map(Arc::clone)
    }

    /// The checks of addresses, in the words of the C launcher.
    fn check(
        &self,
        prepared: &Prepared,
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
        for ((argument, value), bytes) in arguments.iter().zip(given).zip(prepared.argument_bytes())
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
        check_workspace(prepared.workspace_bytes(), workspace)
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
