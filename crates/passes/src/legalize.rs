//! Brings a plan into a form that the chip's instructions take.
//!
//! ```text
//! y[m, n] = sum[k](x[m, k] * w[k, n])     w: f8e4m3[K, N]
//!     ->  w'k[n, k] = w[k, n]             y[m, n] = sum[k](x[m, k] * w'k[n, k])
//! ```
//!
//! Hopper's instructions on 8-bit values want both operands with `k` innermost;
//! those on 16-bit values take rows innermost too. An operand that lies otherwise is
//! copied by an equation of its own, unless the contraction is so small that the
//! copy would cost more than it gains. Computed operands are tensors already.
//!
//! Takes a plan that verifies; gives one that verifies and means the same.

use std::collections::BTreeMap;

use tilec_ir::plan::{Axis, Contract, EquationAt, Operand, Plan, Read, Region, RegionKind};
use tilec_ir::tensor::{Equation, Expr, ExprKind, Role, Tensor, Var};
use tilec_ir::tile::Unit;
use tilec_ir::walk::{direct, reachable};
use tilec_ir::{Atom, Id, IntId, Kernel};
use tilec_target::{Chip, Machine};

use crate::builder::{Rewrite, rebuild_kind};
use crate::tune::product::{Layout, Licenses, Product, product};
use crate::tune::symbols::Symbols;

/// Lengths of the other axis up to which an operand is read so seldom that copying it
/// first does not pay.
const SHORT: i64 = 128;

/// The plan with whatever copies the chip's instructions need.
#[must_use]
pub fn legalize(mut plan: Plan, chip: &Chip) -> Plan {
    match chip.machine {
        Machine::Hopper(_) => {}
        Machine::Ampere(_) | Machine::Ada(_) | Machine::Blackwell(_) | Machine::Tensix(_) => {
            return plan;
        }
    }
    let mut at = 0;
    while at < plan.regions.len() {
        for side in [true, false] {
            if let Some(operand) = to_repack(&mut plan, at, side, chip) {
                repack(&mut plan, at, side, &operand);
                at += 1;
            }
        }
        at += 1;
    }
    plan
}

/// The operand of a region (`a` or `b`) that lies in a way no instruction takes.
fn to_repack(plan: &mut Plan, at: usize, is_a: bool, chip: &Chip) -> Option<Operand> {
    let RegionKind::Contract(contract) = plan.regions[at].kind.clone() else { return None };
    let mut sizes = Symbols::new(&mut plan.kernel);
    let product = product(&mut sizes, &contract, chip, Licenses::default())?;
    let [a, b] = &product.operands;
    let (own, other) = if is_a { (a, b) } else { (b, a) };
    // Only where it is this that stands against it.
    let fits = matches!(product.unit, Unit::Fp8 | Unit::I8) && other.stored.is_some();
    let lies_well = own.stored.is_none_or(|stored| stored.layout == Layout::K);
    if !fits || lies_well || seldom_read(&sizes, &product, is_a) {
        return None;
    }
    Some(if is_a { contract.a } else { contract.b })
}

fn seldom_read(sizes: &Symbols<'_>, product: &Product, is_a: bool) -> bool {
    let other = if is_a { product.n } else { product.m };
    sizes.value(other).is_some_and(|length| length <= SHORT)
}

/// Adds the copy as a region of its own before the contraction, which then reads it.
fn repack(plan: &mut Plan, at: usize, is_a: bool, operand: &Operand) {
    let RegionKind::Contract(contract) = plan.regions[at].kind.clone() else { return };
    let Some(read) = &operand.read else { return };
    let axes = ordered(&read.axes);
    let position = plan.regions[at].covers[0];
    let name = &plan.kernel.tensors[read.tensor].name;
    let name = format!("{name}'k");
    let (copy, tensor) = copy(&mut plan.kernel, read, &axes, name);
    let vars: Vec<_> = axes.iter().map(|&axis| var_of(&contract, is_a, axis)).collect();
    let new = read_of(&mut plan.kernel, operand, tensor, &vars);
    let sum = &plan.kernel.equations[position];
    let (value, span) = (sum.value, sum.span);
    let value = replaced(&mut plan.kernel, value, operand.expr, new);
    plan.kernel.equations[position].value = value;
    plan.kernel.equations.insert(position, Equation { span, ..copy });
    shift(plan, position);
    plan.regions.insert(at, Region { covers: vec![position], kind: RegionKind::Pointwise });
    if let RegionKind::Contract(contract) = &mut plan.regions[at + 1].kind {
        let operand = if is_a { &mut contract.a } else { &mut contract.b };
        operand.expr = new;
        operand.read = Some(Read { tensor, axes });
    }
}

