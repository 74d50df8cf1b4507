//! What the arrays of a call must have in common: one framework, and one device that the
//! target runs on.

use crate::failure::{Failure, Kind, Result};
use crate::framework::Framework;
use crate::kernel::Parts;
use crate::tensor::{Device, Tensor};

/// What all arrays of a call have in common.
#[derive(Debug, Default)]
pub(super) struct Common {
    pub(super) first: Option<(String, Framework, Device)>,
}

impl Common {
    /// Adds the array of this name.
    pub(super) fn add(
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
