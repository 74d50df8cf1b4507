//! Arithmetic on sizes for tilings, and what is known of it.
//!
//! [`Symbols`] wraps a kernel's integers with its facts. What is too complex to
//! state is `None`: a tiling that needs it is not offered, and where there is no
//! other the caller says so to the user.
//!
//! A proof is only looked for where no example speaks against it: most conditions depend
//! on the launch, and that no proof exists is what takes longest to find out.

use tilec_ir::tensor::{FactKind, Kernel, Var};
use tilec_ir::tile::Condition;
use tilec_ir::{Atom, Facts, Id, IntId, Ints};

/// The sizes of a kernel and its facts.
#[derive(Debug)]
pub(crate) struct Symbols<'a> {
    pub(crate) kernel: &'a mut Kernel,
    facts: Facts,
    /// Values of all sizes for which the facts hold.
    examples: Vec<Vec<i64>>,
}

/// What is known of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It holds.
    Always,
    /// It does not.
    Never,
    /// That depends on the launch.
    AtLaunch,
}

impl<'a> Symbols<'a> {
    pub(crate) fn new(kernel: &'a mut Kernel) -> Self {
        let examples = (0..EXAMPLES).map(|at| example(kernel, at));
        let examples = examples.filter(|sizes| is_possible(kernel, sizes)).collect();
        let mut facts = Facts::default();
        for fact in kernel.facts.clone() {
            let ints = &mut kernel.ints;
            match fact.kind {
                FactKind::Equal(a, b) => facts.assume_equal(ints, a, b),
                FactKind::AtMost(a, b) => facts.assume_at_most(ints, a, b),
                FactKind::Less(a, b) => facts.assume_less(ints, a, b),
                FactKind::Sorted(_) | FactKind::Finite(_) => {}
            }
        }
        Self { kernel, facts, examples }
    }

    pub(crate) fn constant(&mut self, value: impl Into<i64>) -> IntId {
        self.kernel.ints.constant(value.into())
    }

    pub(crate) fn value(&self, id: IntId) -> Option<i64> {
        self.kernel.ints.as_constant(id)
    }

    /// Whether it is one size parameter.
    pub(crate) fn is_size(&self, id: IntId) -> bool {
        matches!(self.kernel.ints.as_atom(id), Some(Atom::Size(_)))
    }

    pub(crate) fn range(&self, var: Id<Var>) -> IntId {
        self.kernel.vars[var].range
    }

    pub(crate) fn product(&mut self, of: impl IntoIterator<Item = IntId>) -> Option<IntId> {
        let one = self.constant(1);
        of.into_iter().try_fold(one, |product, id| self.kernel.ints.mul(product, id).ok())
    }

    pub(crate) fn ranges(&mut self, vars: &[Id<Var>]) -> Option<IntId> {
        let ranges: Vec<_> = vars.iter().map(|&var| self.range(var)).collect();
        self.product(ranges)
    }

    pub(crate) fn times(&mut self, id: IntId, by: u32) -> Option<IntId> {
        let by = self.constant(by);
        self.kernel.ints.mul(id, by).ok()
    }

    pub(crate) fn add(&mut self, a: IntId, b: IntId) -> Option<IntId> {
        self.kernel.ints.add(a, b).ok()
    }

    /// `ceil(id / by)` for a `by` of at least 1.
    pub(crate) fn ceil(&mut self, id: IntId, by: u32) -> Option<IntId> {
        let by = self.constant(by);
        self.kernel.ints.ceil_div(id, by).ok()
    }

    /// The smallest multiple of `of` that is at least `id`.
    pub(crate) fn round_up(&mut self, id: IntId, of: u32) -> Option<IntId> {
        let tiles = self.ceil(id, of)?;
        self.times(tiles, of)
    }

    /// `id % of == 0`
    pub(crate) fn divides(&mut self, of: u32, id: IntId) -> Option<Condition> {
        let of = self.constant(of);
        let rest = self.kernel.ints.rem(id, of).ok()?;
        let zero = self.constant(0);
        Some(Condition::Equal(rest, zero))
    }

    pub(crate) fn at_most(&mut self, a: IntId, b: impl Into<i64>) -> Condition {
        Condition::AtMost(a, self.constant(b))
    }

    pub(crate) fn at_least(&mut self, a: IntId, b: impl Into<i64>) -> Condition {
        Condition::AtMost(self.constant(b), a)
    }

    /// Whether `a <= b` follows from the facts.
    pub(crate) fn surely_at_most(&mut self, a: IntId, b: IntId) -> bool {
        self.in_examples(a, b, i64::le) && self.facts.at_most(&mut self.kernel.ints, a, b)
    }

    /// What the facts say of a condition.
    pub(crate) fn known(&mut self, condition: Condition) -> Known {
        let (Condition::Equal(a, b) | Condition::AtMost(a, b)) = condition;
        if let (Some(x), Some(y)) = (self.value(a), self.value(b)) {
            let holds = match condition {
                Condition::Equal(..) => x == y,
                Condition::AtMost(..) => x <= y,
            };
            return if holds { Known::Always } else { Known::Never };
        }
        match condition {
            Condition::Equal(..) if self.surely_equal(a, b) => Known::Always,
            Condition::AtMost(..) if self.surely_at_most(a, b) => Known::Always,
            Condition::AtMost(..) if self.surely_less(b, a) => Known::Never,
            Condition::Equal(..) | Condition::AtMost(..) => Known::AtLaunch,
        }
    }

