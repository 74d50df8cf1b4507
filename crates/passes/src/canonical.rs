//! The canonical form: what recognizers read.
//!
//! * Every reduction and every order is the whole value of an equation, which
//!   may be behind a guard (`if needed then sum[k](..) else 0`, where nothing
//!   reads it unless it is needed). Equal ones are one equation.
//! * All other equations are outputs, or pointwise ones too large to inline.
//! * The body of a sum is a list of products; a sum of i32 is one product. What
//!   does not vary stands outside of it, and an inner sum that nothing else
//!   reads is part of it.
//! * Equations come in the order in which the outputs need them; tensors and
//!   factors stand in an order that does not depend on the spelling.
//!
//! Only [`crate::normalize`] makes a [`Canonical`].

use std::fmt;

use tilec_ir::print::print;
use tilec_ir::tensor::{ExprKind, Order, Reduction, Role, Var};
use tilec_ir::walk::{bound, postorder};
use tilec_ir::{Id, IntId, Kernel, tensor::Expr};

use crate::products::{Product, products};

/// A kernel in canonical form.
#[derive(Clone, Debug)]
pub struct Canonical {
    kernel: Kernel,
    equations: Vec<Stated>,
}

/// What an equation states.
#[derive(Clone, Debug)]
pub struct Stated {
    /// Where its value is needed; `None` is everywhere.
    pub guard: Option<Id<Expr>>,
    /// Its value there.
    pub body: Body,
}

/// The value of an equation.
#[derive(Clone, Debug)]
pub enum Body {
    /// A sum of products.
    Sum {
        /// The reduced variables.
        vars: Vec<Id<Var>>,
        /// What is added up.
        terms: Vec<Product>,
    },
    /// Any other reduction.
    Reduce {
        /// Which.
        op: Reduction,
        /// The reduced variables.
        vars: Vec<Id<Var>>,
        /// What is reduced; holds no reduction.
        body: Id<Expr>,
    },
    /// An index by its place in an order.
    Rank {
        /// The variable whose values are ordered.
        var: Id<Var>,
        /// Which end comes first.
        order: Order,
        /// What they are ordered by; holds no reduction.
        key: Id<Expr>,
        /// Which one is meant.
        place: IntId,
    },
    /// A pointwise expression.
    Map(Id<Expr>),
}

impl Canonical {
    /// Of a kernel that is canonical.
    pub(crate) fn of(kernel: Kernel) -> Self {
        let equations =
            kernel.equations.iter().map(|equation| stated(&kernel, equation.value)).collect();
        Self { kernel, equations }
    }

    /// The kernel and what its equations state.
    pub(crate) fn into_parts(self) -> (Kernel, Vec<Stated>) {
        (self.kernel, self.equations)
    }

    /// The kernel, to be run or printed like any other.
    #[must_use]
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// What each equation of the kernel states, in the same order.
    #[must_use]
    pub fn equations(&self) -> &[Stated] {
        &self.equations
    }

    /// The text with names that don't depend on those of the source, but for
    /// inputs and outputs: equal for two spellings of one program.
    #[must_use]
    pub fn without_names(&self) -> String {
        let mut kernel = self.kernel.clone();
        let locals: Vec<_> = kernel.tensors_of(Role::Local).collect();
        for (at, &tensor) in locals.iter().enumerate() {
            kernel.tensors[tensor].name = format!("t{at}");
        }
        for equation in &self.kernel.equations {
            let mut vars = equation.vars.clone();
            for expr in postorder(&self.kernel, equation.value) {
                vars.extend(bound(&self.kernel.exprs[expr].kind));
            }
            for (at, &var) in vars.iter().enumerate() {
                kernel.vars[var].name = format!("i{at}");
            }
        }
        print(&kernel)
    }
}

impl fmt::Display for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print(&self.kernel))
    }
}

fn stated(kernel: &Kernel, value: Id<Expr>) -> Stated {
    let (guard, root) = guarded(kernel, value);
    let body = match &kernel.exprs[root].kind {
        ExprKind::Reduce(Reduction::Sum, vars, body) => {
            Body::Sum { vars: vars.clone(), terms: products(kernel, *body) }
        }
        ExprKind::Reduce(op, vars, body) => {
            Body::Reduce { op: *op, vars: vars.clone(), body: *body }
        }
        ExprKind::Rank { var, order, key, place } => {
            Body::Rank { var: *var, order: *order, key: *key, place: *place }
        }
        _ => Body::Map(root),
    };
    Stated { guard, body }
}

/// The guard of a reduction or an order, and what it guards.
pub(crate) fn guarded(kernel: &Kernel, value: Id<Expr>) -> (Option<Id<Expr>>, Id<Expr>) {
    if let ExprKind::Select(test, then, _) = kernel.exprs[value].kind
        && !bound(&kernel.exprs[then].kind).is_empty()
    {
        return (Some(test), then);
    }
    (None, value)
}
