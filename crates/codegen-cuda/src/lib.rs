//! Tile programs to CUDA C++.
//!
//! ```text
//! tile program --emit--> source (device headers, functions) + manifest
//! ```
//!
//! [`emit`] walks the steps of a verified program and spells each variant out by the
//! family of its body. Nothing is chosen here, and nothing can fail: what a program
//! needs was decided and verified before. The same program gives the same bytes.
//!
//! Arithmetic is that of the tensor IR, so the source is compiled with
//! `-fmad=false`: a product and a sum become one step only where `fmaf` says so.

mod checks;
mod context;
mod device;
mod formula;
mod function;
mod header;
mod index;
mod instruction;
mod launcher;
mod manifest;
mod names;
mod operations;
mod params;
mod points;
mod ranks;
mod rows;
mod scan;
mod select;
mod share;
mod stepped;
mod swapped;
mod text;
mod types;
mod unit;
mod value;
mod wgmma;

use tilec_ir::tile::{Body, Program, Step, Variant};
use tilec_manifest::{Launch, Manifest};

use crate::context::Context;

pub use crate::header::header;
pub use crate::launcher::launcher;
pub use tilec_cpp::Source;

/// An emitted program.
#[derive(Clone, Debug)]
pub struct Emitted {
    /// CUDA C++: the functions and, for other compilers than NVRTC, a launcher.
    pub source: String,
    /// The C header of the launcher.
    pub header: String,
    /// How the functions are launched.
    pub manifest: Manifest,
}

/// Spells a verified program out. `source` is the text that it was compiled from.
#[must_use]
pub fn emit(program: &Program, source: Source<'_>) -> Emitted {
    let mut cx = Context::new(program, source);
    let launches = share::launches(&mut cx, launches);
    unit::finish(cx, launches)
}

/// Writes the functions of one variant; returns what launches them.
fn launches(cx: &mut Context<'_>, step: &Step, variant: &Variant) -> Vec<Launch> {
    match &variant.kernel.body {
        Body::Pipeline(pipeline) if pipeline.swapped => swapped::emit(cx, step, variant),
        Body::Pipeline(_) => wgmma::emit(cx, step, variant),
        Body::Stepped(_) => stepped::emit(cx, step, variant),
        Body::Rows(_) => rows::emit(cx, step, variant),
        Body::Scan(_) => scan::emit(cx, step, variant),
        Body::Points(_) => points::emit(cx, step, variant),
        Body::Select(_) => select::emit(cx, step, variant),
        Body::Ranks(_) => ranks::emit(cx, step, variant),
        Body::Within(_) => Vec::new(),
    }
}
