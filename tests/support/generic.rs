//! Tile programs without recognizers: every equation is a region of its own, run by
//! loops over points or by counting, so that the generic path of an emitter meets
//! every kernel there is.

use tilec_ir::plan::{Plan, Region, RegionKind};
use tilec_ir::tensor::{Expr, ExprKind, Role};
use tilec_ir::tile::{
    Body, Grid, Kernel as TileKernel, Points, Program, Ranks, Scratch, Step, Variant, Workspace,
};
use tilec_ir::{Atom, Element, Id, IntId, Ints, Kernel};

/// How points are cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) threads: u32,
    pub(crate) vector: u32,
    pub(crate) threads_per_point: u32,
    /// Keys of a chunk.
    pub(crate) chunk: u32,
}

/// The program of a canonical kernel for a chip's architecture.
pub(crate) fn generic(kernel: &Kernel, arch: &str, cut: Cut) -> Program {
    let mut kernel = kernel.clone();
    let workspace = workspace(&mut kernel);
    let mut regions = Vec::new();
    let mut steps = Vec::new();
    for at in 0..kernel.equations.len() {
        let why = "the test asks for it".to_owned();
        regions.push(Region { covers: vec![at], kind: RegionKind::Generic { why } });
        let variants = vec![variant(&mut kernel, at, cut)];
        steps.push(Step { region: at, variants });
    }
    let plan = Plan { kernel, regions, declined: Vec::new(), sorted: Vec::new() };
    Program { plan, chip: "h200".to_owned(), arch: arch.to_owned(), steps, workspace }
}

fn variant(kernel: &mut Kernel, at: usize, cut: Cut) -> Variant {
    let equation = kernel.equations[at].clone();
    let ranges = equation.vars.iter().map(|&v| kernel.vars[v].range).collect::<Vec<_>>();
    let points = product(&mut kernel.ints, &ranges);
    let (body, per_block) = if is_order(kernel, equation.value) {
        (Body::Ranks(Ranks { chunk: cut.chunk }), 1)
    } else {
        let Cut { threads, vector, threads_per_point, .. } = cut;
        let per_block = if threads_per_point > 1 { threads / threads_per_point } else { threads };
        (Body::Points(Points { vector, threads_per_point }), i64::from(per_block.max(1)))
    };
    let name = format!("{}_{at}", kernel.name);
    let items = ceil_div(&mut kernel.ints, points, per_block);
    let grid = Grid::PerItem { items };
    let kernel = TileKernel { name, grid, threads: cut.threads, body };
    Variant { when: Vec::new(), chosen_by: "the test".to_owned(), kernel }
}

fn is_order(kernel: &Kernel, value: Id<Expr>) -> bool {
    if let ExprKind::Select(_, then, _) = kernel.exprs[value].kind {
        return is_order(kernel, then);
    }
    matches!(kernel.exprs[value].kind, ExprKind::Rank { .. })
}

/// Every local tensor after the other.
fn workspace(kernel: &mut Kernel) -> Vec<Workspace> {
    let mut pieces = Vec::new();
    let mut offset = kernel.ints.constant(0);
    let locals: Vec<_> = kernel.tensors_of(Role::Local).collect();
    for tensor in locals {
        let declared = kernel.tensors[tensor].clone();
        let ints = &mut kernel.ints;
        let count = product(ints, &declared.shape);
        let size = Element::of(declared.element).bytes();
        let size = ints.constant(i64::try_from(size).expect("elements are small"));
        let bytes = ints.mul(count, size).expect("tensors of tests are simple");
        pieces.push(Workspace { holds: Scratch::Tensor(tensor), bytes, offset });
        let pages = ceil_div(ints, bytes, 256);
        let page = ints.constant(256);
        let rounded = ints.mul(pages, page).expect("tensors of tests are simple");
        offset = ints.add(offset, rounded).expect("tensors of tests are simple");
    }
    pieces
}

fn product(ints: &mut Ints, sizes: &[IntId]) -> IntId {
    let one = ints.constant(1);
    sizes.iter().fold(one, |a, &b| ints.mul(a, b).expect("tensors of tests are simple"))
}

fn ceil_div(ints: &mut Ints, a: IntId, by: i64) -> IntId {
    let (more, divisor) = (ints.constant(by - 1), ints.constant(by));
    let up = ints.add(a, more).expect("tensors of tests are simple");
    match ints.as_constant(up) {
        Some(up) => ints.constant(up.div_euclid(by)),
        None => ints.of_atom(Atom::Div(up, divisor), None),
    }
}
