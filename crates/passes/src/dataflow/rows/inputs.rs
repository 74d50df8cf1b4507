//! What a step reads: which tiles stay in L1, and for how long.

use tilec_ir::dataflow::{BufferAt, CircularAt, Index, Move, Op, Test};
use tilec_ir::tensor::Expr;
use tilec_ir::{Diagnostic, Id};
use tilec_target::Tensix;

use super::constant::Constant;
use super::{COLUMN, I, Rows, WITHIN};
use crate::dataflow::draft::Draft;
use crate::dataflow::points::{lets, share};
use crate::dataflow::vector::{Leaf, Ring, Root, leaves, rings_of};

/// How many tiles of an operand are on their way while it is streamed.
const AHEAD: u32 = 4;

/// For how long a tile stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// One tile, for all items.
    Once,
    /// All tiles along the rows, for all items.
    Line,
    /// One tile, for an item.
    Strip,
    /// All tiles of an item, for the item.
    Held,
    /// One tile, for a segment within an item.
    Segment,
    /// One tile after the other, for one sweep.
    Streamed,
}

/// A tile, or a row of tiles, that is read.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub(super) leaf: Leaf,
    pub(super) ring: CircularAt,
    pub(super) buffer: BufferAt,
    /// How many pages hold a tile: the second one is as many further as `apart`.
    pub(super) pages: u32,
    apart: u32,
    pub(super) scope: Scope,
    /// In which sweeps it is needed; see [`Rows::sweeps`].
    pub(super) sweeps: Vec<usize>,
}

impl Rows {
    /// The parts of each sweep over tiles: reductions by level, then the maps.
    pub(super) fn sweeps(&self) -> Vec<Vec<usize>> {
        let reductions = self.parts.whole.iter().chain(&self.parts.inner).cloned();
        reductions.chain([self.parts.maps()]).collect()
    }

    /// Asks for the buffers of all tiles.
    pub(super) fn read(&mut self, draft: &mut Draft<'_>) -> Result<(), Diagnostic> {
        for (at, sweep) in self.sweeps().iter().enumerate() {
            for leaf in self.parts.leaves(&draft.plan.kernel, sweep, &self.kept())? {
                self.input(draft, leaf, Some(at))?;
            }
        }
        for Constant { expr, axes, .. } in self.constants.clone() {
            let roots = [Root { expr, axes: &axes, stored: None }];
            for leaf in leaves(&draft.plan.kernel, &roots, &self.parts.reduced(), &[])? {
                self.input(draft, leaf, None)?;
            }
        }
        for segmented in [false, true] {
            let mut values = self.parts.values(segmented);
            values.retain(|&at| self.parts.parts[at].reduction().is_none());
            for leaf in self.parts.leaves(&draft.plan.kernel, &values, &self.kept())? {
                self.input(draft, leaf, None)?;
            }
        }
        Ok(())
    }

    /// Values that are computed before the sweeps that use them.
    pub(super) fn kept(&self) -> Vec<Id<Expr>> {
        self.constants.iter().map(|constant| constant.expr).collect()
    }

    fn input(
        &mut self,
        draft: &mut Draft<'_>,
        leaf: Leaf,
        sweep: Option<usize>,
    ) -> Result<(), Diagnostic> {
        if let Some(known) = self.inputs.iter_mut().find(|known| known.leaf.same_tile(&leaf)) {
            known.leaf.join(&leaf);
            known.sweeps.extend(sweep);
            return Ok(());
        }
        let Ring { format, pages } = rings_of(&draft.plan.kernel, &leaf, draft.f32_ring());
        let buffer = draft.read(leaf.tensor, &leaf.order, format, leaf.span)?;
        let apart = draft.buffers[buffer].pages() / u64::from(pages);
        let apart = u32::try_from(apart).unwrap_or(u32::MAX);
        let name = draft.buffers[buffer].name.clone();
        let scope = self.scope(&leaf);
        let tiles = if scope == Scope::Streamed { AHEAD } else { 2 };
        let holds = if pages == 1 { "tiles" } else { "lower and upper halves" };
        let ring = self.ring(&name, format, tiles * pages, format!("{holds} of {name}"));
        let sweeps = sweep.into_iter().collect();
        self.inputs.push(Input { leaf, ring, buffer, pages, apart, scope, sweeps });
        Ok(())
    }

    fn scope(&self, leaf: &Leaf) -> Scope {
        let segment = self.parts.batch.len();
        let of_segment = leaf.batch.contains(&segment) && !self.parts.by_segment;
        if leaf.moves[1] {
            Scope::Streamed
        } else if of_segment {
            Scope::Segment
        } else if self.counter.period(leaf) < self.counter.items() {
            Scope::Strip
        } else {
            Scope::Once
        }
    }

