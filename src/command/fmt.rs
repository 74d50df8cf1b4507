//! `tilec fmt [--check] FILE..`

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Reporter, Stop, print, read_source};

pub(crate) fn run(check: bool, files: &[PathBuf], reporter: &Reporter) -> Result<(), Stop> {
    let results: Vec<_> = files.iter().map(|file| format(check, file, reporter)).collect();
    results.into_iter().try_for_each(|result| result)
}

fn format(check: bool, path: &Path, reporter: &Reporter) -> Result<(), Stop> {
    let text = read_source(path, reporter)?;
    let formatted = tilec_frontend::format(&text).map_err(|diagnostics| {
        reporter.report(path, &text, &diagnostics);
        Stop::Program
    })?;
    if formatted == text {
        return Ok(());
    }
    if check {
        print(&format!("{} would change\n", path.display()));
        return Err(Stop::Program);
    }
    replace(path, &formatted)
        .map_err(|error| Stop::Usage(format!("`{}` cannot be written: {error}", path.display())))
}

/// Writes beside the file and renames, so that no interruption loses the text.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(std::fs::metadata(&path)?.permissions())?;
    file.persist(&path)?;
    Ok(())
}
