//! What a role uses: found in one walk, before its text is written.

use std::collections::{BTreeMap, BTreeSet};

use tilec_ir::dataflow::index::{Index, Operator, Test};
use tilec_ir::dataflow::{
    Area, BufferAt, CircularAt, Made, Math, Move, Op, Rank, Role, SemaphoreAt, Vector, Work,
};

use crate::rank;

/// What the text of a role has to declare.
#[derive(Clone, Debug, Default)]
pub(crate) struct Needs {
    /// Buffers that it reads or writes, in the order of their first use.
    pub(crate) buffers: Vec<BufferAt>,
    /// Its rings.
    pub(crate) rings: BTreeSet<CircularAt>,
    /// Rings that it fills.
    pub(crate) reserved: BTreeSet<CircularAt>,
    /// Semaphores.
    pub(crate) semaphores: BTreeSet<SemaphoreAt>,
    /// Semaphores whose word of this core it sets or reads.
    pub(crate) words: BTreeSet<SemaphoreAt>,
    /// Cores that it reaches.
    pub(crate) areas: Vec<Area>,
    /// Areas that it reaches as a whole.
    pub(crate) rectangles: Vec<Area>,
    /// Whether it counts a semaphore of one other core up.
    pub(crate) counts_up: bool,
    /// Names in its indices: constants, arguments, lets and loops.
    pub(crate) names: BTreeSet<String>,
    /// Whether it asks for the place of its core: column, row.
    pub(crate) place: [bool; 2],
    /// Whether it takes the smaller of two numbers.
    pub(crate) minimum: bool,
    /// Shapes of products: rings of `a` and `b`, transposed, block.
    pub(crate) products: Vec<(CircularAt, CircularAt, bool, [u32; 3])>,
    /// How many pages it takes or gives at a time, of each ring.
    pub(crate) counts: BTreeSet<(CircularAt, u32)>,
    /// Ops of the vector unit.
    pub(crate) vectors: Vec<Vector>,
    /// A ring that takes or gives pages of each buffer.
    pub(crate) pages_of: BTreeMap<BufferAt, CircularAt>,
    /// Functions on tiles in L1.
    pub(crate) l1_functions: BTreeSet<&'static str>,
    /// Whether it learns words of a list.
    pub(crate) learns: bool,
    /// What is computed element by element.
    pub(crate) elements: Vec<Made>,
    /// Whether tiles are copied to DST.
    pub(crate) copies: bool,
}

impl Needs {
    pub(crate) fn of(role: &Role) -> Self {
        let mut needs = Self::default();
        needs.ops(&role.body);
        needs
    }

    fn ops(&mut self, ops: &[Op]) {
        for op in ops {
            self.op(op);
        }
    }

    fn op(&mut self, op: &Op) {
        match op {
            Op::Equation(_) | Op::Comment(_) => {}
            Op::Let(_, index) => self.index(index),
            Op::Learn { list, word, .. } => {
                self.learns = true;
                self.rings.insert(*list);
                self.index(word);
            }
            Op::Loop { count, body, .. } => {
                self.index(count);
                self.ops(body);
            }
            Op::If { test, then, otherwise } => {
                self.test(test);
                self.ops(then);
                self.ops(otherwise);
            }
            Op::Reserve(ring, count) | Op::Push(ring, count) => {
                self.reserved.insert(*ring);
                self.window(*ring, *count);
            }
            Op::Wait(ring, count) | Op::Pop(ring, count) => self.window(*ring, *count),
            Op::Move(op) => self.moves(op),
            Op::Math(op) => self.math(op),
        }
    }

    fn window(&mut self, ring: CircularAt, count: u32) {
        self.rings.insert(ring);
        self.counts.insert((ring, count));
    }

    fn moves(&mut self, op: &Move) {
        op.indices().into_iter().for_each(|index| self.index(index));
        if let Some((buffer, ring)) = op.buffer() {
            add(&mut self.buffers, buffer);
            self.pages_of.entry(buffer).or_insert(ring);
        }
        match op {
            Move::Read { into: ring, .. } | Move::Write { from: ring, .. } => {
                self.rings.insert(*ring);
            }
            Move::ReadRows { into, .. } => {
                self.l1_functions.insert("read_rows");
                self.rings.insert(*into);
            }
            Move::WriteRows { from, .. } => {
                self.l1_functions.insert("write_rows");
                self.rings.insert(*from);
            }
            Move::Zero { into, .. } => {
                self.l1_functions.insert("zero_tile");
                self.rings.insert(*into);
            }
            Move::Column { from, into, .. } => {
                self.l1_functions.insert("copy_column");
                self.rings.extend([from, into]);
            }
            Move::Deliver { from, into, tiles, area, .. } => {
                self.window(*from, *tiles);
                self.rings.insert(*into);
                add(&mut self.areas, *area);
            }
            Move::Rank(op) => self.rank(op),
            Move::Work(op) => self.work(op),
            Move::Open(table) => {
                self.l1_functions.insert("open_table");
                self.rings.insert(table.ring);
            }
            Move::Elements(elements) => {
                self.minimum = true;
                self.rings.insert(elements.into);
                self.elements.push(elements.made.clone());
            }
            Move::ReadBarrier | Move::WriteBarrier => {}
            Move::Multicast { from, into, tiles, area, .. } => {
                self.window(*from, *tiles);
                self.window(*into, *tiles);
                add(&mut self.areas, *area);
                add(&mut self.rectangles, *area);
            }
            Move::Set(semaphore, _) | Move::Until(semaphore, _) => {
                self.semaphores.insert(*semaphore);
                self.words.insert(*semaphore);
            }
            Move::SignalOne { semaphore, area, .. } => {
                self.semaphores.insert(*semaphore);
                add(&mut self.areas, *area);
                self.counts_up = true;
            }
            Move::SignalAll { semaphore, area } => {
                self.semaphores.insert(*semaphore);
                add(&mut self.areas, *area);
                add(&mut self.rectangles, *area);
            }
        }
    }

