//! Formats: what may be multiplied by what, what a chip can take, what DST can hold.

use crate::dataflow::budget::format_name;
use crate::dataflow::{
    BufferAt, CircularAt, Elements, Format, Math, Move, Op, Program, Rank, Step, Table, Work,
};

use super::Limits;
use super::code::Code;
use super::fault::OfStep;

pub(super) fn check(
    program: &Program,
    step: &Step,
    codes: &[Code<'_>; 3],
    limits: Option<&Limits>,
    faults: &mut OfStep<'_>,
) {
    for ring in &step.circular {
        if let Some(sentence) = of_chip(step, ring.format, limits) {
            faults.say(format!("{} holds {}: {sentence}", ring.name, format_name(ring.format)));
        }
    }
    let formats = Formats { program, step, limits };
    for (op, site) in codes.iter().flat_map(Code::ops) {
        if let Some(sentence) = formats.of_op(op) {
            faults.add(site.fault(program, step, sentence));
        }
    }
}

fn of_chip(step: &Step, format: Format, limits: Option<&Limits>) -> Option<String> {
    match format {
        Format::NativeE4M3 if limits.is_some_and(|limits| !limits.native_e4m3) => {
            Some("the chip has no e4m3 of its own".to_owned())
        }
        Format::NativeE4M3 | Format::NativeE5M2 if !step.f32_dst => {
            Some("the chip's own FP8 takes a DST of 32 bits".to_owned())
        }
        Format::F32
        | Format::Bf16
        | Format::F16
        | Format::Bfp8
        | Format::NativeE4M3
        | Format::NativeE5M2
        | Format::Word
        | Format::U16
        | Format::Byte => None,
    }
}

struct Formats<'a> {
    program: &'a Program,
    step: &'a Step,
    limits: Option<&'a Limits>,
}

