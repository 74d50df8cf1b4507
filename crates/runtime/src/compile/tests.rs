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
        assert!(first.bytes.starts_with(b"\x7fELF") && !first.cached, "{}", compiler.version());
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

const TWO: &str = "__device__ float one() { return 1.0f; }\n\
    \nextern \"C\" __global__ void f(float *y) { *y = one(); }\n\
    \nextern \"C\" __global__ void g(float *y) { *y = one() + missing; }\n";

#[test]
fn functions_are_compiled_one_by_one() {
    for compiler in compilers() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(folder.path());
        let compile =
            |source, names: &[&str]| compiler.compile_functions(source, names, arch(), &cache);
        assert_eq!(compile(TWO, &[]).unwrap().len(), 0);
        // The mistake in `g` is of no account as long as `f` alone is needed.
        let f = compile(TWO, &["f"]).unwrap();
        assert!(matches!(f.as_slice(), [Cubin { cached: false, .. }]), "{}", compiler.version());
        let refused = compile(TWO, &["f", "g"]).unwrap_err().to_string();
        assert!(refused.contains("(5)") && refused.contains("missing"), "{refused}");
        let right = TWO.replace("missing", "2.0f");
        let both = compile(&right, &["g", "f"]).unwrap();
        assert_eq!(both.iter().map(|cubin| cubin.cached).collect::<Vec<_>>(), [false, true]);
        assert_eq!(both[1].bytes, f[0].bytes);
        let none = compile(&right, &["h"]).unwrap_err();
        assert_eq!(none, Error::Manifest("the source has no function `h`".to_owned()));
    }
}

#[test]
fn everything_is_done_once_and_in_order() {
    let items: Vec<usize> = (0..100).collect();
    let doubled = side_by_side(&items, |item| item * 2);
    assert_eq!(doubled, items.iter().map(|item| item * 2).collect::<Vec<_>>());
    assert_eq!(side_by_side(&[0; 0], |item: usize| item), [0; 0]);
}
