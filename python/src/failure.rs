//! What goes wrong in a call from Python, one kind per exception type of
//! `tilec.errors`, and the border that no panic crosses.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tilec::render;
use tilec_ir::tensor::{FactKind, Role};
use tilec_ir::{Diagnostic, Kernel, Kind as Mistake};

use crate::diagnostic;

/// The exception types of `tilec.errors`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Source,
    Compile,
    Argument,
    DType,
    Rank,
    Size,
    Device,
    Layout,
    Data,
    Grad,
    Chip,
    Driver,
    Memory,
    Internal,
}

impl Kind {
    fn class(self) -> &'static str {
        match self {
            Self::Source => "SourceError",
            Self::Compile => "CompileError",
            Self::Argument => "ArgumentError",
            Self::DType => "DTypeError",
            Self::Rank => "RankError",
            Self::Size => "SizeError",
            Self::Device => "DeviceError",
            Self::Layout => "LayoutError",
            Self::Data => "DataError",
            Self::Grad => "GradError",
            Self::Chip => "ChipError",
            Self::Driver => "DriverError",
            Self::Memory => "OutOfMemoryError",
            Self::Internal => "InternalError",
        }
    }
}

/// Why a call is refused.
#[derive(Debug)]
pub(crate) enum Failure {
    /// By us: a sentence, and the argument that it is about.
    Refused { kind: Kind, message: String, argument: Option<String> },
    /// The program has mistakes.
    Program { name: String, text: String, diagnostics: Vec<Diagnostic> },
    /// By Python or a framework, passed on as it is.
    Raised(PyErr),
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self::Refused { kind, message: message.into(), argument: None }
    }

    /// About one argument, which the message names.
    pub(crate) fn of(kind: Kind, argument: &str, message: impl Into<String>) -> Self {
        Self::Refused { kind, message: message.into(), argument: Some(argument.to_owned()) }
    }

    /// Mistakes of a launch, which have no place that a caller from Python would look at.
    /// They are about the input or size that the first one names first.
    pub(crate) fn of_launch(kernel: &Kernel, diagnostics: &[Diagnostic]) -> Self {
        let failure = Self::launch(diagnostics);
        let named = diagnostics.first().and_then(|first| first.message.split('`').nth(1));
        let is_one = |name: &str| {
            kernel.sizes.iter().any(|(_, size)| size.name == name)
                || kernel.tensors_of(Role::Input).any(|id| kernel.tensors[id].name == name)
        };
        match (failure, named) {
            (Self::Refused { kind, message, .. }, Some(name)) if is_one(name) => {
                Self::of(kind, name, message)
            }
            (other, _) => other,
        }
    }

    /// Values that a kernel presumes to be otherwise. They are about the input that the
    /// first one is about.
    pub(crate) fn of_data(kernel: &Kernel, diagnostics: &[Diagnostic]) -> Self {
        let failure = Self::launch(diagnostics);
        let place = diagnostics.first().and_then(|first| first.labels.first());
        let named = place.and_then(|place| {
            let fact = kernel.facts.iter().find(|fact| fact.span == place.span);
            let mut inputs = kernel.tensors_of(Role::Input);
            match fact.map(|fact| fact.kind) {
                Some(FactKind::Sorted(id) | FactKind::Finite(id)) => Some(id),
                Some(FactKind::Equal(..) | FactKind::AtMost(..) | FactKind::Less(..)) | None => {
                    inputs.find(|&id| kernel.tensors[id].span == place.span)
                }
            }
        });
        match (failure, named) {
            (Self::Refused { kind, message, .. }, Some(id)) => {
                Self::of(kind, &kernel.tensors[id].name, message)
            }
            (other, _) => other,
        }
    }

    /// Mistakes of a launch.
    pub(crate) fn launch(diagnostics: &[Diagnostic]) -> Self {
        let kind = diagnostics.first().map_or(Kind::Internal, |first| kind_of(first.kind));
        let text = |diagnostic: &Diagnostic| match &diagnostic.help {
            Some(help) => format!("{}\nhelp: {help}", diagnostic.message),
            None => diagnostic.message.clone(),
        };
        let texts: Vec<_> = diagnostics.iter().map(text).collect();
        Self::new(kind, as_keywords(&texts.join("\n")))
    }

    fn raise(self, py: Python<'_>) -> PyResult<PyErr> {
        match self {
            Self::Raised(error) => Ok(error),
            Self::Refused { kind, message, argument } => {
                let error = exception(py, kind, &message)?;
                error.setattr("argument", argument)?;
                Ok(PyErr::from_value(error))
            }
            Self::Program { name, text, diagnostics } => {
                let message = render::text(&name, &text, &diagnostics, false);
                let error = exception(py, Kind::Compile, message.trim_end())?;
                let objects = diagnostic::objects(&name, &text, &diagnostics);
                error.setattr("diagnostics", PyTuple::new(py, objects)?)?;
                Ok(PyErr::from_value(error))
            }
        }
    }
}

