//! The machine that code is made for, as far as the emitter must know it.

/// How wide vectors are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    /// f32 lanes of a vector register.
    pub(crate) lanes: usize,
    /// How many vector registers there are.
    pub(crate) registers: usize,
}

impl Machine {
    pub(crate) const AVX512: Self = Self { lanes: 16, registers: 32 };
    pub(crate) const AVX2: Self = Self { lanes: 8, registers: 16 };
    pub(crate) const SSE: Self = Self { lanes: 4, registers: 16 };

    /// By LLVM's list of the features of a machine: `+avx2,-avx512f,..`.
    pub(crate) fn of(features: &str) -> Self {
        let has = |name: &str| features.split(',').any(|f| f.strip_prefix('+') == Some(name));
        if has("avx512f") && has("avx512dq") && has("avx512vl") {
            Self::AVX512
        } else if has("avx2") && has("fma") {
            Self::AVX2
        } else {
            Self::SSE
        }
    }
}
