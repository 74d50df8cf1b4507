//! What the unpacker and the packer are set to, place by place.
//!
//! The chip keeps the formats of its two source registers and of the packer's result
//! until they are changed. An init whose ring has another format than the one set last
//! must change it; where loops and branches meet, what is not the same on all ways is
//! unknown, and is set again.

use tilec_ir::dataflow::{Format, Math, Op, Step};

/// The formats that are set; `None` where it depends on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Formats {
    /// Of source register A: copies, and right operands of products.
    pub(crate) source_a: Option<Format>,
    /// Of source register B: left operands of products.
    pub(crate) source_b: Option<Format>,
    /// Of what is packed.
    pub(crate) packed: Option<Format>,
}

impl Formats {
    /// What holds whichever of two ways was taken.
    pub(crate) fn either(self, other: Self) -> Self {
        let same = |a: Option<Format>, b| if a == b { a } else { None };
        Self {
            source_a: same(self.source_a, other.source_a),
            source_b: same(self.source_b, other.source_b),
            packed: same(self.packed, other.packed),
        }
    }

    /// What holds at the start of every turn of a loop that is entered with these.
    pub(crate) fn at_head_of(self, step: &Step, body: &[Op]) -> Self {
        // Each turn of this can only forget, at most three formats.
        let mut head = self;
        loop {
            let next = head.either(head.after(step, body));
            if next == head {
                return head;
            }
            head = next;
        }
    }

    /// What holds after some ops.
    fn after(self, step: &Step, ops: &[Op]) -> Self {
        ops.iter().fold(self, |formats, op| formats.after_one(step, op))
    }

    fn after_one(mut self, step: &Step, op: &Op) -> Self {
        match op {
            Op::Loop { body, .. } => self.at_head_of(step, body),
            Op::If { then, otherwise, .. } => {
                self.after(step, then).either(self.after(step, otherwise))
            }
            Op::Math(math) => {
                self.set(step, math);
                self
            }
            Op::Equation(_)
            | Op::Comment(_)
            | Op::Let(..)
            | Op::Reserve(..)
            | Op::Push(..)
            | Op::Wait(..)
            | Op::Pop(..)
            | Op::Move(_) => self,
        }
    }

    /// Sets what an init sets.
    pub(crate) fn set(&mut self, step: &Step, op: &Math) {
        let format = |ring: usize| Some(step.circular[ring].format);
        match op {
            Math::MultiplyInit { a, b, .. } => {
                (self.source_a, self.source_b) = (format(*b), format(*a));
            }
            Math::CopyInit(ring) => self.source_a = format(*ring),
            Math::PackInit(ring) => self.packed = format(*ring),
            Math::Acquire
            | Math::Commit
            | Math::AwaitMath
            | Math::Release
            | Math::Multiply { .. }
            | Math::Copy { .. }
            | Math::Vector(_)
            | Math::PackAdds(_)
            | Math::Pack { .. } => {}
        }
    }
}
