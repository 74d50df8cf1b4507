//! The role that multiplies.
//!
//! A warpgroup takes its periods of `k` in turn: it waits for the slot of each,
//! multiplies into partial sums, gives the slot back behind its last one, and adds
//! the partial sums up. With two partial accumulators the next period is multiplied
//! meanwhile. Sums that may stay in place are multiplied into without a pause.

use tilec_ir::tile::{Accumulate, RoleKind};

use super::Few;
use super::shape::{INSTRUCTION_ROWS, ROW_BYTES, Shape};
use crate::instruction::Wgmma;

impl Few<'_, '_, '_> {
    pub(super) fn math(&mut self) {
        let math = self.pipeline.roles.iter().find(|role| role.kind == RoleKind::Compute);
        if let Some(registers) = math.and_then(|role| role.registers) {
            self.f.line(format!("tilec::registers_up<{registers}>();"));
        }
        self.who();
        self.open_items();
        let count = self.shape.columns / 2;
        let (ty, zero) = (self.class().cpp(), if self.sums_are_float() { "0.0f" } else { "0" });
        self.say(&format!("{ty} $sum[{count}];"));
        self.f.line("#pragma unroll");
        self.say(&format!("for (int $i = 0; $i < {count}; ++$i) $sum[$i] = {zero};"));
        self.units();
        self.multiply();
        self.finished();
        match (self.shape.accumulate, self.shape.partials) {
            (Accumulate::InPlace, _) => self.in_place(),
            (Accumulate::Promote(_) | Accumulate::Scale(_), 2) => {
                self.accumulate();
                self.two_at_a_time();
            }
            (Accumulate::Promote(_) | Accumulate::Scale(_), _) => {
                self.accumulate();
                self.one_at_a_time();
            }
        }
        self.last_slot();
        self.last_scales();
        self.stage();
        self.put();
        self.f.close();
        if self.shape.cluster > 1 {
            self.say("if (!$waited) tilec::cluster_wait();");
        }
    }

    /// Who this thread is, and where it stands.
    fn who(&mut self) {
        let Shape { first_math_warp, groups, rows, cluster, parts, .. } = self.shape;
        let row_groups = rows / INSTRUCTION_ROWS;
        self.say(&format!(
            "
            const int $thread = static_cast<int>(threadIdx.x) - {};
            const int $lane = tilec::lane(), $quad = $lane % 4;
            [[maybe_unused]] const int $group = ($warp - {first_math_warp}) / 4;
            ",
            first_math_warp * 32
        ));
        let row_group =
            if row_groups == 1 { "0".to_owned() } else { format!("$group % {row_groups}") };
        self.say(&format!("const int $row_group = {row_group};"));
        match (groups, row_groups) {
            (1, _) => {}
            (_, 1) => self.say("const int $k_group = $group;"),
            _ => self.say(&format!("const int $k_group = $group / {row_groups};")),
        }
        self.say("tilec::Place<$SLOTS> $place;");
        if self.shape.scales.is_some() {
            self.say("tilec::Place<$SCALE_SLOTS> $scale_place;");
        }
        self.say("bool $again = false;");
        if cluster > 1 {
            self.say("bool $waited = false;");
        }
        if parts > 1 {
            self.say("tilec::u32 $parity = 0;");
        }
    }

    /// How many periods of the item are this warpgroup's.
    fn units(&mut self) {
        let units = "($k_end - $k_begin + $PERIOD - 1) / $PERIOD";
        if self.shape.groups == 1 {
            self.say(&format!("const int $units = {units};"));
        } else {
            self.say(&format!("const int $units = ({units} - $k_group + $GROUPS - 1) / $GROUPS;"));
        }
        let of_slot = self.units_of_slot();
        if of_slot > 1 {
            self.say(&format!(
                "constexpr int $of_slot = {of_slot}; // periods of a slot that are ours"
            ));
            self.say("int $issued = 0, $left = $of_slot;");
        }
        self.say("tilec::Place<$SLOTS> $done = $place;");
    }

    /// Periods of a slot that one warpgroup multiplies.
    fn units_of_slot(&self) -> u32 {
        self.shape.blocks * self.shape.block / self.shape.period / self.shape.groups
    }

    /// The function that starts the next period.
    fn multiply(&mut self) {
        let Shape { columns, depth, period, block, .. } = self.shape;
        let [a, b] = self.pipeline.instruction.elements;
        let [a_major, b_major] = self.pipeline.instruction.k_major;
        let instruction = Wgmma { columns, depth, elements: [b, a], k_major: [b_major, a_major] };
        let name = instruction.need(&mut self.f);
        let (ty, count) = (self.class().cpp(), columns / 2);
        let of_slot = self.units_of_slot();
        self.open(&format!("const auto $multiply = [&]({ty} (&$products)[{count}], bool $add)"));
        let issued = if of_slot > 1 { "$issued" } else { "0" };
        let wait = "tilec::barrier_wait($full + 8 * $place.slot, $place.parity);";
        self.say(&if of_slot > 1 { format!("if ($issued == 0) {wait}") } else { wait.to_owned() });
        let unit = match (self.shape.groups, of_slot) {
            (1, _) => issued.to_owned(),
            (_, 1) => "$k_group".to_owned(),
            _ => "($issued * $GROUPS + $k_group)".to_owned(),
        };
        let per_block = block / period;
        let (at, inside) = if per_block == 1 {
            (unit, String::new())
        } else {
            let units = period * ROW_BYTES / block / 16;
            (format!("{unit} / {per_block}"), format!(" + {unit} % {per_block} * {units}"))
        };
        let group_bytes = INSTRUCTION_ROWS * ROW_BYTES;
        self.say(&format!(
            "
            const tilec::u32 $rows_at = $ring + $place.slot * $SLOT_BYTES;
            const tilec::u32 $columns_at = $rows_at + $SLOT_K / $BLOCK * $ROW_BYTES;
            const tilec::u64 $row = tilec::rows_of_128_bytes(
                $rows_at + {at} * $ROW_BYTES + $row_group * {group_bytes}){inside};
            const tilec::u64 $column = tilec::rows_of_128_bytes($columns_at + {at} * $COLUMN_BYTES){inside};
            tilec::pin($products);
            tilec::wgmma_fence();
            "
        ));
        for step in 0..period / depth {
            let advance = if step == 0 { String::new() } else { format!(" + {}", 2 * step) };
            let add = if step == 0 { "$add" } else { "true" };
            self.say(&format!("{name}($products, $row{advance}, $column{advance}, {add});"));
        }
        self.f.line("tilec::wgmma_commit();");
        self.say(if of_slot > 1 {
            "if (++$issued == $of_slot) { $issued = 0; $place.next(); }"
        } else {
            "$place.next();"
        });
        self.f.out.close(";");
        self.f.leave();
    }

    /// The function that gives a slot back, behind the wait for its last period.
    fn finished(&mut self) {
        let of_slot = self.units_of_slot();
        let last = if of_slot > 1 { "bool $last" } else { "" };
        self.open(&format!("const auto $finished = [&]({last})"));
        if of_slot > 1 {
            self.say("if (--$left > 0 && !$last) return;");
            self.say("$left = $of_slot;");
        }
        self.release("$done");
        self.say("$done.next();");
        self.f.out.close(";");
        self.f.leave();
    }

    /// Gives a slot back to all blocks that fill it.
    fn release(&mut self, place: &str) {
        let Shape { sharers, parts, .. } = self.shape;
        if sharers == 1 {
            self.say(&format!("if ($lane == 0) tilec::barrier_arrive($empty + 8 * {place}.slot);"));
            return;
        }
        let rank = if parts == 1 { "$lane".to_owned() } else { format!("$part + $lane * {parts}") };
        self.say(&format!(
            "if ($lane < {sharers}) tilec::barrier_free_at($empty + 8 * {place}.slot, {rank});"
        ));
    }

    /// `finished(last)`
    fn finish(&self, last: &str) -> String {
        let argument = if self.units_of_slot() > 1 { last } else { "" };
        format!("$finished({argument});")
    }

    fn in_place(&mut self) {
        let (next, last) = (self.finish("false"), self.finish("true"));
        self.say(&format!(
            "
            for (int $unit = 0; $unit < $units; ++$unit) {{
                $multiply($sum, true);
                tilec::wgmma_wait<1>();
                if ($unit > 0) {next}
            }}
            tilec::wgmma_wait<0>();
            tilec::pin($sum);
            if ($units > 0) {last}
            "
        ));
    }

    fn one_at_a_time(&mut self) {
        let finish = self.finish("$unit == $units - 1");
        let (ty, count) = (self.class().cpp(), self.shape.columns / 2);
        self.say(&format!(
            "
            for (int $unit = 0; $unit < $units; ++$unit) {{
                {ty} $partial[{count}];
                $multiply($partial, false);
                tilec::wgmma_wait<0>();
                tilec::pin($partial);
                {finish}
                $accumulate($partial);
            }}
            "
        ));
    }

    fn two_at_a_time(&mut self) {
        let (next, last) = (self.finish("false"), self.finish("true"));
        let (ty, count) = (self.class().cpp(), self.shape.columns / 2);
        let half = |this: &str, other: &str| {
            format!(
                "$multiply(${other}, false); tilec::wgmma_wait<1>(); tilec::pin(${this}); {next} \
                 $accumulate(${this});"
            )
        };
        let (even, odd) = (half("even", "odd"), half("odd", "even"));
        self.say(&format!(
            "
            if ($units > 0) {{
                {ty} $even[{count}], $odd[{count}];
                $multiply($even, false);
                int $rest = $units - 1;
                for (; $rest >= 2; $rest -= 2) {{
                    {}
                    {}
                }}
                if ($rest > 0) {{
                    {}
                    tilec::wgmma_wait<0>();
                    tilec::pin($odd);
                    {last}
                    $accumulate($odd);
                }} else {{
                    tilec::wgmma_wait<0>();
                    tilec::pin($even);
                    {last}
                    $accumulate($even);
                }}
            }}
            ",
            even.replace("; ", ";\n                    "),
            odd.replace("; ", ";\n                    "),
            even.replace("; ", ";\n                    "),
        ));
    }

    /// Steps over what is left of the last slot, of which no period may be ours.
    fn last_slot(&mut self) {
        if self.units_of_slot() > 1 {
            self.say("if ($issued > 0) $place.next();");
        }
        if self.shape.groups == 1 {
            return;
        }
        let of_slot = self.units_of_slot();
        let seen = if of_slot > 1 { "($units + $of_slot - 1) / $of_slot" } else { "$units" };
        self.open(&format!("if (($k_end - $k_begin + $SLOT_K - 1) / $SLOT_K > {seen})"));
        self.say("tilec::barrier_wait($full + 8 * $place.slot, $place.parity);");
        self.release("$place");
        self.say("$place.next();");
        self.f.close();
    }
}
