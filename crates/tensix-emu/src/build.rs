//! Compiles the engine and the kernels, each once: what is made is kept by its content.
//!
//! ```text
//! engine.cpp, compute/*.cpp --> objects --> engine          (a process)
//! preamble + #line + kernel's text -------> shared object   (per kernel)
//! ```

use std::path::Path;

use tilec_runtime::{Cache, Key};

use crate::cxx::{Compiler, Refused, host, write_all};
use crate::failure::{Failure, Kind};
use crate::sources::{COMPUTE, ENGINE, HEADERS, Source};

/// Bit-exact arithmetic needs products and sums as they are written.
const COMMON: &[&str] = &["-std=c++20", "-ffp-contract=off", "-fPIC", "-I", "include"];
const ENGINE_OPTIONS: &[&str] = &["-O2", "-c", "-w"];
/// Symbols stay inside, so that kernels may use the same names; what is not defined is
/// found in the engine.
const KERNEL_OPTIONS: &[&str] = &["-O1", "-shared", "-fvisibility=hidden", "-w"];
const LINK_OPTIONS: &[&str] = &["-rdynamic", "-pthread", "-ldl"];

/// A kernel to be compiled.
#[derive(Clone, Debug)]
pub(crate) struct Kernel<'a> {
    pub(crate) program: &'a str,
    pub(crate) file: &'a str,
    /// Definitions that stand before the text.
    pub(crate) preamble: String,
    pub(crate) text: &'a str,
}

/// The bytes of the engine.
pub(crate) fn engine(compiler: &Compiler, cache: &Cache) -> Result<Vec<u8>, Failure> {
    let units: Vec<&Source> = ENGINE.iter().chain(COMPUTE).filter(is_unit).collect();
    let objects = std::thread::scope(|scope| {
        let made: Vec<_> =
            units.iter().map(|unit| scope.spawn(|| object(compiler, cache, unit))).collect();
        let joined = made.into_iter().map(|thread| thread.join().expect("compiling cannot panic"));
        joined.collect::<Result<Vec<_>, Failure>>()
    })?;
    let options = strings(LINK_OPTIONS);
    let key = key(compiler, "engine", &options, &[ENGINE, COMPUTE]);
    cache.get_or_make(&key, || link(compiler, &objects, options))
}

/// Whether a file is compiled on its own; the engine's others are parts of `engine.cpp`.
fn is_unit(source: &&Source) -> bool {
    let part = ENGINE.iter().any(|other| other.0 == source.0) && source.0 != "engine.cpp";
    source.0.ends_with(".cpp") && !part
}

fn object(compiler: &Compiler, cache: &Cache, unit: &Source) -> Result<Vec<u8>, Failure> {
    let options = strings(&[COMMON, ENGINE_OPTIONS].concat());
    let parts = if unit.0 == "engine.cpp" { ENGINE } else { COMPUTE };
    cache.get_or_make(&key(compiler, unit.0, &options, &[parts]), || {
        let folder = folder()?;
        write_all(&folder.path().join("include"), HEADERS)?;
        write_all(folder.path(), parts)?;
        let out = make(compiler, folder.path(), unit.0, options.clone(), "unit.o");
        out.map_err(|Refused(said)| broken(&format!("{} doesn't compile", unit.0), &said))
    })
}

fn link(
    compiler: &Compiler,
    objects: &[Vec<u8>],
    options: Vec<String>,
) -> Result<Vec<u8>, Failure> {
    let folder = folder()?;
    let mut inputs = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        let path = folder.path().join(format!("{at}.o"));
        std::fs::write(&path, object).map_err(|error| host(&path, &error))?;
        inputs.push(format!("{at}.o"));
    }
    inputs.extend(options);
    let (first, rest) = inputs.split_first().expect("the engine has a unit");
    let out = make(compiler, folder.path(), first, rest.to_vec(), "engine");
    out.map_err(|Refused(said)| broken("the engine cannot be linked", &said))
}

/// The bytes of a kernel's shared object.
pub(crate) fn kernel(
    compiler: &Compiler,
    cache: &Cache,
    kernel: &Kernel<'_>,
) -> Result<Vec<u8>, Failure> {
    let text = format!(
        "{}#include \"emu/kernel.h\"\n#line 1 {:?}\n{}\n\
         extern \"C\" __attribute__((visibility(\"default\"))) void tilec_kernel_main() \
         {{ kernel_main(); }}\n",
        kernel.preamble, kernel.file, kernel.text
    );
    let options = strings(&[COMMON, KERNEL_OPTIONS].concat());
    cache.get_or_make(&key(compiler, &text, &options, &[]), || {
        let folder = folder()?;
        write_all(&folder.path().join("include"), HEADERS)?;
        write_all(folder.path(), &[("kernel.cpp", &text)])?;
        let out = make(compiler, folder.path(), "kernel.cpp", options.clone(), "kernel.so");
        out.map_err(|Refused(said)| refused(kernel, &said))
    })
}

fn make(
    compiler: &Compiler,
    folder: &Path,
    input: &str,
    mut options: Vec<String>,
    output: &str,
) -> Result<Vec<u8>, Refused> {
    options.splice(0..0, [input.to_owned(), "-o".to_owned(), output.to_owned()]);
    compiler.call(folder, &options)?;
    std::fs::read(folder.join(output)).map_err(|error| Refused(error.to_string()))
}

/// What a kernel's text did to the compiler: its first error that names a line of it.
fn refused(kernel: &Kernel<'_>, said: &str) -> Failure {
    let prefix = format!("{}:", kernel.file);
    let line_of = |line: &str| line.strip_prefix(&prefix)?.split(':').next()?.parse().ok();
    let line = said.lines().find_map(line_of).unwrap_or(0);
    let error = said.lines().find_map(|line| line.split_once("error: ")).map_or(said, |(_, e)| e);
    Failure {
        kind: Kind::Compile,
        program: kernel.program.to_owned(),
        file: kernel.file.to_owned(),
        line,
        core: None,
        sentence: error.trim().to_owned(),
    }
}

/// The emulator itself could not be made; the compiler is too old, or not one of C++.
fn broken(what: &str, said: &str) -> Failure {
    let first = said.lines().find(|line| line.contains("error")).unwrap_or(said).trim();
    Failure::before(
        Kind::Host,
        "",
        format!("{what}; the emulator needs g++ 12, clang++ 16 or newer ({first})"),
    )
}

fn key(compiler: &Compiler, what: &str, options: &[String], parts: &[&[Source]]) -> Key {
    let mut all = options.to_vec();
    for (name, text) in HEADERS.iter().chain(parts.iter().copied().flatten()) {
        all.extend([(*name).to_owned(), (*text).to_owned()]);
    }
    Key::new(what, &all, &compiler.version)
}

fn strings(options: &[&str]) -> Vec<String> {
    options.iter().map(|&option| option.to_owned()).collect()
}

fn folder() -> Result<tempfile::TempDir, Failure> {
    tempfile::tempdir().map_err(|error| host(&std::env::temp_dir(), &error))
}
