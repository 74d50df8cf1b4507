//! Programs and tile blocks that Tensix cores can't run or have no room for, as pairs of
//! program and rendered message: `tests/tensix_refused/NAME.tile` beside its
//! snapshot. A first line `//: --chip blackhole_p150 --set M=64` says what it is compiled
//! for; without a chip that is wormhole_n150.

#[path = "support/files.rs"]
mod files;

use tilec::{program::Program, render};
use tilec_ir::{Diagnostic, Severity};
use tilec_passes::{compile_dataflow, normalize, recognize, specialize};

const CASES: &str = "tests/tensix_refused";

/// What a case is compiled for.
struct Request {
    chip: &'static tilec_target::Chip,
    sizes: Vec<(String, i64)>,
}

#[test]
fn every_case_is_refused_at_its_place_with_a_way_out() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/tensix_refused");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let cases = files::tile_files(CASES);
    assert!(cases.len() >= 25, "only {} cases", cases.len());
    let mut names = Vec::new();
    for case in cases {
        let text = std::fs::read_to_string(&case).expect("cases are text");
        let name = case.file_stem().expect("cases have names").to_string_lossy().into_owned();
        let refused = refused(&text);
        assert!(!refused.is_empty(), "{name} compiles");
        for diagnostic in &refused {
            assert!(diagnostic.severity() == Severity::Error, "{name}: {}", diagnostic.message);
            assert!(!diagnostic.labels.is_empty(), "{name} has no place: {}", diagnostic.message);
            assert!(diagnostic.help.is_some(), "{name} offers no way out: {}", diagnostic.message);
        }
        let rendered = render::text(&format!("{name}.tile"), &text, &refused, false);
        settings.bind(|| insta::assert_snapshot!(name.clone(), format!("{text}\n{rendered}")));
        names.push(name);
    }
    files::assert_no_stale_snapshots("tensix_refused", &names);
}

/// What does not fit into L1 is shown with all that takes room there.
#[test]
fn budgets_are_broken_down() {
    for case in files::tile_files(CASES) {
        let text = std::fs::read_to_string(&case).expect("cases are text");
        let name = case.file_stem().expect("cases have names").to_string_lossy().into_owned();
        if name.starts_with("l1_") {
            let refused = refused(&text);
            let help = refused[0].help.as_deref().unwrap_or_default();
            assert!(help.contains("in all"), "{name} has no table: {help}");
        }
    }
}

/// All that is reported when a case is checked and compiled.
fn refused(text: &str) -> Vec<Diagnostic> {
    let Request { chip, sizes } = request(text);
    let program = Program::check(text);
    if program.has_errors() {
        return program.diagnostics;
    }
    let [kernel] = program.module.kernels.as_slice() else { panic!("a case has one kernel") };
    let tilings: Vec<_> = program.module.tilings.iter().collect();
    let bound = match specialize(kernel, &sizes) {
        Ok(bound) => bound,
        Err(diagnostics) => return diagnostics,
    };
    let plan = recognize(&normalize(&bound));
    compile_dataflow(plan, kernel, chip, &tilings).err().unwrap_or_default()
}

fn request(text: &str) -> Request {
    let line = text.lines().next().and_then(|line| line.strip_prefix("//: "));
    let mut words = line.expect("the first line says what for").split_whitespace();
    let mut request = Request { chip: chip("wormhole_n150"), sizes: Vec::new() };
    while let Some(flag) = words.next() {
        let value = words.next().expect("every flag has a value");
        match flag {
            "--chip" => request.chip = chip(value),
            "--set" => {
                let (name, size) = value.split_once('=').expect("sizes are written NAME=INT");
                let size = size.parse().expect("sizes are integers");
                request.sizes.push((name.to_owned(), size));
            }
            other => panic!("a case has no flag {other}"),
        }
    }
    request
}

fn chip(name: &str) -> &'static tilec_target::Chip {
    tilec_target::chip(name).expect("the chip has a table")
}
