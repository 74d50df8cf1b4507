//! Whether exact integers fit 32 bits, in all that is computed on the way.

use tilec_ir::int::Term;
use tilec_ir::tensor::{Kernel, Scalar};
use tilec_ir::{Atom, AtomId, IntId};

/// The least and the largest value.
type Interval = [i128; 2];

/// Whether an integer, its terms and what they are made of fit.
pub(super) fn fits_32_bits(kernel: &Kernel, int: IntId) -> bool {
    interval(kernel, int).is_some()
}

/// Whether an integer is one of `0 .. length`.
pub(in crate::dataflow) fn is_within(kernel: &Kernel, int: IntId, length: i64) -> bool {
    interval(kernel, int).is_some_and(|[low, high]| 0 <= low && high < length.into())
}

/// The interval of an integer whose sums in any order fit 32 bits. Integers hold others no
/// deeper than a source nests.
fn interval(kernel: &Kernel, int: IntId) -> Option<Interval> {
    let mut sum = [0, 0];
    let mut magnitude = 0;
    for term in kernel.ints.get(int).terms() {
        let [low, high] = of_term(kernel, term)?;
        sum = [sum[0] + low, sum[1] + high];
        magnitude += low.abs().max(high.abs());
    }
    let alone = kernel.ints.get(int).terms().len() == 1;
    (alone && is_small(sum) || magnitude <= i128::from(i32::MAX)).then_some(sum)
}

fn is_small([low, high]: Interval) -> bool {
    i128::from(i32::MIN) <= low && high <= i128::from(i32::MAX)
}

fn of_term(kernel: &Kernel, term: &Term) -> Option<Interval> {
    let coefficient = i128::from(term.coefficient);
    let mut product = [coefficient; 2];
    for &factor in &term.factors {
        let [low, high] = of_atom(kernel, factor)?;
        let all = product.map(|x| [x * low, x * high]);
        let all = [all[0][0], all[0][1], all[1][0], all[1][1]];
        product = [*all.iter().min()?, *all.iter().max()?];
        if !is_small(product) {
            return None;
        }
    }
    is_small(product).then_some(product)
}

fn of_atom(kernel: &Kernel, id: AtomId) -> Option<Interval> {
    let bound = |bound: IntId| -> Option<Interval> {
        let bound = i128::from(kernel.ints.as_constant(bound)?);
        Some([0, (bound - 1).max(0)])
    };
    match kernel.ints.atom(id) {
        Atom::Size(_) => None,
        Atom::Var(var) => bound(kernel.vars[*var].range),
        &Atom::Div(p, d) => {
            let ([low, high], d) = (interval(kernel, p)?, kernel.ints.as_constant(d)?);
            let floor = |x: i128| x.div_euclid(i128::from(d));
            (d > 0).then(|| [floor(low), floor(high)])
        }
        Atom::Read(tensor, index) => {
            index.iter().try_for_each(|&int| interval(kernel, int).map(|_| ()))?;
            of_type(kernel, kernel.tensors[*tensor].element)
        }
        Atom::Value(expr) => match kernel.ints.bound(id) {
            Some(range) => bound(range),
            None => of_type(kernel, kernel.exprs[*expr].ty),
        },
    }
}

fn of_type(kernel: &Kernel, element: Scalar) -> Option<Interval> {
    match element {
        Scalar::Idx(bound) => {
            let bound = i128::from(kernel.ints.as_constant(bound)?);
            Some([0, (bound - 1).max(0)])
        }
        Scalar::I8 => Some([-128, 127]),
        Scalar::U8 => Some([0, 255]),
        Scalar::Bool => Some([0, 1]),
        Scalar::I32 => Some([i32::MIN, i32::MAX].map(i128::from)),
        _ => None,
    }
}
