//! Equations that a core computes element by element, as a step: integers that are reduced,
//! and what is read at an index that is data.
//!
//! ```text
//! writer:  opens its tables                   pages of them stay in L1 while there is room
//!          page after page of the result:     each element by its equation, then all to DRAM
//! ```
//!
//! Pages are dealt out evenly; no core needs anything of another one. The result lies like any
//! other tensor, with its last two dimensions as rows and columns, so that later steps read it as
//! tiles. Tables lie as they were written. No page has to be in L1 for another one, so that a
//! table of any size will do.

mod fits;
mod linear;
mod whole;

use tilec_ir::dataflow::{
    Circular, Elements, Fidelity, Format, Index, MOST_HELD, Made, Move, Op, Role, Step, Table,
};
use tilec_ir::plan::EquationAt;
use tilec_ir::tensor::{Role as Filled, Tensor};
use tilec_ir::walk::{reachable, reads};
use tilec_ir::{Diagnostic, Id};

pub(super) use whole::is_within;

use super::draft::{Draft, unique};
use super::points::share;
use super::vector::{Order, format_of};

/// The counter of a core's pages.
const I: &str = "i";
/// Cycles of an operation of a processor that moves data, with what it reads and stores.
const CYCLES: f64 = 8.0;

/// The steps of a region, one for each of its equations; `None` where one of them needs tiles.
pub(super) fn steps(draft: &mut Draft<'_>, region: usize) -> Option<Result<Vec<Step>, Diagnostic>> {
    let covers = draft.plan.regions[region].covers.clone();
    let fit = covers.iter().all(|&at| fits::fits(&draft.plan.kernel, at));
    fit.then(|| {
        covers.iter().try_fold(Vec::new(), |mut steps, &at| {
            steps.extend(of_equation(draft, region, at)?);
            Ok(steps)
        })
    })
}

fn of_equation(
    draft: &mut Draft<'_>,
    region: usize,
    at: EquationAt,
) -> Result<Option<Step>, Diagnostic> {
    let kernel = &draft.plan.kernel;
    let (tensor, value) = (kernel.equations[at].tensor, kernel.equations[at].value);
    let mut read: Vec<Id<Tensor>> = Vec::new();
    for of in reachable(kernel, value).into_iter().flat_map(|expr| reads(kernel, expr)) {
        if !read.contains(&of) {
            read.push(of);
        }
    }
    let made = linear::made(kernel, at);
    let operations = match made.along().map(|dim| fits::length(kernel, tensor, dim)) {
        Some(length) => fits::operations(kernel, value) / length.clamp(1.0, 32.0),
        None => fits::operations(kernel, value),
    };
    let order = plain(kernel.tensors[tensor].shape.len());
    let format = format_of(kernel.tensors[tensor].element, draft.f32_ring());
    let tables = read.iter().map(|&of| table(draft, of)).collect::<Result<Vec<_>, _>>()?;
    let buffer = draft.write(tensor, &order, format)?;
    let made = Making { made, tables, buffer, format, operations };
    Ok(made.step(draft, region))
}

/// The step that copies a buffer to another one of the same tensor.
pub(super) fn copy(draft: &mut Draft<'_>, region: usize, from: usize, into: usize) -> Option<Step> {
    let format = draft.buffers[into].format;
    let made =
        Making { made: Made::Copies, tables: vec![from], buffer: into, format, operations: 4.0 };
    made.step(draft, region)
}

/// The order of dimensions in which tensors lie unless a step wants another.
fn plain(rank: usize) -> Order {
    let side = |behind: usize| rank.checked_sub(behind).into_iter().collect();
    Order { batch: (0..rank.saturating_sub(2)).collect(), rows: side(2), columns: side(1) }
}

/// Where all elements of a tensor lie with all their bits.
fn table(draft: &mut Draft<'_>, tensor: Id<Tensor>) -> Result<usize, Diagnostic> {
    let kernel = &draft.plan.kernel;
    let Tensor { element, role, shape, span, .. } = &kernel.tensors[tensor];
    let (format, order, span) = (format_of(*element, Format::Word), plain(shape.len()), *span);
    if *role != Filled::Input
        && let Some(found) = draft.written(tensor)
    {
        return Ok(found);
    }
    draft.read(tensor, &order, format, span)
}

