//! What a selection reads and writes, and whether it lies as rows of tiles.

use tilec_ir::dataflow::{BufferAt, FETCHED_BYTES, Format, Key, KeyKind};
use tilec_ir::plan::{EquationAt, Gathered, Select};
use tilec_ir::tensor::{Expr, ExprKind, Kernel, Order as Sorted, Scalar, Tensor, Var};
use tilec_ir::{Atom, Diagnostic, Id, IntId, Kind, Span};

use super::small;
use crate::dataflow::draft::Draft;
use crate::dataflow::vector::{Axes, ELSEWHERE, Leaf, Order, format_of};

/// Elements of a row of a face, which lie side by side.
const FACE_COLUMNS: u32 = 16;

/// What a selection reads and writes.
#[derive(Clone, Debug)]
pub(super) struct Operands {
    /// Variables that tell matrices, with their lengths.
    pub(super) batch: Vec<(Id<Var>, u64)>,
    /// Rows of a matrix, and elements of a row.
    pub(super) rows: u64,
    pub(super) length: u64,
    /// How many rows are read together.
    pub(super) rows_of_item: u32,
    /// The first place that is wanted, and how many.
    pub(super) first: u32,
    pub(super) count: u32,
    pub(super) key: Side,
    pub(super) order: Key,
    pub(super) results: Vec<Output>,
}

/// A tensor that is read by rows.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub(super) leaf: Leaf,
    pub(super) buffer: BufferAt,
    pub(super) format: Format,
}

/// A tensor that is written by rows.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) equation: EquationAt,
    pub(super) buffer: BufferAt,
    pub(super) format: Format,
    /// What its elements are read from; `None` is the index itself.
    pub(super) from: Option<Side>,
}

impl Operands {
    /// Items along the rows of a matrix.
    pub(super) fn groups(&self) -> u64 {
        self.rows.div_ceil(self.rows_of_item.into())
    }

    /// All items.
    pub(super) fn items(&self) -> u64 {
        self.batch.iter().fold(self.groups(), |all, &(_, length)| all.saturating_mul(length))
    }

    /// Tiles along a row.
    pub(super) fn tiles(&self) -> u32 {
        small(self.length.div_ceil(32))
    }

    /// Places of a list.
    pub(super) fn places(&self) -> u32 {
        self.first.saturating_add(self.count)
    }

    /// What reading each key once and writing each result once takes.
    pub(super) fn least_bytes(&self) -> u64 {
        let rows = self.batch.iter().fold(self.rows, |all, &(_, n)| all.saturating_mul(n));
        let bytes = |format: Format| u64::from(format.tile_bytes() / 1024);
        let keys = self.length.saturating_mul(bytes(self.key.format));
        let results = self.results.iter().map(|x| u64::from(self.count) * bytes(x.format));
        rows.saturating_mul(keys.saturating_add(results.sum()))
    }
}

/// Pages for what is fetched around 32 elements.
pub(super) fn fetched_tiles(format: Format) -> u32 {
    (32 * FETCHED_BYTES).div_ceil(format.tile_bytes())
}

/// The operands, in an order of dimensions in which all of them are rows of tiles.
///
/// # Errors
/// Keys and gathered values that are computed or don't lie so.
pub(super) fn choose(
    draft: &mut Draft<'_>,
    region: usize,
    select: &Select,
) -> Result<Operands, Diagnostic> {
    let last = select.rows.len().saturating_sub(1);
    let (joined, plain) = (Layout { split: 0 }, Layout { split: last });
    if let Some(operands) = joined.fits(draft, region, select) {
        return operands.take(draft);
    }
    plain.operands(draft, region, select)?.take(draft)
}

/// Which row variables tell matrices: the first `split`.
struct Layout {
    split: usize,
}

impl Layout {
    /// The operands, if all local tensors lie so.
    fn fits(&self, draft: &Draft<'_>, region: usize, select: &Select) -> Option<Wanted> {
        let wanted = self.operands(draft, region, select).ok()?;
        let read = |(leaf, format): (&Leaf, Format)| draft.lies(leaf.tensor, &leaf.order, format);
        let from = wanted
            .results
            .iter()
            .filter_map(|(result, leaf)| leaf.as_ref().map(|leaf| (leaf, result.format)));
        let all = from.chain([(&wanted.key, wanted.format)]).all(read);
        all.then_some(wanted)
    }

