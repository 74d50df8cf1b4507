//! Every mistake that tilec reports, as a pair of program and rendered message:
//! `tests/cases/errors/KIND/NAME.tile` beside its snapshot. The folder is the
//! kind that must be reported. A first line `//: run ..` makes it a mistake of a
//! launch, with `--set N=4`, shapes `x=[2, 3]` or, after `--data`, vectors;
//! `//: compile CHIP N=4 ..` makes it one of a chip of Tensix cores.

#[path = "support/files.rs"]
mod files;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tilec::stage::Compilation;
use tilec::tensix::Tensix;
use tilec::{preconditions, program::Program, render};
use tilec_codegen_tt::Source;
use tilec_ir::tensor::Role;
use tilec_ir::{Array, Data, Diagnostic, Element, Kernel, Kind, interpret, launch};

fn cases() -> Vec<PathBuf> {
    files::tile_files("tests/cases/errors")
}

fn kind_of(case: &Path) -> String {
    let folder =
        case.parent().and_then(Path::file_name).expect("cases lie in the folder of their kind");
    folder.to_string_lossy().into_owned()
}

#[test]
fn every_case_reports_its_kind_with_a_way_out() {
    assert!(cases().len() >= 100, "only {} cases", cases().len());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/errors");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut taken = vec![];
    for case in cases() {
        let text = std::fs::read_to_string(&case).expect("cases are text");
        let diagnostics = diagnostics(&text);
        let name = case.file_stem().expect("cases have names").to_string_lossy();
        let codes: Vec<_> = diagnostics.iter().map(|d| d.kind.code()).collect();
        assert!(codes.contains(&kind_of(&case).as_str()), "{}: reported {codes:?}", case.display());
        for diagnostic in &diagnostics {
            check_quality(&case, diagnostic);
        }
        let rendered = render::text(&format!("{name}.tile"), &text, &diagnostics, false);
        let snapshot = format!("{}__{name}", kind_of(&case));
        taken.push(snapshot.clone());
        settings.bind(|| insta::assert_snapshot!(snapshot, format!("{text}\n{rendered}")));
    }
    files::assert_no_stale_snapshots("errors", &taken);
}

fn check_quality(case: &Path, diagnostic: &Diagnostic) {
    let (case, message) = (case.display(), &diagnostic.message);
    assert!(!message.is_empty() && !message.ends_with('.'), "{case}: {message}");
    assert!(!message.contains("unexpected token"), "{case}: {message}");
    // The message of the first lists what could stand there.
    let says_itself = diagnostic.kind == Kind::Expected && message.starts_with("expected ")
        || diagnostic.kind == Kind::TooManyErrors;
    assert!(says_itself || diagnostic.help.is_some(), "{case} offers no way out: {message}");
    // The main place may stand for itself; what it conflicts with may not.
    let others = diagnostic.labels.iter().skip(1);
    others.for_each(|label| assert!(!label.text.is_empty(), "{case}: a bare label: {message}"));
}

#[test]
fn every_kind_has_a_case() {
    let covered: BTreeSet<_> = cases().iter().map(|case| kind_of(case)).collect();
    let known: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.code().to_owned()).collect();
    // Too large to keep as files; the test below makes them.
    let made = BTreeSet::from(["source-too-large".to_owned(), "nested-too-deep".to_owned()]);
    let covered: BTreeSet<_> = covered.union(&made).cloned().collect();
    let missing: Vec<_> = known.difference(&covered).collect();
    let unknown: Vec<_> = covered.difference(&known).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "without a case: {missing:?}; no kind: {unknown:?}"
    );
}

#[test]
fn sources_past_a_limit_are_errors() {
    let kernel =
        |value: &str| format!("kernel k[N](x: f32[N]) -> (y: f32[N]) {{ y[i] = {value} }}");
    let deep = |open: &str, close: &str| {
        kernel(&format!("{}x[i]{}", open.repeat(100_000), close.repeat(100_000)))
    };
    let check = |text: &str, kind: Kind| {
        let kinds: Vec<_> = Program::check(text).diagnostics.iter().map(|d| d.kind).collect();
        assert!(kinds.contains(&kind), "{} bytes: {kinds:?}", text.len());
    };
    check(&deep("(", ")"), Kind::NestedTooDeep);
    check(&deep("-(", ")"), Kind::NestedTooDeep);
    check(&deep("exp(", ")"), Kind::NestedTooDeep);
    check(&deep("if 0 < i then ", " else x[i]"), Kind::NestedTooDeep);
    check(&deep("x[", "]"), Kind::NestedTooDeep);
    check(&kernel(&"x[i] + ".repeat(5_000_000)), Kind::SourceTooLarge);
    check(&kernel(&format!("{}x[i]", "x[i] + ".repeat(100_000))), Kind::NestedTooDeep);
}