/// A buffer that is made.
pub(super) struct Making {
    pub(super) made: Made,
    /// The buffers of its tables.
    pub(super) tables: Vec<usize>,
    pub(super) buffer: usize,
    /// Of the ring of its pages.
    pub(super) format: Format,
    /// For an element.
    pub(super) operations: f64,
}

impl Making {
    /// The step; none where the buffer has no pages.
    pub(super) fn step(&self, draft: &mut Draft<'_>, region: usize) -> Option<Step> {
        let buffer = &draft.buffers[self.buffer];
        let (pages, elements) = (buffer.pages(), buffer.extent.iter().product::<u64>());
        if pages == 0 {
            return None;
        }
        let tensix = draft.tensix();
        let share = share(pages, [tensix.columns, tensix.rows]);
        let (rings, tables) = self.rings(draft);
        let [most, mean] = share.most_and_mean();
        let cycles = elements as f64 / pages as f64 * self.operations * CYCLES;
        let bytes = |at: usize| {
            draft.buffers[at].pages().saturating_mul(draft.buffers[at].format.tile_bytes().into())
        };
        let least = self.tables.iter().chain([&self.buffer]).map(|&at| bytes(at));
        let least_dram_bytes = least.fold(0, u64::saturating_add);
        let [columns, rows] = share.grid;
        let writer = Role { arguments: share.arguments(), body: self.body(&rings, &tables) };
        Some(Step {
            name: draft.step_name(region),
            region,
            grid: share.grid,
            fidelity: Fidelity::HiFi4,
            f32_dst: true,
            full_sync: false,
            constants: Vec::new(),
            circular: rings,
            semaphores: Vec::new(),
            reader: Role::default(),
            compute: Role::default(),
            writer,
            chosen_by: format!(
                "element by element: {pages} tiles on {columns} x {rows} cores, at most {most} each (mean {mean:.2})"
            ),
            math_cycles: [0.0, 0.0],
            writer_cycles: most * cycles,
            least_dram_bytes,
        })
    }

    /// The ring of the result first, then those of tables.
    fn rings(&self, draft: &Draft<'_>) -> (Vec<Circular>, Vec<Table>) {
        let name = draft.buffers[self.buffer].name.clone();
        let holds = format!("a tile of {name}");
        let mut rings = vec![Circular { name, format: self.format, tiles: 1, holds }];
        let mut room =
            u64::from(draft.tensix().l1_bytes).saturating_sub(self.format.tile_bytes().into());
        let mut tables = Vec::new();
        for (at, &buffer) in self.tables.iter().enumerate() {
            let of = &draft.buffers[buffer];
            let bytes = u64::from(of.format.tile_bytes());
            let fair = room / (self.tables.len() - at) as u64 / bytes;
            let places = of.pages().min(fair.saturating_sub(1)).clamp(1, MOST_HELD.into());
            let tiles = u32::try_from(places).expect("no more than are held") + 1;
            room = room.saturating_sub(u64::from(tiles) * bytes);
            let taken = rings.iter().map(|ring| ring.name.clone()).collect();
            let name = unique(&of.name, &taken);
            let holds = format!("tiles of {} that were read, and which they are", of.name);
            tables.push(Table { buffer, ring: rings.len() });
            rings.push(Circular { name, format: of.format, tiles, holds });
        }
        (rings, tables)
    }

    fn body(&self, rings: &[Circular], tables: &[Table]) -> Vec<Op> {
        let mut ops: Vec<Op> =
            rings.iter().enumerate().map(|(at, ring)| Op::Reserve(at, ring.tiles)).collect();
        ops.extend(tables.iter().map(|&table| Op::Move(Move::Open(table))));
        if let Some(at) = self.made.equation() {
            ops.push(Op::Equation(at));
        }
        let page = Index::named("page");
        let elements = Elements {
            made: self.made.clone(),
            tables: tables.to_vec(),
            buffer: self.buffer,
            page: page.clone(),
            into: 0,
        };
        let (first, rows) = (Index::from(0), Index::from(32));
        let body = vec![
            Op::Let("page".to_owned(), Index::named("first") + Index::named(I)),
            Op::Move(Move::Elements(elements)),
            Op::Move(Move::WriteRows { buffer: self.buffer, page, first, rows, from: 0 }),
            Op::Move(Move::WriteBarrier),
        ];
        ops.push(Op::Loop { name: I.to_owned(), count: Index::named("count"), body });
        ops
    }
}
