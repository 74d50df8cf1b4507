//! What the unpacker, the math unit and the packer are set to, place by place.
//!
//! The chip keeps the formats of its two source registers and of the packer's result
//! until they are changed. An init whose ring has another format than the one set last
//! must change it; where loops and branches meet, what is not the same on all ways is
//! unknown, and is set again. Copies use source register A alone, but the adder that they pass
//! wants a format of the same family in B too.

use tilec_ir::dataflow::{CircularAt, Format, Math, Op, Step};

/// What the math unit was last told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// To copy from this ring.
    Copy(CircularAt),
    /// To multiply tiles of these rings, transposed or not, in blocks.
    Multiply(CircularAt, CircularAt, bool, [u32; 3]),
}

/// What is set; `None` where it depends on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Formats {
    /// What the math unit does.
    pub(crate) task: Option<Task>,
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
        fn same<T: PartialEq>(a: Option<T>, b: Option<T>) -> Option<T> {
            if a == b { a } else { None }
        }
        Self {
            task: same(self.task, other.task),
            source_a: same(self.source_a, other.source_a),
            source_b: same(self.source_b, other.source_b),
            packed: same(self.packed, other.packed),
        }
    }

    /// What holds at the start of every turn of a loop that is entered with these.
    pub(crate) fn at_head_of(self, step: &Step, body: &[Op]) -> Self {
        // Each turn of this can only forget.
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
            | Op::Learn { .. }
            | Op::Reserve(..)
            | Op::Push(..)
            | Op::Wait(..)
            | Op::Pop(..)
            | Op::Move(_) => self,
        }
    }

    /// Sets what an init sets.
    pub(crate) fn set(&mut self, step: &Step, op: &Math) {
        let format = |ring: usize| step.circular[ring].format;
        match op {
            Math::MultiplyInit { a, b, transpose, block } => {
                self.task = Some(Task::Multiply(*a, *b, *transpose, *block));
                self.source_a = Some(format(*b));
                self.source_b = Some(format(*a));
            }
            Math::CopyInit(ring) => {
                let copied = format(*ring);
                self.task = Some(Task::Copy(*ring));
                self.source_a = Some(copied);
                let other = self.source_b.map(family);
                if family(copied) == Family::Integer || other != Some(family(copied)) {
                    self.source_b = Some(copied);
                }
            }
            Math::PackInit(ring) => self.packed = Some(format(*ring)),
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

/// Formats that the math unit takes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Integer,
    /// Exponents of 5 bits.
    Short,
    /// Exponents of 8 bits, and words, which go past the source registers.
    Long,
}

fn family(format: Format) -> Family {
    match format {
        Format::Byte | Format::U16 => Family::Integer,
        Format::F16 | Format::NativeE4M3 | Format::NativeE5M2 => Family::Short,
        Format::F32 | Format::Bf16 | Format::Bfp8 | Format::Word => Family::Long,
    }
}
