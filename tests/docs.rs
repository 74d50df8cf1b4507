//! Programs in the documentation are programs: every code block marked `tile`
//! checks without a diagnostic, every block marked `tile,error` fails with the
//! message that its last line quotes as a comment, and each can be laid out.

use std::path::Path;

use tilec::program::Program;

struct Block {
    place: String,
    marks: String,
    text: String,
}

/// The fenced code blocks of a Markdown file.
fn blocks(path: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(path).expect("documents are text");
    let (mut found, mut open): (Vec<Block>, Option<Block>) = (vec![], None);
    for (number, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(marks), None) => {
                let place = format!("{}:{}", path.display(), number + 1);
                open = Some(Block { place, marks: marks.to_owned(), text: String::new() });
            }
            (None, Some(block)) => block.text.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    found
}

fn documents() -> Vec<std::path::PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md"), root.join("ARCHITECTURE.md"), root.join("CONTRIBUTING.md")];
    let docs = std::fs::read_dir(root.join("docs")).expect("there is a folder of documents");
    let docs = docs.map(|entry| entry.expect("the folder is readable").path());
    files.extend(docs.filter(|path| path.extension().is_some_and(|e| e == "md")));
    files
}

#[test]
fn every_program_in_the_documents_is_one() {
    let blocks: Vec<_> = documents().iter().flat_map(|path| blocks(path)).collect();
    let (mut right, mut wrong) = (0, 0);
    for block in &blocks {
        let messages: Vec<_> = Program::check(&block.text).diagnostics.into_iter().map(|d| d.message).collect();
        match block.marks.as_str() {
            "tile" => {
                right += 1;
                assert!(messages.is_empty(), "{}: {messages:#?}", block.place);
                assert!(tilec_frontend::format(&block.text).is_ok(), "{}", block.place);
            }
            "tile,error" => {
                wrong += 1;
                let expected = block.text.trim_end().lines().last().and_then(|line| line.trim().strip_prefix("// "));
                let expected = expected.expect("the last line of a wrong program quotes the message");
                assert!(messages.iter().any(|m| m.contains(expected)), "{}: {messages:#?}", block.place);
            }
            _ => {}
        }
    }
    assert!(right >= 10 && wrong >= 3, "the documents hold {right} right and {wrong} wrong programs");
}
