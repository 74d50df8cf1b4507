//! Partial sums added to sums: as they are, or times the scales of their period.
//!
//! Scales come in chunks of several periods. A warpgroup gives a chunk back when
//! its next period lies in a later one, and at the end of an item gives back what
//! it has not used.

use tilec_ir::tile::Accumulate;

use super::Few;

impl Few<'_, '_, '_> {
    /// The function that adds partial sums up.
    pub(super) fn accumulate(&mut self) {
        let count = self.shape.columns / 2;
        let scaled = match self.shape.accumulate {
            Accumulate::Scale(_) => true,
            Accumulate::Promote(_) | Accumulate::InPlace => false,
        };
        if scaled {
            self.first_scales();
        }
        self.open(&format!("const auto $accumulate = [&](const float (&$products)[{count}])"));
        if scaled {
            self.scaled();
        } else {
            self.f.line("#pragma unroll");
            self.say(&format!("for (int $i = 0; $i < {count}; ++$i) $sum[$i] += $products[$i];"));
        }
        self.f.out.close(";");
        self.f.leave();
    }

    fn first_scales(&mut self) {
        let first = if self.shape.groups > 1 { "$k_group" } else { "0" };
        self.say(&format!(
            "
            int $used = {first}, $chunks = ($k_end - $k_begin + $CHUNK * $PERIOD - 1) / ($CHUNK * $PERIOD);
            if ($chunks > 0) tilec::barrier_wait($scale_full + 8 * $scale_place.slot, $scale_place.parity);
            "
        ));
    }

    fn scaled(&mut self) {
        let (columns, groups) = (self.shape.columns, self.shape.groups);
        self.open("if ($used >= $CHUNK)");
        self.next_chunk();
        self.say("$used -= $CHUNK;");
        self.say("tilec::barrier_wait($scale_full + 8 * $scale_place.slot, $scale_place.parity);");
        self.f.close();
        self.say(
            "
            const float* const $factors =
                $scales + ($scale_place.slot * $CHUNK + $used) * $SCALE_PITCH + 2 * $quad;
            ",
        );
        self.f.line("#pragma unroll");
        self.say(&format!(
            "
            for (int $i = 0; $i < {}; ++$i) {{
                const float2 $by = *reinterpret_cast<const float2*>($factors + 8 * $i);
                $sum[4 * $i] = fmaf($by.x, $products[4 * $i], $sum[4 * $i]);
                $sum[4 * $i + 1] = fmaf($by.y, $products[4 * $i + 1], $sum[4 * $i + 1]);
                $sum[4 * $i + 2] = fmaf($by.x, $products[4 * $i + 2], $sum[4 * $i + 2]);
                $sum[4 * $i + 3] = fmaf($by.y, $products[4 * $i + 3], $sum[4 * $i + 3]);
            }}
            $used += {groups};
            ",
            columns / 8
        ));
    }

    /// Gives a chunk back and goes on to the next.
    fn next_chunk(&mut self) {
        self.say(
            "
            __syncwarp();
            if ($lane == 0) tilec::barrier_arrive($scale_empty + 8 * $scale_place.slot);
            $scale_place.next();
            --$chunks;
            ",
        );
    }

    /// Gives back the chunks of the item that are left.
    pub(super) fn last_scales(&mut self) {
        if self.shape.scales.is_none() {
            return;
        }
        self.open("while ($chunks > 0)");
        self.say("tilec::barrier_wait($scale_full + 8 * $scale_place.slot, $scale_place.parity);");
        self.next_chunk();
        self.f.close();
    }
}
