//! What a contraction is to the cores: lengths in tiles, two operands, scales, results.

use tilec_ir::dataflow::{Fidelity, Index};
use tilec_ir::plan::Contract;
use tilec_ir::tensor::{ExprKind, Kernel, Scalar, Var};
use tilec_ir::{Diagnostic, Id, Kind, Span};

use super::finish::{Finish, finish};
use super::integer;
use super::listed::{Listed, listed};
use super::operand::{Operand, operands};
use super::passes::{fidelity, left_out};
use super::scale::{Scales, scales};
use crate::dataflow::Draft;
use crate::dataflow::vector::Axes;
use crate::tune::settings::Given;

/// Rows and columns of a tile.
pub(super) const TILE: u32 = 32;

/// A contraction.
#[derive(Debug)]
pub(super) struct Product {
    /// Where its sum stands in the source.
    pub(super) span: Span,
    /// Rows, columns and depth, in elements.
    pub(super) lengths: [u32; 3],
    /// How many products there are.
    pub(super) batches: u32,
    /// The ranges of the batch variables.
    pub(super) batch_ranges: Vec<u32>,
    /// The ranges of the reduced variables.
    pub(super) k_ranges: Vec<u32>,
    /// `a`, then `b`.
    pub(super) operands: [Operand; 2],
    /// Factors of blocks of `k`.
    pub(super) scales: Option<Scales>,
    /// A factor of the sum.
    pub(super) coefficient: Option<f32>,
    /// What becomes of the sum.
    pub(super) finish: Finish,
    pub(super) fidelity: Fidelity,
    /// What tells its tiles of rows, if tables do.
    pub(super) listed: Option<Listed>,
    /// Of a sum of integers: how many tiles of `k` are exact in f32.
    pub(super) words: Option<u32>,
}

impl Product {
    /// Rows, columns and depth in tiles; a depth of 0 is a tile of zeros.
    pub(super) fn tiles(&self) -> [u32; 3] {
        let [m, n, k] = self.lengths.map(|length| length.div_ceil(TILE));
        [m, n, k.max(1)]
    }

    /// In how many pieces `b` is multiplied.
    pub(super) fn pieces(&self) -> u32 {
        1 + u32::from(self.operands[1].rest.is_some())
    }

    /// The batch variables of a product by its number.
    pub(super) fn batch(&self, number: &Index) -> Vec<Index> {
        split(number, &self.batch_ranges)
    }

    /// The reduced variables at an element of `k`.
    pub(super) fn k(&self, element: &Index) -> Vec<Index> {
        split(element, &self.k_ranges)
    }
}

/// The variables of a flattened axis at a place of it.
fn split(number: &Index, ranges: &[u32]) -> Vec<Index> {
    let mut inner: Vec<u32> = vec![1; ranges.len()];
    for at in (1..ranges.len()).rev() {
        inner[at - 1] = inner[at].saturating_mul(ranges[at]);
    }
    let of = |(at, &range): (usize, &u32)| {
        let own = number.clone() / inner[at];
        if at == 0 { own } else { own % range }
    };
    ranges.iter().enumerate().map(of).collect()
}

/// A contraction as cores see it.
pub(super) fn product(
    draft: &mut Draft<'_>,
    region: usize,
    contract: &Contract,
    given: &Given<'_>,
) -> Result<Product, Vec<Diagnostic>> {
    let sum = &draft.plan.kernel.equations[draft.plan.regions[region].covers[0]];
    let span = sum.span;
    let one = |fault| vec![fault];
    let batch = contract.batch.clone();
    let found = listed(draft, contract, span).map_err(one)?;
    let (contract, listed) = match &found {
        Some((contract, listed)) => (contract, Some(*listed)),
        None => (contract, None),
    };
    let words = match contract.accumulator {
        Scalar::F32 => None,
        _ => Some(integer::most_depth(&draft.plan.kernel, contract, span).map_err(one)?),
    };
    let lengths = [&contract.m, &contract.n, &contract.k, &batch]
        .map(|vars| length(&draft.plan.kernel, vars, span));
    let [m, n, k, batches] = lengths;
    let lengths = [m.map_err(one)?, n.map_err(one)?, k.map_err(one)?];
    let batches = batches.map_err(one)?;
    let axes = Axes {
        batch: contract.batch.clone(),
        rows: contract.m.clone(),
        columns: contract.n.clone(),
    };
    let ranges = |vars: &[Id<Var>]| -> Result<Vec<u32>, Vec<Diagnostic>> {
        vars.iter().map(|&var| length(&draft.plan.kernel, &[var], span).map_err(one)).collect()
    };
    let (batch_ranges, k_ranges) = (ranges(&batch)?, ranges(&contract.k)?);
    let coefficient = coefficient(&draft.plan.kernel, contract);
    let mut faults = Vec::new();
    let operands = operands(draft, contract, given).map_err(|fault| faults.push(fault));
    let scales = scales(draft, contract, &axes).map_err(|fault| faults.push(fault));
    let finish = finish(draft, region, contract, &axes).map_err(|fault| faults.push(fault));
    let (Ok(operands), Ok(scales), Ok(finish)) = (operands, scales, finish) else {
        return Err(faults);
    };
    let fidelity = fidelity(&operands, left_out(contract, draft.tensix()));
    Ok(Product {
        span,
        lengths,
        batches,
        batch_ranges,
        k_ranges,
        operands,
        scales,
        coefficient,
        finish,
        fidelity,
        listed,
        words,
    })
}

/// The number of points of some variables; sizes are bound.
fn length(kernel: &Kernel, vars: &[Id<Var>], span: Span) -> Result<u32, Diagnostic> {
    let range = |&var: &Id<Var>| kernel.ints.as_constant(kernel.vars[var].range);
    let ranges = vars.iter().map(range);
    let product = ranges.into_iter().try_fold(1i64, |product, range| product.checked_mul(range?));
    product.and_then(|length| u32::try_from(length).ok()).ok_or_else(|| {
        Diagnostic::new(Kind::TooLarge, span, "an axis of this product is longer than 2^32 - 1")
            .help("make its sizes smaller")
    })
}

/// A literal: see the recognizer of contractions.
fn coefficient(kernel: &Kernel, contract: &Contract) -> Option<f32> {
    match kernel.exprs[contract.coefficient?].kind {
        ExprKind::Float(value) => Some(value),
        _ => unreachable!("the coefficient of a sum of floats is a literal"),
    }
}
