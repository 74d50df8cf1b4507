//! What is computed along rows, in which order, and on which tiles.

use std::collections::{BTreeMap, BTreeSet};

use tilec_ir::dataflow::BinaryVector;
use tilec_ir::plan::{EquationAt, Part as Planned, Rowwise};
use tilec_ir::tensor::{Equation, Expr, ExprKind, Kernel, Reduction, Role, Scalar, Tensor, Var};
use tilec_ir::{Atom, Diagnostic, Id, Kind, walk};

use crate::dataflow::draft::Draft;
use crate::dataflow::vector::{Axes, ELSEWHERE, Inlined, Leaf, Root, leaves_beside, rings_of};

/// Rows and columns of a tile.
const TILE: u64 = 32;

/// The parts of a region.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) parts: Vec<Part>,
    /// The variables of the rows that tell matrices, those of the first part, and their
    /// ranges.
    pub(super) batch_vars: Vec<Id<Var>>,
    pub(super) batch: Vec<u64>,
    /// Rows of a matrix.
    pub(super) rows: u64,
    /// Elements of a row.
    pub(super) length: u64,
    /// Elements of a segment.
    pub(super) segment: Option<u64>,
    /// The name of the segment's number where it is counted within a strip.
    pub(super) segment_name: String,
    /// Whether segments are work of their own.
    pub(super) by_segment: bool,
    /// Reductions of whole rows beside segments, by level.
    pub(super) whole: Vec<Vec<usize>>,
    /// Reductions of segments, or of whole rows where there are none, by level.
    pub(super) inner: Vec<Vec<usize>>,
}

/// An equation of the region.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) equation: EquationAt,
    pub(super) tensor: Id<Tensor>,
    pub(super) axes: Axes,
    /// Its value; of a reduction, what is reduced.
    pub(super) expr: Id<Expr>,
    /// A read of it.
    pub(super) read: Id<Expr>,
    pub(super) kind: What,
    /// Whether it has one value per segment.
    pub(super) segmented: bool,
    pub(super) stored: bool,
}

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Reduction(Reduction),
    Value,
    Map,
}

impl Part {
    pub(super) fn reduction(&self) -> Option<Reduction> {
        match self.kind {
            What::Reduction(reduction) => Some(reduction),
            What::Value | What::Map => None,
        }
    }

    pub(super) fn is_map(&self) -> bool {
        self.kind == What::Map
    }

    /// The axes of what it stores: a reduction has no columns left.
    pub(super) fn stored_axes(&self) -> Axes {
        let mut axes = self.axes.clone();
        if self.reduction().is_some() {
            if self.segmented {
                axes.batch.push(axes.columns[0]);
            }
            axes.columns.clear();
        }
        axes
    }

    /// The variable of its segment.
    pub(super) fn segment_var(&self) -> Id<Var> {
        let side = if self.reduction().is_some() { &self.axes.columns } else { &self.axes.batch };
        let at = if self.reduction().is_some() { 0 } else { side.len() - 1 };
        side[at]
    }

    /// Its value at a tile, as it is stored.
    pub(super) fn root(&self, kernel: &Kernel) -> Root<'_> {
        let stored = Some(kernel.tensors[self.tensor].element);
        Root { expr: self.expr, axes: &self.axes, stored }
    }
}

/// How a reduction combines values, and what it makes of none.
pub(super) fn combines(reduction: Reduction) -> (BinaryVector, f32) {
    match reduction {
        Reduction::Sum => (BinaryVector::Add, 0.0),
        Reduction::Prod => (BinaryVector::Multiply, 1.0),
        Reduction::Max => (BinaryVector::Maximum, f32::NEG_INFINITY),
        Reduction::Min => (BinaryVector::Minimum, f32::INFINITY),
    }
}

/// The parts on tiles, with the row variables dealt to matrices and rows such that all
/// reads are tiles.
pub(super) fn choose(
    draft: &mut Draft<'_>,
    region: usize,
    rowwise: &Rowwise,
) -> Result<Parts, Diagnostic> {
    let all = rowwise.rows.len();
    let mut fault = None;
    let covers = draft.plan.regions[region].covers.clone();
    let reads: Vec<_> = covers.iter().map(|&at| read(&mut draft.plan.kernel, at)).collect();
    for split in [all.saturating_sub(1), 0, all] {
        match parts(draft, region, rowwise, split, &reads).and_then(|parts| readable(draft, parts))
        {
            Ok(parts) => return Ok(parts),
            Err(found) => fault = fault.or(Some(found)),
        }
    }
    Err(fault.expect("there are three ways"))
}

/// A read of what an equation makes, where it makes it.
fn read(kernel: &mut Kernel, at: EquationAt) -> Id<Expr> {
    let Equation { tensor, vars, span, .. } = kernel.equations[at].clone();
    let mut index = Vec::new();
    for var in vars {
        let range = kernel.vars[var].range;
        index.push(kernel.ints.of_atom(Atom::Var(var), Some(range)));
    }
    let ty = if kernel.tensors[tensor].element.is_float() { Scalar::F32 } else { Scalar::I32 };
    kernel.exprs.push(Expr { kind: ExprKind::Read(tensor, index), ty, span })
}