/// Batch, then rows, then `k`.
fn ordered(axes: &[Axis]) -> Vec<Axis> {
    let mut ordered = axes.to_vec();
    ordered.sort_by_key(|axis| match *axis {
        Axis::Batch(at) => (0, at),
        Axis::Row(at) => (1, at),
        Axis::K(at) => (2, at),
    });
    ordered
}

fn var_of(contract: &Contract, is_a: bool, axis: Axis) -> Id<Var> {
    match axis {
        Axis::Batch(at) => contract.batch[at],
        Axis::Row(at) if is_a => contract.m[at],
        Axis::Row(at) => contract.n[at],
        Axis::K(at) => contract.k[at],
    }
}

/// The tensor with its dimensions in the order of `axes`, and the equation that fills it.
fn copy(kernel: &mut Kernel, read: &Read, axes: &[Axis], name: String) -> (Equation, Id<Tensor>) {
    let from = kernel.tensors[read.tensor].clone();
    // By dimension of the source: a variable of the copy.
    let mut vars = Vec::new();
    for &range in &from.shape {
        let name = format!("v{}", vars.len());
        vars.push(kernel.vars.push(Var { name, range, span: from.span }));
    }
    let source = |axis: &Axis| {
        read.axes.iter().position(|other| other == axis).expect("both have the same axes")
    };
    let places: Vec<usize> = axes.iter().map(source).collect();
    let index: Vec<IntId> = vars.iter().map(|&var| integer(kernel, var)).collect();
    let ty = if from.element.is_float() { tilec_ir::Scalar::F32 } else { tilec_ir::Scalar::I32 };
    let value =
        kernel.exprs.push(Expr { kind: ExprKind::Read(read.tensor, index), ty, span: from.span });
    let value = kernel.exprs.push(Expr {
        kind: ExprKind::Convert(value),
        ty: from.element,
        span: from.span,
    });
    let shape = places.iter().map(|&at| from.shape[at]).collect();
    let tensor = kernel.tensors.push(Tensor {
        name,
        element: from.element,
        shape,
        role: Role::Local,
        span: from.span,
    });
    let vars = places.iter().map(|&at| vars[at]).collect();
    (Equation { tensor, vars, value, span: from.span }, tensor)
}

fn integer(kernel: &mut Kernel, var: Id<Var>) -> IntId {
    let range = kernel.vars[var].range;
    kernel.ints.of_atom(Atom::Var(var), Some(range))
}

fn read_of(
    kernel: &mut Kernel,
    operand: &Operand,
    tensor: Id<Tensor>,
    vars: &[Id<Var>],
) -> Id<Expr> {
    let index = vars.iter().map(|&var| integer(kernel, var)).collect();
    let Expr { ty, span, .. } = kernel.exprs[operand.expr];
    kernel.exprs.push(Expr { kind: ExprKind::Read(tensor, index), ty, span })
}

/// `root` with one of its expressions replaced by another.
fn replaced(kernel: &mut Kernel, root: Id<Expr>, old: Id<Expr>, new: Id<Expr>) -> Id<Expr> {
    let mut made = Made(BTreeMap::from([(old, new)]));
    for id in reachable(kernel, root) {
        let expr = kernel.exprs[id].clone();
        let changes = direct(&expr.kind).iter().any(|operand| made.0.contains_key(operand));
        if !changes || made.0.contains_key(&id) {
            continue;
        }
        let kind = rebuild_kind(&expr.kind, &mut made).expect("integers stay as they are");
        made.0.insert(id, kernel.exprs.push(Expr { kind, ..expr }));
    }
    made.operand(root)
}

/// What stands for the expressions that changed.
struct Made(BTreeMap<Id<Expr>, Id<Expr>>);

impl Rewrite for Made {
    fn int(&mut self, id: IntId) -> Result<IntId, tilec_ir::int::TooComplex> {
        Ok(id)
    }

    fn operand(&self, expr: Id<Expr>) -> Id<Expr> {
        self.0.get(&expr).copied().unwrap_or(expr)
    }
}

/// Moves every position from `inserted` on by one.
fn shift(plan: &mut Plan, inserted: EquationAt) {
    let moved = |at: &mut EquationAt| {
        if *at >= inserted {
            *at += 1;
        }
    };
    for region in &mut plan.regions {
        region.covers.iter_mut().for_each(moved);
        if let RegionKind::Contract(contract) = &mut region.kind {
            contract.epilogue.iter_mut().for_each(moved);
        }
    }
    plan.declined.iter_mut().for_each(|declined| moved(&mut declined.equation));
}
