//! From emitted source to machine code, once per source.
//!
//! NVRTC compiles within this process and needs no include path, since an emitted
//! source includes nothing for it; nvcc is started where NVRTC is not found. What
//! either made is kept in the [`Cache`].

mod find;
mod nvcc;
mod nvrtc;
#[cfg(test)]
mod tests;

use std::path::Path;

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

/// Machine code of a program.
#[derive(Clone, Debug)]
pub struct Cubin {
    /// What the driver loads.
    pub bytes: Vec<u8>,
    /// The compiler that made it, with its version.
    pub compiler: String,
    /// Whether it was there already.
    pub cached: bool,
}

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
        Ok(Cubin { bytes, compiler: self.version().to_owned(), cached })
    }
}

/// What both compilers are told.
fn options(arch: Arch) -> Vec<String> {
    let options = OPTIONS.iter().map(|&option| option.to_owned());
    std::iter::once(format!("-arch={arch}")).chain(options).collect()
}
