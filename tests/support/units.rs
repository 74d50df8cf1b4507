//! Functions of many programs, compiled together.
//!
//! nvcc reads CUDA's own headers for half a second before it looks at a program, and
//! chips and programs share many functions. So each function is compiled once for an
//! architecture, in a unit with others that stand behind the very same device headers:
//! a header that a program lacks is missed all the same. A `#line` before each says
//! where it comes from.
//!
//! What compiled is remembered under `target/nvcc`, by a hash of the function, of what
//! it needs, of the flags and of the compiler.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

use crate::nvcc::{self, Make, Usage};
use crate::pieces::{Piece, Pieces, called};

/// Bytes of functions of one unit: enough to be worth a start, and little enough that no
/// processor waits long for another at the end.
const UNIT_BYTES: usize = 200_000;

/// A function of a program.
#[derive(Clone, Debug)]
pub(crate) struct Function<'a> {
    /// Of which program, as compilers are to say.
    pub(crate) program: &'a str,
    pub(crate) arch: &'a str,
    headers: &'a str,
    instructions: Vec<Piece<'a>>,
    kernel: Piece<'a>,
}

/// What a function became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) usage: Usage,
    /// Matrix instructions of the machine code.
    pub(crate) instructions: BTreeSet<&'static str>,
}

/// The functions of a source.
///
/// # Panics
/// If one calls a matrix instruction that the source does not define.
pub(crate) fn functions_of<'a>(
    program: &'a str,
    arch: &'a str,
    pieces: &Pieces<'a>,
) -> Vec<Function<'a>> {
    let function = |kernel: &Piece<'a>| {
        let names: BTreeSet<_> = called(kernel.text).into_iter().collect();
        let defined = |name: &&str| {
            let piece = pieces.instructions.iter().find(|piece| piece.name == *name);
            *piece.unwrap_or_else(|| panic!("{program}: there is no {name}"))
        };
        let instructions = names.iter().map(defined).collect();
        Function { program, arch, headers: pieces.headers, instructions, kernel: *kernel }
    };
    pieces.kernels.iter().map(function).collect()
}

impl Function<'_> {
    /// The function's name in its program.
    pub(crate) fn name(&self) -> &str {
        self.kernel.name
    }

    /// Whether it may have instructions that multiply matrices.
    fn multiplies(&self) -> bool {
        ["wgmma", "Mma"].iter().any(|word| self.kernel.text.contains(word))
    }

    /// Its name as one of several of a unit.
    fn name_at(&self, at: usize) -> String {
        format!("{}_{at}", self.kernel.name)
    }
}

/// Compiles functions; in their order. An error is everything that nvcc said.
pub(crate) fn compile(functions: &[Function<'_>]) -> Result<Vec<Code>, String> {
    let keys: Vec<String> = functions.iter().map(key).collect();
    let mut known = BTreeMap::new();
    let mut missing = BTreeMap::new();
    for (key, function) in keys.iter().zip(functions) {
        match remembered(key) {
            Some(code) => drop(known.insert(key, code)),
            None => drop(missing.insert(key, function)),
        }
    }
    let units = units(missing);
    let done = nvcc::parallel(&units, |unit| compile_unit(unit));
    let mut said = String::new();
    for (unit, result) in units.iter().zip(done) {
        match result {
            Ok(codes) => known.extend(unit.iter().map(|&(key, _)| key).zip(codes)),
            Err(error) => said += &error,
        }
    }
    let code = |key: &String| Code { ..known[key].clone() };
    if said.is_empty() { Ok(keys.iter().map(code).collect()) } else { Err(said) }
}

type Unit<'a> = Vec<(&'a String, &'a Function<'a>)>;

/// Functions with the same headers together, the longest units first.
fn units<'a>(functions: BTreeMap<&'a String, &'a Function<'a>>) -> Vec<Unit<'a>> {
    let mut alike: BTreeMap<_, Unit<'_>> = BTreeMap::new();
    for (key, function) in functions {
        alike.entry((function.arch, function.headers)).or_default().push((key, function));
    }
    let mut units: Vec<_> = alike.into_values().flat_map(in_parts).collect();
    units.sort_by_key(|unit| std::cmp::Reverse(bytes(unit)));
    units
}

