//! Products of tiles of rows whose groups are known when the step runs.
//!
//! ```text
//! y[b, i, f] = sum[d](x[b, i, d] * w[group[b], f, d])        filled[b] rows of a tile, or none
//!
//! reader    fetch group, filled; deal; for every run: w of its group, for every tile of it: x
//! compute   for every run, for every tile of it: multiply
//! writer    for every run, for every tile of it: y
//! ```
//!
//! Groups without rows have no tiles, and tiles without rows are in no list, so neither takes
//! any time. Where a block of columns of a group's matrix fits into L1 as a whole, it stays
//! there for all tiles of a run.

use tilec_ir::dataflow::{
    BufferAt, CircularAt, Deal, Format, Index, Move, Op, RUN_WORDS, Work, table_bytes,
};
use tilec_ir::int::TooComplex;
use tilec_ir::plan::{Contract, Operand};
use tilec_ir::tensor::{Expr, ExprKind, Tensor, Var};
use tilec_ir::walk::{postorder, reachable};
use tilec_ir::{Atom, Diagnostic, Id, IntId, Kernel, Span};

use super::block::Block;
use super::cut::{Cut, Spread, Sums};
use super::operand::Side;
use super::product::Product;
use super::rings::Use;
use super::step::Numbers;
use crate::builder::{Rewrite, rebuild_kind};
use crate::dataflow::Draft;
use crate::dataflow::vector::Order;

/// What says which tiles there are, and what group each has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    /// The table of groups.
    group: BufferAt,
    /// That of rows, if not all tiles have some.
    filled: Option<BufferAt>,
    /// The most tiles.
    pub(super) tiles: u32,
    /// How many groups there are.
    pub(super) groups: u32,
}

/// The roles that know the list, the one that makes it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worker {
    Reader,
    Compute,
    Writer,
}

impl Worker {
    pub(super) const ALL: [Self; 3] = [Self::Reader, Self::Compute, Self::Writer];
}

/// The product with a variable of its batch for the group, if its matrix is told by a table.
pub(super) fn listed(
    draft: &mut Draft<'_>,
    contract: &Contract,
    span: Span,
) -> Result<Option<(Contract, Listed)>, Diagnostic> {
    let kernel = &mut draft.plan.kernel;
    let Some((index, table, groups)) = group(kernel, contract) else { return Ok(None) };
    let filled = contract.filled.and_then(|filled| table_read(kernel, contract, filled));
    let tiles = small(kernel.ints.as_constant(kernel.vars[contract.batch[0]].range));
    let var = Var { name: "group".to_owned(), range: groups, span };
    let var = kernel.vars.push(var);
    let own = kernel.ints.of_atom(Atom::Var(var), Some(groups));
    let groups = small(kernel.ints.as_constant(groups));
    let mut with = |expr| replaced(kernel, expr, index, own);
    let b = Operand { expr: with(contract.b.expr), ..contract.b.clone() };
    let mut scales = contract.scales.clone();
    scales.iter_mut().for_each(|scale| scale.expr = with(scale.expr));
    let batch = vec![contract.batch[0], var];
    let contract = Contract { batch, b, scales, ..contract.clone() };
    let mut read = |table| {
        let order = Order { columns: vec![0], ..Order::default() };
        draft.read(table, &order, Format::Word, span)
    };
    let group = read(table)?;
    let filled = filled.map(read).transpose()?;
    Ok(Some((contract, Listed { group, filled, tiles, groups })))
}

/// Sizes are bound, and tensors have fewer elements than 32 bits count.
fn small(size: Option<i64>) -> u32 {
    size.and_then(|size| u32::try_from(size).ok()).expect("sizes are bound, at 0 or more")
}

