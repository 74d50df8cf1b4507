//! The C header of a compiled kernel: what its object file defines.
//!
//! Sizes, tensors and where to work are the fields of one structure, whose
//! layout is that of [`crate::emit::Words`]: eight bytes each, in this order.
//! The object needs `libm` and `memset` and nothing of Rust.

use std::fmt::Write as _;

use tilec_ir::print;
use tilec_ir::tensor::{FactKind, Kernel, Role, Tensor};
use tilec_ir::{Element, show};

/// Fields that every argument structure has.
const FIELDS: [&str; 4] = ["workspace", "workers", "parallel_for", "context"];

/// Words that C or C++ keep for themselves, as far as they are names of ours.
const KEYWORDS: &str = " alignas alignof and_eq asm auto bitand bitor bool break case catch char \
    class compl concept const consteval constexpr constinit const_cast continue co_await \
    co_return co_yield decltype default delete do double dynamic_cast enum explicit export \
    extern false float for friend goto inline int long mutable namespace new noexcept not_eq \
    nullptr operator or_eq private protected public register reinterpret_cast requires restrict \
    return short signed sizeof static static_assert static_cast struct switch template this \
    thread_local throw true try typedef typeid typename union unsigned using virtual void \
    volatile wchar_t while xor xor_eq while typeof typeof_unqual linux unix ";

/// The text of the header of a kernel.
#[must_use]
pub fn header(kernel: &Kernel) -> String {
    let name = &kernel.name;
    let fields = fields(kernel);
    let facts = facts(kernel);
    format!(
        "\
/* {name}: a kernel compiled by tilec for x86-64 with AVX2 and FMA. Link with -lm. */
#ifndef TILEC_{name}_H
#define TILEC_{name}_H

#include <stdint.h>

#ifdef __cplusplus
extern \"C\" {{
#endif

/* One task; `worker` is below `workers`, and tasks that run at the same time have different ones. */
typedef void (*{name}_body)(void *closure, int64_t task, int64_t worker);

/* Runs body(closure, task, worker) for every task below `tasks`, in any order and at the same
   time if it likes, and returns when all are done. */
typedef void (*{name}_parallel_for)(void *context, int64_t tasks, {name}_body body, void *closure);

/* Tensors are dense and row-major and do not overlap. */
struct {name}_args {{
{fields}
    void *workspace;                      /* {name}_workspace() bytes, aligned to 64 */
    int64_t workers;                      /* how many tasks may run at a time; 0 counts as 1 */
    {name}_parallel_for parallel_for; /* null: one task after another */
    void *context;                        /* handed to parallel_for */
}};

/* Bytes of workspace for the sizes and the number of workers; reads nothing else. */
int64_t {name}_workspace(const struct {name}_args *args);

/* Runs the kernel. Returns 0, or 1 without touching a tensor if a size is negative{facts}. */
int32_t {name}_run(const struct {name}_args *args);

#ifdef __cplusplus
}}
#endif

#endif
"
    )
}

/// The fields of the sizes and tensors, a line each.
fn fields(kernel: &Kernel) -> String {
    let mut taken: Vec<String> = FIELDS.map(str::to_owned).to_vec();
    let mut text = String::new();
    for (_, size) in kernel.sizes.iter() {
        let name = field(&size.name, &mut taken);
        writeln!(text, "    int64_t {name};").expect("a string takes all text");
    }
    for role in [Role::Input, Role::Output] {
        for id in kernel.tensors_of(role) {
            let tensor = &kernel.tensors[id];
            let name = field(&tensor.name, &mut taken);
            let constant = if role == Role::Input { "const " } else { "" };
            let declaration = format!("{constant}{} *{name};", c_type(tensor));
            let described = describe(kernel, tensor);
            writeln!(text, "    {declaration:<37} /* {described} */")
                .expect("a string takes all text");
        }
    }
    text.trim_end().to_owned()
}

/// A name that C accepts and that no other field has.
fn field(name: &str, taken: &mut Vec<String>) -> String {
    let mut field = name.to_owned();
    while KEYWORDS.contains(&format!(" {field} ")) || taken.contains(&field) {
        field.push('_');
    }
    taken.push(field.clone());
    field
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
    let texts: Vec<_> = facts.map(|f| f.text.replace("*/", "* /")).collect();
    if texts.is_empty() {
        return String::new();
    }
    format!(",\n   or one of these does not hold: {}", texts.join(", "))
}
