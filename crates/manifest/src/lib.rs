//! How an emitted program is launched: the contract between emitted code and
//! whoever runs it, as versioned data (`manifest.json`).
//!
//! ```text
//! arguments + sizes --checks--> variant of each step --> grid, tensor maps, parameters --> launch
//! ```
//!
//! The C launcher in the emitted source and the runtime both follow a
//! [`Manifest`], so they cannot disagree. Everything that depends on sizes is a
//! [`Formula`]; nothing here knows an emitter or a driver.

mod arch;
mod formula;
mod launch;
pub mod plan;
pub mod schema;
pub mod sentences;
pub mod tensix;

pub use arch::Arch;
pub use formula::{Formula, Operator};
pub use launch::{
    Base, Condition, Launch, MapElement, Parameter, Relation, Step, Swizzle, TensorMap, Variant,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the format that this code writes and reads.
pub const VERSION: u32 = 1;

/// What a compiler of emitted sources is told besides the architecture. Arithmetic
/// is that of the language: nothing is fused that the source does not fuse.
pub const OPTIONS: [&str; 2] = ["-std=c++17", "-fmad=false"];

/// An emitted program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this format.
    #[schemars(extend("const" = VERSION))]
    pub version: u32,
    /// The kernel's name; the C function is `NAME_launch`.
    pub kernel: String,
    /// The chip that the tiles were chosen for, by the name of its table.
    pub chip: String,
    /// What the source is compiled for, such as `sm_90a`.
    pub arch: String,
    /// SHA-256 of the emitted source, in hexadecimal.
    pub source_sha256: String,
    /// Size parameters in the order of the source.
    pub sizes: Vec<SizeParameter>,
    /// Inputs, then outputs, in the order of the source.
    pub arguments: Vec<Argument>,
    /// What must hold of the sizes at every launch.
    pub checks: Vec<Check>,
    /// The bytes of scratch memory that a launch needs, aligned to 256.
    pub workspace_bytes: Formula,
    /// What is launched, in order.
    pub steps: Vec<Step>,
}

/// A size parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SizeParameter {
    /// Its name in the source.
    pub name: String,
    /// The value it has unless the caller says otherwise.
    pub default: Option<i64>,
}

/// An input or an output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Argument {
    /// Its name in the source.
    pub name: String,
    /// Whether the program writes it.
    pub output: bool,
    /// The element type as the language writes it, `idx` without its range.
    pub element: String,
    /// The bytes of one element.
    pub element_bytes: u32,
    /// Its dimensions, row-major and contiguous; none is a scalar: an input one is
    /// passed by value, an output one by its address.
    pub shape: Vec<Formula>,
    /// What the address must be a multiple of, in bytes.
    pub alignment: u32,
}

/// Something that must hold of the sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What must hold.
    pub condition: Condition,
    /// The sentence for whoever breaks it.
    pub message: String,
}
