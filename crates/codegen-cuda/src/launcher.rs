//! The C ABI launcher of an emitted program: the text behind the device code that
//! checks a launch, describes tensors to the copy engine and starts the functions.
//!
//! Takes a [`Manifest`] and nothing else, and does what it says; the runtime does
//! the same in the same words. NVRTC does not see the text.
//!
//! ```text
//! NAME_launch -> check_sizes, check_arguments, .. -> step_1, step_2, .. -> start
//! ```

mod expression;
mod step;
#[cfg(test)]
mod tests;

use tilec_cpp::Writer;
use tilec_manifest::{Arch, Base, Formula, Manifest, Parameter, Relation, TensorMap};

use crate::header::{Fields, header, is_value, launch_parameters, size_parameters};
use expression::{expression, largest};

/// What is launched.
struct Of<'a> {
    manifest: &'a Manifest,
    fields: Fields,
    /// Where pieces of the workspace begin that are not its start, each once.
    places: Vec<&'a Formula>,
}

/// Integers, checks and launches, for every program.
const HOST: &str = include_str!("launcher/host.cuh");

/// Bytes that are set aside for a launcher: few are longer, and growing a long text step by
/// step costs more than writing it.
const CAPACITY: usize = 1 << 20;

/// Tensor maps, for programs that have some.
const MAPS: &str = include_str!("launcher/maps.cuh");

/// The text of the launcher.
#[must_use]
pub fn launcher(manifest: &Manifest) -> String {
    let name = &manifest.kernel;
    let mut out = Writer::with_capacity(CAPACITY);
    out.line("#ifndef __CUDACC_RTC__").line("");
    write_includes(&mut out, manifest);
    for line in header(manifest).lines() {
        out.line(line);
    }
    out.line("").line(format!("namespace {name}_launcher {{")).line("");
    for line in HOST.lines() {
        out.line(line);
    }
    if has_maps(manifest) {
        out.line("");
        for line in MAPS.lines() {
            out.line(line);
        }
    }
    out.line("");
    let of = Of { manifest, fields: Fields::new(manifest), places: places(manifest) };
    write_sizes(&mut out, &of);
    write_checks(&mut out, &of);
    write_places(&mut out, &of);
    write_call(&mut out, manifest);
    let mut steps = Vec::new();
    for step in &manifest.steps {
        steps.push(step::write(&mut out, &of, step, steps.len() + 1));
    }
    write_launch(&mut out, manifest, &steps);
    out.line(format!("}}  // namespace {name}_launcher")).line("");
    write_interface(&mut out, &of);
    out.line("#endif  // __CUDACC_RTC__");
    out.finish()
}

fn parameters(manifest: &Manifest) -> impl Iterator<Item = &Parameter> {
    let variants = manifest.steps.iter().flat_map(|step| &step.variants);
    variants.flat_map(|variant| &variant.launches).flat_map(|launch| &launch.parameters)
}

fn has_maps(manifest: &Manifest) -> bool {
    parameters(manifest).any(|p| matches!(p, Parameter::TensorMap(_)))
}

fn places(manifest: &Manifest) -> Vec<&Formula> {
    let mut places: Vec<&Formula> = Vec::new();
    for parameter in parameters(manifest) {
        if let Parameter::Pointer(base) | Parameter::TensorMap(TensorMap { base, .. }) = parameter
            && let Base::Workspace(offset) = base
            && !matches!(offset, Formula::Constant(_))
            && !places.contains(&offset)
        {
            places.push(offset);
        }
    }
    places
}

fn write_includes(out: &mut Writer, manifest: &Manifest) {
    if has_maps(manifest) {
        out.line("#include <cuda.h>");
    }
    for include in ["cuda_runtime.h", "cstdarg", "cstdint", "cstdio", "initializer_list"] {
        out.line(format!("#include <{include}>"));
    }
    out.line("").comment(&format!(
        "What follows up to the namespace is {}.h, so that this file needs no other.",
        manifest.kernel
    ));
}

fn write_sizes(out: &mut Writer, of: &Of<'_>) {
    out.block("struct Sizes", ";", |out| {
        for name in &of.fields.sizes {
            out.line(format!("Integer {name};"));
        }
    });
    out.line("");
}

fn write_checks(out: &mut Writer, of: &Of<'_>) {
    let manifest = of.manifest;
    out.block("inline const char *check_sizes([[maybe_unused]] const Sizes &sizes)", "", |out| {
        for (name, size) in of.fields.sizes.iter().zip(&manifest.sizes) {
            let check = format!("check_size(\"{}\", sizes.{name})", size.name);
            return_error(out, &check);
        }
        for check in &manifest.checks {
            let condition = condition(of, &check.condition);
            out.block(&format!("if (!({condition}))"), "", |out| {
                out.line(format!("return {};", quote(&check.message)));
            });
        }
        out.line("return nullptr;");
    });
    out.line("");
    write_argument_checks(out, of);
    out.block("inline Integer workspace_for([[maybe_unused]] const Sizes &sizes)", "", |out| {
        let mut ends = largest(&manifest.workspace_bytes).into_iter();
        let first = ends.next().expect("a formula is one of its parts");
        out.line(format!("Integer bytes = {};", expression(of, first)));
        for end in ends {
            out.line(format!("bytes = larger(bytes, {});", expression(of, end)));
        }
        out.line("return bytes;");
    });
    out.line("");
}

