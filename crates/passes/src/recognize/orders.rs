//! Brings orders together that were written apart.
//!
//! ```text
//! second[m] = argmax[n](if n == first[m] then -inf else x[m, n])   rounds: place 1 of one order
//! pick[m, s] = argsort[j](x[m, j / S * L + near[m, j / S, j % S]]) stages: an order of x itself
//! largest[m] = argmax[n](x[m, n]), and 32 places of the same       places: read from these
//! ```
//!
//! Each step gives equations that mean the same, which are then put into canonical form
//! again; what a step can't prove it leaves, with the reason. What was staged by hand is
//! remembered as a hint.

mod places;
mod reach;
mod rounds;
mod stages;

use tilec_ir::diagnostic::Span;
use tilec_ir::int::TooComplex;
use tilec_ir::plan::{EquationAt, Select, Stage};
use tilec_ir::tensor::Tensor;
use tilec_ir::{Atom, Facts, Id, IntId, Ints};

use super::Reason;
use super::scene::Scene;
use super::select::select;
use crate::canonical::{Body, Canonical};
use crate::flat::{Flat, Leaf, Target};
use crate::normalize::again;

/// How often equations are gone through again: stages in stages beyond that stay apart.
const PASSES: usize = 16;

/// Equations with their orders brought together.
#[derive(Debug)]
pub(crate) struct Orders {
    /// The equations.
    pub(crate) canonical: Canonical,
    /// What came close, by the tensor that is defined.
    pub(crate) close: Vec<Close>,
    staged: Vec<Staged>,
}

/// An order that was not brought together with another.
#[derive(Debug)]
pub(crate) struct Close {
    pub(crate) tensor: Id<Tensor>,
    /// What it would have been.
    pub(crate) pattern: &'static str,
    pub(crate) reason: Reason,
}

/// The stages of an order, known by its place in the source; the sizes are of `ints`.
#[derive(Debug)]
struct Staged {
    span: Span,
    ints: Box<Ints>,
    stages: Vec<Stage>,
}

/// The same equations, each order as large as it was meant.
pub(crate) fn together(canonical: &Canonical) -> Orders {
    let (mut canonical, mut staged) = (canonical.clone(), Vec::new());
    for _ in 0..PASSES {
        if !canonical.equations().iter().any(|stated| matches!(stated.body, Body::Rank { .. })) {
            break;
        }
        let mut scene = Scene::of(canonical.clone());
        let mut close = Vec::new();
        let changed = rounds::merge(&mut scene, &mut close)
            || stages::merge(&mut scene, &mut close, &mut staged)
            || places::merge(&mut scene);
        if !changed {
            return Orders { canonical, close, staged };
        }
        canonical = again(&scene.kernel);
    }
    Orders { canonical, close: Vec::new(), staged }
}

impl Orders {
    /// The stages by hand of the order that an equation is.
    pub(crate) fn stages(&self, scene: &mut Scene, at: EquationAt) -> Vec<Stage> {
        let span = order_span(scene, at);
        let Some(staged) = self.staged.iter().rev().find(|staged| staged.span == span) else {
            return Vec::new();
        };
        let stages = staged.stages.iter().map(|stage| stage_in(scene, staged, stage));
        stages.collect::<Result<_, _>>().unwrap_or_default()
    }
}

/// Where the order of an equation stands.
fn order_span(scene: &Scene, at: EquationAt) -> Span {
    let value = scene.kernel.equations[at].value;
    let (_, root) = crate::canonical::guarded(&scene.kernel, value);
    scene.kernel.exprs[root].span
}

fn stage_in(scene: &mut Scene, staged: &Staged, stage: &Stage) -> Result<Stage, TooComplex> {
    let Scene { kernel, facts, .. } = scene;
    let mut sizes = Sizes { ints: &mut kernel.ints, facts };
    let mut of = |id: IntId| Flat::of(&staged.ints, id).rebuild(&mut sizes);
    let (chunks, length, kept) = (of(stage.chunks)?, of(stage.length)?, of(stage.kept)?);
    Ok(Stage { chunks, length, kept })
}

/// Sizes of other integers as those of these.
struct Sizes<'a> {
    ints: &'a mut Ints,
    facts: &'a Facts,
}

impl Target for Sizes<'_> {
    fn ints(&mut self) -> &mut Ints {
        self.ints
    }

    fn floor(&mut self, p: IntId, d: IntId) -> Result<IntId, TooComplex> {
        self.facts.div(self.ints, p, d)
    }

    fn leaf(&mut self, leaf: Leaf) -> Result<IntId, TooComplex> {
        match leaf {
            Leaf::Size(size) => Ok(self.ints.of_atom(Atom::Size(size), None)),
            Leaf::Var(_) | Leaf::Read(..) | Leaf::Value(_) => Err(TooComplex),
        }
    }
}

/// The selection that an equation is, if it is needed everywhere.
fn plain(scene: &mut Scene, at: EquationAt) -> Option<Select> {
    select(scene, at).ok().flatten().filter(|select| select.guard.is_none())
}
