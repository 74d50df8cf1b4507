//! Pages in DRAM: buffers agree with their tensors; what is read was given or written by
//! an earlier step; every page of a result is written once.

use std::collections::BTreeSet;

use crate::dataflow::budget::plural;
use crate::dataflow::{Buffer, BufferAt, Format, Program};
use crate::tensor::{Kernel, Role};

use super::Limits;
use super::fault::Faults;

/// All rows of a tile, as bits.
pub(super) const ALL_ROWS: u32 = u32::MAX;

/// Who wrote each page of each buffer.
#[derive(Debug)]
pub(super) struct Pages {
    /// By buffer; empty for inputs.
    written: Vec<Vec<Written>>,
}

/// What was written to a page.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    /// By which step: 0 is none, else its position and 1.
    by: u16,
    /// Which rows, as bits.
    rows: u32,
}

impl Pages {
    pub(super) fn new(program: &Program) -> Self {
        let written = program.buffers.iter().map(|buffer| {
            let given = role(program, buffer) == Some(Role::Input);
            let pages = if given { 0 } else { usize::try_from(buffer.pages()).unwrap_or(0) };
            vec![Written::default(); pages]
        });
        let written = written.collect();
        Self { written }
    }

    /// A page is read by the step at this position.
    pub(super) fn read(
        &self,
        program: &Program,
        step: usize,
        buffer: BufferAt,
        page: u32,
    ) -> Result<(), String> {
        let Buffer { name, .. } = existing(program, buffer, page)?;
        match self.written[buffer].get(page as usize) {
            None => Ok(()),
            Some(&Written { by, .. }) if usize::from(by) == step + 1 => {
                Err(format!("page {page} of {name} is read by the step that writes it"))
            }
            Some(&Written { rows: ALL_ROWS, .. }) => Ok(()),
            Some(_) => Err(format!("page {page} of {name} is read, and no step has written it")),
        }
    }

    /// Any pages are read by the step at this position.
    pub(super) fn read_any(
        &self,
        program: &Program,
        step: usize,
        buffer: BufferAt,
    ) -> Result<(), String> {
        let pages = u32::try_from(program.buffers[buffer].pages()).unwrap_or(u32::MAX);
        (0..pages).try_for_each(|page| self.read(program, step, buffer, page))
    }

    /// Some rows of a page are written by the step at this position.
    pub(super) fn write(
        &mut self,
        program: &Program,
        step: usize,
        buffer: BufferAt,
        page: u32,
        rows: u32,
    ) -> Result<(), String> {
        let Buffer { name, .. } = existing(program, buffer, page)?;
        match self.written[buffer].get_mut(page as usize) {
            None => Err(format!("{name} is an input, which no step may write")),
            Some(written) => {
                let by = u16::try_from(step + 1).expect("fewer steps than 16 bits count");
                if written.rows & rows != 0 || (written.rows != 0 && written.by != by) {
                    return Err(format!("page {page} of {name} is written twice"));
                }
                *written = Written { by, rows: written.rows | rows };
                Ok(())
            }
        }
    }

    /// Every page of every result is written.
    pub(super) fn complete(&self, program: &Program, faults: &mut Faults) {
        for (buffer, written) in program.buffers.iter().zip(&self.written) {
            let lacks = |page: &Written| page.rows != ALL_ROWS;
            let missing = written.iter().filter(|page| lacks(page)).count();
            if let Some(page) = written.iter().position(lacks) {
                let name = &buffer.name;
                faults.add(format!(
                    "{missing} of {} pages of {name} are never written; the first is {page}",
                    written.len()
                ));
            }
        }
    }
}

/// The buffer, if it has that page.
fn existing(program: &Program, buffer: BufferAt, page: u32) -> Result<&Buffer, String> {
    let buffer = &program.buffers[buffer];
    let (name, pages) = (&buffer.name, buffer.pages());
    if u64::from(page) < pages {
        return Ok(buffer);
    }
    Err(format!("{name} has {}, and page {page} is not among them", plural(pages, "page")))
}

fn role(program: &Program, buffer: &Buffer) -> Option<Role> {
    let tensors = &program.plan.kernel.tensors;
    (buffer.tensor.index() < tensors.len()).then(|| tensors[buffer.tensor].role)
}

/// Buffers against their tensors.
pub(super) fn check(program: &Program, limits: Option<&Limits>, faults: &mut Faults) {
    let kernel = &program.plan.kernel;
    let mut names = BTreeSet::new();
    for buffer in &program.buffers {
        let name = &buffer.name;
        if !names.insert(name) {
            faults.add(format!("two buffers are named {name}"));
        }
        if let Err(sentence) = of_buffer(kernel, buffer) {
            faults.add(format!("buffer {name}: {sentence}"));
        }
    }
    for output in kernel.tensors_of(Role::Output) {
        if program.buffers.iter().all(|buffer| buffer.tensor != output) {
            let name = &kernel.tensors[output].name;
            faults.add(format!("output {name} lies in no buffer"));
        }
    }
    let bytes: u64 = program.buffers.iter().map(bytes_of).fold(0, u64::saturating_add);
    if let Some(limits) = limits.filter(|limits| bytes > limits.dram_bytes) {
        let sentence = format!(
            "the tensors take {bytes} bytes of DRAM, and the chip has {}",
            limits.dram_bytes
        );
        let rows =
            program.buffers.iter().map(|x| format!("{:<20} {:>14} B\n", x.name, bytes_of(x)));
        faults.over_dram(sentence, rows.collect());
    }
}

fn bytes_of(buffer: &Buffer) -> u64 {
    buffer.pages().saturating_mul(buffer.format.tile_bytes().into())
}

fn of_buffer(kernel: &Kernel, buffer: &Buffer) -> Result<(), String> {
    if buffer.tensor.index() >= kernel.tensors.len() {
        return Err("it holds no tensor".to_owned());
    }
    let shape = &kernel.tensors[buffer.tensor].shape;
    let rank = shape.len() + usize::from(buffer.format == Format::U16);
    let groups = [&buffer.batch, &buffer.rows, &buffer.columns];
    let mut dimensions: Vec<_> = groups.iter().flat_map(|group| group.iter().copied()).collect();
    dimensions.sort_unstable();
    if dimensions != (0..rank).collect::<Vec<_>>() {
        return Err(format!("it splits dimensions {dimensions:?} of {rank}"));
    }
    for (group, found) in groups.into_iter().zip(buffer.extent) {
        let lengths = group.iter().map(|&dimension| match shape.get(dimension) {
            Some(&length) => kernel.ints.as_constant(length),
            None => Some(2),
        });
        let expected = lengths.map(|length| length.and_then(|x| u64::try_from(x).ok()));
        let expected: Option<u64> =
            expected.collect::<Option<Vec<_>>>().map(|lengths| lengths.iter().product());
        if expected != Some(found) {
            return Err(format!("extents {:?} are not those of its tensor", buffer.extent));
        }
    }
    if buffer.pages() > u64::from(u32::MAX) {
        return Err(format!("{} pages are more than 32 bits count", buffer.pages()));
    }
    Ok(())
}
