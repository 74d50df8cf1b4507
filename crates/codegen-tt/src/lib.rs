//! Dataflow programs to Tensix C++.
//!
//! ```text
//! dataflow program --emit--> reader.cpp, compute.cpp, writer.cpp per step
//!                            program.json (how they are run), run.py (runs them)
//! ```
//!
//! [`emit`] spells a verified program out, op by op. Nothing is chosen here, and nothing
//! can fail; what the text adds to the program is what the chip's API wants said: which
//! formats the unpacker and the packer are set to ([`formats`]), arguments and their
//! positions ([`arguments`]), and the vector unit's functions ([`device`]). The same
//! program gives the same bytes.

mod arguments;
mod compute;
mod device;
mod elements;
mod formats;
mod head;
mod kernel;
mod manifest;
mod moves;
mod names;
mod needs;
mod rank;
mod vector;
mod work;

use tilec_ir::dataflow::{Program, Step};
use tilec_manifest::tensix::Programs;

pub use tilec_cpp::Source;

use crate::kernel::{Kernel, RoleName};

/// The script that runs a program through the vendor's runtime; the same for all.
pub const RUN_PY: &str = include_str!("../host/run.py");

/// An emitted program.
#[derive(Clone, Debug)]
pub struct Emitted {
    /// The kernels' texts, by the file names that `programs` has, in its order.
    pub kernels: Vec<(String, String)>,
    /// How they are run.
    pub programs: Programs,
}

/// Spells a verified program out. `source` is the text that it was compiled from, and
/// `sizes` are the values that were bound, in the order of the source.
#[must_use]
pub fn emit(program: &Program, source: Source<'_>, sizes: &[(String, i64)]) -> Emitted {
    let mut kernels = Vec::new();
    let steps = program.steps.iter().map(|step| {
        let made = RoleName::ALL.map(|role| {
            let file = file(program, step, role);
            let kernel = Kernel::new(program, step, role, source);
            let (text, described) = kernel.write(&file);
            kernels.push((file, text));
            described
        });
        manifest::program(step, made)
    });
    let steps = steps.collect();
    Emitted { kernels, programs: manifest::programs(program, sizes, steps) }
}

/// Where the text of a role goes: a folder for each step, if there are several.
fn file(program: &Program, step: &Step, role: RoleName) -> String {
    let name = role.name();
    match program.steps.as_slice() {
        [_] => format!("{name}.cpp"),
        _ => format!("{}/{name}.cpp", step.name),
    }
}
