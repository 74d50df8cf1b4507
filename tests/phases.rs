//! The checklist keeps its word: whatever a ticked row names as its evidence is
//! there, and the check that says so can fail.

use std::path::Path;

use tilec::phases::{self, Checklist};

fn read(file: &str) -> Option<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).ok()
}

fn embedded() -> Checklist {
    phases::parse(phases::SOURCE).expect("the embedded checklist is well-formed")
}

#[test]
fn every_ticked_row_has_its_evidence() {
    let faults = phases::verify(&embedded(), read);
    assert!(faults.is_empty(), "phases.toml:\n{}", faults.join("\n"));
}

#[test]
fn the_list_is_printed_phase_by_phase() {
    let (list, text) = (embedded(), phases::print(&embedded()));
    for row in &list.rows {
        let line = text.lines().find(|line| line.split_whitespace().any(|word| word == row.id));
        let line = line.unwrap_or_else(|| panic!("{} is not printed:\n{text}", row.id));
        assert_eq!(line.contains("[x]"), row.done(), "{line}");
    }
    for phase in &list.phases {
        assert!(text.contains(&phase.title), "{} is not printed:\n{text}", phase.name);
    }
}

/// A list of one row with this evidence for the CPU.
fn with_evidence(proof: &str) -> String {
    format!(
        "format = 1\n[[phase]]\nname = \"p\"\ntitle = \"P\"\n[[row]]\nid = \"r\"\nphase = \"p\"\n\
         title = \"R\"\ndescription = \"R.\"\ntargets = [\"cpu\"]\nevidence.cpu = [\"{proof}\"]\n"
    )
}

/// The files of an imagined repository.
fn imagined(file: &str) -> Option<String> {
    let text = match file {
        "tests/a.rs" => {
            "#[test]\nfn runs() {}\n#[test]\n#[ignore = \"slow\"]\nfn sleeps() {}\nfn helps() {}"
        }
        "tests/a.py" => "def test_runs():\n    pass\ndef helps():\n    pass",
        "tests/a.snap" => "text",
        "bench/a.json" => r#"{"machine": "m", "date": "d", "command": "c"}"#,
        "bench/b.json" => r#"{"machine": "m", "date": "d"}"#,
        "bench/c.json" => "{",
        _ => return None,
    };
    Some(text.to_owned())
}

#[track_caller]
fn check(proof: &str, expected: Option<&str>) {
    let list = phases::parse(&with_evidence(proof)).expect("the checklist is well-formed");
    let faults = phases::verify(&list, imagined);
    match expected {
        None => assert!(faults.is_empty(), "{proof}: {faults:?}"),
        Some(part) => assert!(faults.len() == 1 && faults[0].contains(part), "{proof}: {faults:?}"),
    }
}

#[test]
fn missing_evidence_is_reported() {
    check("test:tests/a.rs::runs", None);
    check("test:tests/a.py::test_runs", None);
    check("snapshot:tests/a.snap", None);
    check("result:bench/a.json", None);
    check("test:tests/a.rs::run", Some("no such test"));
    check("test:tests/a.rs::sleeps", Some("no such test"));
    check("test:tests/a.rs::helps", Some("no such test"));
    check("test:tests/a.py::helps", Some("no such test"));
    check("test:tests/b.rs::runs", Some("no file tests/b.rs"));
    check("test:tests/a.rs", Some("test:FILE::NAME"));
    check("snapshot:tests/b.snap", Some("no file tests/b.snap"));
    check("snapshot:tests/a.rs", Some(".snap"));
    check("result:bench/b.json", Some("says its command"));
    check("result:bench/c.json", Some("not JSON"));
    check("result:bench/d.json", Some("no file bench/d.json"));
    check("word of honor", Some("evidence begins with"));
}

#[test]
fn a_list_that_contradicts_itself_is_reported() {
    let list = with_evidence("snapshot:tests/a.snap");
    let cases = [
        (list.replace("phase = \"p\"", "phase = \"q\""), "no phase q"),
        (list.replace("evidence.cpu", "evidence.tt"), "not promised on"),
        (list.replace("targets = [\"cpu\"]", "targets = []"), "no target"),
        (list.clone() + &list[list.find("[[row]]").unwrap()..], "twice"),
    ];
    for (source, part) in cases {
        let faults = phases::verify(&phases::parse(&source).unwrap(), imagined);
        assert!(faults.iter().any(|fault| fault.contains(part)), "{part}: {faults:?}");
    }
    for source in [list.replace("format = 1", "format = 2"), list.replace("title", "titel")] {
        assert!(phases::parse(&source).is_err(), "{source}");
    }
}
