//! The habits of this repository, as tests: short files that say what they are,
//! no leftovers, nothing that belongs to one machine, one spelling.
//!
//! Each rule is a function from a file to what is wrong with it, so that every
//! fault of a run is listed at once. Formatting is `make lint`'s.

use std::path::{Path, PathBuf};

/// A file of the repository, with `/` in its path and its text.
struct File {
    path: String,
    text: String,
}

/// What is wrong with a file, one entry each: the line (from 1) and a sentence.
type Rule = fn(&File) -> Vec<(usize, String)>;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Folders that are made, not written; so are those whose name begins with a dot, but one.
const SKIPPED: [&str; 3] = ["target", "dist", "__pycache__"];

/// Most lines that a file of source may have.
const MAX_LINES: usize = 500;

#[track_caller]
fn check(rule: Rule) {
    let files = repository();
    assert!(files.len() > 30, "only {} files found under {ROOT}", files.len());
    let faults: Vec<String> = files
        .iter()
        .flat_map(|file| {
            rule(file).into_iter().map(move |(line, what)| format!("{}:{line}: {what}", file.path))
        })
        .collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn files_are_short() {
    check(too_long);
}

#[test]
fn files_say_what_they_are() {
    check(without_module_doc);
}

#[test]
fn nothing_is_left_over() {
    check(leftovers);
}

#[test]
fn nothing_belongs_to_one_machine() {
    check(machine_paths);
}

#[test]
fn spelling_is_american() {
    check(british);
}

#[test]
fn unsafe_code_stays_where_it_belongs() {
    check(misplaced_unsafe);
}

#[test]
fn unsafe_code_says_why_it_is_sound() {
    check(unexplained_unsafe);
}

/// The rules themselves can fail.
#[test]
fn rules_find_what_they_look_for() {
    let cases: [(Rule, &str, String); 7] = [
        (too_long, "a.rs", "\n".repeat(MAX_LINES + 1)),
        (without_module_doc, "a.rs", "fn main() {}".to_owned()),
        (leftovers, "a.rs", ["    to", "do!()"].concat()),
        (machine_paths, "a.md", ["see /ro", "ot/x"].concat()),
        (british, "a.md", ["A col", "our"].concat()),
        (misplaced_unsafe, "a.rs", ["#![allow(unsafe", "_code)]"].concat()),
        (unexplained_unsafe, "a.rs", ["let x = un", "safe { f() };"].concat()),
    ];
    for (rule, path, text) in cases {
        let file = File { path: path.to_owned(), text };
        assert_eq!(rule(&file).len(), 1, "{}", file.text);
        let empty = File { path: "a.txt".to_owned(), text: String::new() };
        assert!(rule(&empty).is_empty());
    }
}

fn too_long(file: &File) -> Vec<(usize, String)> {
    let lines = file.text.lines().count();
    let is_source = [".rs", ".py", ".sh", ".cuh"].iter().any(|end| file.path.ends_with(end));
    if is_source && lines > MAX_LINES {
        return vec![(lines, format!("{lines} lines; split it by topic"))];
    }
    Vec::new()
}

fn without_module_doc(file: &File) -> Vec<(usize, String)> {
    if !file.path.ends_with(".rs") {
        return Vec::new();
    }
    let doc = file.text.lines().take_while(|line| line.starts_with("//!")).count();
    if doc == 0 { vec![(1, "begin with //! and what the file is".to_owned())] } else { Vec::new() }
}

fn leftovers(file: &File) -> Vec<(usize, String)> {
    let calls = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!("));
    let found = |line: &str| {
        let ignored = line.trim_start().starts_with("#[ignore");
        ignored || calls.iter().any(|call| line.contains(call))
    };
    if !file.path.ends_with(".rs") {
        return Vec::new();
    }
    lines(file, |line| {
        found(line).then(|| "finish it, or assert what it does with a FIXME".to_owned())
    })
}

/// The patterns are put together here so that this file does not hold them.
fn machine_paths(file: &File) -> Vec<(usize, String)> {
    let patterns =
        ["/work", "/root", "/home", "/Users", "/tmp", "shared"].map(|name| format!("{name}/"));
    lines(file, |line| {
        let found = patterns.iter().find(|pattern| line.contains(pattern.as_str()))?;
        Some(format!("`{found}` names a place on one machine"))
    })
}

fn british(file: &File) -> Vec<(usize, String)> {
    let stems = [
        ["col", "our"],
        ["behavi", "our"],
        ["neighb", "our"],
        ["recogn", "is"],
        ["normal", "is"],
        ["optim", "is"],
        ["serial", "is"],
        ["quant", "is"],
        ["material", "is"],
        ["vector", "is"],
        ["special", "is"],
        ["initial", "is"],
        ["lice", "nce"],
    ];
    // The American spellings go on with z; a stem that goes on otherwise, such
    // as a "serial issue", is two words.
    let wrong = stems.map(|stem| stem.concat());
    if file.path == "LICENSE" || file.path == "Cargo.lock" {
        return Vec::new();
    }
    lines(file, |line| {
        let lower = line.to_lowercase();
        let found = wrong.iter().find(|word| has_british(&lower, word))?;
        Some(format!("`{found}..` is not the American spelling"))
    })
}

/// Whether a line has the stem, where a stem on -is counts only before an e, an
/// i or an a (as in -ise, -ising, -isation), not in "optimistic".
fn has_british(line: &str, stem: &str) -> bool {
    line.match_indices(stem).any(|(at, _)| {
        let rest = &line[at + stem.len()..];
        !stem.ends_with("is") || ["e", "ing", "ation"].iter().any(|end| rest.starts_with(end))
    })
}

fn misplaced_unsafe(file: &File) -> Vec<(usize, String)> {
    let allowed = [
        "crates/codegen-cpu/src/jit.rs",
        "crates/runtime/src/",
        "python/src/memory.rs",
        "python/src/cuda",
    ];
    let pattern = ["allow(unsafe", "_code"].concat();
    let in_place = allowed.iter().any(|place| file.path.starts_with(place));
    lines(file, |line| {
        let misplaced = line.contains(&pattern) && !in_place;
        misplaced.then(|| {
            "unsafe code belongs to jit.rs, the runtime and the border to Python".to_owned()
        })
    })
}

/// A block must have a comment that begins with SAFETY in the comment before it.
fn unexplained_unsafe(file: &File) -> Vec<(usize, String)> {
    if !file.path.ends_with(".rs") {
        return Vec::new();
    }
    let patterns = [["un", "safe {"].concat(), ["un", "safe impl"].concat()];
    let texts: Vec<&str> = file.text.lines().collect();
    let explained = |at: usize| {
        let before = texts[..at].iter().rev().map(|line| line.trim_start());
        let mut near = before.take(4).skip_while(|line| !line.starts_with("//"));
        near.any(|line| line.starts_with("// SAFETY:")) || {
            let comment = texts[..at].iter().rev().map(|line| line.trim_start());
            let mut comment = comment.take_while(|line| line.starts_with("//"));
            comment.any(|line| line.starts_with("// SAFETY:"))
        }
    };
    let is_block = |line: &str| patterns.iter().any(|pattern| line.contains(pattern.as_str()));
    let faults = texts.iter().enumerate().filter(|&(at, line)| is_block(line) && !explained(at));
    faults.map(|(at, _)| (at + 1, "say why it is sound: // SAFETY: ..".to_owned())).collect()
}

fn lines(file: &File, fault: impl Fn(&str) -> Option<String>) -> Vec<(usize, String)> {
    let lines = file.text.lines().enumerate();
    lines.filter_map(|(at, line)| Some((at + 1, fault(line)?))).collect()
}

/// Every text file of the repository, sorted by path.
fn repository() -> Vec<File> {
    let mut folders = vec![PathBuf::from(ROOT)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the repository can be read") {
            let entry = entry.expect("a folder of the repository can be read");
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().expect("an entry has a type");
            if kind.is_dir() && !skipped(&name) {
                folders.push(entry.path());
            } else if kind.is_file() && !name.ends_with(".snap.new") {
                files.extend(read(&entry.path()));
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn skipped(folder: &str) -> bool {
    SKIPPED.contains(&folder) || (folder.starts_with('.') && folder != ".ci")
}

/// The file, unless it holds something else than text.
fn read(path: &Path) -> Option<File> {
    let text = String::from_utf8(std::fs::read(path).ok()?).ok()?;
    let path = path.strip_prefix(ROOT).ok()?.to_string_lossy().replace('\\', "/");
    Some(File { path, text })
}
