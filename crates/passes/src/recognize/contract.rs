//! Matrix products: a sum of one product, two of whose factors vary with the
//! reduced variables from element to element.
//!
//! ```text
//! sum[k](a[m, k] * b[n, k] * sa[m, k / 128])
//!        operand   operand   block scale
//! ```
//!
//! Which operand is `a` follows from the layout of the result: the innermost of
//! its variables that only one operand uses is of `n`. What both use is batch,
//! and so is what one uses that cannot be flattened into its rows.

use std::collections::BTreeSet;

use tilec_ir::plan::{Contract, EquationAt};
use tilec_ir::tensor::{Expr, ExprKind, Var};
use tilec_ir::{Id, Scalar};

use super::axes::{Axes, Sides, axes};
use super::close::{is_close, not_a_product, not_a_sum, not_bare};
use super::scales::scale;
use super::scene::Scene;
use super::uses::{Use, Uses, uses};
use super::{Outcome, Reason};
use crate::canonical::Body;
use crate::products::{Coefficient, Factor, Product};

/// A factor and how it depends on its variables.
#[derive(Clone, Debug)]
pub(crate) struct Weighed {
    pub(crate) factor: Factor,
    pub(crate) uses: Uses,
}

/// The contraction that an equation is.
pub(crate) fn contract(scene: &mut Scene, at: EquationAt) -> Outcome<Contract> {
    let (reduced, terms) = match scene.stated[at].body.clone() {
        Body::Sum { vars, terms } => (vars, terms),
        Body::Reduce { op, vars, body } => {
            return not_a_sum(scene, op, &vars, body).map_or(Ok(None), Err);
        }
        Body::Rank { .. } | Body::Map(_) => return Ok(None),
    };
    let [product] = terms.as_slice() else { return several(scene, &terms, &reduced) };
    let weighed = product.factors.iter().map(|&factor| weigh(scene, factor));
    let (fine, rest): (Vec<_>, Vec<_>) =
        weighed.partition(|w| reduced.iter().any(|&var| is_fine(&w.uses, var)));
    let Some(pair) = operands(scene, fine, &reduced)? else { return Ok(None) };
    let Some(sides) = Sides::of(scene, at, pair) else { return Ok(None) };
    let axes = axes(scene, at, &reduced, &sides);
    assemble(scene, at, product, rest, axes).map(Some)
}

/// The contraction along these axes; whatever else is multiplied must be a scale.
pub(super) fn assemble(
    scene: &mut Scene,
    at: EquationAt,
    product: &Product,
    rest: Vec<Weighed>,
    axes: Axes,
) -> Result<Contract, Reason> {
    let mut scales = Vec::new();
    for other in rest {
        if !axes.k.iter().any(|var| other.uses.contains_key(var)) {
            return Err(only_inside(scene, &other, &axes.k));
        }
        scales.push(scale(scene, other.factor, &other.uses, &axes)?);
    }
    let float = scene.kernel.exprs[product.factors[0].expr].ty.is_float();
    Ok(Contract {
        batch: axes.batch,
        m: axes.m,
        n: axes.n,
        k: axes.k,
        a: axes.a,
        b: axes.b,
        scales,
        coefficient: coefficient(scene, at, product.coefficient),
        accumulator: if float { Scalar::F32 } else { Scalar::I32 },
        guard: scene.stated[at].guard,
        filled: None,
        epilogue: Vec::new(),
        stored: true,
    })
}

pub(super) fn weigh(scene: &Scene, factor: Factor) -> Weighed {
    Weighed { factor, uses: uses(&scene.kernel, factor.expr) }
}

pub(super) fn is_fine(uses: &Uses, var: Id<Var>) -> bool {
    matches!(uses.get(&var), Some(Use::Each | Use::Gathered(_)))
}

/// A sum of several products is not one matrix product.
fn several(scene: &Scene, terms: &[Product], reduced: &[Id<Var>]) -> Outcome<Contract> {
    let fine = |term: &Product| {
        let weighed = term.factors.iter().map(|&factor| weigh(scene, factor));
        weighed.filter(|w| reduced.iter().any(|&v| is_fine(&w.uses, v))).collect::<Vec<_>>()
    };
    let close = |term: &&Product| beside(&fine(term), reduced);
    let Some(product) = terms.iter().rfind(close) else { return Ok(None) };
    Err(adds_up(scene, terms, product, reduced))
}

/// That one of several products is close.
pub(super) fn adds_up(
    scene: &Scene,
    terms: &[Product],
    product: &Product,
    reduced: &[Id<Var>],
) -> Reason {
    let factor = product.factors[0].expr;
    let text = format!(
        "it adds up {} different products for each {}, one of them with the factor {}; \
         a matrix product is one: write a sum of each",
        terms.len(),
        scene.name(reduced[0]),
        scene.quote(factor)
    );
    Reason { text, span: scene.kernel.exprs[factor].span }
}

