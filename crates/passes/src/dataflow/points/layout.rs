//! Which dimensions of a pointwise region are the rows and columns of tiles.

use tilec_ir::Diagnostic;
use tilec_ir::dataflow::{BufferAt, Format};
use tilec_ir::plan::EquationAt;
use tilec_ir::tensor::{Kernel, Role};

use crate::dataflow::draft::Draft;
use crate::dataflow::vector::{
    Axes, Inlined, Leaf, Order, Root, format_of, leaves, length, rings_of,
};

/// A region whose points lie in tiles.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) equations: Vec<EquationAt>,
    /// By equation.
    pub(super) axes: Vec<Axes>,
    /// What they read.
    pub(super) leaves: Vec<Leaf>,
    /// The order of what they write.
    pub(super) order: Order,
    /// The lengths of the batch dimensions.
    pub(super) batch: Vec<u64>,
    /// Rows and columns, in elements.
    pub(super) sides: [u64; 2],
}

/// The layout of a region, so that all it reads are tiles.
pub(super) fn choose(draft: &mut Draft<'_>, region: usize) -> Result<Layout, Diagnostic> {
    let equations = draft.plan.regions[region].covers.clone();
    let mut fault = None;
    for order in candidates(draft, &equations) {
        match layout(draft, &equations, order) {
            Ok(layout) => return Ok(layout),
            Err(found) => fault = fault.or(Some(found)),
        }
    }
    Err(fault.expect("there is a candidate"))
}

/// Orders of dimensions, the plain one first; or those of fewer tiles, where nobody
/// else cares how the tensors lie.
fn candidates(draft: &Draft<'_>, equations: &[EquationAt]) -> Vec<Order> {
    let kernel = &draft.plan.kernel;
    let tensor = kernel.equations[equations[0]].tensor;
    let rank = kernel.equations[equations[0]].vars.len();
    let mut orders = plain(rank);
    if !shared(kernel, equations) {
        orders.sort_by_key(|order| tiles(kernel, tensor, order));
    }
    orders
}

fn plain(rank: usize) -> Vec<Order> {
    let of = |rows: Vec<usize>, columns: Vec<usize>| {
        let batch = (0..rank).filter(|dim| !rows.contains(dim) && !columns.contains(dim)).collect();
        Order { batch, rows, columns }
    };
    let all: Vec<usize> = (0..rank).collect();
    let Some(last) = rank.checked_sub(1) else { return vec![Order::default()] };
    let mut orders = vec![of(all[last.saturating_sub(1)..last].to_vec(), vec![last])];
    for split in (1..rank).rev() {
        orders.push(of(all[split - 1..split].to_vec(), all[split..].to_vec()));
        orders.push(of(all[..split].to_vec(), all[split..].to_vec()));
    }
    for columns in (0..rank).rev() {
        let rows = (0..rank).rev().filter(|&rows| rows != columns);
        orders.extend(rows.map(|rows| of(vec![rows], vec![columns])));
    }
    orders.push(of(vec![last], vec![]));
    orders
}

/// Whether another region reads or writes what these equations do.
fn shared(kernel: &Kernel, equations: &[EquationAt]) -> bool {
    let own = |at: EquationAt| equations.contains(&at);
    let made = |at: EquationAt| kernel.equations[at].tensor;
    let reads = |at: EquationAt| tilec_ir::walk::reachable(kernel, kernel.equations[at].value);
    let read_by =
        |at: EquationAt| reads(at).into_iter().flat_map(|expr| tilec_ir::walk::reads(kernel, expr));
    let input = |tensor| kernel.tensors[tensor].role == Role::Input;
    let others = (0..kernel.equations.len()).filter(|&at| !own(at));
    equations.iter().any(|&at| {
        read_by(at).any(|read| !input(read) && !equations.iter().any(|&at| made(at) == read))
    }) || others.flat_map(read_by).any(|read| equations.iter().any(|&at| made(at) == read))
}