/// Parts of about as many bytes each.
fn in_parts<'a>(mut all: Unit<'a>) -> Vec<Unit<'a>> {
    let count = bytes(&all).div_ceil(UNIT_BYTES).max(1);
    all.sort_by_key(|(_, function)| std::cmp::Reverse(function.kernel.text.len()));
    let mut parts = vec![Unit::new(); count];
    for (at, of) in all.into_iter().enumerate() {
        parts[at % count].push(of);
    }
    parts
}

fn bytes(unit: &Unit<'_>) -> usize {
    unit.iter().map(|(_, function)| function.kernel.text.len()).sum()
}

fn compile_unit(unit: &Unit<'_>) -> Result<Vec<Code>, String> {
    let functions: Vec<_> = unit.iter().map(|&(_, function)| function).collect();
    let folder = tempfile::tempdir().expect("there is room for files");
    let built = nvcc::build(&text(&functions), functions[0].arch, Make::Device, folder.path())?;
    let usages = nvcc::usage(&built.report);
    // Reading machine code takes as long as a quarter of what made it.
    let multiply = functions.iter().any(|function| function.multiplies());
    let mut instructions = if multiply { nvcc::instructions(&built) } else { BTreeMap::new() };
    let code = |(at, (key, function)): (usize, &(&String, &Function<'_>))| {
        let name = function.name_at(at);
        let usage = usages.iter().find(|usage| usage.function == name);
        let usage = usage.unwrap_or_else(|| panic!("ptxas did not report on {name}"));
        let usage = Usage { function: function.name().to_owned(), ..usage.clone() };
        let code = Code { usage, instructions: instructions.remove(&name).unwrap_or_default() };
        remember(key, &code);
        code
    };
    Ok(unit.iter().enumerate().map(code).collect())
}

/// The text of a unit.
fn text(functions: &[&Function<'_>]) -> String {
    let mut text = functions[0].headers.to_owned();
    text += &instructions(functions);
    for (at, function) in functions.iter().enumerate() {
        let Piece { name, line, text: kernel } = function.kernel;
        let kernel =
            kernel.replacen(&format!("\n{name}("), &format!("\n{}(", function.name_at(at)), 1);
        writeln!(text, "#line {line} \"{}\"\n{kernel}", function.program)
            .expect("a string takes all text");
    }
    text
}

/// The functions around matrix instructions that some functions call, each once.
fn instructions(functions: &[&Function<'_>]) -> String {
    let mut by_name = BTreeMap::new();
    for piece in functions.iter().flat_map(|function| &function.instructions) {
        let other = by_name.insert(piece.name, piece.text);
        assert!(other.is_none_or(|other| other == piece.text), "{} is two functions", piece.name);
    }
    format!("namespace tilec {{\n{}}}\n", by_name.into_values().collect::<String>())
}

/// The same for functions that differ in their comments only, as spellings of a program do.
fn key(function: &Function<'_>) -> String {
    let code = |line: &str| line.split("//").next().unwrap_or_default().trim_end().to_owned();
    let code: Vec<_> = function.kernel.text.lines().map(code).collect();
    let kernel = Piece { line: 1, text: &code.join("\n"), ..function.kernel };
    let alone = Function { program: "", kernel, ..function.clone() };
    nvcc::key(&text(&[&alone]), function.arch, Make::Device)
}

fn path(key: &str) -> PathBuf {
    nvcc::memory().join(format!("{key}.code"))
}

/// `NAME STACK SPILLS REGISTERS INSTRUCTION..`
fn remember(key: &str, Code { usage, instructions }: &Code) {
    let Usage { function, stack, spills, registers } = usage;
    let names: Vec<_> = instructions.iter().copied().collect();
    let line = format!("{function} {stack} {spills} {registers} {}\n", names.join(" "));
    std::fs::write(path(key), line).expect("target can be written to");
}

fn remembered(key: &str) -> Option<Code> {
    let line = std::fs::read_to_string(path(key)).ok()?;
    let mut words = line.split_whitespace();
    let function = words.next()?.to_owned();
    let mut number = || words.next()?.parse().ok();
    let usage = Usage { function, stack: number()?, spills: number()?, registers: number()? };
    let named = |word| nvcc::MATRIX_INSTRUCTIONS.into_iter().find(|&name| name == word);
    Some(Code { usage, instructions: words.map(named).collect::<Option<_>>()? })
}
