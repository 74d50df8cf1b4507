//! Which rows a group has, in which tile each stands, and the group of every tile.
//!
//! ```text
//! within[e, c]  rows of a group in a chunk of 256     start[e]   rows of the groups before it
//! before[e, c]  those in the chunks before            first[e]   tiles of the groups before it
//! count[e]      rows of a group                       rank[r]    rows of its group before a row
//! place[r]      128 * tile + row of the tile                     in its chunk
//! owner[p]      group of the p-th of the sorted rows  group[b]   the group of a tile
//! chunk[p]      chunk that it is in                   begin[b]   its first row, as sorted
//! order[p]      which row it is
//! filled[b]     how many rows of its group are left for a tile: more than it has, fewer, or
//!               none for tiles without a group
//! ```
//!
//! Counting by chunks takes a few sums of 256 for each row, however many rows there are.
//! Rows of one group keep their order, so that all of it is a function of the groups alone.

mod order;

use tilec_ir::int::TooComplex;
use tilec_ir::plan::{Grouped, Sorted};
use tilec_ir::tensor::{Binary, Expr, ExprKind, Tensor, Var};
use tilec_ir::{Id, IntId, Scalar};

use super::Rows;
use super::draft::Draft;
use crate::recognize::Renaming;

/// Rows of a tile: what matrix instructions of a block take at once.
const ROWS: i64 = 128;
/// Rows of a tile of cores that multiply blocks of 32, at least and at most.
const APART: [i64; 2] = [32, 128];
/// Rows that are counted together.
const CHUNK: i64 = 256;

/// The tables of one way to group rows.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    /// The variables that tell rows, and the group, as the first product has them.
    m: Vec<Id<Var>>,
    key: Id<Expr>,
    groups: IntId,
    /// Rows of a tile.
    height: i64,
    /// How many tiles there are.
    tiles: IntId,
    place: Id<Tensor>,
    group: Id<Tensor>,
    begin: Id<Tensor>,
    order: Id<Tensor>,
    filled: Id<Tensor>,
    /// How many rows there are.
    rows: IntId,
}

impl Tables {
    /// Defines the tables.
    pub(super) fn new(
        draft: &mut Draft<'_>,
        grouped: &Grouped,
        lie: Rows,
    ) -> Result<Self, TooComplex> {
        let product = &grouped.products[0];
        let (m, groups) = (product.contract.m.clone(), grouped.groups);
        let key = draft.int(product.group);
        let rows = length(draft, &m)?;
        let height = height(draft, rows, groups, lie);
        let size = draft.kernel.ints.constant(height);
        let tiles = draft.kernel.ints.ceil_div(rows, size)?;
        let tiles = draft.kernel.ints.add(tiles, groups)?;
        let size = draft.kernel.ints.constant(CHUNK);
        let chunks = draft.kernel.ints.ceil_div(rows, size)?;
        let mut writer = Writer { draft, m: &m, key, groups, rows, chunks, height };
        let within = writer.within()?;
        let counted = Counted { within, before: writer.chunks_before(within) };
        let count = writer.count(within);
        let start = writer.before("start", count, false);
        let first = writer.before("first", count, true);
        let rank = writer.rank()?;
        let place = writer.place(first, counted.before, rank, tiles)?;
        let order = writer.order(counted, start, count, rank)?;
        let group = writer.group(first, count, tiles);
        let filled = writer.filled(group, first, count, tiles);
        let begin = writer.begin(group, first, start, tiles)?;
        Ok(Self { m, key, groups, height, tiles, place, group, begin, order, filled, rows })
    }

    /// What the tables say of rows and places.
    pub(super) fn sorted_rows(&self) -> Sorted {
        let Self { place, order, begin, rows, .. } = *self;
        Sorted { place, order, begin, rows }
    }

    /// Whether these are the tables of other products too.
    pub(super) fn are_of(&self, draft: &mut Draft<'_>, grouped: &Grouped) -> bool {
        let product = &grouped.products[0];
        let others = &product.contract.m;
        let range = |draft: &Draft<'_>, var: Id<Var>| draft.kernel.vars[var].range;
        let same = self.groups == grouped.groups
            && self.m.len() == others.len()
            && self.m.iter().zip(others).all(|(&a, &b)| range(draft, a) == range(draft, b));
        if !same {
            return false;
        }
        let mut renaming = Renaming::default();
        for (&own, &other) in self.m.iter().zip(others) {
            let at = draft.at(own);
            renaming.vars.insert(other, at);
        }
        let key = draft.int(product.group);
        draft.alike(key, self.key, &renaming)
    }

