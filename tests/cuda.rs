//! Snapshots of what the examples become for CUDA: the tile program, and the
//! functions as they are emitted. Device headers and the launcher's fixed parts are
//! left out: they are files of their own. The same program gives the same bytes.

#[path = "support/files.rs"]
mod files;

use tilec::cuda::{self, Cuda};
use tilec::program::Program;
use tilec::stage::Compilation;
use tilec_codegen_cuda::{Emitted, Source};
use tilec_ir::tile::{self, print};
use tilec_ir::{Kernel, Module};

/// Which chips the functions of an example are reviewed for, beside its tile program.
const CHIPS: [&str; 2] = ["h200", "a100"];

#[test]
fn every_example_as_tiles_and_functions() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/cuda");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut taken = vec![];
    each(&mut |kernel, chip, tiles, emitted| {
        let functions = functions(&emitted.source);
        for (kind, text) in [("tile", tiles), ("functions", functions)] {
            let name = format!("{}__{chip}__{kind}", kernel.name);
            taken.push(name.clone());
            settings.bind(|| insta::assert_snapshot!(name, text));
        }
    });
    files::assert_no_stale_snapshots("cuda", &taken);
}

#[test]
fn the_same_program_gives_the_same_files_twice() {
    let print = || {
        let mut all = vec![];
        each(&mut |_, _, _, emitted| all.extend(cuda::files(emitted.clone())));
        all
    };
    let (first, second) = (print(), print());
    assert!(first.len() > 10, "there are examples");
    for ((name, bytes), (_, again)) in first.iter().zip(&second) {
        assert!(bytes == again, "{name} differs from run to run");
    }
}

#[test]
fn strips_that_end_with_the_row_are_quantized_as_whole_ones() {
    let path = "tests/cases/rowwise/quantize.tile";
    let text = std::fs::read_to_string(path).expect("programs are text");
    let module = Program::check(&text).module;
    for kernel in module.kernels.iter().filter(|kernel| kernel.name != "quantize_rows") {
        let (_, emitted) = emit(&module, kernel, "h200", Source { file: path, text: &text });
        let functions = functions(&emitted.source);
        assert!(functions.contains("maximum(row_peak, fabsf(x_value))"), "{functions}");
        assert!(functions.contains("Divisor by(row_scale"), "{functions}");
    }
}

#[test]
fn a_test_that_chooses_something_past_the_row_stays() {
    let path = "tests/cases/rowwise/quantize.tile";
    let text = std::fs::read_to_string(path).expect("programs are text");
    for (zero, other) in
        [("else 0)", "else 1)"), ("abs(x[m, g * 128 + i]) else", "exp(x[m, g * 128 + i]) else")]
    {
        let text = text.replacen(zero, other, 1);
        let module = Program::check(&text).module;
        let (_, emitted) =
            emit(&module, &module.kernels[0], "h200", Source { file: path, text: &text });
        let functions = functions(&emitted.source);
        assert!(functions.contains("inside ?"), "{functions}");
    }
}

/// Calls `look` with every kernel of the examples, for each chip, as the text of its
/// tile program and as emitted.
fn each(look: &mut dyn FnMut(&Kernel, &str, &str, &Emitted)) {
    for path in files::tile_files("examples") {
        let text = std::fs::read_to_string(&path).expect("programs are text");
        let file = path.file_name().and_then(|name| name.to_str()).expect("programs have names");
        let module = Program::check(&text).module;
        for kernel in &module.kernels {
            for chip in CHIPS {
                let source = Source { file, text: &text };
                let (program, emitted) = emit(&module, kernel, chip, source);
                look(kernel, chip, &print::print(&program), &emitted);
            }
        }
    }
}

fn emit(
    module: &Module,
    kernel: &Kernel,
    chip: &str,
    source: Source<'_>,
) -> (tile::Program, Emitted) {
    let compilation = Compilation::new(kernel, &[]).expect("nothing is bound");
    let table = tilec_target::chip(chip).expect("it has a table");
    let cuda = Cuda::of(module, &kernel.name, table, source);
    let cuda = cuda.expect("the kernel is of this module");
    let program = compilation.program(&cuda).expect("examples fit their chips");
    let emitted = cuda.emit(&program);
    (program, emitted)
}

/// What was emitted for this program alone.
fn functions(source: &str) -> &str {
    let begin = source.find("extern \"C\" __global__").expect("a program has functions");
    let end = source.find("#ifndef __CUDACC_RTC__").expect("a program has a launcher");
    &source[begin..end]
}
