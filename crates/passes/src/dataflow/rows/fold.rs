//! A reduction along anything but rows, as a step of its own.
//!
//! ```text
//! y[n]    = sum[m](x[m, n])           tiles below each other, then the rows of one tile
//! s       = max[m, n](abs(x[m, n]))   all tiles, then the elements of one
//! y[m, n] = sum[b](x[b, m, n])        tiles of several matrices, element by element
//! ```
//!
//! Each tile of the result is made by one core, from tiles that are read one after the
//! other.

use tilec_ir::dataflow::{
    Circular, CircularAt, Fidelity, Index, Math, Move, Op, Role, Step, Vector,
};
use tilec_ir::plan::EquationAt;
use tilec_ir::tensor::{ExprKind, Kernel, Reduction, Role as Filled, Var};
use tilec_ir::{Diagnostic, Id, Kind};

use super::parts::combines;
use crate::dataflow::draft::Draft;
use crate::dataflow::points::{
    Counter, digits, is_read_later, keep_within, lets, share, vector_cycles,
};
use crate::dataflow::vector::{
    Axes, ELSEWHERE, Given, Leaf, Order, Place, Root, Source, format_of, leaves, lower, ring_of,
};

/// How many tiles of an operand are on their way.
const AHEAD: u32 = 4;
const I: &str = "i";

/// The step of a reduction; none where it makes nothing.
pub(in crate::dataflow) fn steps(
    draft: &mut Draft<'_>,
    region: usize,
    why: &str,
) -> Result<Vec<Step>, Vec<Diagnostic>> {
    let at = draft.plan.regions[region].covers[0];
    step(draft, region, at, why).map_err(|fault| vec![fault])
}

fn step(
    draft: &mut Draft<'_>,
    region: usize,
    at: EquationAt,
    why: &str,
) -> Result<Vec<Step>, Diagnostic> {
    let fold = choose(draft, region, at, why)?;
    let equation = &draft.plan.kernel.equations[at];
    let dims = |vars: &[Id<Var>]| -> Vec<usize> {
        let position = |var| equation.vars.iter().position(|other| other == var);
        vars.iter().filter_map(position).collect()
    };
    let axes = &fold.axes;
    let order =
        Order { batch: dims(&axes.batch), rows: dims(&axes.rows), columns: dims(&axes.columns) };
    let tensor = equation.tensor;
    let format = format_of(draft.plan.kernel.tensors[tensor].element, draft.f32_ring());
    let buffer = draft.write(tensor, &order, format)?;
    if fold.counter.items() == 0 {
        return Ok(Vec::new());
    }
    let mut rings = Vec::new();
    let mut inputs = Vec::new();
    for leaf in fold.leaves.clone() {
        let format = ring_of(&draft.plan.kernel, &leaf, draft.f32_ring())?;
        let from = draft.read(leaf.tensor, &leaf.order, format, leaf.span)?;
        let (name, holds) = ring_name(draft, from, &rings);
        rings.push(Circular { name, format, tiles: AHEAD, holds });
        inputs.push((leaf, rings.len() - 1, from));
    }
    let (name, holds) = ring_name(draft, buffer, &rings);
    rings.push(Circular { name, format, tiles: 2, holds });
    let later = is_read_later(&draft.plan, region, at);
    let made = Made { fold, at, inputs, output: (rings.len() - 1, buffer), keeps: later };
    Ok(vec![made.step(draft, region, rings)?])
}

fn ring_name(draft: &Draft<'_>, buffer: usize, rings: &[Circular]) -> (String, String) {
    let taken = rings.iter().map(|ring| ring.name.clone()).collect();
    let name = &draft.buffers[buffer].name;
    (crate::dataflow::draft::unique(name, &taken), format!("tiles of {name}"))
}

/// A reduction on tiles.
struct Fold {
    reduction: Reduction,
    body: Id<tilec_ir::tensor::Expr>,
    /// Variables of the result and reduced ones.
    axes: Axes,
    /// By batch position, then rows and columns: whether it is reduced.
    reduced: Vec<bool>,
    /// By batch position, then rows and columns: elements.
    lengths: Vec<u64>,
    /// The tiles of the result.
    counter: Counter,
    /// The tile that is read.
    place: Place,
    leaves: Vec<Leaf>,
}

