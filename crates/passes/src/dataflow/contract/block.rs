//! Loops of a role: the blocks of the output that a core owns, and tiles in them.
//!
//! ```text
//! shared   all cores work on one product, block rows and columns in turn:
//!          row block = row_pass * core rows + core row
//! items    blocks of all products are dealt out like cards, core after core
//! ```

use tilec_ir::dataflow::{Constant, Index, Op, Test};

use super::cut::{Cut, Spread};
use super::product::Product;

/// A block of the output.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The variables of the batch.
    pub(super) batch: Vec<Index>,
    /// Its first row, in tiles.
    pub(super) row: Index,
    /// Its first column, in tiles.
    pub(super) column: Index,
}

/// A number that the roles name.
pub(super) fn constant(name: &str, value: u32, says: &str) -> Constant {
    Constant { name: name.to_owned(), value, says: says.to_owned() }
}

/// The numbers of a cut.
pub(super) fn constants(product: &Product, cut: &Cut) -> Vec<Constant> {
    let [m, n, k] = product.tiles();
    let [rows, columns, depth] = cut.block;
    vec![
        constant("m_tiles", m, "rows of the product in tiles"),
        constant("n_tiles", n, "columns of the product in tiles"),
        constant("k_tiles", k, "depth of the product in tiles"),
        constant("block_rows", rows, "rows of a block of the output in tiles"),
        constant("block_columns", columns, "columns of a block of the output in tiles"),
        constant("block_k", depth, "depth of a block of an operand in tiles"),
        constant("k_blocks", cut.k_blocks(product), "blocks along the depth"),
        constant("row_blocks", m.div_ceil(rows), "blocks along the rows"),
        constant("column_blocks", n.div_ceil(columns), "blocks along the columns"),
        constant("core_rows", cut.grid[1], "rows of cores"),
        constant("core_columns", cut.grid[0], "columns of cores"),
    ]
}

/// What a role does for each block of its core.
pub(super) fn blocks(
    product: &Product,
    cut: &Cut,
    body: impl FnOnce(&Block) -> Vec<Op>,
) -> Vec<Op> {
    match cut.spread {
        Spread::Shared { passes } => shared(product, passes, body),
        Spread::Items | Spread::Listed => items(product, cut, body),
    }
}

fn shared(
    product: &Product,
    [row_passes, column_passes]: [u32; 2],
    body: impl FnOnce(&Block) -> Vec<Op>,
) -> Vec<Op> {
    let block = |pass: Index, side: &str, core: Index| {
        (pass * format!("core_{side}s").as_str() + core) * format!("block_{side}s").as_str()
    };
    each("matrix", product.batches, |matrix| {
        each("row_pass", row_passes, |pass| {
            let row = Op::Let("first_row".to_owned(), block(pass, "row", Index::CoreRow));
            let columns = each("column_pass", column_passes, |pass| {
                let column = block(pass, "column", Index::CoreColumn);
                let column = Op::Let("first_column".to_owned(), column);
                [vec![column], body(&at(product.batch(&matrix)))].concat()
            });
            [vec![row], columns].concat()
        })
    })
}

fn items(product: &Product, cut: &Cut, body: impl FnOnce(&Block) -> Vec<Op>) -> Vec<Op> {
    let core = Index::CoreRow * "core_columns" + Index::CoreColumn;
    let count = Index::named("blocks");
    let item = Index::named("block_pass") * (cut.grid[0] * cut.grid[1]) + core;
    let item = Op::Let("block".to_owned(), item);
    let (block, columns) = (Index::named("block"), Index::named("column_blocks"));
    let matrix = block.clone() / (Index::named("row_blocks") * columns.clone());
    let row = block.clone() / columns.clone() % "row_blocks" * "block_rows";
    let column = block % columns * "block_columns";
    let mut inner = vec![item];
    let batch = if product.batches > 1 {
        inner.push(Op::Let("matrix".to_owned(), matrix));
        product.batch(&Index::named("matrix"))
    } else {
        product.batch(&Index::from(0))
    };
    inner.push(Op::Let("first_row".to_owned(), row));
    inner.push(Op::Let("first_column".to_owned(), column));
    inner.extend(body(&at(batch)));
    vec![Op::Loop { name: "block_pass".to_owned(), count, body: inner }]
}

fn at(batch: Vec<Index>) -> Block {
    Block { batch, row: Index::named("first_row"), column: Index::named("first_column") }
}

/// A loop; once is no loop.
pub(super) fn each(name: &str, count: u32, body: impl FnOnce(Index) -> Vec<Op>) -> Vec<Op> {
    if count == 1 {
        return body(Index::from(0));
    }
    let body = body(Index::named(name));
    vec![Op::Loop { name: name.to_owned(), count: count.into(), body }]
}

/// A loop over as many as a constant says.
pub(super) fn each_of(
    name: &str,
    constant: &str,
    value: u32,
    body: impl FnOnce(Index) -> Vec<Op>,
) -> Vec<Op> {
    if value == 1 {
        return body(Index::from(0));
    }
    let body = body(Index::named(name));
    vec![Op::Loop { name: name.to_owned(), count: Index::named(constant), body }]
}

/// A loop over the blocks of `k` in which what `first` gives is done a block ahead of
/// what follows.
pub(super) fn each_ahead(
    blocks: u32,
    first: impl Fn(&Index) -> Vec<Op>,
    body: impl FnOnce(Index) -> Vec<Op>,
) -> Vec<Op> {
    let ahead = Index::named("ahead");
    let early = first(&if blocks == 1 { 0.into() } else { ahead.clone() });
    if early.is_empty() {
        return each_of("k_block", "k_blocks", blocks, body);
    }
    if blocks == 1 {
        return [early, body(0.into())].concat();
    }
    let k_block = Op::Let("k_block".to_owned(), ahead.clone() - 1);
    let late = [vec![k_block], body(Index::named("k_block"))].concat();
    let count = Index::named("k_blocks") + 1;
    let early = when(vec![Test::Less(ahead.clone(), Index::named("k_blocks"))], early, vec![]);
    let late = when(vec![Test::Less(0.into(), ahead)], late, vec![]);
    vec![Op::Loop { name: "ahead".to_owned(), count, body: [early, late].concat() }]
}

/// Ops under tests that all must hold; none is always.
pub(super) fn when(tests: Vec<Test>, then: Vec<Op>, otherwise: Vec<Op>) -> Vec<Op> {
    let both = |a, b| Test::Both(Box::new([a, b]));
    match tests.into_iter().reduce(both) {
        None => then,
        Some(test) => vec![Op::If { test, then, otherwise }],
    }
}
