//! Compiles a tiny kernel with every compiler that this machine has.

use super::*;

const SOURCE: &str = "extern \"C\" __global__ void fill(float *y, long long n) {\n\
    long long i = blockIdx.x * 256LL + threadIdx.x;\n    if (i < n) y[i] = 1.0f;\n}\n";

fn compilers() -> Vec<Compiler> {
    let nvrtc = nvrtc::Nvrtc::find().map(Compiler::Nvrtc);
    nvrtc.into_iter().chain(nvcc::Nvcc::find().map(Compiler::Nvcc)).collect()
}

fn arch() -> Arch {
    Arch::parse("sm_90a").expect("it is an architecture")
}

#[test]
fn sources_become_elf_files_once() {
    for compiler in compilers() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(folder.path());
        let first = compiler.compile(SOURCE, arch(), &cache).unwrap();
        assert!(first.bytes.starts_with(b"\x7fELF") && !first.cached, "{}", first.compiler);
        let again = compiler.compile(SOURCE, arch(), &cache).unwrap();
        assert_eq!(again.bytes, first.bytes);
        assert!(again.cached);
        let older = compiler.compile(SOURCE, Arch::parse("sm_80").unwrap(), &cache).unwrap();
        assert!(!older.cached && older.bytes != first.bytes);
    }
}

#[test]
fn a_refused_source_is_an_error_with_the_log() {
    for compiler in compilers() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(folder.path());
        for wrong in ["extern \"C\" __global__ void f() { missing(); }", "f\0"] {
            let error = compiler.compile(wrong, arch(), &cache).unwrap_err();
            assert!(matches!(error, Error::Compile { .. }), "{error}");
        }
        let error = compiler.compile("__global__ void f() { missing(); }", arch(), &cache);
        let text = error.unwrap_err().to_string();
        assert!(text.contains(compiler.version()) && text.contains("missing"), "{text}");
    }
}
