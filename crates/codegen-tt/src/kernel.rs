//! One kernel while it is written: its lines, and what its names are.
//!
//! Ops come out one or two lines each, in their order; those of the reader and the
//! writer in [`crate::moves`], those of the compute role in [`crate::compute`].

use std::collections::BTreeMap;

use tilec_cpp::{Source, Writer};
use tilec_ir::dataflow::{BufferAt, CircularAt, Index, Op, Program, Role, SemaphoreAt, Step, Test};
use tilec_manifest::tensix;

use crate::formats::Formats;
use crate::names::KernelNames;
use crate::needs::Needs;
use crate::{arguments, elements, head};

/// Which of a core's processors a kernel is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoleName {
    Reader,
    Compute,
    Writer,
}

impl RoleName {
    pub(crate) const ALL: [Self; 3] = [Self::Reader, Self::Compute, Self::Writer];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Compute => "compute",
            Self::Writer => "writer",
        }
    }

    fn of(self, step: &Step) -> &Role {
        match self {
            Self::Reader => &step.reader,
            Self::Compute => &step.compute,
            Self::Writer => &step.writer,
        }
    }
}

/// The longest line of a call.
const LONGEST_LINE: usize = 80;

/// What a buffer is called.
#[derive(Clone, Debug)]
pub(crate) struct BufferNames {
    /// What gives the addresses of its pages.
    pub(crate) name: String,
    /// Where it begins.
    pub(crate) address: String,
    /// How its pages are spread over banks.
    pub(crate) layout: String,
}

/// What a semaphore is called.
#[derive(Clone, Debug)]
pub(crate) struct SemaphoreNames {
    /// The number that the chip knows it by.
    pub(crate) id: String,
    /// The word of this core.
    pub(crate) word: String,
}

/// A kernel that is being written.
#[derive(Debug)]
pub(crate) struct Kernel<'p> {
    pub(crate) program: &'p Program,
    pub(crate) step: &'p Step,
    pub(crate) role_name: RoleName,
    pub(crate) role: &'p Role,
    pub(crate) source: Source<'p>,
    pub(crate) needs: Needs,
    pub(crate) names: KernelNames,
    pub(crate) out: Writer,
    /// What rings, buffers and semaphores are called.
    pub(crate) rings: BTreeMap<CircularAt, String>,
    pub(crate) buffers: BTreeMap<BufferAt, BufferNames>,
    pub(crate) semaphores: BTreeMap<SemaphoreAt, SemaphoreNames>,
    /// Counts of pages that have a name.
    pub(crate) counts: BTreeMap<(CircularAt, u32), String>,
    /// What the tables of rings are called.
    pub(crate) tables: BTreeMap<CircularAt, String>,
    /// What the unpacker and the packer are set to at this place.
    pub(crate) formats: Formats,
}

impl<'p> Kernel<'p> {
    pub(crate) fn new(
        program: &'p Program,
        step: &'p Step,
        role_name: RoleName,
        source: Source<'p>,
    ) -> Self {
        let role = role_name.of(step);
        let mut needs = Needs::of(role);
        needs.l1_functions.extend(elements::functions(&program.plan.kernel, &needs.elements));
        Self {
            program,
            step,
            role_name,
            role,
            source,
            needs,
            names: KernelNames::new(),
            out: Writer::default(),
            rings: BTreeMap::new(),
            buffers: BTreeMap::new(),
            semaphores: BTreeMap::new(),
            counts: BTreeMap::new(),
            tables: BTreeMap::new(),
            formats: Formats::default(),
        }
    }

    /// Its text, and what `program.json` says of it.
    pub(crate) fn write(mut self, file: &str) -> (String, tensix::Kernel) {
        head::name_everything(&mut self);
        head::declare(&mut self);
        self.out.line("").open("void kernel_main()");
        let described = arguments::read(&mut self, file);
        if self.role_name == RoleName::Compute {
            self.start_compute();
        }
        let role = self.role;
        self.ops(&role.body);
        self.finish_transfers();
        self.out.close("");
        (self.out.finish(), described)
    }

    /// A line of code.
    pub(crate) fn line(&mut self, code: impl AsRef<str>) {
        self.out.line(code);
    }

