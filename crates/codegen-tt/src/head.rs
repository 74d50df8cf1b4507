//! What stands before `kernel_main`: what the kernel is, includes, device headers,
//! constants, rings and semaphores. Only what the kernel uses is declared.

use std::collections::BTreeSet;

use tilec_ir::dataflow::{Area, Constant, Format};

use crate::compute::PRODUCT;
use crate::device;
use crate::kernel::{BufferNames, Kernel, RoleName, SemaphoreNames};
use crate::moves::area_names;
use crate::vector;

/// Headers of the reader and the writer.
const TRANSFER_HEADERS: [&str; 1] = ["api/dataflow/dataflow_api.h"];

/// Headers of every compute kernel.
const COMPUTE_HEADERS: [&str; 6] = [
    "api/compute/cb_api.h",
    "api/compute/common.h",
    "api/compute/compute_kernel_hw_startup.h",
    "api/compute/pack.h",
    "api/compute/reconfig_data_format.h",
    "api/compute/reg_api.h",
];

/// Names everything that the role uses, in the order in which names matter to readers.
pub(crate) fn name_everything(kernel: &mut Kernel<'_>) {
    let (program, step) = (kernel.program, kernel.step);
    for constant in used_constants(kernel) {
        kernel.names.number(&constant.name);
    }
    for argument in &kernel.role.arguments {
        kernel.names.number(&argument.name);
    }
    for at in kernel.needs.buffers.clone() {
        let name = kernel.names.make(&program.buffers[at].name);
        let address = kernel.names.make(&format!("{name}_address"));
        let layout = kernel.names.make(&format!("{name}_layout"));
        kernel.buffers.insert(at, BufferNames { name, address, layout });
    }
    for at in kernel.needs.rings.clone() {
        let name = kernel.names.make(&format!("cb_{}", step.circular[at].name));
        kernel.rings.insert(at, name);
    }
    name_counts(kernel);
    for at in kernel.needs.semaphores.clone() {
        let id = kernel.names.make(&step.semaphores[at].name);
        let word = kernel.names.make(&format!("{id}_word"));
        kernel.semaphores.insert(at, SemaphoreNames { id, word });
    }
}

/// A ring whose pages always go by the same number has a name for it.
fn name_counts(kernel: &mut Kernel<'_>) {
    for &ring in &kernel.needs.rings {
        let mut counts = kernel.needs.counts.iter().filter(|count| count.0 == ring);
        if let (Some(&count), None) = (counts.next(), counts.next())
            && count.1 > 1
        {
            let name = kernel.names.make(&format!("{}_block", kernel.step.circular[ring].name));
            kernel.counts.insert(count, name);
        }
    }
}

fn used_constants<'p>(kernel: &Kernel<'p>) -> Vec<&'p Constant> {
    let used = |name: &str| kernel.needs.names.contains(name);
    kernel.step.constants.iter().filter(|constant| used(&constant.name)).collect()
}

/// Everything before `kernel_main`.
pub(crate) fn declare(kernel: &mut Kernel<'_>) {
    title(kernel);
    includes(kernel);
    device_headers(kernel);
    let mut declarations = constants(kernel);
    declarations.extend(grid(kernel));
    declarations.extend(product(kernel));
    declare_all(kernel, "", declarations);
    let rings = rings(kernel);
    declare_all(kernel, "Circular buffers: format, capacity, and what they hold.", rings);
    let semaphores =
        kernel.semaphores.iter().map(|(at, names)| declaration(&names.id, number(*at), ""));
    let semaphores = semaphores.collect();
    declare_all(kernel, "Semaphores.", semaphores);
}

fn title(kernel: &mut Kernel<'_>) {
    let (program, step) = (kernel.program, kernel.step);
    let [columns, rows] = step.grid;
    let what = match kernel.role_name {
        RoleName::Reader => "reads from DRAM over NoC 0",
        RoleName::Compute => "computes",
        RoleName::Writer => "writes to DRAM over NoC 1",
    };
    let (name, chip) = (&program.plan.kernel.name, &program.chip);
    kernel.comment(&format!(
        "{name}, {}: {what}, on each of {columns} x {rows} cores of {chip}.",
        step.name
    ));
    if kernel.role_name == RoleName::Compute {
        let section = if step.full_sync { "one section" } else { "two sections" };
        let bits = if step.f32_dst { 32 } else { 16 };
        kernel.comment(&format!(
            "{:?}; DST in {section} of {} tiles of {bits} bits.",
            step.fidelity,
            step.dst_tiles()
        ));
        kernel.comment(&step.chosen_by);
    }
    if !kernel.needs.vectors.is_empty() {
        kernel.comment(
            "The functions of the vector unit stand first; the kernel itself is at the end.",
        );
    }
    kernel.line("");
}

