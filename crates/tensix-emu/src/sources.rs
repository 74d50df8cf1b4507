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
    "api/dataflow/dataflow_api.h",
    "api/tensor/tensor_accessor.h",
    "api/tensor/tensor_accessor_args.h",
    "emu/engine.h",
    "emu/fault.h",
    "emu/kernel.h",
    "emu/noc.h",
    "emu/program.h",
);

/// The engine; `engine.cpp` includes the others.
pub(crate) const ENGINE: &[Source] = sources!("engine":
    "deadlock.cpp",
    "engine.cpp",
    "fiber.cpp",
    "guard.cpp",
    "l1.cpp",
    "main.cpp",
    "noc.cpp",
    "plan.cpp",
    "report.cpp",
    "ring.cpp",
    "scheduler.cpp",
    "state.h",
);

/// The compute side; each `.cpp` is compiled on its own.
pub(crate) const COMPUTE: &[Source] = &[];

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