/// Whether two of the factors have rows that the other does not have.
fn beside(fine: &[Weighed], reduced: &[Id<Var>]) -> bool {
    let rows = |w: &Weighed| -> BTreeSet<Id<Var>> {
        w.uses.keys().copied().filter(|var| !reduced.contains(var)).collect()
    };
    let rows: Vec<_> = fine.iter().map(rows).collect();
    let pairs = rows.iter().enumerate().flat_map(|(at, a)| rows[..at].iter().map(move |b| (a, b)));
    pairs.into_iter().any(|(a, b)| !a.is_subset(b) && !b.is_subset(a))
}

/// The two factors that vary with every reduced value, if they can be operands.
fn operands(scene: &Scene, fine: Vec<Weighed>, reduced: &[Id<Var>]) -> Outcome<[Weighed; 2]> {
    if let Some(both) = fine.iter().find(|w| is_close(scene, w.factor.expr, reduced)) {
        return Err(not_a_product(scene, both.factor.expr));
    }
    if fine.len() < 2 {
        return Ok(None);
    }
    let gathers = |w: &Weighed| w.uses.values().any(|u| matches!(u, Use::Gathered(_)));
    let close = beside(&fine, reduced) || fine.len() == 2 && fine.iter().any(gathers);
    match <[Weighed; 2]>::try_from(fine) {
        Ok(pair) => match pair.iter().find_map(|w| no_operand(scene, w, reduced)) {
            Some(reason) if close => Err(reason),
            Some(_) => Ok(None),
            None => Ok(Some(pair)),
        },
        Err(more) if close => Err(too_many(scene, &more, reduced)),
        Err(_) => Ok(None),
    }
}

pub(super) fn too_many(scene: &Scene, fine: &[Weighed], reduced: &[Id<Var>]) -> Reason {
    let quoted: Vec<_> = fine.iter().map(|w| scene.quote(w.factor.expr)).collect();
    let (last, first) = quoted.split_last().expect("there are at least three");
    let text = format!(
        "{} factors vary with every {}: {} and {last}; a matrix product has two",
        fine.len(),
        scene.name(reduced[0]),
        first.join(", "),
    );
    let span = scene.kernel.exprs[fine[fine.len() - 1].factor.expr].span;
    Reason { text, span }
}

/// Why a factor that varies with every reduced value is not an operand.
fn no_operand(scene: &Scene, weighed: &Weighed, reduced: &[Id<Var>]) -> Option<Reason> {
    let expr = weighed.factor.expr;
    let (quoted, span) = (scene.quote(expr), scene.kernel.exprs[expr].span);
    let missing = reduced.iter().find(|var| !weighed.uses.contains_key(var));
    let gathered = weighed.uses.values().find_map(|u| match u {
        Use::Gathered(tensor) => Some(*tensor),
        Use::Blocks(_) | Use::Each => None,
    });
    let text = if weighed.factor.inverse {
        format!("it divides by {quoted}, which varies with every {}", scene.name(reduced[0]))
    } else if let Some(tensor) = gathered {
        let name = &scene.kernel.tensors[tensor].name;
        format!(
            "{quoted} is gathered by `{name}`, an index that is data, and no matrix of a group: \
             such products run as loops"
        )
    } else if let Some(&var) = missing {
        format!("{quoted} does not vary with {}, which is reduced too", scene.name(var))
    } else {
        return not_bare(scene, expr, reduced);
    };
    Some(Reason { text, span })
}

/// A factor that stayed in the sum only because it may not be evaluated outside.
pub(super) fn only_inside(scene: &Scene, weighed: &Weighed, reduced: &[Id<Var>]) -> Reason {
    let expr = weighed.factor.expr;
    let text = format!(
        "{} does not vary with {}, but is only known to be in range inside of the sum",
        scene.quote(expr),
        scene.name(reduced[0])
    );
    Reason { text, span: scene.kernel.exprs[expr].span }
}

pub(super) fn coefficient(
    scene: &mut Scene,
    at: EquationAt,
    value: Coefficient,
) -> Option<Id<Expr>> {
    let (kind, ty) = match value {
        Coefficient::Float(1.0) | Coefficient::Int(1) => return None,
        Coefficient::Float(x) => (ExprKind::Float(x), Scalar::F32),
        Coefficient::Int(x) => {
            (ExprKind::Int(scene.kernel.ints.constant(i64::from(x))), Scalar::I32)
        }
    };
    let span = scene.kernel.equations[at].span;
    Some(scene.kernel.exprs.push(Expr { kind, ty, span }))
}
