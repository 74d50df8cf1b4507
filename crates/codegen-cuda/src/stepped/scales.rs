//! Partial sums promoted to full sums, with the scales of their block of k.
//!
//! Scales that vary along one axis are products per row and per column of the
//! thread's part; one that varies along both is read for every element.

use tilec_ir::plan::{Scale, Varies};

use crate::text::{Level, Text};

use super::Stepped;

impl Stepped<'_, '_, '_> {
    /// At the end of a scale's block, adds the partial sums.
    pub(super) fn promote(&mut self) {
        if self.layout.promote.is_none() {
            return;
        }
        let last = "block + 1 == end_block";
        self.f.open(&format!("if ((block + 1) % (PROMOTE / K_TILE) == 0 || {last})"));
        let scales = &self.layout.contract.scales;
        if scales.is_empty() {
            self.add_promoted("");
        } else {
            let k = self.layout.contract.k.clone();
            self.f.line("const long long k_at = block * K_TILE;");
            self.bind_position(&k, "k_at");
            let both = |scale: &&Scale| scale.m != Varies::No && scale.n != Varies::No;
            let by_column = |scale: &&Scale| scale.m == Varies::No && scale.n != Varies::No;
            let (by_both, by_one): (Vec<_>, Vec<_>) = scales.iter().partition(both);
            let (columns, rows): (Vec<_>, Vec<_>) = by_one.into_iter().partition(by_column);
            self.axis_scales(true, &rows);
            self.axis_scales(false, &columns);
            if !by_both.is_empty() {
                self.element_scales(&by_both);
            }
            self.add_promoted(", row_scale, column_scale");
        }
        self.f.close();
    }

    /// Adds the partial sums, times the scales of `arguments`.
    fn add_promoted(&mut self, arguments: &str) {
        if self.layout.is_matrix() || !arguments.is_empty() {
            self.f.line(format!("tilec::promote(sums, partial{arguments});"));
            return;
        }
        let [rows, columns] = self.layout.part;
        self.f.line(format!("const float row_scale[{rows}] = {{{}}};", ones(rows)));
        self.f.line(format!("const float column_scale[{columns}] = {{{}}};", ones(columns)));
        self.f.line("tilec::promote(sums, partial, row_scale, column_scale);");
    }

    /// `row_scale[r]` or `column_scale[c]`: the product of the scales of each row or
    /// column that the thread has.
    fn axis_scales(&mut self, is_row: bool, scales: &[&Scale]) {
        let (name, axis) = if is_row { ("row_scale", "m") } else { ("column_scale", "n") };
        let count = self.thread_positions(is_row);
        if scales.is_empty() {
            self.f.line(format!("const float {name}[{count}] = {{{}}};", ones(count)));
            return;
        }
        self.f.line(format!("float {name}[{count}];"));
        self.f.line("#pragma unroll");
        self.f.open(&format!("for (int i = 0; i < {count}; ++i)"));
        self.bind_thread_position(is_row, "i", &format!("{axis}_at"));
        let product = self.product_of(scales);
        self.f.line(format!("{name}[i] = {product};"));
        self.f.close();
    }

    /// Multiplies each partial sum by the scales that vary along both axes.
    fn element_scales(&mut self, scales: &[&Scale]) {
        let (rows, columns) = (self.thread_positions(true), self.thread_positions(false));
        for (count, index) in [(rows, "i"), (columns, "j")] {
            self.f.line("#pragma unroll");
            self.f.open(&format!("for (int {index} = 0; {index} < {count}; ++{index})"));
        }
        self.bind_thread_position(true, "i", "m_at");
        self.bind_thread_position(false, "j", "n_at");
        let product = self.product_of(scales).at(Level::Sign);
        let element = if self.layout.is_matrix() {
            "partial[i / 2][j / 2][i % 2 * 2 + j % 2]"
        } else {
            "partial[i][j]"
        };
        self.f.line(format!("{element} *= {product};"));
        self.f.close();
        self.f.close();
    }

    /// How many rows, or columns, of the tile a thread has sums of.
    fn thread_positions(&self, is_row: bool) -> u32 {
        let [rows, columns] = self.layout.part;
        match (self.layout.is_matrix(), is_row) {
            (true, true) => rows / 8,
            (true, false) => columns / 4,
            (false, true) => rows,
            (false, false) => columns,
        }
    }

    /// Declares and binds a row or a column of the thread, clamped into the tensors:
    /// what lies outside is never stored.
    fn bind_thread_position(&mut self, is_row: bool, index: &str, name: &str) {
        let (axis, fragment) = if is_row { ("m", "row") } else { ("n", "column") };
        let within = if self.layout.is_matrix() {
            format!("tilec::fragment_{fragment}({index})")
        } else {
            let (apart, count) = (self.apart(), self.thread_positions(is_row));
            let apart = if is_row { apart.0 } else { apart.1 };
            format!("tilec::outer_row<{count}, {apart}>({index})")
        };
        self.f.line(format!("const long long {name}_any = {axis}_first + {axis}_part + {within};"));
        self.f.line(format!(
            "const long long {name} = {name}_any < {axis}_size ? {name}_any : {axis}_size - 1;"
        ));
        let contract = self.layout.contract;
        let vars = if is_row { &contract.m } else { &contract.n };
        self.bind_position(vars, name);
    }

    /// The product of scales at the current place.
    fn product_of(&mut self, scales: &[&Scale]) -> Text {
        let mut product: Option<Text> = None;
        for scale in scales {
            let value = self.f.value(scale.expr);
            product = Some(match (product, scale.inverse) {
                (Some(before), true) => Text::binary(Level::Product, &before, "/", &value),
                (Some(before), false) => Text::binary(Level::Product, &before, "*", &value),
                (None, true) => Text::binary(Level::Product, &Text::atom("1.0f"), "/", &value),
                (None, false) => value,
            });
        }
        product.unwrap_or_else(|| Text::atom("1.0f"))
    }
}

fn ones(count: u32) -> String {
    vec!["1.0f"; count as usize].join(", ")
}
