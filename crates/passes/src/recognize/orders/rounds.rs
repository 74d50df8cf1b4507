//! Rounds of one order, in which the winners so far are masked out.
//!
//! ```text
//! first[m]  = argmax[n](x[m, n])
//! second[m] = argmax[n](if n == first[m] then -inf else x[m, n])
//!     ->  second[m] = argsort[n desc](x[m, n])[1]
//! ```
//!
//! Equal where every key comes before the mask: else a winner can win again. What is
//! masked must be winners of the same order, by their places; then the places that are
//! left move up.

use tilec_ir::diagnostic::Span;
use tilec_ir::int_text::show;
use tilec_ir::plan::{EquationAt, Select};
use tilec_ir::tensor::{Binary, Expr, ExprKind, FactKind, Order, Role, Tensor, Var};
use tilec_ir::walk::reachable;
use tilec_ir::{Atom, Id, IntId};

use super::reach::{Reach, reach};
use super::{Close, order_span, plain};
use crate::canonical::Body;
use crate::recognize::copy::{Renaming, alike, copy};
use crate::recognize::scene::{Scene, bare};
use crate::recognize::select::straight;
use crate::recognize::{Outcome, Reason};

/// What a round is called where it stays one.
const PATTERN: &str = "selection in rounds";

/// Makes every round that can be one a place of its order; whether there was one.
pub(super) fn merge(scene: &mut Scene, close: &mut Vec<Close>) -> bool {
    let mut changed = false;
    for at in 0..scene.stated.len() {
        match round(scene, at) {
            Ok(Some(())) => changed = true,
            Ok(None) => {}
            Err(reason) => {
                let tensor = scene.kernel.equations[at].tensor;
                close.push(Close { tensor, pattern: PATTERN, reason });
            }
        }
    }
    changed
}

/// A key behind its masks.
struct Masked {
    winners: Vec<Winner>,
    masks: Vec<Id<Expr>>,
    base: Id<Expr>,
}

/// An element that is masked out: `n == tensor[index]`.
#[derive(Clone)]
struct Winner {
    tensor: Id<Tensor>,
    index: Vec<IntId>,
    span: Span,
}

fn round(scene: &mut Scene, at: EquationAt) -> Outcome<()> {
    let Some(own) = plain(scene, at) else { return Ok(None) };
    let masked = unmask(scene, &own)?;
    if masked.winners.is_empty() {
        return Ok(None);
    }
    let mut places = Vec::new();
    for winner in &masked.winners {
        places.push(place_of(scene, &own, masked.base, winner)?);
    }
    places.sort_unstable();
    places.dedup();
    let span = order_span(scene, at);
    let first = left(scene, &own, &places).map_err(|text| Reason { text, span })?;
    enough(scene, &own, first, places.len(), span)?;
    apart(scene, &own, &masked)?;
    set(scene, at, &own, masked.base, first);
    Ok(Some(()))
}

/// The key without the masks around it.
fn unmask(scene: &mut Scene, own: &Select) -> Result<Masked, Reason> {
    let mut masked = Masked { winners: Vec::new(), masks: Vec::new(), base: own.key };
    loop {
        let Expr { kind, span, .. } = scene.kernel.exprs[masked.base].clone();
        match kind {
            ExprKind::Select(test, a, b) => {
                let Some((winners, equal)) = winners(scene, own.column, test) else {
                    no_values(scene, own, test, [a, b], span)?;
                    return Ok(masked);
                };
                let (mask, rest) = if equal { (a, b) } else { (b, a) };
                masked.winners.extend(winners);
                masked.masks.push(mask);
                masked.base = rest;
            }
            // A long chain of masks is a tensor of its own.
            ExprKind::Read(tensor, index) => match defined(scene, own, tensor, &index) {
                Some(value) => masked.base = value,
                None => return Ok(masked),
            },
            _ => return Ok(masked),
        }
    }
}

/// What `n == a or n == b` finds, or `n != a and n != b` leaves out (`false`).
fn winners(scene: &Scene, column: Id<Var>, test: Id<Expr>) -> Option<(Vec<Winner>, bool)> {
    let kernel = &scene.kernel;
    let equal = match kernel.exprs[test].kind {
        ExprKind::Binary(Binary::Equal | Binary::Or, ..) => true,
        ExprKind::Binary(Binary::NotEqual | Binary::And, ..) => false,
        _ => return None,
    };
    let (mut found, mut open) = (Vec::new(), vec![test]);
    while let Some(test) = open.pop() {
        let Expr { kind: ExprKind::Binary(op, a, b), span, .. } = kernel.exprs[test] else {
            return None;
        };
        match (op, equal) {
            (Binary::Or, true) | (Binary::And, false) => open.extend([b, a]),
            (Binary::Equal, true) | (Binary::NotEqual, false) => {
                let winner = winner(scene, column, a, b).or_else(|| winner(scene, column, b, a));
                found.push(Winner { span, ..winner? });
            }
            _ => return None,
        }
    }
    Some((found, equal))
}

