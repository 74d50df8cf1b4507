//! Registers of the threads of a pipeline: what its roles keep at once, and what they
//! are given.
//!
//! ```text
//! multiply   sums, partial sums, 24; 16 more where the epilogue calls a function
//! epilogue   sums, 24, 64 for the first output and 32 for each further one; what asks
//!            for registers also counts 24 for tensors that are read beside a call
//! load       24; where tiles come in bands 32; with scales 56, with those of a batch 64
//! ```
//!
//! What exceeds its registers still runs, but spills: a tile is only offered where it
//! stays in them, while one that a tile block wants need only have room for its sums.
//! The numbers are read off what ptxas makes of the emitted functions.

use tilec_ir::tile::Accumulate;

use crate::tune::cut::{GROUP, OTHER_REGISTERS, PipelineCut};
use crate::tune::product::Product;

/// Registers of a multiprocessor that a block can have.
const REGISTERS: u32 = 65_536;
/// What one thread can have.
const MOST: u32 = 240;
/// Roles ask in steps of so many.
const STEP: u32 = 8;
/// Of a loading role.
const LOADER: u32 = 24;
/// Of one that also finds out which tile an item is, in bands.
const BAND_LOADER: u32 = 32;
/// Of one whose warps hold several blocks' scales ahead.
const SCALE_LOADER: u32 = 56;
/// Of one whose scales lie in a batch, too.
const BATCH_LOADER: u32 = 64;
/// What the epilogue takes beside sums that stay in registers: addresses, and the rows of
/// an output.
const EPILOGUE: u32 = 64;
/// The rows of a further output.
const OUTPUT: u32 = 32;
/// What a call in the epilogue takes. Values that it needs are put there before `k` begins.
const CALL: u32 = 16;

/// What tensors that are read beside the sums take across a call in the epilogue.
const READ: u32 = 24;

/// Registers that the loading and the multiplying roles ask for: `None` where what the
/// launch gives everyone is enough.
pub(crate) fn asked(product: &Product, cut: &PipelineCut) -> (Option<u32>, Option<u32>) {
    let wanted = cut.accumulators() + OTHER_REGISTERS;
    // Where sums are not moved before the epilogue, addresses of all outputs stand beside them.
    let read = if product.epilogue.calls && product.epilogue.reads { READ } else { 0 };
    let epilogue = if cut.swapped { 0 } else { EPILOGUE + read };
    if wanted + epilogue <= at_launch(cut) {
        return (None, None);
    }
    let loader = loader(product, cut);
    // Roles exchange what the launch gave the block; asking for more would wait forever.
    let left = at_launch(cut) * cut.threads() - GROUP * loader;
    let each = (left / (GROUP * cut.instances)).min(MOST) / STEP * STEP;
    (Some(loader), Some(each))
}

fn loader(product: &Product, cut: &PipelineCut) -> u32 {
    let holds_scales = matches!(cut.accumulate, Accumulate::Scale(_));
    match (cut.swapped, holds_scales) {
        (true, _) => LOADER,
        (false, false) => BAND_LOADER,
        (false, true) if product.batched => BATCH_LOADER,
        (false, true) => SCALE_LOADER,
    }
}

/// Registers of each thread at launch.
fn at_launch(cut: &PipelineCut) -> u32 {
    (REGISTERS / (cut.threads() * cut.per_processor)).min(255) / STEP * STEP
}

/// What a multiplying thread has.
fn given(product: &Product, cut: &PipelineCut) -> u32 {
    asked(product, cut).1.unwrap_or_else(|| at_launch(cut))
}

/// Whether the accumulators of a cut fit in registers.
pub(crate) fn sums_fit(product: &Product, cut: &PipelineCut) -> bool {
    cut.accumulators() + OTHER_REGISTERS <= given(product, cut)
}

/// Whether everything that a cut keeps fits in registers.
pub(crate) fn all_fits(product: &Product, cut: &PipelineCut) -> bool {
    if cut.swapped {
        // Sums lie in shared memory when the epilogue begins.
        return sums_fit(product, cut);
    }
    let call = if product.epilogue.calls { CALL } else { 0 };
    let multiply = cut.accumulators() + OTHER_REGISTERS + call;
    let outputs = EPILOGUE + OUTPUT * product.epilogue.outputs.saturating_sub(1);
    let epilogue = cut.sums() + OTHER_REGISTERS + outputs;
    multiply.max(epilogue) <= given(product, cut)
}
