//! Rowwise regions: which equations share rows.
//!
//! Rows are told by variables; in a region their positions are fixed by its
//! first reduction, and every part says which of its variables stands at which
//! position. A part is matched through what it reads: a value that the region
//! made of a row, or a tensor whose rows the region reads too.

use tilec_ir::plan::{EquationAt, Part, Rowwise};
use tilec_ir::tensor::{Tensor, Var};
use tilec_ir::{Atom, Id, IntId, Kernel};

use super::groups::{Groups, Kind};
use crate::recognize::scene::{Access, Scene, accesses, bare};
use crate::recognize::{Along, Piece, row_read};

/// A rowwise region that may still grow.
#[derive(Debug)]
pub(super) struct Rows {
    length: IntId,
    segment: Option<i64>,
    /// The ranges of the variables that tell the rows.
    ranges: Vec<IntId>,
    parts: Vec<Shape>,
    /// By tensor that is read along its rows: the position of the row variable
    /// in each dimension but the last.
    shared: Vec<(Id<Tensor>, Vec<Option<usize>>)>,
}

/// An equation of a rowwise region, its rows in the order of the region.
#[derive(Clone, Debug)]
struct Shape {
    at: EquationAt,
    kind: ShapeKind,
    rows: Vec<Id<Var>>,
    column: Option<Id<Var>>,
    segment: Option<Id<Var>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ShapeKind {
    Reduction,
    PerRow,
    Map,
}

/// Makes a reduction part of a region with the same rows.
pub(super) fn join_reduction(
    groups: &mut Groups,
    scene: &mut Scene,
    at: EquationAt,
    piece: &Piece,
) -> bool {
    let shape = Shape::of_piece(at, piece);
    let elements = piece.along.segment.map(|(_, elements)| elements);
    join(groups, scene, at, |scene, rows| {
        let fits = scene.equal(rows.length, piece.length)
            && (rows.segment.is_none() || elements.is_none() || rows.segment == elements);
        fits.then(|| shape.clone())
    })
}

/// Makes a pointwise equation part of a region whose rows it maps.
pub(super) fn join_map(groups: &mut Groups, scene: &mut Scene, at: EquationAt) -> bool {
    let vars = scene.kernel.equations[at].vars.clone();
    let of = |kind, column: Option<Id<Var>>, segment: Option<Id<Var>>| Shape {
        at,
        kind,
        rows: vars.iter().copied().filter(|&v| Some(v) != column && Some(v) != segment).collect(),
        column,
        segment,
    };
    let mut joined = false;
    if let Some(&last) = vars.last() {
        joined = join(groups, scene, at, |scene, rows| {
            let range = scene.kernel.vars[last].range;
            // A single row would put all of the work on one block.
            let fits = !rows.ranges.is_empty()
                && vars.len() == rows.ranges.len() + 1
                && scene.equal(range, rows.length);
            fits.then(|| of(ShapeKind::Map, Some(last), None))
        });
    }
    joined = joined
        || join(groups, scene, at, |_, rows| {
            (vars.len() == rows.ranges.len()).then(|| of(ShapeKind::PerRow, None, None))
        });
    let last = vars.last().copied();
    joined
        || join(groups, scene, at, |scene, rows| {
            let range = rows.parts.iter().find_map(|part| part.segment)?;
            let (range, own) = (scene.kernel.vars[range].range, scene.kernel.vars[last?].range);
            let fits = vars.len() == rows.ranges.len() + 1 && scene.equal(range, own);
            fits.then(|| of(ShapeKind::PerRow, None, last))
        })
}

/// Joins the first region for which `shape` gives a shape that matches.
fn join(
    groups: &mut Groups,
    scene: &mut Scene,
    at: EquationAt,
    shape: impl Fn(&mut Scene, &Rows) -> Option<Shape>,
) -> bool {
    let reads = accesses(&scene.kernel, scene.kernel.equations[at].value);
    for group in candidates(groups, at, &reads) {
        let Kind::Rows(rows) = &groups.groups[group].kind else { continue };
        let Some(shape) = shape(scene, rows) else { continue };
        let Some(matched) = rows.matched(scene, shape, &reads) else { continue };
        if !groups.may_join(at, group) {
            continue;
        }
        if let Kind::Rows(rows) = &mut groups.groups[group].kind {
            rows.take(&scene.kernel, matched, &reads);
        }
        groups.add(at, group);
        return true;
    }
    false
}

/// The regions that an equation reads from, and the last that share tensors.
fn candidates(groups: &Groups, at: EquationAt, reads: &[Access]) -> Vec<usize> {
    let mut found = groups.read_by(at);
    found.reverse();
    for access in reads {
        let sharing = groups.sharing.get(&access.tensor);
        found.extend(sharing.into_iter().flatten().rev().take(2));
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|&group| seen.insert(group));
    found
}

impl Shape {
    fn of_piece(at: EquationAt, piece: &Piece) -> Self {
        Self {
            at,
            kind: ShapeKind::Reduction,
            rows: piece.rows.clone(),
            column: Some(piece.along.column),
            segment: piece.along.segment.map(|(var, _)| var),
        }
    }

    /// How its elements are numbered.
    fn along(&self, segment: Option<i64>) -> Option<Along> {
        Some(Along { column: self.column?, segment: self.segment.zip(segment) })
    }
}

impl Rows {
    /// The region of one reduction.
    pub(super) fn new(kernel: &Kernel, at: EquationAt, piece: &Piece) -> Self {
        let ranges = piece.rows.iter().map(|&var| kernel.vars[var].range).collect();
        let mut rows = Self {
            length: piece.length,
            segment: piece.along.segment.map(|(_, elements)| elements),
            ranges,
            parts: Vec::new(),
            shared: Vec::new(),
        };
        let reads = accesses(kernel, kernel.equations[at].value);
        rows.take(kernel, Shape::of_piece(at, piece), &reads);
        rows
    }

