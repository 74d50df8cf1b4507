//! From emitted source to machine code, once per source.
//!
//! NVRTC compiles within this process and needs no include path, since an emitted
//! source includes nothing for it; nvcc is started where NVRTC is not found. What
//! either made is kept in the [`Cache`]. Functions are compiled one by one and side by
//! side, so that a launch waits for those that it needs, and for the slowest of them.

mod alone;
mod find;
mod nvcc;
mod nvrtc;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tilec_manifest::{Arch, OPTIONS};

use crate::cache::{Cache, Key};
use crate::error::Error;

/// A compiler that this machine has.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// The library.
    Nvrtc(nvrtc::Nvrtc),
    /// The program.
    Nvcc(nvcc::Nvcc),
}

/// Machine code.
#[derive(Clone, Debug)]
pub struct Cubin {
    /// What the driver loads.
    pub bytes: Vec<u8>,
    /// Whether it was there already.
    pub cached: bool,
}

/// Stack of a thread that compiles, which goes as deep as expressions do.
const STACK_BYTES: usize = 64 << 20;

impl Compiler {
    /// NVRTC, or else nvcc.
    pub fn find() -> Result<Self, Error> {
        if let Some(nvrtc) = nvrtc::Nvrtc::find() {
            return Ok(Self::Nvrtc(nvrtc));
        }
        nvcc::Nvcc::find().map(Self::Nvcc).ok_or(Error::NoCompiler)
    }

    /// NVRTC of the toolkit in this folder, or else what [`Compiler::find`] finds. A
    /// process loads one NVRTC, so the first that it asks for stays.
    pub fn find_in(toolkit: &Path) -> Result<Self, Error> {
        nvrtc::load_from(toolkit);
        Self::find()
    }

    /// Its name and version, such as `NVRTC 13.0`.
    #[must_use]
    pub fn version(&self) -> &str {
        match self {
            Self::Nvrtc(nvrtc) => &nvrtc.version,
            Self::Nvcc(nvcc) => &nvcc.version,
        }
    }

    /// Compiles a source for this architecture, unless the cache has it.
    pub fn compile(&self, source: &str, arch: Arch, cache: &Cache) -> Result<Cubin, Error> {
        let options = options(arch);
        let mut cached = true;
        let bytes = cache.get_or_make(&Key::new(source, &options, self.version()), || {
            cached = false;
            match self {
                Self::Nvrtc(nvrtc) => nvrtc.compile(source, &options),
                Self::Nvcc(nvcc) => nvcc.compile(source, &options),
            }
        })?;
        Ok(Cubin { bytes, cached })
    }

    /// Compiles functions of an emitted source, in the order of their names, each unless
    /// the cache has it.
    pub fn compile_functions(
        &self,
        source: &str,
        names: &[&str],
        arch: Arch,
        cache: &Cache,
    ) -> Result<Vec<Cubin>, Error> {
        let missing = |name| Error::Manifest(format!("the source has no function `{name}`"));
        let compile = |name| {
            let source = alone::alone(source, name).ok_or_else(|| missing(name))?;
            self.compile(&source, arch, cache)
        };
        side_by_side(names, compile).into_iter().collect()
    }
}

/// Applies `work` to all items, on as many threads as the machine runs at once; they
/// end before this returns, so a process can fork at any other time.
fn side_by_side<I: Copy + Sync, T: Send + Sync>(
    items: &[I],
    work: impl Fn(I) -> T + Sync,
) -> Vec<T> {
    let done: Vec<OnceLock<T>> = items.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let take = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return };
            done[at].get_or_init(|| work(*item));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
            // What no thread can be had for, this one does.
            let _ = thread.spawn_scoped(scope, take);
        }
        take();
    });
    done.into_iter().map(|done| done.into_inner().expect("every item was taken")).collect()
}

/// What both compilers are told.
fn options(arch: Arch) -> Vec<String> {
    let options = OPTIONS.iter().map(|&option| option.to_owned());
    std::iter::once(format!("-arch={arch}")).chain(options).collect()
}
