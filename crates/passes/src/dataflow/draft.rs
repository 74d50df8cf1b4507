//! A program under construction: its plan, and the buffers that steps have asked for.
//!
//! An input lies in as many orders as steps want, since the host lays it out. What a
//! step writes lies as that step wrote it; a later step that wants it in another order
//! is told so, unless both orders have the same pages.

use std::collections::BTreeSet;

use tilec_ir::dataflow::{Buffer, BufferAt, Format, Op, Program, Step};
use tilec_ir::plan::Plan;
use tilec_ir::tensor::{Kernel, Role, Tensor};
use tilec_ir::{Diagnostic, Id, Kind, Scalar, Span};
use tilec_target::{Chip, Tensix};

use super::vector::{ELSEWHERE, Order, length};

/// Rows and columns of a tile.
const TILE: u64 = 32;

/// The plan and the buffers so far.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) plan: Plan,
    pub(crate) chip: &'a Chip,
    pub(crate) buffers: Vec<Buffer>,
    /// Whether a tensor that lies otherwise than it is read is copied first.
    pub(crate) turns: bool,
    /// The buffers that are to be copied, and to which others.
    turned: Vec<[BufferAt; 2]>,
    steps: BTreeSet<String>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(plan: Plan, chip: &'a Chip) -> Self {
        Self {
            plan,
            chip,
            buffers: Vec::new(),
            turns: false,
            turned: Vec::new(),
            steps: BTreeSet::new(),
        }
    }

    pub(crate) fn tensix(&self) -> &'a Tensix {
        self.chip.tensix()
    }

    /// The format of rings from which f32 elements are copied to DST.
    pub(crate) fn f32_ring(&self) -> Format {
        if self.tensix().words_to_dst { Format::Word } else { Format::F32 }
    }

    /// The buffer that holds a tensor in an order; `span` is where it is read.
    ///
    /// # Errors
    /// A tensor that was written in an order or a format with other pages, and more tiles
    /// than can be counted.
    pub(crate) fn read(
        &mut self,
        tensor: Id<Tensor>,
        order: &Order,
        format: Format,
        span: Span,
    ) -> Result<BufferAt, Diagnostic> {
        let wanted = buffer(&self.plan.kernel, tensor, order, format);
        let mut same = self.buffers.iter().enumerate().filter(|(_, b)| b.tensor == tensor);
        if self.plan.kernel.tensors[tensor].role == Role::Input {
            let found = same.find(|(_, b)| lies_as(b, &wanted)).map(|(at, _)| at);
            return found.map_or_else(|| self.push(wanted), Ok);
        }
        // Without a writer, the region that should have been it has failed.
        let Some((at, written)) = same.next() else { return self.push(wanted) };
        if let Some(found) = self.same(&wanted) {
            return Ok(found);
        }
        if self.turns && can_turn(written.format, wanted.format) {
            let into = self.push(wanted)?;
            self.turned.push([at, into]);
            return Ok(into);
        }
        if (written.format, wanted.format) == (Format::Word, Format::U16) {
            return Err(words_again(&self.plan.kernel, tensor, span));
        }
        Err(other_order(&self.plan.kernel, tensor, span))
    }

    /// A buffer with the same pages.
    fn same(&self, wanted: &Buffer) -> Option<BufferAt> {
        let kernel = &self.plan.kernel;
        self.buffers.iter().position(|buffer| {
            let same = (buffer.tensor, buffer.format) == (wanted.tensor, wanted.format);
            same && same_pages(kernel, buffer, wanted)
        })
    }

    /// The copies that were asked for since this was last called.
    pub(crate) fn take_turned(&mut self) -> Vec<[BufferAt; 2]> {
        std::mem::take(&mut self.turned)
    }

    /// The buffer that a step wrote a tensor to.
    pub(crate) fn written(&self, tensor: Id<Tensor>) -> Option<BufferAt> {
        self.buffers.iter().position(|buffer| buffer.tensor == tensor)
    }

    /// Forgets the buffers that were asked for since there were so many.
    pub(crate) fn forget(&mut self, buffers: usize) {
        self.buffers.truncate(buffers);
        self.turned.clear();
    }

    /// Whether [`Self::read`] would find a tensor in an order.
    pub(crate) fn lies(&self, tensor: Id<Tensor>, order: &Order, format: Format) -> bool {
        let kernel = &self.plan.kernel;
        let wanted = buffer(kernel, tensor, order, format);
        let same = |b: &&Buffer| b.tensor == tensor && b.format == wanted.format;
        kernel.tensors[tensor].role == Role::Input
            || self.buffers.iter().find(same).is_none_or(|b| same_pages(kernel, b, &wanted))
    }

    /// The buffer for what a step writes.
    ///
    /// # Errors
    /// More tiles than can be counted.
    pub(crate) fn write(
        &mut self,
        tensor: Id<Tensor>,
        order: &Order,
        format: Format,
    ) -> Result<BufferAt, Diagnostic> {
        let wanted = buffer(&self.plan.kernel, tensor, order, format);
        self.push(wanted)
    }

    fn push(&mut self, mut buffer: Buffer) -> Result<BufferAt, Diagnostic> {
        if let Some(fault) = too_large(&self.plan.kernel, &buffer) {
            return Err(fault);
        }
        let taken: BTreeSet<_> = self.buffers.iter().map(|buffer| buffer.name.clone()).collect();
        buffer.name = unique(&buffer.name, &taken);
        self.buffers.push(buffer);
        Ok(self.buffers.len() - 1)
    }

    /// A name for a step of a region: that of the last tensor that it makes.
    pub(crate) fn step_name(&mut self, region: usize) -> String {
        let covers = &self.plan.regions[region].covers;
        let last = *covers.last().expect("a region covers an equation");
        let tensor = self.plan.kernel.equations[last].tensor;
        let name = unique(&word(&self.plan.kernel.tensors[tensor].name), &self.steps);
        self.steps.insert(name.clone());
        name
    }

    /// The program, with inputs first, then outputs, then locals.
    pub(crate) fn finish(self, mut steps: Vec<Step>) -> Program {
        let kernel = &self.plan.kernel;
        let mut order: Vec<_> = (0..self.buffers.len()).collect();
        order.sort_by_key(|&at| match kernel.tensors[self.buffers[at].tensor].role {
            Role::Input => 0,
            Role::Output => 1,
            Role::Local => 2,
        });
        let mut moved = vec![0; order.len()];
        for (new, &old) in order.iter().enumerate() {
            moved[old] = new;
        }
        for step in &mut steps {
            for role in [&mut step.reader, &mut step.writer] {
                renumber(&mut role.body, &moved);
            }
        }
        let buffers = order.iter().map(|&at| self.buffers[at].clone()).collect();
        let arch = self.tensix().arch.clone();
        Program { plan: self.plan, chip: self.chip.name.clone(), arch, buffers, steps }
    }
}

