//! Rowwise equations as a step: a core takes 32 rows at a time, adds up tiles along them, and
//! maps the same tiles with what came out.
//!
//! ```text
//! softmax   sweep 1   top   = max(top, x)          over the tiles of the rows, then within
//!           sweep 2   total = total + exp(x - top)     a tile, once
//!           sweep 3   y     = exp(x - top) / total
//! ```
//!
//! Tiles that several sweeps need stay in L1 where they fit, and are read again where they
//! don't. With segments, each piece of 32 rows by a segment is work of its own, unless the
//! whole row is reduced too.

mod compute;
mod constant;
mod fold;
mod inputs;
mod parts;
mod sweep;
mod writer;

use tilec_ir::dataflow::{Circular, CircularAt, Fidelity, Format, Index, Role, Step};
use tilec_ir::plan::Rowwise;
use tilec_ir::print::print_expr;
use tilec_ir::{Diagnostic, Kind};

use self::constant::Constant;
use self::inputs::Input;
use self::parts::Parts;
use super::draft::{Draft, unique};
use super::points::{Counter, Output, digits, is_read_later, share, vector_cycles};
use super::vector::{ELSEWHERE, Order, Place, format_of};

pub(super) use fold::steps as fold;

/// The longest expression that is quoted where rings are listed.
const LONGEST: usize = 60;
/// The counter of a core's items.
const I: &str = "i";
/// The tile along a row.
const COLUMN: &str = "column";
/// The tile within a segment.
const WITHIN: &str = "within";

/// The step of a rowwise region; none where it has no rows.
pub(super) fn steps(
    draft: &mut Draft<'_>,
    region: usize,
    rowwise: &Rowwise,
) -> Result<Vec<Step>, Vec<Diagnostic>> {
    step(draft, region, rowwise).map_err(|fault| vec![fault])
}

/// That running sums have no steps.
pub(super) fn no_scan(draft: &Draft<'_>, region: usize) -> Diagnostic {
    let at = draft.plan.regions[region].covers[0];
    let span = draft.plan.kernel.equations[at].span;
    Diagnostic::new(Kind::NotExpressible, span, "Tensix can't run a running sum")
        .here("each element needs all before it, across tiles")
        .help(ELSEWHERE)
}

fn step(draft: &mut Draft<'_>, region: usize, rowwise: &Rowwise) -> Result<Vec<Step>, Diagnostic> {
    let parts = parts::choose(draft, region, rowwise)?;
    let outputs = outputs(draft, region, &parts)?;
    if parts.strips() == 0 {
        return Ok(Vec::new());
    }
    // Two sections of DST and as few sweeps as possible come first.
    let mut fault = None;
    for (sections, apart) in [(2, false), (1, false), (2, true), (1, true)] {
        let parts = if apart { parts.clone().apart() } else { parts.clone() };
        let rows = Rows::new(draft, parts, &outputs)?;
        match rows.step(draft, region, sections) {
            Ok(step) => return Ok(vec![step]),
            Err(found) => fault = Some(found),
        }
    }
    Err(fault.expect("one of these was tried"))
}

/// A region on its way to a step.
struct Rows {
    parts: Parts,
    counter: Counter,
    rings: Vec<Circular>,
    inputs: Vec<Input>,
    /// By part: the ring of what it reduces.
    results: Vec<Option<CircularAt>>,
    /// Values that sweeps use at every tile, and their rings.
    constants: Vec<Constant>,
    constant_rings: Vec<CircularAt>,
    /// By part.
    outputs: Vec<Option<Output>>,
    /// How f32 results of reductions are kept.
    f32_ring: Format,
}

