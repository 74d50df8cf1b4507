//! What recognizers look at: the equations of a kernel with what each states,
//! who reads whom, and what is known of the sizes.

use tilec_ir::plan::EquationAt;
use tilec_ir::tensor::{Expr, ExprKind, Tensor, Var};
use tilec_ir::walk::{ints, reachable, reads};
use tilec_ir::{Atom, Facts, Id, IntId, Kernel, print};

use crate::builder::assume;
use crate::canonical::{Canonical, Stated};

/// A kernel under recognition.
#[derive(Debug)]
pub(crate) struct Scene {
    /// The equations; only its integers grow.
    pub(crate) kernel: Kernel,
    /// What each equation states.
    pub(crate) stated: Vec<Stated>,
    /// What is known of the sizes.
    pub(crate) facts: Facts,
    /// By tensor: the equation that defines it.
    pub(crate) writer: Vec<Option<EquationAt>>,
    /// By tensor: the equations that read it, ascending.
    pub(crate) readers: Vec<Vec<EquationAt>>,
}

impl Scene {
    pub(crate) fn of(canonical: Canonical) -> Self {
        let (mut kernel, stated) = canonical.into_parts();
        let mut facts = Facts::default();
        for fact in &kernel.facts {
            assume(&mut facts, &mut kernel.ints, fact.kind);
        }
        let mut writer = vec![None; kernel.tensors.len()];
        let mut readers = vec![Vec::new(); kernel.tensors.len()];
        for (at, equation) in kernel.equations.iter().enumerate() {
            writer[equation.tensor.index()] = Some(at);
            for tensor in tensors_read(&kernel, equation.value) {
                readers[tensor.index()].push(at);
            }
        }
        Self { kernel, stated, facts, writer, readers }
    }

    /// The text of an expression, between backquotes.
    pub(crate) fn quote(&self, expr: Id<Expr>) -> String {
        format!("`{}`", print::print_expr(&self.kernel, expr))
    }

    /// The name of a variable, between backquotes.
    pub(crate) fn name(&self, var: Id<Var>) -> String {
        format!("`{}`", self.kernel.vars[var].name)
    }

    /// The range of a variable where it is a constant.
    pub(crate) fn constant_range(&self, var: Id<Var>) -> Option<i64> {
        self.kernel.ints.as_constant(self.kernel.vars[var].range)
    }

    /// Whether two sizes are known to be equal.
    pub(crate) fn equal(&mut self, a: IntId, b: IntId) -> bool {
        a == b || self.facts.equal(&mut self.kernel.ints, a, b)
    }
}

/// The tensors that a value reads, each once, in ascending order.
pub(crate) fn tensors_read(kernel: &Kernel, value: Id<Expr>) -> Vec<Id<Tensor>> {
    let mut found: Vec<_> =
        reachable(kernel, value).into_iter().flat_map(|expr| reads(kernel, expr)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// One access to a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) tensor: Id<Tensor>,
    pub(crate) index: Vec<IntId>,
    /// The expression that it stands in.
    pub(crate) expr: Id<Expr>,
    /// Whether it is a value of its own, and not part of an index.
    pub(crate) value: bool,
}

/// All accesses of a value.
pub(crate) fn accesses(kernel: &Kernel, value: Id<Expr>) -> Vec<Access> {
    let mut found = Vec::new();
    for expr in reachable(kernel, value) {
        if let ExprKind::Read(tensor, index) = &kernel.exprs[expr].kind {
            found.push(Access { tensor: *tensor, index: index.clone(), expr, value: true });
        }
        let whole = match kernel.exprs[expr].kind {
            ExprKind::Int(id) => Some(id),
            _ => None,
        };
        for int in ints(&kernel.exprs[expr]) {
            let alone = whole.and_then(|id| kernel.ints.get(id).as_atom());
            kernel.ints.visit_atoms(int, &mut |atom, read| {
                if let Atom::Read(tensor, index) = read {
                    let value = alone == Some(atom);
                    found.push(Access { tensor: *tensor, index: index.clone(), expr, value });
                }
            });
        }
    }
    found
}

/// The variable that an index is, if it is nothing else.
pub(crate) fn bare(kernel: &Kernel, index: IntId) -> Option<Id<Var>> {
    match kernel.ints.as_atom(index)? {
        Atom::Var(var) => Some(*var),
        Atom::Size(_) | Atom::Div(..) | Atom::Read(..) | Atom::Value(_) => None,
    }
}
