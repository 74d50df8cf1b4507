//! What the engine reads, `plan.txt`: program.json with every number in its place.
//!
//! A line is a word and what belongs to it, as `engine/plan.cpp` says.

mod check;

use std::fmt::Write as _;

use tilec_manifest::tensix::{self, Programs, Role, Value};

use crate::failure::Failure;
use crate::layout;

pub(crate) use check::check;

/// The three kernels of a program, in the order of the engine's roles.
pub(crate) fn kernels(program: &tensix::Program) -> [&tensix::Kernel; 3] {
    [&program.reader, &program.compute, &program.writer]
}

/// The definitions that stand before a kernel's text; `role` as in [`kernels`].
pub(crate) fn preamble(programs: &Programs, program: &tensix::Program, role: usize) -> String {
    let arguments: Vec<String> = kernels(program)[role]
        .accessors
        .iter()
        .map(|name| {
            let at = programs.buffers.iter().position(|buffer| buffer.name == *name);
            let at = at.expect("accessors were checked");
            // Bit 1 says DRAM, as on the device; the buffer's number is the emulator's.
            format!("{}u, {}u", at << 8 | 2, programs.buffers[at].format.tile_bytes())
        })
        .collect();
    let rings = program.circular_buffers.iter().map(|ring| ring.index + 1).max().unwrap_or(0);
    let bytes = (0..rings).map(|index| {
        let ring = program.circular_buffers.iter().find(|ring| ring.index == index);
        ring.map_or(0, |ring| ring.format.tile_bytes()).to_string()
    });
    let arch = if programs.arch == "wormhole" { "ARCH_WORMHOLE" } else { "ARCH_BLACKHOLE" };
    let mut text = format!("#define {arch} 1\n#define KERNEL_BUILD 1\n");
    text += match role {
        1 => "#define TRISC_UNPACK 1\n#define TRISC_MATH 1\n#define TRISC_PACK 1\n",
        _ => "",
    };
    let _ = writeln!(text, "#define TILEC_NOC {}", u32::from(role == 2));
    let _ = writeln!(text, "#define KERNEL_COMPILE_TIME_ARGS {}", arguments.join(", "));
    let _ = writeln!(text, "#define TILEC_TILE_BYTES {}", bytes.collect::<Vec<_>>().join(", "));
    text
}

/// The text of `plan.txt`; `libraries` are the shared objects of the kernels, program by
/// program, role by role.
pub(crate) fn plan(
    programs: &Programs,
    libraries: &[[String; 3]],
    threads: usize,
    limit_seconds: f64,
) -> String {
    let mut text = format!("arch {}\nthreads {threads}\nlimit {limit_seconds}\n", programs.arch);
    for buffer in &programs.buffers {
        let role = match buffer.role {
            Role::Input => "input",
            Role::Output => "output",
            Role::Local => "local",
        };
        let address = layout::address(programs, &buffer.name).expect("buffers were counted");
        let format = format_name(buffer.format);
        let _ = writeln!(text, "buffer {} {format} {} {address} {role}", buffer.name, buffer.pages);
    }
    for (program, libraries) in programs.programs.iter().zip(libraries) {
        write_program(&mut text, programs, program, libraries);
    }
    text
}

fn write_program(
    text: &mut String,
    programs: &Programs,
    program: &tensix::Program,
    libraries: &[String; 3],
) {
    let math = &program.math;
    let _ = writeln!(
        text,
        "program {} {} {} {} {} {}",
        program.name,
        program.columns,
        program.rows,
        passes(&math.fidelity).expect("fidelities were checked"),
        u32::from(math.fp32_dest_acc),
        u32::from(math.full_sync)
    );
    let offsets = layout::ring_offsets(&program.circular_buffers);
    for (ring, offset) in program.circular_buffers.iter().zip(offsets) {
        let format = format_name(ring.format);
        let direct = u32::from(ring.unpack_to_dst);
        let (index, pages, name) = (ring.index, ring.pages, &ring.name);
        let _ = writeln!(text, "ring {index} {offset} {pages} {format} {direct} {name}");
    }
    for semaphore in &program.semaphores {
        let _ = writeln!(text, "semaphore {} {}", semaphore.initial, semaphore.name);
    }
    for (role, kernel) in kernels(program).into_iter().enumerate() {
        let _ = writeln!(text, "kernel {role} {} {}", libraries[role], kernel.file);
        let words: Vec<String> = (0..program.columns * program.rows)
            .flat_map(|core| kernel.arguments.iter().map(move |argument| (core, argument)))
            .map(|(core, argument)| word(programs, &argument.value, core).to_string())
            .collect();
        let _ = writeln!(text, "{}", words.join(" "));
    }
}

/// A run-time argument of a core.
fn word(programs: &Programs, value: &Value, core: u32) -> u32 {
    match value {
        Value::Address(name) => layout::address(programs, name).expect("addresses were checked"),
        Value::PerCore(words) => words[core as usize],
        Value::NocX(column) => layout::noc_x(programs, *column),
        Value::NocY(row) => layout::noc_y(programs, *row),
        Value::NocXPerCore(columns) => layout::noc_x(programs, columns[core as usize]),
        Value::NocYPerCore(rows) => layout::noc_y(programs, rows[core as usize]),
    }
}

/// How often the matrix unit passes over a product.
fn passes(fidelity: &str) -> Option<u32> {
    match fidelity {
        "LoFi" => Some(1),
        "HiFi2" => Some(2),
        "HiFi3" => Some(3),
        "HiFi4" => Some(4),
        _ => None,
    }
}

/// The name of a format in `program.json`.
fn format_name(format: tensix::Format) -> String {
    let name = serde_json::to_value(format).expect("formats are names");
    name.as_str().expect("formats are names").to_owned()
}

pub(crate) type Checked = Result<(), Failure>;
