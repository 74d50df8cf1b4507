//! Reading a source file and reporting why it is none.

use std::path::Path;

use tilec::source::{self, Refusal};

use super::{Reporter, Stop};

/// Reads the text of a source file.
pub(crate) fn read(path: &Path, reporter: &Reporter) -> Result<String, Stop> {
    source::read(path).map_err(|refusal| match refusal {
        Refusal::File(sentence) => Stop::Usage(sentence),
        Refusal::Text(diagnostic) => {
            reporter.report(path, "", &[*diagnostic]);
            Stop::Program
        }
    })
}