/// How many tiles the points make.
fn tiles(kernel: &Kernel, tensor: tilec_ir::Id<tilec_ir::tensor::Tensor>, order: &Order) -> u64 {
    let extent = |dims: &[usize]| {
        dims.iter().fold(1u64, |all, &dim| all.saturating_mul(length(kernel, tensor, dim)))
    };
    let [batch, rows, columns] = [&order.batch, &order.rows, &order.columns].map(|x| extent(x));
    batch.saturating_mul(rows.div_ceil(32)).saturating_mul(columns.div_ceil(32))
}

fn layout(
    draft: &mut Draft<'_>,
    equations: &[EquationAt],
    order: Order,
) -> Result<Layout, Diagnostic> {
    let kernel = &draft.plan.kernel;
    let axes: Vec<_> = equations.iter().map(|&at| axes_of(kernel, at, &order)).collect();
    let tensor = kernel.equations[equations[0]].tensor;
    let lengths = |dims: &[usize]| -> Vec<u64> {
        dims.iter().map(|&dim| length(kernel, tensor, dim)).collect()
    };
    let product = |dims: &[usize]| lengths(dims).into_iter().fold(1, u64::saturating_mul);
    let (batch, sides) = (lengths(&order.batch), [product(&order.rows), product(&order.columns)]);
    let mut layout =
        Layout { equations: equations.to_vec(), axes, leaves: Vec::new(), order, batch, sides };
    layout.leaves = leaves(kernel, &layout.roots(kernel), &[], &layout.inlined(kernel))?;
    let ring = draft.f32_ring();
    for leaf in layout.leaves.clone() {
        let format = rings_of(&draft.plan.kernel, &leaf, ring).format;
        if draft.plan.kernel.tensors[leaf.tensor].role != Role::Input {
            draft.read(leaf.tensor, &leaf.order, format, leaf.span)?;
        }
    }
    Ok(layout)
}

fn axes_of(kernel: &Kernel, at: EquationAt, order: &Order) -> Axes {
    let vars = &kernel.equations[at].vars;
    let of = |dims: &[usize]| dims.iter().map(|&dim| vars[dim]).collect();
    Axes { batch: of(&order.batch), rows: of(&order.rows), columns: of(&order.columns) }
}

impl Layout {
    /// Matrices, and the tiles along their rows and columns.
    pub(super) fn extents(&self) -> [u64; 3] {
        let batch = self.batch.iter().fold(1, |all: u64, &length| all.saturating_mul(length));
        [batch, self.sides[0].div_ceil(32), self.sides[1].div_ceil(32)]
    }

    /// How many tiles there are.
    pub(super) fn tiles(&self) -> u64 {
        self.extents().into_iter().fold(1, u64::saturating_mul)
    }

    /// The equations as they are stored.
    pub(super) fn roots<'a>(&'a self, kernel: &Kernel) -> Vec<Root<'a>> {
        let root = |(&at, axes): (&EquationAt, &'a Axes)| {
            let equation = &kernel.equations[at];
            let stored = Some(kernel.tensors[equation.tensor].element);
            Root { expr: equation.value, axes, stored }
        };
        self.equations.iter().zip(&self.axes).map(root).collect()
    }

    /// The equations where others of the region read them.
    pub(super) fn inlined<'a>(&'a self, kernel: &Kernel) -> Vec<Inlined<'a>> {
        let inlined = |(&at, axes): (&EquationAt, &'a Axes)| {
            let equation = &kernel.equations[at];
            Inlined { tensor: equation.tensor, expr: equation.value, axes }
        };
        self.equations.iter().zip(&self.axes).map(inlined).collect()
    }

    /// Asks for the buffers of the results.
    pub(super) fn write(
        &self,
        draft: &mut Draft<'_>,
    ) -> Result<Vec<(BufferAt, Format)>, Diagnostic> {
        let mut buffers = Vec::new();
        for &at in &self.equations {
            let tensor = draft.plan.kernel.equations[at].tensor;
            let format = format_of(draft.plan.kernel.tensors[tensor].element, draft.f32_ring());
            buffers.push((draft.write(tensor, &self.order, format)?, format));
        }
        Ok(buffers)
    }
}