/// Asks for the buffers of what is stored, by part; their rings are named later.
fn outputs(
    draft: &mut Draft<'_>,
    region: usize,
    parts: &Parts,
) -> Result<Vec<Option<Output>>, Diagnostic> {
    let mut outputs = Vec::new();
    for part in &parts.parts {
        if !part.stored {
            outputs.push(None);
            continue;
        }
        let equation = &draft.plan.kernel.equations[part.equation];
        let dims = |vars: &[_]| -> Vec<usize> {
            let position = |var| equation.vars.iter().position(|other| other == var);
            vars.iter().filter_map(position).collect()
        };
        let axes = part.stored_axes();
        let order = Order {
            batch: dims(&axes.batch),
            rows: dims(&axes.rows),
            columns: dims(&axes.columns),
        };
        let tensor = equation.tensor;
        let format = format_of(draft.plan.kernel.tensors[tensor].element, draft.f32_ring());
        let buffer = draft.write(tensor, &order, format)?;
        let later = is_read_later(&draft.plan, region, part.equation);
        let columns = if part.is_map() { parts.length } else { 1 };
        let keeps = later.then_some([parts.rows, columns]);
        outputs.push(Some(Output { equation: part.equation, ring: 0, buffer, keeps }));
    }
    Ok(outputs)
}

impl Rows {
    fn new(
        draft: &mut Draft<'_>,
        parts: Parts,
        outputs: &[Option<Output>],
    ) -> Result<Self, Diagnostic> {
        let counter = counter(draft, &parts);
        let (f32_ring, outputs) = (draft.f32_ring(), outputs.to_vec());
        let mut rows = Self {
            parts,
            counter,
            rings: Vec::new(),
            inputs: Vec::new(),
            results: Vec::new(),
            constants: Vec::new(),
            constant_rings: Vec::new(),
            outputs,
            f32_ring,
        };
        rows.constants = rows.parts.constants(&draft.plan.kernel, &rows.sweeps());
        rows.read(draft)?;
        rows.name_results(draft);
        rows.name_constants(draft);
        rows.hold(draft.tensix());
        Ok(rows)
    }

    fn ring(&mut self, name: &str, format: Format, tiles: u32, holds: String) -> CircularAt {
        let taken = self.rings.iter().map(|ring| ring.name.clone()).collect();
        let name = unique(name, &taken);
        self.rings.push(Circular { name, format, tiles, holds });
        self.rings.len() - 1
    }

    /// The rings of reductions and of what is stored.
    fn name_results(&mut self, draft: &Draft<'_>) {
        for at in 0..self.parts.parts.len() {
            let part = self.parts.parts[at].clone();
            let tensor = draft.plan.kernel.equations[part.equation].tensor;
            let name = super::draft::word(&draft.plan.kernel.tensors[tensor].name);
            let result = part.reduction().map(|_| {
                let holds = format!("{name} of 32 rows, in all columns");
                self.ring_of_rows(&name, holds)
            });
            self.results.push(result);
            if let Some(output) = &self.outputs[at] {
                let format = draft.buffers[output.buffer].format;
                let name = draft.buffers[output.buffer].name.clone();
                let ring = self.ring(&name, format, 2, format!("tiles of {name}"));
                self.outputs[at].as_mut().expect("it was just there").ring = ring;
            }
        }
    }

    /// The rings of values that sweeps use.
    fn name_constants(&mut self, draft: &Draft<'_>) {
        for Constant { expr, equation, .. } in self.constants.clone() {
            let kernel = &draft.plan.kernel;
            let tensor = kernel.equations[equation].tensor;
            let name = format!("{}_factor", super::draft::word(&kernel.tensors[tensor].name));
            let text = print_expr(kernel, expr);
            let what = if text.len() <= LONGEST { text } else { "what it uses".to_owned() };
            let ring = self.ring_of_rows(&name, format!("{what} of 32 rows, in all columns"));
            self.constant_rings.push(ring);
        }
    }

    /// A ring of an f32 value of 32 rows.
    fn ring_of_rows(&mut self, name: &str, holds: String) -> CircularAt {
        // Three bf16 hold an f32 where its words can't come to DST.
        let format = if self.pieces() { Format::Bf16 } else { self.f32_ring };
        let pages = self.result_pages();
        self.ring(name, format, pages, holds)
    }

