//! The text of an emitted source, from its first comment to its last line.
//!
//! ```text
//! what it is, and how to build it
//! static assertions and device headers
//! functions
//! #ifndef __CUDACC_RTC__   launcher   #endif
//! ```

use sha2::{Digest, Sha256};
use std::fmt::Write;

use tilec_ir::print;
use tilec_manifest::{Launch, OPTIONS};

use crate::Emitted;
use crate::context::Context;
use crate::header::header;
use crate::launcher::launcher;
use crate::{device, manifest};

/// Puts everything together.
pub(crate) fn finish(mut cx: Context<'_>, launches: Vec<Vec<Vec<Launch>>>) -> Emitted {
    let mut parts = vec![opening(&cx), device::text(&cx.headers), instructions(&cx)];
    parts.append(&mut cx.functions);
    let mut manifest = manifest::manifest(&cx, launches);
    parts.push(launcher(&manifest));
    let source = parts.concat();
    manifest.source_sha256 = sha256(&source);
    Emitted { source, header: header(&manifest), manifest }
}

/// The functions around matrix instructions.
fn instructions(cx: &Context<'_>) -> String {
    if cx.instructions.is_empty() {
        return String::new();
    }
    let texts: Vec<_> = cx.instructions.values().map(String::as_str).collect();
    format!("namespace tilec {{\n\n{}\n}}  // namespace tilec\n\n", texts.join("\n"))
}

fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes all text");
        hex
    })
}

/// The comment at the top.
fn opening(cx: &Context<'_>) -> String {
    let kernel = cx.kernel();
    let (name, arch, chip) = (&kernel.name, &cx.program.arch, &cx.program.chip);
    let mut text = String::new();
    for line in print::header(kernel).lines() {
        text += &format!("// {line}\n").replace('\\', "");
    }
    let options = OPTIONS.join(" ");
    // `-arch` alone would also compile for the plain architecture, which has less.
    let virtual_arch = arch.replace("sm_", "compute_");
    text += &format!(
        "//\n// Emitted by tilec for {chip}. Build it with\n\
         //     nvcc -O3 {options} -gencode=arch={virtual_arch},code={arch} -c {name}.cu\n\
         // A product and a sum are one step only where fmaf says so.\n\n"
    );
    text
}