/// `n == tensor[index]` with an order's tensor.
fn winner(scene: &Scene, column: Id<Var>, n: Id<Expr>, other: Id<Expr>) -> Option<Winner> {
    let kernel = &scene.kernel;
    let (ExprKind::Int(n), ExprKind::Int(other)) =
        (&kernel.exprs[n].kind, &kernel.exprs[other].kind)
    else {
        return None;
    };
    let Some(Atom::Read(tensor, index)) = kernel.ints.as_atom(*other) else { return None };
    let writer = scene.writer[tensor.index()]?;
    let order = matches!(scene.stated[writer].body, Body::Rank { .. });
    (bare(kernel, *n) == Some(column) && order).then(|| Winner {
        tensor: *tensor,
        index: index.clone(),
        span: Span::default(),
    })
}

/// Masks by value: all equal keys would go at once, and an order keeps all but one.
fn no_values(
    scene: &Scene,
    own: &Select,
    test: Id<Expr>,
    branches: [Id<Expr>; 2],
    span: Span,
) -> Result<(), Reason> {
    let kernel = &scene.kernel;
    let last = |x: &Id<Expr>| kernel.exprs[*x].kind == ExprKind::Float(end(own.order));
    let ExprKind::Binary(Binary::Equal | Binary::NotEqual, a, b) = kernel.exprs[test].kind else {
        return Ok(());
    };
    let of_values = [a, b].iter().any(|&x| kernel.exprs[x].ty.is_float());
    if !of_values || !branches.iter().any(last) {
        return Ok(());
    }
    let test = scene.quote(test);
    let text = format!("{test} masks out every element with that key, and a round takes one");
    Err(Reason { text, span })
}

/// The float behind all others that are not NaN.
fn end(order: Order) -> f32 {
    match order {
        Order::Descending => f32::NEG_INFINITY,
        Order::Ascending => f32::INFINITY,
    }
}

/// What a pointwise tensor is defined as, at the element of this order itself.
fn defined(
    scene: &mut Scene,
    own: &Select,
    tensor: Id<Tensor>,
    index: &[IntId],
) -> Option<Id<Expr>> {
    let kernel = &mut scene.kernel;
    let writer = scene.writer[tensor.index()]?;
    let Body::Map(value) = scene.stated[writer].body else { return None };
    let local = kernel.tensors[tensor].role == Role::Local;
    let held: Vec<_> = index.iter().filter_map(|&i| bare(kernel, i)).collect();
    let masks = matches!(kernel.exprs[value].kind, ExprKind::Select(..));
    if !local || !masks || held.len() != index.len() || !held.contains(&own.column) {
        return None;
    }
    let vars = kernel.equations[writer].vars.iter().copied();
    let renaming =
        Renaming { vars: vars.zip(index.iter().copied()).collect(), ..Renaming::default() };
    copy(kernel, &scene.facts, value, &renaming).ok()
}

/// The place in the order of `base` that a winner had.
fn place_of(
    scene: &mut Scene,
    own: &Select,
    base: Id<Expr>,
    winner: &Winner,
) -> Result<i64, Reason> {
    let name = scene.kernel.tensors[winner.tensor].name.clone();
    let refuse = |text: String| Reason { text, span: winner.span };
    let other = || refuse(format!("`{name}` is the winner of another order"));
    let at = scene.writer[winner.tensor.index()].ok_or_else(other)?;
    let of = plain(scene, at).ok_or_else(other)?;
    let (mut renaming, mut place) = (Renaming::default(), of.first);
    for (&var, &index) in scene.kernel.equations[at].vars.iter().zip(&winner.index) {
        if Some(var) == of.place {
            let sum = scene.kernel.ints.add(of.first, index);
            place = sum.map_err(|_| refuse(format!("the place of `{name}` is too complex")))?;
        } else if bare(&scene.kernel, index).is_none_or(|row| !own.rows.contains(&row)) {
            return Err(refuse(format!("`{name}` is the winner of another row")));
        } else {
            renaming.vars.insert(var, index);
        }
    }
    let column = scene.kernel.ints.of_atom(Atom::Var(own.column), Some(own.length));
    renaming.vars.insert(of.column, column);
    let (order, key) = straight(&scene.kernel, own.order, base);
    let same = of.order == order
        && scene.equal(of.length, own.length)
        && alike(&mut scene.kernel, &scene.facts, of.key, key, &renaming);
    if !same {
        return Err(other());
    }
    scene.kernel.ints.as_constant(place).ok_or_else(|| {
        refuse(format!("`{name}` at `{}` is no place known by number", show(&scene.kernel, place)))
    })
}

