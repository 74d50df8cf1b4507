//! Grouped products as products of tiles, each of one group, for chips whose kernels
//! multiply tiles.
//!
//! ```text
//! up[t, s, f] = sum[d](x[t, d] * w[expert[t, s], f, d])
//!     ->  up'rows[p, d]     = x[order[p] / S, d]                     rows sorted by group
//!         up'tiles[b, i, f] = sum[d](up'rows[begin[b] + i, d] * w[group[b], f, d])
//!         up[t, s, f]       = up'tiles[place[t, s] / 128, place[t, s] % 128, f]
//! ```
//!
//! Rows are sorted by group, a tile begins wherever its rows do, and it knows its group and
//! how many of its rows are of it ([`tables`]): what stands in others is never read. All of this is equations: the plan still says what it means, and
//! neither atomics nor the order of blocks have a part in the result. How many tiles there
//! are is a formula of sizes; those that no group needs hold no row. For cores that fetch whole
//! pages the rows of tiles lie apart, `up'rows[b, i, d]`, with zeros behind the last one.
//!
//! Takes a plan that verifies; gives one that verifies and means the same. Products of a
//! batch or with matrices that lie otherwise stay as they are.

mod draft;
mod lie;
mod tables;

use std::collections::VecDeque;

use tilec_ir::int::TooComplex;
use tilec_ir::plan::{
    Axis, Contract, EquationAt, Form, Grouped, GroupedProduct, Operand, Plan, Read, Region,
    RegionKind, Scale, Varies, WeightDim, verify, widened,
};
use tilec_ir::tensor::{Expr, ExprKind, Tensor, Var};
use tilec_ir::walk::reachable;
use tilec_ir::{Atom, Id, IntId, Kernel};

use crate::counted::points;
use crate::recognize::uses::uses;
use draft::Draft;
use lie::Lies;
use tables::Tables;

/// How the rows of groups come to tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// One behind the other; tiles of 128 begin anywhere among them.
    Sorted,
    /// Tiles of a multiple of 32 rows, fewer where groups are small, lie apart.
    Apart,
}

/// The plan with its grouped products by tiles.
pub(crate) fn route(mut plan: Plan, lie: Rows) -> Plan {
    let before = plan.clone();
    let known = Known { lie, tables: Vec::new(), lies: Lies::default() };
    let (mut known, mut regions) = (known, Vec::new());
    let mut rest: VecDeque<_> = std::mem::take(&mut plan.regions).into();
    while let Some(region) = rest.pop_front() {
        let RegionKind::Grouped(grouped) = &region.kind else {
            regions.push(region);
            continue;
        };
        let kept = (plan.kernel.clone(), known.clone());
        match by_tiles(&mut plan, &region, grouped, rest.make_contiguous(), &mut known) {
            Some(Ok(more)) => regions.extend(more),
            Some(Err(TooComplex)) | None => {
                (plan.kernel, known) = kept;
                regions.push(region);
            }
        }
    }
    plan.regions = regions;
    plan.sorted = known.tables.iter().map(Tables::sorted_rows).collect();
    if known.lies.find(&mut plan, &known.tables).is_err() {
        return before;
    }
    draft::renumber(&mut plan);
    verify::assert_valid(&plan);
    plan
}

/// What was derived so far.
#[derive(Clone)]
struct Known {
    lie: Rows,
    tables: Vec<Tables>,
    lies: Lies,
}

/// Whether tiles can take a product.
fn fits(product: &GroupedProduct) -> bool {
    let contract = &product.contract;
    // Rows are gathered whether their sum is needed or not.
    let anywhere = contract.guard.is_none() || contract.a.read.is_some();
    contract.batch.is_empty() && product.weights.is_some() && anywhere
}

/// Whether the group of a row is read from a tensor without elements.
fn nothing_tells(kernel: &Kernel, group: IntId) -> bool {
    let mut nothing = false;
    kernel.ints.visit_atoms(group, &mut |_, atom| {
        let Atom::Read(tensor, _) = atom else { return };
        let mut lengths = kernel.tensors[*tensor].shape.iter();
        nothing |= lengths.any(|&length| kernel.ints.as_constant(length) == Some(0));
    });
    nothing
}

