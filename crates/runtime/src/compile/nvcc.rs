//! nvcc, the compiler as a program, for machines without NVRTC.

use std::path::PathBuf;
use std::process::Command;

use super::find;
use crate::error::Error;

/// nvcc as it was found.
#[derive(Clone, Debug)]
pub struct Nvcc {
    path: PathBuf,
    pub(super) version: String,
}

impl Nvcc {
    /// Looks in toolkits, then in PATH; `None` where it is not or does not start.
    pub(super) fn find() -> Option<Self> {
        let path = find::program("nvcc")?;
        let output = Command::new(&path).arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        // "Cuda compilation tools, release 13.0, V13.0.88"
        let version = text.split_whitespace().find_map(|word| {
            word.strip_prefix('V').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        });
        Some(Self { version: format!("nvcc {}", version?), path })
    }

    pub(super) fn compile(&self, source: &str, options: &[String]) -> Result<Vec<u8>, Error> {
        let failed = |log: String| Error::Compile { compiler: self.version.clone(), log };
        let broken = |error: std::io::Error| failed(error.to_string());
        let folder = tempfile::tempdir().map_err(broken)?;
        let (input, output) = (folder.path().join("emitted.cu"), folder.path().join("out.cubin"));
        std::fs::write(&input, source).map_err(broken)?;
        let mut command = Command::new(&self.path);
        command.current_dir(folder.path()).args(options).arg("-cubin").arg(&input);
        let ran = command.arg("-o").arg(&output).output().map_err(broken)?;
        if !ran.status.success() {
            return Err(failed(String::from_utf8_lossy(&ran.stderr).into_owned()));
        }
        std::fs::read(&output).map_err(broken)
    }
}
