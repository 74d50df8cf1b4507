//! What a test establishes, and the ranges of choices.
//!
//! In the branch of an `if` its test is a fact: comparisons of integers go to
//! the prover, `and`, `or` and `not` are taken apart.

use super::kernel::Checker;
use super::types::{Class, Value};
use tilec_ir::tensor::{Binary, Expr, ExprKind, Unary};
use tilec_ir::{Id, IntId, Scalar};

/// How many atoms of a branch are asked for a range.
const MOST_ATOMS: usize = 4;

impl Checker<'_> {
    /// Assumes that an operand holds, or doesn't, up to the next `Forget`.
    pub(super) fn assume_operand(&mut self, below: usize, holds: bool) {
        self.marks.push(self.facts.mark());
        let at =
            self.operands.len().checked_sub(below + 1).expect("a test comes before its branches");
        if let Value::Typed(test) = self.operands[at].value {
            self.assume(test, holds);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "any other test tells nothing")]
    fn assume(&mut self, test: Id<Expr>, holds: bool) {
        let mut open = vec![(test, holds)];
        while let Some((test, holds)) = open.pop() {
            match self.kernel.exprs[test].kind {
                ExprKind::Unary(Unary::Not, inner) => open.push((inner, !holds)),
                ExprKind::Binary(Binary::And, a, b) if holds => open.extend([(a, true), (b, true)]),
                ExprKind::Binary(Binary::Or, a, b) if !holds => {
                    open.extend([(a, false), (b, false)])
                }
                ExprKind::Binary(relation, a, b)
                    if Class::of(self.kernel.exprs[a].ty) == Class::Integer =>
                {
                    self.assume_comparison(relation, a, b, holds);
                }
                _ => {}
            }
        }
    }

    fn assume_comparison(&mut self, relation: Binary, a: Id<Expr>, b: Id<Expr>, holds: bool) {
        let (a, b) = (self.as_index(a), self.as_index(b));
        let ints = &mut self.kernel.ints;
        let facts = &mut self.facts;
        match (relation, holds) {
            (Binary::Equal, true) | (Binary::NotEqual, false) => facts.assume_equal(ints, a, b),
            (Binary::Less, true) | (Binary::AtLeast, false) => facts.assume_less(ints, a, b),
            (Binary::AtMost, true) | (Binary::Greater, false) => facts.assume_at_most(ints, a, b),
            (Binary::Greater, true) | (Binary::AtMost, false) => facts.assume_less(ints, b, a),
            (Binary::AtLeast, true) | (Binary::Less, false) => facts.assume_at_most(ints, b, a),
            (Binary::NotEqual, true) | (Binary::Equal, false) => self.assume_different(a, b),
            _ => {}
        }
    }

    /// `a != b` says more where one of them is known to be at most the other.
    fn assume_different(&mut self, a: IntId, b: IntId) {
        let ints = &mut self.kernel.ints;
        if self.facts.at_most(ints, a, b) {
            self.facts.assume_less(ints, a, b);
        } else if self.facts.at_most(ints, b, a) {
            self.facts.assume_less(ints, b, a);
        } else {
            self.facts.assume_different(ints, a, b);
        }
    }

    /// The smallest known `n` with `0 <= int < n`.
    pub(super) fn range_of(&mut self, int: IntId) -> Option<IntId> {
        let ints = &mut self.kernel.ints;
        if let Some(value) = ints.as_constant(int) {
            return (0..i64::from(i32::MAX)).contains(&value).then(|| ints.constant(value + 1));
        }
        if let Some(bound) = ints.get(int).as_atom().and_then(|atom| ints.bound(atom)) {
            return Some(bound);
        }
        self.facts.range(ints, int)
    }

    /// Whether `0 <= int < n` is proved.
    pub(super) fn is_within(&mut self, int: IntId, n: IntId) -> bool {
        let ints = &mut self.kernel.ints;
        let zero = ints.constant(0);
        self.facts.at_most(ints, zero, int) && self.facts.less(ints, int, n)
    }

    /// The type of an integer choice: an idx where each branch, with its test,
    /// is in one range.
    pub(super) fn select_range(&mut self, test: Id<Expr>, x: Id<Expr>, y: Id<Expr>) -> Scalar {
        let (Some(p), Some(q)) = (self.as_exact(x), self.as_exact(y)) else { return Scalar::I32 };
        let branches = [(p, true), (q, false)];
        let mut best = None;
        for n in self.candidate_ranges(test, branches) {
            let is_better = best.is_none_or(|best| self.facts.less(&mut self.kernel.ints, n, best));
            let fits = |checker: &mut Self, (branch, holds)| {
                checker
                    .within_branch(test, holds, |checker| {
                        checker.is_within(branch, n).then_some(())
                    })
                    .is_some()
            };
            if is_better && branches.into_iter().all(|branch| fits(self, branch)) {
                best = Some(n);
            }
        }
        best.map_or(Scalar::I32, Scalar::Idx)
    }

    /// Ranges that both branches may be in: that of each, and those of the
    /// atoms that each is made of.
    fn candidate_ranges(&mut self, test: Id<Expr>, branches: [(IntId, bool); 2]) -> Vec<IntId> {
        let mut candidates = Vec::new();
        for (branch, holds) in branches {
            candidates.extend(self.within_branch(test, holds, |checker| checker.range_of(branch)));
            let ints = &self.kernel.ints;
            let atoms =
                ints.get(branch).terms().iter().flat_map(|term| term.factors.iter().copied());
            candidates.extend(atoms.take(MOST_ATOMS).filter_map(|atom| ints.bound(atom)));
        }
        let mut distinct = Vec::new();
        for candidate in candidates {
            if !distinct.contains(&candidate) {
                distinct.push(candidate);
            }
        }
        distinct
    }

    fn within_branch<T>(
        &mut self,
        test: Id<Expr>,
        holds: bool,
        ask: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let mark = self.facts.mark();
        self.assume(test, holds);
        let answer = ask(self);
        self.facts.reset(mark);
        answer
    }

    /// The type of `min` or `max` of integers.
    pub(super) fn extreme_range(&mut self, operation: Binary, x: Id<Expr>, y: Id<Expr>) -> Scalar {
        let (Some(p), Some(q)) = (self.as_exact(x), self.as_exact(y)) else { return Scalar::I32 };
        for candidate in [p, q] {
            let Some(n) = self.range_of(candidate) else { continue };
            let other = if candidate == p { q } else { p };
            let zero = self.kernel.ints.constant(0);
            let fits = if operation == Binary::Min {
                self.facts.at_most(&mut self.kernel.ints, zero, other)
            } else {
                self.facts.less(&mut self.kernel.ints, other, n)
            };
            if fits {
                return Scalar::Idx(n);
            }
        }
        Scalar::I32
    }
}
