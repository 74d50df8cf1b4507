//! What stands before the roles: constants, shared memory, barriers, and which tile
//! an item is.
//!
//! ```text
//! shared memory   slots of operands | slots of scales | staging | barriers
//!                 slots of operands | boxes | slots of scales | barriers
//! ```
//!
//! Scales share the barriers of the operands whose slot they belong to. An item is a
//! tile for each block of a cluster; there are fewer than 2^32, since each writes results.

use tilec_ir::tile::Side;
use tilec_manifest::Formula;

use super::Wide;
use super::maps::{self, Maps};
use super::shape::Shape;

/// Warps that bring scales, behind the one that copies tiles.
pub(super) const SCALE_WARPS: u32 = 3;

impl Wide<'_, '_, '_> {
    pub(super) fn constants(&mut self) {
        let sum = self.equations[0];
        self.f.cite(sum);
        let Shape { rows, columns, part, slots, block, period, .. } = self.shape;
        let slot_k = self.shape.slot_k();
        let [a, b] = [Side::A, Side::B].map(|side| self.shape.block_bytes(side));
        self.say(&format!(
            "
            constexpr int $ROWS = {rows}, $COLUMNS = {columns}; // of the tile of a block
            constexpr int $SLOTS = {slots}, $SLOT_K = {slot_k}, $BLOCK = {block}; // of k
            constexpr int $A_BYTES = {a}, $B_BYTES = {b}; // of a block of k
            constexpr int $SLOT_BYTES = $SLOT_K / $BLOCK * ($A_BYTES + $B_BYTES);
            "
        ));
        if self.shape.promotes {
            self.say(&format!("constexpr int $PART = {part}; // columns of an instruction"));
        }
        if let Some(segment) = self.shape.segment {
            let segments = self.shape.segments();
            let slot = self.shape.scale_floats;
            self.say(&format!(
                "
                constexpr int $PERIOD = {period}; // of k, of one scale
                constexpr int $SEGMENT = {segment}, $SEGMENTS = {segments}; // columns with one scale
                constexpr int $SLOT_SCALES = {slot}; // floats: of rows, then of segments
                "
            ));
            if self.shape.periods() > 1 {
                let floats = self.shape.period_floats();
                self.say(&format!("constexpr int $SCALES = {floats}; // of one period of these"));
            }
        }
    }

    pub(super) fn shared_memory(&mut self) {
        let slots = self.shape.slots * self.shape.blocks;
        let operands = slots * (self.shape.block_bytes(Side::A) + self.shape.block_bytes(Side::B));
        let barriers_at = self.shape.slot_bytes_in_all + self.shape.staging_bytes;
        // Boxes start at a multiple of 1024, like operands.
        let (staging_at, scales_at) = if self.shape.boxes {
            (operands, operands + self.shape.staging_bytes)
        } else {
            (self.shape.slot_bytes_in_all, operands)
        };
        let ty = self.class().cpp();
        let staging = if self.shape.boxes {
            format!("const tilec::u32 $staging = $ring + {staging_at};")
        } else {
            format!("{ty}* const $staging = reinterpret_cast<{ty}*>($shared + {staging_at});")
        };
        self.say(&format!(
            "
            extern __shared__ __align__(1024) unsigned char $shared[];
            const tilec::u32 $ring = tilec::shared_address($shared);
            {staging}
            const tilec::u32 $full = $ring + {barriers_at}, $empty = $full + 8 * $SLOTS;
            "
        ));
        if self.shape.segment.is_some() {
            self.say(&format!(
                "float* const $scales = reinterpret_cast<float*>($shared + {scales_at});"
            ));
        }
    }

    /// Sets up the barriers; returns the tensor maps.
    pub(super) fn barriers(&mut self) -> Maps {
        let mut maps = maps::maps(&mut self.f, self.contract, self.beside, &self.shape);
        maps.output = self.output_map();
        let Shape { cluster, segment, .. } = self.shape;
        let writers = 1 + if segment.is_some() { SCALE_WARPS } else { 0 };
        // All blocks of a cluster share one operand, so each waits for the readers of all.
        let readers = self.shape.math_warps() * cluster;
        self.say("const int $warp = tilec::uniform_warp();");
        self.open("if ($warp == 0 && tilec::elect_one())");
        self.f.line(format!("tilec::tma_prefetch({});", maps.a));
        self.f.line(format!("tilec::tma_prefetch({});", maps.b));
        if let Some(beside) = maps.beside.as_ref().filter(|&beside| *beside != maps.b) {
            self.f.line(format!("tilec::tma_prefetch({beside});"));
        }
        if let Some(output) = &maps.output {
            self.f.line(format!("tilec::tma_prefetch({output});"));
        }
        self.say(&format!(
            "
            for (int $i = 0; $i < $SLOTS; ++$i) {{
                tilec::barrier_init($full + 8 * $i, {writers});
                tilec::barrier_init($empty + 8 * $i, {readers});
            }}
            tilec::barrier_init_fence();
            "
        ));
        self.f.close();
        self.f.line(if cluster > 1 { "tilec::cluster_sync();" } else { "__syncthreads();" });
        maps
    }

    /// Which items this block takes, and which tile an item is.
    pub(super) fn work(&mut self, items: Formula) {
        let name = self.words.name("items").to_owned();
        self.f.forget(&name);
        let made = self.f.launch_int(items, &name);
        assert!(made == name, "the name was free");
        let cluster = self.shape.cluster;
        if cluster == 1 {
            self.say("const tilec::u32 $first = blockIdx.x, $step = gridDim.x;");
        } else {
            self.say(&format!(
                "
                const tilec::u32 $first = blockIdx.x / {cluster}, $step = gridDim.x / {cluster};
                const tilec::u32 $member = tilec::cluster_rank();
                "
            ));
        }
        let depth = self.length(&self.contract.k.clone(), "all_k");
        self.say(&format!("const int $depth = static_cast<int>({depth});"));
        self.tile_of();
    }

    fn tile_of(&mut self) {
        let [m, n, _] = self.pipeline.tiles;
        let [m, n] = [m, n].map(|tiles| self.f.int(tiles).to_string());
        // Those that share b take tiles below each other, those that share a beside each other.
        let [a, b] = [Side::A, Side::B].map(|side| self.shape.sharers(side));
        let grouped = |tiles: String, sharers: u32| match sharers {
            1 => tiles,
            _ => format!("({tiles} + {}) / {sharers}", sharers - 1),
        };
        let (m, n) = (grouped(m, b), grouped(n, a));
        let own = |at: &str, sharers: u32| match sharers {
            1 => at.to_owned(),
            _ => format!("({at} * {sharers} + $member)"),
        };
        let (row, column) = (own("$row", b), own("$column", a));
        let width = self.shape.raster.width.max(1);
        let columns = match self.shape.output_columns_word() {
            "$COLUMNS" => "$COLUMNS".to_owned(),
            half => format!("({half})"),
        };
        let (along, across, along_groups, across_groups) = match self.shape.raster.band {
            Side::A => ("$row", "$column", "$m_groups", "$n_groups"),
            Side::B => ("$column", "$row", "$n_groups", "$m_groups"),
        };
        self.f.comment("Items come in bands, each walked across its width first.");
        self.say(&format!(
            "
            struct $Tile {{
                int m, n, batch;
            }};
            constexpr tilec::u32 $BAND = {width};
            const tilec::u32 $m_groups = static_cast<tilec::u32>({m});
            const tilec::u32 $n_groups = static_cast<tilec::u32>({n});
            const auto $tile_of = [=](tilec::u32 $item) {{
                const tilec::u32 $left = $item / ($m_groups * $n_groups);
                const tilec::u32 $at = $item - $left * ($m_groups * $n_groups);
                const tilec::u32 $band = $at / ($BAND * {across_groups}) * $BAND;
                const tilec::u32 $here = $at - $band * {across_groups};
                const tilec::u32 $high = min($BAND, {along_groups} - $band);
                const tilec::u32 {across} = $here / $high;
                const tilec::u32 {along} = $band + $here - {across} * $high;
                return $Tile{{static_cast<int>({row} * $ROWS), static_cast<int>({column} * {columns}),
                            static_cast<int>($left)}};
            }};
            "
        ));
    }
}
