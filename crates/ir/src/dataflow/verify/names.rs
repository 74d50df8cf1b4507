//! Names and positions of a step: defined before they are used, and once.

use std::collections::BTreeSet;

use crate::dataflow::{Index, Move, Op, Program, Role, Step, Test};

use super::fault::{OfStep, Site};

pub(super) fn check(program: &Program, step: &Step, faults: &mut OfStep<'_>) {
    once("circular buffers", step.circular.iter().map(|ring| ring.name.as_str()), faults);
    once("semaphores", step.semaphores.iter().map(|x| x.name.as_str()), faults);
    once("steps", program.steps.iter().map(|step| step.name.as_str()), faults);
    if program.plan.regions.get(step.region).is_none() {
        faults.say(format!("the plan has no region {}", step.region));
    }
    for (name, role) in step.roles() {
        of_role(program, step, name, role, faults);
    }
}

fn once<'a>(what: &str, names: impl Iterator<Item = &'a str>, faults: &mut OfStep<'_>) {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            faults.say(format!("two {what} are named {name}"));
        }
    }
}

fn of_role(
    program: &Program,
    step: &Step,
    name: &'static str,
    role: &Role,
    faults: &mut OfStep<'_>,
) {
    let cores = step.cores() as usize;
    for argument in role.arguments.iter().filter(|argument| argument.values.len() != cores) {
        let (argument, count) = (&argument.name, argument.values.len());
        faults.say(format!("{argument} of the {name} has {count} values for {cores} cores"));
    }
    let mut scope = Scope { program, step, name, names: Vec::new(), found: Vec::new() };
    let constants = step.constants.iter().map(|constant| &constant.name);
    for name in constants.chain(role.arguments.iter().map(|argument| &argument.name)) {
        if scope.names.contains(name) {
            faults.say(format!("two numbers are named {name}"));
        }
        scope.names.push(name.clone());
    }
    scope.body(&role.body, &mut Vec::new());
    for fault in scope.found {
        faults.add(fault);
    }
}

/// What is visible at an op.
struct Scope<'a> {
    program: &'a Program,
    step: &'a Step,
    name: &'static str,
    names: Vec<String>,
    found: Vec<super::Fault>,
}

impl<'a> Scope<'a> {
    fn body(&mut self, body: &'a [Op], trail: &mut Vec<&'a Op>) {
        let outer = self.names.len();
        for op in body {
            trail.push(op);
            self.op(op, trail);
            trail.pop();
        }
        self.names.truncate(outer);
    }

    fn op(&mut self, op: &'a Op, trail: &mut Vec<&'a Op>) {
        for index in indices(op) {
            self.index(index, trail);
        }
        for sentence in positions(self.program, self.step, op) {
            self.say(trail, sentence);
        }
        match op {
            Op::Let(name, _) | Op::Learn { name, .. } => self.define(name, trail),
            Op::Loop { name, body, .. } => {
                let outer = self.names.len();
                self.define(name, trail);
                self.body(body, trail);
                self.names.truncate(outer);
            }
            Op::If { then, otherwise, .. } => {
                self.body(then, trail);
                self.body(otherwise, trail);
            }
            Op::Move(_) if self.name == "compute" => {
                self.say(trail, "the compute role moves nothing itself".to_owned());
            }
            Op::Math(_) if self.name != "compute" => {
                self.say(trail, format!("the {} computes nothing", self.name));
            }
            Op::Equation(_)
            | Op::Comment(_)
            | Op::Reserve(..)
            | Op::Push(..)
            | Op::Wait(..)
            | Op::Pop(..)
            | Op::Move(_)
            | Op::Math(_) => {}
        }
    }

    fn define(&mut self, name: &str, trail: &[&'a Op]) {
        if self.names.iter().any(|other| other == name) {
            self.say(trail, format!("{name} is already the name of another number"));
        }
        self.names.push(name.to_owned());
    }

    fn index(&mut self, index: &Index, trail: &[&'a Op]) {
        match index {
            Index::Named(name) if !self.names.contains(name) => {
                self.say(trail, format!("nothing is named {name} there"));
            }
            Index::Binary(_, operands) => {
                operands.iter().for_each(|operand| self.index(operand, trail));
            }
            Index::Number(_) | Index::Named(_) | Index::CoreColumn | Index::CoreRow => {}
        }
    }

    fn say(&mut self, trail: &[&'a Op], sentence: String) {
        let site = Site { role: self.name, trail: trail.to_vec(), equation: None };
        self.found.push(site.fault(self.program, self.step, sentence));
    }
}

/// What an op computes numbers from; of a loop or branch, its head.
pub(super) fn indices(op: &Op) -> Vec<&Index> {
    match op {
        Op::Let(_, index) | Op::Learn { word: index, .. } | Op::Loop { count: index, .. } => {
            vec![index]
        }
        Op::If { test, .. } => {
            let mut found = Vec::new();
            of_test(test, &mut found);
            found
        }
        Op::Move(op) => op.indices(),
        Op::Math(op) => super::math::indices(op),
        Op::Equation(_)
        | Op::Comment(_)
        | Op::Reserve(..)
        | Op::Push(..)
        | Op::Wait(..)
        | Op::Pop(..) => Vec::new(),
    }
}

fn of_test<'a>(test: &'a Test, found: &mut Vec<&'a Index>) {
    match test {
        Test::Equal(a, b) | Test::Less(a, b) => found.extend([a, b]),
        Test::Both(tests) => tests.iter().for_each(|test| of_test(test, found)),
    }
}

/// What is said of a ring, buffer, semaphore or equation that is not there.
fn positions(program: &Program, step: &Step, op: &Op) -> Vec<String> {
    let mut missing = Vec::new();
    let mut check = |what: &str, at: usize, count: usize| {
        if at >= count {
            missing.push(format!("there is no {what} {at}"));
        }
    };
    for (ring, _) in super::sides::rings(op) {
        check("circular buffer", ring, step.circular.len());
    }
    if let Op::Equation(at) = op {
        check("equation", *at, program.plan.kernel.equations.len());
    }
    if let Op::Move(op) = op
        && let Some((buffer, _)) = op.buffer()
    {
        check("buffer", buffer, program.buffers.len());
    }
    if let Op::Move(Move::Elements(elements)) = op {
        let tables = elements.tables.iter();
        tables.for_each(|table| check("buffer", table.buffer, program.buffers.len()));
        if let Some(at) = elements.made.equation() {
            check("equation", at, program.plan.kernel.equations.len());
        }
    }
    if let Op::Move(
        Move::Set(semaphore, _)
        | Move::Until(semaphore, _)
        | Move::SignalOne { semaphore, .. }
        | Move::SignalAll { semaphore, .. },
    ) = op
    {
        check("semaphore", *semaphore, step.semaphores.len());
    }
    missing
}
