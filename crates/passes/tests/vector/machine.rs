//! A machine for steps without messages between cores: the reader of a core runs to its
//! end, then its compute role, then its writer. It computes on tiles of DST as the ops'
//! descriptions say, in IEEE f32, and shares nothing with the code under test but them.

use std::collections::{BTreeMap, VecDeque};

use tilec_ir::dataflow::{Format, Index, Math, Move, Op, Program, Role, Step, Test, Vector};
use tilec_ir::{Array, Id, philox, tensor::Tensor};

use crate::tile::{Tile, count, tilize, untilize};
use crate::vectors::{broadcast, keep, reduce, round_stochastic, unary, word};

/// What nobody has written.
const POISON: u32 = 0x7fc0_dead;

/// Runs a program; `tensors` holds the inputs, and then also what was computed.
pub(crate) fn run(program: &Program, tensors: &mut BTreeMap<Id<Tensor>, Array>) {
    let kernel = &program.plan.kernel;
    let mut dram: Vec<Vec<Tile>> = Vec::new();
    for buffer in &program.buffers {
        let empty = || vec![Tile([POISON; 1024]); count(buffer.pages())];
        let input = tensors
            .get(&buffer.tensor)
            .filter(|_| kernel.tensors[buffer.tensor].role == tilec_ir::tensor::Role::Input);
        dram.push(input.map_or_else(empty, |array| tilize(array, buffer)));
    }
    for step in &program.steps {
        for core in 0..step.cores() {
            Core::new(program, step, core, &mut dram).run();
        }
    }
    for (buffer, pages) in program.buffers.iter().zip(&dram) {
        let tensor = &kernel.tensors[buffer.tensor];
        if tensor.role != tilec_ir::tensor::Role::Input {
            let shape: Vec<usize> = tensor
                .shape
                .iter()
                .map(|&dim| {
                    count(kernel.ints.as_constant(dim).expect("sizes are bound").unsigned_abs())
                })
                .collect();
            let element = tilec_ir::Element::of(tensor.element);
            let array = untilize(pages, buffer, element, &shape);
            // What a later step reads is 0 beyond its matrices.
            let read = program.steps.iter().any(|step| reads(&step.reader.body, program, buffer));
            if read {
                assert_eq!(&tilize(&array, buffer), pages, "padding of {}", buffer.name);
            }
            tensors.insert(buffer.tensor, array);
        }
    }
}

fn reads(body: &[Op], program: &Program, buffer: &tilec_ir::dataflow::Buffer) -> bool {
    body.iter().any(|op| match op {
        Op::Move(Move::Read { buffer: at, .. }) => &program.buffers[*at] == buffer,
        Op::Loop { body, .. } => reads(body, program, buffer),
        Op::If { then, otherwise, .. } => {
            reads(then, program, buffer) || reads(otherwise, program, buffer)
        }
        _ => false,
    })
}

#[derive(Default)]
struct Ring {
    reserved: Vec<Tile>,
    next: usize,
    pages: VecDeque<Tile>,
}

struct Core<'a> {
    step: &'a Step,
    core: u32,
    dram: &'a mut Vec<Vec<Tile>>,
    rings: Vec<Ring>,
    dst: Vec<Tile>,
    adds: bool,
    blackhole: bool,
}

impl<'a> Core<'a> {
    fn new(program: &Program, step: &'a Step, core: u32, dram: &'a mut Vec<Vec<Tile>>) -> Self {
        let rings = step.circular.iter().map(|_| Ring::default()).collect();
        let blackhole = program.arch == "blackhole";
        Self { step, core, dram, rings, dst: Vec::new(), adds: false, blackhole }
    }

    fn run(mut self) {
        for role in [&self.step.reader, &self.step.compute, &self.step.writer] {
            self.role(role);
        }
        for (ring, circular) in self.rings.iter().zip(&self.step.circular) {
            assert!(ring.pages.is_empty(), "{} pages left in {}", ring.pages.len(), circular.name);
        }
    }

    fn role(&mut self, role: &Role) {
        let mut names = BTreeMap::new();
        for constant in &self.step.constants {
            names.insert(constant.name.clone(), constant.value);
        }
        for argument in &role.arguments {
            names.insert(argument.name.clone(), argument.values[self.core as usize]);
        }
        self.body(&role.body, &mut names);
    }

