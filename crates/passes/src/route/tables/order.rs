//! Which row is the p-th of the sorted ones: by its group, then its chunk, then its rank
//! there, so that nothing is sorted.

use tilec_ir::int::TooComplex;
use tilec_ir::tensor::{Binary, Tensor};
use tilec_ir::{Id, IntId};

use super::{CHUNKS, Counted, Writer};

impl Writer<'_, '_> {
    /// ```text
    /// owner[p] = sum[e](if start[e] + count[e] <= p then 1 else 0)
    /// chunk[p] = sum[c](if start[g] + before[g, c] + within[g, c] <= p then 1 else 0)
    /// order[p] = the row of that chunk and group with start[g] + before[g, c] + rank[r] == p
    /// ```
    pub(super) fn order(
        &mut self,
        counted: Counted,
        start: Id<Tensor>,
        count: Id<Tensor>,
        rank: Id<Tensor>,
    ) -> Result<Id<Tensor>, TooComplex> {
        let owner = self.owner(start, count);
        let chunk = self.chunk_at(counted, start, owner);
        let (place, row) = (self.draft.var("p", self.rows), self.in_chunk());
        let at = self.draft.at(place);
        let (group, chunk) = (self.own(owner, at, self.groups), self.own(chunk, at, self.chunks));
        let own = self.row_of(chunk, row)?;
        let [there, alike] = self.is_of(own, group)?;
        let draft = &mut *self.draft;
        let (start, rank) = (draft.read(start, vec![group]), draft.read(rank, vec![own.1]));
        let before = draft.read(counted.before, vec![group, chunk]);
        let first = draft.binary(Binary::Add, start, before);
        let stands = draft.binary(Binary::Add, first, rank);
        let at = draft.int(at);
        let here = draft.binary(Binary::Equal, stands, at);
        let value = self.where_all(&[there, alike, here], own.0);
        let value = self.draft.sum(row, value);
        Ok(self.draft.sums("order", vec![place], value, CHUNKS))
    }

    /// An element of a table of the sorted rows as an index.
    fn own(&mut self, table: Id<Tensor>, place: IntId, length: IntId) -> IntId {
        let value = self.draft.read(table, vec![place]);
        self.draft.index(value, length)
    }

    fn owner(&mut self, start: Id<Tensor>, count: Id<Tensor>) -> Id<Tensor> {
        let place = self.draft.var("p", self.rows);
        let group = self.draft.var("e", self.groups);
        let (at, of) = (self.draft.at(place), self.draft.at(group));
        let draft = &mut *self.draft;
        let (start, count) = (draft.read(start, vec![of]), draft.read(count, vec![of]));
        let end = draft.binary(Binary::Add, start, count);
        let (at, one) = (draft.int(at), draft.constant(1));
        let ended = draft.binary(Binary::AtMost, end, at);
        let value = self.where_all(&[ended], one);
        let value = self.draft.sum(group, value);
        self.draft.sums("owner", vec![place], value, "groups are few")
    }

    fn chunk_at(&mut self, counted: Counted, start: Id<Tensor>, owner: Id<Tensor>) -> Id<Tensor> {
        let (place, chunk) = (self.draft.var("p", self.rows), self.chunk_var());
        let (at, of) = (self.draft.at(place), self.draft.at(chunk));
        let group = self.own(owner, at, self.groups);
        let draft = &mut *self.draft;
        let start = draft.read(start, vec![group]);
        let before = draft.read(counted.before, vec![group, of]);
        let within = draft.read(counted.within, vec![group, of]);
        let first = draft.binary(Binary::Add, start, before);
        let end = draft.binary(Binary::Add, first, within);
        let (at, one) = (draft.int(at), draft.constant(1));
        let ended = draft.binary(Binary::AtMost, end, at);
        let value = self.where_all(&[ended], one);
        let value = self.draft.sum(chunk, value);
        self.draft.sums("chunk", vec![place], value, CHUNKS)
    }
}
