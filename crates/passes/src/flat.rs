//! Integers taken apart, so that they can be put together again with other
//! atoms: sizes by constants, variables by polynomials, reads by what they read.
//!
//! A [`Flat`] holds the atoms of an integer in dependency order and owns its
//! terms, so the interner that it came from may also be the one it goes to.

use std::collections::BTreeMap;

use tilec_ir::int::{Term, TooComplex};
use tilec_ir::tensor::{Expr, Size, Tensor, Var};
use tilec_ir::{Atom, AtomId, Id, IntId, Ints};

/// An integer, taken apart.
#[derive(Debug)]
pub(crate) struct Flat {
    steps: Vec<(AtomId, Step)>,
    result: Vec<Term>,
}

#[derive(Debug)]
enum Step {
    Size(Id<Size>),
    Var(Id<Var>),
    Div(Vec<Term>, Vec<Term>),
    Read(Id<Tensor>, Vec<Vec<Term>>),
    Value(Id<Expr>),
}

/// An atom that is to be replaced; its indices are replaced already.
#[derive(Debug)]
pub(crate) enum Leaf {
    Size(Id<Size>),
    Var(Id<Var>),
    Read(Id<Tensor>, Vec<IntId>),
    Value(Id<Expr>),
}

/// Where integers are put together.
pub(crate) trait Target {
    fn ints(&mut self) -> &mut Ints;

    /// `floor(p / d)`, simplified with what is known.
    fn floor(&mut self, p: IntId, d: IntId) -> Result<IntId, TooComplex>;

    fn leaf(&mut self, leaf: Leaf) -> Result<IntId, TooComplex>;
}

impl Flat {
    pub(crate) fn of(ints: &Ints, id: IntId) -> Self {
        let terms = |id: IntId| ints.get(id).terms().to_vec();
        let mut steps = Vec::new();
        ints.visit_atoms(id, &mut |at, atom| {
            let step = match atom {
                Atom::Size(size) => Step::Size(*size),
                Atom::Var(var) => Step::Var(*var),
                Atom::Div(p, d) => Step::Div(terms(*p), terms(*d)),
                Atom::Read(tensor, index) => {
                    Step::Read(*tensor, index.iter().map(|&i| terms(i)).collect())
                }
                Atom::Value(expr) => Step::Value(*expr),
            };
            steps.push((at, step));
        });
        Self { steps, result: terms(id) }
    }

    /// How many atoms it has, those inside others included.
    pub(crate) fn atoms(&self) -> usize {
        self.steps.len()
    }

    /// Puts the integer together with every atom replaced.
    pub(crate) fn rebuild(self, target: &mut impl Target) -> Result<IntId, TooComplex> {
        let mut atoms = BTreeMap::new();
        for (at, step) in self.steps {
            let int = match step {
                Step::Size(size) => target.leaf(Leaf::Size(size))?,
                Step::Var(var) => target.leaf(Leaf::Var(var))?,
                Step::Value(expr) => target.leaf(Leaf::Value(expr))?,
                Step::Div(p, d) => {
                    let (p, d) = (sum(target.ints(), &p, &atoms)?, sum(target.ints(), &d, &atoms)?);
                    divide(target, p, d)?
                }
                Step::Read(tensor, index) => {
                    let index = index.iter().map(|i| sum(target.ints(), i, &atoms));
                    let index = index.collect::<Result<_, _>>()?;
                    target.leaf(Leaf::Read(tensor, index))?
                }
            };
            atoms.insert(at, int);
        }
        sum(target.ints(), &self.result, &atoms)
    }
}

/// `floor(p / d)`. A divisor that is no longer positive stands where nothing is
/// evaluated, so any value serves there.
fn divide(target: &mut impl Target, p: IntId, d: IntId) -> Result<IntId, TooComplex> {
    if target.ints().as_constant(d).is_some_and(|d| d <= 0) {
        return Ok(target.ints().constant(0));
    }
    target.floor(p, d)
}

fn sum(
    ints: &mut Ints,
    terms: &[Term],
    atoms: &BTreeMap<AtomId, IntId>,
) -> Result<IntId, TooComplex> {
    let mut total = ints.constant(0);
    for term in terms {
        let mut product = ints.constant(term.coefficient);
        for factor in &term.factors {
            product = ints.mul(product, atoms[factor])?;
        }
        total = ints.add(total, product)?;
    }
    Ok(total)
}
