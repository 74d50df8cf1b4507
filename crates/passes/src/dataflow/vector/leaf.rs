//! Reads that come as tiles.
//!
//! ```text
//! x[b, m, n]           page of matrix b                     rows m, columns n
//! bias[n]              row 0 of a page, for all rows
//! scale[m, n / 128]    column 0 of a page of matrix n / 128, for all columns
//! x[m, 128 * g + n]    the page 4 * g further
//! ```
//!
//! A dimension whose index is the same all over a tile tells the matrix; the others, taken
//! together, must be the flattened rows or columns, at most whole tiles further.

use tilec_ir::dataflow::{Index, Spread, Test};
use tilec_ir::tensor::{Kernel, Tensor};
use tilec_ir::{Atom, Diagnostic, Id, IntId, Kind, Span, show};

use super::Axes;
use super::integer::{Along, Lines, TILE, Terms};

/// Which dimensions of a tensor are what in its tiles; see
/// [`Buffer`](tilec_ir::dataflow::Buffer).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Order {
    pub(crate) batch: Vec<usize>,
    pub(crate) rows: Vec<usize>,
    pub(crate) columns: Vec<usize>,
}

/// A tile that is computed: its matrix, by the batch variables of its axes, and its row
/// and column in tiles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) batch: Vec<Index>,
    pub(crate) row: Option<Index>,
    pub(crate) column: Option<Index>,
}

/// A tile that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) tensor: Id<Tensor>,
    /// The order of its dimensions that makes it a tile.
    pub(crate) order: Order,
    /// What of it is used; `None` is all.
    pub(crate) spread: Option<Spread>,
    /// Which batch positions it depends on.
    pub(crate) batch: Vec<usize>,
    /// Whether it changes with the tile's row or column.
    pub(crate) moves: [bool; 2],
    /// The page, with the names of [`Along`] for the place.
    page: Index,
    /// Where the page exists, if not everywhere.
    inside: Option<Test>,
    /// Where it is read first.
    pub(crate) span: Span,
}

impl Leaf {
    /// Whether it is the same tile as another, wherever that exists.
    pub(crate) fn same_tile(&self, other: &Self) -> bool {
        let (inside, span) = (other.inside.clone(), other.span);
        Self { inside, span, ..self.clone() } == *other
    }

    /// Remembers that it may not exist where another reader of the same tile stands.
    pub(crate) fn join(&mut self, other: &Self) {
        self.inside = self.inside.take().or_else(|| other.inside.clone());
    }

    /// The page that holds it.
    pub(crate) fn page(&self, place: &Place) -> Index {
        Along::at(&self.page, place)
    }

    /// Where the page exists: elsewhere its values are not used, and anything will do.
    /// `None` is everywhere.
    pub(crate) fn inside(&self, place: &Place) -> Option<Test> {
        self.inside.as_ref().map(|test| Along::holds_at(test, place))
    }

    /// The leaf that an element is part of.
    pub(crate) fn of(
        kernel: &Kernel,
        axes: &Axes,
        tensor: Id<Tensor>,
        index: &[IntId],
        span: Span,
    ) -> Result<Self, Diagnostic> {
        let read = Read { kernel, lines: Lines::new(kernel, axes), tensor, index, span };
        read.leaf()
    }
}

/// A read that is being looked at.
struct Read<'a> {
    kernel: &'a Kernel,
    lines: Lines<'a>,
    tensor: Id<Tensor>,
    index: &'a [IntId],
    span: Span,
}

/// What one side of a tile reads: its dimensions, how many tiles there are, and which one.
struct Side {
    dims: Vec<usize>,
    tiles: u64,
    tile: Index,
    inside: Option<Test>,
}