    /// Variables for a tile and for a row of it.
    pub(super) fn point(&self, draft: &mut Draft<'_>) -> [Id<Var>; 2] {
        let size = draft.kernel.ints.constant(self.height);
        [draft.var("b", self.tiles), draft.var("i", size)]
    }

    /// Whether a row of a tile is one of the rows.
    pub(super) fn holds(&self, draft: &mut Draft<'_>, tile: Id<Var>, row: Id<Var>) -> Id<Expr> {
        holds(draft, self.filled, tile, row)
    }

    /// How many rows of its group are left for a tile.
    pub(super) fn filled(&self, draft: &mut Draft<'_>, tile: Id<Var>) -> Id<Expr> {
        let at = draft.at(tile);
        draft.read(self.filled, vec![at])
    }

    /// A variable for a place of the sorted rows. Behind the last of them there are as many as
    /// a tile has, so that no tile ends outside.
    pub(super) fn sorted(&self, draft: &mut Draft<'_>) -> Result<Id<Var>, TooComplex> {
        let more = draft.kernel.ints.constant(self.height);
        let places = draft.kernel.ints.add(self.rows, more)?;
        Ok(draft.var("p", places))
    }

    /// Whether there is a row at a place of the sorted rows.
    pub(super) fn is_row(&self, draft: &mut Draft<'_>, place: Id<Var>) -> Id<Expr> {
        let (place, rows) = (draft.at(place), draft.int(self.rows));
        let place = draft.int(place);
        draft.binary(Binary::Less, place, rows)
    }

    /// What stands for the variables of rows at a place of the sorted rows.
    pub(super) fn rows_at(
        &self,
        draft: &mut Draft<'_>,
        m: &[Id<Var>],
        place: IntId,
    ) -> Result<Renaming, TooComplex> {
        let place = draft.int(place);
        let place = draft.index(place, self.rows);
        let at = draft.read(self.order, vec![place]);
        let at = draft.index(at, self.rows);
        apart(draft, m, at)
    }

    /// Where a row of a tile stands among the sorted rows.
    pub(super) fn sorted_at(
        &self,
        draft: &mut Draft<'_>,
        tile: Id<Var>,
        row: Id<Var>,
    ) -> Result<IntId, TooComplex> {
        let tile = draft.at(tile);
        let begin = draft.element(self.begin, vec![tile]);
        draft.after(row, begin)
    }

    pub(super) fn group_at(&self, draft: &mut Draft<'_>, tile: Id<Var>) -> IntId {
        let tile = draft.at(tile);
        draft.element(self.group, vec![tile])
    }

    /// The tile of a row, and the row of the tile that it is.
    pub(super) fn place_of(
        &self,
        draft: &mut Draft<'_>,
        m: &[Id<Var>],
    ) -> Result<[IntId; 2], TooComplex> {
        let row = flat(draft, m)?;
        let place = draft.element(self.place, vec![row]);
        let size = draft.kernel.ints.constant(self.height);
        let tile = draft.kernel.ints.div(place, size)?;
        Ok([tile, draft.kernel.ints.rem(place, size)?])
    }
}

/// Rows of a tile: apart, as many as a group has on average, so that few are padding.
fn height(draft: &Draft<'_>, rows: IntId, groups: IntId, lie: Rows) -> i64 {
    if lie == Rows::Sorted {
        return ROWS;
    }
    let [least, most] = APART;
    let [rows, groups] = [rows, groups].map(|size| draft.kernel.ints.as_constant(size));
    let mean = rows.unwrap_or(0) / groups.unwrap_or(1).max(1);
    let mut height = least;
    while height < most && 4 * height <= mean {
        height *= 2;
    }
    height
}

/// How many rows there are.
fn length(draft: &mut Draft<'_>, m: &[Id<Var>]) -> Result<IntId, TooComplex> {
    let one = draft.kernel.ints.constant(1);
    m.iter().try_fold(one, |length, &var| {
        let range = draft.kernel.vars[var].range;
        draft.kernel.ints.mul(length, range)
    })
}

