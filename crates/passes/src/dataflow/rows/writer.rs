//! The writer: values of rows or segments, then the tiles of maps.

use tilec_ir::dataflow::{Index, Move, Op};

use super::{COLUMN, Rows};

impl Rows {
    pub(super) fn writer(&self) -> Vec<Op> {
        let maps = self.sweeps().len() - 1;
        let body = self.walk(
            &mut |sweep| {
                if sweep == maps { self.put(&self.parts.maps()) } else { Vec::new() }
            },
            &mut |segmented| self.put(&self.parts.values(segmented)),
            |inside| inside,
        );
        self.items(body)
    }

    /// Writes a tile of each part.
    fn put(&self, parts: &[usize]) -> Vec<Op> {
        if parts.is_empty() {
            return Vec::new();
        }
        let outputs: Vec<_> = parts.iter().filter_map(|&at| self.outputs[at].as_ref()).collect();
        let mut ops = Vec::new();
        for (&at, output) in parts.iter().zip(&outputs) {
            ops.push(Op::Wait(output.ring, 1));
            ops.push(Op::Move(Move::Write {
                buffer: output.buffer,
                page: self.page_written(at),
                from: output.ring,
                at: Index::from(0),
            }));
        }
        ops.push(Op::Move(Move::WriteBarrier));
        ops.extend(outputs.iter().map(|output| Op::Pop(output.ring, 1)));
        ops
    }

    /// The page of a part in what is written.
    fn page_written(&self, at: usize) -> Index {
        let small = |number| u32::try_from(number).unwrap_or(u32::MAX);
        let (part, place) = (&self.parts.parts[at], self.place());
        let mut lengths = self.parts.batch.clone();
        if part.segmented {
            lengths.push(self.parts.segments());
        }
        let matrix = lengths
            .iter()
            .zip(&place.batch)
            .fold(Index::from(0), |matrix, (&n, at)| matrix * small(n) + at.clone());
        let row = place.row.unwrap_or_else(|| Index::from(0));
        let page = matrix * small(self.parts.rows.div_ceil(32)) + row;
        if part.is_map() {
            page * small(self.parts.column_tiles()) + Index::named(COLUMN)
        } else {
            page
        }
    }
}
