//! What grouped products, combined rows and histograms mean, from their own data.

use super::Writer;
use crate::arena::Id;
use crate::diagnostic::Span;
use crate::int::{Atom, IntId};
use crate::plan::{
    Axis, Combine, Contract, Form, Grouped, GroupedProduct, Histogram, Region, WeightDim, Weights,
    widened,
};
use crate::tensor::{Binary, Equation, Expr, ExprKind, Reduction, Scalar};

impl Writer<'_> {
    pub(super) fn grouped(&mut self, grouped: &Grouped, region: &Region, out: &mut [Equation]) {
        for product in &grouped.products {
            let at = region.covers.iter().position(|&at| at == product.equation);
            let equation = &mut out[at.expect("a product is covered")];
            equation.value = self.product(grouped.form, product, equation.span);
        }
    }

    fn product(&mut self, form: Form, product: &GroupedProduct, span: Span) -> Id<Expr> {
        let mut contract = product.contract.clone();
        if let Some(weights) = &product.weights {
            contract.b.expr = self.weights(&contract, product.group, weights);
            contract.b.read = None;
        }
        if let Form::Masked { row, count } = form {
            let row = self.variable(row);
            let row = self.push(ExprKind::Int(row), Scalar::I32, span);
            let test = ExprKind::Binary(Binary::Less, row, count);
            contract.guard = Some(self.push(test, Scalar::Bool, span));
        }
        self.contract(&contract, span)
    }

    /// The read of a row's matrix.
    fn weights(&mut self, contract: &Contract, group: IntId, weights: &Weights) -> Id<Expr> {
        let index = weights.dims.iter().map(|&dim| match dim {
            WeightDim::Group => group,
            WeightDim::Fixed(place) => place,
            WeightDim::Axis { axis, offset } => {
                let var = self.variable(match axis {
                    Axis::Batch(at) => contract.batch[at],
                    Axis::Row(at) => contract.n[at],
                    Axis::K(at) => contract.k[at],
                });
                self.kernel.ints.add(var, offset).expect("the program has this place")
            }
        });
        let index = index.collect();
        let Expr { ty, span, .. } = self.kernel.exprs[widened(self.kernel, contract.b.expr)];
        let read = self.push(ExprKind::Read(weights.tensor, index), ty, span);
        let Expr { ty: wide, span, .. } = self.kernel.exprs[contract.b.expr];
        if wide == ty { read } else { self.push(ExprKind::Convert(read), wide, span) }
    }

    pub(super) fn combine(&mut self, combine: &Combine, span: Span) -> Id<Expr> {
        let ty = self.kernel.exprs[combine.value].ty;
        let mut value = combine.value;
        for weight in &combine.weights {
            let op = if weight.inverse { Binary::Div } else { Binary::Mul };
            value = self.push(ExprKind::Binary(op, value, weight.expr), ty, span);
        }
        self.push(ExprKind::Reduce(Reduction::Sum, combine.slots.clone(), value), ty, span)
    }

    pub(super) fn histogram(&mut self, histogram: &Histogram, span: Span) -> Id<Expr> {
        let ty = self.kernel.exprs[histogram.value].ty;
        let range = self.kernel.vars[histogram.bin].range;
        let bin = self.kernel.ints.of_atom(Atom::Var(histogram.bin), Some(range));
        let bin = self.push(ExprKind::Int(bin), Scalar::I32, span);
        let test = ExprKind::Binary(Binary::Equal, histogram.key, bin);
        let test = self.push(test, Scalar::Bool, span);
        let zero = self.zero(ty, span);
        let value = self.push(ExprKind::Select(test, histogram.value, zero), ty, span);
        self.push(ExprKind::Reduce(Reduction::Sum, histogram.over.clone(), value), ty, span)
    }
}