/// Gives ops the new positions of buffers.
fn renumber(body: &mut [Op], moved: &[BufferAt]) {
    for op in body {
        match op {
            Op::Loop { body, .. } => renumber(body, moved),
            Op::If { then, otherwise, .. } => {
                renumber(then, moved);
                renumber(otherwise, moved);
            }
            Op::Move(op) => op.buffers_mut().into_iter().for_each(|at| *at = moved[*at]),
            _ => {}
        }
    }
}

fn buffer(kernel: &Kernel, tensor: Id<Tensor>, order: &Order, format: Format) -> Buffer {
    let Order { mut batch, rows, columns } = order.clone();
    if format == Format::U16 {
        // The halves of words are matrices of their own, all lower ones first.
        batch.insert(0, kernel.tensors[tensor].shape.len());
    }
    let extent = [&batch, &rows, &columns].map(|dims| extent(kernel, tensor, dims));
    let Tensor { name, element, .. } = &kernel.tensors[tensor];
    // Words are what rings make of an f32; it lies in DRAM all the same.
    let format =
        if *element == Scalar::F32 && format == Format::Word { Format::F32 } else { format };
    let name = word(name);
    Buffer { name, tensor, batch, rows, columns, extent, format }
}

/// The number of points of some dimensions.
fn extent(kernel: &Kernel, tensor: Id<Tensor>, dims: &[usize]) -> u64 {
    dims.iter().map(|&dim| along(kernel, tensor, dim)).fold(1, u64::saturating_mul)
}