/// The axes with which all that is read are tiles, and which take the fewest of them.
fn choose(
    draft: &mut Draft<'_>,
    region: usize,
    at: EquationAt,
    why: &str,
) -> Result<Fold, Diagnostic> {
    let kernel = &draft.plan.kernel;
    let equation = &kernel.equations[at];
    let ExprKind::Reduce(reduction, bound, body) = kernel.exprs[equation.value].kind.clone() else {
        let (message, why) = match kernel.exprs[equation.value].kind {
            ExprKind::Rank { .. } => {
                ("Tensix can't put values in order", "the vector unit has no way to sort a row")
            }
            _ => ("Tensix can't run this equation", why),
        };
        return Err(Diagnostic::new(Kind::NotExpressible, equation.span, message)
            .here(why)
            .help(ELSEWHERE));
    };
    if !kernel.exprs[body].ty.is_float() {
        return Err(super::parts::of_integers(kernel, body));
    }
    let all: Vec<Id<Var>> = equation.vars.iter().chain(&bound).copied().collect();
    let mut candidates = axes(&all);
    let later = is_read_later(&draft.plan, region, at);
    let key = |axes: &Axes| (later && !is_plain(axes, &equation.vars), tiles(kernel, axes));
    candidates.sort_by_key(key);
    let mut fault = None;
    for axes in candidates {
        let found = Fold::new(&draft.plan.kernel, (reduction, body), axes, &bound);
        match found.and_then(|fold| readable(draft, fold)) {
            Ok(fold) => return Ok(fold),
            Err(found) => fault = fault.or(Some(found)),
        }
    }
    Err(fault.expect("there is a candidate"))
}

/// The reduction, if what other steps wrote lies as it reads it.
fn readable(draft: &mut Draft<'_>, fold: Fold) -> Result<Fold, Diagnostic> {
    for leaf in &fold.leaves {
        let format = ring_of(&draft.plan.kernel, leaf, draft.f32_ring())?;
        if draft.plan.kernel.tensors[leaf.tensor].role != Filled::Input {
            draft.read(leaf.tensor, &leaf.order, format, leaf.span)?;
        }
    }
    Ok(fold)
}

/// Whether the result lies in tiles as other steps expect: its last dimensions are the rows and
/// columns.
fn is_plain(axes: &Axes, vars: &[Id<Var>]) -> bool {
    let of = |side: &[Id<Var>]| side.iter().find(|var| vars.contains(var)).copied();
    let [rows, columns] = [of(&axes.rows), of(&axes.columns)];
    match vars {
        [] => true,
        [only] => columns == Some(*only) || rows == Some(*only),
        [.., row, column] => (rows, columns) == (Some(*row), Some(*column)),
    }
}

/// Every choice of a variable for the rows and one for the columns.
fn axes(all: &[Id<Var>]) -> Vec<Axes> {
    let choices = || std::iter::once(None).chain(all.iter().rev().copied().map(Some));
    let mut found = Vec::new();
    for columns in choices() {
        for rows in choices().filter(|&rows| rows.is_none() || rows != columns) {
            let rest = |var: &&Id<Var>| Some(**var) != rows && Some(**var) != columns;
            found.push(Axes {
                batch: all.iter().filter(rest).copied().collect(),
                rows: rows.into_iter().collect(),
                columns: columns.into_iter().collect(),
            });
        }
    }
    found
}

fn range(kernel: &Kernel, var: Id<Var>) -> u64 {
    let range = kernel.ints.as_constant(kernel.vars[var].range).expect("sizes are bound");
    u64::try_from(range).expect("ranges are 0 or more")
}

fn tiles(kernel: &Kernel, axes: &Axes) -> u64 {
    let batch = axes.batch.iter().map(|&var| range(kernel, var));
    let sides = axes.rows.iter().chain(&axes.columns).map(|&var| range(kernel, var).div_ceil(32));
    batch.chain(sides).fold(1, u64::saturating_mul)
}

impl Fold {
    fn new(
        kernel: &Kernel,
        (reduction, body): (Reduction, Id<tilec_ir::tensor::Expr>),
        axes: Axes,
        bound: &[Id<Var>],
    ) -> Result<Self, Diagnostic> {
        let leaves = leaves(kernel, &[Root { expr: body, axes: &axes, stored: None }], &[], &[])?;
        let sides = [&axes.rows, &axes.columns];
        let is_reduced = |var: &Id<Var>| bound.contains(var);
        let mut reduced: Vec<_> = axes.batch.iter().map(is_reduced).collect();
        reduced.extend(sides.map(|side| side.iter().any(is_reduced)));
        let mut lengths: Vec<_> = axes.batch.iter().map(|&var| range(kernel, var)).collect();
        lengths
            .extend(sides.map(|side| side.iter().map(|&var| range(kernel, var)).product::<u64>()));
        let (batch, tiles) = lengths.split_at(axes.batch.len());
        let names = axes.batch.iter().map(|&var| &kernel.vars[var].name).zip(batch);
        let all = digits(names, [tiles[0].div_ceil(32), tiles[1].div_ceil(32)]);
        let place = Counter { item: "tile", digits: all.clone() }.place(axes.batch.len());
        let kept = all.into_iter().zip(&reduced).filter(|(_, reduced)| !**reduced);
        let counter = Counter { item: "tile", digits: kept.map(|(digit, _)| digit).collect() };
        Ok(Self { reduction, body, axes, reduced, lengths, counter, place, leaves })
    }

