//! Placeholder until this family of kernels is written.

use tilec_ir::tile::{Step, Variant};
use tilec_manifest::Launch;

use crate::context::Context;

pub(crate) fn emit(_cx: &mut Context<'_>, _step: &Step, _variant: &Variant) -> Vec<Launch> {
    unimplemented!("not written yet")
}
