//! How an operand gets from memory into shared memory.
//!
//! ```text
//! copied    tilec::copy_lines    asynchronous copies of 4, 8 or 16 bytes
//! held      tilec::hold_lines    loads before the product, stores behind it
//! moved     tilec::move_lines    element by element, where too many would be held
//! computed  loops over the tile  any expression, element by element
//! ```
//!
//! Rows and elements of k past the end are zeros, so that nothing is added for them.

use crate::device::Header;
use crate::params::Access;
use crate::points::decompose;
use crate::text::{Level, Text};
use crate::types;

use super::Stepped;
use super::layout::{Begin, Side, Strided, Way};

/// The tiles of a block of k.
pub(super) const TILES: &str =
    "unsigned char* const tiles = shared + static_cast<int>(block % STAGES) * STAGE_BYTES;";

impl Stepped<'_, '_, '_> {
    /// Declares what the operands hold in registers, and the functions `fetch` and
    /// `put` that bring a block of k.
    pub(super) fn loads(&mut self) {
        let layout = self.layout;
        for side in [&layout.a, &layout.b] {
            self.begin_operand(side);
        }
        self.f.comment(
            "Brings a block of k: what is copied goes where it belongs, the rest is held.",
        );
        self.f.open("auto fetch = [&](long long block)");
        self.f.line("const long long k_first = block * K_TILE;");
        if layout.fills() {
            self.f.line(TILES);
        }
        for side in [&layout.a, &layout.b] {
            self.fetch(side);
        }
        self.close_function();
        if layout.holds() {
            self.f.comment("Writes what is held to its stage.");
            self.f.open("auto put = [&](long long block)");
            self.f.line(TILES);
            for side in [&layout.a, &layout.b] {
                self.put_operand(side);
            }
            self.close_function();
        }
    }

    /// The end of a local function.
    fn close_function(&mut self) {
        self.f.leave();
        self.f.out.close(";");
    }

    /// Declares where an operand's batch begins and what is held of it.
    fn begin_operand(&mut self, side: &Side<'_>) {
        let (name, held) = (side.name, self.held_count(side));
        match &side.way {
            Way::Copied(strided, vector) => {
                self.origin(side, strided, *vector);
            }
            Way::Held(strided, vector) => {
                self.origin(side, strided, *vector);
                let ty = types::element(self.f.kernel.tensors[strided.tensor].element);
                self.f.line(format!("tilec::Vector<{ty}, {vector}> {name}_held[{held}];"));
            }
            Way::Moved(strided) => self.origin(side, strided, 1),
            Way::Computed => {}
        }
    }

    /// How many pieces of a tile each thread holds.
    fn held_count(&self, side: &Side<'_>) -> u32 {
        let Way::Held(_, vector) = side.way else { return 0 };
        (side.rows * side.depth / vector).div_ceil(self.layout.threads)
    }

    /// `const T* const a_tile = a + ..`: the first row of the item.
    fn origin(&mut self, side: &Side<'_>, strided: &Strided, vector: u32) {
        let f = &mut self.f;
        let element = f.kernel.tensors[strided.tensor].element;
        f.cx.align(strided.tensor, vector * types::bytes(element));
        if types::is_narrow(element) || types::is_narrow(side.element) {
            f.need(Header::Convert);
        }
        let pointer = f.pointer(strided.tensor, Access::Read);
        let mut offset = stride(f, Text::atom(format!("{}_first", side.axis())), &strided.row);
        for (batch, sizes) in &strided.batch {
            let begin = match *batch {
                Begin::Variable(at) => Text::name(f.var(self.layout.contract.batch[at])),
                Begin::Index(index) => f.int(index),
                Begin::Row(index) => {
                    let rows =
                        if side.is_a { &self.layout.contract.m } else { &self.layout.contract.n };
                    rows.iter().for_each(|&row| f.bind(row, "0"));
                    f.int(index)
                }
            };
            let more = stride(f, begin, sizes);
            offset = Text::binary(Level::Sum, &offset, "+", &more);
        }
        let (ty, name) = (types::element(element), side.name);
        f.line(format!("const {ty}* const {name}_rows = {pointer} + {offset};"));
    }

    fn fetch(&mut self, side: &Side<'_>) {
        match &side.way {
            Way::Copied(strided, vector) => {
                let to = if side.is_a { "tiles" } else { "tiles + A_BYTES" };
                let (shape, from) = self.lines_text(side, strided);
                let line = line_name(side);
                self.f.line(format!(
                    "tilec::copy_lines<{shape}, {vector}, {line}, THREADS>({to}, {from});"
                ));
            }
            Way::Held(strided, _) => {
                let (shape, from) = self.lines_text(side, strided);
                let name = side.name;
                self.f.line(format!("tilec::hold_lines<{shape}, THREADS>({name}_held, {from});"));
            }
            Way::Moved(strided) => {
                let (shape, from) = self.lines_text(side, strided);
                let target = self.target(side, strided.is_along_k());
                self.f.line(format!("tilec::move_lines<{shape}, {target}, {from});"));
            }
            Way::Computed => self.compute(side),
        }
    }

    /// `A_LINE, ACROSS, THREADS>(TO`: where a tile goes that is not copied.
    fn target(&mut self, side: &Side<'_>, lines_along_k: bool) -> String {
        let (line, ty) = (line_name(side), types::element(side.element));
        let across = side.k_inner != lines_along_k;
        let to = if side.is_a { "tiles" } else { "tiles + A_BYTES" };
        format!("{line}, {across}, THREADS>(reinterpret_cast<{ty}*>({to})")
    }

    /// The lines and their length as template arguments, and where a tile begins, its
    /// stride and how much of it there is as arguments.
    fn lines_text(&mut self, side: &Side<'_>, strided: &Strided) -> (String, String) {
        let (name, axis, tile) = (side.name, side.axis(), side.tile_name());
        let k = stride(&mut self.f, Text::atom("k_first"), &strided.k);
        let from = format!("{name}_rows + {k}");
        let (rows, depth) = (format!("{axis}_size - {axis}_first"), "k_size - k_first");
        if strided.is_along_k() {
            let stride = product(&mut self.f, &strided.row);
            (format!("{tile}, K_TILE"), format!("{from}, {stride}, {rows}, {depth}"))
        } else {
            let stride = product(&mut self.f, &strided.k);
            (format!("K_TILE, {tile}"), format!("{from}, {stride}, {depth}, {rows}"))
        }
    }

    /// The loop that computes a tile, element by element.
    fn compute(&mut self, side: &Side<'_>) {
        let (name, axis, tile) = (side.name, side.axis(), side.tile_name());
        let (ty, row) = (types::element(side.element), format!("{axis}_row"));
        self.f.line("#pragma unroll 4");
        self.f.open(&format!("for (int at = threadIdx.x; at < {tile} * K_TILE; at += THREADS)"));
        self.f.line(format!("const long long {row} = {axis}_first + at / K_TILE;"));
        self.f.line("const long long k_at = k_first + at % K_TILE;");
        self.f.line(format!("{ty} {name}_element{{}};"));
        self.f.open(&format!("if ({row} < {axis}_size && k_at < k_size)"));
        let contract = self.layout.contract;
        let rows = if side.is_a { &contract.m } else { &contract.n };
        for (vars, position) in [(rows, row.as_str()), (&contract.k, "k_at")] {
            self.bind_position(vars, position);
        }
        let value = self.f.value(side.operand.expr);
        let value = self.f.encode(side.element, &value);
        self.f.line(format!("{name}_element = {value};"));
        self.f.close();
        let (line, to) = (line_name(side), if side.is_a { "tiles" } else { "tiles + A_BYTES" });
        let place = if side.k_inner {
            format!("at / K_TILE * {line} + at % K_TILE")
        } else {
            format!("at % K_TILE * {line} + at / K_TILE")
        };
        self.f.line(format!("reinterpret_cast<{ty}*>({to})[{place}] = {name}_element;"));
        self.f.close();
    }

    /// Binds the variables of a flattened axis.
    pub(super) fn bind_position(
        &mut self,
        vars: &[tilec_ir::Id<tilec_ir::tensor::Var>],
        position: &str,
    ) {
        match vars {
            [] => {}
            [var] => self.f.bind(*var, position),
            _ => {
                decompose(&mut self.f, vars, position);
            }
        }
    }

    fn put_operand(&mut self, side: &Side<'_>) {
        let Way::Held(strided, _) = &side.way else { return };
        let (name, tile) = (side.name, side.tile_name());
        let along_k = strided.is_along_k();
        let shape = if along_k { format!("{tile}, K_TILE") } else { format!("K_TILE, {tile}") };
        let target = self.target(side, along_k);
        self.f.line(format!("tilec::put_lines<{shape}, {target}, {name}_held);"));
    }
}

fn line_name(side: &Side<'_>) -> &'static str {
    if side.is_a { "A_LINE" } else { "B_LINE" }
}

/// `position * sizes[0] * ..`
fn stride(
    f: &mut crate::function::Function<'_, '_>,
    position: Text,
    sizes: &[tilec_ir::IntId],
) -> Text {
    sizes.iter().fold(position, |product, &size| {
        let size = f.int(size);
        Text::binary(Level::Product, &product, "*", &size)
    })
}

/// The product of some sizes.
fn product(f: &mut crate::function::Function<'_, '_>, sizes: &[tilec_ir::IntId]) -> Text {
    f.count(sizes)
}
