//! Equations and regions that are added to a plan.

use std::collections::BTreeSet;

use tilec_ir::diagnostic::Span;
use tilec_ir::int::TooComplex;
use tilec_ir::plan::{Contract, EquationAt, Plan, Region, RegionKind};
use tilec_ir::tensor::{Binary, Equation, Expr, ExprKind, Reduction, Tensor, Var};
use tilec_ir::{Atom, Facts, Id, IntId, Kernel, Scalar};

use crate::builder::{assume, index_bound, local};
use crate::recognize::{Renaming, alike, copy, unique};

/// A kernel that grows, with the regions of what is added.
pub(super) struct Draft<'k> {
    pub(super) kernel: &'k mut Kernel,
    pub(super) regions: Vec<Region>,
    /// What is known where there is a row.
    facts: Facts,
    /// What new tensors are named after.
    name: String,
    span: Span,
}

impl<'k> Draft<'k> {
    pub(super) fn new(kernel: &'k mut Kernel, name: String, span: Span) -> Self {
        let mut facts = Facts::default();
        for fact in kernel.facts.clone() {
            assume(&mut facts, &mut kernel.ints, fact.kind);
        }
        Self { kernel, regions: Vec::new(), facts, name, span }
    }

    pub(super) fn push(&mut self, kind: ExprKind, ty: Scalar) -> Id<Expr> {
        self.kernel.exprs.push(Expr { kind, ty, span: self.span })
    }

    /// A new variable.
    pub(super) fn var(&mut self, name: &str, range: IntId) -> Id<Var> {
        let var = Var { name: name.to_owned(), range, span: self.span };
        self.kernel.vars.push(var)
    }

    /// A variable like another one.
    pub(super) fn like(&mut self, var: Id<Var>) -> Id<Var> {
        let own = self.kernel.vars[var].clone();
        self.kernel.vars.push(own)
    }

    pub(super) fn at(&mut self, var: Id<Var>) -> IntId {
        let range = self.kernel.vars[var].range;
        self.kernel.ints.of_atom(Atom::Var(var), Some(range))
    }

    pub(super) fn after(&mut self, var: Id<Var>, offset: IntId) -> Result<IntId, TooComplex> {
        let var = self.at(var);
        self.kernel.ints.add(var, offset)
    }

    /// `numerator / divisor`, where there is a row and so no range is empty.
    pub(super) fn quotient(&mut self, a: IntId, divisor: IntId) -> Result<IntId, TooComplex> {
        let mut facts = self.facts.clone();
        facts.assume_not_empty(&mut self.kernel.ints, divisor);
        facts.div(&mut self.kernel.ints, a, divisor)
    }

    pub(super) fn int(&mut self, int: IntId) -> Id<Expr> {
        self.push(ExprKind::Int(int), Scalar::I32)
    }

    pub(super) fn constant(&mut self, value: i64) -> Id<Expr> {
        let int = self.kernel.ints.constant(value);
        self.int(int)
    }

    /// Of two i32.
    pub(super) fn binary(&mut self, op: Binary, a: Id<Expr>, b: Id<Expr>) -> Id<Expr> {
        let test = matches!(op, Binary::Equal | Binary::Less | Binary::AtMost);
        let ty = if test { Scalar::Bool } else { Scalar::I32 };
        self.push(ExprKind::Binary(op, a, b), ty)
    }

    pub(super) fn select(&mut self, test: Id<Expr>, a: Id<Expr>, b: Id<Expr>) -> Id<Expr> {
        let ty = self.kernel.exprs[a].ty;
        self.push(ExprKind::Select(test, a, b), ty)
    }

    pub(super) fn sum(&mut self, var: Id<Var>, value: Id<Expr>) -> Id<Expr> {
        self.push(ExprKind::Reduce(Reduction::Sum, vec![var], value), Scalar::I32)
    }

    /// A zero beside a value.
    pub(super) fn zero(&mut self, beside: Id<Expr>) -> Id<Expr> {
        let ty = self.kernel.exprs[beside].ty;
        let kind = match ty.is_float() {
            true => ExprKind::Float(0.0),
            false => ExprKind::Int(self.kernel.ints.constant(0)),
        };
        self.push(kind, ty)
    }

    /// An element of an integer tensor as an index.
    pub(super) fn element(&mut self, tensor: Id<Tensor>, index: Vec<IntId>) -> IntId {
        let bound = index_bound(self.kernel.tensors[tensor].element);
        self.kernel.ints.of_atom(Atom::Read(tensor, index), bound)
    }

    /// An element as a value.
    pub(super) fn read(&mut self, tensor: Id<Tensor>, index: Vec<IntId>) -> Id<Expr> {
        match self.kernel.tensors[tensor].element {
            Scalar::Idx(_) => {
                let int = self.element(tensor, index);
                self.int(int)
            }
            element if element.is_float() => self.push(ExprKind::Read(tensor, index), Scalar::F32),
            _ => self.push(ExprKind::Read(tensor, index), Scalar::I32),
        }
    }

    /// An i32 clamped into 0 .. length - 1.
    pub(super) fn clamped(&mut self, value: Id<Expr>, length: IntId) -> Id<Expr> {
        self.push(ExprKind::Convert(value), Scalar::Idx(length))
    }

    /// The same as an index.
    pub(super) fn index(&mut self, value: Id<Expr>, length: IntId) -> IntId {
        let value = self.clamped(value, length);
        self.kernel.ints.of_atom(Atom::Value(value), Some(length))
    }

