//! Why a kernel does not run, one variant per kind, each with its sentence.
//!
//! [`Error::Refused`] is the caller's to mend: the sizes or addresses of a launch
//! are wrong. Everything else is about the machine.

use std::fmt;

/// Why a kernel does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// There is no NVIDIA driver.
    NoDriver,
    /// The driver is older than what this build calls.
    OldDriver {
        /// The CUDA version of the driver, as 1000 * major + 10 * minor.
        found: i32,
    },
    /// There is no GPU, or none with that index.
    NoDevice {
        /// The index that was asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// The GPU cannot run what the source is written for.
    Capability(String),
    /// There is neither NVRTC nor nvcc.
    NoCompiler,
    /// The compiler refuses the source.
    Compile {
        /// Which compiler.
        compiler: String,
        /// What it said.
        log: String,
    },
    /// The launch is refused: what is wrong with its sizes or addresses.
    Refused(String),
    /// The GPU's memory does not hold so many bytes more.
    OutOfMemory {
        /// The bytes of the allocation that failed.
        bytes: u64,
    },
    /// The driver failed.
    Driver {
        /// What it was asked to do.
        doing: String,
        /// What it said.
        said: String,
    },
    /// The manifest contradicts itself or the source.
    Manifest(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDriver => f.write_str(
                "this machine has no NVIDIA driver (libcuda.so.1 is not found), which --target cuda \
                 needs to run; compiling and --target cpu need none",
            ),
            Self::OldDriver { found } => write!(
                f,
                "the NVIDIA driver is for CUDA {}.{}, and running needs a driver for CUDA 13.0 or \
                 later (580 or later): update it",
                found / 1000,
                found % 1000 / 10
            ),
            Self::NoDevice { count: 0, .. } => f.write_str(
                "this machine has an NVIDIA driver, but no GPU that it can use; see what \
                 `nvidia-smi` and CUDA_VISIBLE_DEVICES say",
            ),
            Self::NoDevice { index, count } => {
                write!(f, "there is no GPU {index}: this machine has {count}, counted from 0")
            }
            Self::Capability(sentence) | Self::Refused(sentence) => f.write_str(sentence),
            Self::NoCompiler => f.write_str(
                "no compiler for CUDA is found: neither the library NVRTC (libnvrtc.so.13, looked \
                 for by the loader and in CUDA_HOME) nor nvcc (in CUDA_HOME and PATH); install one, \
                 or set CUDA_HOME",
            ),
            Self::Compile { compiler, log } => {
                write!(f, "{compiler} refuses the emitted source:\n{}", log.trim_end())
            }
            Self::OutOfMemory { bytes } => {
                write!(f, "the GPU's memory does not hold {bytes} bytes more; run smaller sizes")
            }
            Self::Driver { doing, said } => write!(f, "the NVIDIA driver failed to {doing}: {said}"),
            Self::Manifest(what) => write!(f, "the manifest does not fit: {what}"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_names_its_thing_and_the_way_out() {
        let check = |error: Error, says: &[&str]| {
            let text = error.to_string();
            for part in says {
                assert!(text.contains(part), "no {part} in: {text}");
            }
        };
        check(Error::NoDriver, &["libcuda.so.1", "--target cpu"]);
        check(Error::OldDriver { found: 12_040 }, &["CUDA 12.4", "update"]);
        check(Error::NoDevice { index: 0, count: 0 }, &["no GPU", "nvidia-smi"]);
        check(Error::NoDevice { index: 3, count: 2 }, &["no GPU 3", "has 2"]);
        check(Error::NoCompiler, &["NVRTC", "nvcc", "CUDA_HOME"]);
        check(Error::OutOfMemory { bytes: 7 }, &["7 bytes", "smaller"]);
        let failed = Error::Driver { doing: "load a module".to_owned(), said: "no".to_owned() };
        check(failed, &["load a module: no"]);
    }
}