fn by_tiles(
    plan: &mut Plan,
    region: &Region,
    grouped: &Grouped,
    after: &[Region],
    known: &mut Known,
) -> Option<Result<Vec<Region>, TooComplex>> {
    let masked = matches!(grouped.form, Form::Masked { .. });
    let none = grouped.products.iter().any(|product| nothing_tells(&plan.kernel, product.group));
    let none = none || plan.kernel.ints.as_constant(grouped.groups) == Some(0);
    if masked || none || !grouped.products.iter().all(fits) {
        return None;
    }
    Some(tiles(plan, region, grouped, after, known))
}

fn tiles(
    plan: &mut Plan,
    region: &Region,
    grouped: &Grouped,
    after: &[Region],
    known: &mut Known,
) -> Result<Vec<Region>, TooComplex> {
    let first = &grouped.products[0];
    let sum = plan.kernel.equations[first.equation].clone();
    let name = plan.kernel.tensors[sum.tensor].name.clone();
    let mut draft = Draft::new(&mut plan.kernel, name, sum.span);
    let at = match known.tables.iter().position(|tables| tables.are_of(&mut draft, grouped)) {
        Some(at) => at,
        None => {
            let tables = Tables::new(&mut draft, grouped, known.lie)?;
            known.tables.push(tables);
            known.tables.len() - 1
        }
    };
    let tables = (at, &known.tables[at]);
    let together = may_end_together(draft.kernel, grouped, after);
    let mut rows = None;
    for product in &grouped.products {
        let tensor = draft.kernel.equations[product.equation].tensor;
        let (rows, lies, lie) = (&mut rows, &mut known.lies, known.lie);
        let contract = Operands { tables, grouped, rows, lies, lie };
        let contract = contract.multiply(&mut draft, product)?;
        if product.contract.guard.is_none() && lie::may_lie(draft.kernel, after, tensor) {
            let point = [contract.batch[0], contract.m[0]];
            lay(&mut draft, &mut known.lies, tables, product, contract, point);
        } else {
            let tiles = draft.product("tiles", contract);
            let value = scatter(&mut draft, tables.1, product, tiles)?;
            draft.kernel.equations[product.equation].value = value;
            let covers = vec![product.equation];
            draft.regions.push(Region { covers, kind: RegionKind::Pointwise });
        }
    }
    let mut apart = Vec::new();
    for &at in &grouped.epilogue {
        let followed = together && apart.is_empty() && known.lies.follow(&mut draft, tables, at);
        match draft.regions.last_mut() {
            Some(Region { covers, kind: RegionKind::Contract(contract) }) if followed => {
                covers.push(at);
                contract.epilogue.push(at);
                contract.stored = grouped.products.last().is_some_and(|of| of.contract.stored);
            }
            _ => apart.push(at),
        }
    }
    let mut regions = draft.regions;
    let apart = points(plan, &apart).into_iter();
    regions.extend(apart.map(|covers| Region { covers, kind: RegionKind::Pointwise }));
    debug_assert!(region.covers.iter().all(|at| is_covered(&regions, *at)));
    Ok(regions)
}

/// Whether the epilogue of some products may become that of the last: all have as many
/// columns, and nothing minds how they and what is made of them lies.
fn may_end_together(kernel: &Kernel, grouped: &Grouped, after: &[Region]) -> bool {
    let columns = |product: &GroupedProduct| -> Vec<_> {
        product.contract.n.iter().map(|&var| kernel.vars[var].range).collect()
    };
    let first = columns(&grouped.products[0]);
    let alike = |product: &GroupedProduct| {
        let tensor = kernel.equations[product.equation].tensor;
        columns(product) == first
            && product.contract.guard.is_none()
            && lie::may_lie(kernel, after, tensor)
    };
    let made = grouped.epilogue.iter().map(|&at| kernel.equations[at].tensor);
    grouped.products.iter().all(alike)
        && made.into_iter().all(|tensor| lie::may_lie(kernel, after, tensor))
}

/// Lays the sums of a product by tiles.
fn lay(
    draft: &mut Draft<'_>,
    lies: &mut Lies,
    tables: (usize, &Tables),
    product: &GroupedProduct,
    contract: Contract,
    point: [Id<Var>; 2],
) {
    let at = product.equation;
    let renamed: Vec<_> = product.contract.n.iter().copied().zip(contract.n.clone()).collect();
    lies.lay(draft, tables, at, &product.contract.m, point, &renamed);
    draft.kernel.equations[at].value = draft.sum_of_products(&contract);
    let kind = RegionKind::Contract(contract);
    draft.regions.push(Region { covers: vec![at], kind });
}

