//! Copies of expressions within a kernel, with other variables.
//!
//! ```text
//! max(peak[m, k / 128], 1e-6)   with m -> p, k / 128 -> g   max(peak[p, g], 1e-6)
//! ```

use std::collections::BTreeMap;

use tilec_ir::int::TooComplex;
use tilec_ir::tensor::{Expr, ExprKind, Tensor, Var};
use tilec_ir::walk::postorder;
use tilec_ir::{Atom, Facts, Id, IntId, Ints, Kernel};

use crate::builder::{Rewrite, index_bound, rebuild_kind};
use crate::flat::{Flat, Leaf, Target};

/// What stands for variables, and for blocks of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Renaming {
    /// What stands for a variable; one that is not here stays.
    pub(crate) vars: BTreeMap<Id<Var>, IntId>,
    /// What stands for `v / c`: the length `c` and the number of the block.
    pub(crate) blocks: BTreeMap<Id<Var>, (i64, IntId)>,
    /// A dimension of an integer tensor that goes.
    pub(crate) dropped: Option<(Id<Tensor>, usize)>,
}

/// `root` with other variables, as new expressions.
pub(crate) fn copy(
    kernel: &mut Kernel,
    facts: &Facts,
    root: Id<Expr>,
    renaming: &Renaming,
) -> Result<Id<Expr>, TooComplex> {
    let mut copier = Copier { kernel, facts, renaming, done: BTreeMap::new() };
    for expr in postorder(copier.kernel, root) {
        let Expr { kind, ty, span } = copier.kernel.exprs[expr].clone();
        let kind = rebuild_kind(&kind, &mut copier)?;
        let made = copier.kernel.exprs.push(Expr { kind, ty, span });
        copier.done.insert(expr, made);
    }
    Ok(copier.done[&root])
}

/// Whether `a` with other variables is `b`.
pub(crate) fn alike(
    kernel: &mut Kernel,
    facts: &Facts,
    a: Id<Expr>,
    b: Id<Expr>,
    renaming: &Renaming,
) -> bool {
    let (left, right) = (postorder(kernel, a), postorder(kernel, b));
    if left.len() != right.len() {
        return false;
    }
    let mut copier = Copier { kernel, facts, renaming, done: BTreeMap::new() };
    left.into_iter().zip(right).all(|(x, y)| {
        let Expr { kind, ty, .. } = copier.kernel.exprs[x].clone();
        let same = rebuild_kind(&kind, &mut copier).is_ok_and(|kind| {
            kind == copier.kernel.exprs[y].kind && ty == copier.kernel.exprs[y].ty
        });
        copier.done.insert(x, y);
        same
    })
}

struct Copier<'a> {
    kernel: &'a mut Kernel,
    facts: &'a Facts,
    renaming: &'a Renaming,
    done: BTreeMap<Id<Expr>, Id<Expr>>,
}

impl Copier<'_> {
    fn var(&mut self, var: Id<Var>) -> IntId {
        let range = self.kernel.vars[var].range;
        self.kernel.ints.of_atom(Atom::Var(var), Some(range))
    }

    /// The block that `p / d` is, of a variable that is known by blocks.
    fn block(&self, p: IntId, d: IntId) -> Option<(i64, IntId, i64)> {
        let &Atom::Var(var) = self.kernel.ints.as_atom(p)? else { return None };
        let &(length, block) = self.renaming.blocks.get(&var)?;
        Some((length, block, self.kernel.ints.as_constant(d)?))
    }
}

impl Rewrite for Copier<'_> {
    fn int(&mut self, id: IntId) -> Result<IntId, TooComplex> {
        Flat::of(&self.kernel.ints, id).rebuild(self)
    }

    fn operand(&self, expr: Id<Expr>) -> Id<Expr> {
        self.done[&expr]
    }
}

impl Target for Copier<'_> {
    fn ints(&mut self) -> &mut Ints {
        &mut self.kernel.ints
    }

    fn floor(&mut self, p: IntId, d: IntId) -> Result<IntId, TooComplex> {
        match self.block(p, d) {
            None => self.facts.div(&mut self.kernel.ints, p, d),
            Some((length, block, d)) if d == length => Ok(block),
            Some((length, block, d)) if d % length == 0 => {
                let d = self.kernel.ints.constant(d / length);
                self.facts.div(&mut self.kernel.ints, block, d)
            }
            Some(_) => Err(TooComplex),
        }
    }

    fn leaf(&mut self, leaf: Leaf) -> Result<IntId, TooComplex> {
        let (atom, bound) = match leaf {
            Leaf::Size(size) => (Atom::Size(size), None),
            Leaf::Var(var) => match self.renaming.vars.get(&var) {
                Some(&int) => return Ok(int),
                None => return Ok(self.var(var)),
            },
            Leaf::Read(tensor, mut index) => {
                if let Some((_, dim)) = self.renaming.dropped.filter(|(of, _)| *of == tensor) {
                    index.remove(dim);
                }
                let bound = index_bound(self.kernel.tensors[tensor].element);
                (Atom::Read(tensor, index), bound)
            }
            Leaf::Value(value) => {
                let value = self.done.get(&value).copied().unwrap_or(value);
                match self.kernel.exprs[value].kind {
                    ExprKind::Int(id) => return Ok(id),
                    _ => (Atom::Value(value), index_bound(self.kernel.exprs[value].ty)),
                }
            }
        };
        Ok(self.kernel.ints.of_atom(atom, bound))
    }
}
