//! A role as instructions that can stop at any place and go on: names are slots of an
//! array, loops and branches are jumps.

use std::collections::{BTreeMap, BTreeSet};

use crate::dataflow::index::Operator;
use crate::dataflow::{CircularAt, Index, Op, Role, Step, Test};
use crate::plan::EquationAt;

use super::fault::Site;
use super::names::indices;

/// A place of the numbers that a role knows; the core's column and row come first.
pub(super) type Slot = usize;

pub(super) const COLUMN: Slot = 0;
pub(super) const ROW: Slot = 1;

/// A number.
#[derive(Clone, Debug)]
pub(super) enum Number {
    Literal(u32),
    Slot(Slot),
    Binary(Operator, Box<[Number; 2]>),
}

/// A test.
#[derive(Clone, Debug)]
pub(super) enum Check {
    Equal(Number, Number),
    Less(Number, Number),
    Both(Box<[Check; 2]>),
}

/// An instruction.
#[derive(Debug)]
pub(super) enum Instruction<'a> {
    Let(Slot, Number),
    /// Names a word of a list in a ring.
    Learn(Slot, CircularAt, Number),
    /// Goes on after `end`, its [`Instruction::Again`], if the count is 0.
    Loop {
        counter: Slot,
        count: Number,
        end: usize,
        still: Option<Still>,
    },
    /// Back to what follows the loop's head at this place, or on.
    Again {
        start: usize,
    },
    /// Goes to the place if the test fails.
    Unless(Check, usize),
    Jump(usize),
    /// An op with its numbers, in the order of [`indices`].
    Do(&'a Op, Vec<Number>),
}

/// A loop of the compute role without any op of a ring's ends: what it does depends on
/// these slots and the state before, and it never waits.
#[derive(Debug)]
pub(super) struct Still(pub(super) Vec<Slot>);

/// A role.
#[derive(Debug)]
pub(super) struct Code<'a> {
    pub(super) role: &'static str,
    pub(super) instructions: Vec<Instruction<'a>>,
    /// Where each instruction stands.
    pub(super) sites: Vec<Site<'a>>,
    /// Slots of the arguments.
    pub(super) arguments: &'a [crate::dataflow::Argument],
    /// What slots hold at the start, but for the core's place and the arguments.
    pub(super) slots: Vec<u32>,
    /// The slot of the first argument.
    pub(super) first_argument: Slot,
}

impl<'a> Code<'a> {
    /// Of a role whose names are all defined.
    pub(super) fn new(step: &'a Step, name: &'static str, role: &'a Role) -> Self {
        let mut code = Self {
            role: name,
            instructions: Vec::new(),
            sites: Vec::new(),
            arguments: &role.arguments,
            slots: vec![0; 2],
            first_argument: 0,
        };
        let mut names = BTreeMap::new();
        for constant in &step.constants {
            names.insert(constant.name.as_str(), code.slots.len());
            code.slots.push(constant.value);
        }
        code.first_argument = code.slots.len();
        for argument in &role.arguments {
            names.insert(&argument.name, code.slots.len());
            code.slots.push(0);
        }
        let mut writer = Writer { code, names, trail: Vec::new(), equation: None };
        writer.body(&role.body);
        writer.code
    }

    /// What slots hold at the start on a core.
    pub(super) fn start(&self, core: [u32; 2], position: usize) -> Vec<u32> {
        let mut slots = self.slots.clone();
        slots[COLUMN] = core[0];
        slots[ROW] = core[1];
        for (argument, slot) in self.arguments.iter().zip(&mut slots[self.first_argument..]) {
            *slot = argument.values[position];
        }
        slots
    }

    /// All ops, but loops and branches, with their places.
    pub(super) fn ops(&self) -> impl Iterator<Item = (&'a Op, &Site<'a>)> {
        self.instructions.iter().zip(&self.sites).filter_map(
            |(instruction, site)| match instruction {
                Instruction::Do(op, _) => Some((*op, site)),
                Instruction::Let(..)
                | Instruction::Learn(..)
                | Instruction::Loop { .. }
                | Instruction::Again { .. }
                | Instruction::Unless(..)
                | Instruction::Jump(_) => None,
            },
        )
    }
}

struct Writer<'a> {
    code: Code<'a>,
    names: BTreeMap<&'a str, Slot>,
    trail: Vec<&'a Op>,
    equation: Option<EquationAt>,
}

impl<'a> Writer<'a> {
    fn body(&mut self, body: &'a [Op]) {
        let outer = self.names.clone();
        for op in body {
            self.trail.push(op);
            self.op(op);
            self.trail.pop();
        }
        self.names = outer;
    }

    fn op(&mut self, op: &'a Op) {
        match op {
            Op::Equation(at) => self.equation = Some(*at),
            Op::Comment(_) => {}
            Op::Let(name, value) => {
                let value = self.number(value);
                let slot = self.slot(name);
                self.put(Instruction::Let(slot, value));
            }
            Op::Learn { name, list, word } => {
                let word = self.number(word);
                let slot = self.slot(name);
                self.put(Instruction::Learn(slot, *list, word));
            }
            Op::Loop { name, count, body } => self.repeat(op, name, count, body),
            Op::If { test, then, otherwise } => self.branch(test, then, otherwise),
            Op::Reserve(..)
            | Op::Push(..)
            | Op::Wait(..)
            | Op::Pop(..)
            | Op::Move(_)
            | Op::Math(_) => {
                let numbers = indices(op).into_iter().map(|index| self.number(index)).collect();
                self.put(Instruction::Do(op, numbers));
            }
        }
    }

