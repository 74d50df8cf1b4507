//! The reference interpreter.

use crate::array::Array;
use crate::diagnostic::Diagnostic;
use crate::launch::Launch;
use crate::tensor::Kernel;

/// Runs a kernel; `inputs` in the order of the kernel's inputs, of the shapes
/// in `launch`. Returns the outputs in order. `progress` is told the share
/// that is done, in 0 ..= 1, now and then.
pub fn interpret(
    kernel: &Kernel,
    launch: &Launch,
    inputs: &[Array],
    progress: &(dyn Fn(f64) + Sync),
) -> Result<Vec<Array>, Diagnostic> {
    let _ = (kernel, launch, inputs, progress);
    Ok(Vec::new())
}