impl Read<'_> {
    fn leaf(&self) -> Result<Leaf, Diagnostic> {
        let (mut batch, mut sides) = (Vec::new(), [Vec::new(), Vec::new()]);
        for (dim, &id) in self.index.iter().enumerate() {
            if let Some(value) = self.lines.uniform(id) {
                self.within(dim, id)?;
                batch.push((dim, value));
                continue;
            }
            match self.lines.uses(id) {
                _ if self.is_gathered(id) => {
                    return Err(self.no_tile("its index is read from a tensor"));
                }
                [true, false] => sides[0].push(dim),
                [false, true] => sides[1].push(dim),
                [true, true] => return Err(self.no_tile("its index runs along both sides")),
                [false, false] => return Err(self.no_tile("its index is no number of tiles")),
            }
        }
        let [rows, columns] = sides;
        let [rows, columns] = [self.side(rows, false)?, self.side(columns, true)?];
        Ok(self.assemble(batch, rows, columns))
    }

    fn assemble(&self, batch: Vec<(usize, Index)>, rows: Side, columns: Side) -> Leaf {
        let mut matrix = Index::from(0);
        for (dim, value) in &batch {
            matrix = matrix * number(self.length(*dim)) + value.clone();
        }
        let page = (matrix * number(rows.tiles) + rows.tile) * number(columns.tiles) + columns.tile;
        let inside = match (rows.inside, columns.inside) {
            (Some(a), Some(b)) => Some(Test::Both(Box::new([a, b]))),
            (a, b) => a.or(b),
        };
        let spread = match (rows.dims.is_empty(), columns.dims.is_empty()) {
            (false, false) => None,
            (true, false) => Some(Spread::Row),
            (false, true) => Some(Spread::Column),
            (true, true) => Some(Spread::Element),
        };
        let (positions, moves) = Along::used(&page, self.lines.axes.batch.len());
        Leaf {
            tensor: self.tensor,
            order: Order {
                batch: batch.into_iter().map(|(dim, _)| dim).collect(),
                rows: rows.dims,
                columns: columns.dims,
            },
            spread,
            batch: positions,
            moves,
            page,
            inside,
            span: self.span,
        }
    }

    /// The tile that dimensions read along one side.
    fn side(&self, mut dims: Vec<usize>, columns: bool) -> Result<Side, Diagnostic> {
        if dims.is_empty() {
            return Ok(Side { dims, tiles: 1, tile: Index::from(0), inside: None });
        }
        dims.sort_by_key(|&dim| self.lines.first(self.index[dim], columns));
        let lengths: Vec<u64> = dims.iter().map(|&dim| self.length(dim)).collect();
        let mut sum = Terms::default();
        for (&dim, &length) in dims.iter().zip(&lengths) {
            let length = i64::try_from(length).ok();
            let next = length.and_then(|length| sum.times(length));
            let next = next.and_then(|sum| sum.plus(&Terms::of(self.kernel, self.index[dim]), 1));
            sum = next.ok_or_else(|| self.no_tile("its index is too large"))?;
        }
        let offset = self.lines.offset(sum, columns).ok_or_else(|| self.no_tile(WHOLE))?;
        let (low, high) = self.lines.interval(&offset).ok_or_else(|| self.no_tile(WHOLE))?;
        if low < 0 {
            return Err(self.no_tile("it begins before the first element"));
        }
        let further = self.lines.index(&offset.over(TILE)).ok_or_else(|| self.no_tile(WHOLE))?;
        let elements: u64 = lengths.iter().product();
        let tiles = elements.div_ceil(TILE.unsigned_abs());
        let tile = Along::tile(columns) + further;
        let most = self.lines.tiles(columns) + high.unsigned_abs() / TILE.unsigned_abs();
        let inside = (most > tiles).then(|| Test::Less(tile.clone(), number(tiles)));
        Ok(Side { dims, tiles, tile, inside })
    }

    /// Whether an index depends on what a tensor holds.
    fn is_gathered(&self, id: IntId) -> bool {
        let mut found = false;
        self.kernel.ints.visit_atoms(id, &mut |_, atom| {
            found |= matches!(atom, Atom::Read(..) | Atom::Value(_));
        });
        found
    }

    /// That a dimension which tells the matrix stays in range.
    fn within(&self, dim: usize, id: IntId) -> Result<(), Diagnostic> {
        if self.length(dim) == 0 {
            // Nothing is there, so nothing reads it.
            return Ok(());
        }
        let (low, high) = self
            .lines
            .interval(&Terms::of(self.kernel, id))
            .ok_or_else(|| self.no_tile("its index is too large"))?;
        if low < 0 || high.unsigned_abs() >= self.length(dim) {
            return Err(self.no_tile("an `if` keeps its index in range"));
        }
        Ok(())
    }

    fn length(&self, dim: usize) -> u64 {
        length(self.kernel, self.tensor, dim)
    }

    fn no_tile(&self, because: &str) -> Diagnostic {
        let name = &self.kernel.tensors[self.tensor].name;
        let index: Vec<_> = self.index.iter().map(|&id| show(self.kernel, id)).collect();
        let message = format!("Tensix can't read `{name}[{}]` as tiles", index.join(", "));
        Diagnostic::new(Kind::NotExpressible, self.span, message).here(because).help(ELSEWHERE)
    }
}

const WHOLE: &str = "its elements don't lie as whole tiles of 32 x 32";
/// The way out of what this target can't run.
pub(crate) const ELSEWHERE: &str = "--target cuda and --target cpu run it";

/// The length of a dimension; sizes are bound.
pub(crate) fn length(kernel: &Kernel, tensor: Id<Tensor>, dim: usize) -> u64 {
    let length = kernel.ints.as_constant(kernel.tensors[tensor].shape[dim]);
    length.and_then(|length| u64::try_from(length).ok()).expect("sizes are bound, at 0 or more")
}

/// A number of pages; buffers of more are refused.
fn number(value: u64) -> Index {
    Index::from(u32::try_from(value).unwrap_or(u32::MAX))
}
