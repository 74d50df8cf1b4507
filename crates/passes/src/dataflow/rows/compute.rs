//! The compute role: reductions in DST, tile after tile; values and maps from what came out.

use tilec_ir::dataflow::{BinaryVector, CircularAt, Dst, Index, Math, Op, UnaryVector, Vector};
use tilec_ir::tensor::Expr;
use tilec_ir::{Diagnostic, Id, Kind, Span};

use super::constant::Constant;
use super::inputs::{Input, Scope, busy};
use super::parts::{Part, combines};
use super::{COLUMN, Rows};
use crate::dataflow::draft::Draft;
use crate::dataflow::points::{Output, Sections, keep_within, sections};
use crate::dataflow::vector::{ELSEWHERE, Given, Inlined, Known, Leaf, Place, Root, Source, lower};

/// What all sections of the role start from.
struct Scene<'a> {
    draft: &'a Draft<'a>,
    place: Place,
    leaves: Vec<(Leaf, Source)>,
    known: Vec<Known>,
    inlined: Vec<Inlined<'a>>,
    kept: Vec<(Id<Expr>, Source)>,
    /// How many tiles a section of DST has.
    tiles: u32,
}

impl Scene<'_> {
    fn given<'a>(&'a self, free: &'a [Dst]) -> Given<'a> {
        Given {
            kernel: &self.draft.plan.kernel,
            place: &self.place,
            leaves: &self.leaves,
            known: &self.known,
            inlined: &self.inlined,
            kept: &self.kept,
            free,
        }
    }
}

impl Rows {
    /// The role, with so many tiles in a section of DST.
    pub(super) fn compute(
        &self,
        draft: &Draft<'_>,
        tiles: u32,
        idle: bool,
    ) -> Result<Vec<Op>, Diagnostic> {
        let scene = self.scene(draft, tiles);
        let sweeps = self.sweeps();
        let maps = sweeps.len() - 1;
        let mut tile_ops = Vec::new();
        for (at, parts) in sweeps.iter().enumerate() {
            let ops =
                if at == maps { self.map(&scene, parts)? } else { self.add_tile(&scene, parts)? };
            tile_ops.push(self.with_streamed(at, ops));
        }
        let values = [self.values(&scene, false)?, self.values(&scene, true)?];
        let mut frames = Vec::new();
        for (at, parts) in sweeps.iter().enumerate() {
            let before = self.constants_of(&scene, at)?;
            let (start, after) =
                if at == maps { (Vec::new(), Vec::new()) } else { self.frame(&scene, parts)? };
            frames.push(([before, start].concat(), after));
        }
        let outside = self.constants_outside(&scene)?;
        let body = self.walk_framed(
            &mut |sweep| tile_ops[sweep].clone(),
            &mut |sweep, ops| {
                let (before, after) = frames[sweep].clone();
                if ops.is_empty() { ops } else { [before, ops, after].concat() }
            },
            &mut |segmented| {
                let ops = values[usize::from(segmented)].clone();
                if segmented { ops } else { [ops, outside.clone()].concat() }
            },
            |inside| self.around_segment(inside),
        );
        Ok(self.around_items(body, idle))
    }

