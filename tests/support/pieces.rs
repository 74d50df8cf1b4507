//! The pieces of an emitted source: device headers, functions around matrix
//! instructions, kernels and the launcher.
//!
//! The pieces follow each other as `crates/codegen-cuda/src/unit.rs` writes them.
//! Cutting a source loses nothing of what is compiled, and stops the test where the
//! source looks different.

/// The pieces of a source.
#[derive(Clone, Debug)]
pub(crate) struct Pieces<'a> {
    /// All device headers.
    pub(crate) headers: &'a str,
    /// Functions around matrix instructions, by name.
    pub(crate) instructions: Vec<Piece<'a>>,
    /// Kernels.
    pub(crate) kernels: Vec<Piece<'a>>,
    /// What only nvcc compiles.
    pub(crate) launcher: Piece<'a>,
}

/// A piece that has a name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) name: &'a str,
    /// Its first line in the source, from 1.
    pub(crate) line: usize,
    pub(crate) text: &'a str,
}

const KERNEL: &str = "extern \"C\" __global__ ";
const INSTRUCTION: &str = "// PTX: wgmma.";
const LAUNCHER: &str = "#ifndef __CUDACC_RTC__\n";

/// Cuts the source of a kernel of the language into its pieces.
pub(crate) fn pieces<'a>(source: &'a str, kernel: &'a str) -> Pieces<'a> {
    let starts = starts_of_lines(source, KERNEL);
    let launcher = source.find(LAUNCHER).expect("a source ends with its launcher");
    let piece = |name, from: usize, to: usize| {
        let line = source[..from].matches('\n').count() + 1;
        Piece { name, line, text: &source[from..to] }
    };
    let ends = starts.iter().skip(1).copied().chain([launcher]);
    let kernels = starts.iter().zip(ends).map(|(&from, to)| {
        let name = opening_name(&source[from..to]).expect("the name opens a line");
        piece(name, from, to)
    });
    let before = &source[..starts.first().copied().unwrap_or(launcher)];
    let (headers, instructions) = before.split_at(end_of_headers(before));
    Pieces {
        headers,
        instructions: self::instructions(instructions, headers.len(), &piece),
        kernels: kernels.collect(),
        launcher: piece(kernel, launcher, source.len()),
    }
}

/// Where lines begin with these words.
fn starts_of_lines(text: &str, words: &str) -> Vec<usize> {
    let found = text.match_indices(words).map(|(at, _)| at);
    found.filter(|&at| at == 0 || text[..at].ends_with('\n')).collect()
}

/// The word that opens a line and is followed by parameters.
fn opening_name(text: &str) -> Option<&str> {
    let is_word = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let names = text.lines().filter_map(|line| Some(line.split_once('(')?.0));
    names.into_iter().find(|name| !name.is_empty() && name.chars().all(is_word))
}

/// Headers end with the `#endif` of the last guard.
fn end_of_headers(text: &str) -> usize {
    let guard = "\n#endif\n";
    text.rfind(guard).map_or(0, |at| at + guard.len())
}

/// The functions of `namespace tilec { .. }`, which begins at `offset`.
fn instructions<'a>(
    block: &'a str,
    offset: usize,
    piece: &impl Fn(&'a str, usize, usize) -> Piece<'a>,
) -> Vec<Piece<'a>> {
    let starts = starts_of_lines(block, INSTRUCTION);
    let Some(end) = block.rfind("}  // namespace tilec") else {
        assert!(!block.contains('{'), "this is no piece that is known:\n{block}");
        return Vec::new();
    };
    let ends = starts.iter().skip(1).copied().chain([end]);
    let named = starts.iter().zip(ends).map(|(&from, to)| {
        let (_, rest) = block[from..to].split_once("void ").expect("it returns nothing");
        let (name, _) = rest.split_once('(').expect("it has parameters");
        piece(name, offset + from, offset + to)
    });
    named.collect()
}

/// The names of functions around matrix instructions that a text calls: unlike those of
/// device headers, they begin with the instruction's shape.
pub(crate) fn called(text: &str) -> Vec<&str> {
    let names = text.split("tilec::").skip(1).filter_map(|rest| Some(rest.split_once('(')?.0));
    let of_shape = |name: &&str| {
        name.strip_prefix("wgmma_").is_some_and(|rest| rest.starts_with(|c: char| c.is_numeric()))
    };
    names.filter(of_shape).collect()
}
