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
use tensix_headers::{Batch, Processor, Reading, batches, headers};

#[test]
fn emitted_kernels_are_read_with_the_vendors_headers() {
    let Some(headers) = headers() else { return };
    let cases = tensix_cases::all();
    assert!(cases.len() > 100, "only {} cases", cases.len());
    let readings = cases.iter().flat_map(|case| readings(case, &|text| text.to_owned()));
    let faults = faults(&headers, &batches(readings.collect()));
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Each of these is what an emitter could get wrong of the interface, and a processor that
/// notices.
const MISTAKES: [(Processor, &str, &str); 7] = [
    (Processor::Unpack, "cb_wait_front(", "cb_wait_for_front("),
    (Processor::Pack, "tile_regs_acquire()", "tile_regs_acquire(0)"),
    (Processor::Reader, "noc_async_read_barrier()", "noc_async_read_barrier(1, 2)"),
    (Processor::Math, "tilec::round_bf16<", "tilec::round_bf8<"),
    (Processor::Writer, "get_arg_val<uint32_t>(0)", "get_arg_val(0)"),
    (Processor::Writer, "void kernel_main() {", "void kernel_main() {\n    int unused;"),
    (Processor::Unpack, "#include \"api/compute/matmul.h\"\n", ""),
];

#[test]
fn mistakes_are_noticed() {
    let Some(headers) = headers() else { return };
    let case = tensix_cases::of("examples/gemm_fp8/gemm_fp8.tile", "gemm_fp8", "wormhole_n150");
    // Another kernel that is right, and is read first, must not hide the mistake.
    let other = tensix_cases::of("tests/cases/contract/types.tile", "gemm_bf16", "wormhole_n150");
    let mistakes: Vec<_> = MISTAKES
        .into_iter()
        .map(|(processor, from, to)| {
            let mut both = readings(&other, &|text| text.to_owned());
            both.extend(readings(&case, &|text| text.replace(from, to)));
            both.retain(|reading| reading.processor == processor);
            (to, batches(both))
        })
        .collect();
    let passing = parallel(&mistakes, |(to, batches)| {
        batches.iter().all(|batch| batch.read(&headers).is_ok()).then_some(*to)
    });
    let passing: Vec<_> = passing.into_iter().flatten().collect();
    assert!(passing.is_empty(), "these pass: {passing:#?}");
}

/// The kernels of a case, edited.
fn readings<'a>(case: &'a Case, edit: &dyn Fn(&str) -> String) -> Vec<Reading<'a>> {
    let mut readings = vec![];
    for program in &case.emitted.programs.programs {
        for processor in Processor::ALL {
            let file = &processor.kernel(program).file;
            let (_, text) =
                case.emitted.kernels.iter().find(|(name, _)| name == file).expect("it is emitted");
            let name = format!("{}, {file}", case.name);
            let arch = &case.emitted.programs.arch;
            readings.push(Reading { name, arch, program, processor, text: edit(text) });
        }
    }
    readings
}

/// What clang says of kernels.
fn faults(headers: &Path, batches: &[Batch]) -> Vec<String> {
    parallel(batches, |batch| batch.read(headers).err()).into_iter().flatten().collect()
}
