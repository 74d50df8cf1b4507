//! Elementwise equations as a step: every tile of the result is read, computed and written
//! by one core.
//!
//! ```text
//! reader:   x, bias --pages--> rings      an operand that stays the same is read once
//! compute:  y = gelu(x + bias)            on tiles of DST
//! writer:   ring --pages--> y
//! ```
//!
//! Tiles are dealt out evenly: no core has more than one tile more than another. Which
//! dimensions are a tile's rows and columns is chosen so that all reads are tiles; what no
//! choice makes so is a diagnostic, of the plainest one.

mod cycles;
mod layout;
mod section;
mod work;

use tilec_ir::Diagnostic;
use tilec_ir::dataflow::{
    Circular, CircularAt, Fidelity, Format, Index, Move, Op, Role, Step, Test,
};

use self::layout::Layout;
use super::draft::{Draft, unique};
use super::vector::{Given, Leaf, Place, Ring, Source, rings_of};

pub(super) use cycles::vector_cycles;
pub(super) use section::{Output, Sections, is_read_later, keep_within, sections};
pub(super) use work::{Counter, Of, digits, lets, share};

/// The counter of a core's tiles.
const I: &str = "i";

/// The step of a pointwise region; none where it has no points.
pub(super) fn steps(draft: &mut Draft<'_>, region: usize) -> Result<Vec<Step>, Vec<Diagnostic>> {
    step(draft, region).map_err(|fault| vec![fault])
}

fn step(draft: &mut Draft<'_>, region: usize) -> Result<Vec<Step>, Diagnostic> {
    let layout = layout::choose(draft, region)?;
    if layout.tiles() == 0 {
        layout.write(draft)?;
        return Ok(Vec::new());
    }
    Ok(vec![points(draft, region, &layout)?.step(draft, region)?])
}

/// A tile that is read over and over.
struct Input {
    leaf: Leaf,
    ring: CircularAt,
    buffer: usize,
    /// How many pages it takes: the further ones are as many pages further each as `apart`.
    pages: u32,
    apart: u32,
    /// It changes where the number of the tile is a multiple of this.
    period: u64,
}

struct Points<'a> {
    layout: &'a Layout,
    counter: Counter,
    /// The tile that the counter stands at.
    place: Place,
    rings: Vec<Circular>,
    inputs: Vec<Input>,
    outputs: Vec<Output>,
}

/// Asks for the buffers of a region, and says how its tiles are counted.
fn points<'a>(
    draft: &mut Draft<'_>,
    region: usize,
    layout: &'a Layout,
) -> Result<Points<'a>, Diagnostic> {
    let (counter, place) = counter(draft, layout);
    let (rings, inputs, outputs) = (Vec::new(), Vec::new(), Vec::new());
    let mut points = Points { layout, counter, place, rings, inputs, outputs };
    points.read(draft)?;
    points.write(draft, region)?;
    Ok(points)
}

/// The order of the tiles, whichever makes the cores read least, and where a counter stands.
fn counter(draft: &Draft<'_>, layout: &Layout) -> (Counter, Place) {
    let [_, rows, columns] = layout.extents();
    let equation = &draft.plan.kernel.equations[layout.equations[0]];
    let name_of = |dim: usize| &draft.plan.kernel.vars[equation.vars[dim]].name;
    let lengths = layout.order.batch.iter().map(|&dim| name_of(dim)).zip(&layout.batch);
    let mut digits = work::digits(lengths, [rows, columns]);
    let plain = Counter { item: "tile", digits: digits.clone() };
    let last = digits.len() - 1;
    digits.swap(last - 1, last);
    let rows_inside = Counter { item: "tile", digits: digits.clone() };
    digits.rotate_right(2);
    let batch_inside = Counter { item: "tile", digits };
    let place = plain.place(layout.batch.len());
    let reads = |counter: &Counter| -> u64 {
        let leaves = layout.leaves.iter();
        leaves.map(|leaf| layout.tiles().div_ceil(counter.period(leaf))).sum()
    };
    let best = [plain, rows_inside, batch_inside].into_iter().min_by_key(reads);
    (best.expect("there are three"), place)
}

