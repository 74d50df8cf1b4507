//! Elements that are computed one by one, with `device/elements.h`: a loop over those of a
//! page that the tensor has, and in it the equation as it stands.
//!
//! ```text
//! for (uint32_t row = 0; row < rows; ++row) {
//!     for (uint32_t column = 0; column < columns; ++column) {
//!         const int32_t e = column_of_all;
//!         ..                                        the value, see [`value`]
//!         tilec::put_element<4>(tile, row, column, ..);
//! ```

mod functions;
mod integer;
mod linear;
mod value;

use tilec_ir::Id;
use tilec_ir::dataflow::{Buffer, Elements, Made, Table};
use tilec_ir::tensor::{Scalar, Tensor};

pub(crate) use functions::functions;

use self::value::{Scope, Values};
use crate::kernel::Kernel;

/// A page that is computed.
struct Page {
    /// Its address.
    tile: String,
    /// Of its rows and of its columns the name of the counter, the first, and the one after the
    /// last.
    sides: [[String; 3]; 2],
    /// The index of each dimension, where a counter tells it.
    dims: Vec<Option<String>>,
}

impl Kernel<'_> {
    /// Declares a table of which nothing is in L1 yet.
    pub(crate) fn open_table(&mut self, table: Table) {
        let buffer = &self.program.buffers[table.buffer];
        let [rows, columns] = buffer.tiles();
        let name = self.names.make(&format!("{}_table", buffer.name));
        let pages = self.buffers[&table.buffer].name.clone();
        let address = self.address(table.ring, &0.into());
        let places = self.step.circular[table.ring].tiles - 1;
        let bytes = format!("get_tile_size({})", self.ring(table.ring));
        self.tables.insert(table.ring, name.clone());
        let numbers = [places.to_string(), bytes, rows.to_string(), columns.to_string()];
        let call = [&[pages, address][..], &numbers].concat();
        self.call(&format!("const auto {name} = tilec::open_table"), &call);
    }

    /// Computes a page.
    pub(crate) fn elements(&mut self, elements: &Elements) {
        let program = self.program;
        let buffer = &program.buffers[elements.buffer];
        let tile = self.address(elements.into, &0.into());
        let zeros = [tile.clone(), format!("get_tile_size({})", self.ring(elements.into))];
        self.call("tilec::zero_tile", &zeros);
        let [matrix, sides @ ..] = self.place_in(buffer, elements);
        // What one pass makes for a whole side has no loop along it here.
        let along = |side: usize| {
            let dims = [&buffer.rows, &buffer.columns][side];
            elements.made.along().is_some_and(|dim| dims.contains(&dim))
        };
        let counters = [0, 1].map(|side| (!along(side)).then(|| sides[side][0].clone()));
        for [name, from, to] in
            sides.iter().filter(|side| counters.contains(&Some(side[0].clone())))
        {
            self.out.open(&format!("for (uint32_t {name} = {from}; {name} < {to}; ++{name})"));
        }
        let dims =
            self.dims(buffer, [Some(&matrix[0]), counters[0].as_deref(), counters[1].as_deref()]);
        self.of_page(elements, Page { tile, sides, dims });
        counters.iter().flatten().for_each(|_| _ = self.out.close(""));
    }

    /// Computes what is at some counters, or along the side that has none.
    fn of_page(&mut self, elements: &Elements, page: Page) {
        let program = self.program;
        let kernel = &program.plan.kernel;
        let element = kernel.tensors[program.buffers[elements.buffer].tensor].element;
        let bytes = self.element_bytes(elements.into);
        let tables = &elements.tables;
        let mut values = Values { writer: self, kernel, tables, element, scopes: vec![] };
        if let Some(at) = elements.made.equation() {
            let vars = kernel.equations[at].vars.iter().copied().zip(page.dims.clone());
            let vars = vars.filter_map(|(var, name)| Some((var, name?))).collect();
            values.scopes.push(Scope { vars, ..Scope::default() });
        }
        let bits = match &elements.made {
            Made::Equation(at) => values.bits(kernel.equations[*at].value),
            Made::Copies => values.copied(&page.dims),
            Made::Bins(at, bins) => return values.bins(kernel.equations[*at].value, bins, &page),
            Made::Running(_, running) => return values.running(running, &page),
        };
        let [row, column] = page.sides.map(|[name, ..]| name);
        self.call(&format!("tilec::put_element<{bytes}>"), &[page.tile, row, column, bits]);
    }

    /// The name of the matrix, and the [sides](Page::sides).
    fn place_in(&mut self, buffer: &Buffer, elements: &Elements) -> [[String; 3]; 3] {
        let page = self.index(&elements.page);
        let [rows, columns] = buffer.tiles();
        let [matrix, tile_row, tile_column, row, column] =
            ["matrix", "tile_row", "tile_column", "row", "column"].map(|x| self.names.make(x));
        for (name, value) in [
            (&matrix, format!("({page}) / {}", rows * columns)),
            (&tile_row, format!("({page}) / {columns} % {rows}")),
            (&tile_column, format!("({page}) % {columns}")),
        ] {
            // Of a tensor without batch there is one matrix, which nobody asks for.
            if name != &matrix || !buffer.batch.is_empty() {
                self.line(format!("const uint32_t {name} = {value};"));
            }
        }
        let side = |counter: String, tile: &str, extent: u64| {
            let to = format!("std::min<uint32_t>({tile} * 32 + 32, {extent})");
            [counter, format!("{tile} * 32"), to]
        };
        let [_, rows, columns] = buffer.extent;
        let all = [matrix, String::new(), String::new()];
        [all, side(row, &tile_row, rows), side(column, &tile_column, columns)]
    }

    /// The index of each dimension of a buffer, of those whose place is told.
    fn dims(&mut self, buffer: &Buffer, place: [Option<&str>; 3]) -> Vec<Option<String>> {
        let groups = [&buffer.batch, &buffer.rows, &buffer.columns];
        let mut dims = vec![None; groups.iter().map(|group| group.len()).sum()];
        for (group, flat) in groups.into_iter().zip(place) {
            let Some(flat) = flat else { continue };
            let mut after = 1;
            for (at, &dim) in group.iter().enumerate().rev() {
                let length = self.length_of(buffer.tensor, dim);
                let quotient =
                    if after == 1 { flat.to_owned() } else { format!("{flat} / {after}") };
                let value = if at == 0 { quotient } else { format!("{quotient} % {length}") };
                let name = self.names.make(&self.name_of(buffer.tensor, dim));
                self.line(format!("const int32_t {name} = {value};"));
                dims[dim] = Some(name);
                after *= length.max(1);
            }
        }
        dims
    }

    /// The length of a dimension; that of the halves of words comes after the others.
    fn length_of(&self, tensor: Id<Tensor>, dim: usize) -> u64 {
        let kernel = &self.program.plan.kernel;
        let Some(&length) = kernel.tensors[tensor].shape.get(dim) else { return 2 };
        let length = kernel.ints.as_constant(length).and_then(|x| u64::try_from(x).ok());
        length.expect("all sizes are bound")
    }

    /// What the equation of a tensor calls a dimension.
    fn name_of(&self, tensor: Id<Tensor>, dim: usize) -> String {
        let kernel = &self.program.plan.kernel;
        let equation = kernel.equations.iter().find(|equation| equation.tensor == tensor);
        let var = equation.and_then(|equation| equation.vars.get(dim));
        var.map_or_else(|| format!("at_{dim}"), |&var| kernel.vars[var].name.clone())
    }

    /// Whether the elements of a type are read as integers of 32 bits.
    pub(crate) fn bytes_of(element: Scalar) -> u32 {
        u32::try_from(tilec_ir::Element::of(element).bytes()).expect("elements are small")
    }
}
