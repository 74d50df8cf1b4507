//! The extension module behind the Python package `tilec`: kernels as callables.
//!
//! ```text
//! load(text) --check, compile--> Kernel --call(args)--> tensors --bind--> Call --target--> outputs
//! ```
//!
//! Everything is implemented in the libraries that the command line uses too; what is
//! here reads the arrays of NumPy and PyTorch, and turns every refusal into an
//! exception of its kind. No panic leaves this module ([`failure::guarded`]), and
//! nothing compiles or runs while it holds the interpreter's lock.

mod call;
mod cpu;
mod cuda;
mod cuda_exchange;
mod cuda_fast;
mod cuda_foreign;
mod cuda_program;
mod cuda_remember;
mod cuda_torch;
mod cuda_workspace;
mod data;
mod diagnostic;
mod failure;
mod framework;
mod kernel;
mod load;
mod memory;
mod scalar;
mod tensor;
mod torch;

mod numpy;

use pyo3::prelude::*;

/// What `import tilec` takes from here.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    failure::quiet_panics();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<diagnostic::Diagnostic>()?;
    module.add_class::<kernel::Kernel>()?;
    module.add_function(wrap_pyfunction!(load::load, module)?)?;
    module.add_function(wrap_pyfunction!(load::check, module)?)?;
    module.add_function(wrap_pyfunction!(failure::_panic, module)?)?;
    Ok(())
}
