//! Compiled kernels and their launches on arrays.

use tilec_ir::tensor::{Kernel, Role};
use tilec_ir::{Array, Data, Diagnostic, Element, Kind, Launch};

use crate::emit::{self, Words};
use crate::jit::{self, Jit, Workspace};
use crate::llvm::Platform;
use crate::plan::plan;

/// A kernel as code for this machine; it serves all sizes.
#[derive(Debug)]
pub struct Compiled {
    kernel: Kernel,
    jit: Jit,
    text: String,
}

/// Deep expressions are followed by recursion, here and in LLVM.
const STACK_BYTES: usize = 256 << 20;

/// Compiles a kernel for this machine. The error is about the toolchain; a
/// verified kernel always compiles.
pub fn compile(kernel: &Kernel) -> Result<Compiled, String> {
    with_stack(|| {
        let platform = Platform::host();
        let text = text(kernel, &platform);
        let jit = Jit::new(&kernel.name, |context| platform.optimize(context, &text))?;
        Ok(Compiled { kernel: kernel.clone(), jit, text })
    })?
}

fn text(kernel: &Kernel, platform: &Platform) -> String {
    emit::emit(kernel, &plan(kernel), platform.machine, &platform.attributes())
}

fn with_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        let thread = thread.map_err(|e| format!("no thread to compile in: {e}"))?;
        Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

impl Compiled {
    /// Runs the kernel; `inputs` in the order of the kernel's inputs and of the
    /// shapes in `launch`. Returns the outputs in order.
    pub fn run(&self, launch: &Launch, inputs: &[Array]) -> Result<Vec<Array>, Diagnostic> {
        self.check_inputs(launch, inputs);
        let mut outputs = Vec::new();
        for id in self.kernel.tensors_of(Role::Output) {
            let element = Element::of(self.kernel.tensors[id].element);
            let array = Array::zeros(element, &launch.shapes[id.index()]);
            outputs.push(array.ok_or_else(out_of_memory)?);
        }
        let from: Vec<_> = inputs.iter().map(|array| address(&array.data)).collect();
        let to = outputs.iter_mut().map(|array| address_mut(&mut array.data)).collect();
        self.run_at(launch, from, to)?;
        Ok(outputs)
    }

    /// Runs the kernel on memory of the caller's, without copying: the bytes of the
    /// inputs and outputs in order, row-major, aligned to their elements.
    ///
    /// # Panics
    /// Where a tensor has other bytes than `launch` says, or lies askew.
    pub fn run_on(
        &self,
        launch: &Launch,
        inputs: &[&[u8]],
        outputs: &mut [&mut [u8]],
    ) -> Result<(), Diagnostic> {
        let place = |bytes: &&[u8]| (bytes.as_ptr().expose_provenance() as u64, bytes.len());
        let place_mut =
            |bytes: &mut &mut [u8]| (bytes.as_mut_ptr().expose_provenance() as u64, bytes.len());
        let from = self.addresses(Role::Input, launch, inputs.iter().map(place));
        let to = self.addresses(Role::Output, launch, outputs.iter_mut().map(place_mut));
        self.run_at(launch, from, to)
    }

    /// Runs on memory at these addresses, which holds what the launch says.
    fn run_at(&self, launch: &Launch, from: Vec<u64>, to: Vec<u64>) -> Result<(), Diagnostic> {
        let mut words: Vec<u64> = launch.sizes.iter().map(|&n| n.cast_unsigned()).collect();
        words.extend(from);
        words.extend(to);
        let at = Words::of(&self.kernel);
        words.resize(at.context() + 1, 0);
        words[at.workers()] = jit::workers() as u64;
        words[at.parallel_for()] = jit::parallel_for_address();
        let workspace = self.workspace(launch, &words)?;
        words[at.workspace()] = workspace.address();
        assert!(self.jit.run(&words), "a launch is bound to sizes that fit the kernel");
        Ok(())
    }

    /// LLVM text, as it is before optimization.
    #[must_use]
    pub fn llvm_ir(&self) -> String {
        self.text.clone()
    }

    /// An object file that defines what [`crate::header`] declares. It runs on
    /// any x86-64 with AVX2 and FMA, not only on this machine.
    #[must_use]
    pub fn object(&self) -> Vec<u8> {
        let platform = Platform::portable();
        let object = with_stack(|| platform.object(&text(&self.kernel, &platform)));
        let object = object.and_then(|object| object);
        object.expect("an LLVM that compiled for this machine also compiles for an older one")
    }

    fn workspace(&self, launch: &Launch, words: &[u64]) -> Result<Workspace, Diagnostic> {
        let shapes = launch.shapes.iter();
        let too_large = shapes.clone().any(|s| {
            s.iter().try_fold(8usize, |n, &d| n.checked_mul(d)).is_none_or(|n| n >> 46 != 0)
        });
        if too_large {
            return Err(out_of_memory());
        }
        let bytes = self.jit.workspace(words);
        usize::try_from(bytes).ok().and_then(Workspace::new).ok_or_else(out_of_memory)
    }

    /// The addresses of memory that has as many bytes as the launch says.
    fn addresses(
        &self,
        role: Role,
        launch: &Launch,
        memory: impl ExactSizeIterator<Item = (u64, usize)>,
    ) -> Vec<u64> {
        let tensors: Vec<_> = self.kernel.tensors_of(role).collect();
        assert_eq!(memory.len(), tensors.len(), "memory for each tensor");
        let checked = tensors.into_iter().zip(memory).map(|(id, (address, length))| {
            let tensor = &self.kernel.tensors[id];
            let bytes = Element::of(tensor.element).bytes();
            let count = launch.shapes[id.index()].iter().product::<usize>();
            let lies_well = length == 0 || address.is_multiple_of(bytes as u64);
            let fits = length == count * bytes && lies_well;
            assert!(fits, "the memory of `{}` is not as the launch was bound", tensor.name);
            address
        });
        checked.collect()
    }

    fn check_inputs(&self, launch: &Launch, inputs: &[Array]) {
        let expected: Vec<_> = self.kernel.tensors_of(Role::Input).collect();
        assert_eq!(inputs.len(), expected.len(), "one array for each input");
        for (id, array) in expected.into_iter().zip(inputs) {
            let tensor = &self.kernel.tensors[id];
            let count = array.shape.iter().product::<usize>();
            let fits = array.shape == launch.shapes[id.index()]
                && array.element == Element::of(tensor.element)
                && array.data.len() == count;
            assert!(fits, "`{}` is not as the launch was bound", tensor.name);
        }
    }
}

fn out_of_memory() -> Diagnostic {
    Diagnostic::global(
        Kind::OutOfMemory,
        "there is not enough memory for the tensors of this launch",
    )
    .help("use smaller sizes, or a machine with more memory")
}

fn address(data: &Data) -> u64 {
    let address = match data {
        Data::F32(x) => x.as_ptr().expose_provenance(),
        Data::I32(x) => x.as_ptr().expose_provenance(),
        Data::B16(x) => x.as_ptr().expose_provenance(),
        Data::B8(x) => x.as_ptr().expose_provenance(),
    };
    address as u64
}

fn address_mut(data: &mut Data) -> u64 {
    let address = match data {
        Data::F32(x) => x.as_mut_ptr().expose_provenance(),
        Data::I32(x) => x.as_mut_ptr().expose_provenance(),
        Data::B16(x) => x.as_mut_ptr().expose_provenance(),
        Data::B8(x) => x.as_mut_ptr().expose_provenance(),
    };
    address as u64
}
