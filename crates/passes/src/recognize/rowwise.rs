//! Reductions along rows: one reduced variable that walks the innermost
//! dimension of a tensor, whose other dimensions tell the row.
//!
//! ```text
//! square[m]  = sum[n](x[m, n] * x[m, n])                 a row
//! peak[m, g] = max[i < 128](abs(x[m, g * 128 + i]))      a segment of a row
//! ```
//!
//! What is reduced may be any pointwise value. Which rows belong together is
//! found by [`crate::fuse`].

use tilec_ir::plan::EquationAt;
use tilec_ir::tensor::{ExprKind, Var};
use tilec_ir::walk::vars_of_int;
use tilec_ir::{Atom, Id, IntId, Kernel};

use super::scene::{Access, Scene, accesses, bare};
use super::{Outcome, Reason};
use crate::canonical::{Body, guarded};

/// A reduction of rows or of segments of rows.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// The variables that tell the rows.
    pub(crate) rows: Vec<Id<Var>>,
    /// How it walks the row.
    pub(crate) along: Along,
    /// The length of a row.
    pub(crate) length: IntId,
}

/// How elements of a row are numbered: by `column`, or by `g * S + column`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Along {
    /// The variable along the row or along the segment.
    pub(crate) column: Id<Var>,
    /// The variable and the length of segments.
    pub(crate) segment: Option<(Id<Var>, i64)>,
}

/// The row reduction that an equation is.
pub(crate) fn reduction(scene: &mut Scene, at: EquationAt) -> Outcome<Piece> {
    let (Body::Sum { vars, .. } | Body::Reduce { vars, .. }) = &scene.stated[at].body else {
        return Ok(None);
    };
    let span = scene.kernel.equations[at].span;
    let refuse = |text: String| Err(Reason { text, span });
    let &[column] = vars.as_slice() else {
        let names: Vec<_> = vars.iter().map(|&var| scene.name(var)).collect();
        return refuse(format!("{} are reduced at once, and a row has one", names.join(" and ")));
    };
    if let Some(guard) = scene.stated[at].guard {
        let guard = scene.quote(guard);
        return refuse(format!("it is only needed where {guard}, and rows are reduced everywhere"));
    }
    let (_, root) = guarded(&scene.kernel, scene.kernel.equations[at].value);
    let ExprKind::Reduce(_, _, body) = scene.kernel.exprs[root].kind else { return Ok(None) };
    let reads = accesses(&scene.kernel, body);
    for access in &reads {
        if let Some(piece) = piece(scene, at, access, column) {
            return Ok(Some(piece));
        }
    }
    other_way(scene, &reads, column).map_or(Ok(None), Err)
}

/// The reduction, by one of its accesses.
fn piece(scene: &mut Scene, at: EquationAt, access: &Access, column: Id<Var>) -> Option<Piece> {
    let last = *access.index.last()?;
    let segment = segment(scene, last, column);
    let along = Along { column, segment };
    let found = row_read(&scene.kernel, access, along)?;
    let mut rows = scene.kernel.equations[at].vars.clone();
    rows.retain(|&var| segment.is_none_or(|(own, _)| own != var));
    if !rows.iter().all(|&var| found.contains(&Some(var))) {
        return None;
    }
    let length = *scene.kernel.tensors[access.tensor].shape.last()?;
    let range = scene.kernel.vars[column].range;
    let whole = match segment {
        None => scene.equal(range, length),
        Some((var, elements)) => {
            let elements = scene.kernel.ints.constant(elements);
            let count = scene.kernel.ints.ceil_div(length, elements).ok()?;
            let range = scene.kernel.vars[var].range;
            scene.equal(range, count)
        }
    };
    // The range of the variable, where it is the length, reads better.
    let length = if segment.is_none() { range } else { length };
    whole.then_some(Piece { rows, along, length })
}

/// `(g, S)` if the index is `g * S + column` and the column ranges over S.
fn segment(scene: &Scene, index: IntId, column: Id<Var>) -> Option<(Id<Var>, i64)> {
    let elements = scene.constant_range(column)?;
    let [a, b] = scene.kernel.ints.get(index).terms() else { return None };
    let var = |term: &tilec_ir::int::Term| match term.factors.as_slice() {
        [atom] => match scene.kernel.ints.atom(*atom) {
            Atom::Var(var) => Some((*var, term.coefficient)),
            Atom::Size(_) | Atom::Div(..) | Atom::Read(..) | Atom::Value(_) => None,
        },
        _ => None,
    };
    match (var(a)?, var(b)?) {
        ((i, 1), (g, s)) | ((g, s), (i, 1)) if i == column && s == elements => Some((g, s)),
        _ => None,
    }
}

/// By dimension but the last: the variable that it is, for a read along a row.
pub(crate) fn row_read(
    kernel: &Kernel,
    access: &Access,
    along: Along,
) -> Option<Vec<Option<Id<Var>>>> {
    let (&last, others) = access.index.split_last()?;
    if !along.is(kernel, last) {
        return None;
    }
    let inside = |var: Id<Var>| var == along.column || along.segment.is_some_and(|(g, _)| g == var);
    let beside = others.iter().all(|&i| !vars_of_int(&kernel.ints, i).into_iter().any(inside));
    beside.then(|| others.iter().map(|&i| bare(kernel, i)).collect())
}

impl Along {
    /// Whether an index is the element of the row.
    pub(crate) fn is(self, kernel: &Kernel, index: IntId) -> bool {
        let Some((g, elements)) = self.segment else {
            return bare(kernel, index) == Some(self.column);
        };
        let is = |atom, var| *kernel.ints.atom(atom) == Atom::Var(var);
        let terms = kernel.ints.get(index).terms();
        terms.len() == 2
            && terms.iter().all(|term| match term.factors.as_slice() {
                &[atom] => {
                    is(atom, g) && term.coefficient == elements
                        || is(atom, self.column) && term.coefficient == 1
                }
                _ => false,
            })
    }
}

/// A read that walks another dimension than the innermost.
fn other_way(scene: &Scene, reads: &[Access], column: Id<Var>) -> Option<Reason> {
    let across = reads.iter().find(|access| {
        let outer = access.index.split_last().map_or(&[][..], |(_, outer)| outer);
        outer.iter().any(|&index| bare(&scene.kernel, index) == Some(column))
    })?;
    let text = format!(
        "{} is reduced along {}, which is not its innermost dimension",
        scene.quote(across.expr),
        scene.name(column)
    );
    Some(Reason { text, span: scene.kernel.exprs[across.expr].span })
}
