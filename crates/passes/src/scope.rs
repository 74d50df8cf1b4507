//! Where in an equation each expression stands: under which variables, and
//! behind which tests.
//!
//! ```text
//! if i < n then sum[k](x[i, k]) else 0      x[i, k]:  when i < n,  bind k
//! ```
//!
//! An expression that several others use stands where all of them do. The result
//! is a tree of steps, each leading to the one around it.

use std::collections::BTreeMap;

use tilec_ir::tensor::{Binary, Expr, ExprKind, Var};
use tilec_ir::walk::operands;
use tilec_ir::{Id, Kernel};

/// A place in an equation; `None` is the equation itself.
pub(crate) type Place = Option<usize>;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// Only where the test comes out like this.
    When(Id<Expr>, bool),
    /// Once for each value of the variables.
    Bind(Vec<Id<Var>>),
}

/// The places of all expressions of an equation.
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    /// What surrounds, how many surround, and the step.
    steps: Vec<(Place, usize, Step)>,
    places: BTreeMap<Id<Expr>, Place>,
}

impl Scopes {
    /// `order` holds every expression after its operands, the whole value last.
    pub(crate) fn of(kernel: &Kernel, order: &[Id<Expr>]) -> Self {
        let mut scopes = Self::default();
        if let Some(&root) = order.last() {
            scopes.places.insert(root, None);
        }
        for &expr in order.iter().rev() {
            let around = scopes.places[&expr];
            let inside = scopes.branches(&kernel.exprs[expr].kind, around);
            for operand in operands(kernel, expr) {
                let place = inside.iter().find(|(x, _)| *x == operand).map_or(around, |(_, p)| *p);
                // An operand that stands in two branches stands around both.
                let twice = inside.iter().filter(|(x, _)| *x == operand).count() > 1;
                let place = if twice { around } else { place };
                let place = match scopes.places.get(&operand) {
                    Some(&other) => scopes.common(place, other),
                    None => place,
                };
                scopes.places.insert(operand, place);
            }
        }
        scopes
    }

    /// The steps around an expression, outermost first.
    pub(crate) fn around(&self, expr: Id<Expr>) -> Vec<&Step> {
        let mut steps = Vec::new();
        let mut place = self.places.get(&expr).copied().flatten();
        while let Some(at) = place {
            steps.push(&self.steps[at].2);
            place = self.steps[at].0;
        }
        steps.reverse();
        steps
    }

    /// The places of the operands that do not stand where the expression does.
    fn branches(&mut self, kind: &ExprKind, around: Place) -> Vec<(Id<Expr>, Place)> {
        match kind {
            ExprKind::Select(test, a, b) => {
                let then = self.step(around, Step::When(*test, true));
                let or_else = self.step(around, Step::When(*test, false));
                vec![(*test, around), (*a, then), (*b, or_else)]
            }
            ExprKind::Binary(op @ (Binary::And | Binary::Or), a, b) => {
                let right = self.step(around, Step::When(*a, *op == Binary::And));
                vec![(*a, around), (*b, right)]
            }
            ExprKind::Reduce(_, vars, x) => vec![(*x, self.step(around, Step::Bind(vars.clone())))],
            ExprKind::Rank { var, key, .. } => {
                vec![(*key, self.step(around, Step::Bind(vec![*var])))]
            }
            _ => Vec::new(),
        }
    }

    fn step(&mut self, around: Place, step: Step) -> Place {
        let depth = around.map_or(0, |at| self.steps[at].1) + 1;
        self.steps.push((around, depth, step));
        Some(self.steps.len() - 1)
    }

    fn common(&self, mut a: Place, mut b: Place) -> Place {
        let depth = |place: Place| place.map_or(0, |at| self.steps[at].1);
        while a != b {
            let (x, y) = (depth(a), depth(b));
            if x >= y {
                a = a.and_then(|at| self.steps[at].0);
            }
            if y >= x {
                b = b.and_then(|at| self.steps[at].0);
            }
        }
        a
    }
}