fn exception<'py>(py: Python<'py>, kind: Kind, message: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("tilec.errors")?.getattr(kind.class())?.call1((message,))
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        Python::attach(|py| failure.raise(py).unwrap_or_else(|error| error))
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

/// What is wrong with the sizes of a launch.
const OF_SIZES: [Mistake; 5] = [
    Mistake::UnboundSize,
    Mistake::SizeConflict,
    Mistake::FactViolated,
    Mistake::SizeOutOfRange,
    Mistake::IndexOverflow,
];

/// The exception type of a mistake in a launch.
fn kind_of(mistake: Mistake) -> Kind {
    if OF_SIZES.contains(&mistake) {
        Kind::Size
    } else if mistake == Mistake::WrongRank {
        Kind::Rank
    } else if mistake == Mistake::UnknownArgument {
        Kind::Argument
    } else if mistake == Mistake::BadData {
        Kind::Data
    } else if mistake == Mistake::OutOfMemory {
        Kind::Memory
    } else {
        Kind::Compile
    }
}

/// The library speaks of sizes as the command line binds them, `--set N=..`; from
/// Python they are keywords.
fn as_keywords(text: &str) -> String {
    text.replace("`--set ", "the keyword `")
}

/// Runs what a caller asks for. A panic, which is a mistake of ours, becomes an
/// [`Kind::Internal`].
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> PyResult<T> {
    let done = catch_unwind(AssertUnwindSafe(work));
    Ok(done.unwrap_or_else(|panic| Err(internal(&*panic)))?)
}

/// Stack for work on programs, whatever the calling thread has.
const STACK_BYTES: usize = 256 << 20;

/// Runs work that needs no Python, in a thread with a deep stack, while other threads
/// of the interpreter go on.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    py.detach(|| {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
            let thread = thread.spawn_scoped(scope, work).map_err(|error| {
                Failure::new(Kind::Memory, format!("no thread to compile in: {error}"))
            })?;
            thread.join().unwrap_or_else(|panic| Err(internal(&*panic)))
        })
    })
}

/// Panics, in this thread or in one that works for it: the tests call it to see what
/// becomes of a mistake of ours.
#[pyfunction]
pub(crate) fn _panic(py: Python<'_>, is_detached: bool) -> PyResult<()> {
    let panic = || -> Result<()> { panic!("on purpose") };
    guarded(|| if is_detached { detached(py, panic) } else { panic() })
}

/// Where the last panic was.
static PANICKED_AT: Mutex<String> = Mutex::new(String::new());

/// Keeps the place of a panic for the exception instead of printing it.
pub(crate) fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        *PANICKED_AT.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }));
}

fn internal(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    let place = PANICKED_AT.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let said = text.unwrap_or_else(|| "no message".to_owned());
    Failure::new(
        Kind::Internal,
        format!("tilec has made a mistake, please report it: {said} ({place})"),
    )
}
