//! Contractions with few rows, as roles that work at once: warps that copy tiles,
//! warps that bring scales, and warpgroups that multiply.
//!
//! ```text
//! load     for each item { for each slot of k { wait until free; copy b, copy a } }
//! scales   for each item { for each chunk of k { load; wait until free; write } }
//! math     for each item { for each period { wait; multiply; add up }; meet; put }
//! ```
//!
//! Operands are swapped: `b`, which is what there is to read, takes the 64 rows of
//! the instruction, and the few rows of `a` its columns. Sums therefore lie
//! transposed in registers; they go through shared memory, where warpgroups that
//! share rows and blocks that share `k` are added up in order, to be written along `n`.

mod load;
mod maps;
mod math;
mod outputs;
mod put;
mod scales;
mod setup;
mod shape;
mod sums;
pub(crate) mod words;

use tilec_ir::plan::{Contract, RegionKind};
use tilec_ir::tensor::{Equation, Var};
use tilec_ir::tile::{Body, Grid, Kernel, Pipeline, Step, Variant};
use tilec_ir::{Id, Scalar};
use tilec_manifest::{Formula, Launch, Operator};

use crate::context::Context;
use crate::device::Header;
use crate::function::{self, Function};
use crate::types::Class;

use shape::Shape;
use words::Words;

/// A kernel while it is written.
#[derive(Debug)]
struct Few<'s, 'f, 'p> {
    f: Function<'f, 'p>,
    words: Words,
    shape: Shape,
    pipeline: &'s Pipeline,
    contract: &'p Contract,
    /// The sum, then its epilogue.
    equations: Vec<&'p Equation>,
}

pub(crate) fn emit(cx: &mut Context<'_>, step: &Step, variant: &Variant) -> Vec<Launch> {
    let Body::Pipeline(pipeline) = &variant.kernel.body else {
        unreachable!("called for pipelines")
    };
    let RegionKind::Contract(contract) = &cx.program.plan.regions[step.region].kind else {
        unreachable!("pipelines are made of contractions")
    };
    let (equations, shape) = (cx.equations(step), Shape::new(pipeline));
    let (grid, items) = (grid(cx, &variant.kernel, shape.cluster), items(cx, &variant.kernel));
    let mut f = cx.begin(&variant.kernel.name);
    let words = Words::new(&mut f);
    let mut few = Few { f, words, shape, pipeline, contract, equations };
    few.write(items);
    let shape = function::Shape {
        grid: [grid, 1.into(), 1.into()],
        threads: variant.kernel.threads,
        cluster: shape.cluster,
        shared_bytes: pipeline.shared_bytes,
        resident: Some(1),
    };
    vec![few.f.finish(shape)]
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

impl Few<'_, '_, '_> {
    fn write(&mut self, items: Formula) {
        use Header::{Cluster, Index, Mbarrier, Ring, Shared, Stream, Tma, Wgmma};
        for header in [Cluster, Index, Mbarrier, Ring, Shared, Stream, Tma, Wgmma] {
            self.f.need(header);
        }
        self.constants();
        self.shared_memory();
        let maps = self.barriers();
        self.work(items);
        self.f.open(&self.words.fill(&format!("if ($warp < {})", self.shape.first_math_warp)));
        self.load(&maps);
        self.f.close_else();
        self.math();
        self.f.close();
        if self.shape.cluster > 1 {
            self.f.comment("Others may still read or signal this block's shared memory.");
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

    /// `float` or `int`: what sums are.
    fn class(&self) -> Class {
        Class::of(self.contract.accumulator)
    }

    /// Whether operands are of FP8, bf16 and the like, whose sums are `float`.
    fn sums_are_float(&self) -> bool {
        self.contract.accumulator != Scalar::I32
    }

    /// The loop over this block's items, with the tile of each.
    fn open_items(&mut self) {
        self.open("for (long long $item = $first; $item < $items; $item += $step)");
        self.say("const $Tile $tile = $tile_of($item);");
    }
}
