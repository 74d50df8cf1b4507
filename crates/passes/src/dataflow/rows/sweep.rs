//! The order of sweeps and segments within an item, the same for all three roles.

use tilec_ir::dataflow::{Index, Op};

use super::{COLUMN, Rows, WITHIN};
use crate::dataflow::points::lets;

impl Rows {
    /// The ops of an item: of each sweep what `tile` says for every tile, framed by `around`;
    /// of values what `values` says, of rows and of segments; `segment` frames what is done
    /// for each segment.
    pub(super) fn walk(
        &self,
        tile: &mut dyn FnMut(usize) -> Vec<Op>,
        values: &mut dyn FnMut(bool) -> Vec<Op>,
        segment: impl Fn(Vec<Op>) -> Vec<Op>,
    ) -> Vec<Op> {
        self.walk_framed(tile, &mut |_, ops| ops, values, segment)
    }

    /// As [`Rows::walk`], with what stands around the loop of a sweep.
    pub(super) fn walk_framed(
        &self,
        tile: &mut dyn FnMut(usize) -> Vec<Op>,
        around: &mut dyn FnMut(usize, Vec<Op>) -> Vec<Op>,
        values: &mut dyn FnMut(bool) -> Vec<Op>,
        segment: impl Fn(Vec<Op>) -> Vec<Op>,
    ) -> Vec<Op> {
        let (whole, inner) = (self.parts.whole.len(), self.parts.inner.len());
        let mut ops = Vec::new();
        for sweep in 0..whole {
            let body = self.over_row(tile(sweep));
            ops.extend(around(sweep, body));
        }
        let segments = self.parts.segment.is_some() && !self.parts.by_segment;
        if segments {
            ops.extend(values(false));
        }
        let mut inside = Vec::new();
        for sweep in whole..=whole + inner {
            let last = sweep == whole + inner;
            if last {
                inside.extend(values(self.parts.segment.is_some()));
            }
            let body = tile(sweep);
            let body = if self.parts.segment.is_some() {
                self.over_segment(body, last)
            } else {
                self.over_row(body)
            };
            inside.extend(around(sweep, body));
        }
        let inside = segment(inside);
        if segments && !inside.is_empty() {
            let count = Index::from(u32::try_from(self.parts.segments()).unwrap_or(u32::MAX));
            ops.push(Op::Loop { name: self.parts.segment_name.clone(), count, body: inside });
        } else {
            ops.extend(inside);
        }
        ops
    }

    fn over_row(&self, body: Vec<Op>) -> Vec<Op> {
        if body.is_empty() {
            return body;
        }
        let count = Index::from(u32::try_from(self.parts.column_tiles()).unwrap_or(u32::MAX));
        vec![Op::Loop { name: COLUMN.to_owned(), count, body }]
    }

    /// Over the tiles of a segment; those past the row's end are not mapped.
    fn over_segment(&self, body: Vec<Op>, maps: bool) -> Vec<Op> {
        if body.is_empty() {
            return body;
        }
        let small = |value| u32::try_from(value).unwrap_or(u32::MAX);
        let (tiles, all) = (self.parts.segment_tiles(), self.parts.column_tiles());
        let mut count = Index::from(small(tiles));
        if maps && all % tiles != 0 {
            let left = Index::from(small(all)) - self.segment() * small(tiles);
            count = left.min(small(tiles));
        }
        let body = lets(&self.column(), body);
        vec![Op::Loop { name: WITHIN.to_owned(), count, body }]
    }
}
