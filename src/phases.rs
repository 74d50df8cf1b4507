//! The checklist of `phases.toml`: what is promised, and what proves it.
//!
//! [`parse`] reads the list, [`verify`] says which proofs are missing, and
//! [`print`] shows it phase by phase. A row is done on a target when it names
//! evidence for it; nothing is ticked by hand. The library does no I/O: `verify`
//! asks its caller for the text of the files that the evidence names.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;

/// The checklist that this tilec was built with.
pub const SOURCE: &str = include_str!("../phases.toml");

/// The version of the checklist's format that this code reads.
const FORMAT: u32 = 1;

/// The whole list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checklist {
    format: u32,
    /// The phases in order.
    #[serde(rename = "phase")]
    pub phases: Vec<Phase>,
    /// The rows in order.
    #[serde(rename = "row")]
    pub rows: Vec<Row>,
}

/// A group of rows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// What the rows call it.
    pub name: String,
    /// What it is about.
    pub title: String,
}

/// One promise.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its stable name.
    pub id: String,
    /// The phase that it belongs to.
    pub phase: String,
    /// A few words.
    pub title: String,
    /// What exactly is promised.
    pub description: String,
    /// Where it must hold.
    pub targets: Vec<Target>,
    #[serde(default)]
    evidence: BTreeMap<Target, Vec<String>>,
}

/// Where a promise must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// LLVM and the interpreter.
    Cpu,
    /// An NVIDIA GPU.
    Cuda,
    /// Tensix.
    Tt,
    /// The promise does not depend on a target.
    Any,
}

/// One proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence<'a> {
    Test { file: &'a str, name: &'a str },
    Snapshot(&'a str),
    Result(&'a str),
}

impl Target {
    const ALL: [Self; 4] = [Self::Any, Self::Cpu, Self::Cuda, Self::Tt];

    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Tt => "tt",
            Self::Any => "any",
        }
    }
}

impl Row {
    /// Whether the row is proved on a target.
    #[must_use]
    pub fn done_on(&self, target: Target) -> bool {
        self.evidence.get(&target).is_some_and(|proofs| !proofs.is_empty())
    }

    /// Whether the row is proved on all of its targets.
    #[must_use]
    pub fn done(&self) -> bool {
        self.targets.iter().all(|&target| self.done_on(target))
    }
}

/// The checklist that this tilec was built with, as text.
#[must_use]
pub fn checklist() -> String {
    print(&parse(SOURCE).expect("the embedded checklist is well-formed"))
}

/// Reads a checklist.
///
/// # Errors
/// A sentence, when the text is not a checklist of the known format.
pub fn parse(source: &str) -> Result<Checklist, String> {
    let list: Checklist = toml::from_str(source).map_err(|error| error.to_string())?;
    if list.format != FORMAT {
        return Err(format!("format {} is not the {FORMAT} that is known here", list.format));
    }
    Ok(list)
}

/// Everything that is wrong with the list, one sentence each. `read` gives the
/// text of a file of the repository, if it exists.
pub fn verify(list: &Checklist, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, row) in list.rows.iter().enumerate() {
        let mut fault = |text: String| faults.push(format!("{}: {text}", row.id));
        if list.rows.iter().position(|other| other.id == row.id) != Some(at) {
            fault("the id stands twice".to_owned());
        }
        if !list.phases.iter().any(|phase| phase.name == row.phase) {
            fault(format!("there is no phase {}", row.phase));
        }
        if row.targets.is_empty() {
            fault("no target is given".to_owned());
        }
        for (target, proofs) in &row.evidence {
            if !row.targets.contains(target) {
                fault(format!("evidence for {}, which it is not promised on", target.name()));
            }
            for proof in proofs {
                let checked = parse_evidence(proof).and_then(|parsed| prove(parsed, &read));
                if let Err(problem) = checked {
                    fault(format!("{proof}: {problem}"));
                }
            }
        }
    }
    faults
}

