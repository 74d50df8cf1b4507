//! Contractions: which of the forms, in which order.
//!
//! ```text
//! few rows (by m)   ->  many rows (by waves)  ->  stepped, aligned  ->  stepped, any
//! ```
//!
//! What a tile block says replaces what it says anything of; the stepped cuts stay
//! behind it for sizes that it does not take.

mod why;

use tilec_ir::Diagnostic;
use tilec_ir::plan::{Contract, Varies};
use tilec_ir::tile::Unit;
use tilec_target::Chip;

use crate::tune::block;
use crate::tune::cut::{Choice, accumulate, instruction_depth};
use crate::tune::product::{Product, product, varies};
use crate::tune::settings::{Given, Wanted};
use crate::tune::symbols::Symbols;
use crate::tune::{few, stepped, wide};

/// Elements of the output below which tiles are small.
const SMALL: i64 = 128 * 128 * 64;

/// Choices of a contraction; `None` where its lengths are too complex to state.
pub(crate) fn choices(
    sizes: &mut Symbols<'_>,
    contract: &Contract,
    chip: &Chip,
    given: &Given<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Choice>> {
    let mut product = product(sizes, contract, chip, given.settings.licenses())?;
    if given.settings.unit == Some(Wanted::Scalar) {
        product.unit = Unit::Scalar;
    }
    let tiles = takes_tiles(contract, &product, chip);
    let (mut choices, cut) = if given.settings.is_silent() {
        let mut choices = Vec::new();
        if tiles && given.settings.unit.is_none() {
            choices.extend(few::choices(sizes, &product, chip));
            choices.extend(wide::choices(sizes, &product, chip));
        }
        (choices, stepped::default(&product, is_small(sizes, &product), chip))
    } else {
        block::choices(sizes, &product, tiles, chip, given, diagnostics)
    };
    // Without conditions, nothing after it is reached.
    if let Some(last) = choices.iter().position(|choice| choice.when.is_empty()) {
        choices.truncate(last + 1);
        return Some(choices);
    }
    // Behind tiles that need rows of 16 bytes, single elements are left.
    let behind = !choices.is_empty() && given.settings.is_silent();
    let why = (!tiles).then(|| why::stepped(sizes.kernel, contract, &product, chip)).flatten();
    let by = match (behind, why) {
        (true, _) => "model: whatever the sizes".to_owned(),
        (false, Some(why)) => format!("model: {why}"),
        (false, None) => "model".to_owned(),
    };
    choices.extend(
        stepped::choices(sizes, &product, &cut, &by)
            .into_iter()
            .filter(|choice| !behind || choice.when.is_empty()),
    );
    Some(choices)
}

pub(crate) fn is_small(sizes: &mut Symbols<'_>, product: &Product) -> bool {
    let elements = sizes.product([product.m, product.n, product.batch]);
    elements.and_then(|elements| sizes.value(elements)).is_some_and(|elements| elements < SMALL)
}

/// Whether pipelines take the operands and the scales of a contraction.
pub(crate) fn takes_tiles(contract: &Contract, product: &Product, chip: &Chip) -> bool {
    if !product.on_shared_memory(chip) {
        return false;
    }
    let depth = instruction_depth(contract.a.element);
    let periods = match accumulate(product) {
        tilec_ir::tile::Accumulate::Scale(period) => {
            period.is_multiple_of(depth) && product.k_block().is_multiple_of(period)
        }
        tilec_ir::tile::Accumulate::InPlace | tilec_ir::tile::Accumulate::Promote(_) => true,
    };
    // Along the rows each may differ; along the columns it is one per 8.
    let one_sided =
        contract.scales.iter().all(|scale| scale.m == Varies::No || scale.n == Varies::No);
    let columns = match varies(contract.scales.iter().map(|scale| scale.n)) {
        Varies::No => true,
        Varies::Blocks(length) => length % 64 == 0,
        Varies::Each => false,
    };
    periods && one_sided && columns
}
