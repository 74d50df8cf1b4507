//! NVRTC, the compiler as a library, loaded when it is first needed.
#![allow(unsafe_code, reason = "NVRTC is a C library")]

use std::ffi::CString;
use std::path::Path;
use std::sync::Once;

use cudarc::nvrtc::{result, sys};
use libloading::Library;

use super::find;
use crate::error::Error;

/// NVRTC as it was found.
#[derive(Clone, Debug)]
pub struct Nvrtc {
    pub(super) version: String,
}

/// The oldest that knows Hopper's instructions.
const OLDEST: (i32, i32) = (12, 0);

impl Nvrtc {
    /// Loads the library; `None` where there is none, or only one that is too old.
    pub(super) fn find() -> Option<Self> {
        load_from_toolkits();
        // SAFETY: only opens the library by its name, which runs its initializers.
        if !unsafe { sys::is_culib_present() } {
            return None;
        }
        let (mut major, mut minor) = (0, 0);
        // SAFETY: both point to integers that outlive the call.
        unsafe { sys::nvrtcVersion(&raw mut major, &raw mut minor) }.result().ok()?;
        ((major, minor) >= OLDEST).then(|| Self { version: format!("NVRTC {major}.{minor}") })
    }

    pub(super) fn compile(&self, source: &str, options: &[String]) -> Result<Vec<u8>, Error> {
        let failed = |log: String| Error::Compile { compiler: self.version.clone(), log };
        let source = CString::new(source).map_err(|_| failed("it holds a NUL byte".to_owned()))?;
        let program = result::create_program(&source, Some(c"emitted.cu"))
            .map_err(|error| failed(error.to_string()))?;
        // SAFETY: the program was created above and is destroyed below, once.
        let compiled = unsafe { result::compile_program(program, options) };
        let cubin = match compiled {
            Ok(()) => cubin(program).map_err(|error| failed(error.to_string())),
            Err(error) => Err(failed(format!("{error}\n{}", log(program)))),
        };
        // SAFETY: as above; nothing uses the program after this.
        let _ = unsafe { result::destroy_program(program) };
        cubin
    }
}

fn cubin(program: sys::nvrtcProgram) -> Result<Vec<u8>, result::NvrtcError> {
    let mut bytes = 0;
    // SAFETY: the caller's program is alive, and `bytes` outlives the call.
    unsafe { sys::nvrtcGetCUBINSize(program, &raw mut bytes) }.result()?;
    let mut cubin = vec![0u8; bytes];
    // SAFETY: the buffer has as many bytes as NVRTC says that it writes.
    unsafe { sys::nvrtcGetCUBIN(program, cubin.as_mut_ptr().cast()) }.result()?;
    Ok(cubin)
}

fn log(program: sys::nvrtcProgram) -> String {
    // SAFETY: the caller's program is alive.
    let log = unsafe { result::get_program_log(program) }.unwrap_or_default();
    let bytes: Vec<u8> = log.iter().map(|&c| c.cast_unsigned()).collect();
    String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned()
}

/// Loads the library from a toolkit where the loader would not look.
fn load_from_toolkits() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        find::roots().iter().any(|root| load_from(root));
    });
}

/// Loads the library from this toolkit, if it is there. What is loaded is then found
/// by its name; its builtins come first, since it opens them by name itself.
pub(super) fn load_from(root: &Path) -> bool {
    let Some(main) = find::library(root, "libnvrtc.so.") else { return false };
    let builtins = find::library(root, "libnvrtc-builtins.so.");
    builtins.is_none_or(|path| load_forever(&path)) && load_forever(&main)
}

fn load_forever(path: &Path) -> bool {
    // SAFETY: loading runs the library's initializers, which NVIDIA's libraries allow
    // at any time; it is never unloaded.
    unsafe { Library::new(path) }.map(std::mem::forget).is_ok()
}
