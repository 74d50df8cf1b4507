//! Selections as a step: the writer of a core keeps the first elements of a row in a list
//! while the reader fetches the row.
//!
//! ```text
//! index[m, s] = argsort[n desc](x[m, n])[s]       value[m, s] = x[m, index[m, s]]
//!
//! reader:   rows of x --64 bytes and more--> ring
//! writer:   ring --offered--> list of pairs (code, n), in order --> rows of index
//!                                                    x by index --> rows of value
//! ```
//!
//! Pairs are integers, and no two are equal: whatever is cut or merged, ties go to the lowest
//! index and NaN comes last. Values are read again from where they lie, so that they keep
//! their bits. An item is the rows of which DRAM is read 64 bytes at a time. Few long rows
//! are cut over cores, whose lists are merged along rows of cores and then down a column.

mod cut;
mod lists;
mod merge;
mod operands;
mod reader;
mod stored;
mod writer;

use tilec_ir::Diagnostic;
use tilec_ir::dataflow::{
    Argument, Circular, CircularAt, Fidelity, Index, Op, Role, Semaphore, SemaphoreAt, Step,
};
use tilec_ir::plan::Select;

use self::cut::Cut;
use self::lists::Lists;
use self::operands::{Operands, Side};
pub(super) use self::stored::{insert, stored};
use super::draft::{Draft, unique};
use super::points::{Counter, digits, lets};

/// The counter of a core's items.
const I: &str = "i";

/// The step of a selection; none where nothing is selected.
pub(super) fn steps(
    draft: &mut Draft<'_>,
    region: usize,
    select: &Select,
) -> Result<Vec<Step>, Vec<Diagnostic>> {
    step(draft, region, select).map_err(|fault| vec![fault])
}

fn step(draft: &mut Draft<'_>, region: usize, select: &Select) -> Result<Vec<Step>, Diagnostic> {
    let operands = operands::choose(draft, region, select)?;
    if operands.items() == 0 || operands.count == 0 {
        return Ok(Vec::new());
    }
    let span = draft.plan.kernel.equations[draft.plan.regions[region].covers[0]].span;
    let cut = cut::cut(draft.tensix(), &operands, span)?;
    Ok(vec![Selection::new(draft, operands, cut).step(draft, region)])
}

/// A selection on its way to a step.
struct Selection {
    operands: Operands,
    cut: Cut,
    counter: Counter,
    rings: Vec<Circular>,
    semaphores: Vec<Semaphore>,
    /// The ring of keys.
    keys: CircularAt,
    lists: Lists,
    /// By result: the ring of its tile and, for values, of what is fetched.
    results: Vec<(CircularAt, Option<CircularAt>)>,
}

impl Selection {
    fn new(draft: &Draft<'_>, operands: Operands, cut: Cut) -> Self {
        let kernel = &draft.plan.kernel;
        let names: Vec<_> = operands.batch.iter().map(|&(var, _)| &kernel.vars[var].name).collect();
        let lengths: Vec<_> = operands.batch.iter().map(|&(_, length)| length).collect();
        let digits = digits(names.into_iter().zip(&lengths), [operands.groups(), 1]);
        let mut selection = Self {
            counter: Counter { item: "item", digits },
            rings: Vec::new(),
            semaphores: Vec::new(),
            keys: 0,
            lists: Lists::default(),
            results: Vec::new(),
            operands,
            cut,
        };
        selection.name_rings(draft);
        selection
    }

    fn ring(&mut self, name: &str, like: Circular) -> CircularAt {
        let taken = self.rings.iter().map(|ring| ring.name.clone()).collect();
        self.rings.push(Circular { name: unique(name, &taken), ..like });
        self.rings.len() - 1
    }

    fn semaphore(&mut self, name: &str) -> SemaphoreAt {
        self.semaphores.push(Semaphore { name: name.to_owned(), initial: 0 });
        self.semaphores.len() - 1
    }

