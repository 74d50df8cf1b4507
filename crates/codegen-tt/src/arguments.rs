//! The run-time arguments of a kernel, in the order that `program.json` gives them, and
//! what is made of them first: accessors of buffers, semaphores, rectangles of cores.
//!
//! They are the addresses of buffers, the role's own arguments, the place of the core, and
//! the NoC coordinates of the cores that it reaches: only what it uses.

use tilec_ir::dataflow::{self, Area};
use tilec_manifest::tensix::{self, Argument, Value};

use crate::kernel::{BufferNames, Kernel, RoleName, SemaphoreNames};
use crate::moves::area_names;

/// Reads the arguments, each once; gives them as `program.json` has them.
pub(crate) fn read(kernel: &mut Kernel<'_>, file: &str) -> tensix::Kernel {
    let mut list = Arguments { values: Vec::new() };
    let accessors = kernel.needs.buffers.clone();
    for at in &accessors {
        let buffer = kernel.program.buffers[*at].name.clone();
        let name = kernel.buffers[at].address.clone();
        list.read(kernel, &name, Value::Address(buffer));
    }
    let used = |argument: &&dataflow::Argument| kernel.needs.names.contains(&argument.name);
    for argument in kernel.role.arguments.iter().filter(used).collect::<Vec<_>>() {
        let name = kernel.names.number(&argument.name);
        list.read(kernel, &name, Value::PerCore(argument.values.clone()));
    }
    place(kernel, &mut list);
    for area in kernel.needs.areas.clone() {
        reach(kernel, &mut list, area);
    }
    accessor_lines(kernel);
    for (at, names) in kernel.semaphores.clone() {
        if kernel.needs.words.contains(&at) {
            let SemaphoreNames { id, word } = names;
            let pointer = "volatile tt_l1_ptr uint32_t*";
            kernel.line(format!(
                "const auto {word} = reinterpret_cast<{pointer}>(get_semaphore({id}));"
            ));
        }
    }
    let accessors = accessors.iter().map(|&at| kernel.program.buffers[at].name.clone());
    tensix::Kernel { file: file.to_owned(), accessors: accessors.collect(), arguments: list.values }
}

/// The run-time arguments so far.
#[derive(Debug)]
struct Arguments {
    values: Vec<Argument>,
}

impl Arguments {
    /// Adds one; gives its position.
    fn add(&mut self, name: &str, value: Value) -> usize {
        self.values.push(Argument { name: name.to_owned(), value });
        self.values.len() - 1
    }

    /// Adds one and the line that reads it.
    fn read(&mut self, kernel: &mut Kernel<'_>, name: &str, value: Value) {
        let position = self.add(name, value);
        kernel.line(format!("const uint32_t {name} = get_arg_val<uint32_t>({position});"));
    }
}

/// A number of each core, row by row.
fn per_core(kernel: &Kernel<'_>, number: impl Fn([u32; 2]) -> u32) -> Vec<u32> {
    let [columns, rows] = kernel.step.grid;
    (0..rows).flat_map(|row| (0..columns).map(move |column| [column, row])).map(number).collect()
}

fn place(kernel: &mut Kernel<'_>, list: &mut Arguments) {
    let [column, row] = kernel.needs.place;
    if column {
        let columns = per_core(kernel, |[column, _]| column);
        list.read(kernel, "core_column", Value::PerCore(columns));
    }
    if row {
        let rows = per_core(kernel, |[_, row]| row);
        list.read(kernel, "core_row", Value::PerCore(rows));
    }
}

/// NoC coordinates of the cores of this row (or column), and the rectangle that they are.
fn reach(kernel: &mut Kernel<'_>, list: &mut Arguments, area: Area) {
    let [columns, rows] = kernel.step.grid;
    let (name, own, other, along) = match area {
        Area::Row => ("row", "row_y", "row_x", columns),
        Area::Column => ("column", "column_x", "column_y", rows),
    };
    kernel.comment(&format!("Where the cores of this {name} are in the network."));
    let value = match area {
        Area::Row => Value::NocYPerCore(per_core(kernel, |[_, row]| row)),
        Area::Column => Value::NocXPerCore(per_core(kernel, |[column, _]| column)),
    };
    list.read(kernel, own, value);
    let first = list.values.len();
    for at in 0..along {
        let value = match area {
            Area::Row => Value::NocX(at),
            Area::Column => Value::NocY(at),
        };
        list.add(&format!("{other}_{at}"), value);
    }
    kernel.line(format!(
        "const auto {other} = [](uint32_t at) {{ return get_arg_val<uint32_t>({first} + at); }};"
    ));
    if kernel.needs.rectangles.contains(&area) {
        let line = rectangle(kernel.role_name, area);
        line.lines().for_each(|line| kernel.line(line));
    }
}

/// The function that gives an address of L1 at all cores of an area. NoC 1 goes the other
/// way, so that a rectangle there begins with its last corner.
fn rectangle(role: RoleName, area: Area) -> String {
    let [name, cores] = area_names(area);
    let corner = |at: &str| match area {
        Area::Row => format!("row_x({at}), row_y"),
        Area::Column => format!("column_x, column_y({at})"),
    };
    let corners = [corner("0"), corner(&format!("{cores} - 1"))];
    let [first, last] = match (role, corners) {
        (RoleName::Writer, [first, last]) => [last, first],
        (RoleName::Reader | RoleName::Compute, corners) => corners,
    };
    format!(
        "const auto {name} = [=](uint32_t address) {{\n    return get_noc_multicast_addr({first}, {last}, address);\n}};"
    )
}

/// What gives the address of a page of each buffer.
fn accessor_lines(kernel: &mut Kernel<'_>) {
    let mut offset = "0".to_owned();
    for at in kernel.needs.buffers.clone() {
        let BufferNames { name, address, layout } = kernel.buffers[&at].clone();
        let ring = kernel.needs.pages_of[&at];
        let bytes = format!("get_tile_size({})", kernel.ring(ring));
        kernel.line(format!("constexpr auto {layout} = TensorAccessorArgs<{offset}>();"));
        kernel.line(format!("const auto {name} = TensorAccessor({layout}, {address}, {bytes});"));
        offset = format!("{layout}.next_compile_time_args_offset()");
    }
}
