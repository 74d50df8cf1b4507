//! Every kernel that is emitted for Tensix is valid C++ to clang with the vendor's unmodified
//! headers, on each of the five processors of a core, with every warning an error.

#[path = "support/files.rs"]
mod files;
#[path = "support/tensix_cases.rs"]
#[allow(dead_code, reason = "the tests that share this file take more of it")]
mod tensix_cases;
#[path = "support/tensix_headers.rs"]
mod tensix_headers;

use std::path::Path;

use tensix_cases::{Case, parallel};
use tensix_headers::{Processor, headers, read};

#[test]
fn emitted_kernels_are_read_with_the_vendors_headers() {
    let Some(headers) = headers() else { return };
    let cases = tensix_cases::all();
    assert!(cases.len() > 100, "only {} cases", cases.len());
    let faults = parallel(&cases, |case| faults(&headers, case, &|text| text.to_owned())).concat();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Each of these is what an emitter could get wrong of the interface.
const MISTAKES: [(&str, &str); 6] = [
    ("cb_wait_front(", "cb_wait_for_front("),
    ("tile_regs_acquire()", "tile_regs_acquire(0)"),
    ("noc_async_read_barrier()", "noc_async_read_barrier(1, 2)"),
    ("tilec::round_bf16<", "tilec::round_bf8<"),
    ("get_arg_val<uint32_t>(0)", "get_arg_val(0)"),
    ("void kernel_main() {", "void kernel_main() {\n    int unused;"),
];

#[test]
fn mistakes_are_noticed() {
    let Some(headers) = headers() else { return };
    let case = tensix_cases::of("examples/gemm_fp8/gemm_fp8.tile", "gemm_fp8", "wormhole_n150");
    for (right, wrong) in MISTAKES {
        let faults = faults(&headers, &case, &|text| text.replace(right, wrong));
        assert!(!faults.is_empty(), "{wrong} passes");
    }
}

/// What clang says of a case whose kernels are edited.
fn faults(headers: &Path, case: &Case, edit: &dyn Fn(&str) -> String) -> Vec<String> {
    let mut faults = vec![];
    for program in &case.emitted.programs.programs {
        for processor in Processor::ALL {
            let file = &processor.kernel(program).file;
            let (_, text) =
                case.emitted.kernels.iter().find(|(name, _)| name == file).expect("it is emitted");
            let arch = &case.emitted.programs.arch;
            if let Err(said) = read(headers, arch, program, processor, &edit(text)) {
                faults.push(format!("{}, {file} as {processor:?}:\n{said}", case.name));
            }
        }
    }
    faults
}
