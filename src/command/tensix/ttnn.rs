//! Runs through the vendor's runtime: `run.py` beside the emitted kernels, in a Python
//! that has ttnn.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tilec::arrays::npy;
use tilec::tensix;
use tilec_codegen_tt::Emitted;
use tilec_ir::tensor::Role;
use tilec_ir::{Array, Element, Kernel};

use crate::command::Stop;

/// Names the Python that has ttnn.
const PYTHON: &str = "TILEC_PYTHON";

/// Runs the programs once; gives the outputs in the order of the kernel's.
pub(super) fn run(
    emitted: &Emitted,
    kernel: &Kernel,
    inputs: &[Array],
) -> Result<Vec<Array>, Stop> {
    let folder = tempfile::tempdir()
        .map_err(|e| Stop::Target(format!("no folder can be made for the kernels: {e}")))?;
    let at = folder.path();
    for (name, bytes) in tensix::files(emitted) {
        write(&at.join(name), &bytes)?;
    }
    let name = |id| &kernel.tensors[id].name;
    let file = |kind: &str, id| at.join(format!("{kind}.{}.npy", name(id)));
    let python = python();
    let mut command = Command::new(&python);
    // The runtime leaves logs in the folder that it runs in.
    command.arg(at.join("run.py")).current_dir(at);
    for (id, array) in kernel.tensors_of(Role::Input).zip(inputs) {
        write(&file("input", id), &npy::encode(array))?;
        command.arg("--input").arg(pair(name(id), &file("input", id)));
    }
    for id in kernel.tensors_of(Role::Output) {
        command.arg("--output").arg(pair(name(id), &file("output", id)));
    }
    let output = command.output().map_err(|e| {
        Stop::Target(format!(
            "`{}` cannot be started: {e}; {PYTHON} names the Python that has ttnn",
            python.display()
        ))
    })?;
    if !output.status.success() {
        return Err(Stop::Target(complaint(&output)));
    }
    let array = |id| {
        let bytes = fs::read(file("output", id)).map_err(|e| e.to_string());
        let element = Element::of(kernel.tensors[id].element);
        let array = bytes.and_then(|bytes| npy::decode(&bytes, element));
        array.map_err(|e| Stop::Target(format!("run.py's `{}` cannot be read: {e}", name(id))))
    };
    kernel.tensors_of(Role::Output).map(array).collect()
}

/// The Python to start: a name that is looked for in PATH, or an absolute path.
fn python() -> PathBuf {
    let python = std::env::var_os(PYTHON).map_or_else(|| "python3".into(), PathBuf::from);
    if python.components().count() == 1 {
        return python;
    }
    std::path::absolute(&python).unwrap_or(python)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Stop> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder
        .and_then(|()| fs::write(path, bytes))
        .map_err(|e| Stop::Target(format!("`{}` cannot be written: {e}", path.display())))
}

/// `NAME=FILE`
fn pair(name: &str, file: &Path) -> std::ffi::OsString {
    let mut pair = std::ffi::OsString::from(format!("{name}="));
    pair.push(file);
    pair
}

/// One sentence of what a script said before it failed: its own, or the first line that
/// tells of an error.
fn complaint(output: &Output) -> String {
    let said = [&*output.stderr, &*output.stdout].map(String::from_utf8_lossy).concat();
    let own = said.lines().rev().find_map(|line| line.strip_prefix("error: "));
    let tells =
        |line: &&str| ["TT_FATAL", "TT_THROW", "ERROR", "Error"].iter().any(|w| line.contains(w));
    match (own, said.lines().find(tells)) {
        (Some(own), _) if own.contains("cannot be imported") => {
            format!("{own}; {PYTHON} names the Python that has ttnn")
        }
        (Some(own), _) => own.to_owned(),
        (None, Some(line)) => format!("ttnn did not run the programs: {}", line.trim()),
        (None, None) => format!("run.py failed ({}) and said nothing of it", output.status),
    }
}