    /// A call, over several lines where it is long.
    pub(crate) fn call(&mut self, function: &str, arguments: &[String]) {
        let line = format!("{function}({});", arguments.join(", "));
        if line.len() <= LONGEST_LINE {
            return self.line(line);
        }
        self.line(format!("{function}("));
        let mut deeper = self.out.part(1);
        let mut filled = String::new();
        for argument in arguments {
            if !filled.is_empty() && filled.len() + argument.len() + 3 > LONGEST_LINE {
                deeper.line(std::mem::take(&mut filled).trim_end());
            }
            filled += &format!("{argument}, ");
        }
        deeper.line(format!("{});", filled.trim_end_matches(", ")));
        self.out.append(deeper);
    }

    /// A line comment.
    pub(crate) fn comment(&mut self, text: &str) {
        for line in text.lines() {
            self.line(format!("// {line}").trim_end().trim_end_matches('\\'));
        }
    }

    pub(crate) fn index(&mut self, index: &Index) -> String {
        self.names.index(index)
    }

    pub(crate) fn ring(&self, ring: CircularAt) -> &str {
        &self.rings[&ring]
    }

    /// How many pages, by the name of the number if it has one.
    pub(crate) fn count(&self, ring: CircularAt, count: u32) -> String {
        self.counts.get(&(ring, count)).cloned().unwrap_or_else(|| count.to_string())
    }

    fn ops(&mut self, ops: &[Op]) {
        for op in ops {
            self.op(op);
        }
    }

    fn op(&mut self, op: &Op) {
        match op {
            Op::Equation(at) => self.cite(*at),
            Op::Comment(text) => self.comment(text),
            Op::Let(name, index) => {
                let value = self.index(index);
                let name = self.names.number(name);
                self.line(format!("const uint32_t {name} = {value};"));
            }
            Op::Learn { name, list, word } => self.learn(name, *list, word),
            Op::Loop { name, count, body } => self.repeat(name, count, body),
            Op::If { test, then, otherwise } => self.branch("if", test, then, otherwise),
            Op::Reserve(ring, count) => self.window("cb_reserve_back", *ring, *count),
            Op::Push(ring, count) => self.window("cb_push_back", *ring, *count),
            Op::Wait(ring, count) => self.window("cb_wait_front", *ring, *count),
            Op::Pop(ring, count) => self.window("cb_pop_front", *ring, *count),
            Op::Move(op) => self.moves(op),
            Op::Math(op) => self.math(op),
        }
    }

    /// What an equation says in the source, and where.
    fn cite(&mut self, at: usize) {
        let kernel = &self.program.plan.kernel;
        let equation = &kernel.equations[at];
        let tensor = &kernel.tensors[equation.tensor].name;
        let text = self.source.cite_equation(tensor, equation.span);
        self.comment(&text);
    }

    fn repeat(&mut self, name: &str, count: &Index, body: &[Op]) {
        let count = self.index(count);
        let name = self.names.number(name);
        self.formats = self.formats.at_head_of(self.step, body);
        self.out.open(&format!("for (uint32_t {name} = 0; {name} < {count}; ++{name})"));
        self.ops(body);
        self.out.close("");
        // Also what holds if the body never ran.
        self.formats = self.formats.at_head_of(self.step, body);
    }

    fn branch(&mut self, word: &str, test: &Test, then: &[Op], otherwise: &[Op]) {
        let before = self.formats;
        let head = format!("{word} ({})", self.names.test(test));
        if word == "if" {
            self.out.open(&head);
        } else {
            self.out.between(&head);
        }
        self.ops(then);
        let after = std::mem::replace(&mut self.formats, before);
        match otherwise {
            [] => _ = self.out.close(""),
            [Op::If { test, then, otherwise }] => self.branch("else if", test, then, otherwise),
            ops => {
                self.out.between("else");
                self.ops(ops);
                self.out.close("");
            }
        }
        self.formats = self.formats.either(after);
    }

    fn window(&mut self, call: &str, ring: CircularAt, count: u32) {
        let line = format!("{call}({}, {});", self.ring(ring), self.count(ring, count));
        self.line(line);
    }
}