    fn surely_equal(&mut self, a: IntId, b: IntId) -> bool {
        self.in_examples(a, b, i64::eq) && self.facts.equal(&mut self.kernel.ints, a, b)
    }

    fn surely_less(&mut self, a: IntId, b: IntId) -> bool {
        self.in_examples(a, b, i64::lt) && self.facts.less(&mut self.kernel.ints, a, b)
    }

    /// Whether no example speaks against a relation.
    fn in_examples(&self, a: IntId, b: IntId, relation: fn(&i64, &i64) -> bool) -> bool {
        let ints = &self.kernel.ints;
        self.examples.iter().all(|sizes| {
            let both = value(ints, sizes, a).zip(value(ints, sizes, b));
            both.is_none_or(|(a, b)| relation(&a, &b))
        })
    }

    /// The conditions that are left open by the facts; `None` if one never holds.
    pub(crate) fn open(
        &mut self,
        all: impl IntoIterator<Item = Condition>,
    ) -> Option<Vec<Condition>> {
        let mut open = Vec::new();
        for condition in all {
            match self.known(condition) {
                Known::Always => {}
                Known::Never => return None,
                Known::AtLaunch if open.contains(&condition) => {}
                Known::AtLaunch => open.push(condition),
            }
        }
        Some(open)
    }
}

/// How many examples are tried on the facts.
const EXAMPLES: usize = 32;

/// Of which [`example`] makes examples: nothing, odd, round, and large.
const VALUES: [i64; 11] = [1, 128, 4096, 0, 7, 1 << 20, 2, 64, 333, 8191, 70_000];

/// All sizes alike in the first examples, which most facts allow, then mixed.
fn example(kernel: &Kernel, at: usize) -> Vec<i64> {
    let mixed = at / VALUES.len();
    (0..kernel.sizes.len())
        .map(|size| VALUES[(at + mixed * size * (size + 3)) % VALUES.len()])
        .collect()
}

fn is_possible(kernel: &Kernel, sizes: &[i64]) -> bool {
    let holds = |a: IntId, b: IntId, relation: fn(&i64, &i64) -> bool| {
        let both = value(&kernel.ints, sizes, a).zip(value(&kernel.ints, sizes, b));
        both.is_some_and(|(a, b)| relation(&a, &b))
    };
    kernel.facts.iter().all(|fact| match fact.kind {
        FactKind::Equal(a, b) => holds(a, b, i64::eq),
        FactKind::AtMost(a, b) => holds(a, b, i64::le),
        FactKind::Less(a, b) => holds(a, b, i64::lt),
        FactKind::Sorted(_) | FactKind::Finite(_) => true,
    })
}

/// `None` where it is told by more than sizes, or too large.
fn value(ints: &Ints, sizes: &[i64], id: IntId) -> Option<i64> {
    ints.eval(id, &mut |atom| match atom {
        Atom::Size(size) => sizes.get(size.index()).copied(),
        Atom::Var(_) | Atom::Div(..) | Atom::Read(..) | Atom::Value(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "kernel k[M, N, S](x: f32[M, N]) -> (y: f32[M, S])
        where S <= N, 2 <= M, N % 64 == 0 { y[m, s < S] = x[m, s] }";

    /// What proofs alone say.
    fn proved(sizes: &mut Symbols<'_>, a: IntId, b: IntId) -> Known {
        let ints = &mut sizes.kernel.ints;
        if sizes.facts.at_most(ints, a, b) {
            Known::Always
        } else if sizes.facts.less(ints, b, a) {
            Known::Never
        } else {
            Known::AtLaunch
        }
    }

    #[test]
    fn examples_never_contradict_proofs() {
        let mut checked = tilec_frontend::check(TEXT);
        assert!(checked.diagnostics.is_empty(), "{:?}", checked.diagnostics);
        let mut kernel = checked.module.kernels.remove(0);
        let mut sizes = Symbols::new(&mut kernel);
        assert!(sizes.examples.len() > 5, "{:?}", sizes.examples);
        let shapes = sizes.kernel.tensors.iter().map(|(_, tensor)| tensor.shape.clone());
        let mut all = shapes.collect::<Vec<_>>().concat();
        for at in 0..all.len() {
            all.extend(sizes.ceil(all[at], 64).into_iter().chain(sizes.times(all[at], 3)));
        }
        all.extend([0, 1, 2, 64].map(|value: i64| sizes.constant(value)));
        let mut seen = Vec::new();
        for &a in &all {
            for &b in &all {
                let expected = proved(&mut sizes, a, b);
                assert_eq!(sizes.known(Condition::AtMost(a, b)), expected);
                seen.push(expected);
            }
        }
        assert!([Known::Always, Known::Never, Known::AtLaunch].iter().all(|k| seen.contains(k)));
    }
}
