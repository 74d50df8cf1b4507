//! All roles of all cores of a step, run together: each goes on until it must wait.

use std::collections::{BTreeMap, HashMap};

use crate::dataflow::{BufferAt, CircularAt, Op, Program, Step};

use super::code::{Code, Instruction, Slot, Still};
use super::counts::{Counts, OfCores};
use super::deadlock;
use super::fault::Fault;
use super::pages::Pages;
use super::signals::{Clocks, Moment, Process, Word};
use super::state::{Phase, State};

/// The position of the compute role among the three.
pub(super) const COMPUTE: usize = 1;

/// The numbers of an op, in the order of its indices.
pub(super) type Numbers = [u32; 6];

/// A step that is run.
#[derive(Debug)]
pub(super) struct Machine<'a> {
    pub(super) program: &'a Program,
    pub(super) step: &'a Step,
    /// The position of the step.
    pub(super) at: usize,
    pub(super) codes: &'a [Code<'a>; 3],
    pub(super) cores: Vec<Core>,
    /// Three for each core, in the order of roles.
    pub(super) tasks: Vec<Task>,
    pub(super) pages: &'a mut Pages,
    pub(super) clocks: Clocks,
    /// What still loops did before.
    known: HashMap<Before, After>,
    /// Whether one is run.
    in_still: bool,
    /// Instructions that were done.
    done: u64,
}

/// A core.
#[derive(Debug)]
pub(super) struct Core {
    /// Its column and row.
    pub(super) at: [u32; 2],
    pub(super) rings: Vec<Ring>,
    pub(super) words: Vec<Word>,
    /// Work lists, by the ring that holds them.
    pub(super) lists: HashMap<CircularAt, Vec<u32>>,
    pub(super) counts: Counts,
    /// Tables that were opened, by their ring.
    pub(super) open: BTreeMap<CircularAt, BufferAt>,
}

/// A ring of one core.
#[derive(Clone, Debug, Default)]
pub(super) struct Ring {
    /// Pages pushed since the start.
    pub(super) pushed: u64,
    /// Pages popped since the start.
    pub(super) popped: u64,
    /// When pages were last reserved by the reader or the writer.
    pub(super) reserved: Option<Moment>,
    /// Multicasts that filled reserved pages, which must be known to who pushes them.
    pub(super) landed: Vec<Moment>,
}

/// A role of one core.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) core: usize,
    pub(super) role: usize,
    /// The next instruction.
    pub(super) next: usize,
    pub(super) slots: Vec<u32>,
    /// How often the loops run that it is in, outermost first.
    limits: Vec<u32>,
    pub(super) state: State,
}

impl Task {
    /// Its clock, if it is the reader or the writer.
    pub(super) fn process(&self) -> Process {
        2 * self.core + usize::from(self.role > COMPUTE)
    }
}

/// A still loop: which, what its numbers are, and what it finds.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Before(usize, Vec<u32>, State);

/// What it leaves.
#[derive(Debug)]
struct After(State, Counts);

/// Whether an op is done, or must be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Done,
    Waits,
}

