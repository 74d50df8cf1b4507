//! The target cpu: compiled through LLVM where this build has it, else run by
//! the interpreter.

use tilec_ir::compare::Computed;
use tilec_ir::interpret::interpret_all;
use tilec_ir::tensor::{Role, Tensor};
use tilec_ir::{Array, Diagnostic, Id, Kernel, Launch};

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

/// Everything that the equations compute, by tensor: an engine for comparisons.
/// Without LLVM, or where it is of no use, this is the interpreter.
pub fn compute(
    kernel: &Kernel,
    launch: &Launch,
    inputs: &[Array],
    given: &[(Id<Tensor>, Array)],
    progress: &(dyn Fn(f64) + Sync),
) -> Computed {
    let open = Open::new(kernel, inputs, given);
    if cfg!(feature = "llvm")
        && let Ok(executable) = Executable::new(&open.kernel)
    {
        return Ok(open.by_tensor(executable.run(launch, &open.inputs, progress)?));
    }
    interpret_all(kernel, launch, inputs, given, progress)
}

/// A kernel whose given tensors are inputs and whose equations all make outputs.
struct Open {
    kernel: Kernel,
    inputs: Vec<Array>,
}

impl Open {
    fn new(kernel: &Kernel, inputs: &[Array], given: &[(Id<Tensor>, Array)]) -> Self {
        let mut contents: Vec<Option<&Array>> = vec![None; kernel.tensors.len()];
        for (id, array) in kernel.tensors_of(Role::Input).zip(inputs) {
            contents[id.index()] = Some(array);
        }
        for (id, array) in given {
            contents[id.index()] = Some(array);
        }
        let mut open = kernel.clone();
        open.equations.retain(|equation| contents[equation.tensor.index()].is_none());
        for id in kernel.tensors.ids() {
            let is_made = open.equations.iter().any(|equation| equation.tensor == id);
            open.tensors[id].role = match (contents[id.index()], is_made) {
                (Some(_), _) => Role::Input,
                (None, true) => Role::Output,
                (None, false) => Role::Local,
            };
        }
        let inputs = contents.into_iter().flatten().cloned().collect();
        Self { kernel: open, inputs }
    }

    fn by_tensor(&self, outputs: Vec<Array>) -> Vec<Option<Array>> {
        let mut computed = vec![None; self.kernel.tensors.len()];
        for (id, array) in self.kernel.tensors_of(Role::Output).zip(outputs) {
            computed[id.index()] = Some(array);
        }
        computed
    }
}
