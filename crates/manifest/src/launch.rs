//! The launches of a program.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Formula;

/// One thing to do: the first of its variants whose conditions all hold. The last
/// variant has none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The equations that it computes, as `name (line N)`.
    pub computes: Vec<String>,
    /// Ways to do it, in order of preference.
    pub variants: Vec<Variant>,
}

/// One way to do a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// All must hold.
    pub when: Vec<Condition>,
    /// Launched in order.
    pub launches: Vec<Launch>,
}

/// `left relation right`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The left side.
    pub left: Formula,
    /// How they must compare.
    pub relation: Relation,
    /// The right side.
    pub right: Formula,
}

/// How two integers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Relation {
    /// `==`
    #[serde(rename = "==")]
    Equal,
    /// `<=`
    #[serde(rename = "<=")]
    AtMost,
    /// `<`
    #[serde(rename = "<")]
    Less,
}

/// One launch of one emitted function. A grid with a 0 in it is not launched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// The emitted `__global__` function, declared `extern "C"`.
    pub function: String,
    /// Blocks; the first is at most 2^31 - 1, the others 65,535.
    pub grid: [Formula; 3],
    /// Threads of a block.
    pub block: [u32; 3],
    /// Blocks of a cluster; `[1, 1, 1]` is none. The grid is a multiple of it.
    pub cluster: [u32; 3],
    /// Dynamic shared memory in bytes; over 48 KiB is asked for by attribute.
    pub shared_bytes: u32,
    /// What is passed, in the order of the function's parameters.
    pub parameters: Vec<Parameter>,
}

/// A parameter of an emitted function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Parameter {
    /// The address of a tensor.
    Pointer(Base),
    /// A scalar input, by value, by its name.
    Scalar(String),
    /// A size, as a 64-bit integer (`long long`).
    Size(Formula),
    /// A tensor map, by value (`const __grid_constant__ tilec::TensorMap`).
    TensorMap(TensorMap),
}

/// Where a tensor lies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Base {
    /// An argument by name.
    Argument(String),
    /// So many bytes into the workspace; a multiple of 256.
    Workspace(Formula),
}

/// What `cuTensorMapEncodeTiled` is given. Interleave is none; what lies outside
/// reads as zero. Innermost dimension first throughout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TensorMap {
    /// Where the tensor starts; a multiple of 16 bytes.
    pub base: Base,
    /// The type of its elements.
    pub element: MapElement,
    /// Elements per dimension. A map over a dimension of 0 is not made: the
    /// parameter is then all zero bytes, and the function must not use it.
    pub sizes: Vec<Formula>,
    /// Bytes from one to the next, of all dimensions but the first; multiples of 16.
    pub strides: Vec<Formula>,
    /// Elements of a box per dimension, each at most 256.
    pub tile: Vec<u32>,
    /// How rows of a box are permuted in shared memory.
    pub swizzle: Swizzle,
}

/// Types that tensor maps know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MapElement {
    /// 8 bits of anything.
    U8,
    /// f16
    F16,
    /// bf16
    Bf16,
    /// f32
    F32,
    /// i32
    I32,
}

/// How the 16-byte parts of a box's rows are permuted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Swizzle {
    /// Not at all.
    #[serde(rename = "none")]
    None,
    /// Within 32 bytes.
    #[serde(rename = "32")]
    B32,
    /// Within 64 bytes.
    #[serde(rename = "64")]
    B64,
    /// Within 128 bytes.
    #[serde(rename = "128")]
    B128,
}

impl Condition {
    /// Whether it holds; `None` where a side cannot be computed.
    pub fn holds(&self, size: &impl Fn(&str) -> Option<i64>) -> Option<bool> {
        let (left, right) = (self.left.eval(size)?, self.right.eval(size)?);
        Some(match self.relation {
            Relation::Equal => left == right,
            Relation::AtMost => left <= right,
            Relation::Less => left < right,
        })
    }
}
