//! The roles of a step as indented code.

use crate::dataflow::{BufferAt, CircularAt, Op, Program, Role, SemaphoreAt, Step, Test};
use crate::print::print_equation;

use super::{line, math, moves};

/// A step with the names that its ops need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names<'a> {
    pub(super) program: &'a Program,
    pub(super) step: &'a Step,
}

impl Names<'_> {
    /// A ring's name, or its number where there is none.
    pub(super) fn ring(self, at: CircularAt) -> String {
        self.step.circular.get(at).map_or_else(|| format!("ring {at}"), |ring| ring.name.clone())
    }

    pub(super) fn buffer(self, at: BufferAt) -> String {
        let buffer = self.program.buffers.get(at);
        buffer.map_or_else(|| format!("buffer {at}"), |buffer| buffer.name.clone())
    }

    pub(super) fn semaphore(self, at: SemaphoreAt) -> String {
        let semaphore = self.step.semaphores.get(at);
        semaphore.map_or_else(|| format!("semaphore {at}"), |semaphore| semaphore.name.clone())
    }
}

pub(super) fn print_role(program: &Program, step: &Step, name: &str, role: &Role) -> String {
    let names = Names { program, step };
    let mut out = line(&format!("  {name}"));
    for argument in &role.arguments {
        let values: Vec<_> = argument.values.iter().map(ToString::to_string).collect();
        out += &line(&format!("    {:<11} {}", argument.name, values.join(" ")));
    }
    print_body(&mut out, names, &role.body, 2);
    out
}

fn print_body(out: &mut String, names: Names<'_>, body: &[Op], depth: usize) {
    let indented = |text: &str| line(&format!("{:1$}{text}", "", 2 * depth));
    for op in body {
        *out += &indented(&op_line(names, op));
        match op {
            Op::Loop { body, .. } => print_body(out, names, body, depth + 1),
            Op::If { then, otherwise, .. } => {
                print_body(out, names, then, depth + 1);
                if !otherwise.is_empty() {
                    *out += &indented("else");
                    print_body(out, names, otherwise, depth + 1);
                }
            }
            Op::Equation(_)
            | Op::Comment(_)
            | Op::Let(..)
            | Op::Learn { .. }
            | Op::Reserve(..)
            | Op::Push(..)
            | Op::Wait(..)
            | Op::Pop(..)
            | Op::Move(_)
            | Op::Math(_) => {}
        }
    }
}

/// One op, or the head of a loop or branch, in a line.
#[must_use]
pub fn op_text(program: &Program, step: &Step, op: &Op) -> String {
    op_line(Names { program, step }, op)
}

fn op_line(names: Names<'_>, op: &Op) -> String {
    match op {
        Op::Equation(at) => {
            let kernel = &names.program.plan.kernel;
            let text = kernel.equations.get(*at).map(|equation| print_equation(kernel, equation));
            let text = text.unwrap_or_else(|| format!("equation {at}"));
            format!("# {}", text.lines().next().unwrap_or_default().trim())
        }
        Op::Comment(text) => format!("# {text}"),
        Op::Let(name, value) => format!("{name} = {value}"),
        Op::Learn { name, list, word } => {
            format!("learn {name} = {} word {word}", names.ring(*list))
        }
        Op::Loop { name, count, .. } => format!("for {name} in 0 .. {count}"),
        Op::If { test, .. } => format!("if {}", test_text(test)),
        Op::Reserve(ring, count) => format!("reserve {} {count}", names.ring(*ring)),
        Op::Push(ring, count) => format!("push {} {count}", names.ring(*ring)),
        Op::Wait(ring, count) => format!("wait {} {count}", names.ring(*ring)),
        Op::Pop(ring, count) => format!("pop {} {count}", names.ring(*ring)),
        Op::Move(op) => moves::text(names, op),
        Op::Math(op) => math::text(names, op),
    }
}

fn test_text(test: &Test) -> String {
    test.to_string().replace("&&", "and")
}
