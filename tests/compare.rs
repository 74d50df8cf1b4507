//! `--check` where sums cancel: rounding errors are measured against what was
//! added up, and real mistakes are found all the same.

use tilec::program::Program;
use tilec_ir::{Array, Data, Element, compare, launch};

/// Whether the outputs of a kernel of one vector pass, when `wrong` is added to
/// the first element of each.
fn passes(text: &str, x: &[f32], wrong: f32) -> bool {
    let program = Program::check(text);
    assert!(program.diagnostics.is_empty(), "{:?}", program.diagnostics);
    let kernel = program.kernel(None).expect("there is one kernel");
    let launch = launch::bind(kernel, &[Some(vec![x.len()])], &[]).expect("any size will do");
    let inputs =
        [Array { element: Element::F32, shape: vec![x.len()], data: Data::F32(x.to_vec()) }];
    let outputs = tilec_ir::interpret::interpret(kernel, &launch, &inputs, &|_| ());
    let mut outputs = outputs.expect("there is memory for this");
    for output in &mut outputs {
        output.set_f32(0, output.get_f32(0) + wrong);
    }
    let verdicts = compare::check(kernel, &launch, &inputs, &outputs, &[], &|_| ());
    verdicts.expect("there is memory for this").iter().all(compare::Verdict::passes)
}

#[test]
fn sums_that_cancel_are_measured_by_what_was_added_up() {
    // The sum is 1e-4; an error of 2e-7 is far past its own last bit, but not past
    // that of the ones that it is made of.
    let x = [1.0, 1e-4, -1.0];
    let spellings = [
        "kernel s[N](x: f32[N]) -> (y: f32) { y = sum[n](x[n]) }",
        "kernel s[N](x: f32[N]) -> (y: f32) {
            t = sum[n](x[n])
            y = -t
        }",
        "kernel s[N](x: f32[N]) -> (y: f32[N]) where 3 <= N { y[n] = x[0] + x[1] + x[2] }",
        "kernel s[N](x: f32[N]) -> (y: f32) { y = sum[n](if 0 <= n then x[n] * 2.0 else 0.0) / 2.0 }",
        "kernel s[N](x: f32[N]) -> (y: f32) {
            t[n] = max(x[n], -2.0)
            y    = sum[n](t[n])
        }",
    ];
    for text in spellings {
        assert!(passes(text, &x, 0.0), "{text}");
        assert!(passes(text, &x, 2e-7), "{text}");
        assert!(!passes(text, &x, 1e-4), "{text}");
        assert!(!passes(text, &x, 5e-6), "{text}");
    }
}

#[test]
fn a_sum_that_does_not_cancel_keeps_its_bound() {
    let text = "kernel s[N](x: f32[N]) -> (y: f32) { y = sum[n](x[n]) }";
    assert!(passes(text, &[1e-4, 1e-4, 1e-4], 1e-11));
    assert!(!passes(text, &[1e-4, 1e-4, 1e-4], 2e-7));
}

#[test]
fn magnitudes_past_all_floats_excuse_nothing() {
    let text = "kernel s[N](x: f32[N]) -> (y: f32) { y = sum[n](x[n]) }";
    assert!(!passes(text, &[3e20, 1.0, -3e20], 0.5));
}

#[test]
fn a_value_and_its_magnitude_may_share_a_sum() {
    let text = "fn over_itself(s) = s / (abs(s) + 1.0)
        kernel s[N](x: f32[N]) -> (y: f32) { y = over_itself(sum[n](x[n])) }";
    assert!(passes(text, &[1.0, 2.0, 3.0], 0.0));
    assert!(!passes(text, &[1.0, 2.0, 3.0], 0.1));
}
