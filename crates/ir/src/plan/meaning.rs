//! What a plan means: each region as the equations that its own data says.
//!
//! ```text
//! Contract { m, n, k, a, b, scales, .. }  ->  acc[m, n] = sum[k](a * b * scales)
//! Scan { rows, to, from, value, .. }      ->  c[rows, to] = sum[from](if from <= to then value else 0)
//! Select { rows, place, column, key, .. } ->  index[rows, place] = argsort[column](key)[first + place]
//! ```
//!
//! Sums, running sums and orders are built from axes, operands, scales and keys, not copied from
//! the equations that they cover, so that interpreting the result tests what was
//! recognized. Pointwise equations, and what is reduced along rows, are the same
//! expressions in the order of the regions.

mod grouped;

use crate::arena::Id;
use crate::diagnostic::Span;
use crate::int::{Atom, IntId};
use crate::plan::{Axis, Contract, Operand, Part, Plan, Region, RegionKind, Rowwise, Scan, Select};
use crate::tensor::{Binary, Equation, Expr, ExprKind, Kernel, Order, Reduction, Scalar, Var};

impl Plan {
    /// A kernel that computes the same, built from the regions.
    #[must_use]
    pub fn meaning(&self) -> Kernel {
        let mut kernel = self.kernel.clone();
        kernel.equations.clear();
        for region in &self.regions {
            let equations = Writer { plan: self, kernel: &mut kernel }.region(region);
            kernel.equations.extend(equations);
        }
        kernel
    }
}

struct Writer<'a> {
    plan: &'a Plan,
    kernel: &'a mut Kernel,
}

