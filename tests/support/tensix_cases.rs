//! What is emitted for Tensix: every kernel of the examples and of the cases that the target
//! can run, for both chips.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use tilec::program::Program;
use tilec::stage::Compilation;
use tilec::tensix::Tensix;
use tilec_codegen_tt::{Emitted, Source};
use tilec_ir::Diagnostic;

use crate::files::tile_files;

/// The chips, each with the size that is bound where a kernel has none: one with ragged
/// tiles, one of whole tiles.
const CHIPS: [(&str, i64); 2] = [("wormhole_n150", 70), ("blackhole_p150", 256)];

/// Folders of programs that no chip runs.
const REFUSED: [&str; 2] = ["tests/cases/errors", "tests/cases/tensix/refused"];

/// A kernel compiled for a chip.
pub(crate) struct Case {
    /// `tests/cases/contract/types.tile, gemm_bf16, for wormhole_n150`
    pub(crate) name: String,
    /// `tests/cases/contract/types.tile, gemm_bf16`
    pub(crate) program: String,
    pub(crate) chip: &'static str,
    pub(crate) emitted: Emitted,
}

/// All that compile; what is refused has tests of its own.
pub(crate) fn all() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let of_file = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("programs are text");
        let file = path.strip_prefix(root).expect("it is below").to_string_lossy().into_owned();
        let program = Program::check(&text);
        let kernels = program.module.kernels.iter().map(|kernel| kernel.name.as_str());
        let each = kernels.flat_map(|name| CHIPS.map(|(chip, size)| (name, chip, size)));
        each.filter_map(|(name, chip, size)| emit(&file, &text, &program, name, chip, size).ok())
            .collect::<Vec<_>>()
    };
    parallel(&files(), of_file).into_iter().flatten().collect()
}

/// The files of all programs that a chip may run.
pub(crate) fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["examples", "tests/cases", "tests/tensix_tiles"]
        .into_iter()
        .flat_map(tile_files)
        .filter(|path| !REFUSED.iter().any(|folder| path.starts_with(root.join(folder))))
        .collect()
}

/// A kernel of a file for a chip.
///
/// # Panics
/// If it is refused.
pub(crate) fn of(file: &str, kernel: &str, chip: &str) -> Case {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
    let text = text.expect("programs are text");
    let (_, size) = CHIPS.into_iter().find(|(name, _)| *name == chip).expect("it is one of these");
    emit(file, &text, &Program::check(&text), kernel, chip, size)
        .unwrap_or_else(|found| panic!("{file}, {kernel}, for {chip}: {found:#?}"))
}

fn emit(
    file: &str,
    text: &str,
    program: &Program,
    name: &str,
    chip: &str,
    size: i64,
) -> Result<Case, Vec<Diagnostic>> {
    let kernel = program.module.kernels.iter().find(|kernel| kernel.name == name);
    let kernel = kernel.expect("the file has the kernel");
    let unbound = kernel.sizes.iter().filter(|(_, size)| size.default.is_none());
    let set: Vec<_> = unbound.map(|(_, one)| (one.name.clone(), size)).collect();
    let sizes = tilec::tensix::bound(kernel, &set);
    let compilation = Compilation::new(kernel, &sizes)?;
    let chip = tilec_target::chip(chip).expect("it has a table");
    let source = Source { file, text };
    let tensix = Tensix::of(&program.module, name, chip, source, sizes);
    let tensix = tensix.expect("the file has the kernel");
    let emitted = tensix.emit(&compilation.dataflow(&tensix)?);
    let program = format!("{file}, {name}");
    Ok(Case { name: format!("{program}, for {}", chip.name), program, chip: &chip.name, emitted })
}

/// `work` on every item, on all processors; in the order of the items.
pub(crate) fn parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let take = || {
        let at = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&at| at < items.len());
        std::iter::from_fn(at).map(|at| (at, work(&items[at]))).collect::<Vec<_>>()
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no worker panics")).collect()
    });
    done.sort_by_key(|&(at, _)| at);
    done.into_iter().map(|(_, result)| result).collect()
}
