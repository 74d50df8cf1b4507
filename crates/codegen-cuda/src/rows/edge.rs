//! Where the last segment of a row ends with the row: what tests for that are, and where
//! they make no difference.
//!
//! ```text
//! max[i < 128](if g * 128 + i < N then abs(x[m, g * 128 + i]) else 0)
//! ```
//!
//! A vector lies in its row as a whole or not at all, so one test serves for all of it; and
//! past the row zeros stand for what is not loaded, of which the test above chooses zero too.

use tilec_ir::Id;
use tilec_ir::tensor::{Binary, Expr, ExprKind, Unary};
use tilec_ir::walk::reachable;

use crate::text::Text;

use super::Rows;
use super::layout::PartOf;

impl Rows<'_, '_, '_> {
    /// Notes tests for whether a column of a segment lies in the row: with the start of
    /// a vector all of it does.
    pub(super) fn provide_tests(&mut self, part: &PartOf<'_>) {
        if self.layout.is_whole {
            return;
        }
        let kernel = self.f.kernel;
        for expr in reachable(kernel, part.equation.value) {
            let ExprKind::Binary(op, a, b) = kernel.exprs[expr].kind else { continue };
            let (column, length) = if op == Binary::Greater { (b, a) } else { (a, b) };
            if !matches!(op, Binary::Less | Binary::Greater) {
                continue;
            }
            if let (&ExprKind::Int(column), &ExprKind::Int(length)) =
                (&kernel.exprs[column].kind, &kernel.exprs[length].kind)
                && length == self.layout.rowwise.length
                && self.is_column(part, column)
            {
                self.f.note_expr(expr, Text::atom("inside"));
            }
        }
    }

    /// Notes what tests for whether a column lies in the row choose, where it is the same on
    /// both sides: past the row all that is loaded is zero.
    pub(super) fn provide_chosen(&mut self, part: &PartOf<'_>) {
        if self.layout.is_whole {
            return;
        }
        let kernel = self.f.kernel;
        for expr in reachable(kernel, part.equation.value) {
            if let ExprKind::Select(test, then, otherwise) = kernel.exprs[expr].kind
                && self.f.known_expr(test).is_some_and(|test| test.to_string() == "inside")
                && matches!(kernel.exprs[otherwise].kind, ExprKind::Float(zero) if zero.to_bits() == 0)
                && self.is_zero_past_the_row(then)
            {
                let value = self.f.value(then);
                self.f.note_expr(expr, value);
            }
        }
    }

    /// Whether an expression is +0 where the elements that it reads are.
    fn is_zero_past_the_row(&self, expr: Id<Expr>) -> bool {
        let kernel = self.f.kernel;
        let keeps_zero = |expr: Id<Expr>| match kernel.exprs[expr].kind {
            ExprKind::Read(..) => self.strands.iter().any(|strand| strand.reads.contains(&expr)),
            ExprKind::Unary(op, _) => op == Unary::Abs,
            ExprKind::Binary(op, ..) => op == Binary::Mul,
            ExprKind::Convert(_) => true,
            ExprKind::Float(_)
            | ExprKind::Int(_)
            | ExprKind::Select(..)
            | ExprKind::RoundStochastic(..)
            | ExprKind::Random(_)
            | ExprKind::Reduce(..)
            | ExprKind::Rank { .. } => false,
        };
        reachable(kernel, expr).into_iter().all(keeps_zero)
    }
}
