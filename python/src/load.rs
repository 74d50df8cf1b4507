//! `tilec.load` and `tilec.check`: from a path or a text to a kernel.

use std::path::{Path, PathBuf};
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};
use tilec::program::Program;
use tilec::source::{self, Refusal};
use tilec::stage::Compilation;
use tilec_ir::{Diagnostic as Mistake, Kernel as Ir, Kind as MistakeKind};

use crate::cpu::Cpu;
use crate::cuda::Cuda;
use crate::data::Check;
use crate::diagnostic::{self, Diagnostic};
use crate::failure::{Failure, Kind, Result, detached, guarded};
use crate::kernel::{Kernel, Parts, Target};

/// A text and what it is called in messages.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The path as it was given, or `<text>`.
    pub(crate) name: String,
    /// The program.
    pub(crate) text: String,
}

impl Source {
    /// The file without folders, for comments in emitted code.
    pub(crate) fn file(&self) -> &str {
        Path::new(&self.name).file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    pub(crate) fn refuse(&self, diagnostics: Vec<Mistake>) -> Failure {
        let (name, text) = (self.name.clone(), self.text.clone());
        Failure::Program { name, text, diagnostics }
    }
}

/// Compile a kernel.
///
/// Args:
///     path_or_text: a .tile file, or the text of a program. A `str` is a text if it
///         holds a brace or a line break, else a path.
///     kernel: which kernel of the file; not needed if it has one.
///     target: `"cuda"` or `"cpu"`.
///     chip: the chip to choose tiles for (`tilec targets` lists them); by default that
///         of the first GPU. With a chip named, loading needs no GPU, only calling does.
///     check: what calls check of the values of inputs, beside their shapes and types. By
///         default that elements of `idx` inputs are in range, where they are in the
///         memory of the CPU. `True`: everything that the kernel presumes (`sorted`,
///         `finite` and ranges), on a GPU too, where a call then copies these inputs and
///         waits for it, and can't be captured. `False`: nothing; an index that is out of
///         range is read as the nearest one.
///     **sizes: size parameters to fix. The others are inferred at each call.
///
/// Returns:
///     A `Kernel`, which serves all shapes that fit its declaration.
///
/// Raises:
///     SourceError: the file cannot be read.
///     CompileError: the program has mistakes, or the target cannot express it.
///     SizeError: sizes that contradict a fact of the kernel.
///     ChipError: no such chip, or one of another target.
///     DriverError: target `"cuda"` without a chip, and no GPU.
#[pyfunction]
#[pyo3(signature = (path_or_text, kernel=None, target="cuda", chip=None, check=None, **sizes))]
pub(crate) fn load(
    py: Python<'_>,
    path_or_text: &Bound<'_, PyAny>,
    kernel: Option<&str>,
    target: &str,
    chip: Option<&str>,
    check: Option<&Bound<'_, PyAny>>,
    sizes: Option<&Bound<'_, PyDict>>,
) -> PyResult<Kernel> {
    guarded(|| {
        let source = source(path_or_text)?;
        let bound = bound(sizes)?;
        let asked = Asked { kernel, target, chip, check: Check::of(check)?, bound };
        let parts = detached(py, || compile(source, asked))?;
        Ok(Kernel::new(parts))
    })
}

/// Say what is wrong with a program.
///
/// Args:
///     text: the text of a program.
///
/// Returns:
///     Every mistake and warning as a `Diagnostic`, in the order of the text; an empty
///     list if the program is fine.
#[pyfunction]
pub(crate) fn check(py: Python<'_>, text: &str) -> PyResult<Vec<Diagnostic>> {
    guarded(|| {
        detached(py, || {
            let diagnostics = Program::check(text).diagnostics;
            Ok(diagnostic::objects(TEXT, text, &diagnostics))
        })
    })
}

/// What a text without a file is called.
const TEXT: &str = "<text>";

fn source(path_or_text: &Bound<'_, PyAny>) -> Result<Source> {
    if let Ok(text) = path_or_text.cast::<PyString>() {
        let text = text.to_string();
        if text.contains(['{', '\n']) {
            return Ok(Source { name: TEXT.to_owned(), text });
        }
        return read(Path::new(&text));
    }
    let path: PathBuf = path_or_text.extract().map_err(|_| {
        let found = path_or_text.get_type();
        let message = format!(
            "`path_or_text` is a path or the text of a program, not {}",
            crate::tensor::type_name(&found)
        );
        Failure::of(Kind::Argument, "path_or_text", message)
    })?;
    read(&path)
}

fn read(path: &Path) -> Result<Source> {
    let name = path.to_string_lossy().into_owned();
    match source::read(path) {
        Ok(text) => Ok(Source { name, text }),
        Err(Refusal::File(sentence)) => {
            let help = "help: the text of a program, instead of a path, holds a brace";
            Err(Failure::of(Kind::Source, "path_or_text", format!("{sentence}\n{help}")))
        }
        Err(Refusal::Text(mistake)) => {
            Err(Source { name, text: String::new() }.refuse(vec![*mistake]))
        }
    }
}

fn bound(sizes: Option<&Bound<'_, PyDict>>) -> Result<Vec<(String, i64)>> {
    let Some(sizes) = sizes else { return Ok(Vec::new()) };
    sizes.iter().map(|(name, value)| size(&name.extract::<String>()?, &value)).collect()
}

/// A size that is given by name.
pub(crate) fn size(name: &str, value: &Bound<'_, PyAny>) -> Result<(String, i64)> {
    let number = if value.is_instance_of::<PyBool>() { None } else { value.extract().ok() };
    let number = number.ok_or_else(|| {
        let (found, largest) = (crate::tensor::shown(value), i32::MAX);
        let message = format!("`{name}` is a size, an integer in 0 ..= {largest}, not {found}");
        Failure::of(Kind::Argument, name, message)
    })?;
    Ok((name.to_owned(), number))
}

/// What `load` is asked for.
struct Asked<'a> {
    kernel: Option<&'a str>,
    target: &'a str,
    chip: Option<&'a str>,
    check: Check,
    bound: Vec<(String, i64)>,
}