/// The parts, if all that they read are tiles.
fn readable(draft: &mut Draft<'_>, parts: Parts) -> Result<Parts, Diagnostic> {
    let roots: Vec<_> = (0..parts.parts.len()).collect();
    let ring = draft.f32_ring();
    for leaf in parts.leaves(&draft.plan.kernel, &roots, &[])? {
        let format = rings_of(&draft.plan.kernel, &leaf, ring).format;
        if draft.plan.kernel.tensors[leaf.tensor].role != Role::Input {
            draft.read(leaf.tensor, &leaf.order, format, leaf.span)?;
        }
    }
    Ok(parts)
}

fn parts(
    draft: &Draft<'_>,
    region: usize,
    rowwise: &Rowwise,
    split: usize,
    reads: &[Id<Expr>],
) -> Result<Parts, Diagnostic> {
    let kernel = &draft.plan.kernel;
    let covers = &draft.plan.regions[region].covers;
    let mut parts = Vec::new();
    for ((&at, part), &read) in covers.iter().zip(&rowwise.parts).zip(reads) {
        parts.push(of(kernel, at, part, split, read)?);
    }
    let range = |var: &Id<Var>| number(kernel, kernel.vars[*var].range);
    let (batch_vars, rows) = rowwise.rows.split_at(split);
    let segment = rowwise.segment.map(i64::unsigned_abs);
    if let Some(elements) = segment.filter(|elements| elements % TILE != 0) {
        let span = kernel.equations[covers[0]].span;
        let message = format!("Tensix can't reduce segments of {elements} elements");
        return Err(Diagnostic::new(Kind::NotExpressible, span, message)
            .here(format!("segments are made of tiles of {TILE}"))
            .help(format!("reduce a multiple of {TILE} elements; or {ELSEWHERE}")));
    }
    let rowed = |part: &Part| !part.is_map() && !part.segmented;
    let mut found = Parts {
        batch_vars: batch_vars.to_vec(),
        batch: batch_vars.iter().map(range).collect(),
        rows: rows.iter().map(range).product(),
        length: number(kernel, rowwise.length),
        segment,
        segment_name: "segment".to_owned(),
        by_segment: segment.is_some() && !parts.iter().any(rowed),
        whole: Vec::new(),
        inner: Vec::new(),
        parts,
    };
    found.levels(kernel)?;
    Ok(found)
}

fn number(kernel: &Kernel, size: tilec_ir::IntId) -> u64 {
    let value = kernel.ints.as_constant(size).expect("sizes are bound");
    u64::try_from(value).expect("sizes are 0 or more")
}

fn of(
    kernel: &Kernel,
    at: EquationAt,
    planned: &Planned,
    split: usize,
    read: Id<Expr>,
) -> Result<Part, Diagnostic> {
    let equation = &kernel.equations[at];
    let (rows, segment, column, stored) = match planned {
        Planned::Reduction { rows, segment, column, stored } => {
            (rows, *segment, Some(*column), *stored)
        }
        Planned::PerRow { rows, segment, stored } => (rows, *segment, None, *stored),
        Planned::Map { rows, column, stored } => (rows, None, Some(*column), *stored),
    };
    let (batch, rows) = rows.split_at(split);
    let mut axes = Axes { batch: batch.to_vec(), rows: rows.to_vec(), columns: Vec::new() };
    let (mut kind, mut expr) = (What::Value, equation.value);
    match (planned, &kernel.exprs[equation.value].kind) {
        (Planned::Reduction { .. }, ExprKind::Reduce(reduction, _, body)) => {
            (kind, expr) = (What::Reduction(*reduction), *body);
            axes.columns = segment.into_iter().chain(column).collect();
            if !kernel.exprs[*body].ty.is_float() {
                return Err(of_integers(kernel, *body));
            }
        }
        (Planned::Map { .. }, _) => {
            kind = What::Map;
            axes.columns = column.into_iter().collect();
        }
        (Planned::Reduction { .. } | Planned::PerRow { .. }, _) => axes.batch.extend(segment),
    }
    if kind == What::Value && kernel.tensors[equation.tensor].element == Scalar::I32 {
        return Err(of_integers(kernel, expr));
    }
    let segmented = segment.is_some();
    Ok(Part { equation: at, tensor: equation.tensor, axes, expr, read, kind, segmented, stored })
}

impl Parts {
    /// Strips of 32 rows.
    pub(super) fn strips(&self) -> u64 {
        let matrices = self.batch.iter().fold(1, |all: u64, &n| all.saturating_mul(n));
        matrices.saturating_mul(self.rows.div_ceil(TILE))
    }

