//! Where sums meet and results are written.
//!
//! Each warpgroup writes its sums into a plane of shared memory, a row for each
//! column of the instruction. A block then takes its share of the elements: it adds
//! the planes of all parts of `k` in order, those of other blocks by reading their
//! shared memory, computes the epilogue and writes along `n`.

use super::Few;
use super::shape::{INSTRUCTION_ROWS, Shape};
use crate::types::Class;

/// Neighbors along `n` that one thread writes.
pub(super) const QUAD: u32 = 4;

impl Few<'_, '_, '_> {
    /// Writes this warpgroup's sums into its plane, and waits for all others.
    pub(super) fn stage(&mut self) {
        let Shape { parts, groups, columns, cluster, .. } = self.shape;
        if cluster > 1 {
            self.open("if (!$waited)");
            self.f.line("tilec::cluster_wait();");
            self.say("$waited = true;");
            self.f.close();
        }
        self.f.comment("The readers of the last tile must be through.");
        self.say(if parts > 1 {
            "if ($again) tilec::barrier_wait_cluster($parts_read, $parity ^ 1);"
        } else {
            "if ($again) tilec::named_sync(1, $MATH);"
        });
        self.say("$again = true;");
        let ty = self.class().cpp();
        let plane = if groups > 1 { " + $k_group * ($COLUMNS * $PITCH)" } else { "" };
        self.say(&format!(
            "
            {ty}* const $own = $staging{plane} + 2 * $quad * $PITCH +
                $row_group * {INSTRUCTION_ROWS} + $warp % 4 * 16 + $lane / 4;
            "
        ));
        self.f.line("#pragma unroll");
        self.say(&format!(
            "
            for (int $i = 0; $i < {}; ++$i) {{
                {ty}* const $at = $own + 8 * $i * $PITCH;
                $at[0] = $sum[4 * $i];
                $at[$PITCH] = $sum[4 * $i + 1];
                $at[8] = $sum[4 * $i + 2];
                $at[$PITCH + 8] = $sum[4 * $i + 3];
            }}
            tilec::named_sync(1, $MATH);
            ",
            columns / 8
        ));
        if parts > 1 {
            let first = self.first_of_parts();
            self.say(&format!(
                "
                if ($thread < {parts}) tilec::barrier_arrive_at($parts_full, {first}$thread);
                tilec::barrier_wait_cluster($parts_full, $parity);
                "
            ));
        }
    }

    /// The rank of the first block that has a part of this block's tile, and a plus.
    fn first_of_parts(&self) -> String {
        let Shape { parts, sharers, .. } = self.shape;
        if sharers > 1 { format!("$member * {parts} + ") } else { String::new() }
    }

    /// Adds the planes up, computes the epilogue and writes.
    pub(super) fn put(&mut self) {
        let parts = self.shape.parts;
        let (first, step) = if parts > 1 {
            ("$part * $MATH + $thread".to_owned(), format!("{parts} * $MATH"))
        } else {
            ("$thread".to_owned(), "$MATH".to_owned())
        };
        let m = self.length(&self.contract.m.clone(), "all_m");
        let n = self.length(&self.contract.n.clone(), "all_n");
        let quads = format!("$COLUMNS * $ROWS / {QUAD}");
        self.open(&format!("for (int $i = {first}; $i < {quads}; $i += {step})"));
        self.say(&format!(
            "const int $column = $i / ($ROWS / {QUAD}), $row = $i % ($ROWS / {QUAD}) * {QUAD};"
        ));
        self.open(&format!("if ($tile.m + $column < {m} && $tile.n + $row < {n})"));
        self.totals();
        self.results(&n);
        self.f.close();
        self.f.close();
        if parts > 1 {
            let first = self.first_of_parts();
            self.say(&format!(
                "
                tilec::named_sync(1, $MATH);
                if ($thread < {parts}) tilec::barrier_arrive_at($parts_read, {first}$thread);
                $parity ^= 1;
                "
            ));
        }
    }

    /// The sums of neighbors along `n` over all planes, in order.
    fn totals(&mut self) {
        let Shape { parts, groups, .. } = self.shape;
        let ty = self.class().cpp();
        self.say("const int $plane = $column * $PITCH + $row;");
        self.say(&format!("{ty} $totals[{QUAD}];"));
        for part in 0..parts {
            for group in 0..groups {
                let at = if group == 0 {
                    "$plane".to_owned()
                } else {
                    format!("$plane + {group} * $COLUMNS * $PITCH")
                };
                self.add_terms(part, group, &at);
            }
        }
    }

    /// Adds the elements of one plane to the totals; the first begins them.
    fn add_terms(&mut self, part: u32, group: u32, at: &str) {
        let (class, parts) = (self.class(), self.shape.parts);
        let bits = class != Class::Float && parts > 1;
        let ty = if bits { "float" } else { class.cpp() };
        let terms = if parts == 1 {
            format!("*reinterpret_cast<const {ty}4*>($staging + {at})")
        } else {
            let first = self.first_of_parts();
            format!(
                "tilec::cluster_load4(\n    \
                 tilec::cluster_address(tilec::shared_address($staging + {at}), {first}{part}))"
            )
        };
        let name = self.f.local("terms");
        self.say(&format!("const {ty}4 {name} = {terms};"));
        let op = if part == 0 && group == 0 { "=" } else { "+=" };
        for (element, field) in ["x", "y", "z", "w"].iter().enumerate() {
            let term = format!("{name}.{field}");
            let term = if bits { format!("__float_as_int({term})") } else { term };
            self.say(&format!("$totals[{element}] {op} {term};"));
        }
    }
}
