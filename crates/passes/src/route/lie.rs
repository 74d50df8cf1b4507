//! Tensors that lie by tiles: what is made of grouped rows stays where it was made.
//!
//! ```text
//! h[t, s, f] = bf16(silu(gate[t, s, f]) * up[t, s, f])
//!     ->  h[b, i, f] = bf16(silu(gate[b, i, f]) * up[b, i, f])     the end of a product
//! out[t, d] = sum[s](y[t, s, d])
//!     ->  out[t, d] = sum[s](y[place[t, s] / 128, place[t, s] % 128, d])
//! ```
//!
//! A tensor takes the shape of tiles where nothing but loops over points, rows and further
//! grouped products read it. These find their rows by their places.

use std::collections::BTreeSet;

use tilec_ir::int::TooComplex;
use tilec_ir::plan::{Axis, EquationAt, GroupedProduct, Plan, Read, Region, RegionKind};
use tilec_ir::tensor::{Equation, Expr, ExprKind, Role, Tensor, Var};
use tilec_ir::walk::{ints, reachable, reads, vars_of_int};
use tilec_ir::{Atom, Id, IntId, Kernel};

use super::draft::Draft;
use super::tables::Tables;
use crate::recognize::Renaming;

/// A tensor that lies by tiles.
#[derive(Clone, Debug)]
pub(super) struct Lying {
    pub(super) tensor: Id<Tensor>,
    /// Which tables it lies by.
    pub(super) tables: usize,
    /// The variables that its equation had.
    vars: Vec<Id<Var>>,
    /// Those of them that told the row.
    m: Vec<Id<Var>>,
}

/// What an equation has of its row: the variables that tell it, and its reads of what lies.
struct OfRow {
    m: Vec<Id<Var>>,
    known: Vec<Id<Expr>>,
}

/// All of them, and the reads that know of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Lies {
    all: Vec<Lying>,
    knowing: BTreeSet<Id<Expr>>,
}

/// Whether none of some regions minds how a tensor lies.
pub(super) fn may_lie(kernel: &Kernel, regions: &[Region], tensor: Id<Tensor>) -> bool {
    let made = &kernel.tensors[tensor];
    let reads_it = |region: &Region| {
        region.covers.iter().any(|&at| {
            let all = reachable(kernel, kernel.equations[at].value);
            all.into_iter().any(|expr| reads(kernel, expr).contains(&tensor))
        })
    };
    let minds = |region: &Region| match &region.kind {
        RegionKind::Pointwise
        | RegionKind::Combine(_)
        | RegionKind::Rowwise(_)
        | RegionKind::Generic { .. } => false,
        RegionKind::Grouped(grouped) => grouped.products.iter().any(|product| {
            product.weights.as_ref().is_none_or(|weights| weights.tensor == tensor)
                || !super::fits(product)
        }),
        RegionKind::Contract(_)
        | RegionKind::Histogram(_)
        | RegionKind::Scan(_)
        | RegionKind::Select(_) => true,
    };
    made.role == Role::Local
        && made.element.is_float()
        && !regions.iter().any(|region| minds(region) && reads_it(region))
}

impl Lies {
    /// Lays a tensor by tiles: its equation has new variables, for a tile, a row of it, and
    /// the columns, some of which have new names. Its value is still to be written.
    pub(super) fn lay(
        &mut self,
        draft: &mut Draft<'_>,
        tables: (usize, &Tables),
        at: EquationAt,
        m: &[Id<Var>],
        [tile, row]: [Id<Var>; 2],
        renamed: &[(Id<Var>, Id<Var>)],
    ) {
        let Equation { tensor, vars, .. } = draft.kernel.equations[at].clone();
        let columns = vars.iter().copied().filter(|var| !m.contains(var));
        let new = |var| renamed.iter().find(|(old, _)| *old == var).map_or(var, |&(_, new)| new);
        let columns = columns.map(new);
        let own: Vec<_> = [tile, row].into_iter().chain(columns).collect();
        let shape = own.iter().map(|&var| draft.kernel.vars[var].range).collect();
        draft.kernel.tensors[tensor].shape = shape;
        draft.kernel.equations[at].vars = own;
        self.all.push(Lying { tensor, tables: tables.0, vars, m: m.to_vec() });
    }

    /// Where the rows of a product lie as its tiles want them: the element at a row of a tile.
    pub(super) fn rows_of(
        &mut self,
        draft: &mut Draft<'_>,
        tables: usize,
        product: &GroupedProduct,
        [tile, row]: [Id<Var>; 2],
        k: &[Id<Var>],
    ) -> Option<(Id<Expr>, Read)> {
        let contract = &product.contract;
        let read = contract.a.read.as_ref()?;
        let of = self.all.iter().find(|of| of.tensor == read.tensor && of.tables == tables)?;
        let rows = (0..contract.m.len()).map(Axis::Row);
        let axes: Vec<_> = rows.chain((0..contract.k.len()).map(Axis::K)).collect();
        let first = of.vars.get(..of.m.len())?;
        if read.axes != axes || first != of.m || contract.m.len() != of.m.len() {
            return None;
        }
        let index = [tile, row].iter().chain(k).map(|&var| draft.at(var)).collect();
        let expr = draft.read(read.tensor, index);
        self.knowing.insert(expr);
        let axes = [Axis::Batch(0), Axis::Row(0)].into_iter().chain((0..k.len()).map(Axis::K));
        Some((expr, Read { tensor: read.tensor, axes: axes.collect() }))
    }

