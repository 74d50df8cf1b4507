//! Sizes of the plan as formulas of the manifest.

use tilec_ir::{Atom, IntId, Kernel};
use tilec_manifest::{Formula, Operator};

/// The formula of an integer over sizes.
pub(crate) fn formula(kernel: &Kernel, int: IntId) -> Formula {
    let mut sum = Formula::Constant(0);
    // The constant term comes first in a polynomial and last in print.
    let terms = kernel.ints.get(int).terms();
    for term in terms.iter().rev() {
        let mut product: Option<Formula> = None;
        for &factor in &term.factors {
            let factor = match kernel.ints.atom(factor) {
                Atom::Size(size) => Formula::Size(kernel.sizes[*size].name.clone()),
                // Divisions nest no deeper than the source does.
                &Atom::Div(p, d) => {
                    Formula::apply(Operator::Div, formula(kernel, p), formula(kernel, d))
                }
                other @ (Atom::Var(_) | Atom::Read(..) | Atom::Value(_)) => {
                    panic!("{other:?} is no size, in {}", tilec_ir::show(kernel, int))
                }
            };
            product = Some(match product {
                Some(before) => Formula::apply(Operator::Mul, before, factor),
                None => factor,
            });
        }
        sum = added(sum, product, term.coefficient);
    }
    sum
}

/// `sum + product * coefficient`
fn added(sum: Formula, product: Option<Formula>, coefficient: i64) -> Formula {
    let Some(product) = product else {
        return Formula::apply(Operator::Add, sum, coefficient.into());
    };
    if coefficient < 0
        && let Some(size) = coefficient.checked_neg()
        && sum != Formula::Constant(0)
    {
        let scaled = Formula::apply(Operator::Mul, product, size.into());
        return Formula::apply(Operator::Sub, sum, scaled);
    }
    let scaled = Formula::apply(Operator::Mul, product, coefficient.into());
    Formula::apply(Operator::Add, sum, scaled)
}

/// The product of some sizes.
pub(crate) fn product(kernel: &Kernel, sizes: impl IntoIterator<Item = IntId>) -> Formula {
    sizes.into_iter().fold(Formula::Constant(1), |product, size| {
        Formula::apply(Operator::Mul, product, formula(kernel, size))
    })
}
