//! What is accepted, what is refused and why, and what accepted programs
//! become. Programs are data; `accept` and `refuse` say what is asserted.

mod accepted;
mod large;
mod refused;
mod repaired;

use std::path::Path;

use tilec_frontend::check;
use tilec_ir::tensor::Role;
use tilec_ir::{Kernel, Kind, Scalar, show};

/// The program is accepted without a word.
fn accept(text: &str) -> Vec<Kernel> {
    let checked = check(text);
    assert!(checked.diagnostics.is_empty(), "{text}\n{:#?}", checked.diagnostics);
    assert!(!checked.module.kernels.is_empty(), "{text}");
    checked.module.kernels
}

/// The program has exactly these mistakes, in this order. Each is given as its
/// kind and a phrase of its message or help.
fn refuse(text: &str, expected: &[(Kind, &str)]) {
    let found = check(text).diagnostics;
    let kinds: Vec<_> = found.iter().map(|report| report.kind).collect();
    assert_eq!(
        kinds,
        expected.iter().map(|&(kind, _)| kind).collect::<Vec<_>>(),
        "{text}\n{found:#?}"
    );
    for (report, (_, phrase)) in found.iter().zip(expected) {
        let said = format!("{} / {}", report.message, report.help.as_deref().unwrap_or_default());
        assert!(said.contains(phrase), "{text}\nexpected `{phrase}` in: {said}");
        assert!(report.labels.iter().all(|label| text.get(label.span.range()).is_some()), "{text}");
        assert!(report.help.is_some(), "no way out of: {said}");
    }
}

/// An equation of `y` with inputs `x: f32[N]`, `h: bf16[N]`, `c: i32[N]`,
/// `b: i8[N]`, `e: idx<E>[N]`, `t: bool[N]` has one mistake.
fn refuse_equation(equation: &str, output: &str, kind: Kind, phrase: &str) {
    refuse(&kernel_with(equation, output), &[(kind, phrase)]);
}

/// A kernel in which each input is read somewhere.
fn kernel_with(equation: &str, output: &str) -> String {
    format!(
        "kernel k[N, E](x: f32[N], h: bf16[N], c: i32[N], b: i8[N], e: idx<E>[N], t: bool[N])
            -> (y: {output}, z: f32[N])
        {{
            {equation}
            z[i] = if t[i] then x[i] + h[i] else f32(c[i] + b[i] + e[i])
        }}"
    )
}

/// The type of a local tensor defined by an expression in `i`.
fn local_type(value: &str, expected: &str) {
    let text = kernel_with(&format!("y[i] = x[i] + f32(v[i])\nv[i < N] = {value}"), "f32[N]");
    let kernels = accept(&text);
    let kernel = &kernels[0];
    let (_, tensor) =
        kernel.tensors.iter().find(|(_, tensor)| tensor.name == "v").expect("v is defined");
    let found = if let Scalar::Idx(n) = tensor.element {
        format!("idx<{}>", show(kernel, n))
    } else {
        format!("{:?}", tensor.element).to_lowercase()
    };
    assert_eq!((found.as_str(), tensor.role), (expected, Role::Local), "{value}");
}

fn tile_files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            tile_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "tile") {
            found.push(path);
        }
    }
}