    /// The tensors whose rows it reads.
    pub(super) fn shared(&self) -> impl Iterator<Item = Id<Tensor>> {
        self.shared.iter().map(|(tensor, _)| *tensor)
    }

    /// The shape with its rows in the order of the region, if it belongs there.
    fn matched(&self, scene: &Scene, shape: Shape, reads: &[Access]) -> Option<Shape> {
        let kernel = &scene.kernel;
        let mut places = vec![None; self.ranges.len()];
        let mut linked = false;
        for access in reads {
            let writer = scene.writer[access.tensor.index()];
            if let Some(part) = self.parts.iter().find(|part| Some(part.at) == writer) {
                self.read_of_part(kernel, part, access, &shape, &mut places)?;
                linked = true;
            }
        }
        for access in reads {
            linked |= self.read_of_shared(kernel, access, &shape, &mut places);
        }
        let rows = places.into_iter().collect::<Option<Vec<_>>>()?;
        let mut sorted = rows.clone();
        sorted.sort_unstable();
        let mut own = shape.rows.clone();
        own.sort_unstable();
        let same =
            rows.iter().zip(&self.ranges).all(|(&var, &range)| kernel.vars[var].range == range);
        (linked && same && sorted == own).then_some(Shape { rows, ..shape })
    }

    /// A value that a part made of a row is read in the same row.
    fn read_of_part(
        &self,
        kernel: &Kernel,
        part: &Shape,
        access: &Access,
        shape: &Shape,
        places: &mut [Option<Id<Var>>],
    ) -> Option<()> {
        if part.kind == ShapeKind::Map || !access.value {
            return None;
        }
        for (&var, &index) in kernel.equations[part.at].vars.iter().zip(&access.index) {
            if part.segment == Some(var) {
                self.in_segment(kernel, shape, index).then_some(())?;
                continue;
            }
            let place = part.rows.iter().position(|&row| row == var)?;
            let row = bare(kernel, index)?;
            if *places[place].get_or_insert(row) != row {
                return None;
            }
        }
        Some(())
    }

    /// Whether an index is the segment of the element or of the value itself.
    fn in_segment(&self, kernel: &Kernel, shape: &Shape, index: IntId) -> bool {
        if shape.segment.is_some() {
            return bare(kernel, index) == shape.segment;
        }
        let Some(Atom::Div(p, d)) = kernel.ints.as_atom(index) else { return false };
        bare(kernel, *p) == shape.column
            && shape.column.is_some()
            && kernel.ints.as_constant(*d) == self.segment
    }

    /// Whether a row is read that the region reads too; says which row it is.
    fn read_of_shared(
        &self,
        kernel: &Kernel,
        access: &Access,
        shape: &Shape,
        places: &mut [Option<Id<Var>>],
    ) -> bool {
        let elements = self.segment.or_else(|| shape.column.and_then(|v| constant(kernel, v)));
        let Some(along) = shape.along(elements) else { return false };
        let Some(own) = row_read(kernel, access, along) else { return false };
        let mut shared = self.shared.iter().filter(|(tensor, _)| *tensor == access.tensor);
        let Some((_, dims)) = shared.next() else { return false };
        let mut matched = places.to_vec();
        for (dim, var) in dims.iter().zip(&own) {
            let (Some(place), Some(var)) = (*dim, *var) else {
                if dim.is_some() || var.is_some() {
                    return false;
                }
                continue;
            };
            if *matched[place].get_or_insert(var) != var {
                return false;
            }
        }
        places.copy_from_slice(&matched);
        true
    }

    /// One more part, and the rows that it reads.
    fn take(&mut self, kernel: &Kernel, shape: Shape, reads: &[Access]) {
        let elements = shape.segment.and(shape.column).and_then(|column| constant(kernel, column));
        self.segment = self.segment.or(elements);
        if let Some(along) = shape.along(self.segment) {
            for access in reads {
                let Some(dims) = row_read(kernel, access, along) else { continue };
                let place = |var: &Option<Id<Var>>| {
                    var.and_then(|var| shape.rows.iter().position(|&row| row == var))
                };
                let places: Vec<_> = dims.iter().map(place).collect();
                let all = (0..shape.rows.len()).all(|at| places.contains(&Some(at)));
                if all && !self.shared().any(|tensor| tensor == access.tensor) {
                    self.shared.push((access.tensor, places));
                }
            }
        }
        self.parts.push(shape);
    }

    /// The region; `stored` says which equations others need.
    pub(super) fn finish(self, stored: &dyn Fn(EquationAt) -> bool) -> Rowwise {
        let mut parts = self.parts;
        parts.sort_by_key(|part| part.at);
        let rows = parts[0].rows.clone();
        let parts = parts.into_iter().map(|part| part.finish(stored));
        Rowwise { rows, length: self.length, segment: self.segment, parts: parts.collect() }
    }
}

impl Shape {
    fn finish(self, stored: &dyn Fn(EquationAt) -> bool) -> Part {
        let Self { at, kind, rows, column, segment } = self;
        let stored = stored(at);
        match (kind, column) {
            (ShapeKind::Reduction, Some(column)) => {
                Part::Reduction { rows, segment, column, stored }
            }
            (ShapeKind::Map, Some(column)) => Part::Map { rows, column, stored },
            (ShapeKind::Reduction | ShapeKind::Map | ShapeKind::PerRow, _) => {
                Part::PerRow { rows, segment, stored }
            }
        }
    }
}

fn constant(kernel: &Kernel, var: Id<Var>) -> Option<i64> {
    kernel.ints.as_constant(kernel.vars[var].range)
}
