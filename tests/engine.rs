//! Runs are compared with the CPU target as with the interpreter: what is right
//! passes, what is wrong does not, and selections by rounded keys are taken as the
//! target made them.

use std::fs;
use std::path::Path;

use tilec::arrays::draw;
use tilec::cpu;
use tilec::program::Program;
use tilec_ir::compare::{self, Verdict};
use tilec_ir::tensor::Role;
use tilec_ir::{Array, Kernel, Launch, launch};

type Sizes = &'static [(&'static str, i64)];

const CASES: [(&str, Option<&str>, Sizes); 6] = [
    ("gemm_fp8", None, &[("M", 5), ("N", 130), ("K", 200)]),
    ("batched_gemm", None, &[]),
    ("softmax", None, &[("M", 7), ("N", 33)]),
    ("rmsnorm", None, &[("M", 7), ("N", 64)]),
    ("topk", Some("topk"), &[("M", 3), ("N", 100)]),
    ("fusedmoe", None, &[("T", 4), ("D", 16), ("F", 8), ("E", 9), ("S", 2)]),
];

/// What the CPU says of outputs, with the picks among `all` that it needs.
fn judged(
    kernel: &Kernel,
    launch: &Launch,
    inputs: &[Array],
    outputs: &[Array],
    all: &[Option<Array>],
) -> Vec<Verdict> {
    let picks = compare::uncertain_picks(kernel).into_iter();
    let locals = picks.filter(|&tensor| kernel.tensors[tensor].role == Role::Local);
    let locals: Vec<_> =
        locals.map(|t| (t, all[t.index()].clone().expect("it is computed"))).collect();
    let engine = |kernel: &_, launch: &_, inputs: &_, given: &_| {
        cpu::compute(kernel, launch, inputs, given, &|_| ())
    };
    compare::check_with(&engine, kernel, launch, inputs, outputs, &locals, &[])
        .expect("there is memory for this")
}

fn check(example: &str, name: Option<&str>, set: &[(&str, i64)]) {
    let path = format!("examples/{example}/{example}.tile");
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
    let program = Program::check(&text.expect("the example is there"));
    let kernel = program.kernel(name).expect("the example has this kernel");
    let mut set: Vec<_> = set.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
    if set.is_empty() {
        set = kernel.sizes.iter().map(|(_, size)| (size.name.clone(), 6)).collect();
    }
    let shapes = vec![None; kernel.tensors_of(Role::Input).count()];
    let launch = launch::bind(kernel, &shapes, &set).expect("these sizes are fine");
    let inputs = kernel.tensors_of(Role::Input).map(|t| draw::draw(kernel, &launch, t, 7));
    let inputs: Vec<_> = inputs.map(|array| array.expect("there is memory for this")).collect();
    let all = tilec_ir::interpret::interpret_all(kernel, &launch, &inputs, &[], &|_| ());
    let all = all.expect("there is memory for this");
    let outputs = kernel.tensors_of(Role::Output).map(|t| all[t.index()].clone());
    let mut outputs: Vec<_> = outputs.map(|array| array.expect("it is computed")).collect();
    let verdicts = judged(kernel, &launch, &inputs, &outputs, &all);
    assert!(verdicts.iter().all(Verdict::passes), "{example}: {verdicts:?}");
    let wrong = &mut outputs[0];
    let largest = (0..wrong.len()).map(|at| wrong.get_f32(at).abs()).fold(1.0, f32::max);
    wrong.set_f32(wrong.len() / 2, wrong.get_f32(wrong.len() / 2) + 2.0 * largest);
    let verdicts = judged(kernel, &launch, &inputs, &outputs, &all);
    assert!(!verdicts.iter().all(Verdict::passes), "{example} passes with a wrong element");
}

#[test]
fn the_cpu_finds_what_is_wrong_and_nothing_else() {
    for (example, kernel, set) in CASES {
        check(example, kernel, set);
    }
}