/// All that is reported when the program is checked and, where the case says so,
/// launched.
fn diagnostics(text: &str) -> Vec<Diagnostic> {
    let program = Program::check(text);
    let first = text.lines().next().unwrap_or_default();
    let Some(command) = first.strip_prefix("//: ") else { return program.diagnostics };
    assert!(
        !program.has_errors(),
        "a case of a launch must be a correct program: {:?}",
        program.diagnostics
    );
    let kernel = program.kernel(None).expect("cases of a launch have one kernel");
    match command.split_once(' ').unwrap_or((command, "")) {
        ("run", arguments) => run(kernel, arguments),
        ("compile", arguments) => compile(&program, kernel, arguments),
        (other, _) => panic!("cases run or compile; this one says {other}"),
    }
}

/// What a chip of Tensix cores says to a kernel.
fn compile(program: &Program, kernel: &Kernel, arguments: &str) -> Vec<Diagnostic> {
    let (chip, sizes) = arguments.split_once(' ').expect("sizes follow the chip");
    let set = sizes.split_whitespace().map(|word| {
        let (name, value) = word.split_once('=').expect("sizes are NAME=VALUE");
        (name.to_owned(), value.parse().expect("sizes are integers"))
    });
    let set: Vec<_> = set.collect();
    let compilation = Compilation::new(kernel, &set).expect("the sizes fit");
    let chip = tilec_target::chip(chip).expect("it has a table");
    let source = Source { file: "", text: "" };
    let tensix = Tensix::of(&program.module, &kernel.name, chip, source, set);
    compilation.dataflow(&tensix.expect("it is of this module")).err().unwrap_or_default()
}

fn run(kernel: &Kernel, arguments: &str) -> Vec<Diagnostic> {
    let (mut set, mut given, mut data) = (vec![], vec![], false);
    for word in arguments.replace(", ", ",").split_whitespace() {
        match word.split_once('=') {
            None => data |= word == "--data",
            Some((name, list)) if list.starts_with('[') => {
                given.push((name.to_owned(), numbers(list)))
            }
            Some((name, value)) => {
                set.push((name.to_owned(), value.parse().expect("sizes are integers")))
            }
        }
    }
    let arrays: Vec<_> = kernel
        .tensors_of(Role::Input)
        .map(|t| {
            let values = &given.iter().find(|(name, _)| *name == kernel.tensors[t].name)?.1;
            Some(array(Element::of(kernel.tensors[t].element), values, data))
        })
        .collect();
    let shapes: Vec<_> = arrays.iter().map(|a| a.as_ref().map(|a| a.shape.clone())).collect();
    let launch = match launch::bind(kernel, &shapes, &set) {
        Ok(launch) => launch,
        Err(diagnostics) => return diagnostics,
    };
    let inputs: Vec<_> = kernel
        .tensors_of(Role::Input)
        .zip(arrays)
        .map(|(t, array)| {
            let element = Element::of(kernel.tensors[t].element);
            array
                .or_else(|| Array::zeros(element, &launch.shapes[t.index()]))
                .expect("inputs of cases are small")
        })
        .collect();
    let problems = preconditions::check(kernel, &launch, &inputs);
    if !problems.is_empty() {
        return problems;
    }
    interpret::interpret(kernel, &launch, &inputs, &|_| ()).err().into_iter().collect()
}

fn numbers(list: &str) -> Vec<f32> {
    let inside = list.trim_matches(['[', ']']);
    if inside.is_empty() {
        return vec![];
    }
    inside.split(',').map(|n| n.parse().expect("lists hold numbers")).collect()
}

/// A vector of the values or, without `data`, zeros of that shape.
fn array(element: Element, values: &[f32], data: bool) -> Array {
    if !data {
        let shape: Vec<_> = values.iter().map(|&d| d as usize).collect();
        return Array::zeros(element, &shape).expect("inputs of cases are small");
    }
    let data = match element {
        Element::F32 => Data::F32(values.to_vec()),
        Element::I32 => Data::I32(values.iter().map(|&v| v as i32).collect()),
        Element::Bf16
        | Element::F16
        | Element::F8E4M3
        | Element::F8E5M2
        | Element::I8
        | Element::U8
        | Element::Bool => {
            panic!("data of cases is f32 or i32")
        }
    };
    Array { element, shape: vec![values.len()], data }
}

#[test]
fn a_line_too_long_to_read_is_not_shown() {
    let text =
        format!("kernel k[N](x: f32[N]) -> (y: f32[N]) {{ y[i] = x[{}j] }}", " ".repeat(5000));
    let diagnostics = Program::check(&text).diagnostics;
    let rendered = render::text("k.tile", &text, &diagnostics, false);
    assert!(rendered.starts_with("k.tile:1:5050: error: "), "{rendered}");
    assert!(rendered.len() < 1000 && rendered.contains("help: "), "{rendered}");
}
