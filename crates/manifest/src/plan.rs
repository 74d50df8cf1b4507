//! The plan of a kernel as data: `tilec compile --emit plan-json`.
//!
//! For tools that ask what was recognized. The sentences are those of `tilec explain`,
//! for people, and may change; the kinds and names are what programs may rely on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the format that this code writes.
pub const VERSION: u32 = 1;

/// What the recognizers found in the equations of a kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The version of this format.
    #[schemars(extend("const" = VERSION))]
    pub version: u32,
    /// The kernel's name.
    pub kernel: String,
    /// Size parameters that are not bound, in the order of the source.
    pub sizes: Vec<String>,
    /// What is run together, in order.
    pub regions: Vec<Region>,
    /// What came close to a pattern, and why it is none.
    pub declined: Vec<Declined>,
}

/// Equations that are run as one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// What they are: "contraction", "rowwise", "selection", "loops" and so on.
    pub kind: String,
    /// The tensors that they make, in the order in which they are computed.
    pub computes: Vec<String>,
    /// What was found: a word, spaces, and what it stands for, as in `m       m < M`.
    pub found: Vec<String>,
}

/// An equation that is almost of a pattern.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Declined {
    /// The tensor that it makes.
    pub equation: String,
    /// The pattern, as a region's kind.
    pub pattern: String,
    /// What stands against it, in a sentence.
    pub reason: String,
}