fn includes(kernel: &mut Kernel<'_>) {
    let needs = &kernel.needs;
    let mut headers: Vec<&str> = match kernel.role_name {
        RoleName::Reader | RoleName::Writer => TRANSFER_HEADERS.to_vec(),
        RoleName::Compute => COMPUTE_HEADERS.to_vec(),
    };
    if !needs.products.is_empty() {
        headers.push("api/compute/matmul.h");
    }
    if needs.copies {
        headers.push("api/compute/tile_move_copy.h");
    }
    headers.sort_unstable();
    if needs.minimum {
        kernel.out.line("#include <algorithm>").line("");
    }
    headers.into_iter().for_each(|header| kernel.line(format!("#include \"{header}\"")));
}

/// The functions of the vector unit and of L1 that are called.
fn device_headers(kernel: &mut Kernel<'_>) {
    let mut functions: BTreeSet<String> =
        kernel.needs.vectors.iter().map(vector::function).collect();
    functions.extend(kernel.needs.l1_functions.iter().map(|&name| name.to_owned()));
    // Threads of the compute role learn words from each other.
    if kernel.needs.learns && kernel.role_name != RoleName::Compute {
        functions.insert("work_word".to_owned());
    }
    for header in device::headers(&functions) {
        kernel.line("");
        header.lines().for_each(|line| kernel.line(line));
    }
}

/// A constant and what to say of it.
struct Declaration {
    code: String,
    says: String,
}

/// Declarations with what is said of them in one column.
fn declare_all(kernel: &mut Kernel<'_>, title: &str, declarations: Vec<Declaration>) {
    if declarations.is_empty() {
        return;
    }
    kernel.line("");
    kernel.comment(title);
    let width = declarations.iter().map(|d| d.code.chars().count()).max().unwrap_or(0);
    for Declaration { code, says } in declarations {
        match says.is_empty() {
            true => kernel.line(code),
            false => kernel.line(format!("{code:<width$} // {}", says.replace(['\n', '\\'], " "))),
        }
    }
}

fn declaration(name: &str, value: u32, says: &str) -> Declaration {
    Declaration { code: format!("constexpr uint32_t {name} = {value};"), says: says.to_owned() }
}

fn constants(kernel: &mut Kernel<'_>) -> Vec<Declaration> {
    let constants = used_constants(kernel).into_iter().map(|constant| {
        let name = kernel.names.number(&constant.name);
        declaration(&name, constant.value, &constant.says)
    });
    constants.collect()
}

/// The sizes of the rectangle, where cores of it are reached as a whole.
fn grid(kernel: &Kernel<'_>) -> Vec<Declaration> {
    let areas = kernel.needs.rectangles.iter().map(|area| {
        let [_, cores] = area_names(*area);
        match area {
            Area::Row => declaration(cores, kernel.step.grid[0], "cores of a row"),
            Area::Column => declaration(cores, kernel.step.grid[1], "cores of a column"),
        }
    });
    areas.collect()
}

/// The shape of products, if there is one.
fn product(kernel: &Kernel<'_>) -> Vec<Declaration> {
    let [(a, b, transpose, [rows, columns, depth])] = kernel.needs.products.as_slice() else {
        return vec![];
    };
    let [a, b] = [a, b].map(|ring| &kernel.step.circular[*ring].name);
    let [transposed, dst_columns, dst_rows, stride] = PRODUCT;
    vec![
        declaration(dst_rows, *rows, "tiles of DST that one product fills: rows"),
        declaration(dst_columns, *columns, "and columns"),
        declaration(stride, *depth, &format!("tiles from a row of {a} to the next")),
        declaration(
            transposed,
            u32::from(*transpose),
            &format!("whether tiles of {b} are transposed"),
        ),
    ]
}

fn rings(kernel: &Kernel<'_>) -> Vec<Declaration> {
    let mut declarations = Vec::new();
    for (&at, name) in &kernel.rings {
        let ring = &kernel.step.circular[at];
        let format = format_name(ring.format);
        let says = format!("{format}, {}: {}", tiles(ring.tiles), ring.holds);
        declarations.push(declaration(name, number(at), &says));
    }
    for ((at, count), name) in &kernel.counts {
        let says = format!("tiles of {} at a time", kernel.rings[at]);
        declarations.push(declaration(name, *count, &says));
    }
    declarations
}

fn tiles(count: u32) -> String {
    if count == 1 { "1 tile".to_owned() } else { format!("{count} tiles") }
}

fn format_name(format: Format) -> &'static str {
    match format {
        Format::F32 => "f32",
        Format::Bf16 => "bf16",
        Format::F16 => "f16",
        Format::Bfp8 => "bfp8",
        Format::NativeE4M3 => "the chip's e4m3",
        Format::NativeE5M2 => "the chip's e5m2",
        Format::Word => "f32 that bypasses the source registers",
        Format::U16 => "16-bit integers",
        Format::Byte => "bytes",
    }
}

/// A position of a ring or a semaphore as the chip knows it.
fn number(at: usize) -> u32 {
    u32::try_from(at).expect("a verified step has few rings and semaphores")
}
