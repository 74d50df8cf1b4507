//! The role that copies tiles of both operands, and where the role that brings
//! scales begins.
//!
//! One thread waits for free slots and fills them by tile copies. A slot counts the
//! bytes that come, zeros for what lies outside of a tensor included; the last slot
//! of a part of `k` holds fewer blocks. Where blocks of a cluster share an operand,
//! each brings its share of the rows to all of them.

use tilec_ir::plan::Axis;
use tilec_ir::tile::{RoleKind, Side};

use super::Few;
use super::setup::Maps;

impl Few<'_, '_, '_> {
    pub(super) fn load(&mut self, maps: &Maps) {
        let loads = self.pipeline.roles.iter().find(|role| role.kind == RoleKind::Load);
        if let Some(registers) = loads.and_then(|role| role.registers) {
            self.f.line(format!("tilec::registers_down<{registers}>();"));
        }
        if self.shape.cluster > 1 {
            self.f.line("tilec::cluster_wait();");
        }
        self.open("if ($warp == 0)");
        self.f.open("if (tilec::elect_one())");
        self.copies(maps);
        self.f.close();
        self.f.line("__syncwarp();");
        if self.shape.scales.is_some() {
            self.f.close_else();
            self.scales();
        }
        self.f.close();
    }

    fn copies(&mut self, maps: &Maps) {
        if self.shape.streams {
            self.say("const tilec::u64 $policy = tilec::read_once();");
        }
        self.say("tilec::Place<$SLOTS> $place;");
        if self.shape.sharers > 1 {
            self.mask();
        }
        self.open_items();
        self.open("for (int $k = $k_begin; $k < $k_end; $k += $SLOT_K)");
        self.say(
            "
            const int $count = (min($SLOT_K, $k_end - $k) + $BLOCK - 1) / $BLOCK;
            const tilec::u32 $full_here = $full + 8 * $place.slot;
            const tilec::u32 $rows_at = $ring + $place.slot * $SLOT_BYTES;
            const tilec::u32 $columns_at = $rows_at + $SLOT_K / $BLOCK * $ROW_BYTES;
            tilec::barrier_wait($empty + 8 * $place.slot, $place.parity ^ 1);
            tilec::barrier_expect($full_here, $count * ($ROW_BYTES + $COLUMN_BYTES));
            ",
        );
        self.copy(Side::B, &maps.b);
        self.copy(Side::A, &maps.a);
        self.say("$place.next();");
        self.f.close();
        self.f.close();
    }

    /// The blocks of the cluster that have the same part of `k`.
    fn mask(&mut self) {
        let (parts, sharers) = (self.shape.parts, self.shape.sharers);
        let bits = (0..sharers).fold(0u32, |bits, member| bits | 1 << (member * parts));
        let shift = if parts > 1 { " << $part" } else { "" };
        self.say(&format!("const tilec::u16 $mask = static_cast<tilec::u16>({bits}{shift});"));
    }

    /// Copies the blocks of one operand.
    fn copy(&mut self, side: Side, map: &str) {
        let shared = self.shape.sharers > 1 && self.shape.shares == Some(side);
        let streams = side == Side::B && self.shape.streams;
        let (to, bytes, at, rows) = match side {
            Side::A => ("$columns_at", "$COLUMN_BYTES", "$tile.m", self.shape.columns_per_copy()),
            Side::B => ("$rows_at", "$ROW_BYTES", "$tile.n", self.shape.rows_per_copy()),
        };
        let name = if streams { "tma_stream" } else { "tma_load" };
        let (multicast, mask) = if shared { ("_multicast", ", $mask") } else { ("", "") };
        let policy = if streams { ", $policy" } else { "" };
        let (offset, row) = if shared {
            (
                format!(" + $member * {}", rows * super::shape::ROW_BYTES),
                format!(" + $member * {rows}"),
            )
        } else {
            (String::new(), String::new())
        };
        let batch = if self.has_batch(side) { ", $tile.batch" } else { "" };
        self.say(&format!(
            "
            for (int $i = 0; $i < $count; ++$i) {{
                tilec::{name}{multicast}({to} + $i * {bytes}{offset}, {map}, $full_here{mask}{policy},
                    $k + $i * $BLOCK, {at}{row}{batch});
            }}
            "
        ));
    }

    fn has_batch(&self, side: Side) -> bool {
        let operand = match side {
            Side::A => &self.contract.a,
            Side::B => &self.contract.b,
        };
        let axes = operand.read.iter().flat_map(|read| &read.axes);
        axes.into_iter().any(|axis| matches!(axis, Axis::Batch(_)))
    }
}