fn compile(source: Source, asked: Asked<'_>) -> Result<Parts> {
    let Asked { kernel, target, chip, check, bound } = asked;
    check_target(target, chip)?;
    let program = Program::check(&source.text);
    if program.has_errors() {
        return Err(source.refuse(program.diagnostics));
    }
    let chosen = choose(&program, kernel)?.clone();
    let compilation = Compilation::new(&chosen, &bound);
    let compilation = compilation.map_err(|mistakes| Failure::launch(&mistakes))?;
    let start = Instant::now();
    let target = match target {
        "cpu" => Target::Cpu(Cpu::new(compilation.specialized())?),
        _ => Target::Cuda(Cuda::new(&compilation, &program.module, &source, (chip, check))?),
    };
    let plan = compilation.plan().to_string();
    crate::kernel::announce(&chosen.name, &target, start.elapsed());
    Ok(Parts { source, module: program.module, kernel: chosen, bound, plan, check, target })
}

fn check_target(target: &str, chip: Option<&str>) -> Result<()> {
    if !matches!(target, "cpu" | "cuda") {
        let message = format!("`target` is \"cuda\" or \"cpu\", not {target:?}");
        return Err(Failure::of(Kind::Argument, "target", message));
    }
    let Some(name) = chip else { return Ok(()) };
    let refuse = |message| Err(Failure::of(Kind::Chip, "chip", message));
    let Some(chip) = tilec_target::chip(name) else {
        let chips = tilec_target::chips().iter().filter(|chip| chip.family().target() == target);
        let known: Vec<_> = chips.map(|chip| chip.name.as_str()).collect();
        if known.is_empty() {
            return refuse(format!(
                "`chip` is {name:?}, and target \"cpu\" has no chips: leave it out"
            ));
        }
        return refuse(format!(
            "no chip is called {name:?}; those of {target} are {}",
            known.join(", ")
        ));
    };
    if chip.family().target() == target {
        return Ok(());
    }
    refuse(format!(
        "the chip {name} belongs to target {:?}, not to {target:?}",
        chip.family().target()
    ))
}

fn choose<'a>(program: &'a Program, name: Option<&str>) -> Result<&'a Ir> {
    program.kernel(name).map_err(|sentence| {
        let sentence = sentence.replace("--kernel", "the keyword `kernel`");
        Failure::of(Kind::Argument, "kernel", sentence)
    })
}

/// Why a kernel is not made for a chip: sizes are the caller's, the rest the program's.
pub(crate) fn refuse(source: &Source, mistakes: Vec<Mistake>) -> Failure {
    if mistakes.iter().all(|mistake| mistake.kind == MistakeKind::UnboundSize) {
        return Failure::launch(&mistakes);
    }
    source.refuse(mistakes)
}
