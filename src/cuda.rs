//! The CUDA target: from canonical equations to files.
//!
//! ```text
//! canonical --recognize--> plan --compile_plan (chip, tile blocks)--> tile program --emit--> CUDA C++
//! ```

use tilec_codegen_cuda::{Emitted, Source};
use tilec_ir::plan::Plan;
use tilec_ir::tensor::Tiling;
use tilec_ir::tile::Program;
use tilec_ir::{Diagnostic, Kernel, Module};
use tilec_target::Chip;

use crate::json;

/// What CUDA C++ is made for, and out of what.
#[derive(Clone, Debug)]
pub struct Cuda<'a> {
    /// Tiles are chosen for this chip.
    pub chip: &'a Chip,
    /// The kernel as it was written.
    pub kernel: &'a Kernel,
    /// Its tile blocks; those for other chips do nothing.
    pub tilings: Vec<&'a Tiling>,
    /// The text that comments name lines of.
    pub source: Source<'a>,
}

impl<'a> Cuda<'a> {
    /// For a kernel of a module, by its name; `None` if the module has none such.
    #[must_use]
    pub fn of(
        module: &'a Module,
        kernel: &str,
        chip: &'a Chip,
        source: Source<'a>,
    ) -> Option<Self> {
        let at = module.kernels.iter().position(|other| other.name == kernel)?;
        let tilings = module.tilings.iter().filter(|tiling| tiling.kernel == at).collect();
        Some(Self { chip, kernel: &module.kernels[at], tilings, source })
    }

    /// The tile program of a plan; what is wrong with the tile blocks is returned.
    pub fn program(&self, plan: Plan) -> Result<Program, Vec<Diagnostic>> {
        tilec_passes::compile_plan(plan, self.kernel, self.chip, &self.tilings)
    }

    /// A tile program as CUDA C++.
    #[must_use]
    pub fn emit(&self, program: &Program) -> Emitted {
        tilec_codegen_cuda::emit(program, self.source)
    }
}

/// The files of an emitted program by name: the source, its header and the manifest.
#[must_use]
pub fn files(emitted: Emitted) -> Vec<(String, Vec<u8>)> {
    let Emitted { source, header, manifest } = emitted;
    let name = &manifest.kernel;
    vec![
        (format!("{name}.cu"), source.into_bytes()),
        (format!("{name}.h"), header.into_bytes()),
        ("manifest.json".to_owned(), json::pretty(&manifest)),
    ]
}
