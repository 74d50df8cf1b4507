//! The role that copies tiles of both operands, and where the role that brings scales
//! begins.
//!
//! One thread waits for free slots and fills them by tile copies. A slot counts the
//! bytes that come, zeros for what lies outside of a tensor included. Where blocks of a
//! cluster share an operand, each brings its share of every box to all of them.

use tilec_ir::plan::{Contract, Told};
use tilec_ir::tile::Side;

use super::Wide;
use super::maps::{self, Maps};
use super::shape::{FILLED_ROWS, ROW_BYTES};

/// Where a box begins in a dimension of its tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Begin {
    /// Where the block of `k` does.
    K,
    /// At a row of the tile, behind what is added to it.
    Row(String),
    /// There.
    At(String),
}

/// What is copied of one tensor into a slot.
#[derive(Debug)]
struct Piece<'p, 'm> {
    side: Side,
    contract: &'p Contract,
    map: &'m str,
    /// Bytes behind the operand's first, in each block of `k`.
    after: u32,
    /// Where it begins, if data tells.
    begins: Option<Vec<Begin>>,
}

impl<'p> Wide<'_, '_, 'p> {
    pub(super) fn load(&mut self, maps: &Maps) {
        if let [Some(registers), _] = self.shape.registers {
            self.f.line(format!("tilec::registers_down<{registers}>();"));
        }
        let first = self.shape.math_warps();
        self.open(&format!("if ($warp == {first} && tilec::elect_one())"));
        self.copies(maps);
        self.f.close();
        if self.shape.segment.is_some() {
            self.open(&format!("if ($warp > {first})"));
            self.scales();
            self.f.close();
        }
    }

    fn copies(&mut self, maps: &Maps) {
        self.say("tilec::Place<$SLOTS> $place;");
        let cluster = self.shape.cluster;
        if self.shape.shares.is_some() {
            let mask = (1u32 << cluster) - 1;
            self.say(&format!("constexpr tilec::u16 $mask = {mask}; // all blocks of the cluster"));
        }
        self.open_items();
        let pieces = self.pieces(maps);
        let bytes = self.bytes();
        self.open("for (int $k = 0; $k < $depth; $k += $SLOT_K)");
        self.say(&format!(
            "
            const tilec::u32 $full_here = $full + 8 * $place.slot;
            const tilec::u32 $a_at = $ring + $place.slot * $SLOT_BYTES;
            const tilec::u32 $b_at = $a_at + $SLOT_K / $BLOCK * $A_BYTES;
            tilec::barrier_wait($empty + 8 * $place.slot, $place.parity ^ 1);
            tilec::barrier_expect($full_here, {bytes});
            "
        ));
        for block in 0..self.shape.blocks {
            for piece in &pieces {
                match &piece.begins {
                    None => self.copy(piece, block),
                    Some(begins) => self.copy_from(piece, block, begins),
                }
            }
        }
        self.say("$place.next();");
        self.f.close();
        self.f.close();
    }

