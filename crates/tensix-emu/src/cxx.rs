//! The host's C++ compiler: which it is, and a call of it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, Kind};

/// A compiler and what it says its version is.
#[derive(Clone, Debug)]
pub(crate) struct Compiler {
    path: OsString,
    pub(crate) version: String,
}

/// What it said, having failed.
pub(crate) struct Refused(pub(crate) String);

/// `$CXX`, else the first of c++, g++ and clang++ that runs.
pub(crate) fn find() -> Result<Compiler, Failure> {
    match std::env::var_os("CXX").filter(|name| !name.is_empty()) {
        Some(chosen) => first_of(&[chosen]),
        None => first_of(&["c++", "g++", "clang++"].map(OsString::from)),
    }
}

fn first_of(names: &[OsString]) -> Result<Compiler, Failure> {
    if let Some(found) = names.iter().find_map(with_version) {
        return Ok(found);
    }
    let tried: Vec<_> = names.iter().map(|name| name.to_string_lossy()).collect();
    Err(Failure::before(
        Kind::Host,
        "",
        format!(
            "the emulator compiles kernels with a C++20 compiler, and none runs as {}; install \
             g++ or clang++, or name one in the variable CXX",
            tried.join(", ")
        ),
    ))
}

fn with_version(name: &OsString) -> Option<Compiler> {
    let said = Command::new(name).arg("--version").output().ok().filter(|o| o.status.success())?;
    Some(Compiler {
        path: name.clone(),
        version: String::from_utf8_lossy(&said.stdout).into_owned(),
    })
}

impl Compiler {
    /// Calls it in a folder.
    pub(crate) fn call(&self, folder: &Path, options: &[String]) -> Result<(), Refused> {
        let said = Command::new(&self.path).args(options).current_dir(folder).output();
        let said = said.map_err(|error| Refused(format!("it cannot be started: {error}")))?;
        if said.status.success() {
            return Ok(());
        }
        Err(Refused(String::from_utf8_lossy(&said.stderr).into_owned()))
    }
}

/// Writes files below a folder, making those between.
pub(crate) fn write_all(folder: &Path, files: &[(&str, &str)]) -> Result<(), Failure> {
    for (name, text) in files {
        let path: PathBuf = folder.join(name);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&path, text)).map_err(|error| host(&path, &error))?;
    }
    Ok(())
}

/// A file of the host that could not be used.
pub(crate) fn host(path: &Path, error: &std::io::Error) -> Failure {
    Failure::before(Kind::Host, "", format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiler_that_is_missing_is_named() {
        let failure = first_of(&["no-such-compiler", "nor-this"].map(OsString::from)).unwrap_err();
        assert_eq!(failure.kind, Kind::Host);
        let expected = "none runs as no-such-compiler, nor-this; install g++ or clang++";
        assert!(failure.sentence.contains(expected), "{failure}");
    }
}
