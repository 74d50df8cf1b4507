//! Contractions in which all threads of a block load tiles, then multiply them.
//!
//! ```text
//! for each work item (batch, tile of m and n, part of k):
//!     fetch the first tiles                       (operand.rs)
//!     for each block of k:
//!         wait; fetch a later tile; multiply      (product.rs)
//!         at the end of a scale's block: add the scaled partial sums   (scales.rs)
//!     put the sums into shared memory; the epilogue reads them row by row  (epilogue.rs)
//! ```
//!
//! Takes any layout, alignment and computed operand: a plain operand comes by
//! asynchronous copies where the unit reads its elements as they are, else through
//! registers. With `k` split, parts write their sums to the workspace, and a second
//! function adds them up in order.

mod epilogue;
mod layout;
mod operand;
mod product;
mod scales;
mod split;

use tilec_ir::plan::RegionKind;
use tilec_ir::tensor::Equation;
use tilec_ir::tile::{Body, Step, Unit, Variant};
use tilec_manifest::Launch;

use crate::context::Context;
use crate::device::Header;
use crate::function::{Function, Shape};

use layout::Layout;

/// A stepped contraction while it is written.
#[derive(Debug)]
struct Stepped<'l, 'f, 'p> {
    f: Function<'f, 'p>,
    layout: &'l Layout<'p>,
    /// The equations of the region: the sum, then its epilogue.
    equations: &'l [&'p Equation],
    /// The step, which owns the partial sums of a split.
    step: usize,
}

pub(crate) fn emit(cx: &mut Context<'_>, step: &Step, variant: &Variant) -> Vec<Launch> {
    let Body::Stepped(body) = &variant.kernel.body else {
        unreachable!("called for stepped contractions")
    };
    let RegionKind::Contract(contract) = &cx.program.plan.regions[step.region].kind else {
        unreachable!("stepped kernels are contractions")
    };
    let equations = cx.equations(step);
    let layout = Layout::new(cx.kernel(), contract, equations[0], body);
    let at = cx.program.steps.iter().position(|other| std::ptr::eq(other, step));
    let at = at.expect("the step is one of the program");
    let grid = cx.grid(&variant.kernel);
    let name = &variant.kernel.name;
    let f = cx.begin(name);
    let mut stepped = Stepped { f, layout: &layout, equations: &equations, step: at };
    stepped.write();
    // Partial sums beside the sums, FP8 where it is widened for the unit, and addresses of
    // copies beside those of what is computed take the registers that a second block would need.
    let crowded =
        layout.promote.is_some() || body.unit == Unit::Fp8 || layout.copies_beside_computing();
    let resident = crowded.then_some(1);
    let shape = Shape {
        grid,
        threads: layout.threads,
        cluster: 1,
        shared_bytes: layout.shared_bytes(),
        resident,
    };
    let mut launches = vec![stepped.f.finish(shape)];
    if body.split > 1 {
        launches.push(split::emit_sum(cx, &layout, &equations, at, name));
    }
    launches
}

