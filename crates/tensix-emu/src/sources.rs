//! The C++ that kernels are compiled with and run on, carried by this crate.

/// A file and its text.
pub(crate) type Source = (&'static str, &'static str);

macro_rules! sources {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../", $folder, "/", $name)))),*]
    };
}

/// Headers, by the paths that kernels include them by.
pub(crate) const HEADERS: &[Source] = sources!("include":
    "api/compile_time_args.h",
    "api/compute/bcast.h",
    "api/compute/cb_api.h",
    "api/compute/common.h",
    "api/compute/common_globals.h",
    "api/compute/compute_kernel_hw_startup.h",
    "api/compute/eltwise_binary.h",
    "api/compute/matmul.h",
    "api/compute/pack.h",
    "api/compute/pack_untilize.h",
    "api/compute/reconfig_data_format.h",
    "api/compute/reduce.h",
    "api/compute/reg_api.h",
    "api/compute/src_order.h",
    "api/compute/tile_move_copy.h",
    "api/compute/tilize.h",
    "api/compute/topk.h",
    "api/compute/transpose.h",
    "api/dataflow/dataflow_api.h",
    "api/tensor/tensor_accessor.h",
    "api/tensor/tensor_accessor_args.h",
    "emu/compute.h",
    "emu/engine.h",
    "emu/fault.h",
    "emu/instructions.h",
    "emu/kernel.h",
    "emu/noc.h",
    "emu/program.h",
    "emu/sentence.h",
    "emu/vendor.h",
);

/// The engine; `engine.cpp` includes the others.
pub(crate) const ENGINE: &[Source] = sources!("engine":
    "deadlock.cpp",
    "dram.cpp",
    "engine.cpp",
    "fiber.cpp",
    "guard.cpp",
    "l1.cpp",
    "main.cpp",
    "multicast.cpp",
    "noc.cpp",
    "order.cpp",
    "page.cpp",
    "parts.h",
    "plan.cpp",
    "report.cpp",
    "ring.cpp",
    "scheduler.cpp",
    "semaphore.cpp",
    "state.h",
    "statics.cpp",
);

/// The compute side; each `.cpp` is compiled on its own.
pub(crate) const COMPUTE: &[Source] = sources!("compute":
    "bitonic.cpp",
    "bitonic.h",
    "configure.cpp",
    "copies.cpp",
    "dst.cpp",
    "dst.h",
    "elementwise.cpp",
    "fma.cpp",
    "fma.h",
    "format.h",
    "instruction.h",
    "lanes.h",
    "matrix.cpp",
    "matrix.h",
    "pack.cpp",
    "packer.cpp",
    "products.cpp",
    "reduce.cpp",
    "reduce.h",
    "reduce_largest.cpp",
    "sfpu.cpp",
    "sfpu.h",
    "sfpu_floats.cpp",
    "sfpu_integers.cpp",
    "sfpu_lanes.cpp",
    "state.h",
    "strips.cpp",
    "sums.h",
    "topk.cpp",
    "unpack.cpp",
    "vectors.h",
);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    fn files(folder: &Path, root: &Path, into: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                files(&path, root, into);
            } else {
                into.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }

    #[test]
    fn every_file_is_carried() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (folder, list) in [("include", HEADERS), ("engine", ENGINE), ("compute", COMPUTE)] {
            let mut found = BTreeSet::new();
            files(&root.join(folder), &root.join(folder), &mut found);
            let carried: BTreeSet<_> = list.iter().map(|(name, _)| (*name).to_owned()).collect();
            assert_eq!(carried, found, "the list of {folder}/ in src/sources.rs");
        }
    }
}
