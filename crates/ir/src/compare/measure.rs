//! The measures: `calc_diff(x, y) = 1 - 2 sum(x y) / sum(x^2 + y^2)` over the
//! whole tensor, the error of every row relative to its norm (a global measure
//! alone passes one zeroed row in a thousand), and the error of every element
//! (a row alone passes one wrong element in many). All in f64.
//!
//! NaN must meet NaN and infinities their like.

use super::{Tolerance, magnitude};
use crate::array::{Array, Element};

/// What was measured between two arrays.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Difference {
    /// How many elements were compared.
    pub elements: usize,
    /// How many elements differ in a way that no rounding explains: another
    /// integer, a NaN or an infinity on one side only, another shape.
    pub mismatches: usize,
    /// Where the first of these stands, in row-major order.
    pub first_mismatch: Option<usize>,
    /// The global measure.
    pub calc_diff: f64,
    /// The largest error of a row relative to its norm.
    pub worst_row_error: f64,
    /// Which row that is.
    pub worst_row: usize,
    /// The largest error of an element, relative to itself or to the root mean
    /// square of its row.
    pub worst_element_error: f64,
    /// Where it stands, in row-major order.
    pub worst_element: usize,
}

/// Rows that nearly cancel are measured against this share of a typical row.
const FAINT: f64 = 1.0 / 1024.0;

/// Compares two arrays of one element type.
#[must_use]
pub fn compare(expected: &Array, actual: &Array, tolerance: &Tolerance) -> Difference {
    compare_scaled(expected, actual, tolerance, None)
}

/// Like [`compare`], but measures errors against the magnitudes where these are
/// larger than the values.
pub(super) fn compare_scaled(
    expected: &Array,
    actual: &Array,
    tolerance: &Tolerance,
    magnitudes: Option<&Array>,
) -> Difference {
    let mut difference = Difference { elements: expected.len(), ..Difference::default() };
    if expected.shape != actual.shape || expected.element != actual.element {
        difference.mismatches = expected.len().max(actual.len()).max(1);
        return difference;
    }
    match expected.element {
        Element::Bool => count(&mut difference, |at| expected.get_bool(at) != actual.get_bool(at)),
        Element::I32 | Element::I8 | Element::U8 => {
            let step = tolerance.step as u32;
            count(&mut difference, |at| expected.get_i32(at).abs_diff(actual.get_i32(at)) > step);
        }
        Element::F32 | Element::Bf16 | Element::F16 | Element::F8E4M3 | Element::F8E5M2 => {
            count(&mut difference, |at| {
                let (x, y) = (expected.get_f32(at), actual.get_f32(at));
                !(x.is_finite() && y.is_finite() || x == y || x.is_nan() && y.is_nan())
            });
            measure(&mut difference, expected, actual, tolerance.step, magnitudes);
        }
    }
    difference
}

impl Difference {
    /// Whether this is allowed.
    #[must_use]
    pub fn within(&self, tolerance: &Tolerance) -> bool {
        self.mismatches == 0
            && self.worst_row_error <= tolerance.row
            && self.worst_element_error <= tolerance.element()
            && self.calc_diff <= tolerance.calc_diff()
    }
}

fn count(difference: &mut Difference, differs: impl Fn(usize) -> bool) {
    let mut found = (0..difference.elements).filter(|&at| differs(at));
    difference.first_mismatch = found.next();
    let first = usize::from(difference.first_mismatch.is_some());
    difference.mismatches += first + found.count();
}

/// Sums of squares over the finite elements.
#[derive(Clone, Copy, Default)]
struct Squares {
    expected: f64,
    actual: f64,
    error: f64,
}

fn measure(
    difference: &mut Difference,
    expected: &Array,
    actual: &Array,
    step: f64,
    magnitudes: Option<&Array>,
) {
    let row = expected.shape.last().copied().unwrap_or(1).max(1);
    let pair = |at| {
        let (x, y) = (f64::from(expected.get_f32(at)), f64::from(actual.get_f32(at)));
        let error = (x - y).abs();
        // Where an operand is not finite, it has been counted or is right.
        // An error below the last subnormal is none.
        if error.is_finite() {
            (x, y, if error <= step { 0.0 } else { error })
        } else {
            (0.0, 0.0, 0.0)
        }
    };
    let squares = |range: std::ops::Range<usize>| {
        range.map(pair).fold(Squares::default(), |sum, (x, y, error)| Squares {
            expected: sum.expected + x * x,
            actual: sum.actual + y * y,
            error: sum.error + error * error,
        })
    };
    let magnitude = |at| magnitude::at(magnitudes, at);
    let larger = |range: std::ops::Range<usize>, squares: f64| {
        squares.max(range.map(|at| magnitude(at) * magnitude(at)).sum())
    };
    let all = squares(0..expected.len());
    let both = larger(0..expected.len(), all.expected) + all.actual;
    // 1 - 2xy / (x^2 + y^2), without the cancellation.
    difference.calc_diff = if both > 0.0 { all.error / both } else { 0.0 };
    let rows = expected.len() / row;
    let faint = FAINT * FAINT * all.expected / rows.max(1) as f64;
    for at in 0..rows {
        let range = at * row..(at + 1) * row;
        let here = squares(range.clone());
        let norm = larger(range.clone(), here.expected.max(faint));
        let error = relative(here.error.sqrt(), norm.sqrt());
        if error > difference.worst_row_error {
            (difference.worst_row_error, difference.worst_row) = (error, at);
        }
        let typical = (norm / row as f64).sqrt();
        for at in range {
            let (x, _, error) = pair(at);
            let error = relative(error, x.abs().max(typical).max(magnitude(at)));
            if error > difference.worst_element_error {
                (difference.worst_element_error, difference.worst_element) = (error, at);
            }
        }
    }
}

fn relative(error: f64, norm: f64) -> f64 {
    if error == 0.0 { 0.0 } else { error / norm }
}