    /// Ops for every tile that is reduced into one of the result.
    fn over_reduced(&self, body: Vec<Op>) -> Vec<Op> {
        let batch = self.axes.batch.len();
        let mut ops = body;
        for at in (0..self.reduced.len()).rev().filter(|&at| self.reduced[at]) {
            let (index, extent) = match at.checked_sub(batch) {
                None => (&self.place.batch[at], self.lengths[at]),
                Some(side) => (self.side(side), self.lengths[at].div_ceil(32)),
            };
            let Index::Named(name) = index else {
                // One turn, or none.
                if extent == 0 {
                    return Vec::new();
                }
                continue;
            };
            let count = Index::from(u32::try_from(extent).unwrap_or(u32::MAX));
            ops = vec![Op::Loop { name: name.clone(), count, body: ops }];
        }
        ops
    }

    /// The tile's row, or column.
    fn side(&self, side: usize) -> &Index {
        let index = if side == 0 { &self.place.row } else { &self.place.column };
        index.as_ref().expect("a counter's place has both")
    }

    /// Whether rows and columns of a tile are reduced, and how many elements there are.
    fn sides(&self) -> [(bool, u64); 2] {
        let batch = self.axes.batch.len();
        [batch, batch + 1].map(|at| (self.reduced[at], self.lengths[at]))
    }
}

/// A reduction with its rings and buffers.
struct Made {
    fold: Fold,
    at: EquationAt,
    inputs: Vec<(Leaf, CircularAt, usize)>,
    /// The ring of the result, and its buffer.
    output: (CircularAt, usize),
    /// Whether a later step reads it.
    keeps: bool,
}

impl Made {
    fn step(
        &self,
        draft: &mut Draft<'_>,
        region: usize,
        circular: Vec<Circular>,
    ) -> Result<Step, Diagnostic> {
        let tensix = draft.tensix();
        let share = share(self.fold.counter.items(), [tensix.columns, tensix.rows]);
        let half = self.compute(draft, tensix.dst_tiles / 4);
        let full_sync = half.is_err();
        let compute = half.or_else(|_| self.compute(draft, tensix.dst_tiles / 2))?;
        let cycles = vector_cycles(&compute);
        let role = |body| Role { arguments: share.arguments(), body };
        let [most, mean] = share.most_and_mean();
        let [columns, rows] = share.grid;
        let bytes = |ring: CircularAt| u64::from(circular[ring].format.tile_bytes());
        let read = self.inputs.iter().map(|(leaf, ring, _)| self.pages(leaf) * bytes(*ring));
        let written = self.fold.counter.items() * bytes(self.output.0);
        Ok(Step {
            name: draft.step_name(region),
            region,
            grid: share.grid,
            fidelity: Fidelity::HiFi4,
            f32_dst: true,
            full_sync,
            constants: Vec::new(),
            semaphores: Vec::new(),
            reader: role(self.reader()),
            compute: role(compute),
            writer: role(self.writer()),
            chosen_by: format!(
                "{} tiles of the result on {columns} x {rows} cores, at most {most} each",
                share.items
            ),
            math_cycles: [most * cycles, mean * cycles],
            writer_cycles: 0.0,
            least_dram_bytes: read.sum::<u64>() + written,
            circular,
        })
    }

    /// Pages of a leaf.
    fn pages(&self, leaf: &Leaf) -> u64 {
        let batch = self.fold.axes.batch.len();
        let lengths = self.fold.lengths.iter().enumerate();
        let extents = lengths.map(|(at, &length)| match at.checked_sub(batch) {
            None if leaf.batch.contains(&at) => length,
            Some(side) if leaf.moves[side] => length.div_ceil(32),
            None | Some(_) => 1,
        });
        extents.fold(1, u64::saturating_mul)
    }

    fn items(&self, body: Vec<Op>) -> Vec<Op> {
        let body = lets(&self.fold.counter.lets(I), body);
        vec![Op::Loop { name: I.to_owned(), count: Index::named("count"), body }]
    }

