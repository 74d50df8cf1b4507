//! The loop over blocks of k, and what multiplies a block.

use super::Stepped;
use super::layout::Side;
use super::operand::TILES;
use crate::types;

impl Stepped<'_, '_, '_> {
    /// Declares the sums and computes them.
    pub(super) fn multiply_tiles(&mut self) {
        self.loads();
        let equation = self.layout.sum;
        self.f.cite(equation);
        self.declare_sums();
        self.fill_stages();
        self.f.open("for (long long block = first_block; block < end_block; ++block)");
        let (copies, holds) = (self.layout.copies(), self.layout.holds());
        if copies {
            self.f.line("tilec::copy_wait<STAGES - 2>();");
        }
        self.f.line("__syncthreads();");
        self.f.line("const long long later = block + STAGES - 1;");
        self.f.line("if (later < end_block) fetch(later);");
        if copies {
            self.f.line("tilec::copy_commit();");
        }
        self.multiply();
        if holds {
            self.f.line("if (later < end_block) put(later);");
        }
        self.promote();
        self.f.close();
        if copies {
            self.f.line("tilec::copy_wait<0>();");
        }
        self.f.line("__syncthreads();");
    }

    fn fill_stages(&mut self) {
        self.f.line("#pragma unroll");
        self.f.open("for (int ahead = 0; ahead < STAGES - 1; ++ahead)");
        self.f.line("const long long block = first_block + ahead;");
        let put = if self.layout.holds() { " put(block);" } else { "" };
        if put.is_empty() {
            self.f.line("if (block < end_block) fetch(block);");
        } else {
            self.f.open("if (block < end_block)");
            self.f.line("fetch(block);");
            self.f.line("put(block);");
            self.f.close();
        }
        if self.layout.copies() {
            self.f.line("tilec::copy_commit();");
        }
        self.f.close();
    }

    /// Declares the sums of this thread and where its part of the tile begins.
    fn declare_sums(&mut self) {
        let l = self.layout;
        let ([rows, columns], ty) = (l.part, l.sum_type());
        let across = l.tile[1] / columns;
        let dimensions = if l.is_matrix() {
            self.f.line("const int warp = tilec::uniform_warp();");
            self.f.line(format!("const int m_part = warp / {across} * {rows};"));
            self.f.line(format!("const int n_part = warp % {across} * {columns};"));
            format!("[{}][{}][4]", rows / 16, columns / 8)
        } else {
            let thread = "static_cast<int>(threadIdx.x)";
            let (row, column) = (group(rows), group(columns));
            self.f.line(format!("const int m_part = {thread} / {across} * {row};"));
            self.f.line(format!("const int n_part = {thread} % {across} * {column};"));
            format!("[{rows}][{columns}]")
        };
        self.f.line(format!("{ty} sums{dimensions} = {{}};"));
        if l.promote.is_some() {
            self.f.line(format!("{ty} partial{dimensions} = {{}};"));
        }
    }

    /// Multiplies the tiles of `block` into the sums.
    fn multiply(&mut self) {
        let l = self.layout;
        let sums = if l.promote.is_some() { "partial" } else { "sums" };
        if l.is_matrix() {
            let layout = |side: &Side<'_>| {
                let (name, bytes) = (side.name.to_uppercase(), types::bytes(side.element));
                let kind = if side.k_inner { "KInner" } else { "RowInner" };
                format!("tilec::{kind}<{name}_LINE * {bytes}>")
            };
            let steps = l.tile[2] * types::bytes(l.a.element) / 32;
            let (instruction, a, b) = (l.instruction(), layout(&l.a), layout(&l.b));
            self.f.line(TILES);
            self.f.line(format!("tilec::multiply<{instruction}, {a}, {b}, {steps}>("));
            self.f.line(format!("    {sums}, tiles, m_part, tiles + A_BYTES, n_part);"));
        } else {
            let ty = l.sum_type();
            self.f.line(TILES);
            let (m_apart, n_apart) = self.apart();
            self.f.line(format!(
                "tilec::outer_products<K_TILE, A_LINE, {m_apart}, B_LINE, {n_apart}>("
            ));
            self.f.line(format!("    {sums}, reinterpret_cast<const {ty}*>(tiles) + m_part,"));
            self.f.line(format!("    reinterpret_cast<const {ty}*>(tiles + A_BYTES) + n_part);"));
        }
    }

    /// Rows, and columns, from one group of a thread's to the next on plain units.
    pub(super) fn apart(&self) -> (u32, u32) {
        let ([m, n, _], [rows, columns]) = (self.layout.tile, self.layout.part);
        (m / rows * group(rows), n / columns * group(columns))
    }
}

/// How many of a thread's rows lie next to each other, as in outer.cuh.
fn group(count: u32) -> u32 {
    match count % 4 {
        0 => 4,
        2 => 2,
        _ => 1,
    }
}