/// The index of the matrix that a table of the only batch variable tells, the table, and how
/// many groups there are.
fn group(kernel: &Kernel, contract: &Contract) -> Option<(IntId, Id<Tensor>, IntId)> {
    let [tile] = contract.batch.as_slice() else { return None };
    reachable(kernel, contract.b.expr).into_iter().find_map(|expr| {
        let ExprKind::Read(tensor, index) = &kernel.exprs[expr].kind else { return None };
        index.iter().enumerate().find_map(|(dim, &id)| {
            let table = of_tile(kernel, kernel.ints.as_atom(id)?, *tile)?;
            Some((id, table, kernel.tensors[*tensor].shape[dim]))
        })
    })
}

/// The vector that an integer is the element of at a tile.
fn of_tile(kernel: &Kernel, atom: &Atom, tile: Id<Var>) -> Option<Id<Tensor>> {
    let Atom::Read(table, at) = atom else { return None };
    let [at] = at.as_slice() else { return None };
    (kernel.ints.as_atom(*at) == Some(&Atom::Var(tile))).then_some(*table)
}

fn table_read(kernel: &Kernel, contract: &Contract, expr: Id<Expr>) -> Option<Id<Tensor>> {
    let [tile] = contract.batch.as_slice() else { return None };
    match &kernel.exprs[expr].kind {
        ExprKind::Int(id) => of_tile(kernel, kernel.ints.as_atom(*id)?, *tile),
        ExprKind::Read(table, index) => of_tile(kernel, &Atom::Read(*table, index.clone()), *tile),
        _ => None,
    }
}

/// An expression with another integer in the place of one.
fn replaced(kernel: &mut Kernel, root: Id<Expr>, from: IntId, to: IntId) -> Id<Expr> {
    struct Replace(IntId, IntId, std::collections::BTreeMap<Id<Expr>, Id<Expr>>);
    impl Rewrite for Replace {
        fn int(&mut self, id: IntId) -> Result<IntId, TooComplex> {
            Ok(if id == self.0 { self.1 } else { id })
        }

        fn operand(&self, expr: Id<Expr>) -> Id<Expr> {
            self.2[&expr]
        }
    }
    let mut replace = Replace(from, to, std::collections::BTreeMap::new());
    for expr in postorder(kernel, root) {
        let Expr { kind, ty, span } = kernel.exprs[expr].clone();
        let kind = rebuild_kind(&kind, &mut replace).expect("nothing is computed");
        let made = kernel.exprs.push(Expr { kind, ty, span });
        replace.2.insert(expr, made);
    }
    replace.2[&root]
}

impl Listed {
    /// Pages of words that hold a table.
    pub(super) fn table_pages(self) -> u32 {
        pages(table_bytes(self.tiles.into()))
    }

    /// Whether there is a table of rows.
    pub(super) fn has_filled(self) -> bool {
        self.filled.is_some()
    }

    /// Pages of words that hold a list.
    pub(super) fn list_pages(self, product: &Product, cut: &Cut) -> u32 {
        pages(4 * self.deal(product, cut).most_words())
    }

    fn deal(self, product: &Product, cut: &Cut) -> Deal {
        Deal {
            groups: 0,
            filled: None,
            tiles: self.tiles,
            most_groups: self.groups,
            columns: product.tiles()[1].div_ceil(cut.block[1]),
            core: Index::CoreRow * "core_columns" + Index::CoreColumn,
            cores: cut.grid[0] * cut.grid[1],
            into: Vec::new(),
        }
    }
}

fn pages(bytes: u64) -> u32 {
    let pages = bytes.div_ceil(Format::Word.tile_bytes().into()).max(1);
    u32::try_from(pages).unwrap_or(u32::MAX)
}

/// Whether blocks of `b` stay in L1 for a run.
pub(super) fn keeps_b(product: &Product, cut: &Cut) -> bool {
    let b = &product.operands[Side::B as usize];
    let of_tile = |input: &super::operand::Input| input.leaf.batch.contains(&0);
    cut.spread == Spread::Listed
        && cut.sums == Sums::InDst
        && cut.k_blocks(product) == 1
        && !b.computed
        && !b.inputs.iter().any(of_tile)
}

