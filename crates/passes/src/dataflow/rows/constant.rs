//! What is the same for all tiles of a row, and is worth computing once.
//!
//! ```text
//! y[m, n] = bf16(x[m, n] * rsqrt(square[m] / f32(N) + eps) * w[n])
//!                          ------------------------------- once for 32 rows
//! ```

use std::collections::BTreeMap;

use tilec_ir::plan::EquationAt;
use tilec_ir::tensor::{Expr, ExprKind, Kernel, Scalar};
use tilec_ir::walk::{direct, vars_of_int};
use tilec_ir::{Id, IntId};

use super::parts::{Part, Parts, What};
use crate::dataflow::vector::Axes;

/// A value of rows, or of segments, that sweeps use at every tile.
#[derive(Clone, Debug)]
pub(super) struct Constant {
    pub(super) expr: Id<Expr>,
    /// Whether it has one value per segment.
    pub(super) segmented: bool,
    pub(super) axes: Axes,
    /// The equation that uses it.
    pub(super) equation: EquationAt,
    /// The first sweep that does.
    pub(super) sweep: usize,
}

/// What an expression is along a row.
#[derive(Clone, Copy, Default)]
struct Along {
    /// The same at all tiles.
    constant: bool,
    /// It changes from segment to segment.
    segmented: bool,
    /// Something is read.
    reads: bool,
    /// Something is computed.
    computes: bool,
}

impl Parts {
    /// The constants of sweeps over more than one tile, each once.
    pub(super) fn constants(&self, kernel: &Kernel, sweeps: &[Vec<usize>]) -> Vec<Constant> {
        let mut found: Vec<Constant> = Vec::new();
        for (sweep, parts) in sweeps.iter().enumerate() {
            let tiles =
                if sweep < self.whole.len() { self.column_tiles() } else { self.segment_tiles() };
            for &at in parts.iter().filter(|_| tiles > 1) {
                for (expr, segmented) in self.largest(kernel, &self.parts[at]) {
                    if found.iter().all(|known| known.expr != expr) {
                        let part = &self.parts[at];
                        let axes = self.axes_of_rows(part, segmented);
                        let equation = part.equation;
                        found.push(Constant { expr, segmented, axes, equation, sweep });
                    }
                }
            }
        }
        found
    }

    /// The axes of a part without columns, those of its value at a tile.
    fn axes_of_rows(&self, part: &Part, segmented: bool) -> Axes {
        let mut axes = Axes { columns: Vec::new(), ..part.axes.clone() };
        let segment = self.parts.iter().filter(|other| other.segmented && segmented);
        axes.batch.extend(segment.map(|other| other.segment_var()).take(1));
        axes
    }

    /// The largest expressions of a part that are constant along it.
    fn largest(&self, kernel: &Kernel, part: &Part) -> Vec<(Id<Expr>, bool)> {
        let mut along = BTreeMap::new();
        for expr in tilec_ir::walk::reachable(kernel, part.expr) {
            let of = self.along(kernel, part, expr, &along);
            along.insert(expr, of);
        }
        let (mut found, mut open) = (Vec::new(), vec![part.expr]);
        while let Some(expr) = open.pop() {
            let of = along[&expr];
            let float = kernel.exprs[expr].ty.is_float();
            if of.constant && of.reads && of.computes && float {
                found.push((expr, of.segmented));
            } else {
                open.extend(direct(&kernel.exprs[expr].kind).into_iter().rev());
            }
        }
        found
    }

    fn along(
        &self,
        kernel: &Kernel,
        part: &Part,
        expr: Id<Expr>,
        before: &BTreeMap<Id<Expr>, Along>,
    ) -> Along {
        let same = |ints: &[IntId]| {
            let vars = ints.iter().flat_map(|&id| vars_of_int(&kernel.ints, id));
            !vars.into_iter().any(|var| part.axes.columns.contains(&var))
        };
        match &kernel.exprs[expr].kind {
            ExprKind::Float(_) => Along { constant: true, ..Along::default() },
            // An element of a tensor within an integer is left where it is.
            ExprKind::Int(id) => {
                let plain = kernel.exprs[expr].ty == Scalar::I32;
                Along { constant: plain && same(&[*id]), ..Along::default() }
            }
            ExprKind::Read(tensor, index) => {
                let own = self.parts.iter().find(|other| other.tensor == *tensor);
                let (constant, segmented) = match own {
                    Some(Part { kind: What::Reduction(_), segmented, .. }) => (true, *segmented),
                    Some(_) => (false, false),
                    None => (same(index), false),
                };
                let constant = constant && kernel.exprs[expr].ty != Scalar::I32;
                Along { constant, segmented, reads: true, computes: false }
            }
            kind @ (ExprKind::Unary(..)
            | ExprKind::Binary(..)
            | ExprKind::Select(..)
            | ExprKind::Convert(_)) => {
                let operands = direct(kind).into_iter().map(|operand| before[&operand]);
                // What is kept is an f32.
                let constant = kernel.exprs[expr].ty != Scalar::I32;
                let start = Along { constant, computes: true, ..Along::default() };
                operands.fold(start, |all, one| Along {
                    constant: all.constant && one.constant,
                    segmented: all.segmented || one.segmented,
                    reads: all.reads || one.reads,
                    computes: true,
                })
            }
            ExprKind::RoundStochastic(..)
            | ExprKind::Random(_)
            | ExprKind::Reduce(..)
            | ExprKind::Rank { .. } => Along::default(),
        }
    }
}
