//! Mistakes of a program as Python objects.

use pyo3::prelude::*;
use serde_json::Value;
use tilec::render;

/// One mistake, or one warning, about a program.
#[pyclass(module = "tilec", frozen)]
#[derive(Clone, Debug)]
pub(crate) struct Diagnostic {
    /// `"error"` or `"warning"`.
    #[pyo3(get)]
    severity: String,
    /// The stable name of the kind of mistake, such as `"unknown-name"`.
    #[pyo3(get)]
    kind: String,
    /// What is wrong, in one sentence.
    #[pyo3(get)]
    message: String,
    /// The file, or `"<text>"`.
    #[pyo3(get)]
    file: String,
    /// The line of the main place, from 1; `None` if there is no place.
    #[pyo3(get)]
    line: Option<u64>,
    /// The column of the main place in characters, from 1; `None` if there is no place.
    #[pyo3(get)]
    column: Option<u64>,
    /// The way out, if one is known.
    #[pyo3(get)]
    help: Option<String>,
    /// Every place that takes part, the main one first: line, column and what is the
    /// matter there.
    #[pyo3(get)]
    notes: Vec<(u64, u64, String)>,
    rendered: String,
}

#[pymethods]
impl Diagnostic {
    fn __str__(&self) -> &str {
        &self.rendered
    }

    fn __repr__(&self) -> String {
        let Self { severity, kind, message, file, .. } = self;
        let at = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        format!("<tilec.Diagnostic {severity} {kind} at {file}{at}: {message}>")
    }
}

/// The mistakes that were found in a text of this name.
pub(crate) fn objects(
    name: &str,
    text: &str,
    diagnostics: &[tilec_ir::Diagnostic],
) -> Vec<Diagnostic> {
    let object = |diagnostic: &tilec_ir::Diagnostic| {
        let one = std::slice::from_ref(diagnostic);
        let json = serde_json::from_str(&render::json(name, text, one));
        let json: Value = json.expect("what was rendered as JSON is JSON");
        from_json(&json, render::text(name, text, one, false).trim_end().to_owned())
    };
    diagnostics.iter().map(object).collect()
}

fn from_json(json: &Value, rendered: String) -> Diagnostic {
    let string = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    let labels = json["labels"].as_array().map(Vec::as_slice).unwrap_or_default();
    let number = |label: &Value, name: &str| label[name].as_u64().unwrap_or(0);
    let note = |label: &Value| {
        let text = label["text"].as_str().unwrap_or_default().to_owned();
        (number(label, "line"), number(label, "column"), text)
    };
    let notes: Vec<_> = labels.iter().map(note).collect();
    Diagnostic {
        severity: string("severity"),
        kind: string("kind"),
        message: string("message"),
        file: string("file"),
        line: notes.first().map(|note| note.0),
        column: notes.first().map(|note| note.1),
        help: json["help"].as_str().map(ToOwned::to_owned),
        notes,
        rendered,
    }
}
