//! Contractions with many rows, as roles that work at once: a thread that copies
//! tiles, warps that bring scales, and warpgroups that multiply.
//!
//! ```text
//! load     for each item { for each slot of k { wait until free; copy a, copy b } }
//! scales   for each item { read 8 periods ahead; for each slot { wait until free; write } }
//! math     for each item { for each slot { wait; multiply; add up; free }; put }
//! ```
//!
//! Blocks stay and take every so-manyeth item, and items come in bands, so that what
//! runs at the same time shares lines of both operands. Slots are filled on across
//! items: while one is written out, the operands of the next arrive.

mod boxes;
mod dual;
mod load;
mod maps;
mod math;
mod outputs;
mod put;
mod scales;
mod segments;
mod setup;
mod shape;

use tilec_ir::Id;
use tilec_ir::plan::Contract;
use tilec_ir::tensor::{Equation, Var};
use tilec_ir::tile::{Body, Grid, Kernel, Pipeline, Step, Variant};
use tilec_manifest::{Formula, Launch, Operator};

use crate::context::Context;
use crate::device::Header;
use crate::function::{self, Function};
use crate::swapped::words::Words;
use crate::text::Level;
use crate::types::Class;

use shape::Shape;

/// Every word that a template of this family may use.
const WORDS: &[&str] = &[
    "A_BYTES",
    "B_BYTES",
    "BAND",
    "BLOCK",
    "COLUMNS",
    "PART",
    "PERIOD",
    "ROWS",
    "SEGMENT",
    "SEGMENTS",
    "SLOTS",
    "SLOT_BYTES",
    "SLOT_K",
    "SCALES",
    "SLOT_SCALES",
    "Tile",
    "a_at",
    "a_rows",
    "ahead",
    "all_k",
    "all_m",
    "all_n",
    "at",
    "b_at",
    "b_rows",
    "band",
    "box",
    "boxes",
    "by",
    "bytes",
    "column",
    "column_scale",
    "depth",
    "done",
    "down",
    "e",
    "empty",
    "factors",
    "filled",
    "first",
    "free",
    "from",
    "full",
    "full_here",
    "group",
    "helper",
    "here",
    "high",
    "i",
    "instance",
    "item",
    "items",
    "j",
    "k",
    "k_at",
    "lane",
    "left",
    "m_groups",
    "mask",
    "member",
    "more",
    "n_groups",
    "other",
    "own",
    "part",
    "partial",
    "period",
    "place",
    "rank",
    "ring",
    "row",
    "row_scale",
    "scales",
    "shared",
    "staging",
    "step",
    "sum",
    "tile",
    "tile_of",
    "to",
    "total",
    "up",
    "values",
    "warp",
    "whole",
];

/// A kernel while it is written.
#[derive(Debug)]
struct Wide<'s, 'f, 'p> {
    f: Function<'f, 'p>,
    words: Words,
    shape: Shape,
    pipeline: &'s Pipeline,
    contract: &'p Contract,
    /// The second product of a dual contraction.
    beside: Option<&'p Contract>,
    /// What is made of both sums along rows, by segments.
    segments: Option<segments::Segments<'p>>,
    /// The sum, or both of a dual contraction, then the epilogue.
    equations: Vec<&'p Equation>,
}

pub(crate) fn emit(cx: &mut Context<'_>, step: &Step, variant: &Variant) -> Vec<Launch> {
    let Body::Pipeline(pipeline) = &variant.kernel.body else {
        unreachable!("called for pipelines")
    };
    let contract = cx.program.contract(step.region, pipeline);
    let contract = contract.expect("pipelines are made of contractions");
    let beside = dual::beside(cx.program, pipeline);
    let (equations, shape) = (dual::equations(cx, step, pipeline), Shape::new(pipeline, contract));
    let segments = segments::of(cx.program, step.region, pipeline);
    let (grid, items) = (grid(cx, &variant.kernel, shape.cluster), items(cx, &variant.kernel));
    let mut f = cx.begin(&variant.kernel.name);
    let words = Words::of(&mut f, if beside.is_some() { &dual::WORDS } else { WORDS });
    let mut wide = Wide { f, words, shape, pipeline, contract, beside, segments, equations };
    wide.write(items);
    let shape = function::Shape {
        grid: [grid, 1.into(), 1.into()],
        threads: variant.kernel.threads,
        cluster: shape.cluster,
        shared_bytes: pipeline.shared_bytes,
        resident: Some(1),
    };
    vec![wide.f.finish(shape)]
}