    /// A value in the type of a tensor that holds it exactly.
    pub(super) fn narrow(&mut self, value: Id<Expr>, element: Scalar) -> Id<Expr> {
        match element {
            Scalar::F32 | Scalar::I32 => value,
            _ => self.push(ExprKind::Convert(value), element),
        }
    }

    /// `read` with the conversions that are around `inner` in `outer`.
    pub(super) fn widen(&mut self, read: Id<Expr>, outer: Id<Expr>, inner: Id<Expr>) -> Id<Expr> {
        if outer == inner { read } else { self.push(ExprKind::Convert(read), Scalar::F32) }
    }

    pub(super) fn copy(
        &mut self,
        expr: Id<Expr>,
        renaming: &Renaming,
    ) -> Result<Id<Expr>, TooComplex> {
        copy(self.kernel, &self.facts, expr, renaming)
    }

    /// Whether `a` with other variables is `b`.
    pub(super) fn alike(&mut self, a: Id<Expr>, b: Id<Expr>, renaming: &Renaming) -> bool {
        alike(self.kernel, &self.facts, a, b, renaming)
    }

    /// A new tensor and its equation.
    pub(super) fn define(
        &mut self,
        what: &str,
        element: Scalar,
        vars: Vec<Id<Var>>,
        value: Id<Expr>,
    ) -> (Id<Tensor>, EquationAt) {
        let name = unique(&self.kernel.tensors, format!("{}'{what}", self.name));
        let shape = vars.iter().map(|&var| self.kernel.vars[var].range).collect();
        let tensor = self.kernel.tensors.push(local(name, element, shape, self.span));
        self.kernel.equations.push(Equation { tensor, vars, value, span: self.span });
        (tensor, self.kernel.equations.len() - 1)
    }

    /// A tensor that is computed point by point.
    pub(super) fn points(
        &mut self,
        what: &str,
        element: Scalar,
        vars: Vec<Id<Var>>,
        value: Id<Expr>,
    ) -> Id<Tensor> {
        let (tensor, at) = self.define(what, element, vars, value);
        self.regions.push(Region { covers: vec![at], kind: RegionKind::Pointwise });
        tensor
    }

    /// A tensor of i32 whose elements are sums, by loops.
    pub(super) fn sums(
        &mut self,
        what: &str,
        vars: Vec<Id<Var>>,
        value: Id<Expr>,
        why: &str,
    ) -> Id<Tensor> {
        let (tensor, at) = self.define(what, Scalar::I32, vars, value);
        let kind = RegionKind::Generic { why: why.to_owned() };
        self.regions.push(Region { covers: vec![at], kind });
        tensor
    }

    /// A tensor of products.
    pub(super) fn product(&mut self, what: &str, contract: Contract) -> Id<Tensor> {
        let vars = [&contract.batch, &contract.m, &contract.n].map(Vec::as_slice).concat();
        let (value, ty) = (self.sum_of_products(&contract), contract.accumulator);
        let (tensor, at) = self.define(what, ty, vars, value);
        self.regions.push(Region { covers: vec![at], kind: RegionKind::Contract(contract) });
        tensor
    }

    /// What a contraction computes.
    pub(super) fn sum_of_products(&mut self, contract: &Contract) -> Id<Expr> {
        let ty = contract.accumulator;
        let kind = ExprKind::Binary(Binary::Mul, contract.a.expr, contract.b.expr);
        let mut value = self.push(kind, ty);
        for scale in &contract.scales {
            let op = if scale.inverse { Binary::Div } else { Binary::Mul };
            value = self.push(ExprKind::Binary(op, value, scale.expr), ty);
        }
        let kind = ExprKind::Reduce(Reduction::Sum, contract.k.clone(), value);
        let mut value = self.push(kind, ty);
        if let Some(coefficient) = contract.coefficient {
            value = self.push(ExprKind::Binary(Binary::Mul, coefficient, value), ty);
        }
        if let Some(guard) = contract.guard {
            let zero = self.zero(value);
            value = self.select(guard, value, zero);
        }
        value
    }
}

/// Puts the equations of a plan into the order of its regions.
pub(super) fn renumber(plan: &mut Plan) {
    let order: Vec<_> = plan.regions.iter().flat_map(|region| region.covers.clone()).collect();
    debug_assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), plan.kernel.equations.len());
    let mut place = vec![0; order.len()];
    for (new, &old) in order.iter().enumerate() {
        place[old] = new;
    }
    let moved = |at: &mut EquationAt| *at = place[*at];
    for region in &mut plan.regions {
        region.covers.iter_mut().for_each(moved);
        match &mut region.kind {
            RegionKind::Contract(contract) => contract.epilogue.iter_mut().for_each(moved),
            RegionKind::Grouped(grouped) => {
                grouped.products.iter_mut().for_each(|product| moved(&mut product.equation));
                grouped.epilogue.iter_mut().for_each(moved);
            }
            RegionKind::Combine(combine) => combine.epilogue.iter_mut().for_each(moved),
            RegionKind::Select(select) => {
                select.gathered.iter_mut().for_each(|gathered| moved(&mut gathered.equation));
            }
            RegionKind::Histogram(_)
            | RegionKind::Rowwise(_)
            | RegionKind::Scan(_)
            | RegionKind::Pointwise
            | RegionKind::Generic { .. } => {}
        }
    }
    plan.declined.iter_mut().for_each(|declined| moved(&mut declined.equation));
    let equations = std::mem::take(&mut plan.kernel.equations);
    plan.kernel.equations = order.into_iter().map(|at| equations[at].clone()).collect();
}