    fn name_rings(&mut self, draft: &Draft<'_>) {
        let buffer = &draft.buffers[self.operands.key.buffer];
        let (name, format) = (buffer.name.clone(), self.operands.key.format);
        let holds = format!("rows of {name}");
        let tiles = 2 * self.cut.block;
        self.keys = self.ring(&name, Circular { name: String::new(), format, tiles, holds });
        self.name_lists();
        for at in 0..self.operands.results.len() {
            let result = self.operands.results[at].clone();
            let name = draft.buffers[result.buffer].name.clone();
            let like = |tiles, holds| Circular {
                name: String::new(),
                format: result.format,
                tiles,
                holds,
            };
            let ring = self.ring(&name, like(1, format!("a tile of {name}")));
            let fetched = result.from.is_some().then(|| {
                let tiles = operands::fetched_tiles(result.format);
                let holds = format!("64 bytes around each element of {name}");
                self.ring(&format!("near_{name}"), like(tiles, holds))
            });
            self.results.push((ring, fetched));
        }
    }

    fn step(self, draft: &mut Draft<'_>, region: usize) -> Step {
        let role = |body| Role { arguments: self.arguments(), body };
        let (reader, writer) = (role(self.reader()), role(self.writer(draft, region)));
        Step {
            name: draft.step_name(region),
            region,
            grid: self.cut.grid,
            fidelity: Fidelity::HiFi4,
            f32_dst: true,
            full_sync: false,
            constants: Vec::new(),
            reader,
            compute: Role::default(),
            writer,
            chosen_by: self.cut.chosen_by.clone(),
            math_cycles: [0.0, 0.0],
            writer_cycles: self.cut.cycles,
            least_dram_bytes: self.operands.least_bytes(),
            circular: self.rings,
            semaphores: self.semaphores,
        }
    }

    /// The items of a core, and which tiles of their rows it takes.
    fn arguments(&self) -> Vec<Argument> {
        let argument = |name: &str, values| Argument { name: name.to_owned(), values };
        let shares = self.cut.shares(self.operands.items(), self.operands.tiles());
        let of = |number: fn(&cut::Share) -> u32| shares.iter().map(number).collect();
        vec![
            argument("first", of(|share| share.items[0])),
            argument("count", of(|share| share.items[1] - share.items[0])),
            argument("first_tile", of(|share| share.tiles[0])),
            argument("end_tile", of(|share| share.tiles[1])),
        ]
    }

    /// A role's loop over its items.
    fn items(&self, body: Vec<Op>) -> Vec<Op> {
        let mut numbers = self.counter.lets(I);
        let rows = self.operands.rows_of_item;
        if rows > 1 {
            let left = Index::from(small(self.operands.rows)) - self.group() * rows;
            numbers.push(("rows".to_owned(), left.min(rows)));
        }
        let body = lets(&numbers, body);
        vec![Op::Loop { name: I.to_owned(), count: Index::named("count"), body }]
    }

    /// Which of the pieces of a matrix an item is.
    fn group(&self) -> Index {
        self.counter.value(super::points::Of::Row)
    }

    /// The first row of an item in its tile.
    fn row_of_tile(&self) -> Index {
        let rows = self.operands.rows_of_item;
        self.group() % (32 / rows) * rows
    }

    /// The page of a tile of an operand; the row is that of the item.
    fn page(&self, side: &Side, column: Index) -> Index {
        let mut place = self.counter.place(self.operands.batch.len());
        place.row = Some(self.group() / (32 / self.operands.rows_of_item));
        place.column = Some(column);
        side.leaf.page(&place)
    }

    /// Ops for every row of an item.
    fn each_row(&self, ops: impl Fn(Index) -> Vec<Op>) -> Vec<Op> {
        match self.operands.rows_of_item {
            1 => ops(Index::from(0)),
            _ => {
                let (name, count) = ("slot".to_owned(), Index::named("rows"));
                vec![Op::Loop { name, count, body: ops(Index::named("slot")) }]
            }
        }
    }
}

/// A number of things of which there are fewer than 2^32.
fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