/// Blocks: a cluster for each item, as far as there may be so many at once.
fn grid(cx: &Context<'_>, kernel: &Kernel, cluster: u32) -> Formula {
    let items = items(cx, kernel);
    let clusters = match kernel.grid {
        Grid::PerItem { .. } => items,
        Grid::Persistent { blocks, .. } => {
            Formula::apply(Operator::Min, items, i64::from(blocks / cluster).into())
        }
    };
    Formula::apply(Operator::Mul, clusters, i64::from(cluster).into())
}

fn items(cx: &Context<'_>, kernel: &Kernel) -> Formula {
    let (Grid::PerItem { items } | Grid::Persistent { items, .. }) = kernel.grid;
    cx.formula(items)
}

impl Wide<'_, '_, '_> {
    fn write(&mut self, items: Formula) {
        use Header::{Boxes, Cluster, Index, Mbarrier, Ring, Shared, Staging, Tma, Wgmma};
        let out = if self.shape.boxes { Boxes } else { Staging };
        for header in [Cluster, Index, Mbarrier, Ring, Shared, out, Tma, Wgmma] {
            self.f.need(header);
        }
        self.constants();
        self.shared_memory();
        let maps = self.barriers();
        self.work(items);
        self.open(&format!("if ($warp < {})", self.shape.math_warps()));
        self.math(&maps);
        self.f.close_else();
        self.load(&maps);
        self.f.close();
        if self.shape.cluster > 1 {
            self.f.comment("Others may still fill or signal this block's shared memory.");
            self.f.line("__syncwarp();");
            self.f.line("tilec::cluster_sync();");
        }
    }

    /// Writes a template.
    fn say(&mut self, template: &str) {
        self.words.write(&mut self.f, template);
    }

    /// Begins a block whose head is a template.
    fn open(&mut self, head: &str) {
        let head = self.words.fill(head);
        self.f.open(&head);
    }

    /// Begins a loop that is unrolled, over `0 .. count`.
    fn open_unrolled(&mut self, variable: &str, count: u32) {
        self.f.line("#pragma unroll");
        self.open(&format!("for (int {variable} = 0; {variable} < {count}; ++{variable})"));
    }

    /// How long an axis is: a name or a number.
    fn length(&mut self, vars: &[Id<Var>], word: &str) -> String {
        let ranges: Vec<_> = vars.iter().map(|&var| self.f.kernel.vars[var].range).collect();
        let count = self.f.count(&ranges);
        if count.is_name() {
            return count.to_string();
        }
        let name = self.words.name(word).to_owned();
        self.f.line(format!("const long long {name} = {count};"));
        name
    }

    /// Binds variables to the digits of a position. They stand in place, so that what is
    /// not used is not written.
    fn bind(&mut self, vars: &[Id<Var>], position: &str) {
        let mut rest = self.words.fill(position);
        for (at, &var) in vars.iter().enumerate().rev() {
            if at == 0 {
                self.f.bind(var, rest);
                return;
            }
            let range = self.f.int(self.f.kernel.vars[var].range).at(Level::Sign);
            let quotient = format!("tilec::divide_index({rest}, {range})");
            self.f.bind(var, format!("{rest} - {quotient} * {range}"));
            rest = quotient;
        }
    }

    /// `float` or `int`: what sums are.
    fn class(&self) -> Class {
        Class::of(self.contract.accumulator)
    }

    /// Whether sums are `float`: of all but integers.
    fn sums_are_float(&self) -> bool {
        self.class() == Class::Float
    }

    /// The loop over this block's items, with the tile of each.
    fn open_items(&mut self) {
        self.open("for (tilec::u32 $item = $first; $item < $items; $item += $step)");
        self.say("const $Tile $tile = $tile_of($item);");
        self.leave_out();
    }

    /// Where data tells how many rows there are: how many, and past tiles without one.
    fn leave_out(&mut self) {
        let contract = self.contract;
        let Some(filled) = contract.filled else { return };
        self.bind(&contract.batch, "$tile.batch");
        let (m, filled) = (self.length(&contract.m, "all_m"), self.f.value(filled));
        self.say(&format!(
            "
            const int $filled = min({filled}, static_cast<int>({m}));
            if ($filled <= $tile.m) continue;
            "
        ));
    }

    /// Behind the last row of an item: a name or a number.
    fn end_of_rows(&mut self) -> String {
        match self.contract.filled {
            Some(_) => "$filled".to_owned(),
            None => self.length(&self.contract.m, "all_m"),
        }
    }
}
