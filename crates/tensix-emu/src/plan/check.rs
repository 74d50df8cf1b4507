//! Whether program.json, the texts and the inputs fit together, before anything is compiled.

use std::collections::{BTreeMap, BTreeSet};

use tilec_manifest::tensix::{Kernel, Program, Programs, Role, VERSION, Value};

use super::{Checked, kernels, passes};
use crate::failure::{Failure, Kind};
use crate::layout::L1_BYTES;

/// The most circular buffers that a core has.
const RINGS: u32 = 32;
/// The most semaphores that a core has room for.
const SEMAPHORES: usize = 16;
/// The most columns and rows of a chip's worker cores.
const GRID: u32 = 16;
/// The most buffers that have addresses here.
const BUFFERS: usize = 4096;

/// The first thing that doesn't fit.
pub(crate) fn check(
    programs: &Programs,
    texts: &BTreeMap<String, String>,
    inputs: &BTreeMap<String, Vec<u8>>,
) -> Checked {
    let version = programs.version;
    ensure(version == VERSION, "", || {
        format!("program.json has version {version}; this emulator reads {VERSION}")
    })?;
    let known = ["wormhole", "blackhole"].contains(&programs.arch.as_str());
    ensure(known, "", || format!("`{}` is no architecture", programs.arch))?;
    check_buffers(programs, inputs)?;
    programs.programs.iter().try_for_each(|program| check_program(programs, program, texts))
}

fn check_buffers(programs: &Programs, inputs: &BTreeMap<String, Vec<u8>>) -> Checked {
    let count = programs.buffers.len();
    ensure(count <= BUFFERS, "", || format!("{count} buffers; at most {BUFFERS}"))?;
    let mut names = BTreeSet::new();
    for buffer in &programs.buffers {
        let name = &buffer.name;
        check_name("", name)?;
        ensure(names.insert(name), "", || format!("two buffers are named {name}"))?;
        let pages = u32::try_from(buffer.pages).is_ok();
        ensure(pages, "", || format!("{} pages of {name} are too many", buffer.pages))?;
        if buffer.role != Role::Input {
            continue;
        }
        let expected = buffer.pages * u64::from(buffer.format.tile_bytes());
        let found = inputs.get(name).map(|bytes| bytes.len() as u64);
        ensure(found == Some(expected), "", || match found {
            None => format!("the input {name} has no pages"),
            Some(found) => format!("the pages of {name} are {found} bytes, not {expected}"),
        })?;
    }
    Ok(())
}

fn check_program(
    programs: &Programs,
    program: &Program,
    texts: &BTreeMap<String, String>,
) -> Checked {
    let name = &program.name;
    check_name(name, name)?;
    let (columns, rows) = (program.columns, program.rows);
    let grid = (1..=GRID).contains(&columns) && (1..=GRID).contains(&rows);
    ensure(grid, name, || format!("{columns} x {rows} cores; from 1 x 1 to {GRID} x {GRID}"))?;
    ensure(passes(&program.math.fidelity).is_some(), name, || {
        format!("`{}` is no math fidelity", program.math.fidelity)
    })?;
    let semaphores = program.semaphores.len();
    ensure(semaphores <= SEMAPHORES, name, || {
        format!("{semaphores} semaphores; at most {SEMAPHORES}")
    })?;
    check_rings(program)?;
    kernels(program).into_iter().try_for_each(|kernel| {
        ensure(texts.contains_key(&kernel.file), name, || format!("{} is missing", kernel.file))?;
        check_kernel(programs, program, kernel)
    })
}

fn check_rings(program: &Program) -> Checked {
    let name = &program.name;
    let mut taken = BTreeSet::new();
    for ring in &program.circular_buffers {
        check_name(name, &ring.name)?;
        let index = ring.index;
        ensure(index < RINGS, name, || format!("{} has index {index}; below {RINGS}", ring.name))?;
        ensure(taken.insert(index), name, || format!("two circular buffers have index {index}"))?;
        ensure(ring.pages > 0, name, || format!("the circular buffer {} has no pages", ring.name))?;
    }
    let bytes = |ring: &tilec_manifest::tensix::CircularBuffer| {
        u64::from(ring.pages) * u64::from(ring.format.tile_bytes())
    };
    let total: u64 = program.circular_buffers.iter().map(bytes).sum();
    if total <= L1_BYTES {
        return Ok(());
    }
    let table: Vec<String> = program
        .circular_buffers
        .iter()
        .map(|ring| format!("{} {} pages, {} bytes", ring.name, ring.pages, bytes(ring)))
        .collect();
    let sentence = format!(
        "circular buffers of {total} bytes; L1 has {L1_BYTES} for them ({})",
        table.join("; ")
    );
    Err(Failure::before(Kind::L1Capacity, name, sentence))
}

fn check_kernel(programs: &Programs, program: &Program, kernel: &Kernel) -> Checked {
    let cores = (program.columns * program.rows) as usize;
    let known = |buffer: &String| programs.buffers.iter().any(|b| b.name == *buffer);
    let wrong = |sentence: String| Failure {
        file: kernel.file.clone(),
        ..Failure::before(Kind::Program, &program.name, sentence)
    };
    if let Some(unknown) = kernel.accessors.iter().find(|buffer| !known(buffer)) {
        return Err(wrong(format!("the accessor of {unknown}, which is no buffer")));
    }
    for argument in &kernel.arguments {
        let name = &argument.name;
        let count = |words: &[u32]| {
            let found = words.len();
            (found != cores).then(|| format!("{name} has {found} words for {cores} cores"))
        };
        let outside = |place: u32, end: u32| {
            (place >= end).then(|| format!("{name} is the core at {place} of {end}"))
        };
        let fault =
            match &argument.value {
                Value::Address(buffer) => (!known(buffer))
                    .then(|| format!("{name} is the address of {buffer}, no buffer")),
                Value::PerCore(words) => count(words),
                Value::NocX(column) => outside(*column, program.columns),
                Value::NocY(row) => outside(*row, program.rows),
                Value::NocXPerCore(columns) => count(columns)
                    .or_else(|| columns.iter().find_map(|&c| outside(c, program.columns))),
                Value::NocYPerCore(rows) => {
                    count(rows).or_else(|| rows.iter().find_map(|&r| outside(r, program.rows)))
                }
            };
        fault.map_or(Ok(()), |sentence| Err(wrong(sentence)))?;
    }
    Ok(())
}

/// Names stand in lines of `plan.txt`, and buffers' also in names of files.
fn check_name(program: &str, name: &str) -> Checked {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let fine = !name.is_empty() && name.chars().all(plain) && !name.starts_with('.');
    ensure(fine, program, || format!("`{name}` is no name: letters, digits and _ only"))
}

fn ensure(holds: bool, program: &str, sentence: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Failure::before(Kind::Program, program, sentence())) }
}