impl Points<'_> {
    fn ring(&mut self, name: &str, format: Format, holds: String) -> CircularAt {
        let taken = self.rings.iter().map(|ring| ring.name.clone()).collect();
        let name = unique(name, &taken);
        self.rings.push(Circular { name, format, tiles: 2, holds });
        self.rings.len() - 1
    }

    fn read(&mut self, draft: &mut Draft<'_>) -> Result<(), Diagnostic> {
        for leaf in self.layout.leaves.clone() {
            let Ring { format, pages } = rings_of(&draft.plan.kernel, &leaf, draft.f32_ring());
            let buffer = draft.read(leaf.tensor, &leaf.order, format, leaf.span)?;
            let apart = draft.buffers[buffer].pages() / u64::from(pages);
            let apart = u32::try_from(apart).unwrap_or(u32::MAX);
            let name = draft.buffers[buffer].name.clone();
            let holds = if pages == 1 { "tiles" } else { "lower and upper halves" };
            let ring = self.ring(&name, format, format!("{holds} of {name}"));
            self.rings[ring].tiles *= pages;
            let period = self.counter.period(&leaf);
            self.inputs.push(Input { leaf, ring, buffer, pages, apart, period });
        }
        Ok(())
    }

    fn write(&mut self, draft: &mut Draft<'_>, region: usize) -> Result<(), Diagnostic> {
        let buffers = self.layout.write(draft)?;
        for (&equation, (buffer, format)) in self.layout.equations.iter().zip(buffers) {
            let name = draft.buffers[buffer].name.clone();
            let ring = self.ring(&name, format, format!("tiles of {name}"));
            let later = is_read_later(&draft.plan, region, equation);
            let keeps = later.then_some(self.layout.sides);
            self.outputs.push(Output { equation, ring, buffer, keeps });
        }
        Ok(())
    }

    fn step(self, draft: &mut Draft<'_>, region: usize) -> Result<Step, Diagnostic> {
        let tensix = draft.tensix();
        let share = share(self.counter.items(), [tensix.columns, tensix.rows]);
        let (full_sync, compute) = self.compute(draft, tensix.dst_tiles)?;
        let cycles = vector_cycles(&compute);
        let role = |body| Role { arguments: share.arguments(), body };
        let [most, mean] = share.most_and_mean();
        let [columns, rows] = share.grid;
        let chosen_by =
            format!("{} tiles on {columns} x {rows} cores, at most {most} each", share.items);
        Ok(Step {
            name: draft.step_name(region),
            region,
            grid: share.grid,
            fidelity: Fidelity::HiFi4,
            f32_dst: true,
            full_sync,
            constants: Vec::new(),
            reader: role(self.reader()),
            compute: role(compute),
            writer: role(self.writer()),
            semaphores: Vec::new(),
            chosen_by,
            math_cycles: [most * cycles, mean * cycles],
            writer_cycles: 0.0,
            least_dram_bytes: self.least_bytes(),
            circular: self.rings,
        })
    }

    fn lets(&self, body: Vec<Op>) -> Vec<Op> {
        let body = lets(&self.counter.lets(I), body);
        vec![Op::Loop { name: I.to_owned(), count: Index::named("count"), body }]
    }

    /// Reads what changes from tile to tile together, and the rest when it does.
    fn reader(&self) -> Vec<Op> {
        let mut body = Vec::new();
        let (each, seldom): (Vec<_>, Vec<_>) = self.inputs.iter().partition(|x| x.period <= 1);
        for input in seldom {
            let test = self.counter.changes(I, input.period).expect("it changes seldom");
            body.push(Op::If { test, then: self.fetch(&[input]), otherwise: Vec::new() });
        }
        if !each.is_empty() {
            body.extend(self.fetch(&each));
        }
        self.lets(body)
    }

    fn fetch(&self, inputs: &[&Input]) -> Vec<Op> {
        let mut ops: Vec<_> =
            inputs.iter().map(|input| Op::Reserve(input.ring, input.pages)).collect();
        for input in inputs {
            let (first, into) = (input.leaf.page(&self.place), input.ring);
            let pages = 0..input.pages;
            let read = |at: u32| {
                let page = first.clone() + at * input.apart;
                Op::Move(Move::Read { buffer: input.buffer, page, into, at: at.into() })
            };
            let zero = |at: u32| Op::Move(Move::Zero { into, at: at.into() });
            match input.leaf.inside(&self.place) {
                None => ops.extend(pages.map(read)),
                Some(test) => ops.push(Op::If {
                    test,
                    then: pages.clone().map(read).collect(),
                    otherwise: pages.map(zero).collect(),
                }),
            }
        }
        ops.push(Op::Move(Move::ReadBarrier));
        ops.extend(inputs.iter().map(|input| Op::Push(input.ring, input.pages)));
        ops
    }

    /// The compute role, with two sections of DST where it fits, else with one.
    fn compute(&self, draft: &Draft<'_>, dst_tiles: u32) -> Result<(bool, Vec<Op>), Diagnostic> {
        // Tiles of 32 bits are half as many, and each section has half of them.
        match self.compute_with(draft, dst_tiles / 4) {
            Ok(ops) => Ok((false, ops)),
            Err(_) => Ok((true, self.compute_with(draft, dst_tiles / 2)?)),
        }
    }

    fn compute_with(&self, draft: &Draft<'_>, tiles: u32) -> Result<Vec<Op>, Diagnostic> {
        let kernel = &draft.plan.kernel;
        let page = |input: &Input| {
            let first = Index::from(0);
            let source = match input.pages {
                1 => Source::Page(input.ring, first),
                _ => Source::Halves(input.ring, first),
            };
            (input.leaf.clone(), source)
        };
        let leaves: Vec<_> = self.inputs.iter().map(page).collect();
        let free: Vec<_> = (0..tiles).collect();
        let inlined = self.layout.inlined(kernel);
        let given = Given {
            kernel,
            place: &self.place,
            leaves: &leaves,
            known: &[],
            inlined: &inlined,
            kept: &[],
            free: &free,
        };
        let roots = self.layout.roots(kernel);
        let tile = self.tile();
        let what = Sections { roots: &roots, outputs: &self.outputs, tile: &tile };
        let ops = sections(what, &given)?;
        Ok(self.around(ops))
    }

    /// Waits for the tiles that ops read, and hands them back.
    fn around(&self, ops: Vec<Op>) -> Vec<Op> {
        let (mut body, mut after, mut end) = (Vec::new(), Vec::new(), Vec::new());
        let several = |then| Op::If {
            test: Test::Less(Index::from(0), Index::named(I)),
            then,
            otherwise: Vec::new(),
        };
        for input in &self.inputs {
            let wait = Op::Wait(input.ring, input.pages);
            let pop = Op::Pop(input.ring, input.pages);
            let Some(test) = self.counter.changes(I, input.period) else {
                body.push(wait);
                after.push(pop);
                continue;
            };
            let once = input.period >= self.counter.items();
            let then = if once { vec![wait] } else { vec![several(vec![pop.clone()]), wait] };
            body.push(Op::If { test, then, otherwise: Vec::new() });
            end.push(pop);
        }
        body.extend(ops);
        body.extend(after);
        let mut role = self.lets(body);
        if !end.is_empty() {
            let test = Test::Less(Index::from(0), Index::named("count"));
            role.push(Op::If { test, then: end, otherwise: Vec::new() });
        }
        role
    }

    /// The tile's row and column.
    fn tile(&self) -> [Index; 2] {
        [&self.place.row, &self.place.column].map(|at| at.clone().unwrap_or_else(|| Index::from(0)))
    }

    /// The page of the tile in what is written.
    fn page(&self) -> Index {
        let small = |number| u32::try_from(number).unwrap_or(u32::MAX);
        let batch = self.place.batch.iter().zip(&self.layout.batch);
        let matrix =
            batch.fold(Index::from(0), |matrix, (at, &length)| matrix * small(length) + at.clone());
        let ([_, rows, columns], [row, column]) = (self.layout.extents(), self.tile());
        (matrix * small(rows) + row) * small(columns) + column
    }

    /// What each operand and each result takes once.
    fn least_bytes(&self) -> u64 {
        let read = self.inputs.iter().map(|input| {
            u64::from(input.pages) * self.counter.pages(&input.leaf) * self.bytes(input.ring)
        });
        let written =
            self.outputs.iter().map(|output| self.layout.tiles() * self.bytes(output.ring));
        read.chain(written).sum()
    }

    fn bytes(&self, ring: CircularAt) -> u64 {
        self.rings[ring].format.tile_bytes().into()
    }

    fn writer(&self) -> Vec<Op> {
        let mut body = Vec::new();
        let page = self.page();
        for output in &self.outputs {
            let (from, at) = (output.ring, Index::from(0));
            body.push(Op::Wait(from, 1));
            body.push(Op::Move(Move::Write {
                buffer: output.buffer,
                page: page.clone(),
                from,
                at,
            }));
        }
        body.push(Op::Move(Move::WriteBarrier));
        body.extend(self.outputs.iter().map(|output| Op::Pop(output.ring, 1)));
        self.lets(body)
    }
}
