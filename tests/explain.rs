//! What `tilec explain` prints for every example, as snapshots to be read, and
//! what must hold of each: every size and every canonical equation is there.

#[path = "support/files.rs"]
mod files;

use tilec::explain::explain;
use tilec::program::Program;
use tilec_passes::normalize;

fn program(text: &str) -> Program {
    let program = Program::check(text);
    assert!(program.diagnostics.is_empty(), "{:#?}", program.diagnostics);
    program
}

#[test]
fn every_example_is_explained() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/explain");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for path in files::tile_files("examples") {
        let program = program(&std::fs::read_to_string(&path).expect("programs are text"));
        let text = explain(&program.module, None, None);
        for kernel in &program.module.kernels {
            for (_, size) in kernel.sizes.iter() {
                assert!(text.contains(&format!("\n  size {}", size.name)), "{}", path.display());
            }
            let canonical = normalize(kernel);
            for equation in &canonical.kernel().equations {
                let name = &canonical.kernel().tensors[equation.tensor].name;
                assert!(text.contains(&format!("\n    {name}: ")), "{name} in {}", path.display());
            }
        }
        let name = path.file_stem().expect("programs have names").to_string_lossy();
        settings.bind(|| insta::assert_snapshot!(name.as_ref(), text));
    }
}

/// The second half, for CUDA: what was found, what came close, and what was chosen.
#[test]
fn it_is_said_how_a_selection_is_made_and_why() {
    for (path, kernel, says) in [
        ("examples/topk/topk.tile", "topk_staged", "staged  S of each of C pieces of L"),
        ("examples/topk/topk.tile", "topk_staged", "along   l < C * L, largest first"),
        ("examples/topk/topk.tile", "topk", "by model: a warp holds rows of up to"),
        (
            "tests/cases/idioms/argmax_rounds.tile",
            "argmax_rounds_any",
            "line 17: second is no selection in rounds: masked with `-inf`, a winner may win again",
        ),
    ] {
        let text = std::fs::read_to_string(path).expect("programs are text");
        let (program, chip) = (program(&text), tilec_target::chip("h200").expect("it is known"));
        let told = tilec::explain::regions(&program.module, &text, Some(kernel), chip);
        let told = told.expect("it compiles");
        assert!(told.contains(says), "{told}\ndoes not say {says}");
    }
}

#[test]
fn it_is_said_who_tells_a_size_and_what_form_an_equation_has() {
    for (signature, equation, says) in [
        ("k[N](x: f32[N]) -> (y: f32[N])", "y[i] = x[i]", "size N  told by the shape of x"),
        ("k[N](x: f32[N]) -> (y: f32[N])", "y[i] = x[i]", "      pointwise"),
        ("k[N = 8](x: f32[N]) -> (y: f32[N])", "y[i] = x[i]", "told by the shape of x, else 8"),
        ("k[N = 8](x: f32) -> (y: f32[N])", "y[i] = x", "size N  8, unless --set says otherwise"),
        (
            "k[N](x: f32[N]) -> (y: f32[N]) where finite(x)",
            "y[i] = x[i]",
            "\n  fact finite(x)  checked by `run --check`, on the data\n",
        ),
        (
            "k[M, N](x: f32[M * N]) -> (y: f32[M * N])",
            "y[i] = x[i]",
            "size M  given with --set, or told by x once the others are",
        ),
        ("k[N](x: f32) -> (y: f32[N])", "y[i] = x", "size N  must be given with --set"),
        ("k[N](x: f32[N]) -> (y: f32)", "y = sum[i](x[i])", "sum over i < N\n"),
        ("k[N](x: f32[N]) -> (y: f32)", "y = prod[i](x[i])", "product over i < N\n"),
        ("k[N](x: f32[N]) -> (y: f32)", "y = max[i](x[i])", "maximum over i < N\n"),
        (
            "k[N](x: f32[N], w: f32[N]) -> (y: f32)",
            "y = sum[i](x[i] * w[i])",
            "sum over i < N of products of 2 factors\n",
        ),
        (
            "k[N](x: f32[N]) -> (y: idx<N>[N])",
            "y[r] = argsort[i asc](x[i])[r]",
            "selection over i < N, smallest first\n",
        ),
        (
            "k[N](x: f32[N]) -> (y: f32[N]) where N <= 4",
            "y[i] = x[i]",
            "\n  fact N <= 4  checked at every launch\n",
        ),
    ] {
        let program = program(&format!("kernel {signature} {{ {equation} }}"));
        let text = explain(&program.module, None, None);
        assert!(text.contains(says), "{text}\ndoes not say {says}");
    }
}

#[test]
fn only_the_kernel_and_the_chip_that_are_asked_for_are_explained() {
    let program = program(
        "kernel a[N](x: f32[N]) -> (y: f32[N]) { y[i] = x[i] }\n\
         kernel b[N](x: f32[N]) -> (y: f32[N]) { y[i] = x[i] }\n\
         tile a on h200 { y: m = 128 }\n",
    );
    for (kernel, chip, has, lacks) in [
        (None, None, "kernel a[N]", "nothing"),
        (None, None, "kernel b[N]", "nothing"),
        (None, Some("h200"), "y: m = 128", "nothing"),
        (None, Some("blackhole"), "kernel a[N]", "tile block"),
        (Some("b"), None, "kernel b[N]", "kernel a[N]"),
        (Some("a"), None, "y: m = 128", "kernel b[N]"),
        (Some("b"), None, "kernel b[N]", "tile block"),
    ] {
        let text = explain(&program.module, kernel, chip);
        assert!(text.contains(has) && !text.contains(lacks), "{kernel:?} {chip:?}\n{text}");
    }
}

#[test]
fn regions_are_told_with_their_lines_and_what_was_chosen() {
    let chip = tilec_target::chip("h200").expect("there is a table of it");
    for (path, kernel, says) in [
        (
            "gemm_fp8/gemm_fp8",
            "gemm_fp8",
            &["   1  contraction  acc, c  (line 9)", "scale   sa[m, k / 128], each m, 128 of k"][..],
        ),
        ("softmax/softmax", "softmax", &["rowwise  top, total, y", "length  N"]),
        (
            "fusedmoe/fusedmoe",
            "fused_moe",
            &[
                "   3  grouped contraction  up, gate, out'1'slots'a  (line 20)",
                "group   expert[t, s] of E",
                "useful  4 * T * D * F * S FLOP",
                "   6  combine  out'1, out  (line 24)",
            ],
        ),
        (
            "fusedmoe/capacity",
            "fused_moe_capacity",
            &["came close:", "line 19: place is no rowwise: `u` and `r` are reduced at once"],
        ),
    ] {
        let path = format!("{}/examples/{path}.tile", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).expect("programs are text");
        let program = program(&text);
        let told = tilec::explain::regions(&program.module, &text, Some(kernel), chip)
            .expect("the tile blocks are right");
        for says in says {
            assert!(told.contains(says), "{told}\ndoes not say {says}");
        }
        assert!(told.contains(&format!("tile program {kernel} on h200")), "{told}");
    }
}
