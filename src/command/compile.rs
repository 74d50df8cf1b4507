//! `tilec compile`: a kernel to files, or one stage of it to standard output.

use std::path::{Path, PathBuf};

use clap::Args;
use tilec::cuda;
use tilec::stage::{self, Stage};

use super::gpu::{self, Origin};
use super::{Reporter, Selection, Stop, Target, print};

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
    let compilation = stage::Compilation::new(kernel, &selection.set).map_err(|diagnostics| {
        reporter.report(&selection.file, &text, &diagnostics);
        Stop::Launch
    })?;
    let for_chip = matches!(arguments.emit, None | Some(Stage::Tile | Stage::Cuda | Stage::All));
    let cuda = match selection.target {
        Target::Cuda if for_chip => {
            let (file, module) = (&selection.file, &program.module);
            let origin = Origin { file, text: &text, module, reporter };
            Some(gpu::cut(&compilation, gpu::chip(selection.chip.as_deref()), origin)?)
        }
        Target::Cpu | Target::Cuda | Target::Tt => None,
    };
    let files = || match &cuda {
        None => compilation.files().map_err(Stop::Target),
        Some((cuda, program)) => Ok(cuda::files(&cuda.emit(program))),
    };
    match (arguments.emit, &cuda) {
        (None, _) => write_all(&arguments.output, files()?),
        (Some(Stage::All), _) => {
            write_all(&arguments.output, compilation.stages().map_err(Stop::Target)?)?;
            if let Some((_, program)) = &cuda {
                let file = format!("{}.5.tile.txt", compilation.name());
                write_all(
                    &arguments.output,
                    vec![(file, tilec_ir::tile::print::print(program).into_bytes())],
                )?;
            }
            write_all(&arguments.output, files()?)
        }
        (Some(Stage::Tile), Some((_, program))) => {
            print(&tilec_ir::tile::print::print(program));
            Ok(())
        }
        (Some(Stage::Cuda), Some((cuda, program))) => {
            print(&cuda.emit(program).source);
            Ok(())
        }
        (Some(stage), _) => {
            print(&compilation.text(stage).map_err(Stop::Target)?);
            Ok(())
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
        std::fs::write(&path, bytes).map_err(|e| failed(&path, &e))?;
        print(&format!("wrote {}\n", path.display()));
    }
    Ok(())
}