    fn reader(&self) -> Vec<Op> {
        if self.inputs.is_empty() {
            return Vec::new();
        }
        let mut ops: Vec<_> =
            self.inputs.iter().map(|(_, ring, _)| Op::Reserve(*ring, 1)).collect();
        for (leaf, into, buffer) in &self.inputs {
            let (page, at) = (leaf.page(&self.fold.place), Index::from(0));
            let read = Op::Move(Move::Read { buffer: *buffer, page, into: *into, at: at.clone() });
            ops.push(match leaf.inside(&self.fold.place) {
                None => read,
                Some(test) => Op::If {
                    test,
                    then: vec![read],
                    otherwise: vec![Op::Move(Move::Zero { into: *into, at })],
                },
            });
        }
        ops.push(Op::Move(Move::ReadBarrier));
        ops.extend(self.inputs.iter().map(|(_, ring, _)| Op::Push(*ring, 1)));
        self.items(self.fold.over_reduced(ops))
    }

    fn compute(&self, draft: &Draft<'_>, tiles: u32) -> Result<Vec<Op>, Diagnostic> {
        let fold = &self.fold;
        let (by, nothing) = combines(fold.reduction);
        let vector = |op| Op::Math(Math::Vector(op));
        let mut ops = vec![Op::Equation(self.at), Op::Math(Math::Acquire)];
        ops.push(vector(Vector::Fill(nothing, 0)));
        ops.extend(fold.over_reduced(self.add_tile(draft, tiles)?));
        for (columns, (reduced, _)) in [false, true].into_iter().zip(fold.sides()) {
            if reduced {
                ops.push(vector(Vector::Reduce { columns, by, dst: 0 }));
            }
        }
        if self.keeps {
            let sides = fold.sides().map(|(reduced, length)| if reduced { 1 } else { length });
            let tile = [0, 1].map(|side| {
                if fold.sides()[side].0 { Index::from(0) } else { fold.side(side).clone() }
            });
            ops.extend(keep_within(sides, &tile, 0.0, 0));
        }
        let ring = self.output.0;
        ops.push(Op::Math(Math::Commit));
        ops.push(Op::Reserve(ring, 1));
        ops.push(Op::Math(Math::AwaitMath));
        ops.push(Op::Math(Math::PackInit(ring)));
        ops.push(Op::Math(Math::Pack { dst: 0, into: ring, at: None }));
        ops.push(Op::Math(Math::Release));
        ops.push(Op::Push(ring, 1));
        Ok(self.items(ops))
    }

    /// Adds a tile to what tile 0 of DST holds so far.
    fn add_tile(&self, draft: &Draft<'_>, tiles: u32) -> Result<Vec<Op>, Diagnostic> {
        let fold = &self.fold;
        let page = |(leaf, ring, _): &(Leaf, CircularAt, usize)| {
            (leaf.clone(), Source::Page(*ring, Index::from(0)))
        };
        let leaves: Vec<_> = self.inputs.iter().map(page).collect();
        let free: Vec<_> = (1..tiles).collect();
        let given = Given {
            kernel: &draft.plan.kernel,
            place: &fold.place,
            leaves: &leaves,
            known: &[],
            inlined: &[],
            kept: &[],
            free: &free,
        };
        let root = Root { expr: fold.body, axes: &fold.axes, stored: None };
        let lowered = lower(&given, &[root])?;
        let value = lowered.results[0];
        let (by, nothing) = combines(fold.reduction);
        let mut ops: Vec<_> = self.inputs.iter().map(|(_, ring, _)| Op::Wait(*ring, 1)).collect();
        ops.extend(lowered.ops);
        // What is not reduced may hold anything beyond its end.
        let sides = fold.sides().map(|(reduced, length)| if reduced { length } else { 0 });
        let tile = [0, 1].map(|side| fold.side(side).clone());
        ops.extend(keep_within(sides, &tile, nothing, value));
        ops.push(Op::Math(Math::Vector(Vector::Binary(by, 0, value, 0))));
        ops.extend(self.inputs.iter().map(|(_, ring, _)| Op::Pop(*ring, 1)));
        Ok(ops)
    }

    fn writer(&self) -> Vec<Op> {
        let fold = &self.fold;
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let mut page = Index::from(0);
        for (at, index) in fold.place.batch.iter().enumerate().filter(|&(at, _)| !fold.reduced[at])
        {
            page = page * small(fold.lengths[at]) + index.clone();
        }
        for (side, (reduced, length)) in fold.sides().into_iter().enumerate() {
            if !reduced {
                page = page * small(length.div_ceil(32)) + fold.side(side).clone();
            }
        }
        let (from, buffer) = self.output;
        let body = vec![
            Op::Wait(from, 1),
            Op::Move(Move::Write { buffer, page, from, at: Index::from(0) }),
            Op::Move(Move::WriteBarrier),
            Op::Pop(from, 1),
        ];
        self.items(body)
    }
}
