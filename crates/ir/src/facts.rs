//! What is known of integers, and what follows from it.

use crate::int::{IntId, Ints, TooComplex};

/// Facts in scope.
#[derive(Clone, Debug, Default)]
pub struct Facts {}

/// A place to return to; see [`Facts::reset`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(usize);

impl Facts {
    /// How many facts there are, to return to later.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(0)
    }

    /// Forgets what was assumed since the mark.
    pub fn reset(&mut self, mark: Mark) {
        let _ = mark;
    }

    /// From here on `a <= b`.
    pub fn assume_at_most(&mut self, ints: &mut Ints, a: IntId, b: IntId) {
        let _ = (ints, a, b);
    }

    /// From here on `a == b`.
    pub fn assume_equal(&mut self, ints: &mut Ints, a: IntId, b: IntId) {
        let _ = (ints, a, b);
    }

    /// From here on some `v` with `0 <= v < range` exists (an index variable in
    /// scope), so that `1 <= range`.
    pub fn assume_not_empty(&mut self, ints: &mut Ints, range: IntId) {
        let _ = (ints, range);
    }

    /// Whether `a <= b` follows.
    pub fn at_most(&self, ints: &mut Ints, a: IntId, b: IntId) -> bool {
        let _ = (ints, a, b);
        false
    }

    /// Whether `a < b` follows.
    pub fn less(&self, ints: &mut Ints, a: IntId, b: IntId) -> bool {
        let _ = (ints, a, b);
        false
    }

    /// Whether `a == b` follows.
    pub fn equal(&self, ints: &mut Ints, a: IntId, b: IntId) -> bool {
        let _ = ints;
        a == b
    }

    /// Whether `d` is known to divide `a` without remainder (`d >= 1` known).
    pub fn divides(&self, ints: &mut Ints, d: IntId, a: IntId) -> bool {
        let _ = (ints, d, a);
        false
    }

    /// Whether the facts contradict each other.
    pub fn contradictory(&self, ints: &mut Ints) -> bool {
        let _ = ints;
        false
    }

    /// `floor(a / d)` simplified with the facts; `d >= 1` must be known.
    pub fn div(&self, ints: &mut Ints, a: IntId, d: IntId) -> Result<IntId, TooComplex> {
        ints.div(a, d)
    }

    /// `a % d` simplified with the facts; `d >= 1` must be known.
    pub fn rem(&self, ints: &mut Ints, a: IntId, d: IntId) -> Result<IntId, TooComplex> {
        ints.rem(a, d)
    }

    /// The smallest known `n` with `0 <= a < n`, as a polynomial over sizes
    /// alone, if `a` has such bounds: the type `idx<n>` of an integer.
    pub fn range(&self, ints: &mut Ints, a: IntId) -> Option<IntId> {
        let _ = (ints, a);
        None
    }

    /// A fact `x <= y` about sizes alone which, if it were stated, would prove
    /// `a <= b`: the missing `where` clause.
    pub fn missing(&self, ints: &mut Ints, a: IntId, b: IntId) -> Option<(IntId, IntId)> {
        let _ = (ints, a, b);
        None
    }
}
