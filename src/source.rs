//! Reading a source file: every way in which a path can fail to be one has its
//! own sentence, and no file is read past the limit of a source's size.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use tilec_frontend::LARGEST_SOURCE_BYTES;
use tilec_ir::{Diagnostic, Kind};

/// Why a path gives no source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The file cannot be read: a sentence that names it.
    File(String),
    /// What the file holds is no text of a program.
    Text(Box<Diagnostic>),
}

/// Reads the text of a source file.
pub fn read(path: &Path) -> Result<String, Refusal> {
    let bytes = read_limited(path).map_err(Refusal::File)?;
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
    let refuse = |diagnostic| Err(Refusal::Text(Box::new(diagnostic)));
    if let Some((kind, message, help)) = problem {
        return refuse(Diagnostic::global(kind, message).help(help));
    }
    String::from_utf8(bytes).or_else(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..at].iter().filter(|&&b| b == b'\n').count();
        let message = format!("line {line} is not UTF-8 text (byte {at} of the file)");
        let diagnostic = Diagnostic::global(Kind::UnknownCharacter, message);
        refuse(diagnostic.help("save the file as UTF-8"))
    })
}

fn read_limited(path: &Path) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let explain = |error: std::io::Error| {
        let reason = if error.kind() == ErrorKind::NotFound {
            return format!("there is no file `{shown}`");
        } else if error.kind() == ErrorKind::PermissionDenied {
            "permission denied".to_owned()
        } else {
            error.to_string()
        };
        format!("`{shown}` cannot be read: {reason}")
    };
    if path.is_dir() {
        return Err(format!("`{shown}` is a directory; name a .tile file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(explain)?;
    file.take(LARGEST_SOURCE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(explain)?;
    Ok(bytes)
}
