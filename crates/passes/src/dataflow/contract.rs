//! Contractions on a grid of cores.
//!
//! ```text
//! c[m, n] = epilogue(sum[k](a[m, k] * b[n, k]))
//!
//!          b   b   b        every core owns blocks of c; a block of a goes along a row
//!     a    c   c   c        of cores, a block of b along a column, and one of the cores
//!     a    c   c   c        there reads it (and decodes it) for all
//! ```
//!
//! [`product`] says what is multiplied, [`finish`] what follows, [`cut`] how large blocks
//! are; then the three roles are spelled out. Which blocks a core has is known ahead, or told
//! by tables when the step runs ([`listed`]). The reader brings `a` and what the epilogue
//! reads, the writer brings `b` and writes results.

mod block;
mod candidates;
mod cost;
mod cut;
mod finish;
mod format;
mod integer;
mod listed;
mod load;
mod load_scale;
mod make;
mod mover;
mod multiply;
mod names;
mod operand;
mod pack;
mod passes;
mod product;
mod rings;
mod room;
mod scale;
mod step;

use tilec_ir::Diagnostic;
use tilec_ir::dataflow::Step;
use tilec_ir::plan::Contract;

pub use self::passes::left_out;
use super::Draft;
use crate::tune::settings::Given;

/// The step of a contraction; none where its result is empty.
pub(super) fn steps(
    draft: &mut Draft<'_>,
    region: usize,
    contract: &Contract,
    given: &Given<'_>,
) -> Result<Vec<Step>, Vec<Diagnostic>> {
    let product = product::product(draft, region, contract, given)?;
    if product.batches == 0 || product.lengths[..2].contains(&0) {
        return Ok(Vec::new());
    }
    let one = |fault| vec![fault];
    let cut = cut::cut(draft, region, &product, given).map_err(one)?;
    Ok(vec![step::step(draft, region, &product, &cut).map_err(one)?])
}