    /// What a slot takes: a tile of each operand, and beside that of `b` the one of a dual
    /// contraction's second product.
    fn pieces<'m>(&mut self, maps: &'m Maps) -> Vec<Piece<'p, 'm>> {
        let half = self.shape.copied_rows(Side::B) * ROW_BYTES;
        let (first, second) = (self.contract, self.beside);
        let second = second.zip(maps.beside.as_ref());
        let second = second.map(|(contract, map)| (Side::B, contract, map, half));
        let all = [(Side::A, first, &maps.a, 0), (Side::B, first, &maps.b, 0)];
        let all = all.into_iter().chain(second);
        let piece = |(side, contract, map, after): (Side, &'p Contract, &'m String, u32)| Piece {
            side,
            contract,
            map,
            after,
            begins: self.begin(contract, side),
        };
        all.map(piece).collect()
    }

    /// How many bytes come: of the boxes in which rows begin, where not all may.
    fn bytes(&mut self) -> &'static str {
        if self.contract.filled.is_none() {
            return "$SLOT_BYTES";
        }
        self.say(&format!(
            "
            const tilec::u32 $bytes = $SLOT_K / $BLOCK
                * (min($ROWS, ($filled - $tile.m + {0}) / {FILLED_ROWS} * {FILLED_ROWS}) * 128 + $B_BYTES);
            ",
            FILLED_ROWS - 1
        ));
        "$bytes"
    }

    /// Where an operand begins in the dimensions of its tensor, the innermost first, if data
    /// tells any of it; `None` along `k`.
    fn begin(&mut self, contract: &Contract, side: Side) -> Option<Vec<Begin>> {
        let (operand, rows) = match side {
            Side::A => (&contract.a, &contract.m),
            Side::B => (&contract.b, &contract.n),
        };
        if operand.read.is_some() {
            // Rows that come in several boxes are copied from there too.
            let several = side == Side::A && contract.filled.is_some();
            let batch = maps::has_batch(operand).then(|| Begin::At("$tile.batch".to_owned()));
            let begins = [Begin::K, Begin::Row(String::new())].into_iter().chain(batch);
            return several.then(|| begins.collect());
        }
        let (_, dims) = contract.gathered(self.f.kernel, operand, rows).expect("tiles are copied");
        self.bind(&contract.batch, "$tile.batch");
        let begins = dims.into_iter().rev().map(|dim| match dim {
            Told::K => Begin::K,
            Told::Row => Begin::Row(String::new()),
            Told::RowFrom(index) => {
                rows.iter().for_each(|&row| self.f.bind(row, "0"));
                let from = self.f.int(index).to_string();
                Begin::Row(format!("{} + ", self.f.declare("int", "from", from)))
            }
            Told::Batch(index) => {
                let at = self.f.int(index).to_string();
                Begin::At(self.f.declare("int", "matrix", at))
            }
        });
        Some(begins.collect())
    }

    /// Copies one block of `k` of an operand that begins there, the boxes in which rows begin.
    fn copy_from(&mut self, piece: &Piece<'_, '_>, block: u32, begins: &[Begin]) {
        let &Piece { side, map, after, .. } = piece;
        let (to, bytes, at) = match side {
            Side::A => ("$a_at", "$A_BYTES", "$tile.m"),
            Side::B => ("$b_at", "$B_BYTES", "$tile.n"),
        };
        let [_, outer] = maps::boxes(&self.shape, side);
        let to = plus(&plus_times(to, block, bytes), after);
        for first in (0..self.shape.copied_rows(side)).step_by(outer as usize) {
            let place = begins.iter().map(|begin| match begin {
                Begin::K => plus("$k", block * self.shape.block),
                Begin::Row(from) => plus(&format!("{from}{at}"), first),
                Begin::At(at) => at.clone(),
            });
            let place = place.collect::<Vec<_>>().join(", ");
            let to = plus(&to, first * ROW_BYTES);
            let test = if first > 0 {
                format!("if ($tile.m + {first} < $filled) ")
            } else {
                String::new()
            };
            self.say(&format!("{test}tilec::tma_load({to}, {map}, $full_here, {place});"));
        }
    }

    /// Copies one block of `k` of one operand.
    fn copy(&mut self, piece: &Piece<'_, '_>, block: u32) {
        let &Piece { side, contract, map, after, .. } = piece;
        let shape = &self.shape;
        let (to, bytes, at, operand) = match side {
            Side::A => ("$a_at", "$A_BYTES", "$tile.m", &contract.a),
            Side::B => ("$b_at", "$B_BYTES", "$tile.n", &contract.b),
        };
        let [inner, outer] = maps::boxes(shape, side);
        let sharers = shape.sharers(side);
        let (multicast, mask) = if sharers > 1 { ("_multicast", ", $mask") } else { ("", "") };
        let batch = if maps::has_batch(operand) { ", $tile.batch" } else { "" };
        let (to_member, of_member) = if sharers > 1 {
            (format!(" + $member * {}", outer * 128), format!(" + $member * {outer}"))
        } else {
            (String::new(), String::new())
        };
        let k = plus("$k", block * shape.block);
        let to = plus(&plus_times(to, block, bytes), after);
        let copies = if shape.is_k_major(side) {
            vec![(format!("{to}{to_member}"), format!("{k}, {at}{of_member}"))]
        } else {
            let box_bytes = outer * sharers * 128;
            let boxes = shape.copied_rows(side) / inner;
            let one = |i| {
                let to = plus(&to, i * box_bytes);
                (format!("{to}{to_member}"), format!("{}, {k}{of_member}", plus(at, i * inner)))
            };
            (0..boxes).map(one).collect()
        };
        for (to, place) in copies {
            self.say(&format!(
                "
                tilec::tma_load{multicast}({to}, {map}, $full_here{mask},
                    {place}{batch});
                "
            ));
        }
    }
}

/// `name + offset`
pub(super) fn plus(name: &str, offset: u32) -> String {
    if offset == 0 { name.to_owned() } else { format!("{name} + {offset}") }
}

/// `name + count * unit`
fn plus_times(name: &str, count: u32, unit: &str) -> String {
    match count {
        0 => name.to_owned(),
        1 => format!("{name} + {unit}"),
        _ => format!("{name} + {count} * {unit}"),
    }
}