impl Writer<'_> {
    fn region(&mut self, region: &Region) -> Vec<Equation> {
        let mut equations: Vec<_> =
            region.covers.iter().map(|&at| self.plan.kernel.equations[at].clone()).collect();
        let span = equations[0].span;
        match &region.kind {
            RegionKind::Contract(contract) => {
                equations[0].value = self.contract(contract, span);
            }
            RegionKind::Grouped(grouped) => self.grouped(grouped, region, &mut equations),
            RegionKind::Combine(combine) => equations[0].value = self.combine(combine, span),
            RegionKind::Histogram(of) => equations[0].value = self.histogram(of, span),
            RegionKind::Scan(scan) => equations[0].value = self.scan(scan, span),
            RegionKind::Select(select) => equations[0].value = self.select(select, span),
            RegionKind::Rowwise(rowwise) => self.rowwise(rowwise, &mut equations),
            RegionKind::Pointwise | RegionKind::Generic { .. } => {}
        }
        equations
    }

    fn push(&mut self, kind: ExprKind, ty: Scalar, span: Span) -> Id<Expr> {
        self.kernel.exprs.push(Expr { kind, ty, span })
    }

    fn variable(&mut self, var: Id<Var>) -> IntId {
        let range = self.kernel.vars[var].range;
        self.kernel.ints.of_atom(Atom::Var(var), Some(range))
    }

    fn zero(&mut self, ty: Scalar, span: Span) -> Id<Expr> {
        let kind = match ty.is_float() {
            true => ExprKind::Float(0.0),
            false => ExprKind::Int(self.kernel.ints.constant(0)),
        };
        self.push(kind, ty, span)
    }

    /// `coefficient * sum[k](a * b * scales)`, zero where it is not needed.
    fn contract(&mut self, contract: &Contract, span: Span) -> Id<Expr> {
        let ty = contract.accumulator;
        let a = self.operand(contract, &contract.a, &contract.m);
        let b = self.operand(contract, &contract.b, &contract.n);
        let mut value = self.push(ExprKind::Binary(Binary::Mul, a, b), ty, span);
        for scale in &contract.scales {
            let op = if scale.inverse { Binary::Div } else { Binary::Mul };
            value = self.push(ExprKind::Binary(op, value, scale.expr), ty, span);
        }
        let kind = ExprKind::Reduce(Reduction::Sum, contract.k.clone(), value);
        let mut sum = self.push(kind, ty, span);
        if let Some(coefficient) = contract.coefficient {
            sum = self.push(ExprKind::Binary(Binary::Mul, coefficient, sum), ty, span);
        }
        let Some(guard) = contract.guard else { return sum };
        let zero = self.zero(ty, span);
        self.push(ExprKind::Select(guard, sum, zero), ty, span)
    }

    /// A plain operand as a read along its axes.
    fn operand(&mut self, contract: &Contract, operand: &Operand, rows: &[Id<Var>]) -> Id<Expr> {
        let Some(read) = &operand.read else { return operand.expr };
        let index = read.axes.iter().map(|&axis| {
            let var = match axis {
                Axis::Batch(at) => contract.batch[at],
                Axis::Row(at) => rows[at],
                Axis::K(at) => contract.k[at],
            };
            self.variable(var)
        });
        let index = index.collect();
        let Expr { ty, span, .. } = self.kernel.exprs[operand.expr];
        self.push(ExprKind::Read(read.tensor, index), ty, span)
    }

    fn scan(&mut self, scan: &Scan, span: Span) -> Id<Expr> {
        let ty = self.kernel.exprs[scan.value].ty;
        let ty = if ty.is_float() { Scalar::F32 } else { Scalar::I32 };
        let (from, to) = (self.variable(scan.from), self.variable(scan.to));
        let from = self.push(ExprKind::Int(from), Scalar::I32, span);
        let to = self.push(ExprKind::Int(to), Scalar::I32, span);
        let op = if scan.exclusive { Binary::Less } else { Binary::AtMost };
        let test = self.push(ExprKind::Binary(op, from, to), Scalar::Bool, span);
        let zero = self.zero(ty, span);
        let value = self.push(ExprKind::Select(test, scan.value, zero), ty, span);
        self.push(ExprKind::Reduce(Reduction::Sum, vec![scan.from], value), ty, span)
    }

    /// `argsort[column](if column < limit then key else last)[first + place]`, 0 where it is
    /// not needed.
    fn select(&mut self, select: &Select, span: Span) -> Id<Expr> {
        let key = self.limited(select, span);
        let place = match select.place {
            Some(place) => {
                let place = self.variable(place);
                self.kernel.ints.add(select.first, place).expect("the program has this place")
            }
            None => select.first,
        };
        let kind = ExprKind::Rank { var: select.column, order: select.order, key, place };
        let ty = Scalar::Idx(select.length);
        let rank = self.push(kind, ty, span);
        let Some(guard) = select.guard else { return rank };
        let zero = self.zero(ty, span);
        self.push(ExprKind::Select(guard, rank, zero), ty, span)
    }

    /// The key, and past the limit the last value of the order.
    fn limited(&mut self, select: &Select, span: Span) -> Id<Expr> {
        let Some(limit) = select.limit else { return select.key };
        let ty = self.kernel.exprs[select.key].ty;
        let descending = select.order == Order::Descending;
        let last = if ty.is_float() {
            ExprKind::Float(if descending { f32::NEG_INFINITY } else { f32::INFINITY })
        } else {
            let last = if descending { i32::MIN } else { i32::MAX };
            ExprKind::Int(self.kernel.ints.constant(last.into()))
        };
        let class = if ty.is_float() { Scalar::F32 } else { Scalar::I32 };
        let last = self.push(last, class, span);
        let column = self.variable(select.column);
        let column = self.push(ExprKind::Int(column), Scalar::I32, span);
        let test = self.push(ExprKind::Binary(Binary::Less, column, limit), Scalar::Bool, span);
        self.push(ExprKind::Select(test, select.key, last), class, span)
    }

    /// The variables of each equation by what its part says that they are.
    fn rowwise(&mut self, rowwise: &Rowwise, equations: &mut [Equation]) {
        for (part, equation) in rowwise.parts.iter().zip(equations) {
            if let Part::Reduction { column, .. } = part {
                let Expr { kind, ty, span } = self.kernel.exprs[equation.value].clone();
                if let ExprKind::Reduce(op, _, body) = kind {
                    equation.value = self.push(ExprKind::Reduce(op, vec![*column], body), ty, span);
                }
            }
        }
    }
}