impl Stepped<'_, '_, '_> {
    fn write(&mut self) {
        self.f.claim();
        for header in self.layout.headers() {
            self.f.need(header);
        }
        self.constants();
        let items = self.work();
        self.f.line("extern __shared__ __align__(1024) unsigned char shared[];");
        let stride = "item += gridDim.x";
        self.f.open(&format!("for (long long item = blockIdx.x; item < {items}; {stride})"));
        self.item();
        self.multiply_tiles();
        self.put();
        self.f.comment("The next item uses the same shared memory.");
        self.f.line("__syncthreads();");
        self.f.close();
    }

    /// The numbers of the tile.
    fn constants(&mut self) {
        let l = self.layout;
        let [m, n, k] = l.tile;
        self.f.line(format!(
            "constexpr int M_TILE = {m}, N_TILE = {n}, K_TILE = {k}, STAGES = {}, THREADS = {};",
            l.stages, l.threads
        ));
        self.f
            .comment("Lines of the tiles of a stage in shared memory, in elements as multiplied.");
        self.f.line(format!(
            "constexpr int A_LINE = {}, B_LINE = {}, SUMS_LINE = N_TILE + 4;",
            l.a.line, l.b.line
        ));
        self.f.line(format!(
            "constexpr int A_BYTES = {}, STAGE_BYTES = {};",
            l.a.bytes(),
            l.a.bytes() + l.b.bytes()
        ));
        if let Some(every) = l.promote {
            self.f.line(format!("constexpr int PROMOTE = {every};"));
            self.f
                .line("static_assert(PROMOTE % K_TILE == 0, \"sums are promoted between tiles\");");
        }
    }

    /// Declares the sizes of the product; returns the name of the number of items.
    fn work(&mut self) -> String {
        let l = self.layout;
        for (name, vars) in [("m_size", &l.contract.m), ("n_size", &l.contract.n)] {
            self.size_of(name, vars);
        }
        self.size_of("k_size", &l.contract.k);
        self.f.line("const long long m_tiles = (m_size + M_TILE - 1) / M_TILE;");
        self.f.line("const long long n_tiles = (n_size + N_TILE - 1) / N_TILE;");
        let mut items = "m_tiles * n_tiles".to_owned();
        if !l.contract.batch.is_empty() {
            self.size_of("batches", &l.contract.batch);
            items += " * batches";
        }
        if l.split > 1 {
            self.f.line(format!("constexpr int SPLIT = {};", l.split));
            items += " * SPLIT";
        }
        self.f.declare("long long", "items", items)
    }

    fn size_of(&mut self, name: &str, vars: &[tilec_ir::Id<tilec_ir::tensor::Var>]) {
        let ranges: Vec<_> = vars.iter().map(|&var| self.f.kernel.vars[var].range).collect();
        let count = self.f.count(&ranges).to_string();
        self.f.line(format!("const long long {name} = {count};"));
    }

    /// Which part of the result an item is.
    fn item(&mut self) {
        let l = self.layout;
        self.f.need(Header::Tiles);
        let mut place = "item".to_owned();
        if l.split > 1 {
            self.f.line("const int part = static_cast<int>(item % SPLIT);");
            place = "item / SPLIT".to_owned();
        }
        if l.contract.batch.is_empty() {
            self.f.line(format!(
                "const tilec::Tile tile = tilec::banded_tile({place}, m_tiles, n_tiles);"
            ));
        } else {
            self.f.line(format!("const long long batch = {place} / (m_tiles * n_tiles);"));
            self.f.line(format!("const long long within = {place} - batch * m_tiles * n_tiles;"));
            self.f.line("const tilec::Tile tile = tilec::banded_tile(within, m_tiles, n_tiles);");
            crate::points::decompose(&mut self.f, &l.contract.batch, "batch");
        }
        self.f.line("const long long m_first = tile.row * M_TILE, n_first = tile.column * N_TILE;");
        self.leave_out();
        self.k_blocks();
    }

    /// Skips items without a row that there is.
    fn leave_out(&mut self) {
        let Some(filled) = self.layout.contract.filled else { return };
        let filled = self.f.value(filled);
        self.f.line(format!("if (m_first >= {filled}) continue;"));
    }

    /// Which blocks of k an item has: of a split, whole scales' blocks.
    fn k_blocks(&mut self) {
        let l = self.layout;
        if l.split == 1 {
            self.f.line("const long long first_block = 0;");
            self.f.line("const long long end_block = (k_size + K_TILE - 1) / K_TILE;");
            return;
        }
        let unit = if l.promote.is_some() { "PROMOTE" } else { "K_TILE" };
        self.f.line(format!("const long long k_units = (k_size + {unit} - 1) / {unit};"));
        self.f.line(format!(
            "const long long units_of_part = (k_units + SPLIT - 1) / SPLIT * ({unit} / K_TILE);"
        ));
        self.f.line("const long long all_blocks = (k_size + K_TILE - 1) / K_TILE;");
        self.f.line("const long long first_block = part * units_of_part;");
        self.f.line(
            "const long long end_block = \
             first_block + units_of_part < all_blocks ? first_block + units_of_part : all_blocks;",
        );
    }
}