/// The first place of the whole order that the round takes, which are taken already.
fn left(scene: &mut Scene, own: &Select, taken: &[i64]) -> Result<IntId, String> {
    let ints = &mut scene.kernel.ints;
    let count = i64::try_from(taken.len()).map_err(|_| "too many rounds".to_owned())?;
    if taken.iter().copied().eq(0..count) {
        let moved = ints.constant(count);
        return ints.add(own.first, moved).map_err(|_| "its place is too complex".to_owned());
    }
    match (own.place, ints.as_constant(own.first)) {
        (None, Some(first)) => {
            let place = taken.iter().fold(first, |place, &gone| place + i64::from(gone <= place));
            Ok(ints.constant(place))
        }
        _ => Err("the places that are masked out are not the first ones".to_owned()),
    }
}

/// Whether each row has an element that is not masked for every place.
fn enough(
    scene: &mut Scene,
    own: &Select,
    first: IntId,
    taken: usize,
    span: Span,
) -> Result<(), Reason> {
    let ints = &mut scene.kernel.ints;
    let end = ints.add(first, own.count).ok();
    if end.is_some_and(|end| scene.facts.at_most(ints, end, own.length)) {
        return Ok(());
    }
    let length = show(&scene.kernel, own.length);
    let end = end.map_or_else(String::new, |end| show(&scene.kernel, end));
    let text = format!(
        "a row may have no element left once {taken} are masked out: `{end} <= {length}` is not known"
    );
    Err(Reason { text, span })
}

/// Whether every key comes before every mask.
fn apart(scene: &Scene, own: &Select, masked: &Masked) -> Result<(), Reason> {
    let kernel = &scene.kernel;
    let keys = reach(kernel, masked.base);
    for &mask in &masked.masks {
        let behind = reach(kernel, mask);
        let last = match own.order {
            Order::Descending => behind.most < keys.least,
            Order::Ascending => keys.most < behind.least,
        };
        if keys.nan || behind.nan || !last {
            return Err(again(scene, own.order, keys, masked, mask));
        }
    }
    Ok(())
}

/// That a winner may win again, and which fact would rule it out.
fn again(scene: &Scene, order: Order, keys: Reach, masked: &Masked, mask: Id<Expr>) -> Reason {
    let kernel = &scene.kernel;
    let span = masked.winners[0].span;
    let (key, mask) = (scene.quote(masked.base), scene.quote(mask));
    let what = match order {
        _ if keys.nan => "NaN, which comes after the mask".to_owned(),
        Order::Descending => keys.least.to_string(),
        Order::Ascending => keys.most.to_string(),
    };
    let known = |tensor| kernel.facts.iter().any(|fact| fact.kind == FactKind::Finite(tensor));
    let inputs = reachable(kernel, masked.base).into_iter().filter_map(|expr| {
        let ExprKind::Read(tensor, _) = kernel.exprs[expr].kind else { return None };
        let Tensor { role, element, .. } = &kernel.tensors[tensor];
        (*role == Role::Input && element.is_float() && !known(tensor)).then_some(tensor)
    });
    let since = match inputs.min() {
        Some(input) => format!(", since `finite({})` is not known", kernel.tensors[input].name),
        None => String::new(),
    };
    let text = format!("masked with {mask}, a winner may win again: {key} may be {what}{since}");
    Reason { text, span }
}

/// The equation as places of the order of `base`.
fn set(scene: &mut Scene, at: EquationAt, own: &Select, base: Id<Expr>, first: IntId) {
    let kernel = &mut scene.kernel;
    let place = match own.place {
        None => first,
        Some(var) => {
            let var = kernel.ints.of_atom(Atom::Var(var), Some(own.count));
            kernel.ints.add(first, var).expect("it was a place before, less a number")
        }
    };
    let span = order_span(scene, at);
    let kernel = &mut scene.kernel;
    let (var, order) = (own.column, own.order);
    let ty = tilec_ir::Scalar::Idx(own.length);
    let kind = ExprKind::Rank { var, order, key: base, place };
    kernel.equations[at].value = kernel.exprs.push(Expr { kind, ty, span });
    scene.stated[at].body = Body::Rank { var, order, key: base, place };
}