    fn value(&self, index: &Index, names: &BTreeMap<String, u32>) -> u32 {
        let core = [self.core % self.step.grid[0], self.core / self.step.grid[0]];
        index.value(core, &|name| names.get(name).copied()).expect("a verified role")
    }

    fn holds(&self, test: &Test, names: &BTreeMap<String, u32>) -> bool {
        let core = [self.core % self.step.grid[0], self.core / self.step.grid[0]];
        test.holds(core, &|name| names.get(name).copied()).expect("a verified role")
    }

    fn body(&mut self, body: &[Op], names: &mut BTreeMap<String, u32>) {
        for op in body {
            match op {
                Op::Equation(_) | Op::Comment(_) => {}
                Op::Let(name, index) => {
                    let value = self.value(index, names);
                    names.insert(name.clone(), value);
                }
                Op::Loop { name, count, body } => {
                    for at in 0..self.value(count, names) {
                        names.insert(name.clone(), at);
                        self.body(body, names);
                    }
                }
                Op::If { test, then, otherwise } => {
                    let taken = if self.holds(test, names) { then } else { otherwise };
                    self.body(taken, names);
                }
                Op::Reserve(ring, count) => {
                    let reserved = &mut self.rings[*ring].reserved;
                    while reserved.len() < *count as usize {
                        reserved.push(Tile([POISON; 1024]));
                    }
                }
                Op::Push(ring, count) => {
                    let ring = &mut self.rings[*ring];
                    ring.pages.extend(ring.reserved.drain(..*count as usize));
                    ring.next = 0;
                }
                Op::Wait(ring, count) => assert!(
                    self.rings[*ring].pages.len() >= *count as usize,
                    "nobody pushes to {}",
                    self.step.circular[*ring].name
                ),
                Op::Pop(ring, count) => {
                    self.rings[*ring].pages.drain(..*count as usize);
                }
                Op::Move(op) => self.transfer(op, names),
                Op::Math(op) => self.math(op, names),
                Op::Learn { .. } => panic!("nothing is made by lists: {op:?}"),
            }
        }
    }

    fn transfer(&mut self, op: &Move, names: &BTreeMap<String, u32>) {
        match op {
            Move::Read { buffer, page, into, at } => {
                let (page, at) = (self.value(page, names), self.value(at, names));
                self.rings[*into].reserved[at as usize] = self.dram[*buffer][page as usize].clone();
            }
            Move::Zero { into, at } => {
                let at = self.value(at, names);
                self.rings[*into].reserved[at as usize] = Tile([0; 1024]);
            }
            Move::Write { buffer, page, from, at } => {
                let (page, at) = (self.value(page, names), self.value(at, names));
                self.dram[*buffer][page as usize] = self.rings[*from].pages[at as usize].clone();
            }
            Move::ReadBarrier | Move::WriteBarrier => {}
            _ => panic!("no messages between cores are made: {op:?}"),
        }
    }

    fn math(&mut self, op: &Math, names: &BTreeMap<String, u32>) {
        match op {
            Math::Acquire => {
                self.dst = vec![Tile([POISON; 1024]); self.step.dst_tiles() as usize];
            }
            Math::Commit
            | Math::AwaitMath
            | Math::Release
            | Math::CopyInit(_)
            | Math::PackInit(_) => {}
            Math::PackAdds(adds) => self.adds = *adds,
            Math::Copy { from, at, dst } => {
                let at = self.value(at, names);
                let format = self.step.circular[*from].format;
                assert!(format != Format::Word || self.blackhole);
                let tile = &self.rings[*from].pages[at as usize];
                self.dst[*dst as usize] = tile.map(|bits| unpack(bits, format));
            }
            Math::Pack { dst, into, at } => {
                let format = self.step.circular[*into].format;
                let tile = self.dst[*dst as usize].map(|bits| pack(bits, format));
                let at = at.as_ref().map(|at| self.value(at, names) as usize);
                let ring = &mut self.rings[*into];
                let at = at.unwrap_or(ring.next);
                ring.next = at + 1;
                if self.adds {
                    let sum = |a: u32, b: u32| (f32::from_bits(a) + f32::from_bits(b)).to_bits();
                    ring.reserved[at] = ring.reserved[at].zip(&tile, sum);
                } else {
                    ring.reserved[at] = tile;
                }
            }
            Math::Vector(op) => self.vector(op, names),
            Math::MultiplyInit { .. } | Math::Multiply { .. } => panic!("no products are made"),
        }
    }

