//! Reading a source file: every way in which a path can fail to be one has its
//! own sentence, and no file is read past the limit of a source's size.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use tilec_frontend::LARGEST_SOURCE_BYTES;
use tilec_ir::{Diagnostic, Kind};

use super::{Reporter, Stop};

/// Reads the text of a source file.
pub(crate) fn read(path: &Path, reporter: &Reporter) -> Result<String, Stop> {
    let bytes = read_limited(path)?;
    let problem = if bytes.len() > LARGEST_SOURCE_BYTES {
        Some((
            Kind::SourceTooLarge,
            format!("the source is larger than {LARGEST_SOURCE_BYTES} bytes"),
            "split it into several files",
        ))
    } else if bytes.contains(&0) {
        Some((
            Kind::UnknownCharacter,
            "this is a binary file, not a .tile program".to_owned(),
            "give the text of a program",
        ))
    } else {
        None
    };
    if let Some((kind, message, help)) = problem {
        reporter.report(path, "", &[Diagnostic::global(kind, message).help(help)]);
        return Err(Stop::Program);
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..at].iter().filter(|&&b| b == b'\n').count();
        let message = format!("line {line} is not UTF-8 text (byte {at} of the file)");
        let diagnostic = Diagnostic::global(Kind::UnknownCharacter, message);
        reporter.report(path, "", &[diagnostic.help("save the file as UTF-8")]);
        Stop::Program
    })
}

fn read_limited(path: &Path) -> Result<Vec<u8>, Stop> {
    let shown = path.display();
    let explain = |error: std::io::Error| {
        let reason = if error.kind() == ErrorKind::NotFound {
            return Stop::Usage(format!("there is no file `{shown}`"));
        } else if error.kind() == ErrorKind::PermissionDenied {
            "permission denied".to_owned()
        } else {
            error.to_string()
        };
        Stop::Usage(format!("`{shown}` cannot be read: {reason}"))
    };
    if path.is_dir() {
        return Err(Stop::Usage(format!("`{shown}` is a directory; name a .tile file")));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(explain)?;
    file.take(LARGEST_SOURCE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(explain)?;
    Ok(bytes)
}