/// The number of a row.
fn flat(draft: &mut Draft<'_>, m: &[Id<Var>]) -> Result<IntId, TooComplex> {
    let zero = draft.kernel.ints.constant(0);
    m.iter().try_fold(zero, |row, &var| {
        let range = draft.kernel.vars[var].range;
        let row = draft.kernel.ints.mul(row, range)?;
        draft.after(var, row)
    })
}

/// The variables of a row by its number.
fn apart(draft: &mut Draft<'_>, m: &[Id<Var>], row: IntId) -> Result<Renaming, TooComplex> {
    let (mut renaming, mut rest) = (Renaming::default(), row);
    for (at, &var) in m.iter().enumerate().rev() {
        let range = draft.kernel.vars[var].range;
        let outer = if at == 0 { None } else { Some(draft.quotient(rest, range)?) };
        let place = match outer {
            None => rest,
            Some(outer) => {
                let before = draft.kernel.ints.mul(outer, range)?;
                draft.kernel.ints.sub(rest, before)?
            }
        };
        renaming.vars.insert(var, place);
        rest = outer.unwrap_or(rest);
    }
    Ok(renaming)
}

fn holds(draft: &mut Draft<'_>, filled: Id<Tensor>, tile: Id<Var>, row: Id<Var>) -> Id<Expr> {
    let (tile, row) = (draft.at(tile), draft.at(row));
    let (row, filled) = (draft.int(row), draft.read(filled, vec![tile]));
    draft.binary(Binary::Less, row, filled)
}

/// Rows of groups by chunks.
#[derive(Clone, Copy)]
struct Counted {
    within: Id<Tensor>,
    before: Id<Tensor>,
}

/// Writes the equations of the tables.
struct Writer<'a, 'k> {
    draft: &'a mut Draft<'k>,
    m: &'a [Id<Var>],
    key: Id<Expr>,
    groups: IntId,
    rows: IntId,
    chunks: IntId,
    height: i64,
}

const CHUNKS: &str = "rows are counted by chunks";

impl Writer<'_, '_> {
    /// The group of a row by its number.
    fn key_at(&mut self, row: IntId) -> Result<IntId, TooComplex> {
        let renaming = apart(self.draft, self.m, row)?;
        let key = self.draft.copy(self.key, &renaming)?;
        match self.draft.kernel.exprs[key].kind {
            ExprKind::Int(int) => Ok(int),
            _ => Err(TooComplex),
        }
    }

    /// A row of a chunk: its number, and that as an index, of the last row behind the end.
    fn row_of(&mut self, chunk: IntId, at: Id<Var>) -> Result<(Id<Expr>, IntId), TooComplex> {
        let size = self.draft.kernel.ints.constant(CHUNK);
        let first = self.draft.kernel.ints.mul(chunk, size)?;
        let row = self.draft.after(at, first)?;
        let row = self.draft.int(row);
        Ok((row, self.draft.index(row, self.rows)))
    }

    /// Whether a row is there and of a group.
    fn is_of(&mut self, row: (Id<Expr>, IntId), group: IntId) -> Result<[Id<Expr>; 2], TooComplex> {
        let key = self.key_at(row.1)?;
        let draft = &mut *self.draft;
        let (key, of, rows) = (draft.int(key), draft.int(group), draft.int(self.rows));
        Ok([draft.binary(Binary::Less, row.0, rows), draft.binary(Binary::Equal, key, of)])
    }

    /// A value where all tests hold, else 0.
    fn where_all(&mut self, tests: &[Id<Expr>], value: Id<Expr>) -> Id<Expr> {
        let zero = self.draft.constant(0);
        tests.iter().rev().fold(value, |value, &test| self.draft.select(test, value, zero))
    }

    fn chunk_var(&mut self) -> Id<Var> {
        self.draft.var("c", self.chunks)
    }

    fn in_chunk(&mut self) -> Id<Var> {
        let size = self.draft.kernel.ints.constant(CHUNK);
        self.draft.var("i", size)
    }