    /// How many tiles along the rows an item has, those beyond the last included.
    pub(super) fn item_tiles(&self) -> u64 {
        if self.parts.by_segment { self.parts.segment_tiles() } else { self.all_tiles() }
    }

    /// The tiles of all segments, those beyond the last included.
    fn all_tiles(&self) -> u64 {
        self.parts.segments() * self.parts.segment_tiles()
    }

    /// Keeps in L1 what is needed again, as far as it fits, most needed first.
    pub(super) fn hold(&mut self, tensix: &Tensix) {
        let items = share(self.counter.items(), [tensix.columns, tensix.rows]).most();
        let mut order: Vec<_> = (0..self.inputs.len()).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(self.inputs[at].sweeps.len()));
        for at in order {
            let Input { scope, ring, pages, ref sweeps, .. } = self.inputs[at];
            if scope != Scope::Streamed {
                if scope == Scope::Once || items == 1 {
                    self.rings[ring].tiles = pages;
                }
                continue;
            }
            let needed = sweeps.len();
            let mut ways = Vec::new();
            if self.is_line(at) && (items > 1 || needed > 1) {
                ways.push((Scope::Line, self.all_tiles()));
            }
            if needed > 1 {
                let twice = if items > 1 { 2 } else { 1 };
                ways.push((Scope::Held, twice * self.item_tiles()));
                ways.push((Scope::Held, self.item_tiles()));
            }
            for (scope, tiles) in ways.into_iter().filter(|way| way.1 > 0) {
                let before = self.rings[ring].tiles;
                let tiles = tiles.saturating_mul(pages.into());
                self.rings[ring].tiles = u32::try_from(tiles).unwrap_or(u32::MAX);
                if self.bytes() <= u64::from(tensix.l1_bytes) {
                    self.inputs[at].scope = scope;
                    break;
                }
                self.rings[ring].tiles = before;
            }
        }
    }

    /// Whether a row of tiles is the same for all items.
    fn is_line(&self, at: usize) -> bool {
        let leaf = &self.inputs[at].leaf;
        !leaf.moves[0] && leaf.batch.is_empty()
    }

    fn bytes(&self) -> u64 {
        let bytes = |ring: &tilec_ir::dataflow::Circular| {
            u64::from(ring.tiles) * u64::from(ring.format.tile_bytes())
        };
        self.rings.iter().map(bytes).fold(0, u64::saturating_add)
    }

    /// What stays in L1, in words.
    pub(super) fn held(&self) -> String {
        let name = |input: &Input| self.rings[input.ring].name.clone();
        let of = |scope: Scope| -> Vec<String> {
            self.inputs.iter().filter(|input| input.scope == scope).map(name).collect()
        };
        let held = [of(Scope::Line), of(Scope::Held)].concat();
        let again = self.inputs.iter().filter(|x| x.scope == Scope::Streamed && x.sweeps.len() > 1);
        let again: Vec<_> = again.map(name).collect();
        match (held.is_empty(), again.is_empty()) {
            (true, true) => "every tile is read once".to_owned(),
            (_, false) => {
                format!("{} do not fit into L1 and are read for each sweep", again.join(", "))
            }
            (false, true) => format!("{} stay in L1", held.join(", ")),
        }
    }

    /// The page of a tile in its ring, among those waited for.
    pub(super) fn page_in_ring(&self, input: &Input) -> Index {
        let tile = match input.scope {
            Scope::Once | Scope::Strip | Scope::Segment | Scope::Streamed => Index::from(0),
            Scope::Line => Index::named(COLUMN),
            Scope::Held if self.parts.by_segment => Index::named(WITHIN),
            Scope::Held => Index::named(COLUMN),
        };
        tile * input.pages
    }

    /// How many pages of an input are waited for at a time.
    pub(super) fn block(&self, input: &Input) -> u32 {
        let tiles = match input.scope {
            Scope::Once | Scope::Strip | Scope::Segment | Scope::Streamed => 1,
            Scope::Line => self.all_tiles(),
            Scope::Held => self.item_tiles(),
        };
        input.pages * u32::try_from(tiles).expect("it fits into L1")
    }

    pub(super) fn inputs_of(&self, scope: Scope) -> Vec<&Input> {
        self.inputs.iter().filter(|input| input.scope == scope).collect()
    }

    pub(super) fn streamed(&self, sweep: usize) -> Vec<&Input> {
        let mut inputs = self.inputs_of(Scope::Streamed);
        inputs.retain(|input| input.sweeps.contains(&sweep));
        inputs
    }

    /// The reader.
    pub(super) fn reader(&self, idle: bool) -> Vec<Op> {
        let mut start = self.fetch(&self.inputs_of(Scope::Once), None);
        for input in self.inputs_of(Scope::Line) {
            start.extend(self.fetch_row(input, COLUMN));
        }
        let mut body = self.fetch(&self.inputs_of(Scope::Strip), None);
        for input in self.inputs_of(Scope::Held) {
            let counter = if self.parts.by_segment { WITHIN } else { COLUMN };
            body.extend(self.fetch_row(input, counter));
        }
        body.extend(self.walk(
            &mut |sweep| {
                let inputs = self.streamed(sweep);
                if inputs.is_empty() { Vec::new() } else { self.fetch(&inputs, None) }
            },
            &mut |_| Vec::new(),
            |inside| {
                let mut ops = self.fetch(&self.inputs_of(Scope::Segment), None);
                ops.extend(inside);
                ops
            },
        ));
        let mut role = busy(idle, start);
        role.extend(self.items(body));
        role
    }

    /// Reads one page of each input.
    fn fetch(&self, inputs: &[&Input], at: Option<&Index>) -> Vec<Op> {
        if inputs.is_empty() {
            return Vec::new();
        }
        let mut ops: Vec<_> =
            inputs.iter().map(|input| Op::Reserve(input.ring, self.block(input))).collect();
        ops.extend(inputs.iter().flat_map(|input| self.page(input, at)));
        ops.push(Op::Move(Move::ReadBarrier));
        ops.extend(inputs.iter().map(|input| Op::Push(input.ring, self.block(input))));
        ops
    }

    /// Reads the pages of a tile.
    fn page(&self, input: &Input, at: Option<&Index>) -> Vec<Op> {
        let place = self.place();
        let first = at.cloned().unwrap_or_else(|| Index::from(0)) * input.pages;
        let (page, into) = (input.leaf.page(&place), input.ring);
        let read = |half: u32| {
            let (page, at) = (page.clone() + half * input.apart, first.clone() + half);
            Op::Move(Move::Read { buffer: input.buffer, page, into, at })
        };
        let zero = |half: u32| Op::Move(Move::Zero { into, at: first.clone() + half });
        let beyond = matches!(input.scope, Scope::Line | Scope::Held)
            && self.all_tiles() > self.parts.column_tiles();
        let inside = || {
            let tiles = u32::try_from(self.parts.column_tiles()).unwrap_or(u32::MAX);
            Test::Less(Index::named(COLUMN), Index::from(tiles))
        };
        match input.leaf.inside(&place).or_else(|| beyond.then(inside)) {
            None => (0..input.pages).map(read).collect(),
            Some(test) => vec![Op::If {
                test,
                then: (0..input.pages).map(read).collect(),
                otherwise: (0..input.pages).map(zero).collect(),
            }],
        }
    }

    /// Reads all pages along the rows; the counter is that of the segment or the row.
    fn fetch_row(&self, input: &Input, counter: &str) -> Vec<Op> {
        let block = self.block(input);
        let read = self.page(input, Some(&Index::named(counter)));
        let body = if counter == WITHIN { lets(&self.column(), read) } else { read };
        vec![
            Op::Reserve(input.ring, block),
            Op::Loop { name: counter.to_owned(), count: Index::from(block / input.pages), body },
            Op::Move(Move::ReadBarrier),
            Op::Push(input.ring, block),
        ]
    }

    /// The tile along the row, within a segment.
    pub(super) fn column(&self) -> Vec<(String, Index)> {
        let tiles = u32::try_from(self.parts.segment_tiles()).unwrap_or(u32::MAX);
        let column = self.segment() * tiles + Index::named(WITHIN);
        vec![(COLUMN.to_owned(), column)]
    }

    /// A role's loop over its items.
    pub(super) fn items(&self, body: Vec<Op>) -> Vec<Op> {
        let body = lets(&self.counter.lets(I), body);
        vec![Op::Loop { name: I.to_owned(), count: Index::named("count"), body }]
    }
}

/// Ops that only a core with items runs.
pub(super) fn busy(idle: bool, ops: Vec<Op>) -> Vec<Op> {
    if !idle || ops.is_empty() {
        return ops;
    }
    let test = Test::Less(Index::from(0), Index::named("count"));
    vec![Op::If { test, then: ops, otherwise: Vec::new() }]
}
