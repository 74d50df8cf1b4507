//! Dual contractions: two products that share their rows, by one kernel.
//!
//! ```text
//! gate[m, f] = sum[d](x[m, d] * w_gate[f, d])      \
//! up[m, f]   = sum[d](x[m, d] * w_up[f, d])         } one kernel, which reads x once
//! h[m, f]    = bf16(silu(gate[m, f]) * up[m, f])   /  and stores h alone
//! ```
//!
//! What is one follows from the regions: a contraction whose epilogue is one equation that
//! also reads the sum of another one, with the same lengths, rows and factors of rows. Which
//! sum stands where in the epilogue is the source's. Tile blocks ask for it (`dual = yes`):
//! the step of the second product then begins with a dual contraction, and that of the
//! first, under the same conditions, with nothing. What would run without stays behind.

mod pair;
mod rows;

use tilec_ir::plan::{Plan, RegionKind};
use tilec_ir::{Diagnostic, Kind};
use tilec_target::Chip;

use tilec_ir::tile::Dual;

use crate::tune::block::{self, Fault};
use crate::tune::contract::takes_tiles;
use crate::tune::cut::{Choice, Cut};
use crate::tune::product::{Epilogue, Product, product};
use crate::tune::settings::{Given, Settings};
use crate::tune::symbols::Symbols;
use pair::Pair;

/// What stays of a region's settings for what runs where a dual contraction does not.
pub(crate) fn apart<'a>(given: &Given<'a>) -> Given<'a> {
    let mut given = given.clone();
    if given.settings.dual {
        let Settings { warps, rows, .. } = given.settings;
        given.settings = Settings { warps, rows, ..given.settings.only_licenses() };
    }
    given
}

/// Puts the dual contractions that tile blocks ask for before the choices of their regions.
pub(crate) fn choose(
    plan: &mut Plan,
    chip: &Chip,
    given: &[Given<'_>],
    regions: &mut [Vec<Choice>],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut taken: Vec<Pair> = Vec::new();
    for (at, given) in given.iter().enumerate().filter(|(_, given)| given.settings.dual) {
        let found = pair::of(plan, at).map_err(|reason| Fault {
            message: format!("this is no dual contraction: {reason}"),
            help: "take `dual = yes` out, or write two products of the same rows whose sums one \
                   equation reads and nothing else"
                .to_owned(),
        });
        let chosen = found.and_then(|pair| {
            if taken.contains(&pair) {
                return again(given);
            }
            taken.push(pair);
            let (when, cut) = cut(plan, pair, chip, given)?;
            let before = pair.products.into_iter().filter(|&product| product != pair.end);
            let before = before.map(|product| (product, Cut::Within(pair.end)));
            for (region, cut) in before.chain([(pair.end, cut)]) {
                put_first(
                    &mut regions[region],
                    Choice { when: when.clone(), cut, chosen_by: "tile block".to_owned() },
                );
            }
            Ok(())
        });
        if let Err(Fault { message, help }) = chosen {
            let spans = given.places.iter().map(|setting| setting.span);
            let span = spans.reduce(|all, span| all.to(span)).unwrap_or_default();
            diagnostics.push(Diagnostic::new(Kind::BadSetting, span, message).help(help));
        }
    }
}

/// The other product may ask for the same, not for something else.
fn again(given: &Given<'_>) -> Result<(), Fault> {
    if given.places.len() <= 1 {
        return Ok(());
    }
    Err(Fault {
        message: "both products of a dual contraction have settings of one kernel".to_owned(),
        help: "write all of them at one of the two".to_owned(),
    })
}

/// What would never be reached behind it goes.
fn put_first(choices: &mut Vec<Choice>, choice: Choice) {
    let implies = |other: &Choice| choice.when.iter().all(|when| other.when.contains(when));
    choices.retain(|other| !implies(other));
    choices.insert(0, choice);
}

fn unnumbered() -> Fault {
    Fault {
        message: "which row stands where is too long a formula for a dual contraction".to_owned(),
        help: "bind some sizes with --set, or take `dual = yes` out".to_owned(),
    }
}

/// The cut of both products, and the conditions of copying their operands.
fn cut(
    plan: &mut Plan,
    pair: Pair,
    chip: &Chip,
    given: &Given<'_>,
) -> Result<(Vec<tilec_ir::tile::Condition>, Cut), Fault> {
    let products = pair.products;
    let row = match pair.sorted {
        Some(sorted) => Some(rows::number(plan, products[0], sorted).ok_or_else(unnumbered)?),
        None => None,
    };
    let (segment, calls) = (rows::segment(plan, pair.end), rows::divides(plan, pair.end));
    let contracts = products.map(|at| {
        let RegionKind::Contract(contract) = &plan.regions[at].kind else { return None };
        Some(contract.clone())
    });
    let mut sizes = Symbols::new(&mut plan.kernel);
    let (mut both, mut when) = (Vec::new(), Vec::new());
    for contract in contracts.iter().flatten() {
        let licenses = given.settings.licenses();
        let product = product(&mut sizes, contract, chip, licenses);
        let product = product.filter(|product| takes_tiles(contract, product, chip));
        let conditions = product.as_ref().and_then(|of| of.copy_conditions(&mut sizes));
        let (Some(product), Some(conditions)) = (product, conditions) else {
            return Err(block::no_tiles(chip));
        };
        for condition in conditions {
            if !when.contains(&condition) {
                when.push(condition);
            }
        }
        both.push(product);
    }
    let [first, second] = &both[..] else { unreachable!("products are contractions") };
    let layout = |of: &Product| of.operands[1].lies().map(|lies| lies.layout);
    if layout(first) != layout(second) {
        return Err(Fault {
            message: "the second operands of a dual contraction lie in two ways".to_owned(),
            help: "store both with the same dimension innermost, or take `dual = yes` out"
                .to_owned(),
        });
    }
    let calls = second.epilogue.calls || calls;
    let epilogue = Epilogue { outputs: 1, calls, ..second.epilogue };
    let product = Product { epilogue, ..first.clone() };
    let dual = Dual { products, row };
    let cut = block::dual_cut(&sizes, &product, dual, chip, &given.settings)?;
    let half = i64::from(cut.output_columns());
    if let Some(segment) = segment.filter(|&segment| segment != half) {
        return Err(Fault {
            message: format!(
                "n = {} makes {half} columns of a tile, and a segment has {segment}",
                cut.tile[1]
            ),
            help: format!("write n = {}: half of it is of each product", 2 * segment),
        });
    }
    Ok((when, Cut::Pipeline(cut)))
}
