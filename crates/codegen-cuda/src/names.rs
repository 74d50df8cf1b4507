//! Names of the emitted code, taken from the source.
//!
//! Sizes and tensors have one name throughout a program; everything else is named
//! within its function. A name that C++, CUDA or a common system header has
//! already gets an underscore.

use tilec_cpp::{Names, legal};
use tilec_ir::tensor::{Size, Tensor};
use tilec_ir::{Id, Kernel};

/// Words that CUDA, its headers or the C library may define, as macros or as
/// functions that emitted code calls.
pub(crate) const RESERVED: &[&str] = &[
    "BIG_ENDIAN",
    "BUFSIZ",
    "BYTE_ORDER",
    "CHAR_BIT",
    "CHAR_MAX",
    "CHAR_MIN",
    "DOMAIN",
    "EOF",
    "ERANGE",
    "EXIT_FAILURE",
    "EXIT_SUCCESS",
    "FP_INFINITE",
    "FP_NAN",
    "FP_NORMAL",
    "FP_SUBNORMAL",
    "FP_ZERO",
    "HUGE",
    "HUGE_VAL",
    "HUGE_VALF",
    "INFINITY",
    "INT_MAX",
    "INT_MIN",
    "LITTLE_ENDIAN",
    "LONG_BIT",
    "LONG_MAX",
    "LONG_MIN",
    "M_E",
    "M_PI",
    "NAN",
    "NDEBUG",
    "NULL",
    "OVERFLOW",
    "PATH_MAX",
    "PDP_ENDIAN",
    "PIPE_BUF",
    "PLOSS",
    "RAND_MAX",
    "SCHAR_MAX",
    "SEEK_CUR",
    "SEEK_END",
    "SEEK_SET",
    "SHRT_MAX",
    "SING",
    "SIZE_MAX",
    "SSIZE_MAX",
    "TLOSS",
    "TMP_MAX",
    "UCHAR_MAX",
    "UINT_MAX",
    "UNDERFLOW",
    "WORD_BIT",
    "X_TLOSS",
    "assert",
    "atomicAdd",
    "blockDim",
    "blockIdx",
    "cudaError_t",
    "erff",
    "errno",
    "expf",
    "fabsf",
    "float4",
    "floorf",
    "fmaf",
    "gridDim",
    "int4",
    "logf",
    "major",
    "minor",
    "rsqrtf",
    "shared",
    "sqrtf",
    "stderr",
    "stdin",
    "stdout",
    "stream",
    "tanhf",
    "threadIdx",
    "tilec",
    "uint4",
    "warpSize",
    "workspace",
];

/// The names that a whole program shares.
#[derive(Clone, Debug)]
pub(crate) struct ProgramNames {
    sizes: Vec<String>,
    tensors: Vec<String>,
    all: Names,
}

/// Words that functions over rows and stepped contractions use for what is their own.
/// No tensor and no size is called so; [`crate::function::Function::claim`] keeps index
/// variables from them.
pub(crate) const OWN: &[&str] = &[
    "A_BYTES",
    "A_LINE",
    "B_LINE",
    "CAPACITY",
    "K_TILE",
    "M_TILE",
    "N_TILE",
    "PARTS",
    "PER_LANE",
    "PER_THREAD",
    "PROMOTE",
    "SPLIT",
    "STAGES",
    "STAGE_BYTES",
    "STEPS",
    "SUMS_LINE",
    "Selection",
    "THREADS",
    "VECTOR",
    "a_element",
    "a_held",
    "a_rows",
    "ahead",
    "all_blocks",
    "at",
    "b_element",
    "b_held",
    "b_rows",
    "batch",
    "batches",
    "block",
    "chunk",
    "column",
    "column_scale",
    "end_block",
    "fetch",
    "first_block",
    "i",
    "inside",
    "item",
    "j",
    "k_at",
    "k_first",
    "k_size",
    "k_units",
    "lane",
    "later",
    "left",
    "length",
    "live",
    "m_at",
    "m_at_any",
    "m_first",
    "m_part",
    "m_row",
    "m_size",
    "m_tiles",
    "n_at",
    "n_at_any",
    "n_first",
    "n_part",
    "n_row",
    "n_size",
    "n_tiles",
    "part",
    "partial",
    "point",
    "points",
    "put",
    "row",
    "row_scale",
    "step",
    "stride",
    "sum",
    "sums",
    "thread",
    "tile",
    "tile_sums",
    "tiles",
    "units_of_part",
    "warp",
    "within",
];

impl ProgramNames {
    pub(crate) fn new(kernel: &Kernel) -> Self {
        let mut given = Names::with(&[RESERVED, OWN].concat());
        let mut give = |name: &str| given.make(&legal(name));
        let sizes: Vec<_> = kernel.sizes.iter().map(|(_, size)| give(&size.name)).collect();
        let tensors: Vec<_> = kernel.tensors.iter().map(|(_, tensor)| give(&tensor.name)).collect();
        let taken = sizes.iter().chain(&tensors).map(String::as_str);
        let all: Vec<_> = RESERVED.iter().copied().chain(taken).collect();
        let all = Names::with(&all);
        Self { sizes, tensors, all }
    }

    pub(crate) fn size(&self, size: Id<Size>) -> &str {
        &self.sizes[size.index()]
    }

    pub(crate) fn tensor(&self, tensor: Id<Tensor>) -> &str {
        &self.tensors[tensor.index()]
    }

    /// A name that is neither one of these nor in `live`: `base`, else `base` with
    /// the first number from 2 on that makes it one.
    pub(crate) fn local<'a>(&self, base: &str, live: impl Fn(&str) -> bool + 'a) -> String {
        let base = legal(base);
        let free = |name: &str| !live(name) && self.all.is_free(name);
        if free(&base) {
            return base;
        }
        let numbered = (2u32..).map(|n| format!("{base}{n}"));
        numbered.into_iter().find(|name| free(name)).expect("some number is free")
    }
}
