//! The target cpu: compiled through LLVM where this build has it, else run by
//! the interpreter.

#[cfg(not(feature = "llvm"))]
use tilec_ir::Element;
use tilec_ir::compare::Computed;
use tilec_ir::interpret::interpret_all;
use tilec_ir::tensor::{Role, Tensor};
use tilec_ir::{Array, Diagnostic, Id, Kernel, Launch};

/// A kernel ready to run on this machine.
#[derive(Debug)]
pub struct Executable {
    #[cfg(not(feature = "llvm"))]
    kernel: Kernel,
    #[cfg(feature = "llvm")]
    compiled: tilec_codegen_cpu::Compiled,
}

impl Executable {
    /// Compiles a kernel; the error is a sentence on this machine's toolchain.
    pub fn new(kernel: &Kernel) -> Result<Self, String> {
        Ok(Self {
            #[cfg(not(feature = "llvm"))]
            kernel: kernel.clone(),
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
            let _ = progress;
            self.compiled.run(launch, inputs)
        }
        #[cfg(not(feature = "llvm"))]
        tilec_ir::interpret::interpret(&self.kernel, launch, inputs, progress)
    }

    /// LLVM's text before optimization; `None` where the interpreter runs.
    #[must_use]
    pub fn llvm_ir(&self) -> Option<String> {
        #[cfg(feature = "llvm")]
        {
            Some(self.compiled.llvm_ir())
        }
        #[cfg(not(feature = "llvm"))]
        None
    }

    /// Runs it on memory of the caller's: the bytes of the inputs and outputs in
    /// order, row-major, as many as the launch says, aligned to their elements.
    /// Compiled code works in place; the interpreter copies.
    pub fn run_on(
        &self,
        launch: &Launch,
        inputs: &[&[u8]],
        outputs: &mut [&mut [u8]],
    ) -> Result<(), Diagnostic> {
        #[cfg(feature = "llvm")]
        {
            self.compiled.run_on(launch, inputs, outputs)
        }
        #[cfg(not(feature = "llvm"))]
        {
            let arrays = self.kernel.tensors_of(Role::Input).zip(inputs).map(|(id, bytes)| {
                let element = Element::of(self.kernel.tensors[id].element);
                let shape = launch.shapes[id.index()].clone();
                Array { element, shape, data: crate::arrays::from_bytes(element, bytes) }
            });
            let arrays: Vec<_> = arrays.collect();
            let computed = self.run(launch, &arrays, &|_| ())?;
            for (array, bytes) in computed.iter().zip(outputs) {
                bytes.copy_from_slice(&crate::arrays::to_bytes(&array.data));
            }
            Ok(())
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use tilec_ir::{Data, launch};

    const ROWS: &str = "kernel rows[M, N](x: f32[M, N], s: f32) -> (y: f32[M, N], top: f32[M])
{
    y[m, n] = x[m, n] * s
    top[m] = max[n](x[m, n])
}
";

    #[test]
    fn memory_of_the_caller_is_filled_as_arrays_are() {
        let checked = tilec_frontend::check(ROWS);
        let kernel = &checked.module.kernels[0];
        let executable = Executable::new(kernel).expect("it compiles");
        let shapes = [Some(vec![3, 5]), Some(vec![])];
        let launch = launch::bind(kernel, &shapes, &[]).expect("the shapes fit");
        let x: Vec<f32> = (0..15_u8).map(f32::from).collect();
        let inputs = [(vec![3, 5], x), (vec![], vec![2.5])];
        let inputs = inputs.map(|(shape, values)| Array {
            element: tilec_ir::Element::F32,
            shape,
            data: Data::F32(values),
        });
        let expected = executable.run(&launch, &inputs, &|_| ()).expect("it runs");

        let bytes = inputs.map(|array| crate::arrays::to_bytes(&array.data));
        let mut outputs: Vec<_> =
            expected.iter().map(|array| vec![0xff; array.len() * 4]).collect();
        let from: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
        let mut to: Vec<&mut [u8]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        executable.run_on(&launch, &from, &mut to).expect("it runs");
        for (array, bytes) in expected.iter().zip(&outputs) {
            assert_eq!(crate::arrays::to_bytes(&array.data), *bytes);
        }
    }
}