/// What a role does for each tile of rows, and for each run of them.
pub(super) struct Walk<'a> {
    pub(super) product: &'a Product,
    pub(super) cut: &'a Cut,
    pub(super) numbers: &'a Numbers,
    pub(super) role: Worker,
}

impl Walk<'_> {
    /// `tile` for every tile, between what is done before and after every run.
    pub(super) fn runs(
        &self,
        listed: Listed,
        tile: impl FnOnce(&Block) -> Vec<Op>,
        around: impl FnOnce(&Block) -> [Vec<Op>; 2],
    ) -> Vec<Op> {
        let list = self.numbers.ring(Use::List(self.role));
        let pages = listed.list_pages(self.product, self.cut);
        let [mut ops, end] = match self.role {
            Worker::Reader => [self.dealt(listed), vec![]],
            Worker::Compute | Worker::Writer => {
                [vec![Op::Wait(list, pages)], vec![Op::Pop(list, pages)]]
            }
        };
        let learn = |name: &str, word: Index| Op::Learn { name: name.to_owned(), list, word };
        let word = |at: u32| (Index::named("run") + 1) * RUN_WORDS + at;
        let column = Index::named("column_block") * "block_columns";
        let named = |name: &str, value| Op::Let(name.to_owned(), value);
        let block = |tile: Index| Block {
            batch: vec![tile, Index::named("group")],
            row: Index::from(0),
            column: Index::named("first_column"),
        };
        let [before, after] = around(&block(Index::named("first_tile")));
        let mut run = vec![
            learn("group", word(0)),
            learn("first_tile", word(1)),
            learn("run_tiles", word(2)),
            learn("column_block", word(3)),
            named("first_column", column),
        ];
        run.extend(before);
        let at = Index::named("first_tile") + Index::named("run_tile");
        let body = [vec![named("row_tile", at)], tile(&block(Index::named("row_tile")))].concat();
        let count = Index::named("run_tiles");
        run.push(Op::Loop { name: "run_tile".to_owned(), count, body });
        run.extend(after);
        ops.push(learn("runs", 0.into()));
        ops.push(Op::Loop { name: "run".to_owned(), count: Index::named("runs"), body: run });
        [ops, end].concat()
    }

    /// Makes the lists of all roles.
    fn dealt(&self, listed: Listed) -> Vec<Op> {
        let lists = Worker::ALL.map(|role| self.numbers.ring(Use::List(role)));
        let pages = listed.list_pages(self.product, self.cut);
        let fetched: Vec<(CircularAt, BufferAt)> = [Some(listed.group), listed.filled]
            .into_iter()
            .enumerate()
            .filter_map(|(at, table)| Some((self.numbers.ring(Use::Table(at)), table?)))
            .collect();
        let mut ops: Vec<_> = lists.iter().map(|&list| Op::Reserve(list, pages)).collect();
        for &(into, table) in &fetched {
            ops.push(Op::Reserve(into, listed.table_pages()));
            ops.push(Op::Move(Move::Work(Work::Fetch { table, into })));
        }
        // Lists are shorter than the longest one: what is behind them is handed on too.
        for &into in &lists[1..] {
            ops.extend((1..pages).map(|at| Op::Move(Move::Zero { into, at: at.into() })));
        }
        ops.push(Op::Move(Move::ReadBarrier));
        ops.push(Op::Move(Move::Work(Work::Deal(Deal {
            groups: fetched[0].0,
            filled: fetched.get(1).map(|&(ring, _)| ring),
            into: lists.to_vec(),
            ..listed.deal(self.product, self.cut)
        }))));
        ops.extend(lists[1..].iter().map(|&list| Op::Push(list, pages)));
        ops
    }
}

/// How often every tile of `b` is read, of a product for each tile of rows.
pub(super) fn times_read(product: &Product, cut: &Cut) -> f64 {
    match product.listed {
        Some(Listed { tiles, groups, .. }) if keeps_b(product, cut) => {
            f64::from(groups.min(tiles)) / f64::from(tiles.max(1))
        }
        _ => 1.0,
    }
}
