//! Results of a tile: computed in sections of DST, packed, handed to the writer.

use tilec_ir::dataflow::{BufferAt, CircularAt, Index, Math, Op, Test, Vector};
use tilec_ir::plan::{EquationAt, Plan};
use tilec_ir::{Diagnostic, walk};

use crate::dataflow::vector::{Given, Root, lower};

/// A result, and where its tiles go.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) equation: EquationAt,
    pub(crate) ring: CircularAt,
    pub(crate) buffer: BufferAt,
    /// Elements of a matrix along rows and columns, where tiles beyond must be 0 because
    /// a later step reads them.
    pub(crate) keeps: Option<[u64; 2]>,
}

/// Whether an equation outside of a region reads what one of its equations makes.
pub(crate) fn is_read_later(plan: &Plan, region: usize, at: EquationAt) -> bool {
    let Plan { kernel, regions, .. } = plan;
    let covers = &regions[region].covers;
    let tensor = kernel.equations[at].tensor;
    let reads = |at: EquationAt| {
        let exprs = walk::reachable(kernel, kernel.equations[at].value);
        exprs.into_iter().any(|expr| walk::reads(kernel, expr).contains(&tensor))
    };
    (0..kernel.equations.len()).any(|at| !covers.contains(&at) && reads(at))
}

/// What sections compute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sections<'a> {
    pub(crate) roots: &'a [Root<'a>],
    /// By root.
    pub(crate) outputs: &'a [Output],
    /// The tile's row and column.
    pub(crate) tile: &'a [Index; 2],
}

/// The results in one section or, where they don't fit together, in one each.
pub(crate) fn sections(what: Sections<'_>, given: &Given<'_>) -> Result<Vec<Op>, Diagnostic> {
    if let Ok(ops) = section(what, given) {
        return Ok(ops);
    }
    let mut ops = Vec::new();
    for at in 0..what.roots.len() {
        let (roots, outputs) = (&what.roots[at..=at], &what.outputs[at..=at]);
        ops.extend(section(Sections { roots, outputs, ..what }, given)?);
    }
    Ok(ops)
}

fn section(what: Sections<'_>, given: &Given<'_>) -> Result<Vec<Op>, Diagnostic> {
    let lowered = lower(given, what.roots)?;
    let mut ops: Vec<Op> =
        what.outputs.iter().map(|output| Op::Equation(output.equation)).collect();
    ops.push(Op::Math(Math::Acquire));
    ops.extend(lowered.ops);
    for (output, &dst) in what.outputs.iter().zip(&lowered.results) {
        ops.extend(keep(output, what.tile, dst));
    }
    ops.push(Op::Math(Math::Commit));
    ops.extend(what.outputs.iter().map(|output| Op::Reserve(output.ring, 1)));
    ops.push(Op::Math(Math::AwaitMath));
    for (output, &dst) in what.outputs.iter().zip(&lowered.results) {
        ops.push(Op::Math(Math::PackInit(output.ring)));
        ops.push(Op::Math(Math::Pack { dst, into: output.ring, at: None }));
    }
    ops.push(Op::Math(Math::Release));
    ops.extend(what.outputs.iter().map(|output| Op::Push(output.ring, 1)));
    Ok(ops)
}

/// Makes 0 of what lies beyond the matrix in its last tiles.
fn keep(output: &Output, tile: &[Index; 2], dst: u32) -> Vec<Op> {
    output.keeps.map_or_else(Vec::new, |sides| keep_within(sides, tile, 0.0, dst))
}

/// Replaces what lies beyond so many rows and columns, in the last tiles of a matrix; a side
/// of whole tiles has nothing beyond it.
pub(crate) fn keep_within(sides: [u64; 2], tile: &[Index; 2], fill: f32, dst: u32) -> Vec<Op> {
    let mut ops = Vec::new();
    for (columns, (elements, at)) in [false, true].into_iter().zip(sides.into_iter().zip(tile)) {
        let rest = u32::try_from(elements % 32).expect("less than a tile");
        if rest == 0 {
            continue;
        }
        let count = Index::from(rest);
        let op = Op::Math(Math::Vector(Vector::Keep { columns, count, fill, dst }));
        let last = u32::try_from(elements / 32).unwrap_or(u32::MAX);
        ops.push(if last == 0 {
            op
        } else {
            let test = Test::Equal(at.clone(), Index::from(last));
            Op::If { test, then: vec![op], otherwise: Vec::new() }
        });
    }
    ops
}