    fn operands(
        &self,
        draft: &Draft<'_>,
        region: usize,
        select: &Select,
    ) -> Result<Wanted, Diagnostic> {
        let kernel = &draft.plan.kernel;
        let order_at = draft.plan.regions[region].covers[0];
        if select.limit.is_some() {
            return Err(ragged(kernel, select));
        }
        let (key, element) = self.key(kernel, select)?;
        let format = format_of(element, draft.f32_ring());
        let length = constant(kernel, select.length);
        if length > 1 << 31 {
            return Err(too_long(kernel, select));
        }
        let mut results = Vec::new();
        if select.stored {
            let output = self.output(draft, order_at, &select.rows, select.place);
            results.push((output, None));
        }
        for gathered in &select.gathered {
            let leaf = self.gathered(kernel, order_at, select, gathered)?;
            let output = self.output(draft, gathered.equation, &gathered.rows, gathered.place);
            results.push((output, Some(leaf)));
        }
        Ok(Wanted {
            batch: self.batch(kernel, &select.rows),
            rows: self.rows(&select.rows).iter().map(|&var| range(kernel, var)).product(),
            length,
            first: small(constant(kernel, select.first)),
            count: small(constant(kernel, select.count)),
            order: key_of(element, select.order),
            key,
            format,
            results,
        })
    }

    fn batch(&self, kernel: &Kernel, rows: &[Id<Var>]) -> Vec<(Id<Var>, u64)> {
        rows[..self.split].iter().map(|&var| (var, range(kernel, var))).collect()
    }

    fn rows<'a>(&self, rows: &'a [Id<Var>]) -> &'a [Id<Var>] {
        &rows[self.split..]
    }

    fn axes(&self, rows: &[Id<Var>], column: Id<Var>) -> Axes {
        let (batch, rows) = (rows[..self.split].to_vec(), self.rows(rows).to_vec());
        Axes { batch, rows, columns: vec![column] }
    }

    /// The key as a leaf, and its element type.
    fn key(&self, kernel: &Kernel, select: &Select) -> Result<(Leaf, Scalar), Diagnostic> {
        let Expr { span, .. } = kernel.exprs[select.key];
        let Some((tensor, index)) = read(kernel, select.key) else {
            return Err(refused(span, "this key is computed"));
        };
        let leaf = Leaf::of(kernel, &self.axes(&select.rows, select.column), tensor, &index, span)?;
        along(kernel, leaf, select.column).map(|leaf| (leaf, kernel.tensors[tensor].element))
    }

    /// What an equation gathers, as if it read the whole row.
    fn gathered(
        &self,
        kernel: &Kernel,
        order_at: EquationAt,
        select: &Select,
        gathered: &Gathered,
    ) -> Result<Leaf, Diagnostic> {
        let equation = &kernel.equations[gathered.equation];
        let span = kernel.exprs[equation.value].span;
        let order = kernel.equations[order_at].tensor;
        let computed = || refused(span, "what is gathered here is computed");
        let (tensor, mut index) = read(kernel, equation.value).ok_or_else(computed)?;
        let picked = |&id: &IntId| match kernel.ints.as_atom(id) {
            Some(Atom::Read(from, _)) => *from == order,
            _ => false,
        };
        let mut places = index.iter_mut().filter(|id| picked(id));
        let (Some(place), None) = (places.next(), places.next()) else {
            return Err(refused(span, "this is read elsewhere than at the index"));
        };
        if kernel.tensors[tensor].element != kernel.tensors[equation.tensor].element {
            return Err(computed());
        }
        *place = column_of(kernel, select).ok_or_else(computed)?;
        let leaf =
            Leaf::of(kernel, &self.axes(&gathered.rows, select.column), tensor, &index, span)?;
        along(kernel, leaf, select.column)
    }

    fn output(
        &self,
        draft: &Draft<'_>,
        at: EquationAt,
        rows: &[Id<Var>],
        place: Option<Id<Var>>,
    ) -> Unplaced {
        let kernel = &draft.plan.kernel;
        let equation = &kernel.equations[at];
        let dims = |vars: &[Id<Var>]| -> Vec<usize> {
            let position = |var| equation.vars.iter().position(|other| other == var);
            vars.iter().filter_map(position).collect()
        };
        let order = Order {
            batch: dims(&rows[..self.split]),
            rows: dims(self.rows(rows)),
            columns: dims(place.as_slice()),
        };
        let format = format_of(kernel.tensors[equation.tensor].element, draft.f32_ring());
        Unplaced { equation: at, tensor: equation.tensor, order, format }
    }
}

/// A result that has no buffer yet.
struct Unplaced {
    equation: EquationAt,
    tensor: Id<Tensor>,
    order: Order,
    format: Format,
}

/// Operands that have no buffers yet.
struct Wanted {
    batch: Vec<(Id<Var>, u64)>,
    rows: u64,
    length: u64,
    first: u32,
    count: u32,
    key: Leaf,
    format: Format,
    order: Key,
    results: Vec<(Unplaced, Option<Leaf>)>,
}

