//! That no exact integer leaves i32 at the sizes of a launch, as formulas.
//!
//! An integer lies between two formulas that follow from those of its atoms: a
//! variable is below its range, a product of natural numbers grows with each. Tests
//! around an integer are not looked at, so a launch may be refused that would have
//! been fine, never the other way around.

use std::collections::BTreeSet;

use tilec_ir::int::Term;
use tilec_ir::tensor::{ExprKind, Var};
use tilec_ir::{Atom, AtomId, Id, IntId, Kernel, show, walk};
use tilec_manifest::{Check, Condition, Formula, Operator, Relation};

use crate::formula::formula;

const LEAST: i64 = i32::MIN as i64;
const LARGEST: i64 = i32::MAX as i64;

/// The checks of all integers that equations evaluate.
pub(super) fn checks(kernel: &Kernel) -> Vec<Check> {
    let (mut ints, mut vars) = (BTreeSet::new(), BTreeSet::new());
    for equation in &kernel.equations {
        vars.extend(equation.vars.iter().copied());
        for expr in walk::reachable(kernel, equation.value) {
            let kind = &kernel.exprs[expr].kind;
            vars.extend(walk::bound(kind).iter().copied());
            if let ExprKind::Int(int) = kind {
                ints.insert(*int);
            }
        }
    }
    let mut checks = Vec::new();
    for var in vars {
        range(kernel, var, &mut checks);
    }
    for int in ints.into_iter().filter(|&int| kernel.ints.get(int).as_atom().is_none()) {
        let bounds = Bounds::of(kernel, int);
        let text = show(kernel, int);
        let message = format!("`{text}` can leave the range of i32 at these sizes");
        let mut push = |left, right| {
            let condition = Condition { left, relation: Relation::AtMost, right };
            checks.push(Check { condition, message: message.clone() });
        };
        if !bounds.natural {
            push(LEAST.into(), bounds.low);
        }
        push(bounds.high, LARGEST.into());
    }
    checks
}

/// The range of a variable that is not just a size.
fn range(kernel: &Kernel, var: Id<Var>, checks: &mut Vec<Check>) {
    let var = &kernel.vars[var];
    if kernel.ints.get(var.range).as_atom().is_some() {
        return;
    }
    let left = formula(kernel, var.range);
    let condition = Condition { left, relation: Relation::AtMost, right: LARGEST.into() };
    let message =
        format!("`{}`, the range of `{}`, is over {LARGEST}", show(kernel, var.range), var.name);
    checks.push(Check { condition, message });
}

/// Between what an integer lies.
#[derive(Clone, Debug)]
struct Bounds {
    low: Formula,
    high: Formula,
    /// Whether it is known to be at least 0.
    natural: bool,
}

impl Bounds {
    fn natural(low: Formula, high: Formula) -> Self {
        Self { low, high, natural: true }
    }

    fn of(kernel: &Kernel, int: IntId) -> Self {
        let zero = Self::natural(0.into(), 0.into());
        let terms = kernel.ints.get(int).terms().iter();
        terms.map(|term| Self::term(kernel, term)).fold(zero, |a, b| Self {
            low: Formula::apply(Operator::Add, a.low, b.low),
            high: Formula::apply(Operator::Add, a.high, b.high),
            natural: a.natural && b.natural,
        })
    }

    fn term(kernel: &Kernel, term: &Term) -> Self {
        let one = Self::natural(1.into(), 1.into());
        let atoms = term.factors.iter().map(|&factor| Self::atom(kernel, factor));
        let product = atoms.fold(one, |a, b| a.times(&b));
        let scaled = |bound| Formula::apply(Operator::Mul, bound, term.coefficient.into());
        let (low, high) = (scaled(product.low), scaled(product.high));
        if term.coefficient < 0 {
            return Self { low: high, high: low, natural: false };
        }
        Self { low, high, natural: product.natural }
    }

    fn times(&self, other: &Self) -> Self {
        let product =
            |a: &Formula, b: &Formula| Formula::apply(Operator::Mul, a.clone(), b.clone());
        if self.natural && other.natural {
            let (low, high) = (product(&self.low, &other.low), product(&self.high, &other.high));
            return Self::natural(low, high);
        }
        let mut corners = Vec::new();
        for a in [&self.low, &self.high] {
            corners.extend([&other.low, &other.high].map(|b| product(a, b)));
        }
        let extreme = |op| {
            let corners = corners.iter().cloned();
            corners.reduce(|a, b| Formula::apply(op, a, b)).expect("there are four corners")
        };
        Self { low: extreme(Operator::Min), high: extreme(Operator::Max), natural: false }
    }

    fn atom(kernel: &Kernel, id: AtomId) -> Self {
        if let Atom::Size(size) = kernel.ints.atom(id) {
            let size = Formula::Size(kernel.sizes[*size].name.clone());
            return Self::natural(size.clone(), size);
        }
        if let Some(bound) = kernel.ints.bound(id) {
            // The bound of an atom is made of what came before it.
            let high = Self::of(kernel, bound).high;
            return Self::natural(0.into(), Formula::apply(Operator::Sub, high, 1.into()));
        }
        match kernel.ints.atom(id) {
            &Atom::Div(p, d) => Self::of(kernel, p).over(&Self::of(kernel, d)),
            Atom::Var(var) => {
                let high = Self::of(kernel, kernel.vars[*var].range).high;
                Self::natural(0.into(), Formula::apply(Operator::Sub, high, 1.into()))
            }
            Atom::Size(_) | Atom::Read(..) | Atom::Value(_) => {
                Self { low: LEAST.into(), high: LARGEST.into(), natural: false }
            }
        }
    }

    /// The floor of a quotient by what is at least 1.
    fn over(&self, divisor: &Self) -> Self {
        let positive = |d: &Formula| Formula::apply(Operator::Max, d.clone(), 1.into());
        let (least, most) = (positive(&divisor.low), positive(&divisor.high));
        let quotient =
            |p: &Formula, d: &Formula| Formula::apply(Operator::Div, p.clone(), d.clone());
        if self.natural {
            return Self::natural(quotient(&self.low, &most), quotient(&self.high, &least));
        }
        let extreme = |op, p: &Formula| Formula::apply(op, quotient(p, &least), quotient(p, &most));
        let (low, high) = (extreme(Operator::Min, &self.low), extreme(Operator::Max, &self.high));
        Self { low, high, natural: false }
    }
}
