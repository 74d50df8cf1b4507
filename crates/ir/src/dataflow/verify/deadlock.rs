//! Nobody can go on: who waits for what.

use crate::dataflow::budget::plural;
use crate::dataflow::{Move, Op};

use super::code::Instruction;
use super::fault::Fault;
use super::machine::{Machine, Task};

/// How many of those who wait are named.
const NAMED: usize = 6;

/// A fault at the first of the tasks that wait, which are all that have not ended.
pub(super) fn fault(machine: &Machine<'_>, waiting: &[usize]) -> Fault {
    let named = waiting.iter().take(NAMED).map(|&task| machine.waits(&machine.tasks[task]));
    let mut list: Vec<_> = named.collect();
    if waiting.len() > NAMED {
        list.push(format!("{} more", waiting.len() - NAMED));
    }
    let sentence = format!("nobody can go on: {}", list.join("; "));
    *machine.fault(waiting[0], sentence)
}

impl Machine<'_> {
    /// "the reader of core 0, 0 waits for 4 free pages of a (2 of 8 are)"
    fn waits(&self, task: &Task) -> String {
        let [column, row] = self.cores[task.core].at;
        let role = self.codes[task.role].role;
        let what = match &self.codes[task.role].instructions[task.next] {
            Instruction::Do(op, _) => self.wanted(task, op),
            Instruction::Let(..)
            | Instruction::Learn(..)
            | Instruction::Loop { .. }
            | Instruction::Again { .. }
            | Instruction::Unless(..)
            | Instruction::Jump(_) => String::new(),
        };
        format!("the {role} of core {column}, {row} waits for {what}")
    }

    fn wanted(&self, task: &Task, op: &Op) -> String {
        let core = &self.cores[task.core];
        let there = |ring: usize| core.rings[ring].pushed - core.rings[ring].popped;
        if let Op::Reserve(ring, count) = op {
            let (name, tiles) = (self.ring_name(*ring), self.step.circular[*ring].tiles);
            let free = u64::from(tiles) - there(*ring);
            return format!(
                "{} of {name} ({free} of {tiles} are)",
                plural((*count).into(), "free page")
            );
        }
        if let Op::Wait(ring, count) = op {
            let name = self.ring_name(*ring);
            return format!(
                "{} of {name} ({} are there)",
                plural((*count).into(), "page"),
                there(*ring)
            );
        }
        if let Op::Move(Move::Until(semaphore, value)) = op {
            let name = &self.step.semaphores[*semaphore].name;
            return format!("{name} to be {value} (it is {})", core.words[*semaphore].value);
        }
        "something that is no wait".to_owned()
    }
}