    fn scene<'a>(&'a self, draft: &'a Draft<'a>, tiles: u32) -> Scene<'a> {
        let page = |input: &Input| {
            let first = self.page_in_ring(input);
            let source = match input.pages {
                1 => Source::Page(input.ring, first),
                _ => Source::Halves(input.ring, first),
            };
            (input.leaf.clone(), source)
        };
        let source = |ring| match self.pieces() {
            true => Source::Pieces(ring),
            false => Source::Page(ring, Index::from(0)),
        };
        let result = |(part, ring): (&Part, &Option<CircularAt>)| {
            let source = source((*ring)?);
            Some(Known { tensor: part.tensor, source, spread: None })
        };
        let rings = self.constant_rings.iter();
        Scene {
            draft,
            place: self.place(),
            leaves: self.inputs.iter().map(page).collect(),
            known: self.parts.parts.iter().zip(&self.results).filter_map(result).collect(),
            inlined: self.parts.inlined(),
            kept: self
                .constants
                .iter()
                .zip(rings)
                .map(|(x, &ring)| (x.expr, source(ring)))
                .collect(),
            tiles,
        }
    }

    /// Adds a tile to what is reduced; results so far are in the first tiles of DST.
    fn add_tile(&self, scene: &Scene<'_>, parts: &[usize]) -> Result<Vec<Op>, Diagnostic> {
        let kernel = &scene.draft.plan.kernel;
        let roots: Vec<_> = parts
            .iter()
            .map(|&at| Root { stored: None, ..self.parts.parts[at].root(kernel) })
            .collect();
        let free: Vec<Dst> = (count(parts)..scene.tiles).collect();
        let lowered = lower(&scene.given(&free), &roots)?;
        let mut ops = lowered.ops;
        // A value of two reductions is masked once, and a mask of one may not meet another.
        for (sum, (&at, &dst)) in (0..).zip(parts.iter().zip(&lowered.results)) {
            let (by, nothing) = combines(self.reduction(at));
            ops.extend(self.mask(at, nothing, dst));
            ops.push(vector(Vector::Binary(by, sum, dst, sum)));
        }
        Ok(ops)
    }

    fn reduction(&self, at: usize) -> tilec_ir::tensor::Reduction {
        self.parts.parts[at].reduction().expect("a sweep but the last reduces")
    }

    /// Replaces what lies past the end of the row.
    fn mask(&self, at: usize, fill: f32, dst: Dst) -> Vec<Op> {
        let length = if self.parts.parts[at].segmented { 0 } else { self.parts.length };
        keep_within([0, length], &[Index::from(0), Index::named(COLUMN)], fill, dst)
    }

    /// What stands before and after the loop over tiles of reductions.
    fn frame(&self, scene: &Scene<'_>, parts: &[usize]) -> Result<(Vec<Op>, Vec<Op>), Diagnostic> {
        let mut before: Vec<_> =
            parts.iter().map(|&at| Op::Equation(self.parts.parts[at].equation)).collect();
        before.push(Op::Math(Math::Acquire));
        let (mut after, mut results) = (Vec::new(), Vec::new());
        for (dst, &at) in (0..).zip(parts) {
            let (by, nothing) = combines(self.reduction(at));
            before.push(vector(Vector::Fill(nothing, dst)));
            after.push(vector(Vector::Reduce { columns: true, by, dst }));
            results.push((self.results[at].expect("a reduction has a ring"), dst));
        }
        let free = (count(parts)..scene.tiles).collect();
        let Some(end) = self.finish(&results, free) else {
            return Err(self.no_room(scene, parts[0]));
        };
        after.extend(end);
        Ok((before, after))
    }

    /// Packs f32 values of rows to their rings; `None` if the tiles that are free don't suffice.
    fn finish(&self, results: &[(CircularAt, Dst)], mut free: Vec<Dst>) -> Option<Vec<Op>> {
        let (mut ops, mut packs) = (Vec::new(), Vec::new());
        for &(ring, dst) in results {
            let mut pieces = vec![dst];
            if self.pieces() {
                let (high, low, test) = (free.pop()?, free.pop()?, free.last().copied()?);
                ops.extend(split(dst, high, low, test));
                pieces = vec![high, dst, low];
            }
            packs.push(Op::Math(Math::PackInit(ring)));
            let pack = |dst| Op::Math(Math::Pack { dst, into: ring, at: None });
            packs.extend(pieces.into_iter().map(pack));
        }
        let pages = self.result_pages();
        ops.push(Op::Math(Math::Commit));
        ops.extend(results.iter().map(|(ring, _)| Op::Reserve(*ring, pages)));
        ops.push(Op::Math(Math::AwaitMath));
        ops.extend(packs);
        ops.push(Op::Math(Math::Release));
        ops.extend(results.iter().map(|(ring, _)| Op::Push(*ring, pages)));
        ops.extend(results.iter().map(|(ring, _)| Op::Wait(*ring, pages)));
        Some(ops)
    }

    /// Whether segments are counted within an item.
    fn has_segments(&self) -> bool {
        self.parts.segment.is_some() && !self.parts.by_segment
    }

    /// Whether a value of rows is computed before the segments of its item.
    fn is_outside(&self, constant: &Constant) -> bool {
        self.has_segments() && !constant.segmented
    }

    /// Computes the values that a sweep is the first to use.
    fn constants_of(&self, scene: &Scene<'_>, sweep: usize) -> Result<Vec<Op>, Diagnostic> {
        let within = sweep >= self.parts.whole.len();
        let first =
            |constant: &Constant| constant.sweep == sweep && !(within && self.is_outside(constant));
        self.constants_where(scene, first)
    }

    /// Computes the values of rows that sweeps over segments use.
    fn constants_outside(&self, scene: &Scene<'_>) -> Result<Vec<Op>, Diagnostic> {
        let whole = self.parts.whole.len();
        self.constants_where(scene, |constant| constant.sweep >= whole && self.is_outside(constant))
    }

    fn constants_where(
        &self,
        scene: &Scene<'_>,
        wanted: impl Fn(&Constant) -> bool,
    ) -> Result<Vec<Op>, Diagnostic> {
        let mut ops = Vec::new();
        let all = self.constants.iter().zip(&self.constant_rings);
        for (constant, &ring) in all.filter(|(constant, _)| wanted(constant)) {
            let free: Vec<Dst> = (0..scene.tiles).collect();
            let root = Root { expr: constant.expr, axes: &constant.axes, stored: None };
            let lowered = lower(&Given { kept: &[], ..scene.given(&free) }, &[root])?;
            let dst = lowered.results[0];
            let rest = free.iter().copied().filter(|&other| other != dst).collect();
            let span = scene.draft.plan.kernel.exprs[constant.expr].span;
            let end = self.finish(&[(ring, dst)], rest).ok_or_else(|| no_room(span))?;
            ops.push(Op::Equation(constant.equation));
            ops.push(Op::Math(Math::Acquire));
            ops.extend(lowered.ops);
            ops.extend(end);
        }
        Ok(ops)
    }

    fn no_room(&self, scene: &Scene<'_>, at: usize) -> Diagnostic {
        let span = scene.draft.plan.kernel.equations[self.parts.parts[at].equation].span;
        no_room(span)
    }

    /// The values of rows, or of segments, that are stored.
    fn values(&self, scene: &Scene<'_>, segmented: bool) -> Result<Vec<Op>, Diagnostic> {
        let parts = self.parts.values(segmented);
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        self.store(scene, &parts, Index::from(0))
    }

    /// The maps at a tile.
    fn map(&self, scene: &Scene<'_>, parts: &[usize]) -> Result<Vec<Op>, Diagnostic> {
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        self.store(scene, parts, Index::named(COLUMN))
    }

    fn store(
        &self,
        scene: &Scene<'_>,
        parts: &[usize],
        column: Index,
    ) -> Result<Vec<Op>, Diagnostic> {
        let kernel = &scene.draft.plan.kernel;
        let outputs: Vec<Output> =
            parts.iter().map(|&at| self.outputs[at].clone().expect("it is stored")).collect();
        let tile = [scene.place.row.clone().unwrap_or_else(|| Index::from(0)), column];
        let root = |&at: &usize| {
            let part = &self.parts.parts[at];
            let expr = if part.reduction().is_some() { part.read } else { part.expr };
            Root { expr, ..part.root(kernel) }
        };
        let roots: Vec<_> = parts.iter().map(root).collect();
        let free: Vec<Dst> = (0..scene.tiles).collect();
        sections(Sections { roots: &roots, outputs: &outputs, tile: &tile }, &scene.given(&free))
    }

    fn with_streamed(&self, sweep: usize, ops: Vec<Op>) -> Vec<Op> {
        let streamed = self.streamed(sweep);
        let mut body: Vec<_> =
            streamed.iter().map(|input| Op::Wait(input.ring, input.pages)).collect();
        body.extend(ops);
        body.extend(streamed.iter().map(|input| Op::Pop(input.ring, input.pages)));
        body
    }

    /// Waits for the tiles of a segment, and hands back what belongs to it.
    fn around_segment(&self, inside: Vec<Op>) -> Vec<Op> {
        let inputs = self.inputs_of(Scope::Segment);
        let mut ops: Vec<_> =
            inputs.iter().map(|input| Op::Wait(input.ring, input.pages)).collect();
        ops.extend(inside);
        ops.extend(self.pop_results(&self.parts.inner));
        ops.extend(self.pop_constants(|constant| !self.is_outside(constant)));
        ops.extend(inputs.iter().map(|input| Op::Pop(input.ring, input.pages)));
        ops
    }

    fn pop_results(&self, levels: &[Vec<usize>]) -> Vec<Op> {
        let rings = levels.iter().flatten().filter_map(|&at| self.results[at]);
        rings.map(|ring| Op::Pop(ring, self.result_pages())).collect()
    }

    fn pop_constants(&self, which: impl Fn(&Constant) -> bool) -> Vec<Op> {
        let all = self.constants.iter().zip(&self.constant_rings);
        let rings = all.filter(|(constant, _)| which(constant)).map(|(_, &ring)| ring);
        rings.map(|ring| Op::Pop(ring, self.result_pages())).collect()
    }

    fn around_items(&self, inside: Vec<Op>, idle: bool) -> Vec<Op> {
        let of_item = [Scope::Strip, Scope::Held].map(|scope| self.inputs_of(scope)).concat();
        let of_all = [Scope::Once, Scope::Line].map(|scope| self.inputs_of(scope)).concat();
        let wait = |input: &&Input| Op::Wait(input.ring, self.block(input));
        let pop = |input: &&Input| Op::Pop(input.ring, self.block(input));
        let mut body: Vec<_> = of_item.iter().map(wait).collect();
        body.extend(inside);
        body.extend(self.pop_results(&self.parts.whole));
        body.extend(self.pop_constants(|constant| self.is_outside(constant)));
        body.extend(of_item.iter().map(pop));
        let mut role = busy(idle, of_all.iter().map(wait).collect());
        role.extend(self.items(body));
        role.extend(busy(idle, of_all.iter().map(pop).collect()));
        role
    }
}

fn no_room(span: Span) -> Diagnostic {
    let message = "this value of rows needs more tiles of DST than there are";
    Diagnostic::new(Kind::NotExpressible, span, message).help(ELSEWHERE)
}

fn vector(op: Vector) -> Op {
    Op::Math(Math::Vector(op))
}

/// As a number of tiles of DST.
fn count(parts: &[usize]) -> Dst {
    u32::try_from(parts.len()).expect("a sweep has few parts")
}

/// An f32 as three bf16 whose sum it is: `high = round(x)`, `middle = round(x - high)` and what
/// is left. `high` of an infinity is all of it. What was in `x` is the middle piece then.
fn split(x: Dst, high: Dst, low: Dst, test: Dst) -> Vec<Op> {
    use BinaryVector::{NotEqual, Subtract};
    let ops = [
        Vector::Unary(UnaryVector::RoundBf16, x, high),
        Vector::Binary(Subtract, x, high, low),
        Vector::Binary(NotEqual, x, high, test),
        // 0 where nothing is left, which the test itself is then.
        Vector::Select([test, low, test], low),
        Vector::Unary(UnaryVector::RoundBf16, low, x),
        Vector::Binary(Subtract, low, x, low),
    ];
    ops.into_iter().map(vector).collect()
}
