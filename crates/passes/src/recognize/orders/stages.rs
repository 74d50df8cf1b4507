//! Orders that were made in stages: of each piece of a row, then of the survivors.
//!
//! ```text
//! near[m, c, s] = argsort[l < L desc](x[m, c * L + l])[s]                s < S
//! pick[m, s]    = argsort[j < C * S desc](x[m, j / S * L + near[m, j / S, j % S]])[s]
//!     ->  index[m, s] = argsort[n < C * L desc](x[m, n])[s]
//!         near[m, pick[m, s] / S, pick[m, s] % S]   is   index[m, s] % L
//!         pick[m, s] / S                            is   index[m, s] / L
//! ```
//!
//! The key of the pieces is written for `n` in the place of `c * L + l`; that of the
//! survivors must be it at `j / S * L + near[..]`. Survivors come piece by piece, and
//! within one in its order, so of equal keys the lowest index still comes first. No
//! more may be wanted at the end than each piece keeps. A row may be one piece.

mod resolve;

use tilec_ir::diagnostic::Span;
use tilec_ir::int::TooComplex;
use tilec_ir::int_text::show;
use tilec_ir::plan::{EquationAt, Select, Stage};
use tilec_ir::tensor::{Equation, Expr, ExprKind, Tensor, Var};
use tilec_ir::{Atom, Facts, Id, IntId, Ints, Kernel, Scalar};

use super::{Close, Staged, order_span, plain};
use crate::builder::{index_bound, local};
use crate::canonical::Body;
use crate::recognize::copy::{Renaming, alike, copy};
use crate::recognize::scene::{Access, Scene, accesses, bare};
use crate::recognize::{Outcome, Reason};
use resolve::resolve;

/// What stages are called where they stay apart.
const PATTERN: &str = "selection in stages";

/// Makes one order of every two stages that are one; whether there were any.
pub(super) fn merge(scene: &mut Scene, close: &mut Vec<Close>, staged: &mut Vec<Staged>) -> bool {
    let mut made = Vec::new();
    for at in 0..scene.stated.len() {
        match stage(scene, at, staged) {
            Ok(Some(equation)) => made.push((at, equation)),
            Ok(None) => {}
            Err(reason) => {
                let tensor = scene.kernel.equations[at].tensor;
                close.push(Close { tensor, pattern: PATTERN, reason });
            }
        }
    }
    let changed = !made.is_empty();
    for (at, equation) in made.into_iter().rev() {
        scene.kernel.equations.insert(at, equation);
    }
    changed
}

