//! Functions of many programs, compiled together.
//!
//! nvcc reads CUDA's own headers for half a second before it looks at a program, and
//! chips and programs share many functions. So functions that differ in names only are
//! compiled once for an architecture, in a unit with others that stand behind the very
//! same device headers. What the others lack of device headers is looked up. A `#line`
//! before each says where it comes from.
//!
//! What compiled is remembered under `target/nvcc`, by a hash of the function, of what
//! it needs, of the flags and of the compiler.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

use crate::alike;
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
    /// Whether what ptxas makes of it is looked at.
    pub(crate) tuned: bool,
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
    tuned: impl Fn(&str) -> bool,
    pieces: &Pieces<'a>,
) -> Vec<Function<'a>> {
    let function = |kernel: &Piece<'a>| {
        let names: BTreeSet<_> = called(kernel.text).into_iter().collect();
        let defined = |name: &&str| {
            let piece = pieces.instructions.iter().find(|piece| piece.name == *name);
            *piece.unwrap_or_else(|| panic!("{program}: there is no {name}"))
        };
        let instructions = names.iter().map(defined).collect();
        let tuned = tuned(kernel.name);
        Function { program, arch, tuned, headers: pieces.headers, instructions, kernel: *kernel }
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
        self.tuned && ["wgmma", "Mma"].iter().any(|word| self.kernel.text.contains(word))
    }

    /// Its code, which is that of others too: of other spellings of a program, and of other
    /// architectures.
    pub(crate) fn alike(&self) -> String {
        let Piece { name, text, .. } = self.kernel;
        let text = text.replacen(&format!("\n{name}("), "\nkernel(", 1);
        let called: String = self.instructions.iter().map(|piece| piece.text).collect();
        alike::without_names(&text) + &called
    }

    /// What it takes from device headers, or from instructions, by name.
    fn names_of_tilec(&self) -> BTreeSet<&str> {
        let after = self.kernel.text.split("tilec::").skip(1);
        after.filter_map(|rest| alike::tokens(rest).next()).collect()
    }

    fn make(&self) -> Make {
        if self.tuned { Make::Device } else { Make::Fast }
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
    let mut said = lacking(functions);
    for (unit, result) in units.iter().zip(done) {
        match result {
            Ok(codes) => known.extend(unit.iter().map(|&(key, _)| key).zip(codes)),
            Err(error) => said += &error,
        }
    }
    let code = |(key, function): (&String, &Function<'_>)| {
        let code = known[key].clone();
        Code { usage: Usage { function: function.name().to_owned(), ..code.usage }, ..code }
    };
    if said.is_empty() { Ok(keys.iter().zip(functions).map(code).collect()) } else { Err(said) }
}

/// What functions name that the device headers of their programs do not have.
fn lacking(functions: &[Function<'_>]) -> String {
    let mut words: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut said = String::new();
    for function in functions {
        let words = words
            .entry(function.headers)
            .or_insert_with(|| alike::words(function.headers).collect());
        let instructions: Vec<_> = function.instructions.iter().map(|piece| piece.name).collect();
        let mut names = function.names_of_tilec();
        names.retain(|name| !words.contains(name) && !instructions.contains(name));
        if !names.is_empty() {
            let place = format!("{}: {}", function.program, function.name());
            writeln!(said, "{place} names {names:?}, which its headers do not have")
                .expect("a string takes all text");
        }
    }
    said
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

/// The same for functions of the same machine code.
fn key(function: &Function<'_>) -> String {
    nvcc::key(&function.alike(), function.arch, function.make())
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
