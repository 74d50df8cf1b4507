//! The target cpu: compiled through LLVM where this build has it, else run by
//! the interpreter.

use tilec_ir::{Array, Diagnostic, Kernel, Launch};

/// A kernel ready to run on this machine.
#[derive(Debug)]
pub struct Executable<'a> {
    kernel: &'a Kernel,
    #[cfg(feature = "llvm")]
    compiled: tilec_codegen_cpu::Compiled,
}

impl<'a> Executable<'a> {
    /// Compiles a kernel; the error is a sentence on this machine's toolchain.
    pub fn new(kernel: &'a Kernel) -> Result<Self, String> {
        Ok(Self {
            kernel,
            #[cfg(feature = "llvm")]
            compiled: tilec_codegen_cpu::compile(kernel)?,
        })
    }

    /// Runs it; inputs and outputs in the order of the kernel's. `progress` is
    /// told the share that is done, by engines that know it.
    pub fn run(
        &self,
        launch: &Launch,
        inputs: &[Array],
        progress: &(dyn Fn(f64) + Sync),
    ) -> Result<Vec<Array>, Diagnostic> {
        #[cfg(feature = "llvm")]
        {
            let _ = (self.kernel, progress);
            self.compiled.run(launch, inputs)
        }
        #[cfg(not(feature = "llvm"))]
        tilec_ir::interpret::interpret(self.kernel, launch, inputs, progress)
    }
}