/// A function for every place in the workspace, which many launches share. They have a
/// namespace, as launches have locals that are called like sizes.
fn write_places(out: &mut Writer, of: &Of<'_>) {
    if of.places.is_empty() {
        return;
    }
    out.block("namespace places", "  // namespace places", |out| {
        for (at, place) in of.places.iter().enumerate() {
            let head = format!("inline Integer at_{}([[maybe_unused]] const Sizes &sizes)", at + 1);
            out.block(&head, "", |out| {
                out.line(format!("return {};", expression(of, place)));
            });
        }
    });
    out.line("");
}

fn write_argument_checks(out: &mut Writer, of: &Of<'_>) {
    let manifest = of.manifest;
    let head = format!(
        "inline const char *check_arguments([[maybe_unused]] const {}_args &args, \
         [[maybe_unused]] const Sizes &sizes)",
        manifest.kernel
    );
    out.block(&head, "", |out| {
        let tensors = of.fields.arguments.iter().zip(&manifest.arguments);
        for (name, argument) in tensors.filter(|(_, argument)| !is_value(argument)) {
            let shape: Vec<_> = argument.shape.iter().map(|d| expression(of, d)).collect();
            let check = format!(
                "check_tensor(\"{}\", args.{name}, {{{}}}, {}, {})",
                argument.name,
                shape.join(", "),
                argument.element_bytes,
                argument.alignment.max(1)
            );
            return_error(out, &check);
        }
        out.line("return nullptr;");
    });
    out.line("");
}

/// Returns what `call` returns, unless it is null.
fn return_error(out: &mut Writer, call: &str) {
    out.block(&format!("if (const char *error = {call})"), "", |out| {
        out.line("return error;");
    });
}

fn condition(of: &Of<'_>, condition: &tilec_manifest::Condition) -> String {
    let relation = match condition.relation {
        Relation::Equal => "==",
        Relation::AtMost => "<=",
        Relation::Less => "<",
    };
    let (left, right) = (expression::whole(of, &condition.left), expression(of, &condition.right));
    format!("{left} {relation} {right}")
}

fn write_call(out: &mut Writer, manifest: &Manifest) {
    out.block("struct Call", ";", |out| {
        out.line(format!("const {}_args &args;", manifest.kernel));
        out.line("Sizes sizes;").line("char *workspace;").line("cudaStream_t stream;");
    });
    out.line("");
}

fn write_launch(out: &mut Writer, manifest: &Manifest, steps: &[String]) {
    let head = format!(
        "inline const char *launch(const {}_args &args, const Sizes &sizes, void *workspace, \
         int64_t workspace_bytes, cudaStream_t stream)",
        manifest.kernel
    );
    out.block(&head, "", |out| {
        for check in ["check_sizes(sizes)", "check_arguments(args, sizes)"] {
            return_error(out, check);
        }
        return_error(out, "check_workspace(workspace_for(sizes), workspace, workspace_bytes)");
        if let Some(Arch { major, minor, specific }) = Arch::parse(&manifest.arch) {
            let arch = &manifest.arch;
            let check = format!("check_device(\"{arch}\", {major}, {minor}, {specific})");
            return_error(out, &check);
        }
        out.line(
            "[[maybe_unused]] const Call call = {args, sizes, static_cast<char *>(workspace), stream};",
        );
        for step in steps {
            return_error(out, &format!("{step}(call)"));
        }
        out.line("return nullptr;");
    });
    out.line("");
}

/// The functions of the header.
fn write_interface(out: &mut Writer, of: &Of<'_>) {
    let Of { manifest, fields, .. } = of;
    let name = &manifest.kernel;
    let head =
        format!("extern \"C\" int64_t {name}_workspace_bytes({})", size_parameters(manifest));
    out.block(&head, "", |out| {
        let sizes = fields.sizes.join(", ");
        out.line(format!("const {name}_launcher::Sizes sizes = {{{sizes}}};"));
        out.block(&format!("if ({name}_launcher::check_sizes(sizes) != nullptr)"), "", |out| {
            out.line("return -1;");
        });
        out.line(format!(
            "const {name}_launcher::Integer bytes = {name}_launcher::workspace_for(sizes);"
        ));
        out.line("return bytes.fits && bytes.value >= 0 ? bytes.value : -1;");
    });
    out.line("");
    let head = format!("extern \"C\" const char *{name}_launch({})", launch_parameters(name));
    out.block(&head, "", |out| {
        out.block("if (args == nullptr)", "", |out| {
            out.line("return \"the address of the arguments is null\";");
        });
        let sizes: Vec<_> = fields.sizes.iter().map(|name| format!("args->{name}")).collect();
        out.line(format!("const {name}_launcher::Sizes sizes = {{{}}};", sizes.join(", ")));
        let call = "launch(*args, sizes, workspace, workspace_bytes, stream)";
        out.line(format!("return {name}_launcher::{call};"));
    });
    out.line("");
}

/// A string literal of C++.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted += "\\n",
            // `??` could begin a trigraph.
            '?' => quoted += "\\?",
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
