//! The pages are true: every ```` ```tile ```` block of the documentation is a
//! program without mistakes, laid out as `tilec fmt` would, and every block that
//! begins with `// error: KIND` is refused for that reason. Tables agree with the
//! data that they show.

use std::fs;
use std::path::Path;

use tilec::program::Program;
use tilec_ir::Severity;
use tilec_target::{Accepts, Family, settings};

/// A block of code with the page and the line where it begins.
struct Block {
    place: String,
    text: String,
}

fn read(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    fs::read_to_string(path).expect("the page exists")
}

fn blocks(page: &str) -> Vec<Block> {
    let text = read(page);
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if line == "```tile" {
            let body = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            let text = body.map(|line| format!("{line}\n")).collect();
            blocks.push(Block { place: format!("{page}:{}", at + 1), text });
        }
    }
    blocks
}

fn pages() -> Vec<Block> {
    ["docs/language.md", "docs/refusals.md", "README.md"].into_iter().flat_map(blocks).collect()
}

/// What is wrong with the block, if it does not do what the page says.
fn fault(block: &Block) -> Option<String> {
    let found = Program::check(&block.text).diagnostics;
    let first = block.text.lines().next().unwrap_or_default();
    let place = &block.place;
    let listed = |severity| {
        let of = found.iter().filter(|d| d.severity() == severity);
        of.map(|d| format!("\n  {}: {}", d.kind.code(), d.message)).collect::<String>()
    };
    match first.strip_prefix("// error: ") {
        Some(kind) => {
            let expected = found
                .iter()
                .any(|d| d.severity() == Severity::Error && d.kind.code() == kind.trim());
            (!expected).then(|| format!("{place}: no error {kind}, but{}", listed(Severity::Error)))
        }
        None if found.is_empty() => None,
        None => Some(format!("{place}:{}{}", listed(Severity::Error), listed(Severity::Warning))),
    }
}

#[test]
fn blocks_do_what_their_pages_say() {
    let blocks = pages();
    assert!(blocks.len() > 25, "only {} blocks found", blocks.len());
    let faults: Vec<String> = blocks.iter().filter_map(fault).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn blocks_are_laid_out_as_fmt_does() {
    for block in pages() {
        let laid_out = tilec_frontend::format::format(&block.text).expect("it can be read");
        assert_eq!(laid_out, block.text, "{}", block.place);
    }
}

#[test]
fn a_wrong_page_is_noticed() {
    let block = |text: &str| Block { place: "page:1".to_owned(), text: text.to_owned() };
    let good = "kernel f[N](x: f32[N]) -> (y: f32[N])\n{\n    y[n] = x[n]\n}\n";
    assert_eq!(fault(&block(good)), None);
    assert!(fault(&block(&good.replace("x[n]", "z[n]"))).is_some());
    assert!(fault(&block(&format!("// error: unknown-name\n{good}"))).is_some());
    let wrong = format!("// error: unknown-name\n{}", good.replace("x[n]", "z[n]"));
    assert_eq!(fault(&block(&wrong)), None);
}

/// What a page links, and what it names in backquotes as a file of the project.
fn named(page: &str) -> Vec<String> {
    let text = read(page);
    let folder = Path::new(page).parent().expect("a page is in a folder");
    let is_path = |name: &&str| {
        let whole = name.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
        whole && !name.is_empty() && !name.contains("NAME")
    };
    let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    let linked = links
        .filter(is_path)
        .filter(|link| link.contains('.'))
        .map(|link| folder.join(link).display().to_string());
    let folders = ["bench", "crates", "docs", "examples", "python", "scripts", "src", "tests"];
    let quoted = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(is_path)
        .filter(|name| name.split_once('/').is_some_and(|(top, _)| folders.contains(&top)));
    linked.chain(quoted.map(str::to_owned)).collect()
}

#[test]
fn what_pages_name_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).expect("there are pages");
    let docs = docs.map(|entry| entry.expect("it can be listed").file_name());
    let docs = docs.filter_map(|name| Some(format!("docs/{}", name.to_str()?)));
    let pages = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(str::to_owned);
    let pages = pages.into_iter().chain(docs.filter(|page| page.ends_with(".md")));
    let names: Vec<_> = pages
        .flat_map(|page| named(&page).into_iter().map(move |name| (page.clone(), name)))
        .collect();
    assert!(names.len() > 100, "only {} names found", names.len());
    let missing: Vec<_> = names.iter().filter(|(_, name)| !root.join(name).exists()).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_table_of_settings_is_complete() {
    let page = read("docs/language.md");
    let columns = [
        (Family::Hopper, 2),
        (Family::Ampere, 3),
        (Family::Ada, 3),
        (Family::Blackwell, 3),
        (Family::Tensix, 4),
    ];
    for (family, column) in columns {
        for setting in settings(family) {
            let start = format!("| `{}` |", setting.name);
            let row = page.lines().find(|line| line.starts_with(&start));
            let row = row.unwrap_or_else(|| panic!("no row for {}", setting.name));
            let values = match setting.accepts() {
                Accepts::Integers(range) => format!("{} .. {}", range.least, range.most),
                Accepts::Words(words) => words.join("`, `"),
            };
            let cell = row.split('|').nth(column).expect("the table has five columns");
            assert!(cell.contains(&values), "{}: {values} is not in {cell}", setting.name);
            assert_eq!(row.contains("*license*"), setting.license, "{row}");
        }
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let (manifest, page) = (read("Cargo.toml"), read("ARCHITECTURE.md"));
    let (_, rest) = manifest.split_once("[workspace.dependencies]").expect("there are some");
    let section = rest.split("\n[").next().unwrap_or_default();
    let names = section.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    let reasons: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| "))
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(|cell| cell.split(','))
        .map(str::trim)
        .collect();
    for name in names.filter(|name| !name.starts_with("tilec-")) {
        assert!(reasons.contains(&name), "ARCHITECTURE.md gives no reason for {name}");
    }
}