    fn vector(&mut self, op: &Vector, names: &BTreeMap<String, u32>) {
        let tile = |dst: u32| self.dst[dst as usize].clone();
        let (result, out) = match op {
            Vector::Unary(op, a, out) => (tile(*a).map(|x| unary(*op, x)), *out),
            Vector::Binary(op, a, b, out) => {
                (tile(*a).floats(&tile(*b), |a, b| crate::vectors::binary(*op, a, b)), *out)
            }
            Vector::Constant(op, a, b, out) => {
                let all = Tile([b.to_bits(); 1024]);
                (tile(*a).floats(&all, |a, b| crate::vectors::binary(*op, a, b)), *out)
            }
            Vector::MultiplyAdd([a, b, c], out) => {
                let product = tile(*a).floats(&tile(*b), |a, b| a * b);
                (product.floats(&tile(*c), |a, b| a + b), *out)
            }
            Vector::Select([test, a, b], out) => {
                let (test, a, b) = (tile(*test), tile(*a), tile(*b));
                let pick =
                    |at: usize| if f32::from_bits(test.0[at]) != 0.0 { a.0[at] } else { b.0[at] };
                (Tile(std::array::from_fn(pick)), *out)
            }
            Vector::Word(op, a, b, out) => (tile(*a).zip(&tile(*b), |a, b| word(*op, a, b)), *out),
            Vector::RoundStochastic(format, a, b, out) => {
                (tile(*a).zip(&tile(*b), |a, b| round_stochastic(*format, a, b)), *out)
            }
            Vector::Random { seed, counter } => {
                let (seed, words) = (tile(*seed), counter.map(tile));
                for &lost in counter {
                    self.dst[lost as usize] = Tile([POISON; 1024]);
                }
                let random = |at: usize| {
                    philox::philox4x32_10(words.each_ref().map(|w| w.0[at]), [seed.0[at], 0])[0]
                };
                (Tile(std::array::from_fn(random)), counter[0])
            }
            Vector::Fill(value, out) => (Tile([value.to_bits(); 1024]), *out),
            Vector::FillWord(value, out) => (Tile([value.cast_unsigned(); 1024]), *out),
            Vector::Position { columns, base, dst } => {
                let base = self.value(base, names);
                let at = |at: usize| {
                    base + u32::try_from(if *columns { at % 32 } else { at / 32 })
                        .expect("tiles are small")
                };
                (Tile(std::array::from_fn(|x| (at(x) as f32).to_bits())), *dst)
            }
            Vector::Keep { columns, count, fill, dst } => {
                (keep(&tile(*dst), *columns, self.value(count, names), *fill), *dst)
            }
            Vector::Reduce { columns, by, dst } => (reduce(&tile(*dst), *columns, *by), *dst),
            Vector::Broadcast(spread, dst) => (broadcast(&tile(*dst), *spread), *dst),
        };
        self.dst[out as usize] = result;
    }
}

/// The bits in DST of an element of a ring.
fn unpack(bits: u32, format: Format) -> u32 {
    match format {
        // Through a register of 19 bits.
        Format::F32 => bits & !0x1fff,
        Format::Word | Format::Byte | Format::U16 => bits,
        Format::Bf16 => bits << 16,
        Format::F16 => {
            tilec_ir::Format::F16.decode(u16::try_from(bits).expect("16 bits")).to_bits()
        }
        _ => panic!("{format:?} is not made"),
    }
}

/// The element of a ring that the packer makes of bits in DST.
fn pack(bits: u32, format: Format) -> u32 {
    match format {
        Format::F32 | Format::Word => bits,
        Format::Byte => {
            assert!(bits < 256, "{bits:#x} is packed to a byte");
            bits
        }
        Format::U16 => {
            assert!(bits < 1 << 16, "{bits:#x} is packed to a half");
            bits
        }
        Format::Bf16 => {
            let value = f32::from_bits(bits);
            let rounded = bits & 0xffff == 0 || value.is_nan();
            assert!(rounded || bits == POISON, "{value} is packed to bf16");
            bits >> 16
        }
        Format::F16 => {
            let value = f32::from_bits(bits);
            let code = tilec_ir::Format::F16.encode(value);
            let back = tilec_ir::Format::F16.decode(code);
            assert!(back.to_bits() == bits || value.is_nan(), "{value} is packed to f16");
            code.into()
        }
        _ => panic!("{format:?} is not made"),
    }
}
