//! The C header of a compiled kernel: what its object file defines.
//!
//! Sizes, tensors and where to work are the fields of one structure, whose
//! layout is that of [`crate::emit::Words`]: eight bytes each, in this order.
//! The object needs `libm` and `memset` and nothing of Rust.

use tilec_cpp::{Declaration, Names, Writer};
use tilec_ir::print;
use tilec_ir::tensor::{FactKind, Kernel, Role, Tensor};
use tilec_ir::{Element, show};

/// Fields that every argument structure has.
const FIELDS: [&str; 4] = ["workspace", "workers", "parallel_for", "context"];

/// The text of the header of a kernel.
#[must_use]
pub fn header(kernel: &Kernel) -> String {
    let name = &kernel.name;
    let mut out = Writer::default();
    out.comment(&format!(
        "{name}: a kernel compiled by tilec for x86-64 with AVX2 and FMA. Link with -lm."
    ));
    out.line(format!("#ifndef TILEC_{name}_H")).line(format!("#define TILEC_{name}_H")).line("");
    out.line("#include <stdint.h>").line("");
    out.line("#ifdef __cplusplus").line("extern \"C\" {").line("#endif").line("");
    write_callbacks(&mut out, name);
    write_arguments(&mut out, kernel);
    write_functions(&mut out, kernel);
    out.line("#ifdef __cplusplus").line("}").line("#endif").line("").line("#endif");
    out.finish()
}

fn write_callbacks(out: &mut Writer, name: &str) {
    out.comment(
        "One task; `worker` is below `workers`, and tasks that run at the same time have \
         different ones.",
    );
    out.line(format!("typedef void (*{name}_body)(void *closure, int64_t task, int64_t worker);"));
    out.line("").comment(
        "Runs body(closure, task, worker) for every task below `tasks`, in any order and at the \
         same\ntime if it likes, and returns when all are done.",
    );
    let parameters = format!("void *context, int64_t tasks, {name}_body body, void *closure");
    out.line(format!("typedef void (*{name}_parallel_for)({parameters});")).line("");
}

fn write_arguments(out: &mut Writer, kernel: &Kernel) {
    let name = &kernel.name;
    out.comment("Tensors are dense and row-major and do not overlap.");
    out.block(&format!("struct {name}_args"), ";", |out| {
        out.declarations(&fields(kernel));
    });
    out.line("");
}

fn write_functions(out: &mut Writer, kernel: &Kernel) {
    let name = &kernel.name;
    out.comment("Bytes of workspace for the sizes and the number of workers; reads nothing else.");
    out.line(format!("int64_t {name}_workspace(const struct {name}_args *args);")).line("");
    let facts = facts(kernel);
    out.comment(&format!(
        "Runs the kernel. Returns 0, or 1 without touching a tensor if a size is negative{facts}."
    ));
    out.line(format!("int32_t {name}_run(const struct {name}_args *args);")).line("");
}

/// The fields of the structure: sizes, tensors, and where to work.
fn fields(kernel: &Kernel) -> Vec<Declaration> {
    let mut names = Names::with(&FIELDS);
    let declare = |code: String, says: &str| Declaration { code, says: says.to_owned() };
    let sizes = kernel.sizes.iter().map(|(_, size)| names.make(&size.name)).collect::<Vec<_>>();
    let mut fields: Vec<_> =
        sizes.into_iter().map(|name| declare(format!("int64_t {name};"), "")).collect();
    for role in [Role::Input, Role::Output] {
        for id in kernel.tensors_of(role) {
            let tensor = &kernel.tensors[id];
            let name = names.make(&tensor.name);
            let constant = if role == Role::Input { "const " } else { "" };
            let code = format!("{constant}{} *{name};", c_type(tensor));
            fields.push(declare(code, &describe(kernel, tensor)));
        }
    }
    let name = &kernel.name;
    let workspace = format!("{name}_workspace() bytes, aligned to 64");
    fields.push(declare("void *workspace;".to_owned(), &workspace));
    let workers = "how many tasks may run at a time; 0 counts as 1";
    fields.push(declare("int64_t workers;".to_owned(), workers));
    let serial = "null: one task after another";
    fields.push(declare(format!("{name}_parallel_for parallel_for;"), serial));
    fields.push(declare("void *context;".to_owned(), "handed to parallel_for"));
    fields
}

fn c_type(tensor: &Tensor) -> &'static str {
    match Element::of(tensor.element) {
        Element::F32 => "float",
        Element::I32 => "int32_t",
        Element::Bf16 | Element::F16 => "uint16_t",
        Element::I8 => "int8_t",
        Element::F8E4M3 | Element::F8E5M2 | Element::U8 | Element::Bool => "uint8_t",
    }
}

/// `bf16[M, N]`
fn describe(kernel: &Kernel, tensor: &Tensor) -> String {
    let element = print::scalar(kernel, tensor.element);
    let shape: Vec<_> = tensor.shape.iter().map(|&size| show(kernel, size)).collect();
    if shape.is_empty() { element } else { format!("{element}[{}]", shape.join(", ")) }
}

/// `, or one of these does not hold: ..`
fn facts(kernel: &Kernel) -> String {
    let is_of_sizes = |kind: FactKind| !matches!(kind, FactKind::Sorted(_) | FactKind::Finite(_));
    let facts = kernel.facts.iter().filter(|f| is_of_sizes(f.kind));
    let texts: Vec<_> = facts.map(|f| f.text.clone()).collect();
    if texts.is_empty() {
        return String::new();
    }
    format!(",\nor one of these does not hold: {}", texts.join(", "))
}