impl<'a> Machine<'a> {
    pub(super) fn new(
        program: &'a Program,
        step: &'a Step,
        at: usize,
        codes: &'a [Code<'a>; 3],
        pages: &'a mut Pages,
    ) -> Self {
        let [columns, rows] = step.grid;
        let places = (0..rows).flat_map(|row| (0..columns).map(move |column| [column, row]));
        let core = |at| Core {
            at,
            rings: vec![Ring::default(); step.circular.len()],
            words: step.semaphores.iter().map(|x| Word::new(x.initial)).collect(),
            lists: HashMap::new(),
            counts: Counts::default(),
            open: BTreeMap::new(),
        };
        let cores: Vec<_> = places.map(core).collect();
        let mut tasks = Vec::new();
        for (position, core) in cores.iter().enumerate() {
            tasks.extend(codes.iter().enumerate().map(|(role, code)| Task {
                core: position,
                role,
                next: 0,
                slots: code.start(core.at, position),
                limits: Vec::new(),
                state: State::new(step.circular.len()),
            }));
        }
        let clocked = if step.semaphores.is_empty() { 0 } else { 2 * cores.len() };
        let (clocks, known) = (Clocks::new(clocked), HashMap::new());
        Self {
            program,
            step,
            at,
            codes,
            cores,
            tasks,
            pages,
            clocks,
            known,
            in_still: false,
            done: 0,
        }
    }

    /// Runs it to the end of all roles, which take turns in this order.
    pub(super) fn run(mut self, mut open: Vec<usize>) -> Result<OfCores, Box<Fault>> {
        while !open.is_empty() {
            let done = self.done;
            let mut waiting = Vec::new();
            for &task in &open {
                if !self.advance(task)? {
                    waiting.push(task);
                }
            }
            if self.done == done && waiting.len() == open.len() {
                return Err(Box::new(deadlock::fault(&self, &waiting)));
            }
            open = waiting;
        }
        self.balanced()?;
        Ok(OfCores(self.cores.iter().map(|core| core.counts).collect()))
    }

    /// Runs a task until it waits; whether it ended.
    fn advance(&mut self, task: usize) -> Result<bool, Box<Fault>> {
        let end = self.codes[self.tasks[task].role].instructions.len();
        while self.tasks[task].next < end {
            if self.instruction(task)? == Flow::Waits {
                return Ok(false);
            }
            self.done += 1;
        }
        Ok(true)
    }

    fn instruction(&mut self, task: usize) -> Result<Flow, Box<Fault>> {
        let Task { role, next, .. } = self.tasks[task];
        let codes = self.codes;
        let valueless = |what: &str| format!("{what} has no value: it leaves 0 .. 2^32 - 1");
        match &codes[role].instructions[next] {
            Instruction::Do(op, numbers) => {
                let slots = &self.tasks[task].slots;
                let mut values = Numbers::default();
                for (value, number) in values.iter_mut().zip(numbers) {
                    let found = number.value(slots);
                    *value = found.ok_or_else(|| self.fault(task, valueless("a number")))?;
                }
                let flow = self.op(task, op, values);
                let flow = flow.map_err(|sentence| self.fault(task, sentence))?;
                self.tasks[task].next += usize::from(flow == Flow::Done);
                return Ok(flow);
            }
            Instruction::Let(slot, number) => {
                let value = number.value(&self.tasks[task].slots);
                let value = value.ok_or_else(|| self.fault(task, valueless("it")))?;
                self.tasks[task].slots[*slot] = value;
                self.tasks[task].next += 1;
            }
            Instruction::Learn(slot, list, word) => {
                let word = word.value(&self.tasks[task].slots);
                let word = word.ok_or_else(|| self.fault(task, valueless("the place")))?;
                let value = self.learn(task, *list, word);
                let value = value.map_err(|sentence| self.fault(task, sentence))?;
                self.tasks[task].slots[*slot] = value;
                self.tasks[task].next += 1;
            }
            Instruction::Loop { counter, count, end, still } => {
                let count = count.value(&self.tasks[task].slots);
                let count = count.ok_or_else(|| self.fault(task, valueless("the count")))?;
                match still.as_ref().filter(|_| count > 0 && !self.in_still) {
                    Some(still) => self.still(task, *counter, count, *end, still)?,
                    None => self.tasks[task].enter(*counter, count, *end),
                }
            }
            Instruction::Again { start } => {
                if let Instruction::Loop { counter, .. } = &codes[role].instructions[*start] {
                    self.tasks[task].again(*counter, *start);
                }
            }
            Instruction::Unless(check, target) => {
                let holds = check.holds(&self.tasks[task].slots);
                let holds = holds.ok_or_else(|| self.fault(task, valueless("a side")))?;
                self.tasks[task].next = if holds { next + 1 } else { *target };
            }
            Instruction::Jump(target) => self.tasks[task].next = *target,
        }
        Ok(Flow::Done)
    }

    /// Runs a loop that never waits, or does what it did before in the same state.
    fn still(
        &mut self,
        task: usize,
        counter: Slot,
        count: u32,
        end: usize,
        still: &Still,
    ) -> Result<(), Box<Fault>> {
        let Task { next: start, core, .. } = self.tasks[task];
        let mut values: Vec<_> = still.0.iter().map(|&slot| self.tasks[task].slots[slot]).collect();
        values.push(count);
        let before = Before(start, values, self.tasks[task].state.clone());
        if let Some(After(state, counts)) = self.known.get(&before) {
            self.tasks[task].state.clone_from(state);
            self.cores[core].counts += *counts;
            self.tasks[task].next = end + 1;
            return Ok(());
        }
        let counts = self.cores[core].counts;
        self.tasks[task].enter(counter, count, end);
        self.in_still = true;
        while self.tasks[task].next != end + 1 {
            self.instruction(task)?;
        }
        self.in_still = false;
        let counts = self.cores[core].counts.since(counts);
        self.known.insert(before, After(self.tasks[task].state.clone(), counts));
        Ok(())
    }

    fn op(&mut self, task: usize, op: &Op, numbers: Numbers) -> Result<Flow, String> {
        match op {
            Op::Reserve(ring, count) => return self.reserve(task, *ring, *count),
            Op::Push(ring, count) => self.push(task, *ring, *count)?,
            Op::Wait(ring, count) => return self.wait(task, *ring, *count),
            Op::Pop(ring, count) => self.pop(task, *ring, *count)?,
            Op::Move(op) => return self.transfer(task, op, numbers),
            Op::Math(op) => self.math(task, op, numbers)?,
            Op::Equation(_)
            | Op::Comment(_)
            | Op::Let(..)
            | Op::Learn { .. }
            | Op::Loop { .. }
            | Op::If { .. } => {
                unreachable!("these are other instructions")
            }
        }
        Ok(Flow::Done)
    }

    /// What is left over at the end.
    fn balanced(&self) -> Result<(), Box<Fault>> {
        for task in &self.tasks {
            let core = &self.cores[task.core];
            let left = super::rings::left_over(self, task);
            let acquired = task.state.units.phase != Phase::Free;
            let acquired = acquired.then(|| "a section of DST is never released".to_owned());
            if let Some(sentence) = left.or(acquired) {
                let role = Some(self.codes[task.role].role);
                return Err(Box::new(Fault { role, core: Some(core.at), ..Fault::new(sentence) }));
            }
        }
        Ok(())
    }

    /// A fault at the instruction that a task is at.
    pub(super) fn fault(&self, task: usize, sentence: String) -> Box<Fault> {
        let Task { core, role, next, .. } = self.tasks[task];
        let fault = self.codes[role].sites[next].fault(self.program, self.step, sentence);
        Box::new(Fault { core: Some(self.cores[core].at), ..fault })
    }

    pub(super) fn ring_name(&self, ring: CircularAt) -> &'a str {
        &self.step.circular[ring].name
    }
}

impl Task {
    fn enter(&mut self, counter: Slot, count: u32, end: usize) {
        if count == 0 {
            self.next = end + 1;
            return;
        }
        self.slots[counter] = 0;
        self.limits.push(count);
        self.next += 1;
    }

    fn again(&mut self, counter: Slot, start: usize) {
        self.slots[counter] += 1;
        if self.limits.last().is_some_and(|&limit| self.slots[counter] < limit) {
            self.next = start + 1;
        } else {
            self.limits.pop();
            self.next += 1;
        }
    }
}
