//! The role that multiplies.
//!
//! ```text
//! in place   wait; multiply into the sums; free the slot before
//! promoted   for each part { multiply into partial sums; wait; free; sums += partial sums }
//! ```
//!
//! While one warpgroup adds its partial sums up, the matrix unit works for another. Each
//! starts a few slots behind the one before it and stays there, so that one writes its
//! results while another multiplies. Scales are read before what they are for.

use tilec_ir::tile::Side;

use super::Wide;
use super::load::plus;
use super::maps::Maps;
use super::shape::{INSTRUCTION_ROWS, Shape};
use crate::instruction::Wgmma;

/// Units of 16 bytes, in which descriptors count, of a row of an operand.
const ROW_UNITS: u32 = 8;

impl Wide<'_, '_, '_> {
    pub(super) fn math(&mut self, maps: &Maps) {
        if let [_, Some(registers)] = self.shape.registers {
            self.f.line(format!("tilec::registers_up<{registers}>();"));
        }
        self.say(
            "
            const int $lane = tilec::lane(), $instance = $warp / 4;
            tilec::Place<$SLOTS> $place;
            ",
        );
        if maps.output.is_some() {
            self.first_box();
        }
        self.start_behind();
        self.open_items();
        self.pass_over();
        let (ty, count) = (self.class().cpp(), self.shape.columns / 2);
        match self.shape.groups {
            1 => self.say(&format!("{ty} $sum[{count}];")),
            groups => self.say(&format!("{ty} $sum[{groups}][{count}]; // by group of 64 rows")),
        }
        if self.shape.promotes {
            self.promoted();
        } else {
            self.in_place();
        }
        match &maps.output {
            Some(map) => self.put_boxes(map),
            None => self.put(),
        }
        self.f.close();
        self.start_last();
        if maps.output.is_some() {
            self.last_box();
        }
    }

    /// A warpgroup none of whose rows there are frees what comes for others.
    fn pass_over(&mut self) {
        if self.contract.filled.is_none() || self.shape.instances == 1 {
            return;
        }
        let rows = self.shape.groups * INSTRUCTION_ROWS;
        self.open(&format!("if ($filled <= $tile.m + $instance * {rows})"));
        self.open("for (int $k = 0; $k < $depth; $k += $SLOT_K)");
        self.say("tilec::barrier_wait($full + 8 * $place.slot, $place.parity);");
        self.free("$place");
        self.say("$place.next();");
        self.let_start();
        self.f.close();
        self.f.line("continue;");
        self.f.close();
    }

    /// Lets the next warpgroup start where all items were left out.
    fn start_last(&mut self) {
        if self.contract.filled.is_some() && self.lag() > 0 {
            self.say("if ($ahead > 0) tilec::named_arrive($instance + 1, 256);");
        }
    }

    /// How many slots a warpgroup starts behind the one before it: with what they hold
    /// back, slots must be left for what is under way.
    fn lag(&self) -> u32 {
        match (self.shape.instances, self.shape.slots) {
            (2, 4..) => 2,
            (3, 4..) => 1,
            _ => 0,
        }
    }

    /// Waits until the warpgroup before is some slots ahead, or at the end of its first item.
    fn start_behind(&mut self) {
        let (lag, last) = (self.lag(), self.shape.instances - 1);
        if lag == 0 {
            return;
        }
        let most = match lag {
            1 => "1".to_owned(),
            _ => format!("min({lag}, ($depth + $SLOT_K - 1) / $SLOT_K)"),
        };
        self.say(&format!(
            "
            int $ahead = $instance < {last} && $first < $items ? {most} : 0;
            if ($instance > 0 && $first < $items) tilec::named_sync($instance, 256);
            "
        ));
    }

    /// Lets the next warpgroup start, when it is time.
    fn let_start(&mut self) {
        if self.lag() > 0 {
            self.say("if ($ahead > 0 && --$ahead == 0) tilec::named_arrive($instance + 1, 256);");
        }
    }

    /// The sums of a group of rows.
    pub(super) fn sum(&self) -> &'static str {
        if self.shape.groups == 1 { "$sum" } else { "$sum[$group]" }
    }

    /// Begins what is done for each group of 64 rows.
    pub(super) fn open_groups(&mut self) {
        if self.shape.groups > 1 {
            self.open_unrolled("$group", self.shape.groups);
        }
    }

    pub(super) fn close_groups(&mut self) {
        if self.shape.groups > 1 {
            self.f.close();
        }
    }

    /// Waits for a slot, and says where its operands lie.
    fn receive(&mut self) {
        let rows = self.shape.groups * INSTRUCTION_ROWS * 128;
        let [a, b] = [Side::A, Side::B].map(|side| {
            if self.shape.is_k_major(side) { "rows_of_128_bytes" } else { "boxes_of_64_rows" }
        });
        self.say(&format!(
            "
            tilec::barrier_wait($full + 8 * $place.slot, $place.parity);
            const tilec::u32 $a_at = $ring + $place.slot * $SLOT_BYTES;
            const tilec::u64 $a_rows = tilec::{a}($a_at + $instance * {rows});
            const tilec::u64 $b_rows = tilec::{b}($a_at + $SLOT_K / $BLOCK * $A_BYTES);
            "
        ));
    }

    /// Gives a slot back; `place` says which.
    fn free(&mut self, place: &str) {
        let cluster = self.shape.cluster;
        self.say(&if cluster == 1 {
            format!("if ($lane == 0) tilec::barrier_arrive($empty + 8 * {place}.slot);")
        } else {
            format!(
                "if ($lane < {cluster}) tilec::barrier_free_at($empty + 8 * {place}.slot, $lane);"
            )
        });
    }

    fn instruction(&mut self) -> String {
        let Shape { part, depth, .. } = self.shape;
        let wgmma = self.pipeline.instruction;
        let (elements, k_major) = (wgmma.elements, wgmma.k_major);
        Wgmma { columns: part, depth, elements, k_major }.need(&mut self.f)
    }

    /// How far an operand's descriptor moves from one instruction to the next along `k`.
    fn step_units(&self, side: Side) -> u32 {
        if self.shape.is_k_major(side) { 2 } else { self.shape.depth * ROW_UNITS }
    }

    /// How far an operand's descriptor moves from one block of `k` to the next.
    fn block_units(&self, side: Side) -> u32 {
        self.shape.side(side) * ROW_UNITS
    }

    fn in_place(&mut self) {
        let name = self.instruction();
        let sum = self.sum();
        self.say("tilec::Place<$SLOTS> $done = $place;");
        self.open("for (int $k = 0; $k < $depth; $k += $SLOT_K)");
        self.receive();
        self.f.line("tilec::wgmma_fence();");
        let of_group = if self.shape.groups > 1 { " + $group * 512" } else { "" };
        let steps = self.shape.block / self.shape.depth;
        for at in 0..self.shape.blocks * steps {
            let [a, b] = [Side::A, Side::B].map(|side| {
                at / steps * self.block_units(side) + at % steps * self.step_units(side)
            });
            let add = if at == 0 { "$k > 0" } else { "true" };
            self.open_groups();
            let (a, b) = (plus("$a_rows", a), plus("$b_rows", b));
            self.say(&format!("{name}({sum}, {a}{of_group}, {b}, {add});"));
            self.close_groups();
        }
        self.f.line("tilec::wgmma_commit();");
        self.f.comment("The slot before has been read when only these instructions run.");
        self.f.line("tilec::wgmma_wait<1>();");
        self.open("if ($k > 0)");
        self.free("$done");
        self.say("$done.next();");
        self.f.close();
        self.say("$place.next();");
        self.let_start();
        self.f.close();
        self.f.line("tilec::wgmma_wait<0>();");
        self.open_groups();
        self.say(&format!("tilec::pin({sum});"));
        self.close_groups();
        self.free("$done");
    }

    fn promoted(&mut self) {
        let Shape { part, columns, .. } = self.shape;
        let sum = self.sum();
        self.open_groups();
        self.f.line("#pragma unroll");
        self.say(&format!("for (int $i = 0; $i < $COLUMNS / 2; ++$i) {sum}[$i] = 0.0f;"));
        self.close_groups();
        self.open("for (int $k = 0; $k < $depth; $k += $SLOT_K)");
        self.receive();
        let periods = self.shape.periods();
        if periods > 1 {
            self.open_unrolled("$period", periods);
        }
        self.period_scales();
        self.open_groups();
        self.say(&format!("float $partial[{}];", part / 2));
        let parts = columns / part;
        if parts > 1 {
            self.open_unrolled("$part", parts);
        }
        self.multiply();
        self.free_last(periods, parts);
        self.add_up();
        if parts > 1 {
            self.f.close();
        }
        self.close_groups();
        if periods > 1 {
            self.f.close();
        }
        self.say("$place.next();");
        self.let_start();
        self.f.close();
    }

    /// The instructions of one period and part, and the wait for them.
    fn multiply(&mut self) {
        let name = self.instruction();
        let Shape { part, columns, period, block, depth, groups, .. } = self.shape;
        let of_period = |this: &Self, side| {
            let (block_units, step) = (this.block_units(side), this.step_units(side));
            match (this.shape.periods(), block / period) {
                (1, _) => String::new(),
                (_, 1) => format!(" + $period * {block_units}"),
                (_, each) => format!(
                    " + $period / {each} * {block_units} + $period % {each} * {}",
                    period / depth * step
                ),
            }
        };
        let of_group = if groups > 1 { " + $group * 512" } else { "" };
        let of_part =
            if columns > part { format!(" + $part * {}", part * ROW_UNITS) } else { String::new() };
        let (a, b) = (of_period(self, Side::A) + of_group, of_period(self, Side::B) + &of_part);
        self.f.line("tilec::wgmma_fence();");
        for step in 0..period / depth {
            let add = if step == 0 { "false" } else { "true" };
            let [a_step, b_step] = [Side::A, Side::B].map(|side| step * self.step_units(side));
            let (a_rows, b_rows) = (plus("$a_rows", a_step), plus("$b_rows", b_step));
            self.say(&format!("{name}($partial, {a_rows}{a}, {b_rows}{b}, {add});"));
        }
        self.say(
            "
            tilec::wgmma_commit();
            tilec::wgmma_wait<0>();
            tilec::pin($partial);
            ",
        );
    }

    /// Gives the slot back behind its last instruction.
    fn free_last(&mut self, periods: u32, parts: u32) {
        let mut last = Vec::new();
        for (variable, count) in
            [("$period", periods), ("$group", self.shape.groups), ("$part", parts)]
        {
            if count > 1 {
                last.push(format!("{variable} == {}", count - 1));
            }
        }
        if last.is_empty() {
            self.free("$place");
        } else {
            self.open(&format!("if ({})", last.join(" && ")));
            self.free("$place");
            self.f.close();
        }
    }

    /// The scales of a period, in registers.
    fn period_scales(&mut self) {
        if self.shape.segment.is_none() {
            return;
        }
        let Shape { groups, .. } = self.shape;
        let rows = groups * INSTRUCTION_ROWS;
        let of_period = if self.shape.periods() > 1 { " + $period * $SCALES" } else { "" };
        self.say(&format!(
            "
            const float* const $factors = $scales + $place.slot * $SLOT_SCALES{of_period};
            const float* const $own = $factors + $instance * {rows} + $warp % 4 * 16 + $lane / 4;
            float $row_scale[{groups}][2], $column_scale[$SEGMENTS];
            #pragma unroll
            for (int $i = 0; $i < {groups}; ++$i) {{
                $row_scale[$i][0] = $own[64 * $i];
                $row_scale[$i][1] = $own[64 * $i + 8];
            }}
            #pragma unroll
            for (int $i = 0; $i < $SEGMENTS; ++$i) $column_scale[$i] = $factors[$ROWS + $i];
            "
        ));
    }

    /// Adds partial sums to sums, times the scales of their period.
    fn add_up(&mut self) {
        let Shape { part, columns, groups, segment, .. } = self.shape;
        let sum = self.sum();
        let parts = columns > part;
        self.f.line("#pragma unroll");
        if segment.is_none() {
            let at = if parts { "$part * ($PART / 2) + $i" } else { "$i" };
            self.say(&format!(
                "for (int $i = 0; $i < $PART / 2; ++$i) {sum}[{at}] += $partial[$i];"
            ));
            return;
        }
        let group = if groups > 1 { "$group" } else { "0" };
        let first = if parts { "$part * $PART + 8 * $j" } else { "8 * $j" };
        self.say(&format!(
            "
            for (int $j = 0; $j < $PART / 8; ++$j) {{
                const int $at = ({first}) / 2;
                const float $by = $column_scale[({first}) / $SEGMENT];
                const float $up = $row_scale[{group}][0] * $by, $down = $row_scale[{group}][1] * $by;
                {sum}[$at] = fmaf($up, $partial[4 * $j], {sum}[$at]);
                {sum}[$at + 1] = fmaf($up, $partial[4 * $j + 1], {sum}[$at + 1]);
                {sum}[$at + 2] = fmaf($down, $partial[4 * $j + 2], {sum}[$at + 2]);
                {sum}[$at + 3] = fmaf($down, $partial[4 * $j + 3], {sum}[$at + 3]);
            }}
            "
        ));
    }
}
