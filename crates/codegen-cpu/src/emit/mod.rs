//! From steps to LLVM text.
//!
//! Each step goes to the first emitter that takes it; the last one, loops over
//! the output with reductions inside, takes every step.

mod context;
mod contract;
mod counting;
mod format;
mod function;
mod index;
mod loops;
mod program;
mod random;
mod select;
mod value;
mod vector;

use tilec_ir::Kernel;

pub(crate) use program::Words;
pub(crate) use vector::Machine;

use crate::plan::{Plan, Step};
use program::Program;

/// The text of the module of a kernel.
pub(crate) fn emit(kernel: &Kernel, plan: &Plan, machine: Machine, attributes: &str) -> String {
    let mut program = Program::new(kernel, plan, machine);
    for step in &plan.steps {
        emit_step(&mut program, step);
    }
    let functions = program.finish();
    let helpers = concat!(include_str!("math.ll"), include_str!("select/order.ll"));
    format!(
        "{helpers}\n{functions}attributes #0 = {{ nounwind {attributes} }}\nattributes #1 = {{ nounwind noinline optnone {attributes} }}\nattributes #2 = {{ nounwind alwaysinline {attributes} }}\n"
    )
}

fn emit_step(program: &mut Program<'_>, step: &Step) {
    program.begin_step(step);
    let taken = select::emit(program, step)
        || counting::emit(program, step)
        || contract::emit(program, step);
    if !taken {
        loops::emit(program, step);
    }
}
