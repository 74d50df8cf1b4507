//! How emitted Tensix programs are run: `program.json`, the contract between the
//! emitter, the host script `run.py` and the emulator.
//!
//! ```text
//! tensors --tilize--> buffers in DRAM --programs in order--> buffers --untilize--> tensors
//! ```
//!
//! All sizes are bound, so that everything here is a number. A buffer holds a tensor
//! as pages of one 32x32 tile each; a program is a reader, a compute and a writer
//! kernel that run on every core of a rectangle, and differ by run-time arguments only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the format that this code writes and reads.
pub const VERSION: u32 = 1;

/// Rows and columns of a tile.
pub const TILE: u32 = 32;

/// The programs of a kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Programs {
    /// The version of this format.
    #[schemars(extend("const" = VERSION))]
    pub version: u32,
    /// The kernel's name.
    pub kernel: String,
    /// The chip that it was compiled for, by the name of its table.
    pub chip: String,
    /// `wormhole` or `blackhole`.
    pub arch: String,
    /// The values of the size parameters, in the order of the source.
    pub sizes: Vec<(String, i64)>,
    /// What lies in DRAM: inputs, then outputs, then locals.
    pub buffers: Vec<Buffer>,
    /// What runs, in order; each starts when the one before has ended on all cores.
    pub programs: Vec<Program>,
}

/// A tensor in DRAM, as pages of one tile each, interleaved over the banks.
///
/// The tensor's dimensions are split into `batch`, `rows` and `columns` (each a list
/// of positions, flattened in that order, row-major; an empty one has extent 1).
/// Page `(b * ceil(R / 32) + r) * ceil(C / 32) + c` is tile `r, c` of matrix `b`; what
/// lies outside of the tensor is 0. A tile is four faces of 16x16 elements, row-major,
/// in the order upper left, upper right, lower left, lower right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Buffer {
    /// Its name, unique among buffers.
    pub name: String,
    /// The tensor's name. An input may lie in several buffers, in different orders.
    pub tensor: String,
    /// Who fills it.
    pub role: Role,
    /// The element type as the language writes it, `idx` without its range.
    pub element: String,
    /// The tensor's dimensions; none is a scalar.
    pub shape: Vec<u64>,
    /// Which dimensions tell the matrices. Where 32-bit elements lie as [`Format::UInt16`],
    /// the number after the last dimension is that of their halves, the lower one first.
    pub batch: Vec<u32>,
    /// Which dimensions are the rows of a matrix.
    pub rows: Vec<u32>,
    /// Which dimensions are its columns.
    pub columns: Vec<u32>,
    /// How elements are stored.
    pub format: Format,
    /// How many pages there are; each is [`Format::tile_bytes`] long.
    pub pages: u64,
}

/// Who fills a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The host.
    Input,
    /// The programs, for the host.
    Output,
    /// A program, for a later one.
    Local,
}

/// How the elements of a tile are stored, by the names that the kernels' toolchain uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Format {
    /// IEEE binary32, 4,096 bytes a tile.
    Float32,
    /// bfloat16, 2,048 bytes a tile.
    #[serde(rename = "Float16_b")]
    Bfloat16,
    /// IEEE binary16, 2,048 bytes a tile.
    Float16,
    /// 16 values share an 8-bit exponent; sign and 7 bits of magnitude each: 64 exponents,
    /// then 1,024 bytes.
    #[serde(rename = "Bfp8_b")]
    Bfp8,
    /// The chip's own e4m3.
    #[serde(rename = "Fp8_e4m3")]
    Fp8E4M3,
    /// The chip's own e5m2.
    Lf8,
    /// 32-bit words: integers, or f32 bits that must arrive unchanged.
    UInt32,
    /// 32-bit integers, two's complement.
    Int32,
    /// 16-bit integers.
    UInt16,
    /// Bytes: integers, or FP8 codes that a kernel decodes itself.
    UInt8,
}

/// A reader, a compute and a writer kernel on a rectangle of cores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Columns of the rectangle, whose upper left core is 0, 0.
    pub columns: u32,
    /// Rows of the rectangle.
    pub rows: u32,
    /// What runs on the core that reads (NoC 0).
    pub reader: Kernel,
    /// What runs on the three cores that compute.
    pub compute: Kernel,
    /// What runs on the core that writes (NoC 1).
    pub writer: Kernel,
    /// How the compute kernel is configured.
    pub math: Math,
    /// Circular buffers, the same on all cores, by ascending index.
    pub circular_buffers: Vec<CircularBuffer>,
    /// Semaphores, the same on all cores; the position is the id.
    pub semaphores: Vec<Semaphore>,
}

/// One kernel of a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// Its file, relative to `program.json`.
    pub file: String,
    /// Buffers whose `TensorAccessorArgs` are its compile-time arguments, in order.
    pub accessors: Vec<String>,
    /// Its run-time arguments, in order.
    pub arguments: Vec<Argument>,
}

/// A run-time argument: one 32-bit word per core.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Argument {
    /// Its name in the kernel.
    pub name: String,
    /// What it is.
    pub value: Value,
}

/// What a run-time argument is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// The DRAM address of a buffer.
    Address(String),
    /// One word for each core, row by row.
    PerCore(Vec<u32>),
    /// The NoC x coordinate of the core in this column of the same row.
    NocX(u32),
    /// The NoC y coordinate of the core in this row of the same column.
    NocY(u32),
    /// The NoC x coordinate of the core with this column for each core, row by row.
    NocXPerCore(Vec<u32>),
    /// The NoC y coordinate of the core with this row for each core, row by row.
    NocYPerCore(Vec<u32>),
}

/// How a compute kernel is configured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Math {
    /// `LoFi`, `HiFi2`, `HiFi3` or `HiFi4`.
    pub fidelity: String,
    /// Whether DST holds 32-bit values.
    pub fp32_dest_acc: bool,
    /// Whether DST is one section instead of two.
    pub full_sync: bool,
}

/// A ring of pages in L1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CircularBuffer {
    /// 0 to 31.
    pub index: u32,
    /// Its name in the kernels.
    pub name: String,
    /// The format of its pages; a page is one tile.
    pub format: Format,
    /// Its capacity in pages.
    pub pages: u32,
    /// Whether copies to DST bypass the source registers, so that all 32 bits of a
    /// [`Format::Float32`] arrive (`unpack_to_dest_mode` of the compute configuration).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unpack_to_dst: bool,
}

/// A word in L1 that other cores can set and count up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Semaphore {
    /// Its name in the kernels.
    pub name: String,
    /// Its value at the start.
    pub initial: u32,
}

impl Format {
    /// The bytes of a 32x32 tile.
    #[must_use]
    pub fn tile_bytes(self) -> u32 {
        match self {
            Self::Float32 | Self::UInt32 | Self::Int32 => 4096,
            Self::Bfloat16 | Self::Float16 | Self::UInt16 => 2048,
            Self::Bfp8 => 1088,
            Self::Fp8E4M3 | Self::Lf8 | Self::UInt8 => 1024,
        }
    }
}
