//! Templates of C++ whose own names give way to those of the program.
//!
//! `$ring` in a template is a local named `ring`, or `ring2` where the program has a
//! tensor or a size of that name. Everything else stands as it is written.

use std::collections::BTreeMap;

use crate::function::Function;

/// Every word that a template may use.
const WORDS: &[&str] = &[
    "ROWS",
    "COLUMNS",
    "SLOTS",
    "SLOT_K",
    "BLOCK",
    "PERIOD",
    "GROUPS",
    "ROW_GROUPS",
    "PARTS",
    "SHARERS",
    "MATH",
    "ROW_BYTES",
    "COLUMN_BYTES",
    "SLOT_BYTES",
    "PITCH",
    "PLANE",
    "CHUNK",
    "SCALE_PITCH",
    "SCALE_SLOTS",
    "Tile",
    "accumulate",
    "add",
    "all_k",
    "all_m",
    "all_n",
    "at",
    "barriers",
    "begin_of",
    "blocks",
    "by",
    "chunks",
    "column",
    "columns_at",
    "count",
    "depth",
    "done",
    "element",
    "empty",
    "end_of",
    "even",
    "factors",
    "finished",
    "first",
    "from",
    "full",
    "full_here",
    "group",
    "i",
    "idle",
    "issued",
    "item",
    "k",
    "k_begin",
    "k_end",
    "k_group",
    "lane",
    "last",
    "left",
    "m_groups",
    "mask",
    "member",
    "met",
    "multiply",
    "n_groups",
    "odd",
    "own",
    "part",
    "partial",
    "parts_full",
    "parts_read",
    "place",
    "plane",
    "policy",
    "products",
    "quad",
    "rank",
    "rest",
    "ring",
    "row",
    "row_group",
    "rows_at",
    "scale_empty",
    "scale_full",
    "scale_place",
    "scales",
    "seen",
    "tiles",
    "staging",
    "step",
    "sum",
    "sums",
    "thread",
    "tile",
    "tile_of",
    "total",
    "totals",
    "first_n",
    "turn",
    "unit",
    "units",
    "used",
    "values",
    "warp",
    "waited",
    "again",
    "of_slot",
    "slot_units",
    "parity",
];

/// The names that words have in one function.
#[derive(Debug)]
pub(crate) struct Words {
    words: &'static [&'static str],
    /// The names of words that are not called as they are.
    names: BTreeMap<&'static str, String>,
}

impl Words {
    /// Names for all words, free in the whole function.
    pub(crate) fn new(f: &mut Function<'_, '_>) -> Self {
        Self::of(f, WORDS)
    }

    /// Names for these words, free in the whole function.
    pub(crate) fn of(f: &mut Function<'_, '_>, words: &'static [&'static str]) -> Self {
        let names = words.iter().map(|&word| (word, f.local(word)));
        Self { words, names: names.filter(|(word, name)| word != name).collect() }
    }

    /// Gives a word a name that was made elsewhere.
    pub(crate) fn set(&mut self, word: &'static str, name: String) {
        self.names.insert(word, name);
    }

    /// The name of a word.
    pub(crate) fn name<'a>(&'a self, word: &'a str) -> &'a str {
        self.names.get(word).map_or_else(
            || {
                debug_assert!(self.words.contains(&word), "`{word}` is not in the list of words");
                word
            },
            String::as_str,
        )
    }

    /// A template with names for its words.
    pub(crate) fn fill(&self, template: &str) -> String {
        let mut pieces = template.split('$');
        let mut text = pieces.next().unwrap_or("").to_owned();
        for piece in pieces {
            let end = piece.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let (word, rest) = piece.split_at(end.unwrap_or(piece.len()));
            text += self.name(word);
            text += rest;
        }
        text
    }

    /// Writes a template of several lines, without the indentation that they share.
    pub(crate) fn write(&self, f: &mut Function<'_, '_>, template: &str) {
        let lines = || template.lines().filter(|line| !line.trim().is_empty());
        let indent = |line: &str| line.len() - line.trim_start().len();
        let shared = lines().map(indent).min().unwrap_or(0);
        for line in lines() {
            f.line(self.fill(&line[shared..]));
        }
    }
}
