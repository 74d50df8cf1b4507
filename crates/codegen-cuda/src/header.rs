//! The C header of an emitted program: the structure of its arguments, and the
//! functions that its launcher defines.
//!
//! Takes a [`Manifest`] and nothing else. Sizes are `int64_t` fields, tensors
//! addresses, scalar inputs values; the comment beside a field has the type, the
//! shape and the alignment. The header is C and C++, and includes nothing of CUDA.

use tilec_cpp::{Declaration, Names, Writer};
use tilec_manifest::{Argument, Formula, Manifest, OPTIONS, Operator};

use crate::names::RESERVED;

/// The names of the structure's fields, in the order of the manifest.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    /// Size parameters.
    pub(crate) sizes: Vec<String>,
    /// Arguments.
    pub(crate) arguments: Vec<String>,
}

impl Fields {
    pub(crate) fn new(manifest: &Manifest) -> Self {
        let mut names = Names::with(RESERVED);
        let sizes = manifest.sizes.iter().map(|size| names.make(&size.name)).collect();
        let arguments =
            manifest.arguments.iter().map(|argument| names.make(&argument.name)).collect();
        Self { sizes, arguments }
    }
}

/// The text of the header.
#[must_use]
pub fn header(manifest: &Manifest) -> String {
    let name = &manifest.kernel;
    let mut out = Writer::default();
    out.comment(&format!(
        "{name}: a kernel compiled by tilec for NVIDIA GPUs ({}, {}).\n\
         Compile its source with: nvcc -gencode=arch={},code={} {} -c {name}.cu",
        manifest.chip,
        manifest.arch,
        manifest.arch.replace("sm_", "compute_"),
        manifest.arch,
        OPTIONS.join(" ")
    ));
    out.line(format!("#ifndef TILEC_{name}_H")).line(format!("#define TILEC_{name}_H")).line("");
    out.line("#include <stdint.h>").line("");
    out.line("#ifdef __cplusplus").line("extern \"C\" {").line("#endif").line("");
    out.comment("A stream of CUDA: what it calls a cudaStream_t points to one.");
    out.line("struct CUstream_st;").line("");
    write_arguments(&mut out, manifest);
    write_functions(&mut out, manifest);
    out.line("#ifdef __cplusplus").line("}").line("#endif").line("").line("#endif");
    out.finish()
}

fn write_arguments(out: &mut Writer, manifest: &Manifest) {
    let fields = fields(manifest);
    out.comment(
        "Tensors are dense and row-major, lie in the GPU's memory and do not overlap. The address \
         of\none without elements may be null.",
    );
    out.block(&format!("struct {}_args", manifest.kernel), ";", |out| {
        // C has no structures without fields.
        if fields.is_empty() {
            out.line("char nothing;");
        }
        out.declarations(&fields);
    });
    out.line("");
}

fn fields(manifest: &Manifest) -> Vec<Declaration> {
    let names = Fields::new(manifest);
    let sizes = names.sizes.iter().zip(&manifest.sizes).map(|(name, size)| Declaration {
        code: format!("int64_t {name};"),
        says: size.default.map(|value| format!("by default {value}")).unwrap_or_default(),
    });
    let arguments = names.arguments.iter().zip(&manifest.arguments);
    let arguments = arguments.map(|(name, argument)| Declaration {
        code: format!("{}{name};", c_type(argument)),
        says: describe(argument),
    });
    sizes.chain(arguments).collect()
}

/// Whether it is passed by value.
pub(crate) fn is_value(argument: &Argument) -> bool {
    argument.shape.is_empty() && !argument.output
}

/// The type with what stands between it and the name.
fn c_type(argument: &Argument) -> &'static str {
    if !is_value(argument) {
        return if argument.output { "void *" } else { "const void *" };
    }
    match argument.element.as_str() {
        "f32" => "float ",
        "bf16" | "f16" => "uint16_t ",
        "i8" => "int8_t ",
        "u8" | "bool" | "f8e4m3" | "f8e5m2" => "uint8_t ",
        _ => "int32_t ",
    }
}

/// `bf16[M, N], aligned to 16 bytes`
fn describe(argument: &Argument) -> String {
    let element = &argument.element;
    if is_value(argument) {
        let is_pattern = matches!(element.as_str(), "bf16" | "f16" | "f8e4m3" | "f8e5m2");
        return if is_pattern { format!("the bits of a {element}") } else { element.clone() };
    }
    let shape: Vec<_> = argument.shape.iter().map(show).collect();
    let shape = if shape.is_empty() { String::new() } else { format!("[{}]", shape.join(", ")) };
    format!("{element}{shape}, aligned to {} bytes", argument.alignment)
}

/// A formula as the language writes a size; divisions are floors.
fn show(formula: &Formula) -> String {
    match formula {
        Formula::Constant(value) => value.to_string(),
        Formula::Size(name) => name.clone(),
        Formula::Apply(Operator::Add, a, b) => format!("{} + {}", show(a), show(b)),
        Formula::Apply(Operator::Sub, a, b) => format!("{} - {}", show(a), tight(b)),
        Formula::Apply(Operator::Mul, a, b) => format!("{} * {}", tight(a), tight(b)),
        Formula::Apply(Operator::Div, a, b) => format!("{} / {}", tight(a), tight(b)),
        Formula::Apply(Operator::Min, a, b) => format!("min({}, {})", show(a), show(b)),
        Formula::Apply(Operator::Max, a, b) => format!("max({}, {})", show(a), show(b)),
    }
}

/// Like [`show`], in parentheses where an operator beside it could bind its parts.
fn tight(formula: &Formula) -> String {
    let is_loose = matches!(
        formula,
        Formula::Apply(Operator::Add | Operator::Sub | Operator::Mul | Operator::Div, ..)
    );
    if is_loose { format!("({})", show(formula)) } else { show(formula) }
}

fn write_functions(out: &mut Writer, manifest: &Manifest) {
    let name = &manifest.kernel;
    out.comment("Bytes of workspace for these sizes; -1 if a launch with them is refused.");
    out.line(format!("int64_t {name}_workspace_bytes({});", size_parameters(manifest))).line("");
    out.comment(&format!(
        "Puts the kernel into the stream of the current device. Returns a null pointer, or a \
         sentence that\nsays why nothing runs; it stays until the thread's next call. The \
         workspace is\n{name}_workspace_bytes() bytes of the GPU's memory, aligned to 256, for \
         this launch alone until it has\nended. Allocates nothing and waits for nothing, and may \
         be captured in a graph.{}",
        facts(manifest)
    ));
    out.line(format!("const char *{name}_launch({});", launch_parameters(name))).line("");
}

/// The facts about sizes that a launch checks.
fn facts(manifest: &Manifest) -> String {
    let facts = manifest.checks.iter().map(|check| format!("\n- {}", check.message));
    let facts: String = facts.collect();
    if facts.is_empty() { facts } else { format!("\nIt is refused, among others, for:{facts}") }
}

/// `int64_t M, int64_t N`
pub(crate) fn size_parameters(manifest: &Manifest) -> String {
    let sizes = Fields::new(manifest).sizes;
    let sizes: Vec<_> = sizes.into_iter().map(|name| format!("int64_t {name}")).collect();
    if sizes.is_empty() { "void".to_owned() } else { sizes.join(", ") }
}

/// The parameters of the function that launches.
pub(crate) fn launch_parameters(name: &str) -> String {
    format!(
        "const struct {name}_args *args, void *workspace, int64_t workspace_bytes, \
         struct CUstream_st *stream"
    )
}