impl Wanted {
    /// Asks for the buffers.
    fn take(self, draft: &mut Draft<'_>) -> Result<Operands, Diagnostic> {
        let side = |draft: &mut Draft<'_>, leaf: Leaf, format| {
            let buffer = draft.read(leaf.tensor, &leaf.order, format, leaf.span)?;
            Ok::<_, Diagnostic>(Side { leaf, buffer, format })
        };
        let key = side(draft, self.key, self.format)?;
        let mut results = Vec::new();
        for (Unplaced { equation, tensor, order, format }, from) in self.results {
            let from = from.map(|leaf| side(draft, leaf, format)).transpose()?;
            let buffer = draft.write(tensor, &order, format)?;
            results.push(Output { equation, buffer, format, from });
        }
        let row_bytes = FACE_COLUMNS * (self.format.tile_bytes() / 1024);
        Ok(Operands {
            batch: self.batch,
            rows: self.rows,
            length: self.length,
            rows_of_item: FETCHED_BYTES.div_ceil(row_bytes),
            first: self.first,
            count: self.count,
            key,
            order: self.order,
            results,
        })
    }
}

/// Whether an equation takes elements as they are.
pub(super) fn is_plain(kernel: &Kernel, at: EquationAt) -> bool {
    let equation = &kernel.equations[at];
    let element = kernel.tensors[equation.tensor].element;
    read(kernel, equation.value).is_some_and(|(from, _)| kernel.tensors[from].element == element)
}

/// The element that an expression is, through conversions that keep its value.
pub(super) fn read(kernel: &Kernel, mut expr: Id<Expr>) -> Option<(Id<Tensor>, Vec<IntId>)> {
    let mut types = Vec::new();
    while let Expr { kind: ExprKind::Convert(of), ty, .. } = kernel.exprs[expr] {
        types.push(ty);
        expr = of;
    }
    let (tensor, index) = match &kernel.exprs[expr].kind {
        ExprKind::Read(tensor, index) => (*tensor, index.clone()),
        ExprKind::Int(id) => match kernel.ints.as_atom(*id) {
            Some(Atom::Read(tensor, index)) => (*tensor, index.clone()),
            _ => return None,
        },
        _ => return None,
    };
    let element = kernel.tensors[tensor].element;
    let keeps = |ty: &Scalar| match ty {
        Scalar::F32 => element.is_float(),
        Scalar::I32 => element.is_integer(),
        ty => *ty == element,
    };
    types.iter().all(keeps).then_some((tensor, index))
}

/// The index that is the variable along a row, as some read of the key has it.
fn column_of(kernel: &Kernel, select: &Select) -> Option<IntId> {
    let (_, index) = read(kernel, select.key)?;
    let is_column = |id: &&IntId| kernel.ints.as_atom(**id) == Some(&Atom::Var(select.column));
    index.iter().find(is_column).copied()
}

/// A leaf whose columns are those of a row.
fn along(kernel: &Kernel, leaf: Leaf, column: Id<Var>) -> Result<Leaf, Diagnostic> {
    if leaf.moves[1] || (range(kernel, column) <= 32 && !leaf.order.columns.is_empty()) {
        return Ok(leaf);
    }
    Err(refused(leaf.span, "this is the same along a row"))
}

fn key_of(element: Scalar, order: Sorted) -> Key {
    let float = |greatest| KeyKind::Float { greatest };
    let (bits, kind) = match element {
        Scalar::F32 => (32, float(0x7f80_0000)),
        Scalar::Bf16 => (16, float(0x7f80)),
        Scalar::F16 => (16, float(0x7c00)),
        Scalar::F8E4M3 => (8, float(0x7e)),
        Scalar::F8E5M2 => (8, float(0x7c)),
        Scalar::I32 | Scalar::Idx(_) => (32, KeyKind::Signed),
        Scalar::I8 => (8, KeyKind::Signed),
        Scalar::U8 | Scalar::Bool => (8, KeyKind::Unsigned),
    };
    Key { bits, kind, order }
}

fn range(kernel: &Kernel, var: Id<Var>) -> u64 {
    constant(kernel, kernel.vars[var].range)
}

/// Sizes are bound.
fn constant(kernel: &Kernel, int: IntId) -> u64 {
    let value = kernel.ints.as_constant(int).and_then(|value| u64::try_from(value).ok());
    value.expect("sizes are bound, at 0 or more")
}

fn refused(span: Span, what: &str) -> Diagnostic {
    let message = format!("Tensix can't select here: {what}");
    Diagnostic::new(Kind::NotExpressible, span, message)
        .here("its cores select and gather elements of a tensor as they lie in memory")
        .help(ELSEWHERE)
}

fn ragged(kernel: &Kernel, select: &Select) -> Diagnostic {
    refused(kernel.exprs[select.key].span, "these rows have lengths of their own")
}

fn too_long(kernel: &Kernel, select: &Select) -> Diagnostic {
    refused(kernel.exprs[select.key].span, "a row has more than 2^31 elements")
}
