//! Everything that is emitted for CUDA compiles, for every architecture of the
//! chips that have a table, with warnings as errors; ptxas has nothing to spill in
//! kernels that are tuned, and the instructions that the plan names are there.

#[path = "support/nvcc.rs"]
mod nvcc;

use nvcc::{Make, Usage};

/// Headers of what only Hopper has.
const HOPPER: [&str; 4] = ["cluster", "mbarrier", "tma", "wgmma"];

#[test]
fn device_headers_compile_on_their_own() {
    let headers = nvcc::headers();
    assert!(headers.len() > 5, "only {} headers", headers.len());
    let faults = nvcc::parallel(&headers, |path| {
        let name = path.file_stem().expect("headers have names").to_string_lossy();
        let archs: &[&str] =
            if HOPPER.contains(&&*name) { &["sm_90a"] } else { &["sm_80", "sm_90a"] };
        // Twice: a header guards itself.
        let text = format!("#include \"{name}.cuh\"\n").repeat(2);
        let one = |arch: &&str| {
            let said = nvcc::compile(&text, arch, Make::Object).err()?;
            Some(format!("{name}.cuh for {arch}:\n{said}"))
        };
        archs.iter().filter_map(one).collect::<String>()
    })
    .concat();
    assert!(faults.is_empty(), "{faults}");
}

/// The reading of reports and of machine code can fail.
#[test]
fn spills_and_instructions_are_noticed() {
    let report = "ptxas info    : Compiling entry function 'k' for 'sm_90a'\n\
        ptxas info    : Function properties for k\n    \
        16 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads\n\
        ptxas info    : Used 168 registers, used 1 barriers, 616 bytes cmem[0]\n";
    let expected = Usage { function: "k".to_owned(), stack: 16, spills: 12, registers: 168 };
    assert_eq!(nvcc::usage(report), [expected]);
    let kernel =
        |body: &str| format!("extern \"C\" __global__ void k(float* x, int n) {{ {body} }}\n");
    let unused = kernel("int two = 2; x[n] = 1.0f;");
    let said = nvcc::compile(&unused, "sm_80", Make::Device).expect_err("warnings are errors");
    assert!(said.contains("\"two\" was declared but never referenced"), "{said}");
    let indexed = kernel(
        "float y[999]; for (int i = 0; i < 999; i++) y[(i * n) % 999] = x[i]; x[n] = y[n % 999];",
    );
    let built = nvcc::compile(&indexed, "sm_80", Make::Device).expect("it is correct");
    assert!(nvcc::usage(&built.report)[0].stack > 3000, "{}", built.report);
    let plain = kernel("x[0] = x[1] * x[n];");
    let built = nvcc::compile(&plain, "sm_80", Make::Device).expect("it is correct");
    assert_eq!(nvcc::count(&built, ["FMUL", "QGMMA"]), [1, 0]);
    assert_eq!(nvcc::usage(&built.report)[0].stack, 0);
}