fn is_covered(regions: &[Region], at: EquationAt) -> bool {
    regions.iter().any(|region| region.covers.contains(&at))
}

/// The rows in the order of their groups, zeros behind them.
fn rows(
    draft: &mut Draft<'_>,
    tables: &Tables,
    product: &GroupedProduct,
) -> Result<Id<Tensor>, TooComplex> {
    let contract = &product.contract;
    let place = tables.sorted(draft)?;
    let k: Vec<_> = contract.k.iter().map(|&var| draft.like(var)).collect();
    let at = draft.at(place);
    let mut renaming = tables.rows_at(draft, &contract.m, at)?;
    for (&old, &own) in contract.k.iter().zip(&k) {
        let at = draft.at(own);
        renaming.vars.insert(old, at);
    }
    let value = draft.copy(contract.a.expr, &renaming)?;
    let (zero, element) = (draft.zero(value), contract.a.element);
    let test = tables.is_row(draft, place);
    let [value, zero] = [value, zero].map(|value| draft.narrow(value, element));
    let value = draft.select(test, value, zero);
    let vars = [vec![place], k].concat();
    Ok(draft.points("rows", element, vars, value))
}

/// The rows of every tile, zeros behind them.
fn rows_apart(
    draft: &mut Draft<'_>,
    tables: &Tables,
    product: &GroupedProduct,
) -> Result<Id<Tensor>, TooComplex> {
    let contract = &product.contract;
    let [tile, row] = tables.point(draft);
    let k: Vec<_> = contract.k.iter().map(|&var| draft.like(var)).collect();
    let at = tables.sorted_at(draft, tile, row)?;
    let mut renaming = tables.rows_at(draft, &contract.m, at)?;
    for (&old, &own) in contract.k.iter().zip(&k) {
        let at = draft.at(own);
        renaming.vars.insert(old, at);
    }
    let value = draft.copy(contract.a.expr, &renaming)?;
    let (zero, element) = (draft.zero(value), contract.a.element);
    let test = tables.holds(draft, tile, row);
    let [value, zero] = [value, zero].map(|value| draft.narrow(value, element));
    let value = draft.select(test, value, zero);
    let vars = [vec![tile, row], k].concat();
    Ok(draft.points("rows", element, vars, value))
}

/// What products of tiles are made of.
struct Operands<'a> {
    tables: (usize, &'a Tables),
    grouped: &'a Grouped,
    /// The sorted rows, once they are there.
    rows: &'a mut Option<Id<Tensor>>,
    lies: &'a mut Lies,
    lie: Rows,
}

impl Operands<'_> {
    /// The products of all tiles with the matrices of their groups.
    fn multiply(
        self,
        draft: &mut Draft<'_>,
        product: &GroupedProduct,
    ) -> Result<Contract, TooComplex> {
        let (old, tables) = (&product.contract, self.tables.1);
        let [tile, row] = tables.point(draft);
        let n: Vec<_> = old.n.iter().map(|&var| draft.like(var)).collect();
        let k: Vec<_> = old.k.iter().map(|&var| draft.like(var)).collect();
        let filled = tables.filled(draft, tile);
        // Rows of zeros have sums of 0.
        let guard = (self.lie == Rows::Sorted).then(|| tables.holds(draft, tile, row));
        let b = matrix(draft, tables, product, tile, [&n, &k])?;
        let scales = scales(draft, tables, product, [tile, row], [&n, &k])?;
        let a = self.rows(draft, [tile, row], &k)?;
        Ok(Contract {
            batch: vec![tile],
            m: vec![row],
            n,
            k,
            a,
            b: Operand { expr: b, element: old.b.element, read: None },
            scales,
            coefficient: old.coefficient,
            accumulator: old.accumulator,
            guard,
            filled: Some(filled),
            epilogue: Vec::new(),
            stored: true,
        })
    }

    /// The rows of tiles: where they lie already, or sorted.
    fn rows(
        self,
        draft: &mut Draft<'_>,
        [tile, row]: [Id<Var>; 2],
        k: &[Id<Var>],
    ) -> Result<Operand, TooComplex> {
        let first = &self.grouped.products[0];
        let element = first.contract.a.element;
        let point = [tile, row];
        if let Some((expr, read)) = self.lies.rows_of(draft, self.tables.0, first, point, k) {
            return Ok(Operand { expr, element, read: Some(read) });
        }
        let tables = self.tables.1;
        let made = match *self.rows {
            Some(made) => made,
            None => *self.rows.insert(match self.lie {
                Rows::Sorted => rows(draft, tables, first)?,
                Rows::Apart => rows_apart(draft, tables, first)?,
            }),
        };
        if self.lie == Rows::Apart {
            let index = point.iter().chain(k).map(|&var| draft.at(var)).collect();
            let axes = [Axis::Batch(0), Axis::Row(0)].into_iter().chain((0..k.len()).map(Axis::K));
            let read = Read { tensor: made, axes: axes.collect() };
            return Ok(Operand { expr: draft.read(made, index), element, read: Some(read) });
        }
        let begin = tables.sorted_at(draft, tile, row)?;
        let index = [begin].into_iter().chain(k.iter().map(|&var| draft.at(var))).collect();
        Ok(Operand { expr: draft.read(made, index), element, read: None })
    }
}