    pub(super) fn segments(&self) -> u64 {
        self.segment.map_or(1, |elements| self.length.div_ceil(elements))
    }

    /// Tiles of a segment; of a row where there are none.
    pub(super) fn segment_tiles(&self) -> u64 {
        self.segment.map_or(self.column_tiles(), |elements| elements / TILE)
    }

    /// Tiles of a row.
    pub(super) fn column_tiles(&self) -> u64 {
        self.length.div_ceil(TILE)
    }

    /// Sorts reductions by what they need of each other.
    fn levels(&mut self, kernel: &Kernel) -> Result<(), Diagnostic> {
        let mixed = self.segment.is_some() && !self.by_segment;
        let mut level: BTreeMap<Id<Tensor>, (usize, bool)> = BTreeMap::new();
        for at in 0..self.parts.len() {
            let part = &self.parts[at];
            if part.reduction().is_none() {
                continue;
            }
            let whole = mixed && !part.segmented;
            let mut own = 0;
            for read in self.reads(kernel, part.expr) {
                let Some(&(before, before_whole)) = level.get(&read) else { continue };
                if whole && !before_whole {
                    return Err(segments_first(kernel, part));
                }
                if whole == before_whole {
                    own = own.max(before + 1);
                }
            }
            level.insert(part.tensor, (own, whole));
            let levels = if whole { &mut self.whole } else { &mut self.inner };
            levels.resize(levels.len().max(own + 1), Vec::new());
            levels[own].push(at);
        }
        Ok(())
    }

    /// The tensors that an expression reads, also through parts that are inlined.
    fn reads(&self, kernel: &Kernel, root: Id<Expr>) -> BTreeSet<Id<Tensor>> {
        let (mut found, mut open) = (BTreeSet::new(), vec![root]);
        while let Some(root) = open.pop() {
            for expr in walk::reachable(kernel, root) {
                for tensor in walk::reads(kernel, expr) {
                    let inlined = self.parts.iter().find(|part| part.tensor == tensor);
                    let inlined = inlined.filter(|part| part.reduction().is_none());
                    if found.insert(tensor)
                        && let Some(part) = inlined
                    {
                        open.push(part.expr);
                    }
                }
            }
        }
        found
    }

    /// One sweep for each reduction.
    pub(super) fn apart(mut self) -> Self {
        for levels in [&mut self.whole, &mut self.inner] {
            *levels = levels.iter().flatten().map(|&part| vec![part]).collect();
        }
        self
    }

    /// Parts that are computed where others read them.
    pub(super) fn inlined<'a>(&'a self) -> Vec<Inlined<'a>> {
        let computed = self.parts.iter().filter(|part| part.reduction().is_none());
        let inlined = |part: &'a Part| {
            let Part { tensor, expr, axes, .. } = part;
            Inlined { tensor: *tensor, expr: *expr, axes }
        };
        computed.map(inlined).collect()
    }

    /// The reductions.
    pub(super) fn reduced(&self) -> Vec<Id<Tensor>> {
        let reductions = self.parts.iter().filter(|part| part.reduction().is_some());
        reductions.map(|part| part.tensor).collect()
    }

    /// The tiles that some parts need beside values that are kept.
    pub(super) fn leaves(
        &self,
        kernel: &Kernel,
        parts: &[usize],
        kept: &[Id<Expr>],
    ) -> Result<Vec<Leaf>, Diagnostic> {
        let roots: Vec<_> = parts.iter().map(|&at| self.parts[at].root(kernel)).collect();
        leaves_beside(kernel, &roots, &self.reduced(), &self.inlined(), kept)
    }

    /// Values that are stored: of whole rows, or of segments.
    pub(super) fn values(&self, segmented: bool) -> Vec<usize> {
        let is = |&at: &usize| {
            let part = &self.parts[at];
            let value = part.kind == What::Value || part.reduction().is_some();
            value && part.stored && part.segmented == segmented
        };
        (0..self.parts.len()).filter(is).collect()
    }

    /// Maps that are stored.
    pub(super) fn maps(&self) -> Vec<usize> {
        let is = |&at: &usize| self.parts[at].is_map() && self.parts[at].stored;
        (0..self.parts.len()).filter(is).collect()
    }
}

/// That integers are reduced.
pub(super) fn of_integers(kernel: &Kernel, body: Id<Expr>) -> Diagnostic {
    let message = "Tensix can't reduce integers";
    Diagnostic::new(Kind::NotExpressible, kernel.exprs[body].span, message)
        .here("tiles hold f32, which is exact for integers up to 2^24 only")
        .help(format!("reduce f32 values; or {ELSEWHERE}"))
}

fn segments_first(kernel: &Kernel, part: &Part) -> Diagnostic {
    let span = kernel.equations[part.equation].span;
    let message = "Tensix can't reduce a row that needs its segments reduced before";
    Diagnostic::new(Kind::NotExpressible, span, message).help(ELSEWHERE)
}
