//! Compiled programs on disk, so that each is compiled once.
//!
//! ```text
//! key = SHA-256(source, options, compiler version) --> DIR/KEY.cubin
//! ```
//!
//! An entry is written beside its place and renamed, so that no reader sees half of
//! one; it carries its length and checksum, and one that is damaged counts as
//! missing and is replaced. Compiling holds `DIR/KEY.lock`, which the system
//! releases when its holder ends, however it ends. Where the folder cannot be
//! written, everything is compiled afresh and nothing fails.

mod entry;
mod lock;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Where compiled programs are kept.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: Option<PathBuf>,
}

/// What an entry is found by: everything that its bytes follow from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The key of a source under these options and this compiler version; the
    /// parts are told apart by their lengths.
    #[must_use]
    pub fn new(source: &str, options: &[String], version: &str) -> Self {
        let mut hash = Sha256::new();
        let mut add = |part: &str| {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        };
        add(source);
        options.iter().for_each(|option| add(option));
        add(version);
        Self(hex(&hash.finalize()))
    }
}

impl Cache {
    /// The folder that the environment names: `$TILEC_CACHE`, else
    /// `$XDG_CACHE_HOME/tilec`, else `~/.cache/tilec`. An empty `TILEC_CACHE` is
    /// no cache.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::from_variables(&|name| std::env::var_os(name))
    }

    fn from_variables(get: &dyn Fn(&str) -> Option<OsString>) -> Self {
        if let Some(chosen) = get("TILEC_CACHE") {
            return Self { folder: (!chosen.is_empty()).then(|| chosen.into()) };
        }
        let absolute = |name| get(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let folder = absolute("XDG_CACHE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
            .map(|folder| folder.join("tilec"));
        Self { folder }
    }

    /// A cache in this folder, which is made when something is kept.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { folder: Some(folder.to_owned()) }
    }

    /// The bytes under the key, or what `make` makes of it, kept for the next time.
    /// Of several processes and threads that ask at once, one makes it.
    pub fn get_or_make<E>(
        &self,
        key: &Key,
        make: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u8>, E> {
        let Some(folder) = &self.folder else { return make() };
        if let Some(bytes) = read(folder, key) {
            return Ok(bytes);
        }
        // Without the folder there is nothing to lock, and nothing to keep.
        if fs::create_dir_all(folder).is_err() {
            return make();
        }
        let held = lock::hold(&folder.join(format!("{}.lock", key.0)), lock::PATIENCE);
        if let Some(bytes) = read(folder, key) {
            return Ok(bytes);
        }
        let bytes = make()?;
        // A cache that cannot be written is only slower.
        let _ = write(folder, key, &bytes);
        drop(held);
        Ok(bytes)
    }
}

fn path(folder: &Path, key: &Key) -> PathBuf {
    folder.join(format!("{}.cubin", key.0))
}

fn read(folder: &Path, key: &Key) -> Option<Vec<u8>> {
    entry::unpack(fs::read(path(folder, key)).ok()?)
}

fn write(folder: &Path, key: &Key, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".making-").tempfile_in(folder)?;
    file.write_all(&entry::head(bytes))?;
    file.write_all(bytes)?;
    file.persist(path(folder, key))?;
    Ok(())
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
