//! Names of the emitted code, taken from the source.
//!
//! Sizes and tensors have one name throughout a program; everything else is named
//! within its function. A name that C++, CUDA or a common system header has
//! already gets an underscore.

use tilec_cpp::Names;
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

impl ProgramNames {
    pub(crate) fn new(kernel: &Kernel) -> Self {
        let mut all = Names::with(RESERVED);
        let sizes = kernel.sizes.iter().map(|(_, size)| all.make(&legal(&size.name))).collect();
        let tensors =
            kernel.tensors.iter().map(|(_, tensor)| all.make(&legal(&tensor.name))).collect();
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

/// The name without what C++ keeps to itself, `__` and a leading `_`, and without the
/// marks of names that passes make (`acc'1`).
fn legal(name: &str) -> String {
    let mut legal = name.trim_start_matches('_').to_owned();
    legal = legal.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "_");
    while legal.contains("__") {
        legal = legal.replace("__", "_");
    }
    if legal.starts_with(|c: char| c.is_ascii_alphabetic()) { legal } else { format!("v{legal}") }
}