    /// `within[e, c] = sum[i](if 256 * c + i < R and group(256 * c + i) == e then 1 else 0)`
    fn within(&mut self) -> Result<Id<Tensor>, TooComplex> {
        let (group, chunk) = (self.draft.var("e", self.groups), self.chunk_var());
        let row = self.in_chunk();
        let (of, at) = (self.draft.at(group), self.draft.at(chunk));
        let own = self.row_of(at, row)?;
        let tests = self.is_of(own, of)?;
        let one = self.draft.constant(1);
        let value = self.where_all(&tests, one);
        let value = self.draft.sum(row, value);
        Ok(self.draft.sums("within", vec![group, chunk], value, CHUNKS))
    }

    /// `before[e, c] = sum[b](if b < c then within[e, b] else 0)`
    fn chunks_before(&mut self, within: Id<Tensor>) -> Id<Tensor> {
        let group = self.draft.var("e", self.groups);
        let (to, from) = (self.chunk_var(), self.chunk_var());
        let draft = &mut *self.draft;
        let (of, end, at) = (draft.at(group), draft.at(to), draft.at(from));
        let value = draft.read(within, vec![of, at]);
        let (at, end, zero) = (draft.int(at), draft.int(end), draft.constant(0));
        let test = draft.binary(Binary::Less, at, end);
        let value = draft.select(test, value, zero);
        let value = draft.sum(from, value);
        draft.sums("before", vec![group, to], value, CHUNKS)
    }

    /// `count[e] = sum[c](within[e, c])`
    fn count(&mut self, within: Id<Tensor>) -> Id<Tensor> {
        let (group, chunk) = (self.draft.var("e", self.groups), self.chunk_var());
        let index = vec![self.draft.at(group), self.draft.at(chunk)];
        let value = self.draft.read(within, index);
        let value = self.draft.sum(chunk, value);
        self.draft.sums("count", vec![group], value, CHUNKS)
    }

    /// `rank[r] = sum[i](if i < r % 256 and group(r - r % 256 + i) == group(r) then 1 else 0)`
    fn rank(&mut self) -> Result<Id<Tensor>, TooComplex> {
        let (row, other) = (self.draft.var("r", self.rows), self.in_chunk());
        let at = self.draft.at(row);
        let group = self.key_at(at)?;
        let size = self.draft.kernel.ints.constant(CHUNK);
        let chunk = self.draft.kernel.ints.div(at, size)?;
        let own = self.row_of(chunk, other)?;
        let [_, alike] = self.is_of(own, group)?;
        let draft = &mut *self.draft;
        let (of, one) = (draft.int(at), draft.constant(1));
        let earlier = draft.binary(Binary::Less, own.0, of);
        let value = self.where_all(&[earlier, alike], one);
        let value = self.draft.sum(other, value);
        Ok(self.draft.sums("rank", vec![row], value, CHUNKS))
    }

    /// `(count[e] + 127) / 128`
    fn tiles_of(&mut self, count: Id<Tensor>, group: IntId) -> Id<Expr> {
        let draft = &mut *self.draft;
        let count = draft.read(count, vec![group]);
        let (more, size) = (draft.constant(self.height - 1), draft.constant(self.height));
        let count = draft.binary(Binary::Add, count, more);
        draft.binary(Binary::Div, count, size)
    }

    /// `before[e] = sum[g](if g < e then count[g] else 0)`, or so many tiles.
    fn before(&mut self, what: &str, count: Id<Tensor>, tiles: bool) -> Id<Tensor> {
        let (to, from) = (self.draft.var("e", self.groups), self.draft.var("g", self.groups));
        let (end, at) = (self.draft.at(to), self.draft.at(from));
        let value = match tiles {
            true => self.tiles_of(count, at),
            false => self.draft.read(count, vec![at]),
        };
        let draft = &mut *self.draft;
        let (at, end) = (draft.int(at), draft.int(end));
        let test = draft.binary(Binary::Less, at, end);
        let zero = draft.constant(0);
        let value = draft.select(test, value, zero);
        let value = draft.sum(from, value);
        draft.sums(what, vec![to], value, "groups are few")
    }

