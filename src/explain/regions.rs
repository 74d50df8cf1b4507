//! What the recognizers found in a kernel, what came close, and what was chosen
//! for a chip: the second half of `tilec explain --target cuda`.
//!
//! ```text
//! regions of gemm:
//!   1  contraction  acc, c          line 9
//!        a       f8e4m3  a[m, k]
//!        ..
//!   came close:
//!     line 12: y is no contraction: `w[group[r], n, k]` is chosen by `group`, ..
//! ```

use std::fmt::Write;

use tilec_codegen_cuda::Source;
use tilec_ir::diagnostic::Span;
use tilec_ir::plan::{Plan, text};
use tilec_ir::{Diagnostic, Module, tile};
use tilec_passes::{normalize, recognize};
use tilec_target::Chip;

use crate::cuda::Cuda;

/// The regions of the kernels of a module, or of `only` one, and the tilings that
/// `chip` gets. `source` is the text that the module was made of. What is wrong
/// with the tile blocks is returned.
pub fn regions(
    module: &Module,
    source: &str,
    only: Option<&str>,
    chip: &Chip,
) -> Result<String, Vec<Diagnostic>> {
    let mut out = String::new();
    for kernel in module.kernels.iter().filter(|k| only.is_none_or(|only| only == k.name)) {
        let plan = recognize(&normalize(kernel));
        out += &found(&plan, source);
        let target = Cuda::of(module, &kernel.name, chip, Source { file: "", text: source });
        let target = target.expect("the kernel is one of the module");
        let program = target.program(plan)?;
        out += &indented(&tile::print::print(&program), "  ");
    }
    Ok(out)
}

/// What was found in a kernel, and what came close.
#[must_use]
pub fn found(plan: &Plan, source: &str) -> String {
    let mut out = format!("\nregions of {}:\n", plan.kernel.name);
    let mut line = |text: String| writeln!(out, "{}", text.trim_end()).expect("a String takes all");
    for (at, region) in plan.regions.iter().enumerate() {
        let span = plan.kernel.equations[region.covers[0]].span;
        let title = text::title(plan, region);
        line(format!("  {:>2}  {title}  (line {})", at + 1, line_of(source, span)));
        text::lines(plan, region).into_iter().for_each(|text| line(format!("        {text}")));
    }
    if !plan.declined.is_empty() {
        line("  came close:".to_owned());
    }
    for declined in &plan.declined {
        let tensor = plan.kernel.equations[declined.equation].tensor;
        let name = &plan.kernel.tensors[tensor].name;
        let at = line_of(source, declined.span);
        line(format!("    line {at}: {name} is no {}: {}", declined.pattern, declined.reason));
    }
    out
}

/// The line, counted from 1, on which a span begins.
fn line_of(source: &str, span: Span) -> usize {
    let start = span.start as usize;
    1 + source.bytes().take(start).filter(|&byte| byte == b'\n').count()
}

fn indented(text: &str, by: &str) -> String {
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("{by}{line}\n") };
    text.lines().map(line).collect()
}
