//! The Tensix target: from canonical equations to files.
//!
//! ```text
//! canonical --recognize--> plan --compile_dataflow (chip, tile blocks)--> dataflow program
//!           --emit--> reader.cpp, compute.cpp, writer.cpp, program.json, run.py
//! ```
//!
//! Programs are made for one size each, so that all sizes are bound first.

use tilec_codegen_tt::{Emitted, RUN_PY, Source};
use tilec_ir::dataflow::Program;
use tilec_ir::plan::Plan;
use tilec_ir::tensor::Tiling;
use tilec_ir::{Diagnostic, Kernel, Module};
use tilec_target::Chip;

/// What Tensix kernels are made for, and out of what.
#[derive(Clone, Debug)]
pub struct Tensix<'a> {
    /// Grids and blocks are chosen for this chip.
    pub chip: &'a Chip,
    /// The kernel as it was written.
    pub kernel: &'a Kernel,
    /// Its tile blocks; those for other chips do nothing.
    pub tilings: Vec<&'a Tiling>,
    /// The text that comments name lines of.
    pub source: Source<'a>,
    /// The sizes that are bound, in the order of the source.
    pub sizes: Vec<(String, i64)>,
}

impl<'a> Tensix<'a> {
    /// For a kernel of a module, by its name, with the sizes that [`bound`] gives; `None` if
    /// the module has none such.
    #[must_use]
    pub fn of(
        module: &'a Module,
        kernel: &str,
        chip: &'a Chip,
        source: Source<'a>,
        sizes: Vec<(String, i64)>,
    ) -> Option<Self> {
        let at = module.kernels.iter().position(|other| other.name == kernel)?;
        let tilings = module.tilings.iter().filter(|tiling| tiling.kernel == at).collect();
        Some(Self { chip, kernel: &module.kernels[at], tilings, source, sizes })
    }

    /// The dataflow program of a plan.
    ///
    /// # Errors
    /// Sizes that are not bound, what is wrong with the tile blocks, and what Tensix has no way
    /// to run.
    pub fn program(&self, plan: Plan) -> Result<Program, Vec<Diagnostic>> {
        tilec_passes::compile_dataflow(plan, self.kernel, self.chip, &self.tilings)
    }

    /// A dataflow program as kernels.
    #[must_use]
    pub fn emit(&self, program: &Program) -> Emitted {
        tilec_codegen_tt::emit(program, self.source, &self.sizes)
    }
}

/// The sizes that a program is made for: those of `set`, and defaults of others. Names that
/// the kernel doesn't have stay, for who binds them to refuse.
#[must_use]
pub fn bound(kernel: &Kernel, set: &[(String, i64)]) -> Vec<(String, i64)> {
    let is_set = |name: &str| set.iter().any(|(other, _)| other == name);
    let others = kernel.sizes.iter().filter(|(_, size)| !is_set(&size.name));
    let defaults = others.filter_map(|(_, size)| Some((size.name.clone(), size.default?)));
    let mut bound: Vec<_> = set.iter().cloned().chain(defaults).collect();
    let position = |name: &str| kernel.sizes.iter().position(|(_, size)| size.name == name);
    bound.sort_by_key(|(name, _)| position(name));
    bound
}

/// The files of an emitted program by name, relative to one folder.
#[must_use]
pub fn files(emitted: &Emitted) -> Vec<(String, Vec<u8>)> {
    let programs = serde_json::to_string_pretty(&emitted.programs)
        .expect("a description of programs holds only what JSON can say");
    let kernels = emitted.kernels.iter().map(|(name, text)| (name.clone(), text.clone()));
    let host = [("program.json", programs + "\n"), ("run.py", RUN_PY.to_owned())];
    let host = host.map(|(name, text)| (name.to_owned(), text));
    kernels.chain(host).map(|(name, text)| (name, text.into_bytes())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Program;

    #[test]
    fn sizes_come_from_set_and_from_defaults() {
        let text = "kernel k[M, N = 8, K = 9](x: f32[M, N, K]) -> (y: f32[M, N, K]) \
                    { y[m, n, k] = x[m, n, k] }";
        let program = Program::check(text);
        let kernel = program.kernel(None).expect("there is one kernel");
        let set = |pairs: &[(&str, i64)]| -> Vec<_> {
            pairs.iter().map(|&(name, value)| (name.to_owned(), value)).collect()
        };
        assert_eq!(bound(kernel, &[]), set(&[("N", 8), ("K", 9)]));
        assert_eq!(
            bound(kernel, &set(&[("K", 1), ("M", 2)])),
            set(&[("M", 2), ("N", 8), ("K", 1)])
        );
    }
}