/// The scales at a row of a tile: those of its row, and those of the group's matrix.
fn scales(
    draft: &mut Draft<'_>,
    tables: &Tables,
    product: &GroupedProduct,
    [tile, row]: [Id<Var>; 2],
    [n, k]: [&[Id<Var>]; 2],
) -> Result<Vec<Scale>, TooComplex> {
    let old = &product.contract;
    if old.scales.is_empty() {
        return Ok(Vec::new());
    }
    let place = tables.sorted_at(draft, tile, row)?;
    let mut renaming = tables.rows_at(draft, &old.m, place)?;
    for (&old, &own) in old.n.iter().chain(&old.k).zip(n.iter().chain(k)) {
        let at = draft.at(own);
        renaming.vars.insert(old, at);
    }
    let group = draft.int(product.group);
    let group = draft.copy(group, &renaming)?;
    let mut scales = Vec::new();
    for scale in &old.scales {
        let expr = draft.copy(scale.expr, &renaming)?;
        for read in reachable(draft.kernel, expr) {
            if let ExprKind::Read(tensor, mut index) = draft.kernel.exprs[read].kind.clone() {
                for at in &mut index {
                    if draft.kernel.exprs[group].kind == ExprKind::Int(*at) {
                        *at = tables.group_at(draft, tile);
                    }
                }
                draft.kernel.exprs[read].kind = ExprKind::Read(tensor, index);
            }
        }
        let of_row = uses(draft.kernel, expr).contains_key(&row);
        let m = if of_row { scale.m } else { Varies::No };
        scales.push(Scale { expr, m, ..scale.clone() });
    }
    Ok(scales)
}

/// An element of the matrix of a tile's group.
fn matrix(
    draft: &mut Draft<'_>,
    tables: &Tables,
    product: &GroupedProduct,
    tile: Id<Var>,
    [n, k]: [&[Id<Var>]; 2],
) -> Result<Id<Expr>, TooComplex> {
    let weights = product.weights.as_ref().expect("only plain matrices are taken");
    let mut index = Vec::new();
    for &dim in &weights.dims {
        index.push(match dim {
            WeightDim::Group => tables.group_at(draft, tile),
            WeightDim::Fixed(place) => place,
            WeightDim::Axis { axis: Axis::Row(at), offset } => draft.after(n[at], offset)?,
            WeightDim::Axis { axis: Axis::K(at) | Axis::Batch(at), offset } => {
                draft.after(k[at], offset)?
            }
        });
    }
    let b = draft.read(weights.tensor, index);
    let old = product.contract.b.expr;
    Ok(draft.widen(b, old, widened(draft.kernel, old)))
}

/// The sums where they belong.
fn scatter(
    draft: &mut Draft<'_>,
    tables: &Tables,
    product: &GroupedProduct,
    tiles: Id<Tensor>,
) -> Result<Id<Expr>, TooComplex> {
    let contract = &product.contract;
    let mut index: Vec<IntId> = tables.place_of(draft, &contract.m)?.to_vec();
    index.extend(contract.n.iter().map(|&var| draft.at(var)));
    let value = draft.read(tiles, index);
    let Some(guard) = contract.guard else { return Ok(value) };
    let zero = draft.zero(value);
    Ok(draft.select(guard, value, zero))
}
