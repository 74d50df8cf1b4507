//! An order of expressions that does not depend on the names of variables, nor
//! on which of two equal programs came first.
//!
//! Every expression has a *blind* code: a hash of its structure in which a
//! variable counts as its range and a computed tensor as its definition. Ties
//! keep the order of the source. [`key`] is the opposite: an exact code, equal
//! only for equal expressions.

use std::collections::HashMap;

use tilec_ir::int::AtomId;
use tilec_ir::tensor::{Binary, Expr, ExprKind, Kernel, Tensor};
use tilec_ir::{Atom, Id, IntId, Scalar};

use crate::builder::{Definition, Value};

/// Blind codes of all that a builder holds.
#[derive(Debug, Default)]
pub(crate) struct Blind {
    exprs: Vec<u64>,
    tensors: Vec<u64>,
    atoms: HashMap<AtomId, u64>,
}

/// Where an expression stands among operands whose order does not matter:
/// chains of the same operation, then inputs, then other tensors, then the rest.
pub(crate) type Rank = (u8, usize, u64);

impl Blind {
    /// Takes up the next tensor, an input or one that is defined later.
    pub(crate) fn input(&mut self, id: Id<Tensor>) {
        self.tensors.push(mix(&[1, id.index() as u64]));
    }

    /// Takes up a tensor with its definition, or gives one its definition.
    pub(crate) fn definition(&mut self, kernel: &Kernel, id: Id<Tensor>, definition: &Definition) {
        let mut code = vec![2, definition.bound.len() as u64];
        for &var in definition.vars.iter().chain(&definition.bound) {
            code.push(self.int(kernel, kernel.vars[var].range));
        }
        code.push(definition.guard.map_or(0, |guard| self.exprs[guard.index()]));
        match definition.value {
            Value::Map(value) => code.extend([1, self.exprs[value.index()]]),
            Value::Reduce(op, body) => code.extend([2 + op as u64, self.exprs[body.index()]]),
            Value::Rank { order, key, place } => {
                let place = self.int(kernel, place);
                code.extend([10 + order as u64, self.exprs[key.index()], place]);
            }
        }
        let code = mix(&code);
        if id.index() < self.tensors.len() {
            self.tensors[id.index()] = code;
        } else {
            self.tensors.push(code);
        }
    }

    /// Takes up the next expression.
    pub(crate) fn expr(&mut self, kernel: &Kernel, expr: &Expr) {
        let mut code = match expr.ty {
            Scalar::Idx(bound) => vec![100, self.int(kernel, bound)],
            other => vec![tag(other)],
        };
        code.push(kind_tag(&expr.kind));
        match &expr.kind {
            ExprKind::Float(x) => code.push(u64::from(x.to_bits())),
            ExprKind::Int(id) => code.push(self.int(kernel, *id)),
            ExprKind::Read(tensor, index) => {
                code.push(self.tensors[tensor.index()]);
                index.iter().for_each(|&i| code.push(self.int(kernel, i)));
            }
            other => {
                let operands = tilec_ir::walk::direct(other);
                code.extend(operands.iter().map(|x| self.exprs[x.index()]));
            }
        }
        self.exprs.push(mix(&code));
    }

    /// Where `expr` stands among the operands of `within`.
    pub(crate) fn rank(&self, kernel: &Kernel, expr: Id<Expr>, within: Option<Binary>) -> Rank {
        let code = self.exprs[expr.index()];
        match &kernel.exprs[expr].kind {
            ExprKind::Binary(op, ..) if Some(*op) == within => (0, 0, code),
            ExprKind::Read(tensor, _) => {
                let tensor_rank = tensor.index();
                match kernel.tensors[*tensor].role {
                    tilec_ir::tensor::Role::Input => (1, tensor_rank, code),
                    _ => (2, 0, code),
                }
            }
            ExprKind::Float(_) => (9, 0, code),
            kind => (3, usize::try_from(kind_tag(kind)).unwrap_or(0), code),
        }
    }