impl Formats<'_> {
    fn of_op(&self, op: &Op) -> Option<String> {
        match op {
            Op::Move(op) => self.of_move(op),
            Op::Math(op) => self.of_math(op),
            Op::Equation(_)
            | Op::Comment(_)
            | Op::Let(..)
            | Op::Learn { .. }
            | Op::Loop { .. }
            | Op::If { .. }
            | Op::Reserve(..)
            | Op::Push(..)
            | Op::Wait(..)
            | Op::Pop(..) => None,
        }
    }

    fn of_move(&self, op: &Move) -> Option<String> {
        match op {
            Move::Read { buffer, into: ring, .. } | Move::Write { buffer, from: ring, .. } => {
                self.page(*buffer, *ring)
            }
            Move::Column { from, into, .. } => self.same(*from, *into).or_else(|| {
                let format = self.ring(*from);
                let words = matches!(format, Format::Word | Format::F32);
                (!words).then(|| format!("columns are of 32-bit words, not {}", named(format)))
            }),
            Move::Multicast { from, into, .. } | Move::Deliver { from, into, .. } => {
                self.same(*from, *into)
            }
            Move::ReadRows { buffer, into: ring, .. }
            | Move::WriteRows { buffer, from: ring, .. } => {
                self.page(*buffer, *ring).or_else(|| self.elements(*ring, None))
            }
            Move::Rank(op) => self.of_rank(op),
            Move::Work(op) => self.of_work(op),
            Move::Open(Table { buffer, ring })
            | Move::Elements(Elements { buffer, into: ring, .. }) => {
                self.page(*buffer, *ring).or_else(|| self.elements(*ring, None))
            }
            Move::Zero { .. }
            | Move::ReadBarrier
            | Move::WriteBarrier
            | Move::Set(..)
            | Move::Until(..)
            | Move::SignalOne { .. }
            | Move::SignalAll { .. } => None,
        }
    }

    fn of_rank(&self, op: &Rank) -> Option<String> {
        match op {
            Rank::Clear(list) | Rank::Sort(list) => self.elements(list.ring, Some(32)),
            Rank::Offer { keys, key, list, .. } => {
                self.elements(*keys, Some(key.bits)).or_else(|| self.elements(list.ring, Some(32)))
            }
            Rank::Merge { from, into } => {
                self.elements(from.ring, Some(32)).or_else(|| self.elements(into.ring, Some(32)))
            }
            Rank::Indices { into, .. } => self.elements(*into, Some(32)),
            Rank::Fetch { buffer, into, .. } => {
                self.page(*buffer, *into).or_else(|| self.elements(*into, None))
            }
            Rank::Values { from, into, .. } => self.same(*from, *into),
        }
    }

    fn of_work(&self, op: &Work) -> Option<String> {
        let fetched = match op {
            Work::Fetch { table, into } => self.page(*table, *into),
            Work::Deal(_) => None,
        };
        let rings = op.filled().into_iter().chain(op.read());
        fetched.or_else(|| rings.into_iter().find_map(|ring| self.elements(ring, Some(32))))
    }

    /// Whether a ring's elements lie one by one, of so many bits.
    fn elements(&self, ring: CircularAt, bits: Option<u32>) -> Option<String> {
        let format = self.ring(ring);
        let found = format.element_bytes().map(|bytes| 8 * bytes);
        let fits = found.is_some() && (bits.is_none() || bits == found);
        (!fits).then(|| match bits {
            Some(bits) => format!("elements of {bits} bits, not {}", named(format)),
            None => format!("rows of {} don't lie by themselves", named(format)),
        })
    }

    /// A page keeps its bits, so an f32 may also lie in a ring as a word.
    fn page(&self, buffer: BufferAt, ring: CircularAt) -> Option<String> {
        let (buffer, format) = (&self.program.buffers[buffer], self.ring(ring));
        let is_word = |format| matches!(format, Format::F32 | Format::Word);
        let same = buffer.format == format || (is_word(buffer.format) && is_word(format));
        (!same).then(|| {
            let (name, found) = (&buffer.name, named(buffer.format));
            format!("pages of {name} are {found}, not {} as the circular buffer", named(format))
        })
    }

    fn same(&self, from: CircularAt, into: CircularAt) -> Option<String> {
        let (from, into) = (self.ring(from), self.ring(into));
        (from != into).then(|| format!("from {} to {}", named(from), named(into)))
    }

    fn of_math(&self, op: &Math) -> Option<String> {
        match op {
            Math::MultiplyInit { a, b, .. } | Math::Multiply { a, b, .. } => {
                self.product(self.ring(*a), self.ring(*b))
            }
            Math::CopyInit(ring) | Math::Copy { from: ring, .. } => self.copy(self.ring(*ring)),
            Math::PackInit(ring) | Math::Pack { into: ring, .. } => self.pack(self.ring(*ring)),
            Math::Vector(_) if !self.step.f32_dst => {
                Some("the vector unit takes a DST of 32 bits".to_owned())
            }
            Math::Acquire
            | Math::Commit
            | Math::AwaitMath
            | Math::Release
            | Math::Vector(_)
            | Math::PackAdds(_) => None,
        }
    }

    fn product(&self, a: Format, b: Format) -> Option<String> {
        let [left, right] = [a, b].map(exponent_bits);
        let no_float = [(a, left), (b, right)].into_iter().find(|x| x.1.is_none());
        if let Some((format, _)) = no_float {
            return Some(format!("the matrix unit takes no {}", named(format)));
        }
        (left != right)
            .then(|| format!("exponents of {} and {} are of two sizes", named(a), named(b)))
    }

    fn copy(&self, format: Format) -> Option<String> {
        let limited = self.limits.is_some_and(|limits| !limits.words_to_dst);
        if limited && format == Format::Word {
            return Some("the chip copies no words to DST".to_owned());
        }
        self.pack(format)
    }

    fn pack(&self, format: Format) -> Option<String> {
        let wide = matches!(format, Format::Word | Format::F32 | Format::U16 | Format::Byte);
        (wide && !self.step.f32_dst).then(|| format!("{} take a DST of 32 bits", named(format)))
    }

    fn ring(&self, at: CircularAt) -> Format {
        self.step.circular[at].format
    }
}

/// Both operands of a product have exponents of one size; `None` is no float.
fn exponent_bits(format: Format) -> Option<u32> {
    match format {
        Format::F32 | Format::Bf16 | Format::Bfp8 => Some(8),
        Format::F16 | Format::NativeE4M3 | Format::NativeE5M2 => Some(5),
        Format::Word | Format::U16 | Format::Byte => None,
    }
}

fn named(format: Format) -> &'static str {
    format_name(format)
}
