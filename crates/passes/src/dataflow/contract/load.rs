//! How blocks of operands come to the cores: read, decoded, sent along a row or a column.
//!
//! ```text
//! alone      reserve, read, push
//! together   block k comes from core k % cores of the line:
//!            sender    until all are ready: send the block, then "valid"
//!            others    "ready" to the sender, until "valid"
//! made       the sender reads codes a block ahead, its compute makes the block
//! ```

use tilec_ir::dataflow::{Area, CircularAt, Index, Move, Op, SemaphoreAt, Test};

use super::block::{Block, each_ahead, each_of, when};
use super::cut::{Cut, Spread};
use super::load_scale::is_own;
use super::operand::{Input, Operand, Side};
use super::product::Product;
use super::rings::{Use, scale_tiles};
use super::step::Numbers;
use crate::dataflow::vector::Place;

/// One operand's way to the cores.
pub(super) struct Load<'a> {
    pub(super) product: &'a Product,
    pub(super) cut: &'a Cut,
    pub(super) numbers: &'a Numbers,
    pub(super) side: Side,
}

/// What cores of a line tell each other.
struct Signals {
    ready: SemaphoreAt,
    valid: SemaphoreAt,
}

impl Load<'_> {
    /// All blocks of `k` for a block of the output.
    pub(super) fn blocks(&self, block: &Block) -> Vec<Op> {
        let raw = |k_block: &Index| {
            let computed = self.operand().computed;
            if computed { self.sender(k_block, self.raw(block, k_block)) } else { Vec::new() }
        };
        each_ahead(self.cut.k_blocks(self.product), raw, |k_block| {
            [self.own_scales(block, &k_block), self.deliver(block, &k_block)].concat()
        })
    }

    fn operand(&self) -> &Operand {
        &self.product.operands[self.side as usize]
    }

    pub(super) fn ring(&self, used: Use) -> CircularAt {
        self.numbers.ring(used)
    }

    fn cores(&self) -> u32 {
        self.cut.cores_along(self.side)
    }

    /// Ops of the core that reads a block for its line.
    fn sender(&self, k_block: &Index, ops: Vec<Op>) -> Vec<Op> {
        when(self.sends(k_block), ops, vec![])
    }

    /// Whether this core does.
    pub(super) fn sends(&self, k_block: &Index) -> Vec<Test> {
        let cores = self.cores();
        match k_block {
            _ if cores == 1 => vec![],
            Index::Number(block) => vec![Test::Equal(self.own(), (block % cores).into())],
            _ => vec![Test::Equal(k_block.clone() % self.line(), self.own())],
        }
    }

    /// The number of cores of a line, and the place of this one there.
    fn line(&self) -> &'static str {
        if self.side == Side::A { "core_columns" } else { "core_rows" }
    }

    fn own(&self) -> Index {
        if self.side == Side::A { Index::CoreColumn } else { Index::CoreRow }
    }

    fn area(&self) -> Area {
        if self.side == Side::A { Area::Row } else { Area::Column }
    }

    /// Brings a block of `k`, and the scales that come with it.
    fn deliver(&self, block: &Block, k_block: &Index) -> Vec<Op> {
        let tiles = self.cut.multiplied_tiles(self.side);
        let operand = self.ring(Use::Operand(self.side));
        let made_here = self.operand().computed && self.cores() == 1;
        let mut reads = Vec::new();
        let mut rings = Vec::new();
        if !made_here {
            rings.push((operand, tiles));
            if !self.operand().computed {
                reads.extend(self.read(block, k_block, 0, operand));
            }
        }
        for (at, input) in self.scales().filter(|(_, input)| !is_own(input)) {
            let [rows, columns] = scale_tiles(self.cut, input);
            let ring = self.ring(Use::Scale(at));
            rings.push((ring, rows * columns));
            reads.extend(self.read_scale(block, k_block, input, ring));
        }
        if !reads.is_empty() {
            reads.push(Op::Move(Move::ReadBarrier));
        }
        for (at, input) in self.scales().filter(|(_, input)| !is_own(input)) {
            reads.extend(self.turn_scale(k_block, input, self.ring(Use::Scale(at))));
        }
        let reserve = rings.iter().map(|&(ring, tiles)| Op::Reserve(ring, tiles));
        let push = rings.iter().map(|&(ring, tiles)| Op::Push(ring, tiles));
        let between = match self.signals() {
            None => reads,
            Some(signals) => {
                let send = self.send(&signals, reads, &rings);
                let receive = self.receive(&signals, k_block);
                when(self.sends(k_block), send, receive)
            }
        };
        reserve.chain(between).chain(push).collect()
    }

    fn signals(&self) -> Option<Signals> {
        let first = self.numbers.semaphores[self.side as usize]?;
        Some(Signals { ready: first, valid: first + 1 })
    }

    fn send(
        &self,
        Signals { ready, valid }: &Signals,
        mut ops: Vec<Op>,
        rings: &[(CircularAt, u32)],
    ) -> Vec<Op> {
        let made = self.operand().computed.then(|| self.ring(Use::Made(self.side)));
        let operand = self.ring(Use::Operand(self.side));
        let tiles = self.cut.multiplied_tiles(self.side);
        ops.extend(made.map(|made| Op::Wait(made, tiles)));
        ops.push(Op::Move(Move::Until(*ready, self.cores() - 1)));
        ops.push(Op::Move(Move::Set(*ready, 0)));
        for &(into, tiles) in rings {
            let from = made.filter(|_| into == operand).unwrap_or(into);
            let own = from != into;
            let area = self.area();
            ops.push(Op::Move(Move::Multicast { from, into, tiles, area, own }));
        }
        ops.push(Op::Move(Move::Set(*valid, 1)));
        ops.push(Op::Move(Move::SignalAll { semaphore: *valid, area: self.area() }));
        // What is sent must not change before it has left.
        ops.push(Op::Move(Move::WriteBarrier));
        ops.extend(made.map(|made| Op::Pop(made, tiles)));
        ops
    }

    fn receive(&self, Signals { ready, valid }: &Signals, k_block: &Index) -> Vec<Op> {
        let to = match k_block {
            Index::Number(block) => (block % self.cores()).into(),
            _ => k_block.clone() % self.line(),
        };
        let area = self.area();
        vec![
            Op::Move(Move::Set(*valid, 0)),
            Op::Move(Move::SignalOne { semaphore: *ready, area, to }),
            Op::Move(Move::Until(*valid, 1)),
        ]
    }

    /// Reads what a block is made from.
    fn raw(&self, block: &Block, k_block: &Index) -> Vec<Op> {
        let tiles = self.cut.operand_tiles(self.side);
        let rings =
            (0..self.operand().inputs.len()).map(|at| (at, self.ring(Use::Raw(self.side, at))));
        let mut ops: Vec<_> = rings.clone().map(|(_, ring)| Op::Reserve(ring, tiles)).collect();
        ops.extend(rings.clone().flat_map(|(at, ring)| self.read(block, k_block, at, ring)));
        ops.push(Op::Move(Move::ReadBarrier));
        ops.extend(rings.map(|(_, ring)| Op::Push(ring, tiles)));
        ops
    }

    /// Reads the tiles of a block: `a` row by row of `m`, `b` row by row of `k`.
    fn read(&self, block: &Block, k_block: &Index, input: usize, into: CircularAt) -> Vec<Op> {
        let [rows, columns, depth] = self.cut.block;
        let first_k = k_block.clone() * "block_k";
        let page = |line: Index, k: Index, at: Index| {
            let (first, tiles, beyond) = self.lines(block);
            let (line, k) = (first + line, first_k.clone() + k);
            let place =
                self.operand().place(self.side, block.batch.clone(), line.clone(), k.clone());
            let mut inside = Vec::new();
            if beyond {
                inside.push(Test::Less(line, Index::named(tiles)));
            }
            if self.product.lengths[2] == 0 {
                // Nothing is added up: a tile of zeros.
                inside.push(Test::Less(k, Index::from(0)));
            } else if !self.product.tiles()[2].is_multiple_of(depth) {
                inside.push(Test::Less(k, Index::named("k_tiles")));
            }
            read(&self.operand().inputs[input], &place, into, at, inside)
        };
        match self.side {
            Side::A => each_of("row", "block_rows", rows, |row| {
                each_of("k", "block_k", depth, |k| {
                    let at = row.clone() * "block_k" + k.clone();
                    page(row, k, at)
                })
            }),
            Side::B => each_of("k", "block_k", depth, |k| {
                each_of("column", "block_columns", columns, |column| {
                    let at = k.clone() * "block_columns" + column.clone();
                    page(column, k, at)
                })
            }),
        }
    }

    /// The first line of a block, how many there are, and whether blocks reach over them.
    fn lines(&self, block: &Block) -> (Index, &'static str, bool) {
        let ragged = |side: Side| reaches_over(self.product, self.cut, side as usize);
        match self.side {
            Side::A => (block.row.clone(), "m_tiles", ragged(Side::A)),
            Side::B => (block.column.clone(), "n_tiles", ragged(Side::B)),
        }
    }
}

/// Whether the last blocks of rows or columns reach over the edge.
pub(super) fn reaches_over(product: &Product, cut: &Cut, side: usize) -> bool {
    let (tiles, block) = (product.tiles()[side], cut.block[side]);
    let blocks = match cut.spread {
        Spread::Shared { passes } => passes[side] * cut.grid[1 - side],
        Spread::Items | Spread::Listed => tiles.div_ceil(block),
    };
    u64::from(blocks) * u64::from(block) != u64::from(tiles)
}

/// Reads a tile, or zeros where it is beyond the edge.
pub(super) fn read(
    input: &Input,
    place: &Place,
    into: CircularAt,
    at: Index,
    mut inside: Vec<Test>,
) -> Vec<Op> {
    inside.extend(input.leaf.inside(place));
    read_page(input, input.leaf.page(place), into, at, inside)
}

pub(super) fn read_page(
    input: &Input,
    page: Index,
    into: CircularAt,
    at: Index,
    inside: Vec<Test>,
) -> Vec<Op> {
    let read = Op::Move(Move::Read { buffer: input.buffer, page, into, at: at.clone() });
    when(inside, vec![read], vec![Op::Move(Move::Zero { into, at })])
}