    pub(crate) fn int(&mut self, kernel: &Kernel, id: IntId) -> u64 {
        kernel.ints.visit_atoms(id, &mut |at, atom| {
            if !self.atoms.contains_key(&at) {
                let code = self.atom(kernel, atom);
                self.atoms.insert(at, code);
            }
        });
        self.terms(kernel, id)
    }

    fn terms(&self, kernel: &Kernel, id: IntId) -> u64 {
        let mut sum = 7u64;
        for term in kernel.ints.get(id).terms() {
            let factors = term.factors.iter().map(|factor| self.atoms[factor]);
            let product = factors.fold(0u64, u64::wrapping_add);
            #[expect(clippy::cast_sign_loss, reason = "only the bits matter")]
            let coefficient = term.coefficient as u64;
            sum = sum.wrapping_add(mix(&[coefficient, product]));
        }
        sum
    }

    /// The atoms inside have their codes.
    fn atom(&mut self, kernel: &Kernel, atom: &Atom) -> u64 {
        match atom {
            Atom::Size(size) => mix(&[1, size.index() as u64]),
            Atom::Var(var) => {
                let range = self.int(kernel, kernel.vars[*var].range);
                mix(&[2, range])
            }
            Atom::Div(p, d) => mix(&[3, self.terms(kernel, *p), self.terms(kernel, *d)]),
            Atom::Read(tensor, index) => {
                let mut code = vec![4, self.tensors[tensor.index()]];
                code.extend(index.iter().map(|&i| self.terms(kernel, i)));
                mix(&code)
            }
            Atom::Value(expr) => mix(&[5, self.exprs[expr.index()]]),
        }
    }

    /// The blind code of an atom whose integer was seen.
    pub(crate) fn of_atom(&self, atom: AtomId) -> u64 {
        self.atoms.get(&atom).copied().unwrap_or(0)
    }
}

/// Equal for two expressions of one builder only if they are equal.
pub(crate) fn key(expr: &Expr) -> Vec<u64> {
    let mut code = vec![tag(expr.ty)];
    if let Scalar::Idx(bound) = expr.ty {
        code.push(bound.index() as u64);
    }
    code.push(kind_tag(&expr.kind));
    match &expr.kind {
        ExprKind::Float(x) => code.push(u64::from(x.to_bits())),
        ExprKind::Int(id) => code.push(id.index() as u64),
        ExprKind::Read(tensor, index) => {
            code.push(tensor.index() as u64);
            code.extend(index.iter().map(|i| i.index() as u64));
        }
        ExprKind::Rank { var, key, place, .. } => {
            code.extend([var.index() as u64, key.index() as u64, place.index() as u64]);
        }
        other => code.extend(tilec_ir::walk::direct(other).iter().map(|x| x.index() as u64)),
    }
    code
}

fn tag(ty: Scalar) -> u64 {
    match ty {
        Scalar::F32 => 1,
        Scalar::Bf16 => 2,
        Scalar::F16 => 3,
        Scalar::F8E4M3 => 4,
        Scalar::F8E5M2 => 5,
        Scalar::I32 => 6,
        Scalar::I8 => 7,
        Scalar::U8 => 8,
        Scalar::Bool => 9,
        Scalar::Idx(_) => 10,
    }
}

fn kind_tag(kind: &ExprKind) -> u64 {
    match kind {
        ExprKind::Float(_) => 1,
        ExprKind::Int(_) => 2,
        ExprKind::Read(..) => 3,
        ExprKind::Convert(_) => 4,
        ExprKind::RoundStochastic(..) => 5,
        ExprKind::Random(_) => 6,
        ExprKind::Select(..) => 7,
        ExprKind::Unary(unary, _) => 20 + *unary as u64,
        ExprKind::Binary(binary, ..) => 40 + *binary as u64,
        ExprKind::Reduce(op, ..) => 60 + *op as u64,
        ExprKind::Rank { order, .. } => 70 + *order as u64,
    }
}

/// A hash that is the same on every machine and in every release.
pub(crate) fn mix(words: &[u64]) -> u64 {
    let mut hash = 0x9e37_79b9_7f4a_7c15u64;
    for word in words {
        hash = (hash ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^= hash >> 32;
    }
    hash
}
