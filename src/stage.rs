//! The pipeline behind the front end, stage by stage, with the text of each.
//!
//! ```text
//! tensor --specialize--> specialized --normalize--> canonical --recognize--> plan
//!                             |                                              |
//!                             +--> llvm --> object file, C header            +--> tile --> cuda
//!                                                                            +--> dataflow --> tt
//! ```

use clap::ValueEnum;
use tilec_codegen_cuda::Emitted;
use tilec_ir::plan::Plan;
use tilec_ir::tile::Program;
use tilec_ir::{Diagnostic, Kernel, dataflow, print, verify};
use tilec_passes::{Canonical, normalize, recognize, specialize};

use crate::cuda::Cuda;
use crate::plan_json;
use crate::tensix::Tensix;

/// A level of the pipeline that can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// The checked equations.
    Tensor,
    /// The equations with the sizes of `--set` bound.
    Specialized,
    /// The canonical equations that recognizers read.
    Canonical,
    /// What the recognizers found in them.
    Plan,
    /// The same as JSON, of the schema docs/schemas/plan.schema.json.
    PlanJson,
    /// How that is cut for a chip of --target cuda.
    Tile,
    /// CUDA C++ for a chip of --target cuda.
    Cuda,
    /// How the plan runs on the cores of a chip of --target tt.
    Dataflow,
    /// The LLVM module of the CPU target, before optimization.
    Llvm,
    /// Every stage, one numbered file each.
    All,
}

/// A kernel on its way through the pipeline.
#[derive(Debug)]
pub struct Compilation<'a> {
    kernel: &'a Kernel,
    specialized: Kernel,
    canonical: Canonical,
}

impl<'a> Compilation<'a> {
    /// Takes a checked kernel to its canonical form, verified at every level.
    pub fn new(kernel: &'a Kernel, set: &[(String, i64)]) -> Result<Self, Vec<Diagnostic>> {
        verify::assert_valid(kernel);
        let specialized = specialize(kernel, set)?;
        verify::assert_valid(&specialized);
        let canonical = normalize(&specialized);
        verify::assert_valid(canonical.kernel());
        Ok(Self { kernel, specialized, canonical })
    }

    /// The kernel's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.kernel.name
    }

    /// The kernel with its sizes bound.
    #[must_use]
    pub fn specialized(&self) -> &Kernel {
        &self.specialized
    }

    /// The text of a stage; of `All`, the texts of all stages.
    pub fn text(&self, stage: Stage) -> Result<String, String> {
        match stage {
            Stage::Tensor => Ok(print::print(self.kernel)),
            Stage::Specialized => Ok(print::print(&self.specialized)),
            Stage::Canonical => Ok(self.canonical.to_string()),
            Stage::Plan => Ok(self.plan().to_string()),
            Stage::PlanJson => Ok(plan_json::text(&self.plan())),
            Stage::Tile | Stage::Cuda => {
                Err("this stage belongs to --target cuda: it is made for a chip".to_owned())
            }
            Stage::Dataflow => {
                Err("this stage belongs to --target tt: it is made for a chip".to_owned())
            }
            Stage::Llvm => llvm_text(&self.specialized),
            Stage::All => self.stages().map(|files| {
                let text = |(name, bytes): (String, Vec<u8>)| {
                    format!("// {name}\n{}\n", String::from_utf8_lossy(&bytes))
                };
                files.into_iter().map(text).collect()
            }),
        }
    }

    /// Every stage as a numbered file.
    pub fn stages(&self) -> Result<Vec<(String, Vec<u8>)>, String> {
        let mut stages = vec![
            (Stage::Tensor, "1.tensor.txt"),
            (Stage::Specialized, "2.specialized.txt"),
            (Stage::Canonical, "3.canonical.txt"),
            (Stage::Plan, "4.plan.txt"),
            (Stage::PlanJson, "4.plan.json"),
        ];
        if cfg!(feature = "llvm") {
            stages.push((Stage::Llvm, "5.ll"));
        }
        let file = |(stage, ending): (Stage, &str)| {
            self.text(stage)
                .map(|text| (format!("{}.{ending}", self.kernel.name), text.into_bytes()))
        };
        stages.into_iter().map(file).collect()
    }

    /// What compiling for the CPU makes: an object file and its C header.
    pub fn files(&self) -> Result<Vec<(String, Vec<u8>)>, String> {
        cpu_files(&self.specialized)
    }
}

impl Compilation<'_> {
    /// What the recognizers find in the canonical equations.
    #[must_use]
    pub fn plan(&self) -> Plan {
        recognize(&self.canonical)
    }

    /// How the plan is cut for a chip; mistakes in its tile blocks are returned.
    pub fn program(&self, cuda: &Cuda<'_>) -> Result<Program, Vec<Diagnostic>> {
        cuda.program(self.plan())
    }

    /// CUDA C++ for a chip, with its header and how it is launched.
    pub fn cuda(&self, cuda: &Cuda<'_>) -> Result<Emitted, Vec<Diagnostic>> {
        Ok(cuda.emit(&self.program(cuda)?))
    }

    /// How the plan runs on the cores of a chip; what is in the way is returned.
    pub fn dataflow(&self, tensix: &Tensix<'_>) -> Result<dataflow::Program, Vec<Diagnostic>> {
        tensix.program(self.plan())
    }
}

#[cfg(feature = "llvm")]
fn llvm_text(kernel: &Kernel) -> Result<String, String> {
    Ok(tilec_codegen_cpu::compile(kernel)?.llvm_ir())
}

#[cfg(feature = "llvm")]
fn cpu_files(kernel: &Kernel) -> Result<Vec<(String, Vec<u8>)>, String> {
    let name = &kernel.name;
    let object = tilec_codegen_cpu::compile(kernel)?.object();
    let header = tilec_codegen_cpu::header(kernel).into_bytes();
    Ok(vec![(format!("{name}.o"), object), (format!("{name}.h"), header)])
}

#[cfg(not(feature = "llvm"))]
const WITHOUT_LLVM: &str = "this build of tilec has no LLVM: it can run kernels (tilec run), but not compile \
    them for the CPU; build it with the feature `llvm`";

#[cfg(not(feature = "llvm"))]
fn llvm_text(_: &Kernel) -> Result<String, String> {
    Err(WITHOUT_LLVM.to_owned())
}

#[cfg(not(feature = "llvm"))]
fn cpu_files(_: &Kernel) -> Result<Vec<(String, Vec<u8>)>, String> {
    Err(WITHOUT_LLVM.to_owned())
}
