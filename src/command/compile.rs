//! `tilec compile`: a kernel to files, or one stage of it to standard output.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use tilec::cuda::{self, Cuda};
use tilec::stage::{Compilation, Stage};
use tilec::tensix::{self, Tensix};
use tilec_ir::{dataflow, tile};

use super::gpu::{self, Origin};
use super::{Reporter, Selection, Stop, Target, print, tensix as on_tensix};

/// What to compile, and where to.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// The folder for the compiled files; made if missing.
    #[arg(short, value_name = "DIR", default_value = ".")]
    output: PathBuf,
    /// Prints a stage instead of compiling; `all` writes every stage to a
    /// numbered file beside the compiled ones.
    #[arg(long, value_enum)]
    emit: Option<Stage>,
}

pub(crate) fn run(arguments: &Arguments, reporter: &Reporter) -> Result<(), Stop> {
    let selection = &arguments.selection;
    let (text, program) = selection.load(reporter)?;
    let kernel = program.kernel(selection.kernel.as_deref()).map_err(Stop::Usage)?;
    let set = match selection.target {
        Target::Cpu | Target::Cuda => selection.set.clone(),
        Target::Tt => tensix::bound(kernel, &selection.set),
    };
    let compilation = Compilation::new(kernel, &set).map_err(|diagnostics| {
        reporter.report(&selection.file, &text, &diagnostics);
        Stop::Launch
    })?;
    let origin = Origin { file: &selection.file, text: &text, module: &program.module, reporter };
    let cut = match arguments.emit {
        None | Some(Stage::Tile | Stage::Cuda | Stage::Dataflow | Stage::All) => {
            Cut::new(selection, &compilation, origin, set)?
        }
        Some(
            Stage::Tensor
            | Stage::Specialized
            | Stage::Canonical
            | Stage::Plan
            | Stage::PlanJson
            | Stage::Llvm,
        ) => Cut::Nothing,
    };
    match arguments.emit {
        None => write_all(&arguments.output, cut.files(&compilation)?),
        Some(Stage::All) => {
            let mut files = compilation.stages().map_err(Stop::Target)?;
            files.extend(cut.stage(compilation.name()));
            files.extend(cut.files(&compilation)?);
            write_all(&arguments.output, files)
        }
        Some(stage) => {
            let text = cut.text(stage);
            print(&text.map_or_else(|| compilation.text(stage), Ok).map_err(Stop::Target)?);
            Ok(())
        }
    }
}

/// A kernel cut for a chip, where the target has chips.
enum Cut<'a> {
    Nothing,
    Cuda(Cuda<'a>, tile::Program),
    Tensix(Tensix<'a>, dataflow::Program),
}

impl<'a> Cut<'a> {
    fn new(
        selection: &Selection,
        compilation: &Compilation<'_>,
        origin: Origin<'a>,
        set: Vec<(String, i64)>,
    ) -> Result<Self, Stop> {
        let chip = selection.chip.as_deref();
        match selection.target {
            Target::Cpu => Ok(Self::Nothing),
            Target::Cuda => {
                let (cuda, program) = gpu::cut(compilation, gpu::chip(chip), origin)?;
                Ok(Self::Cuda(cuda, program))
            }
            Target::Tt => {
                let chip = on_tensix::chip(chip);
                let (tensix, program) = on_tensix::cut(compilation, chip, set, origin)?;
                Ok(Self::Tensix(tensix, program))
            }
        }
    }

    /// The text of a stage that is made for the chip.
    fn text(&self, stage: Stage) -> Option<String> {
        match (stage, self) {
            (Stage::Tile, Self::Cuda(_, program)) => Some(tile::print::print(program)),
            (Stage::Cuda, Self::Cuda(cuda, program)) => Some(cuda.emit(program).source),
            (Stage::Dataflow, Self::Tensix(_, program)) => Some(dataflow::print::print(program)),
            _ => None,
        }
    }

    /// Its stage between the plan and the compiled files, as a numbered file.
    fn stage(&self, kernel: &str) -> Option<(String, Vec<u8>)> {
        let (stage, name) = match self {
            Self::Nothing => return None,
            Self::Cuda(..) => (Stage::Tile, "tile"),
            Self::Tensix(..) => (Stage::Dataflow, "dataflow"),
        };
        Some((format!("{kernel}.5.{name}.txt"), self.text(stage)?.into_bytes()))
    }

    /// What compiling makes.
    fn files(&self, compilation: &Compilation<'_>) -> Result<Vec<(String, Vec<u8>)>, Stop> {
        match self {
            Self::Nothing => compilation.files().map_err(Stop::Target),
            Self::Cuda(cuda, program) => Ok(cuda::files(cuda.emit(program))),
            Self::Tensix(tensix, program) => Ok(tensix::files(&tensix.emit(program))),
        }
    }
}

fn write_all(folder: &Path, files: Vec<(String, Vec<u8>)>) -> Result<(), Stop> {
    let failed = |path: &Path, e: &std::io::Error| {
        Stop::Usage(format!("`{}` cannot be written: {e}", path.display()))
    };
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
    for (name, bytes) in files {
        let path = folder.join(name);
        if let Some(inner) = path.parent() {
            std::fs::create_dir_all(inner).map_err(|e| failed(inner, &e))?;
        }
        replace(&path, &bytes).map_err(|e| failed(&path, &e))?;
        print(&format!("wrote {}\n", path.display()));
    }
    Ok(())
}

/// Writes a file over the one that is there. Emptied first, as `std::fs::write` does, some
/// file systems would put it on the disk before the command may go on: that takes longer
/// than compiling.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create(true).truncate(false).open(path)?;
    file.write_all(bytes)?;
    let length = bytes.len() as u64;
    if file.metadata()?.len() > length { file.set_len(length) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::replace;

    #[test]
    fn a_shorter_file_leaves_nothing_of_a_longer_one() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("f");
        for text in ["long text", "text", "", "again"] {
            replace(&path, text.as_bytes()).expect("the folder can be written");
            assert_eq!(std::fs::read_to_string(&path).expect("it was written"), text);
        }
    }
}