    fn rank(&mut self, op: &Rank) {
        let functions: &[&'static str] = match op {
            Rank::Clear(_) => &["clear_list"],
            Rank::Offer { key, .. } => &["offer_row", rank::code_function(*key)],
            Rank::Merge { .. } => &["merge_list"],
            Rank::Sort(_) => &["sort_list"],
            Rank::Indices { .. } => &["put_indices"],
            Rank::Fetch { .. } => &["fetch_elements"],
            Rank::Values { .. } => &["put_elements"],
        };
        self.l1_functions.extend(functions);
        self.l1_functions.insert("list_bytes");
        match op {
            Rank::Clear(list) | Rank::Sort(list) => self.rings.extend([list.ring]),
            Rank::Offer { keys, list, .. } => self.rings.extend([*keys, list.ring]),
            Rank::Merge { from, into } => self.rings.extend([from.ring, into.ring]),
            Rank::Indices { places, into, .. } | Rank::Fetch { places, into, .. } => {
                self.rings.extend([places.list.ring, *into]);
            }
            Rank::Values { places, from, into, .. } => {
                self.rings.extend([places.list.ring, *from, *into]);
            }
        }
    }

    fn work(&mut self, op: &Work) {
        self.l1_functions.insert(match op {
            Work::Fetch { .. } => "fetch_table",
            Work::Deal(_) => "deal_work",
        });
        self.rings.extend(op.filled().into_iter().chain(op.read()));
    }

    fn math(&mut self, op: &Math) {
        match op {
            Math::Acquire | Math::Commit | Math::AwaitMath | Math::Release | Math::PackAdds(_) => {}
            Math::MultiplyInit { a, b, transpose, block } => {
                self.rings.extend([a, b]);
                add(&mut self.products, (*a, *b, *transpose, *block));
            }
            Math::Multiply { a, b, a_at, b_at, .. } => {
                self.page(*a, a_at);
                self.page(*b, b_at);
            }
            Math::CopyInit(ring) => {
                self.copies = true;
                self.rings.insert(*ring);
            }
            Math::Copy { from, at, .. } => self.page(*from, at),
            Math::Vector(vector) => self.vector(vector),
            Math::PackInit(ring) => {
                self.rings.insert(*ring);
            }
            Math::Pack { into, at, .. } => {
                self.rings.insert(*into);
                at.iter().for_each(|at| self.index(at));
            }
        }
    }

    fn vector(&mut self, op: &Vector) {
        match op {
            Vector::Position { base: index, .. } | Vector::Keep { count: index, .. } => {
                self.index(index);
            }
            Vector::Unary(..)
            | Vector::Word(..)
            | Vector::RoundStochastic(..)
            | Vector::Random { .. }
            | Vector::FillWord(..)
            | Vector::Binary(..)
            | Vector::Constant(..)
            | Vector::MultiplyAdd(..)
            | Vector::Select(..)
            | Vector::Fill(..)
            | Vector::Reduce { .. }
            | Vector::Broadcast(..) => {}
        }
        self.vectors.push(op.clone());
    }

    fn page(&mut self, ring: CircularAt, at: &Index) {
        self.rings.insert(ring);
        self.index(at);
    }

    fn test(&mut self, test: &Test) {
        match test {
            Test::Equal(a, b) | Test::Less(a, b) => {
                self.index(a);
                self.index(b);
            }
            Test::Both(tests) => tests.iter().for_each(|test| self.test(test)),
        }
    }

    fn index(&mut self, index: &Index) {
        match index {
            Index::Number(_) => {}
            Index::Named(name) => {
                self.names.insert(name.clone());
            }
            Index::CoreColumn => self.place[0] = true,
            Index::CoreRow => self.place[1] = true,
            Index::Binary(operator, operands) => {
                self.minimum |= *operator == Operator::Min;
                operands.iter().for_each(|operand| self.index(operand));
            }
        }
    }
}

/// Keeps the order of first uses.
fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}