    /// Lays what an equation makes of tensors that lie beside them; no if it depends on its
    /// row in any other way.
    pub(super) fn follow(
        &mut self,
        draft: &mut Draft<'_>,
        tables: (usize, &Tables),
        at: EquationAt,
    ) -> bool {
        let Some(OfRow { m, known }) = self.rows_read(draft.kernel, tables.0, at) else {
            return false;
        };
        let point = tables.1.point(draft);
        let [tile, row] = point.map(|var| draft.at(var));
        for expr in known {
            let ExprKind::Read(tensor, index) = draft.kernel.exprs[expr].kind.clone() else {
                continue;
            };
            let of = self.of(tensor).expect("these are reads of what lies");
            let columns = of.vars.iter().zip(&index).filter(|(var, _)| !of.m.contains(var));
            let index = [tile, row].into_iter().chain(columns.map(|(_, &at)| at)).collect();
            draft.kernel.exprs[expr].kind = ExprKind::Read(tensor, index);
            self.knowing.insert(expr);
        }
        self.lay(draft, tables, at, &m, point, &[]);
        true
    }

    fn of(&self, tensor: Id<Tensor>) -> Option<&Lying> {
        self.all.iter().find(|of| of.tensor == tensor)
    }

    /// The variables that tell the row of an equation, and its reads of what lies by these
    /// tables; `None` unless each is at its own point and nothing else depends on the row.
    fn rows_read(&self, kernel: &Kernel, tables: usize, at: EquationAt) -> Option<OfRow> {
        let equation = &kernel.equations[at];
        let (mut rows, mut known, mut others) = (None, Vec::new(), Vec::new());
        for expr in reachable(kernel, equation.value) {
            let found = match &kernel.exprs[expr].kind {
                ExprKind::Read(tensor, index) => self.of(*tensor).map(|of| (of, index)),
                _ => None,
            };
            let Some((of, index)) = found else {
                others.push(expr);
                continue;
            };
            let var = |&index: &IntId| match kernel.ints.as_atom(index) {
                Some(Atom::Var(var)) => Some(*var),
                _ => None,
            };
            let own: Vec<_> = index.iter().map(var).collect::<Option<_>>()?;
            let place = |m: &Id<Var>| of.vars.iter().position(|var| var == m);
            let m: Vec<_> = of.m.iter().map(|m| Some(own[place(m)?])).collect::<Option<_>>()?;
            let whole = own.len() == equation.vars.len()
                && own.iter().all(|var| equation.vars.contains(var));
            if !whole || of.tables != tables || rows.get_or_insert_with(|| m.clone()) != &m {
                return None;
            }
            known.push(expr);
        }
        let rows = rows?;
        let free = |expr: &Id<Expr>| {
            let ints = ints(&kernel.exprs[*expr]).into_iter();
            let mut vars = ints.flat_map(|int| vars_of_int(&kernel.ints, int));
            !vars.any(|var| rows.contains(&var))
        };
        others.iter().all(free).then_some(OfRow { m: rows, known })
    }

    /// Lets everything else find rows by their places.
    pub(super) fn find(&self, plan: &mut Plan, tables: &[Tables]) -> Result<(), TooComplex> {
        for of in &self.all {
            let span = plan.kernel.tensors[of.tensor].span;
            let mut draft = Draft::new(&mut plan.kernel, String::new(), span);
            let mut index = tables[of.tables].place_of(&mut draft, &of.m)?.to_vec();
            let columns = of.vars.iter().filter(|var| !of.m.contains(var));
            index.extend(columns.map(|&var| draft.at(var)).collect::<Vec<_>>());
            let found = draft.read(of.tensor, index);
            for expr in draft.kernel.exprs.ids() {
                let ExprKind::Read(tensor, index) = draft.kernel.exprs[expr].kind.clone() else {
                    continue;
                };
                if tensor != of.tensor || self.knowing.contains(&expr) || expr == found {
                    continue;
                }
                if index.len() != of.vars.len() {
                    continue;
                }
                let mut renaming = Renaming::default();
                renaming.vars.extend(of.vars.iter().copied().zip(index));
                let placed = draft.copy(found, &renaming)?;
                draft.kernel.exprs[expr].kind = draft.kernel.exprs[placed].kind.clone();
            }
        }
        Ok(())
    }
}