    fn repeat(&mut self, op: &'a Op, name: &'a str, count: &'a Index, body: &'a [Op]) {
        let count = self.number(count);
        let outer = self.names.clone();
        let counter = self.slot(name);
        let start = self.put(Instruction::Jump(0));
        let first_inner = self.code.slots.len();
        self.body(body);
        let end = self.put(Instruction::Again { start });
        let still = self.code.role == "compute" && is_still(op);
        let still = still.then(|| self.used(start + 1..end, first_inner, counter));
        self.code.instructions[start] = Instruction::Loop { counter, count, end, still };
        self.names = outer;
    }

    /// Slots that are used there and set before; names set inside come after `first_inner`.
    fn used(&self, range: std::ops::Range<usize>, first_inner: Slot, counter: Slot) -> Still {
        let mut slots = BTreeSet::new();
        for instruction in &self.code.instructions[range] {
            match instruction {
                Instruction::Let(_, number)
                | Instruction::Learn(_, _, number)
                | Instruction::Loop { count: number, .. } => {
                    number.slots(&mut slots);
                }
                Instruction::Unless(check, _) => check.slots(&mut slots),
                Instruction::Do(_, numbers) => numbers.iter().for_each(|x| x.slots(&mut slots)),
                Instruction::Again { .. } | Instruction::Jump(_) => {}
            }
        }
        Still(slots.into_iter().filter(|&slot| slot < first_inner && slot != counter).collect())
    }

    fn branch(&mut self, test: &'a Test, then: &'a [Op], otherwise: &'a [Op]) {
        let test = self.check(test);
        let unless = self.put(Instruction::Jump(0));
        self.body(then);
        let mut end = self.code.instructions.len();
        if !otherwise.is_empty() {
            let jump = self.put(Instruction::Jump(0));
            end = self.code.instructions.len();
            self.body(otherwise);
            self.code.instructions[jump] = Instruction::Jump(self.code.instructions.len());
        }
        self.code.instructions[unless] = Instruction::Unless(test, end);
    }

    fn put(&mut self, instruction: Instruction<'a>) -> usize {
        let (trail, equation) = (self.trail.clone(), self.equation);
        self.code.instructions.push(instruction);
        self.code.sites.push(Site { role: self.code.role, trail, equation });
        self.code.instructions.len() - 1
    }

    /// A slot for a name. None is used twice, so that those set in a loop can be told.
    fn slot(&mut self, name: &'a str) -> Slot {
        self.code.slots.push(0);
        self.names.insert(name, self.code.slots.len() - 1);
        self.code.slots.len() - 1
    }

    fn number(&self, index: &Index) -> Number {
        match index {
            Index::Number(value) => Number::Literal(*value),
            Index::Named(name) => Number::Slot(self.names[name.as_str()]),
            Index::CoreColumn => Number::Slot(COLUMN),
            Index::CoreRow => Number::Slot(ROW),
            Index::Binary(operator, operands) => {
                let operands = [self.number(&operands[0]), self.number(&operands[1])];
                Number::Binary(*operator, Box::new(operands))
            }
        }
    }

    fn check(&self, test: &Test) -> Check {
        match test {
            Test::Equal(a, b) => Check::Equal(self.number(a), self.number(b)),
            Test::Less(a, b) => Check::Less(self.number(a), self.number(b)),
            Test::Both(tests) => {
                Check::Both(Box::new([self.check(&tests[0]), self.check(&tests[1])]))
            }
        }
    }
}

/// Whether nothing in it waits or moves a ring's ends.
fn is_still(op: &Op) -> bool {
    match op {
        Op::Reserve(..)
        | Op::Push(..)
        | Op::Wait(..)
        | Op::Pop(..)
        | Op::Learn { .. }
        | Op::Move(_) => false,
        Op::Loop { body, .. } => body.iter().all(is_still),
        Op::If { then, otherwise, .. } => then.iter().chain(otherwise).all(is_still),
        Op::Equation(_) | Op::Comment(_) | Op::Let(..) | Op::Math(_) => true,
    }
}

impl Number {
    /// `None` on an underflow, an overflow or a division by 0.
    pub(super) fn value(&self, slots: &[u32]) -> Option<u32> {
        match self {
            Self::Literal(value) => Some(*value),
            Self::Slot(slot) => Some(slots[*slot]),
            Self::Binary(operator, operands) => {
                operator.apply(operands[0].value(slots)?, operands[1].value(slots)?)
            }
        }
    }

    fn slots(&self, found: &mut BTreeSet<Slot>) {
        match self {
            Self::Literal(_) => {}
            Self::Slot(slot) => {
                found.insert(*slot);
            }
            Self::Binary(_, operands) => operands.iter().for_each(|x| x.slots(found)),
        }
    }
}

impl Check {
    /// `None` where a number has no value.
    pub(super) fn holds(&self, slots: &[u32]) -> Option<bool> {
        match self {
            Self::Equal(a, b) => Some(a.value(slots)? == b.value(slots)?),
            Self::Less(a, b) => Some(a.value(slots)? < b.value(slots)?),
            Self::Both(checks) => Some(checks[0].holds(slots)? && checks[1].holds(slots)?),
        }
    }

    fn slots(&self, found: &mut BTreeSet<Slot>) {
        match self {
            Self::Equal(a, b) | Self::Less(a, b) => [a, b].iter().for_each(|x| x.slots(found)),
            Self::Both(checks) => checks.iter().for_each(|check| check.slots(found)),
        }
    }
}
