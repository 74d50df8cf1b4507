//! Reductions along rows and what is computed from them, with the rows held by
//! groups of threads.
//!
//! ```text
//! load the row into registers                         (strands.rs)
//! for each level:                                     (layout.rs)
//!     one pass over the row: maps and reductions      (pass.rs)
//!     join the threads' parts; values per row
//! ```
//!
//! A block has its rows and no others: a loop around all of this would cost a third of
//! the registers more, and bandwidth with them.
//!
//! Where a row does not fit into registers, each pass loads what it needs, a chunk
//! at a time. With segments, everything here is said of a segment instead of a row:
//! no reduction crosses one. The order of every sum is fixed by the layout alone.

mod edge;
mod layout;
mod pass;
mod shared;
mod strands;

use std::collections::BTreeMap;

use tilec_ir::Id;
use tilec_ir::plan::RegionKind;
use tilec_ir::tensor::Tensor;
use tilec_ir::tile::{Body, Step, Variant};
use tilec_manifest::{Formula, Launch, Operator};

use crate::context::Context;
use crate::device::Header;
use crate::formula;
use crate::function::{Function, Shape};
use crate::points::decompose;
use crate::text::{Level, Text};

use layout::{Kind, Layout};
use shared::Kept;
use strands::Strand;

/// A kernel over rows while it is written.
#[derive(Debug)]
struct Rows<'l, 'f, 'p> {
    f: Function<'f, 'p>,
    layout: &'l Layout<'p>,
    /// What is read along the row.
    strands: Vec<Strand>,
    /// What passes keep for each other.
    kept: Vec<Kept>,
    /// The C++ names of the values that every thread of the row has.
    values: BTreeMap<Id<Tensor>, Text>,
    /// The names of values per row by the C++ that computes them.
    spelled: BTreeMap<String, String>,
}

pub(crate) fn emit(cx: &mut Context<'_>, step: &Step, variant: &Variant) -> Vec<Launch> {
    let Body::Rows(body) = &variant.kernel.body else { unreachable!("called for rows") };
    let RegionKind::Rowwise(rowwise) = &cx.program.plan.regions[step.region].kind else {
        unreachable!("rows are made of rowwise regions")
    };
    let layout = Layout::new(cx.kernel(), rowwise, &cx.equations(step), body, &variant.when);
    let grid = grid(cx, &layout);
    let f = cx.begin(&variant.kernel.name);
    let mut rows = Rows {
        f,
        layout: &layout,
        strands: Vec::new(),
        kept: Vec::new(),
        values: BTreeMap::new(),
        spelled: BTreeMap::new(),
    };
    rows.write();
    let shape = Shape { grid, threads: layout.block, cluster: 1, shared_bytes: 0, resident: None };
    vec![rows.f.finish(shape)]
}

/// The largest grid along x.
const MOST_BLOCKS: i64 = i32::MAX as i64;

/// A block for every few rows; along y too where x cannot count them all.
fn grid(cx: &Context<'_>, layout: &Layout<'_>) -> [Formula; 3] {
    let kernel = cx.kernel();
    let rows = formula::product(kernel, layout.row_vars().map(|var| kernel.vars[var].range));
    let blocks = rows.ceil_div(i64::from(layout.rows_per_block));
    let along_x = Formula::apply(Operator::Min, blocks.clone(), MOST_BLOCKS.into());
    let along_y = Formula::apply(Operator::Max, blocks.ceil_div(MOST_BLOCKS), 1.into());
    [along_x, along_y, 1.into()]
}