/// The length of a dimension; that of the halves of words comes after the others.
fn along(kernel: &Kernel, tensor: Id<Tensor>, dim: usize) -> u64 {
    if dim == kernel.tensors[tensor].shape.len() { 2 } else { length(kernel, tensor, dim) }
}

fn lies_as(a: &Buffer, b: &Buffer) -> bool {
    a.format == b.format && (&a.batch, &a.rows, &a.columns) == (&b.batch, &b.rows, &b.columns)
}

/// Whether two orders of a tensor have the same pages: matrices whose rows are whole tiles
/// may as well be one.
fn same_pages(kernel: &Kernel, a: &Buffer, b: &Buffer) -> bool {
    let joined = |buffer: &Buffer| {
        let several = |dims: &[usize]| -> Vec<usize> {
            let long = |dim: &usize| along(kernel, buffer.tensor, *dim) != 1;
            dims.iter().copied().filter(long).collect()
        };
        let [mut batch, mut rows, columns] =
            [&buffer.batch, &buffer.rows, &buffer.columns].map(|dims| several(dims));
        while !rows.is_empty()
            && extent(kernel, buffer.tensor, &rows).is_multiple_of(TILE)
            && let Some(dim) = batch.pop()
        {
            rows.insert(0, dim);
        }
        [batch, rows, columns]
    };
    joined(a) == joined(b)
}

/// Whether elements of a format can be copied to pages of another one with all their bits.
fn can_turn(from: Format, into: Format) -> bool {
    let is_word = |format| matches!(format, Format::F32 | Format::Word);
    from == into && from.element_bytes().is_some()
        || is_word(from) && (is_word(into) || into == Format::U16)
}

fn other_order(kernel: &Kernel, tensor: Id<Tensor>, span: Span) -> Diagnostic {
    let name = &kernel.tensors[tensor].name;
    // What was a part of an equation is named after it: `c'1`.
    let (said, way) = match name.split_once('\'') {
        None => (format!("`{name}`"), format!("give `{name}` its dimensions")),
        Some((whole, _)) => (
            format!("this part of `{whole}`"),
            "give it an equation of its own with its dimensions".to_owned(),
        ),
    };
    let message = format!("Tensix can't read {said} here as it was written");
    Diagnostic::new(Kind::NotExpressible, span, message)
        .here("its tiles would have to be turned or cut differently")
        .with(kernel.tensors[tensor].span, "it is written as the equation has it")
        .help(format!("{way} in the order that is read; or {ELSEWHERE}"))
}

/// That this chip packs words as they are, but copies only their halves to DST.
fn words_again(kernel: &Kernel, tensor: Id<Tensor>, span: Span) -> Diagnostic {
    let name = &kernel.tensors[tensor].name;
    let message = format!("this chip can't read the 32-bit integers of `{name}` again");
    Diagnostic::new(Kind::NotExpressible, span, message)
        .here("it copies integers of 16 bits")
        .with(kernel.tensors[tensor].span, "they are written in 32 bits")
        .help("--chip blackhole_p150 copies them; --target cuda and --target cpu run it too")
}

fn too_large(kernel: &Kernel, buffer: &Buffer) -> Option<Diagnostic> {
    let [batch, ..] = buffer.extent;
    let [rows, columns] = buffer.tiles();
    let pages = batch.checked_mul(rows).and_then(|pages| pages.checked_mul(columns));
    if pages.is_some_and(|pages| pages < u64::from(u32::MAX)) {
        return None;
    }
    let tensor = &kernel.tensors[buffer.tensor];
    let message = format!("`{}` has more tiles than the cores can count", tensor.name);
    Some(Diagnostic::new(Kind::TooLarge, tensor.span, message).help("make its sizes smaller"))
}

/// A name that is a word in C++ and in file names.
pub(crate) fn word(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// The name, or with a number where it is taken.
pub(crate) fn unique(name: &str, taken: &BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{name}_{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !taken.contains(name)).expect("numbers don't end")
}
