//! The role that copies tiles of both operands, and where the role that brings scales
//! begins.
//!
//! One thread waits for free slots and fills them by tile copies. A slot counts the
//! bytes that come, zeros for what lies outside of a tensor included. Where blocks of a
//! cluster share an operand, each brings its share of every box to all of them.

use tilec_ir::tile::Side;

use super::Wide;
use super::maps::{self, Maps};

impl Wide<'_, '_, '_> {
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
        self.open("for (int $k = 0; $k < $depth; $k += $SLOT_K)");
        self.say(
            "
            const tilec::u32 $full_here = $full + 8 * $place.slot;
            const tilec::u32 $a_at = $ring + $place.slot * $SLOT_BYTES;
            const tilec::u32 $b_at = $a_at + $SLOT_K / $BLOCK * $A_BYTES;
            tilec::barrier_wait($empty + 8 * $place.slot, $place.parity ^ 1);
            tilec::barrier_expect($full_here, $SLOT_BYTES);
            ",
        );
        for block in 0..self.shape.blocks {
            self.copy(Side::A, &maps.a, block);
            self.copy(Side::B, &maps.b, block);
        }
        self.say("$place.next();");
        self.f.close();
        self.f.close();
    }

    /// Copies one block of `k` of one operand.
    fn copy(&mut self, side: Side, map: &str, block: u32) {
        let shape = &self.shape;
        let (to, bytes, at, operand) = match side {
            Side::A => ("$a_at", "$A_BYTES", "$tile.m", &self.contract.a),
            Side::B => ("$b_at", "$B_BYTES", "$tile.n", &self.contract.b),
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
        let to = plus_times(to, block, bytes);
        let copies = if shape.is_k_major(side) {
            vec![(format!("{to}{to_member}"), format!("{k}, {at}{of_member}"))]
        } else {
            let box_bytes = outer * sharers * 128;
            let boxes = shape.side(side) / inner;
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