    /// `place[r] = 128 * first[group(r)] + before[group(r), r / 256] + rank[r]`
    fn place(
        &mut self,
        first: Id<Tensor>,
        before: Id<Tensor>,
        rank: Id<Tensor>,
        tiles: IntId,
    ) -> Result<Id<Tensor>, TooComplex> {
        let row = self.draft.var("r", self.rows);
        let at = self.draft.at(row);
        let group = self.key_at(at)?;
        let draft = &mut *self.draft;
        let size = draft.kernel.ints.constant(CHUNK);
        let chunk = draft.kernel.ints.div(at, size)?;
        let (first, size) = (draft.read(first, vec![group]), draft.constant(self.height));
        let (before, rank) = (draft.read(before, vec![group, chunk]), draft.read(rank, vec![at]));
        let first = draft.binary(Binary::Mul, first, size);
        let within = draft.binary(Binary::Add, before, rank);
        let place = draft.binary(Binary::Add, first, within);
        let size = draft.kernel.ints.constant(self.height);
        let places = draft.kernel.ints.mul(tiles, size)?;
        let place = draft.clamped(place, places);
        Ok(draft.points("place", Scalar::Idx(places), vec![row], place))
    }

    /// `group[b] = sum[e](if first[e] + tiles_of(e) <= b then 1 else 0)`, clamped.
    fn group(&mut self, first: Id<Tensor>, count: Id<Tensor>, tiles: IntId) -> Id<Tensor> {
        let tile = self.draft.var("b", tiles);
        let group = self.draft.var("e", self.groups);
        let (at, of) = (self.draft.at(tile), self.draft.at(group));
        let own = self.tiles_of(count, of);
        let draft = &mut *self.draft;
        let first = draft.read(first, vec![of]);
        let end = draft.binary(Binary::Add, first, own);
        let at = draft.int(at);
        let test = draft.binary(Binary::AtMost, end, at);
        let (one, zero) = (draft.constant(1), draft.constant(0));
        let value = draft.select(test, one, zero);
        let value = draft.sum(group, value);
        let ended = draft.sums("ended", vec![tile], value, "groups are few");
        let tile = draft.var("b", tiles);
        let at = draft.at(tile);
        let value = draft.read(ended, vec![at]);
        let value = draft.clamped(value, self.groups);
        draft.points("group", Scalar::Idx(self.groups), vec![tile], value)
    }

    /// How many rows of its group are left for a tile: `count[g] - 128 * (b - first[g])`.
    fn filled(
        &mut self,
        group: Id<Tensor>,
        first: Id<Tensor>,
        count: Id<Tensor>,
        tiles: IntId,
    ) -> Id<Tensor> {
        let tile = self.draft.var("b", tiles);
        let before = self.rows_before(group, first, tile);
        let draft = &mut *self.draft;
        let at = draft.at(tile);
        let group = draft.element(group, vec![at]);
        let count = draft.read(count, vec![group]);
        let value = draft.binary(Binary::Sub, count, before);
        draft.points("filled", Scalar::I32, vec![tile], value)
    }

    /// `128 * (b - first[group[b]])`: rows of a tile's group in the tiles before it.
    fn rows_before(&mut self, group: Id<Tensor>, first: Id<Tensor>, tile: Id<Var>) -> Id<Expr> {
        let draft = &mut *self.draft;
        let at = draft.at(tile);
        let group = draft.element(group, vec![at]);
        let (at, first) = (draft.int(at), draft.read(first, vec![group]));
        let before = draft.binary(Binary::Sub, at, first);
        let size = draft.constant(self.height);
        draft.binary(Binary::Mul, before, size)
    }

    /// `begin[b] = start[group[b]] + 128 * (b - first[group[b]])`
    fn begin(
        &mut self,
        group: Id<Tensor>,
        first: Id<Tensor>,
        start: Id<Tensor>,
        tiles: IntId,
    ) -> Result<Id<Tensor>, TooComplex> {
        let tile = self.draft.var("b", tiles);
        let before = self.rows_before(group, first, tile);
        let draft = &mut *self.draft;
        let at = draft.at(tile);
        let group = draft.element(group, vec![at]);
        let start = draft.read(start, vec![group]);
        let begin = draft.binary(Binary::Add, start, before);
        // Tiles without rows may begin behind the last one.
        let one = draft.kernel.ints.constant(1);
        let places = draft.kernel.ints.add(self.rows, one)?;
        let begin = draft.clamped(begin, places);
        Ok(draft.points("begin", Scalar::Idx(places), vec![tile], begin))
    }
}