/// The first stage as the second reads it.
struct Pieces {
    near: EquationAt,
    first: Select,
    /// What each dimension of `near` is read at.
    dims: Vec<Dim>,
    /// The dimensions that tell pieces; none where the row is one.
    chunks: Vec<IntId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dim {
    /// A row of the second stage.
    Row(Id<Var>),
    /// `j / S`, or this one of the dimensions that tell it.
    Piece(usize),
    /// `j % S`
    Place,
}

impl Pieces {
    /// So many in each piece, in all pieces.
    fn times(&self, ints: &mut Ints, each: IntId) -> Result<IntId, TooComplex> {
        self.chunks.iter().try_fold(each, |product, &chunk| ints.mul(product, chunk))
    }
}

/// The one order that two stages are; what reads the second is changed to read it.
fn stage(scene: &mut Scene, at: EquationAt, staged: &mut Vec<Staged>) -> Outcome<Equation> {
    let unchanged = |scene: &Scene, at: EquationAt| match scene.stated[at].body {
        Body::Rank { key, .. } => {
            let value = scene.kernel.equations[at].value;
            matches!(scene.kernel.exprs[value].kind, ExprKind::Rank { key: own, .. } if own == key)
        }
        Body::Sum { .. } | Body::Reduce { .. } | Body::Map(_) => false,
    };
    let Some(last) = plain(scene, at).filter(|_| unchanged(scene, at)) else { return Ok(None) };
    let span = order_span(scene, at);
    let refuse = |text: String| Reason { text, span };
    let Some(pieces) = pieces(scene, &last).map_err(refuse)? else { return Ok(None) };
    if !unchanged(scene, pieces.near) {
        return Ok(None);
    }
    fits(scene, &pieces, &last).map_err(refuse)?;
    let complex = |_| refuse("its indices are too complex".to_owned());
    let order = whole(scene, at, &pieces, &last).map_err(complex)?;
    if !order.same {
        return Err(refuse(other_key(scene, &pieces, &last)));
    }
    resolve(scene, at, &pieces, order.equation.tensor).map_err(refuse)?;
    remember(scene, at, &pieces, &last, staged);
    Ok(Some(order.equation))
}

/// The selection whose survivors a key is of.
fn pieces(scene: &mut Scene, last: &Select) -> Result<Option<Pieces>, String> {
    for access in accesses(&scene.kernel, last.key) {
        let Some(near) = scene.writer[access.tensor.index()] else { continue };
        if !matches!(scene.stated[near].body, Body::Rank { .. }) {
            continue;
        }
        let Some(first) = plain(scene, near) else { continue };
        if let Some((dims, chunks)) = dims(scene, &first, near, &access, last) {
            return Ok(Some(Pieces { near, first, dims, chunks }));
        }
        interleaved(scene, &first, near, &access, last)?;
    }
    Ok(None)
}

/// What each dimension is read at, if it is rows, `j / S` and `j % S`, or rows and `j`; and
/// the dimensions that `j / S` is told by.
fn dims(
    scene: &mut Scene,
    first: &Select,
    near: EquationAt,
    access: &Access,
    last: &Select,
) -> Option<(Vec<Dim>, Vec<IntId>)> {
    let Scene { kernel, facts, .. } = scene;
    let j = variable(kernel, last.column);
    let (piece, place) = split(kernel, facts, j, first.count).ok()?;
    let vars = kernel.equations[near].vars.clone();
    let (mut dims, mut chunks) = (Vec::new(), Vec::new());
    for (&var, &index) in vars.iter().zip(&access.index) {
        let row = bare(kernel, index).filter(|row| last.rows.contains(row));
        dims.push(match row {
            _ if Some(var) == first.place => Dim::Place,
            Some(row) if dims.contains(&Dim::Row(row)) => return None,
            Some(row) => Dim::Row(row),
            None => {
                chunks.push(kernel.vars[var].range);
                Dim::Piece(chunks.len() - 1)
            }
        });
    }
    let pieces = digits(kernel, facts, piece, &chunks).ok()?;
    let place = if chunks.is_empty() { j } else { place };
    let stands = |(&dim, &index): (&Dim, &IntId)| match dim {
        Dim::Row(_) => true,
        Dim::Piece(at) => index == pieces[at],
        Dim::Place => index == place,
    };
    let all = dims.iter().zip(&access.index).all(stands);
    // One that is read at rows alone is of no piece and no place.
    let ordered = dims.iter().any(|dim| !matches!(dim, Dim::Row(_)));
    (all && ordered).then_some((dims, chunks))
}

/// The number of a piece as the numbers of its dimensions, the last one fastest.
fn digits(
    kernel: &mut Kernel,
    facts: &Facts,
    piece: IntId,
    chunks: &[IntId],
) -> Result<Vec<IntId>, TooComplex> {
    let (mut digits, mut left) = (Vec::new(), piece);
    for &chunk in chunks.iter().skip(1).rev() {
        let (more, digit) = split(kernel, facts, left, chunk)?;
        digits.push(digit);
        left = more;
    }
    digits.push(left);
    digits.reverse();
    Ok(digits)
}

/// `j / s` and `j % s`.
fn split(
    kernel: &mut Kernel,
    facts: &Facts,
    j: IntId,
    s: IntId,
) -> Result<(IntId, IntId), TooComplex> {
    let piece = facts.div(&mut kernel.ints, j, s)?;
    let before = kernel.ints.mul(piece, s)?;
    Ok((piece, kernel.ints.sub(j, before)?))
}

fn variable(kernel: &mut Kernel, var: Id<Var>) -> IntId {
    let range = kernel.vars[var].range;
    kernel.ints.of_atom(Atom::Var(var), Some(range))
}

/// That survivors come place by place, `near[m, j % C, j / C]`.
fn interleaved(
    scene: &mut Scene,
    first: &Select,
    near: EquationAt,
    access: &Access,
    last: &Select,
) -> Result<(), String> {
    let Scene { kernel, facts, .. } = scene;
    let j = variable(kernel, last.column);
    let equation = kernel.equations[near].clone();
    let Some(place) = equation.vars.iter().position(|&var| Some(var) == first.place) else {
        return Ok(());
    };
    for (dim, &var) in equation.vars.iter().enumerate().filter(|&(dim, _)| dim != place) {
        let chunks = kernel.vars[var].range;
        let Ok((quotient, rest)) = split(kernel, facts, j, chunks) else { continue };
        if access.index[dim] == rest && access.index[place] == quotient && rest != j {
            let (name, piece) = (&kernel.tensors[equation.tensor].name, &kernel.vars[var].name);
            return Err(format!(
                "the survivors `{name}` come place by place, and of equal keys the one in the \
                 earlier `{piece}` must come first: order them piece by piece"
            ));
        }
    }
    Ok(())
}

/// Whether the pieces hold all that is wanted, in the same order.
fn fits(scene: &mut Scene, pieces: &Pieces, last: &Select) -> Result<(), String> {
    let Pieces { first, near, .. } = pieces;
    let name = scene.kernel.tensors[scene.kernel.equations[*near].tensor].name.clone();
    if first.order != last.order {
        return Err(format!("`{name}` is ordered the other way round"));
    }
    if scene.kernel.ints.as_constant(first.first) != Some(0) {
        let from = show(&scene.kernel, first.first);
        return Err(format!("`{name}` begins at place {from}, and drops what comes before"));
    }
    let ints = &mut scene.kernel.ints;
    let survivors = pieces.times(ints, first.count);
    let end = ints.add(last.first, last.count);
    let (Ok(survivors), Ok(end)) = (survivors, end) else {
        return Err("its sizes are too complex".to_owned());
    };
    if !scene.equal(survivors, last.length) {
        let (survivors, all) = (show(&scene.kernel, last.length), show(&scene.kernel, survivors));
        return Err(format!("it orders {survivors} survivors, and `{name}` has {all}"));
    }
    let all_kept = scene.equal(first.count, first.length);
    if !all_kept && !scene.facts.at_most(&mut scene.kernel.ints, end, first.count) {
        let (kept, wanted) = (show(&scene.kernel, first.count), show(&scene.kernel, end));
        return Err(format!(
            "`{name}` keeps {kept} of each piece, and {wanted} are wanted: one piece may hold \
             more of them than that (`{wanted} <= {kept}` is not known)"
        ));
    }
    Ok(())
}

fn other_key(scene: &Scene, pieces: &Pieces, last: &Select) -> String {
    let name = &scene.kernel.tensors[scene.kernel.equations[pieces.near].tensor].name;
    let (survivors, own) = (scene.quote(last.key), scene.quote(pieces.first.key));
    format!("the survivors are ordered by {survivors}, and `{name}` chose them by {own}")
}

/// The order of whole rows, and whether its key is that of the survivors.
struct Whole {
    equation: Equation,
    same: bool,
}

fn whole(
    scene: &mut Scene,
    at: EquationAt,
    pieces: &Pieces,
    last: &Select,
) -> Result<Whole, TooComplex> {
    let span = order_span(scene, at);
    let length = length_of(scene, pieces)?;
    let Scene { kernel, facts, .. } = scene;
    let own = kernel.equations[at].clone();
    let fresh = |kernel: &mut Kernel, var: Id<Var>| {
        let var = kernel.vars[var].clone();
        kernel.vars.push(var)
    };
    let vars: Vec<_> = own.vars.iter().map(|&var| fresh(kernel, var)).collect();
    let name = kernel.vars[pieces.first.column].name.clone();
    let n = kernel.vars.push(Var { name, range: length, span });
    let renaming = of_pieces(kernel, facts, pieces, n, &|row| {
        let at = own.vars.iter().position(|&var| var == row);
        vars[at.expect("a row of the second stage is one of its variables")]
    })?;
    let key = copy(kernel, facts, pieces.first.key, &renaming)?;
    // The same at the survivor `j`: `j / S * L + near[..]`.
    let mut back = Renaming::default();
    for (&var, &of) in vars.iter().zip(&own.vars) {
        let of = variable(kernel, of);
        back.vars.insert(var, of);
    }
    let survivor = survivor(kernel, facts, pieces, last)?;
    back.vars.insert(n, survivor);
    let same = alike(kernel, facts, key, last.key, &back);
    let place = match last.place {
        None => last.first,
        Some(place) => {
            let at = own.vars.iter().position(|&var| var == place);
            let place = variable(kernel, vars[at.expect("the place is one of its variables")]);
            kernel.ints.add(last.first, place)?
        }
    };
    let kind = ExprKind::Rank { var: n, order: last.order, key, place };
    let value = kernel.exprs.push(Expr { kind, ty: Scalar::Idx(length), span });
    // The name goes to the order that stays.
    let Tensor { name, shape, span, .. } = kernel.tensors[own.tensor].clone();
    let tensor =
        kernel.tensors.push(local(format!("{name}'all"), Scalar::Idx(length), shape, span));
    Ok(Whole { equation: Equation { tensor, vars, value, span: own.span }, same })
}

/// The length of a whole row: a size of its own where it is known to be one.
fn length_of(scene: &mut Scene, pieces: &Pieces) -> Result<IntId, TooComplex> {
    let length = pieces.times(&mut scene.kernel.ints, pieces.first.length)?;
    if pieces.chunks.is_empty() {
        return Ok(length);
    }
    let shapes = scene.kernel.tensors.iter().flat_map(|(_, tensor)| tensor.shape.clone());
    let mut dims: Vec<_> = shapes.collect();
    dims.retain(|&dim| matches!(scene.kernel.ints.as_atom(dim), Some(Atom::Size(_))));
    dims.sort_unstable();
    dims.dedup();
    Ok(dims.into_iter().find(|&dim| scene.equal(dim, length)).unwrap_or(length))
}

/// The variables of the first stage, told by `n`.
fn of_pieces(
    kernel: &mut Kernel,
    facts: &Facts,
    pieces: &Pieces,
    n: Id<Var>,
    row: &dyn Fn(Id<Var>) -> Id<Var>,
) -> Result<Renaming, TooComplex> {
    let n = variable(kernel, n);
    let mut renaming = Renaming::default();
    let (piece, within) = match pieces.chunks.is_empty() {
        true => (n, n),
        false => split(kernel, facts, n, pieces.first.length)?,
    };
    let piece = digits(kernel, facts, piece, &pieces.chunks)?;
    renaming.vars.insert(pieces.first.column, within);
    let vars = kernel.equations[pieces.near].vars.clone();
    for (var, &dim) in vars.into_iter().zip(&pieces.dims) {
        let stands = match dim {
            Dim::Row(of) => variable(kernel, row(of)),
            Dim::Piece(at) => piece[at],
            Dim::Place => continue,
        };
        renaming.vars.insert(var, stands);
    }
    Ok(renaming)
}

/// Which element the survivor `j` is.
fn survivor(
    kernel: &mut Kernel,
    facts: &Facts,
    pieces: &Pieces,
    last: &Select,
) -> Result<IntId, TooComplex> {
    let j = variable(kernel, last.column);
    let (piece, place) = match pieces.chunks.is_empty() {
        true => (j, j),
        false => split(kernel, facts, j, pieces.first.count)?,
    };
    let numbers = digits(kernel, facts, piece, &pieces.chunks)?;
    let index = pieces.dims.iter().map(|&dim| match dim {
        Dim::Row(row) => variable(kernel, row),
        Dim::Piece(at) => numbers[at],
        Dim::Place => place,
    });
    let index: Vec<_> = index.collect();
    let tensor = kernel.equations[pieces.near].tensor;
    let bound = index_bound(kernel.tensors[tensor].element);
    let near = kernel.ints.of_atom(Atom::Read(tensor, index), bound);
    if pieces.chunks.is_empty() {
        return Ok(near);
    }
    let before = kernel.ints.mul(piece, pieces.first.length)?;
    kernel.ints.add(before, near)
}

/// Keeps how it was staged, and how its stages were.
fn remember(
    scene: &mut Scene,
    at: EquationAt,
    pieces: &Pieces,
    last: &Select,
    staged: &mut Vec<Staged>,
) {
    let (span, before) = (order_span(scene, at), order_span(scene, pieces.near));
    let one = scene.kernel.ints.constant(1);
    let Ok(chunks) = pieces.times(&mut scene.kernel.ints, one) else { return };
    let kept = if pieces.chunks.is_empty() { last.length } else { pieces.first.count };
    let own = Stage { chunks, length: pieces.first.length, kept };
    let mut stages = stages_at(scene, staged, before);
    stages.push(own);
    stages.extend(stages_at(scene, staged, span));
    staged.push(Staged { span, ints: Box::new(scene.kernel.ints.clone()), stages });
}

fn stages_at(scene: &mut Scene, staged: &[Staged], span: Span) -> Vec<Stage> {
    let Some(found) = staged.iter().rev().find(|staged| staged.span == span) else {
        return Vec::new();
    };
    let stages = found.stages.iter().map(|stage| super::stage_in(scene, found, stage));
    stages.collect::<Result<_, _>>().unwrap_or_default()
}