impl Rows<'_, '_, '_> {
    fn write(&mut self) {
        self.f.claim();
        for header in [Header::Index, Header::Row, Header::Vector] {
            self.f.need(header);
        }
        self.constants();
        let count = self.row_count();
        let rows = self.f.declare("long long", "rows", count.to_string());
        let each = self.layout.rows_per_block;
        let first = format!("(blockIdx.x + blockIdx.y * {MOST_BLOCKS}ll) * {each}");
        let first = self.f.declare("long long", "first", first.trim_end_matches(" * 1"));
        self.f.line(format!("if ({first} >= {rows}) return;"));
        self.one_row(&first, &rows);
    }

    fn constants(&mut self) {
        let Layout { threads, vector, steps, .. } = *self.layout;
        self.f.line(format!(
            "constexpr int THREADS = {threads}, VECTOR = {vector}, STEPS = {steps};"
        ));
        if self.layout.rows_per_block == 1 {
            self.f.line("const int thread = threadIdx.x;");
        } else {
            self.f.line("const int thread = threadIdx.x % THREADS;");
        }
    }

    /// How many rows, or segments of rows, there are.
    fn row_count(&mut self) -> Text {
        let kernel = self.f.kernel;
        let sizes: Vec<_> = self.layout.row_vars().map(|var| kernel.vars[var].range).collect();
        self.f.count(&sizes)
    }

    fn one_row(&mut self, first: &str, rows: &str) {
        self.bind_row(first, rows);
        self.row_length();
        self.find_strands();
        if self.layout.held {
            self.load_row();
        }
        self.find_kept();
        for level in 0..=self.layout.last_level() {
            self.values_per_row(level);
            self.pass(level);
        }
    }

    /// Declares which row this group of threads has, and binds the row variables of
    /// all equations to it. Groups without a row take part as if theirs were empty.
    fn bind_row(&mut self, first: &str, rows: &str) {
        let vars: Vec<_> = self.layout.row_vars().collect();
        let row = if self.layout.rows_per_block == 1 {
            first.to_owned()
        } else {
            let group = format!("{first} + threadIdx.x / THREADS");
            let mine = self.f.declare("long long", "mine", group);
            let inside = if self.layout.block_is_full() {
                format!("{mine} < {rows}")
            } else {
                let each = self.layout.rows_per_block;
                format!("{mine} < {rows} && threadIdx.x < {each} * THREADS")
            };
            self.f.line(format!("const bool live = {inside};"));
            let last = format!("live ? {mine} : {rows} - 1");
            // A kernel whose rows all read the same has no use for their number.
            let row = self.f.local("row");
            self.f.line(format!("[[maybe_unused]] const long long {row} = {last};"));
            row
        };
        let names = decompose(&mut self.f, &vars, &row);
        for part in &self.layout.parts {
            for (&var, name) in part.kind.row_vars().iter().zip(&names) {
                self.f.bind(var, name.clone());
            }
        }
    }

    /// Declares how many elements the row, or the segment, has; of a segment also how
    /// many of them lie in the row.
    fn row_length(&mut self) {
        let length = match self.layout.rowwise.segment {
            Some(segment) => crate::index::literal(segment),
            None => self.f.int(self.layout.rowwise.length),
        };
        let mut length = length.at(Level::Or);
        // What is held is short enough to be counted in 32 bits.
        if self.layout.held && self.layout.rowwise.segment.is_none() {
            length = format!("static_cast<int>({length})");
        }
        if self.layout.rows_per_block > 1 {
            length = format!("live ? {length} : 0");
        }
        let ty = self.layout.column_type();
        self.f.line(format!("const {ty} length = {length};"));
        if !self.layout.is_whole {
            let start = self.segment_start().expect("only segments are cut short");
            let row = self.f.int(self.layout.rowwise.length).at(Level::Sum);
            self.f.line(format!("const long long left = {row} - {start};"));
        }
    }

    /// The first column of the segment.
    fn segment_start(&self) -> Option<String> {
        let segment = self.layout.rowwise.segment?;
        let var = self.layout.row_vars().last().expect("segments have a variable");
        Some(format!("{} * {segment}", self.f.var(var)))
    }

    /// The condition under which this thread writes what the row has once.
    fn writes_row(&self) -> &'static str {
        if self.layout.rows_per_block == 1 { "thread == 0" } else { "live && thread == 0" }
    }

    /// Computes the values per row of a level.
    fn values_per_row(&mut self, level: usize) {
        let layout = self.layout;
        for part in layout.parts.iter().filter(|part| part.level == level) {
            if matches!(part.kind, Kind::PerRow { .. }) {
                self.f.cite(part.equation);
                self.provide_values(part.equation.value);
                let class = self.f.class(part.equation.value);
                let value = self.f.value(part.equation.value).to_string();
                let base = format!("row_{}", self.f.kernel.tensors[part.equation.tensor].name);
                let name = self.f.declare(class.cpp(), &base, value.clone());
                self.spelled.insert(value, name.clone());
                self.keep_row_value(part, name);
            }
        }
    }

    /// Notes a value that every thread of the row has, and stores it if it is asked for.
    fn keep_row_value(&mut self, part: &layout::PartOf<'_>, name: String) {
        let value = Text::atom(name);
        if part.stored {
            let (f, equation) = (&mut self.f, part.equation);
            let element = f.kernel.tensors[equation.tensor].element;
            let index: Vec<_> = equation.vars.iter().map(|&var| Text::name(f.var(var))).collect();
            let encoded = f.encode(element, &value);
            let condition = self.writes_row();
            self.f.open(&format!("if ({condition})"));
            self.f.store_encoded(equation.tensor, &index, &encoded);
            self.f.close();
        }
        self.values.insert(part.equation.tensor, value);
    }
}