fn parse_evidence(text: &str) -> Result<Evidence<'_>, String> {
    match text.split_once(':') {
        Some(("test", rest)) => match rest.split_once("::") {
            Some((file, name)) => Ok(Evidence::Test { file, name }),
            None => Err("a test is written test:FILE::NAME".to_owned()),
        },
        Some(("snapshot", file)) => Ok(Evidence::Snapshot(file)),
        Some(("result", file)) => Ok(Evidence::Result(file)),
        _ => Err("evidence begins with test:, snapshot: or result:".to_owned()),
    }
}

fn prove(evidence: Evidence<'_>, read: impl Fn(&str) -> Option<String>) -> Result<(), String> {
    let text = |file: &str| read(file).ok_or_else(|| format!("there is no file {file}"));
    match evidence {
        Evidence::Test { file, name } => {
            if has_test(&text(file)?, name) {
                Ok(())
            } else {
                Err("no such test".to_owned())
            }
        }
        Evidence::Snapshot(file) if file.ends_with(".snap") => text(file).map(drop),
        Evidence::Snapshot(_) => Err("a snapshot is a .snap file".to_owned()),
        Evidence::Result(file) => is_result(&text(file)?),
    }
}

/// Whether a file has a test of that name that runs: `#[test]` and not
/// `#[ignore]` in Rust, `def test_..` in Python.
fn has_test(text: &str, name: &str) -> bool {
    let mut attributes = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            attributes.push(line);
        } else if defines(line, "fn ", name) {
            let ignored = attributes.iter().any(|line| line.starts_with("#[ignore"));
            return attributes.contains(&"#[test]") && !ignored;
        } else if defines(line, "def ", name) {
            return name.starts_with("test_");
        } else if !line.starts_with("//") {
            attributes.clear();
        }
    }
    false
}

fn defines(line: &str, keyword: &str, name: &str) -> bool {
    let rest = line.strip_prefix(keyword).and_then(|rest| rest.strip_prefix(name));
    rest.is_some_and(|rest| rest.starts_with('('))
}

fn is_result(text: &str) -> Result<(), String> {
    let json: serde_json::Value =
        serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    for key in ["machine", "date", "command"] {
        if json.get(key).is_none() {
            return Err(format!("a result says its {key}"));
        }
    }
    Ok(())
}

/// The list as text, phase by phase, with what is done and what is open.
#[must_use]
pub fn print(list: &Checklist) -> String {
    let mut text = String::new();
    for phase in &list.phases {
        let rows: Vec<&Row> = list.rows.iter().filter(|row| row.phase == phase.name).collect();
        writeln!(text, "{}  {}", phase.name, phase.title).expect("a String takes all text");
        for row in &rows {
            text += &print_row(row);
        }
        writeln!(text, "  {}\n", counts(&rows)).expect("a String takes all text");
    }
    let all: Vec<&Row> = list.rows.iter().collect();
    writeln!(text, "all  {}", counts(&all)).expect("a String takes all text");
    text
}

fn print_row(row: &Row) -> String {
    let tick = if row.done() { "[x]" } else { "[ ]" };
    let states: String = Target::ALL.iter().map(|&target| state(row, target)).collect();
    let line = format!("  {tick} {:<19}{:<32}{states}", row.id, row.title);
    line.trim_end().to_owned() + "\n"
}

/// One column per target, empty where nothing is promised.
fn state(row: &Row, target: Target) -> String {
    let state = if row.done_on(target) { "done" } else { "open" };
    let cell = match (row.targets.contains(&target), target) {
        (false, Target::Any) => return String::new(),
        (false, Target::Cpu | Target::Cuda | Target::Tt) => String::new(),
        (true, Target::Any) => return state.to_owned(),
        (true, Target::Cpu | Target::Cuda | Target::Tt) => format!("{} {state}", target.name()),
    };
    format!("{cell:<11}")
}

fn counts(rows: &[&Row]) -> String {
    let done = rows.iter().filter(|row| row.done()).count();
    let mut text = format!("{done} of {} rows done", rows.len());
    for target in Target::ALL {
        let of: Vec<_> = rows.iter().filter(|row| row.targets.contains(&target)).collect();
        if target != Target::Any && !of.is_empty() {
            let done = of.iter().filter(|row| row.done_on(target)).count();
            write!(text, ", {} {done}/{}", target.name(), of.len())
                .expect("a String takes all text");
        }
    }
    text
}