    /// Whether f32 results are kept as three bf16.
    fn pieces(&self) -> bool {
        self.f32_ring != Format::Word
    }

    /// How many pages the result of a reduction takes.
    fn result_pages(&self) -> u32 {
        if self.pieces() { 3 } else { 1 }
    }

    /// The place of a tile along a row.
    fn place(&self) -> Place {
        let mut place = self.counter.place(self.parts.batch.len() + 1);
        if self.parts.segment.is_some() && !self.parts.by_segment {
            place.batch[self.parts.batch.len()] = Index::named(&self.parts.segment_name);
        }
        place.column = Some(Index::named(COLUMN));
        place
    }

    /// The segment, as a number.
    fn segment(&self) -> Index {
        self.place().batch.last().cloned().expect("its last position is the segment")
    }

    fn step(
        &self,
        draft: &mut Draft<'_>,
        region: usize,
        sections: u32,
    ) -> Result<Step, Diagnostic> {
        let tensix = draft.tensix();
        let share = share(self.counter.items(), [tensix.columns, tensix.rows]);
        let idle = share.items < u64::from(share.grid[0]) * u64::from(share.grid[1]);
        let compute = self.compute(draft, tensix.dst_tiles / 2 / sections, idle)?;
        let cycles = vector_cycles(&compute);
        let role = |body| Role { arguments: share.arguments(), body };
        let [most, mean] = share.most_and_mean();
        let [columns, rows] = share.grid;
        let items = if self.parts.by_segment { "segments of 32 rows" } else { "strips of 32 rows" };
        let chosen_by = format!(
            "{} {items} on {columns} x {rows} cores, at most {most} each; {}",
            share.items,
            self.held()
        );
        Ok(Step {
            name: draft.step_name(region),
            region,
            grid: share.grid,
            fidelity: Fidelity::HiFi4,
            f32_dst: true,
            full_sync: sections == 1,
            constants: Vec::new(),
            circular: self.rings.clone(),
            semaphores: Vec::new(),
            reader: role(self.reader(idle)),
            compute: role(compute),
            writer: role(self.writer()),
            chosen_by,
            math_cycles: [most * cycles, mean * cycles],
            writer_cycles: 0.0,
            least_dram_bytes: self.least_bytes(),
        })
    }

    /// What operands and results take once.
    fn least_bytes(&self) -> u64 {
        let tile_bytes = |ring: CircularAt| u64::from(self.rings[ring].format.tile_bytes());
        let along = |input: &Input| if input.leaf.moves[1] { self.parts.column_tiles() } else { 1 };
        let read = self
            .inputs
            .iter()
            .map(|input| self.counter.pages(&input.leaf) * along(input) * tile_bytes(input.ring));
        let written = self.parts.parts.iter().zip(&self.outputs).filter_map(|(part, output)| {
            let output = output.as_ref()?;
            let each = if part.is_map() {
                self.parts.column_tiles()
            } else if part.segmented {
                self.parts.segments()
            } else {
                1
            };
            Some(self.parts.strips() * each * tile_bytes(output.ring))
        });
        read.chain(written).sum()
    }
}

/// The number of a strip, or of its segment.
fn counter(draft: &Draft<'_>, parts: &Parts) -> Counter {
    let vars = &draft.plan.kernel.vars;
    let mut lengths: Vec<_> =
        parts.batch_vars.iter().map(|&var| &vars[var].name).zip(&parts.batch).collect();
    let segments = parts.segments();
    let name = "segment".to_owned();
    if parts.by_segment {
        lengths.push((&name, &segments));
    }
    let digits = digits(lengths.into_iter(), [parts.rows.div_ceil(32), 1]);
    Counter { item: "strip", digits }
}
