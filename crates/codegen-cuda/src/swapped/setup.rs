//! What stands before the roles: constants, shared memory, barriers, and which
//! tile an item is.
//!
//! ```text
//! shared memory   slots of operands | slots of scales | staging | barriers
//! ```
//!
//! An item is a tile for each block of a cluster that shares an operand. Items go
//! along `m` first, so that blocks that run together read the same part of `b`.

use tilec_ir::tile::Side;
use tilec_manifest::Formula;

use super::shape::{ROW_BYTES, Scales, Shape};
use super::{Few, maps};

/// The operands' tensor maps by name: of `a`, of `b`.
#[derive(Clone, Debug)]
pub(super) struct Maps {
    pub(super) a: String,
    pub(super) b: String,
}

impl Few<'_, '_, '_> {
    pub(super) fn constants(&mut self) {
        let sum = self.equations[0];
        self.f.cite(sum);
        self.f.comment("Rows of the matrix instruction are those of b, its columns those of a.");
        let Shape { rows, columns, slots, block, period, groups, .. } = self.shape;
        let slot_k = block * self.shape.blocks;
        let math = self.shape.math_threads();
        self.say(&format!(
            "
            constexpr int $ROWS = {rows}, $COLUMNS = {columns};
            constexpr int $SLOTS = {slots}, $SLOT_K = {slot_k}, $BLOCK = {block}; // of k
            constexpr int $ROW_BYTES = $ROWS * {ROW_BYTES}, $COLUMN_BYTES = $COLUMNS * {ROW_BYTES};
            constexpr int $SLOT_BYTES = $SLOT_K / $BLOCK * ($ROW_BYTES + $COLUMN_BYTES);
            constexpr int $PITCH = $ROWS + 4, $MATH = {math};
            "
        ));
        if self.shape.promotes() {
            self.say(&format!("constexpr int $PERIOD = {period}; // of k, between promotions"));
        } else {
            self.say(&format!("constexpr int $PERIOD = {period}; // of k, that are one group"));
        }
        if groups > 1 {
            self.say(&format!(
                "constexpr int $GROUPS = {groups}; // of warps, that share rows and take turns on k"
            ));
        }
        if let Some(Scales { slots, chunk, pitch }) = self.shape.scales {
            self.say(&format!(
                "
                constexpr int $SCALE_SLOTS = {slots}, $CHUNK = {chunk}; // periods of scales
                constexpr int $SCALE_PITCH = {pitch}; // from one period to the next
                "
            ));
        }
    }

    pub(super) fn shared_memory(&mut self) {
        let scales_at = self.shape.slots * self.shape.slot_bytes();
        let staging_at = self.shape.slot_bytes_in_all;
        let barriers_at = staging_at + self.shape.staging_bytes;
        let ty = self.class().cpp();
        self.say(&format!(
            "
            extern __shared__ __align__(1024) unsigned char $tiles[];
            const tilec::u32 $ring = tilec::shared_address($tiles);
            {ty}* const $staging = reinterpret_cast<{ty}*>($tiles + {staging_at});
            const tilec::u32 $full = $ring + {barriers_at}, $empty = $full + 8 * $SLOTS;
            "
        ));
        let mut next = "$empty + 8 * $SLOTS";
        if self.shape.scales.is_some() {
            self.say(&format!(
                "
                float* const $scales = reinterpret_cast<float*>($tiles + {scales_at});
                const tilec::u32 $scale_full = {next};
                const tilec::u32 $scale_empty = $scale_full + 8 * $SCALE_SLOTS;
                "
            ));
            next = "$scale_empty + 8 * $SCALE_SLOTS";
        }
        if self.shape.parts > 1 {
            self.say(&format!(
                "const tilec::u32 $parts_full = {next}, $parts_read = $parts_full + 8;"
            ));
        }
    }

    /// Sets up the barriers; returns the tensor maps.
    pub(super) fn barriers(&mut self) -> Maps {
        let Shape { block, cluster, parts, sharers, instances, .. } = self.shape;
        let (rows, columns) = (self.shape.rows_per_copy(), self.shape.columns_per_copy());
        let b = maps::operand(&mut self.f, self.contract, Side::B, [block, rows]);
        let a = maps::operand(&mut self.f, self.contract, Side::A, [block, columns]);
        self.say("const int $warp = tilec::uniform_warp();");
        self.open("if ($warp == 0 && tilec::elect_one())");
        self.f.line(format!("tilec::tma_prefetch({b});"));
        self.f.line(format!("tilec::tma_prefetch({a});"));
        let readers = 4 * instances;
        self.say(&format!(
            "
            for (int $i = 0; $i < $SLOTS; ++$i) {{
                tilec::barrier_init($full + 8 * $i, 1);
                tilec::barrier_init($empty + 8 * $i, {});
            }}
            ",
            readers * sharers
        ));
        if self.shape.scales.is_some() {
            let writers = self.shape.first_math_warp - 1;
            self.say(&format!(
                "
                for (int $i = 0; $i < $SCALE_SLOTS; ++$i) {{
                    tilec::barrier_init($scale_full + 8 * $i, {writers});
                    tilec::barrier_init($scale_empty + 8 * $i, {readers});
                }}
                "
            ));
        }
        if parts > 1 {
            self.say(&format!(
                "
                tilec::barrier_init($parts_full, {parts});
                tilec::barrier_init($parts_read, {parts});
                "
            ));
        }
        self.f.line("tilec::barrier_init_fence();");
        self.f.close();
        self.f.line("__syncthreads();");
        if cluster > 1 {
            self.f.line("tilec::cluster_arrive();");
        }
        Maps { a, b }
    }

    /// Which items this block takes, which tile an item is, and which part of `k`.
    pub(super) fn work(&mut self, items: Formula) {
        let made = self.f.launch_int(items, "items");
        self.words.set("items", made);
        let Shape { cluster, parts, sharers, .. } = self.shape;
        if cluster == 1 {
            self.say("const long long $first = blockIdx.x, $step = gridDim.x;");
        } else {
            self.say(&format!(
                "const long long $first = blockIdx.x / {cluster}, $step = gridDim.x / {cluster};"
            ));
            self.say("const int $rank = static_cast<int>(tilec::cluster_rank());");
        }
        if sharers > 1 {
            self.say(&format!("const int $member = $rank / {parts};"));
        }
        self.tile_of();
        self.part_of_k();
    }

    fn tile_of(&mut self) {
        let [m, n, _] = self.pipeline.tiles;
        let [m, n] = [m, n].map(|tiles| self.f.int(tiles));
        let [a_shares, b_shares] = [Side::A, Side::B]
            .map(|side| self.shape.shares == Some(side) && self.shape.sharers > 1);
        let sharers = self.shape.sharers;
        // Those that share b take tiles beside each other along m, and the other way round.
        let grouped = |tiles: String, shared: bool| {
            if shared { format!("({tiles} + {}) / {sharers}", sharers - 1) } else { tiles }
        };
        let (m, n) = (grouped(m.to_string(), b_shares), grouped(n.to_string(), a_shares));
        let own = |at: &str, shared: bool| {
            if shared { format!("({at} * {sharers} + $member)") } else { at.to_owned() }
        };
        let column = own("($item - $rest * $m_groups)", b_shares);
        let row = own("($rest - $left * $n_groups)", a_shares);
        self.say(&format!(
            "
            struct $Tile {{
                int m, n, batch;
            }};
            const long long $m_groups = {m};
            const long long $n_groups = {n};
            const auto $tile_of = [=](long long $item) {{
                const long long $rest = tilec::divide_index($item, $m_groups);
                const long long $left = tilec::divide_index($rest, $n_groups);
                return $Tile{{static_cast<int>({column} * $COLUMNS),
                            static_cast<int>({row} * $ROWS), static_cast<int>($left)}};
            }};
            "
        ));
    }

    fn part_of_k(&mut self) {
        let depth = self.length(&self.contract.k.clone(), "all_k");
        self.say(&format!("const int $depth = static_cast<int>({depth});"));
        let parts = self.shape.parts;
        if parts == 1 {
            self.say("const int $k_begin = 0, $k_end = $depth;");
            return;
        }
        self.say(&format!(
            "
            const int $part = $rank % {parts};
            const long long $blocks = ($depth + $BLOCK - 1) / $BLOCK;
            const int $k_begin = static_cast<int>($blocks * $part / {parts} * $BLOCK);
            const int $k_end =
                min($depth, static_cast<int>($blocks * ($part + 1) / {parts} * $BLOCK));
            "
        ));
    }
}
